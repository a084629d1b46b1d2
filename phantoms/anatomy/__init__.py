"""The skeleton of a synthetic patient: implicit bones, their make and their joints."""
