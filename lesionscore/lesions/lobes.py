"""What rays from a point do not see of a lesion: a lobe around a corner, a bulge.

Voxels that look like lesion and hang together with it give another start, rough and following
noise; whether it is believed is decided by how much better it explains the scan.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.errors import MeasurementError
from lesionscore.lesions.background import BoneMap
from lesionscore.lesions.foci import lesion_like
from lesionscore.lesions.meshing import mesh_step_mm, remeshed, surface_of_voxels
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.surface import Surface

Flags = npt.NDArray[np.bool_]

NECK_MM = 1.5
"""Half the width of the narrowest way to a lobe; texture has narrower ones."""
CLEAR_MM = 1.0
LEAST_LOBE_MM3 = 40.0
SMOOTHING = 0.15  # of the radius
BESIDE_MM, FARTHEST_MM = 0.3, 20.0
SMALL_SHARE = 0.42
"""Of the lesion's radius: what is thinner and only touches it is something else."""


def with_lobes(
    surface: Surface, patch: Patch, bone: BoneMap, foreign: Flags, lesion_hu: float
) -> Surface | None:
    """Join to a surface what looks like lesion beside it.

    Parameters
    ----------
    surface : Surface
        Of the lesion as found so far.
    patch : Patch
        Native voxels.
    bone : BoneMap
        The bone around that surface.
    foreign : ndarray, shape (n_z, n_y, n_x), bool
        What belongs to another lesion.
    lesion_hu : float
        Level of the lesion.

    Returns
    -------
    Surface or None
        Both together, smooth; None where there is nothing of note beside it.
    """
    away = signed_distance(surface, patch.grid, band_mm=CLEAR_MM + 1.0)
    like = lesion_like(patch, bone.expected_hu, bone.inside, lesion_hu) & ~foreign
    joined = like | (away < 0.0)
    deep = ndimage.distance_transform_edt(joined, sampling=patch.spacing_zyx_mm) > NECK_MM
    pieces, _ = ndimage.label(deep)
    own = np.unique(pieces[deep & (away < -0.5)])
    core = np.isin(pieces, own[own > 0])
    whole = joined & (
        ndimage.distance_transform_edt(~core, sampling=patch.spacing_zyx_mm) <= NECK_MM
    )
    lobes_mm3 = float((whole & (away > CLEAR_MM)).sum()) * patch.grid.voxel_volume_ml * 1000.0
    if lobes_mm3 < LEAST_LOBE_MM3:
        return None
    whole |= away < 0.0
    try:
        rough = surface_of_voxels(whole, patch.grid, mesh_step_mm(surface.radius_mm))
        return remeshed(rough, smooth_mm=SMOOTHING * rough.radius_mm)
    except MeasurementError:
        return None


def hangs_on(first: Surface, lobed: Surface, patch: Patch) -> bool:
    """Whether what one surface has more than another is small and only touches it: no lobe.

    Parameters
    ----------
    first, lobed : Surface
        Of a lesion, without what may be its lobe and with it.
    patch : Patch
        Native voxels around both.

    Returns
    -------
    bool
        True where it is much thinner than the lesion and reaches farther out than it is wide, as
        a vessel or a sparse place beside the lesion does. Of a small lobe half lies within.
    """
    out = signed_distance(first, patch.grid, band_mm=FARTHEST_MM)
    depth = -signed_distance(lobed, patch.grid, band_mm=FARTHEST_MM)
    added = (out > BESIDE_MM) & (depth > 0.0)
    if not added.any():
        return True
    thickness_mm = float(depth[added].max())
    small = thickness_mm < SMALL_SHARE * first.radius_mm
    return small and float(out[added].max()) > 2.0 * thickness_mm
