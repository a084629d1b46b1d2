"""What a visit is expected to show of a lesion's bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

REFERENCE_MM = (5.0, 13.0)
"""Distance from the lesion's surface: the same bone, beyond any rim."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpectedBone:
    """What a visit's voxels would show if the lesion were gone and nothing else had changed.

    Parameters
    ----------
    level_hu, spread_hu : ndarray, shape (n_z, n_y, n_x), float32
        HU at inclusion carried to the visit, and SD.
    is_bone : ndarray, shape (n_z, n_y, n_x), bool
        Within the bone's own outline.
    """

    level_hu: Singles
    spread_hu: Singles
    is_bone: Flags


def carried_flags(flags: Flags, at: npt.NDArray[np.float64]) -> Flags:
    """Flags at array indices, shape (3, ...), by the nearest voxel; False outside."""
    return np.asarray(
        ndimage.map_coordinates(flags.astype(np.uint8), at, order=0, mode="constant") > 0
    )


def steepness(level_hu: Singles, spacing_zyx_mm: tuple[float, float, float]) -> Singles:
    """How much HU change over a millimetre in their steepest direction."""
    slopes = np.gradient(level_hu, *spacing_zyx_mm)
    return np.asarray(np.sqrt(sum(slope**2 for slope in slopes)), dtype=np.float32)
