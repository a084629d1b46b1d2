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
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

DENSEST_HU, FILLED_HU = 300.0, 50.0
"""Above the level where bone begins: what counts no more, and what a dark place within it gets."""
CLEAR_MM, NEAR_MM = 2.0, 14.0
"""Distances from the lesion: nearer the outline bends into the hole; farther it says little."""
APART_MM = 1.8
LEAST_POINTS = 12
CLOSE_MM = 1.0
"""Points nearer than this count alike."""
TURNED_MM2 = 4.0
"""How much more a normal counts than a point: both have the error of an outline of voxels."""
STIFFNESS_MM4 = 30.0
"""Of the quadric against bending: a curvature is known to 0.1 per mm before, a point to 0.5 mm."""
LEAST_STEEPNESS = 0.3
MISFIT_MM2 = 1.6
"""What a quadric leaves of points and normals, and is hardly trusted with: 0.1 to 0.6 on skulls,
0.3 to 1.2 on ribs and scapulas, 1 to 3 where a pedicle, a foramen and a joint meet."""


def outside_mm(
    bone: Flags, above_hu: Singles, lesion: Flags, spacing: tuple[float, float, float]
) -> Floats:
    """How far the voxels of a lesion lie outside the outline of its bone, run on over it.

    Parameters
    ----------
    bone : ndarray, shape (n_z, n_y, n_x), bool
        The bone around, without holes; what it has in the lesion's place does not count.
    above_hu : ndarray, shape (n_z, n_y, n_x), float32
        How far all that is seen is above the level where bone begins. Its faces lie between
        voxels where that is 0; where only the look at the bone ends it has none.
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
    A quadric is fitted at each place to the points of the outline and to their normals (moving
    least squares), the points weighted by the fourth power of their nearness, and by how alike
    their normals are to the nearest one's, so that the other face of a thin bone does not count.
    Where that leaves much of them, no quadric runs there: then the height is the mean over the
    tangent planes of the points, which lie outside a round bone, and over the plane through them,
    which lies inside.
    """
    places = np.argwhere(lesion) * np.asarray(spacing)
    if len(places) == 0:
        return np.zeros(0)
    away = ndimage.distance_transform_edt(~lesion, sampling=spacing)
    points, normals = _outline_points(bone, above_hu, away, spacing)
    if len(points) < LEAST_POINTS:
        near = (away > CLEAR_MM) & (away < NEAR_MM)
        deep = near.any() and bone[near].mean() > 0.5
        return np.full(len(places), -np.inf if deep else np.inf)
    _, nearest = cKDTree(points).query(places)
    return np.asarray(_heights(places, nearest.astype(np.int64), points, normals))


