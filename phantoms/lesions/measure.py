"""Exact sizes of an implicit surface, from a grid of 0.25 mm or finer along the scanner's axes.

Points of the surface are where grid edges cross zero, found by linear interpolation of a smooth
function: their error is a few micrometres. Independent of the code under test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from phantoms.anatomy.shapes import Floats, Shape, distance
from phantoms.lesions.surface import BLEND_SHARE, lesion_value, surface_points

FINEST_MM, COARSEST_MM, STEPS_ACROSS = 0.1, 0.25, 60.0
BLOCK = 8  # grid points along a block that is looked at as a whole first
STEEPEST = 2.2  # values change by less than this per mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Sizes of one surface.

    ``longest_diameter_mm`` is the farthest pair of points of its largest part; ``span_mm`` of all
    parts together; ``sum_of_parts_mm`` adds the longest diameters of all parts. The axial diameter
    is the farthest pair within one plane of the scanner's slices, the short axis the extent across
    it in the same plane; the centre is the centroid (bone frame).
    """

    longest_diameter_mm: float
    axial_diameter_mm: float
    short_axis_mm: float
    volume_ml: float
    centre_mm: tuple[float, float, float]
    parts: int
    span_mm: float
    sum_of_parts_mm: float


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _at(origin: Floats, axes: Floats, step: float, i: float, j: float, k: float) -> Floats:
    """Position of a grid index (x, y, z) in the bone's frame."""
    out = np.empty(3)
    for r in range(3):
        out[r] = origin[r] + step * (axes[r, 0] * i + axes[r, 1] * j + axes[r, 2] * k)
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sample(
    lobes: Floats, origin: Floats, axes: Floats, step: float, counts: NDArray[np.int64]
) -> Floats:
    """Values on a box of grid points; `axes` holds the grid's axes as columns (bone frame).

    Blocks whose middle lies far from the surface hold that one value.
    """
    out = np.empty((counts[2], counts[1], counts[0]))
    far = STEEPEST * 0.5 * math.sqrt(3.0) * (BLOCK + 2) * step
    for k0 in range(0, counts[2], BLOCK):
        for j0 in range(0, counts[1], BLOCK):
            for i0 in range(0, counts[0], BLOCK):
                half = 0.5 * (BLOCK - 1)
                p = _at(origin, axes, step, i0 + half, j0 + half, k0 + half)
                middle = lesion_value(lobes, p[0], p[1], p[2])
                for k in range(k0, min(k0 + BLOCK, counts[2])):
                    for j in range(j0, min(j0 + BLOCK, counts[1])):
                        for i in range(i0, min(i0 + BLOCK, counts[0])):
                            if abs(middle) > far:
                                out[k, j, i] = middle
                            else:
                                p = _at(origin, axes, step, i, j, k)
                                out[k, j, i] = lesion_value(lobes, p[0], p[1], p[2])
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _cut_by_bone(
    values: Floats, program: Floats, waves: Floats, origin: Floats, step: float
) -> Floats:
    """Values of the part of a surface that lies within a bone (grid along the bone's axes)."""
    out = values.copy()
    axes = np.eye(3)
    far = STEEPEST * 0.5 * math.sqrt(3.0) * (BLOCK + 2) * step
    n_z, n_y, n_x = values.shape
    for k0 in range(0, n_z, BLOCK):
        for j0 in range(0, n_y, BLOCK):
            for i0 in range(0, n_x, BLOCK):
                half = 0.5 * (BLOCK - 1)
                p = _at(origin, axes, step, i0 + half, j0 + half, k0 + half)
                middle = distance(program, waves, p[0], p[1], p[2])
                if middle < -far:
                    continue
                for k in range(k0, min(k0 + BLOCK, n_z)):
                    for j in range(j0, min(j0 + BLOCK, n_y)):
                        for i in range(i0, min(i0 + BLOCK, n_x)):
                            if middle > far:
                                out[k, j, i] = max(values[k, j, i], middle)
                            elif values[k, j, i] < 2.0 * step:
                                p = _at(origin, axes, step, i, j, k)
                                d = distance(program, waves, p[0], p[1], p[2])
                                out[k, j, i] = max(values[k, j, i], d)
    return out


