"""Whether a lesion lies in bone: how much of its surface has bone close outside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.patch import Patch
from lesionscore.lesions.surface import Surface

Singles = npt.NDArray[np.float32]

BONE_ABOVE_LESION_HU = 60.0
BONE_HU = 120.0
SHELL_MM = (0.5, 4.5)
LEAST_BONE_SHARE = 0.22  # of the surface must have bone close outside it


def bone_contact(patch: Patch, surface: Surface, lesion_hu: float) -> float:
    """Share of a surface that has bone close outside it.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    surface : Surface
        Surface of the lesion on that scan.
    lesion_hu : float
        Level inside.

    Returns
    -------
    float
        Share, 0 to 1, of the surface's area with a denser layer within 4.5 mm outside.
    """
    normals, areas = surface.vertex_normals()
    smooth = ndimage.gaussian_filter(patch.values_hu, [0.9 / step for step in patch.spacing_zyx_mm])
    depths = np.arange(SHELL_MM[0], SHELL_MM[1] + 0.01, 0.8)
    points = surface.vertices_mm[:, None, :] + normals[:, None, :] * depths[None, :, None]
    at = np.moveaxis(patch.grid.index_zyx(points), -1, 0)
    values = ndimage.map_coordinates(smooth, at, order=1, mode="nearest")
    dense = values.max(axis=1) > max(BONE_HU, lesion_hu + BONE_ABOVE_LESION_HU)
    return float((areas * dense).sum() / max(areas.sum(), 1e-9))
