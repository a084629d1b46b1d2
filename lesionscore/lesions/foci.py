"""Connected places that look like lesion on one scan: parts of a lesion, and new lesions near it.

A place looks like lesion where the scan, smoothed over about a millimetre, lies nearer to the
lesion's level than to the bone that is expected there. It is a rough look: where an edge lies is
the business of ``fit``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.errors import MeasurementError
from lesionscore.lesions.meshing import mesh_step_mm, surface_of_voxels
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.surface import Surface, union

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

SMOOTH_MM = 1.0
LEAST_CONTRAST_HU = 60.0
LEAST_PART_MM3 = 15.0
LEAST_PART_SHARE = 0.12  # of all parts together: smaller pieces are crumbs
GROWTH_MM = 2.5  # parts of a lesion are looked for this far outside its inclusion surface
NEW_BEYOND_MM = 4.0
NEW_WITHIN_MM = 13.0
LEAST_NEW_MM3 = 90.0
NEW_DEPTH_SHARE = 0.6  # a new focus is deeper than half-way, to be told from sparse bone


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Focus:
    """One connected place that looks like lesion.

    Parameters
    ----------
    volume_mm3 : float
        Of its voxels.
    centre_mm : tuple of float
        LPS.
    voxels : ndarray, shape (n_z, n_y, n_x), bool
        Which they are.
    """

    volume_mm3: float
    centre_mm: tuple[float, float, float]
    voxels: Flags


def lesion_like(
    patch: Patch, bone_hu: Singles, is_bone: Flags, lesion_hu: float, depth_share: float = 0.5
) -> Flags:
    """Voxels that lie nearer to the lesion's level than to the expected bone's.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    bone_hu : ndarray, shape (n_z, n_y, n_x)
        Expected values without a lesion.
    is_bone : ndarray, shape (n_z, n_y, n_x), bool
        Within the bone's outline.
    lesion_hu : float
        Level of the lesion.
    depth_share : float
        How much of the way from bone to lesion a voxel must have gone, 0 to 1.
    """
    sigma = [SMOOTH_MM / step for step in patch.spacing_zyx_mm]
    seen = ndimage.gaussian_filter(patch.values_hu, sigma)
    bone = ndimage.gaussian_filter(bone_hu, sigma)
    contrast = bone - lesion_hu
    return np.asarray(
        is_bone & (contrast > LEAST_CONTRAST_HU) & (bone - seen > depth_share * contrast)
    )


def parts_of_lesion(like: Flags, patch: Patch, carried: Surface) -> list[Focus]:
    """Parts of a lesion in and close to its place, the largest first.

    Parameters
    ----------
    like : ndarray, shape (n_z, n_y, n_x), bool
        From `lesion_like`.
    patch : Patch
        Native voxels.
    carried : Surface
        The inclusion surface on this scan.
    """
    away = signed_distance(carried, patch.grid, band_mm=GROWTH_MM + 1.0)
    found = _foci(like & (away < GROWTH_MM), patch)
    total = sum(focus.volume_mm3 for focus in found)
    return [
        focus
        for focus in found
        if focus.volume_mm3 >= max(LEAST_PART_MM3, LEAST_PART_SHARE * total)
    ]


def new_foci(like: Flags, patch: Patch, carried: Surface, current: Surface | None) -> list[Focus]:
    """Foci near a lesion, apart from it, where the bone was whole at inclusion."""
    away = signed_distance(carried, patch.grid, band_mm=NEW_WITHIN_MM + 1.0)
    place = (away > NEW_BEYOND_MM) & (away < NEW_WITHIN_MM)
    if current is not None:
        place &= signed_distance(current, patch.grid, band_mm=4.0) > 2.0
    core = ndimage.binary_opening(like & place, ndimage.generate_binary_structure(3, 1))
    return [focus for focus in _foci(core, patch) if focus.volume_mm3 >= LEAST_NEW_MM3]


def surface_of_parts(parts: list[Focus], patch: Patch) -> Surface | None:
    """Rough surface of all parts together; None where they are too small to mesh."""
    surfaces = []
    for part in parts:
        radius = (3.0 * part.volume_mm3 / (4.0 * np.pi)) ** (1.0 / 3.0)
        try:
            surfaces.append(surface_of_voxels(part.voxels, patch.grid, mesh_step_mm(float(radius))))
        except MeasurementError:
            continue
    return union(surfaces) if surfaces else None


def _foci(voxels: Flags, patch: Patch) -> list[Focus]:
    """Connected pieces, the largest first."""
    labels, _ = ndimage.label(voxels)
    voxel_mm3 = 1000.0 * patch.grid.voxel_volume_ml
    found = []
    for number, block in enumerate(ndimage.find_objects(labels), start=1):
        volume = float((labels[block] == number).sum()) * voxel_mm3
        if volume < 0.5 * LEAST_PART_MM3:
            continue
        piece = labels == number
        centre = patch.grid.positions_mm(np.argwhere(piece).mean(axis=0))
        found.append(
            Focus(
                volume_mm3=volume,
                centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
                voxels=piece,
            )
        )
    return sorted(found, key=lambda focus: -focus.volume_mm3)