def _crossings(values: Floats, axis: int) -> Floats:
    """Index positions (z, y, x) where the values change sign along one axis."""
    low = np.moveaxis(values, axis, 0)[:-1]
    high = np.moveaxis(values, axis, 0)[1:]
    where = np.nonzero((low < 0) != (high < 0))
    a, b = low[where], high[where]
    points = [np.asarray(w, dtype=float) for w in where]
    points[0] = points[0] + a / (a - b)
    order = [0, 1, 2]
    order.insert(axis, order.pop(0))
    columns: list[Floats] = [np.empty(0)] * 3
    for position, source in enumerate([axis, *(x for x in range(3) if x != axis)]):
        columns[source] = points[position]
    return np.stack(columns, axis=1)


def _directions(dimensions: int) -> Floats:
    """Spread unit vectors evenly over a half circle (4 degrees) or half sphere (about 6)."""
    if dimensions == 2:
        angle = np.arange(45) * np.pi / 45
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    n = np.arange(400) + 0.5
    height, turn = n / 400, n * np.pi * (3 - math.sqrt(5.0))
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _widths(points: Floats, directions: Floats) -> Floats:
    """Extent of the points along each direction."""
    out = np.empty(directions.shape[0])
    for d in range(directions.shape[0]):
        low, high = 1e30, -1e30
        for p in range(points.shape[0]):
            value = 0.0
            for c in range(points.shape[1]):
                value += points[p, c] * directions[d, c]
            low, high = min(low, value), max(high, value)
        out[d] = high - low
    return out


def _farthest(points: Floats) -> tuple[float, Floats]:
    """Largest distance between any two points, and its direction.

    The diameter is the largest width over all directions; from the widest directions of an even
    set, each is turned onto the pair it finds until that pair is stable.
    """
    if len(points) < 2:
        return 0.0, np.zeros(points.shape[1])
    points = np.ascontiguousarray(points)
    directions = _directions(points.shape[1])
    widths = _widths(points, directions)
    best, best_direction = 0.0, directions[0]
    for start in np.argsort(-widths, kind="stable")[:12]:
        direction, length = directions[start], 0.0
        for _ in range(30):
            along = points @ direction
            pair = points[along.argmax()] - points[along.argmin()]
            new = math.sqrt(float(pair @ pair))
            if new <= length + 1e-9:
                break
            direction, length = pair / new, new
        if length > best:
            best, best_direction = length, direction
    return _polished(points, best_direction, best)


def _polished(points: Floats, direction: Floats, length: float) -> tuple[float, Floats]:
    """Look at all pairs of points near the two ends of a nearly longest diameter."""
    along = points @ direction
    slack = 0.004 * length
    top, bottom = points[along > along.max() - slack], points[along < along.min() + slack]
    gaps = top[:, None, :] - bottom[None, :, :]
    squared = (gaps**2).sum(axis=2)
    i, j = np.unravel_index(int(squared.argmax()), squared.shape)
    longest = math.sqrt(squared[i, j])
    return longest, gaps[i, j] / longest


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fraction_volume(values: Floats) -> float:
    """Volume in cells: each grid point counts by how much of its cell lies inside."""
    total = 0.0
    n_z, n_y, n_x = values.shape
    for k in range(1, n_z - 1):
        for j in range(1, n_y - 1):
            for i in range(1, n_x - 1):
                gz = values[k + 1, j, i] - values[k - 1, j, i]
                gy = values[k, j + 1, i] - values[k, j - 1, i]
                gx = values[k, j, i + 1] - values[k, j, i - 1]
                slope = 0.5 * math.sqrt(gx * gx + gy * gy + gz * gz)
                total += min(1.0, max(0.0, 0.5 - values[k, j, i] / max(slope, 1e-9)))
    return total


def _axial(values: Floats, step: float) -> tuple[float, float]:
    """Longest diameter in one plane, and the extent across it (mm)."""
    outlines: list[tuple[float, Floats]] = []
    directions = _directions(2)
    for plane in values:
        if plane.min() < 0:
            points = np.vstack([_flat_crossings(plane, 0), _flat_crossings(plane, 1)]) * step
            if len(points) > 2:
                outlines.append((float(_widths(points, directions).max()), points))
    if not outlines:
        return 0.0, 0.0
    widest = max(width for width, _ in outlines)
    best, short = 0.0, 0.0
    for width, points in outlines:
        if width < 0.99 * widest:  # directions 4 degrees apart miss less than 0.1 %
            continue
        longest, along = _farthest(points)
        if longest > best:
            across = points @ np.array([-along[1], along[0]])
            best, short = longest, float(across.max() - across.min())
    return best, short


