"""Bone markers: laboratory values, ratios, changes against the baseline sample."""

from lesionscore.markers.evaluate import evaluate_markers, turnover_folds
from lesionscore.markers.results import COMPOSITE, MarkerResult, MarkerStatus, Sample

__all__ = [
    "COMPOSITE",
    "MarkerResult",
    "MarkerStatus",
    "Sample",
    "evaluate_markers",
    "turnover_folds",
]
