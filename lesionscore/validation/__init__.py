"""How right this installation measures: fresh synthetic patients against their exact truth."""

from lesionscore.validation.run import Validation, validate

__all__ = ["Validation", "validate"]
