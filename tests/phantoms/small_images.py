"""The small images that the tests of written DICOM write."""

from __future__ import annotations

import numpy as np

from phantoms.dicom import PetHeader
from phantoms.image import Image

BASE = PetHeader(bed_step_mm=20.0)
"""Three beds over the small map."""


def make_ct(lowest: int = -1024, highest: int = 2000) -> Image:
    """A CT of random HU on a grid without two equal spacings."""
    rng = np.random.default_rng(4)
    array = rng.integers(lowest, highest, (7, 34, 36)).astype(np.int16)
    return Image(array=array, spacing_xyz_mm=(0.977, 0.91, 1.5), origin_mm=(-17.3, -190.25, -733.5))


def make_map(slices: int = 12) -> Image:
    """A map of SUVbw with a hot voxel, an empty slice and a wide range of slice maxima."""
    rng = np.random.default_rng(20)
    array = rng.gamma(1.5, 1.0, (slices, 9, 11)).astype(np.float32)
    array *= np.geomspace(0.05, 8.0, slices, dtype=np.float32)[:, None, None]
    array[5, 4, 5] = 41.5
    array[2] = 0.0
    return Image(array=array, spacing_xyz_mm=(4.07, 3.9, 5.0), origin_mm=(-20.0, -181.5, -402.25))