def _outline_points(
    bone: Flags, above_hu: Singles, away_mm: Floats, spacing: tuple[float, float, float]
) -> tuple[Floats, Floats]:
    """Points of the outline beside a lesion, evenly spread, and their outward normals."""
    field = np.clip(above_hu, -DENSEST_HU, DENSEST_HU)
    field[bone & (above_hu <= 0.0)] = FILLED_HU
    if not field.min() < 0.0 < field.max():
        return np.zeros((0, 3)), np.zeros((0, 3))
    points, _, normals, _ = measure.marching_cubes(
        field, 0.0, spacing=spacing, gradient_direction="descent"
    )
    at = points / np.asarray(spacing)
    normals = normals / np.asarray(spacing)  # they come per voxel
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.maximum(length, 1e-9)
    away = ndimage.map_coordinates(away_mm, at.T, order=1)
    index = np.round(at).astype(np.int64)
    # at the border of the patch the bone is only cut off
    used = ((index > 0) & (index < np.asarray(bone.shape) - 1)).all(axis=1)
    used &= length[:, 0] > 0.0  # a speck's corner may have no direction
    used &= (away > CLEAR_MM) & (away < NEAR_MM) & ndimage.binary_dilation(bone)[tuple(index.T)]
    points, normals = points[used].astype(np.float64), normals[used].astype(np.float64)
    _, chosen = np.unique(np.round(points / APART_MM).astype(np.int64), axis=0, return_index=True)
    return np.ascontiguousarray(points[chosen]), np.ascontiguousarray(normals[chosen])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _heights(places: Floats, nearest: Indices, points: Floats, normals: Floats) -> Floats:
    """Heights of places over the quadric that runs through the face next to each.

    Unknowns of a place: value, slopes x-y-z, curvatures xx-yy-zz-xy-xz-yz.
    """
    heights = np.empty(len(places))
    row, right, system = np.empty(10), np.empty(10), np.empty((10, 10))
    for i in range(len(places)):
        at, own = places[i], normals[nearest[i]]
        system[:], right[:], tangent = 0.0, 0.0, 0.0
        least = ((at - points[nearest[i]]) ** 2).sum() + CLOSE_MM**2
        for j in range(len(points)):
            n = normals[j]
            alike = own[0] * n[0] + own[1] * n[1] + own[2] * n[2]
            if alike <= 0.0:
                continue
            x, y, z = points[j, 0] - at[0], points[j, 1] - at[1], points[j, 2] - at[2]
            weight = alike * (least / (x * x + y * y + z * z + CLOSE_MM**2)) ** 2
            tangent -= weight * (x * n[0] + y * n[1] + z * n[2])
            row[0], row[1], row[2], row[3] = 1.0, x, y, z
            row[4], row[5], row[6] = 0.5 * x * x, 0.5 * y * y, 0.5 * z * z
            row[7], row[8], row[9] = x * y, x * z, y * z
            for a in range(10):  # the value is 0 at the point
                for b in range(a + 1):
                    system[a, b] += weight * row[a] * row[b]
            for k in range(3):  # the slopes are its normal's
                right[1 + k] += weight * n[k]
            right[4] += weight * x * n[0]
            right[5] += weight * y * n[1]
            right[6] += weight * z * n[2]
            right[7] += weight * (y * n[0] + x * n[1])
            right[8] += weight * (z * n[0] + x * n[2])
            right[9] += weight * (z * n[1] + y * n[2])
        facing = np.sqrt(right[1] ** 2 + right[2] ** 2 + right[3] ** 2)
        chord = -(system[1, 0] * right[1] + system[2, 0] * right[2] + system[3, 0] * right[3])
        whole = system[0, 0]
        chord /= max(facing, 1e-9) * whole
        tangent /= whole
        _add_slopes(system)
        for a in range(10):
            system[a, a] += STIFFNESS_MM4 if a > 3 else 1e-9
            for b in range(a):
                system[b, a] = system[a, b]
        found = np.linalg.solve(system, TURNED_MM2 * right)
        steepness = np.sqrt(found[1] ** 2 + found[2] ** 2 + found[3] ** 2)
        quadric = found[0] / max(steepness, LEAST_STEEPNESS)
        left_mm2 = TURNED_MM2 * (1.0 - (found * right).sum() / whole)
        trust = 1.0 / (1.0 + (left_mm2 / MISFIT_MM2) ** 4)
        heights[i] = trust * quadric + (1.0 - trust) * 0.5 * (tangent + chord)
    return heights


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _add_slopes(system: Floats) -> None:
    """Add what the normals say to the lower half of normal equations that have the values alone.

    Their sums over the points stand there already: of 1, of x-y-z, and of the products.
    """
    whole, x, y, z = system[0, 0], system[1, 0], system[2, 0], system[3, 0]
    xx, yy, zz = system[1, 1], system[2, 2], system[3, 3]
    xy, xz, yz = system[2, 1], system[3, 1], system[3, 2]
    for a in range(1, 4):
        system[a, a] += TURNED_MM2 * whole
    for a, b, moment in (
        (4, 1, x), (7, 1, y), (8, 1, z), (5, 2, y), (7, 2, x), (9, 2, z), (6, 3, z), (8, 3, x),
        (9, 3, y), (4, 4, xx), (5, 5, yy), (6, 6, zz), (7, 7, xx + yy), (8, 8, xx + zz),
        (9, 9, yy + zz), (7, 4, xy), (8, 4, xz), (8, 7, yz), (7, 5, xy), (9, 5, yz), (9, 7, xz),
        (8, 6, xz), (9, 6, yz), (9, 8, xy),
    ):  # fmt: skip
        system[a, b] += TURNED_MM2 * moment
