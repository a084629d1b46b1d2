"""A phantom's image as the volume that alignment takes."""

from __future__ import annotations

import numpy as np

from lesionscore.quantities import Quantity
from lesionscore.volumes import Grid, Volume


def volume(image: object) -> Volume:
    """A phantom's image as a volume."""
    array = np.round(image.array).astype(np.int16)  # type: ignore[attr-defined]
    place = Grid(
        shape_zyx=array.shape,
        spacing_xyz_mm=image.spacing_xyz_mm,  # type: ignore[attr-defined]
        origin_mm=image.origin_mm,  # type: ignore[attr-defined]
        direction=image.direction,  # type: ignore[attr-defined]
    )
    return Volume(array=array, grid=place, quantity=Quantity.HU)
