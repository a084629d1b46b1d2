"""Scores the healing of osteolytic bone lesions over time from CT, 18F-NaF PET and markers."""

from importlib.metadata import version

__version__ = version("lesionscore")
