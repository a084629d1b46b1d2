"""Whether a lesion lies in bone: which of its surface has bone close outside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from lesionscore.lesions.background import BoneMap
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.surface import Surface

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

BONE_ABOVE_LESION_HU = 60.0
BONE_HU = 120.0
SHELL_MM = (0.5, 4.5)
SPARSE_HU, SPARSE_ABOVE_LESION_HU, SPARSE_SHARE = 90.0, 40.0, 0.5
"""The least that sparse bone shows; by how much it exceeds the lesion, or, where that is less, by
which share of the way to the bone around."""
SPARSE_SMOOTHING_MM = 1.5
SPARSE_AT_MM = (2.5, 4.0)
"""Smoothed so far and so deep in the bone, sparse spongy bone is told from muscle."""
LAYER_MM, CORTEX_ABOVE_HU, DENSEST_SPONGY_HU = (0.3, 2.5), 60.0, 400.0
"""Where cortex is looked for, outside a surface; by how much it exceeds the spongy bone around;
and what is cortex even where all of a thin bone is, so that it passes for the usual level."""
LEAST_BONE_SHARE = 0.22  # of the surface must have bone close outside it


def bone_beside(
    patch: Patch, surface: Surface, lesion_hu: float, bone: BoneMap | None = None
) -> Flags:
    """Where a surface has bone close outside it.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    surface : Surface
        Surface of the lesion on that scan.
    lesion_hu : float
        Level inside.
    bone : BoneMap, optional
        Bone around the lesion on that scan: sparse spongy bone is known by lying in its outline.

    Returns
    -------
    ndarray, shape (n_vertices,), bool
        Vertices with a denser layer within 4.5 mm outside.
    """
    normals, _ = surface.vertex_normals()

    def outside(values: Singles, depths_mm: Floats) -> Singles:
        """Values beyond every vertex, shape (n_vertices, n_depths)."""
        points = surface.vertices_mm[:, None, :] + normals[:, None, :] * depths_mm[None, :, None]
        at = np.moveaxis(patch.grid.index_zyx(points), -1, 0)
        return np.asarray(ndimage.map_coordinates(values, at, order=1, mode="nearest"))

    def smoothed(sigma_mm: float) -> Singles:
        sigma = [sigma_mm / step for step in patch.spacing_zyx_mm]
        return np.asarray(ndimage.gaussian_filter(patch.values_hu, sigma))

    depths = np.arange(SHELL_MM[0], SHELL_MM[1] + 0.01, 0.8)
    dense = outside(smoothed(0.9), depths).max(axis=1)
    beside = np.asarray(dense > max(BONE_HU, lesion_hu + BONE_ABOVE_LESION_HU))
    if bone is None or beside.all():
        return beside
    deep = np.array(SPARSE_AT_MM)
    within = outside(bone.inside.astype(np.float32), deep).min(axis=1) > 0.5
    level = outside(smoothed(SPARSE_SMOOTHING_MM), deep).min(axis=1)
    above = min(SPARSE_ABOVE_LESION_HU, SPARSE_SHARE * bone.contrast_hu(lesion_hu))
    sparse = within & (level > max(SPARSE_HU, lesion_hu + above))
    return np.asarray(beside | sparse)


def bone_contact(surface: Surface, beside: Flags) -> float:
    """Share of a surface's area, 0 to 1, that has bone beside it (see `bone_beside`)."""
    _, areas = surface.vertex_normals()
    return float((areas * beside).sum() / max(areas.sum(), 1e-9))


def cortex_beside(patch: Patch, surface: Surface, bone: BoneMap) -> float:
    """Share of the layer next to a surface that is cortex, by what is expected there.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    surface : Surface
        Of the lesion on that scan.
    bone : BoneMap
        Bone around the lesion on that scan.

    Returns
    -------
    float
        0 deep in spongy bone, to 1.
    """
    distance = signed_distance(surface, patch.grid)
    layer = (distance > LAYER_MM[0]) & (distance < LAYER_MM[1])
    denser = bone.expected_hu > np.minimum(bone.spongy_hu + CORTEX_ABOVE_HU, DENSEST_SPONGY_HU)
    return float(denser[layer].mean()) if layer.any() else 0.0


def open_side(patch: Patch, surface: Surface, beside: Flags, reach_mm: float) -> Flags:
    """Voxels outside a surface, within reach of it, where it has no bone beside it.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    surface : Surface
        On the patch's scan.
    beside : ndarray, shape (n_vertices,), bool
        From `bone_beside`, perhaps on another scan of the same bone.
    reach_mm : float
        How far outside.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), bool
        Nothing there tells a larger lesion from the soft tissue beside it.
    """
    away = signed_distance(surface, patch.grid, band_mm=reach_mm + 0.5)
    outside = (away > 0.0) & (away < reach_mm)
    _, nearest = cKDTree(surface.vertices_mm).query(patch.positions_mm()[outside])
    found = np.zeros(patch.grid.shape_zyx, dtype=np.bool_)
    found[outside] = ~beside[nearest]
    return found
