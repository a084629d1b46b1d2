"""Which native PET voxels belong to a lesion: inside its surface, or within a margin of it.

Exact distances between voxel centres and triangles; nothing is resampled, and nothing here looks
at a voxel's value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import ndimage

from lesionscore.errors import MeasurementError
from lesionscore.volumes import Grid

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
MARGIN_TOLERANCE_MM = 1e-6  # a voxel exactly at the margin belongs to the region


class SurfaceLike(Protocol):
    """A closed triangle mesh: what `lesionscore.lesions` calls a surface."""

    @property
    def vertices_mm(self) -> npt.NDArray[np.floating]:
        """Corners, shape (n, 3), LPS mm."""

    @property
    def faces(self) -> npt.NDArray[np.integer]:
        """Corner numbers of each triangle, shape (m, 3)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UptakeRegion:
    """Voxels of a PET grid that belong to one lesion.

    Parameters
    ----------
    start_zyx : tuple of int
        Array index of the block's first voxel; it may lie outside the array.
    mask : ndarray, shape (n_z, n_y, n_x), bool
        The block; True where the voxel belongs to the lesion.
    covered : bool
        Whether every voxel of the region lies in the array.
    """

    start_zyx: tuple[int, int, int]
    mask: Booleans
    covered: bool

    @property
    def n_voxels(self) -> int:
        """Number of voxels in the region."""
        return int(self.mask.sum())

    def index_zyx(self) -> Integers:
        """Array indices of the region's voxels, shape (n_voxels, 3), in array order."""
        return np.asarray(np.argwhere(self.mask) + np.asarray(self.start_zyx), dtype=np.int64)


def region_voxels(
    grid: Grid,
    vertices_mm: npt.NDArray[np.floating],
    faces: npt.NDArray[np.integer],
    margin_mm: float,
) -> UptakeRegion:
    """Find the voxels whose centre lies inside a surface or within a margin of it.

    Parameters
    ----------
    grid : Grid
        The PET's native grid.
    vertices_mm : ndarray, shape (n, 3)
        Corners of a closed surface, LPS mm, in the PET's space.
    faces : ndarray, shape (m, 3), int
        Corner numbers of each triangle.
    margin_mm : float
        Largest distance outside the surface, inclusive.

    Returns
    -------
    UptakeRegion
        The voxels on the grid continued beyond its ends, so that a region that leaves the image
        is seen to do so.

    Raises
    ------
    MeasurementError
        If the surface has no triangle, or a corner that is not a finite position.
    """
    spacing = np.asarray(grid.spacing_xyz_mm, dtype=np.float64)[::-1]
    corners = _checked_triangles(vertices_mm, faces)
    # in mm along the grid's own axes (z, y, x): a rotation and a shift of patient space
    corners = grid.index_zyx(corners) * spacing
    band_mm = max(margin_mm, float(spacing.max())) + MARGIN_TOLERANCE_MM
    low = np.floor((corners.min(axis=(0, 1)) - band_mm) / spacing).astype(np.int64) - 1
    high = np.ceil((corners.max(axis=(0, 1)) + band_mm) / spacing).astype(np.int64) + 2
    corners = np.ascontiguousarray(corners - low * spacing)
    distance = np.full(tuple((high - low).tolist()), np.inf)
    _fill_band(corners, spacing, band_mm, distance)
    mask = _inside(corners, spacing, distance, margin_mm, band_mm)
    index = np.argwhere(mask) + low
    covered = bool(((index >= 0) & (index < np.asarray(grid.shape_zyx))).all())
    start = (int(low[0]), int(low[1]), int(low[2]))
    return UptakeRegion(start_zyx=start, mask=mask, covered=covered)


def signed_distance_mm(
    position_mm: npt.ArrayLike,
    vertices_mm: npt.NDArray[np.floating],
    faces: npt.NDArray[np.integer],
) -> float:
    """Distance of one point from a closed surface, negative inside it.

    Parameters
    ----------
    position_mm : array_like, shape (3,)
        The point, LPS mm.
    vertices_mm : ndarray, shape (n, 3)
        Corners of the surface, LPS mm.
    faces : ndarray, shape (m, 3), int
        Corner numbers of each triangle.

    Returns
    -------
    float
        Distance in mm.

    Raises
    ------
    MeasurementError
        If the surface has no triangle, or a corner that is not a finite position.
    """
    corners = _checked_triangles(vertices_mm, faces)
    point = np.asarray(position_mm, dtype=np.float64)
    distance = float(np.sqrt(_nearest_squared(corners, point)))
    return -distance if _is_inside(corners, point) else distance


def _checked_triangles(
    vertices_mm: npt.NDArray[np.floating], faces: npt.NDArray[np.integer]
) -> Floats:
    """Corner positions, shape (m, 3, 3)."""
    if len(faces) == 0:
        raise MeasurementError("the lesion's surface has no triangle: there is no region to read")
    corners = np.ascontiguousarray(np.asarray(vertices_mm, dtype=np.float64)[np.asarray(faces)])
    if not np.isfinite(corners).all():
        raise MeasurementError("the lesion's surface has a corner that is not a finite position")
    return corners