def _flat_crossings(plane: Floats, axis: int) -> Floats:
    low, high = (plane[:-1], plane[1:]) if axis == 0 else (plane[:, :-1], plane[:, 1:])
    rows, columns = np.nonzero((low < 0) != (high < 0))
    a, b = low[rows, columns], high[rows, columns]
    share = a / (a - b)
    return np.stack([rows + share * (axis == 0), columns + share * (axis == 1)], axis=1)


def _largest_part(values: Floats) -> tuple[Floats, NDArray[np.int32], int]:
    """Values with every part but the largest outside, the parts' labels, their number."""
    labels, count = ndimage.label(values < 0)
    if count <= 1:
        return values, labels, count
    sizes = np.bincount(labels.ravel())[1:]
    largest = int(sizes.argmax()) + 1
    return np.where((labels != largest) & (labels > 0), 1e-3, values), labels, count


def measure(lobes: Floats, axes: Floats) -> Extent:
    """Measure a surface.

    Parameters
    ----------
    lobes : ndarray, shape (n, 46)
        The surface, in the bone's frame; at least one lobe.
    axes : ndarray, shape (3, 3)
        Scanner's x, y and z axis in the bone's frame, as columns.

    Returns
    -------
    Extent
        Diameters good to about 0.01 mm, volume to about 0.1 %.
    """
    values, origin, step = _grid(lobes, axes)
    main, labels, parts = _largest_part(values)
    longest = _longest(main, step)
    span, total = longest, longest
    if parts > 1:
        span = _longest(values, step)
        total = sum(
            _longest(np.where(labels == n, values, np.abs(values) + 1e-9), step)
            for n in range(1, parts + 1)
        )
    axial, short = _axial(main, step)
    inside = np.argwhere(values < 0).mean(axis=0)[::-1] * step
    where = origin + np.asarray(axes) @ inside
    return Extent(
        longest_diameter_mm=longest,
        axial_diameter_mm=axial,
        short_axis_mm=short,
        volume_ml=_fraction_volume(values) * step**3 / 1000.0,
        centre_mm=(float(where[0]), float(where[1]), float(where[2])),
        parts=parts,
        span_mm=span,
        sum_of_parts_mm=total,
    )


def measure_in_bone(lobes: Floats, shape: Shape) -> tuple[float, float]:
    """Longest diameter (mm) and volume (ml) of the part of a surface that lies in its bone.

    Parameters
    ----------
    lobes : ndarray, shape (n, 46)
        The surface, in the bone's frame.
    shape : Shape
        The bone.

    Returns
    -------
    tuple of float
        Of the largest part: 0, 0 where nothing lies within the bone.
    """
    values, origin, step = _grid(lobes, np.eye(3))
    cut = _cut_by_bone(values, shape.program(), shape.waves, origin, step)
    if cut.min() >= 0:
        return 0.0, 0.0
    main, _, _ = _largest_part(cut)
    return _longest(main, step), _fraction_volume(cut) * step**3 / 1000.0


def _grid(lobes: Floats, axes: Floats) -> tuple[Floats, Floats, float]:
    """Sample a surface: values (z, y, x), first grid point (bone frame), step in mm."""
    axes = np.ascontiguousarray(axes, dtype=float)
    low, high = _box(lobes, axes)
    step = min(COARSEST_MM, max(FINEST_MM, float((high - low).max()) / STEPS_ACROSS))
    counts = np.ceil((high - low) / step).astype(np.int64) + 1
    origin = np.asarray(axes @ low)
    return _sample(lobes, origin, axes, step, counts), origin, step


def _box(lobes: Floats, axes: Floats) -> tuple[Floats, Floats]:
    """Corners, along the grid's axes, of a box that holds the surface with some room."""
    points = np.vstack([surface_points(row[None], 500) for row in lobes]) @ axes
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.06 * float((high - low).max())
    room += BLEND_SHARE * float(lobes[0, 15]) * (len(lobes) > 1)
    return low - room, high + room


def _longest(values: Floats, step: float) -> float:
    return _farthest(np.vstack([_crossings(values, a) for a in range(3)]) * step)[0]
