"""Lesions of a synthetic patient: surfaces, courses, places, and their exact truth."""