def _inside(
    corners: Floats, spacing: Floats, distance: Floats, margin_mm: float, band_mm: float
) -> Booleans:
    """Voxels within the margin, or inside the surface.

    The band is at least one voxel wide on both sides, so what is left beyond it falls into
    pieces that lie wholly inside or wholly outside: one test decides a piece.
    """
    mask = np.asarray(distance <= margin_mm + MARGIN_TOLERANCE_MM)
    beyond = distance > band_mm
    pieces, count = ndimage.label(beyond)
    for piece in range(1, count + 1):
        where = pieces == piece
        first = np.argwhere(where)[0] * spacing
        if _is_inside(corners, first):
            mask |= where
    for index in np.argwhere(~mask & ~beyond):
        mask[tuple(index)] = _is_inside(corners, index * spacing)
    return mask


def _is_inside(corners: Floats, point: Floats) -> bool:
    """Whether the surface winds around a point; small holes and the order of corners are no harm.

    Sum of the triangles' solid angles (Van Oosterom and Strackee 1983).
    """
    a, b, c = (corners[:, k] - point for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    triple = np.einsum("ij,ij->i", a, np.cross(b, c))
    ab, bc, ca = (np.einsum("ij,ij->i", u, v) for u, v in ((a, b), (b, c), (c, a)))
    angle = np.arctan2(triple, la * lb * lc + ab * lc + bc * la + ca * lb)
    return bool(abs(angle.sum()) > np.pi)  # half of one turn: 4 pi, and each angle is half


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill_band(corners: Floats, spacing: Floats, band_mm: float, distance: Floats) -> None:
    """Write the distance of every voxel that is nearer to a triangle than `band_mm`."""
    point = np.empty(3)
    low = np.empty(3, np.int64)
    high = np.empty(3, np.int64)
    for t in range(corners.shape[0]):
        for k in range(3):
            nearest = min(corners[t, 0, k], corners[t, 1, k], corners[t, 2, k]) - band_mm
            farthest = max(corners[t, 0, k], corners[t, 1, k], corners[t, 2, k]) + band_mm
            low[k] = max(0, int(np.ceil(nearest / spacing[k])))
            high[k] = min(distance.shape[k] - 1, int(np.floor(farthest / spacing[k])))
        for iz in range(low[0], high[0] + 1):
            point[0] = iz * spacing[0]
            for iy in range(low[1], high[1] + 1):
                point[1] = iy * spacing[1]
                for ix in range(low[2], high[2] + 1):
                    point[2] = ix * spacing[2]
                    d = np.sqrt(_squared_distance(corners[t], point))
                    if d <= band_mm and d < distance[iz, iy, ix]:
                        distance[iz, iy, ix] = d


@njit(cache=True)  # type: ignore[untyped-decorator]
def _nearest_squared(corners: Floats, point: Floats) -> float:
    """Squared distance of a point from the nearest triangle."""
    best = np.inf
    for t in range(corners.shape[0]):
        best = min(best, _squared_distance(corners[t], point))
    return best


@njit(cache=True)  # type: ignore[untyped-decorator]
def _dot(u: Floats, v: Floats) -> float:
    """Scalar product."""
    return float(u[0] * v[0] + u[1] * v[1] + u[2] * v[2])


@njit(cache=True)  # type: ignore[untyped-decorator]
def _squared_distance(triangle: Floats, p: Floats) -> float:
    """Squared distance of a point from a triangle, by the Voronoi regions of its parts."""
    a, b, c = triangle[0], triangle[1], triangle[2]
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    if d1 <= 0 and d2 <= 0:
        return float(_dot(ap, ap))
    bp = p - b
    d3, d4 = _dot(ab, bp), _dot(ac, bp)
    if d3 >= 0 and d4 <= d3:
        return float(_dot(bp, bp))
    cp = p - c
    d5, d6 = _dot(ab, cp), _dot(ac, cp)
    if d6 >= 0 and d5 <= d6:
        return float(_dot(cp, cp))
    vc = d1 * d4 - d3 * d2
    if vc <= 0 and d1 >= 0 and d3 <= 0 and d1 != d3:
        off = ap - ab * (d1 / (d1 - d3))
        return float(_dot(off, off))
    vb = d5 * d2 - d1 * d6
    if vb <= 0 and d2 >= 0 and d6 <= 0 and d2 != d6:
        off = ap - ac * (d2 / (d2 - d6))
        return float(_dot(off, off))
    va = d3 * d6 - d5 * d4
    along = (d4 - d3) + (d5 - d6)
    if va <= 0 and d4 >= d3 and d5 >= d6 and along != 0:
        off = bp - (c - b) * ((d4 - d3) / along)
        return float(_dot(off, off))
    total = va + vb + vc
    if total == 0:  # corners on one line, and no edge took the point
        return float(min(_dot(ap, ap), _dot(bp, bp), _dot(cp, cp)))
    off = ap - ab * (vb / total) - ac * (vc / total)
    return float(_dot(off, off))
