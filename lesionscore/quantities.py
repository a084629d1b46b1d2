"""What the number in a voxel means, and the small value types shared by all stages.

Positions are DICOM patient coordinates (LPS) in mm, in the order x, y, z.
"""

from __future__ import annotations

from enum import StrEnum

PositionMm = tuple[float, float, float]
"""A point in DICOM patient coordinates: x (to the left), y (to the back), z (to the head), mm."""


class Quantity(StrEnum):
    """The physical meaning of a volume's voxels."""

    HU = "HU"
    """CT number, Hounsfield units."""
    SUVBW = "g/ml{SUVbw}"
    """Standardised uptake value by body weight."""
    BQ_PER_ML = "Bq/ml"
    """Activity concentration."""
    LABEL = "label"
    """Whole numbers that name regions."""
