"""Where the outline of a bone runs on over a lesion that broke it.

The faces of a bone are smooth: beside a hole the rest of the same face says where it would run,
flat or curved either way, at the corner of a bone, or as one of the two faces of a thin one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import measure

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

SMOOTHING_MM = 0.8
"""Of the known outline, so that it has directions."""
CLEAR_MM, NEAR_MM = 2.0, 14.0
"""Distances from the lesion: nearer the outline bends into the hole; farther it says little."""
APART_MM = 1.2
LEAST_POINTS = 12
CLOSE_MM = 1.0
"""Points nearer than this count alike."""


def outside_mm(bone: Flags, lesion: Flags, spacing: tuple[float, float, float]) -> Floats:
    """How far the voxels of a lesion lie outside the outline of its bone, run on over it.

    Parameters
    ----------
    bone : ndarray, shape (n_z, n_y, n_x), bool
        The bone around, without holes; what it has in the lesion's place does not count.
    lesion : ndarray, shape (n_z, n_y, n_x), bool
        Voxels that the lesion may touch.
    spacing : tuple of float
        Voxel spacing z, y, x, mm.

    Returns
    -------
    ndarray, shape (n_lesion,)
        mm, negative inside; in the order of ``np.argwhere(lesion)``. Where no outline is near,
        minus infinity deep in a bone, infinity far from one.

    Notes
    -----
    The points of the outline are weighted by the fourth power of their nearness, and by how alike
    their normals are to the nearest one's, so that the other face of a thin bone does not count.
    Over a curved hole their tangent planes lie as far outside as the plane through the points
    lies inside; the mean of both follows a sphere or a cylinder.
    """
    places = np.argwhere(lesion) * np.asarray(spacing)
    if len(places) == 0:
        return np.zeros(0)
    away = ndimage.distance_transform_edt(~lesion, sampling=spacing)
    near = (away > CLEAR_MM) & (away < NEAR_MM)
    points, normals = _outline_points(bone, near, spacing)
    if len(points) < LEAST_POINTS:
        deep = near.any() and bone[near].mean() > 0.5
        return np.full(len(places), -np.inf if deep else np.inf)
    _, nearest = cKDTree(points).query(places)
    return np.asarray(_heights(places, nearest.astype(np.int64), points, normals))


def _outline_points(
    bone: Flags, near: Flags, spacing: tuple[float, float, float]
) -> tuple[Floats, Floats]:
    """Points of the outline in some voxels, evenly spread, and their outward normals."""
    smooth = ndimage.gaussian_filter(
        bone.astype(np.float32), [SMOOTHING_MM / step for step in spacing]
    )
    if not smooth.min() < 0.5 < smooth.max():
        return np.zeros((0, 3)), np.zeros((0, 3))
    points, _, normals, _ = measure.marching_cubes(
        smooth, 0.5, spacing=spacing, gradient_direction="descent"
    )
    index = np.round(points / np.asarray(spacing)).astype(np.int64)
    # at the border of the patch the bone is only cut off
    whole = ((index > 0) & (index < np.asarray(bone.shape) - 1)).all(axis=1)
    directed = np.linalg.norm(normals, axis=1) > 0.5  # a speck's corner may have no direction
    used = whole & directed & near[tuple(index.T)]
    points, normals = points[used].astype(np.float64), normals[used].astype(np.float64)
    _, chosen = np.unique(np.round(points / APART_MM).astype(np.int64), axis=0, return_index=True)
    return np.ascontiguousarray(points[chosen]), np.ascontiguousarray(normals[chosen])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _heights(places: Floats, nearest: Indices, points: Floats, normals: Floats) -> Floats:
    """Heights of places over the face that the nearest point of the outline belongs to."""
    heights = np.empty(len(places))
    for i in range(len(places)):
        own = normals[nearest[i]]
        total = tangent = 0.0
        offset, facing = np.zeros(3), np.zeros(3)
        for j in range(len(points)):
            alike = own[0] * normals[j, 0] + own[1] * normals[j, 1] + own[2] * normals[j, 2]
            if alike <= 0.0:
                continue
            squared, along = CLOSE_MM**2, 0.0
            for k in range(3):
                away = places[i, k] - points[j, k]
                squared += away * away
                along += away * normals[j, k]
            weight = alike / squared**2
            total += weight
            tangent += weight * along
            for k in range(3):
                offset[k] += weight * (places[i, k] - points[j, k])
                facing[k] += weight * normals[j, k]
        chord = (offset * facing).sum() / max(np.sqrt((facing * facing).sum()), 1e-9)
        heights[i] = 0.5 * (tangent + chord) / total
    return heights
