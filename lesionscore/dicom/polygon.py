"""Which points lie inside a polygon, by the even-odd rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[Any]


def crossings(outline_xy: Floats, y: float) -> Floats:
    """Where a horizontal line crosses a closed outline, sorted.

    An edge counts from its lower end, included, to its upper end, excluded: a corner on the line
    is met once, and touching polygons share no point.
    """
    x0, y0 = outline_xy[:, 0], outline_xy[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    hit = (y0 <= y) != (y1 <= y)
    x0, y0, x1, y1 = x0[hit], y0[hit], x1[hit], y1[hit]
    return np.sort(x0 + (y - y0) / (y1 - y0) * (x1 - x0))


def fill_even_odd(outline_xy: Floats, shape_yx: tuple[int, int]) -> Mask:
    """Pixels of an image whose centre lies inside a polygon.

    Parameters
    ----------
    outline_xy : ndarray, shape (n, 2)
        Corners in pixels: column, row; whole numbers are centres.
    shape_yx : tuple of int
        Rows and columns.

    Returns
    -------
    ndarray, shape (rows, columns), bool
        True inside.
    """
    mask = np.zeros(shape_yx, bool)
    low = max(int(np.ceil(outline_xy[:, 1].min())), 0)
    high = min(int(np.floor(outline_xy[:, 1].max())), shape_yx[0] - 1)
    columns = np.arange(shape_yx[1])
    for row in range(low, high + 1):
        met = crossings(outline_xy, float(row))
        if len(met):
            mask[row] = np.searchsorted(met, columns, side="right") % 2 == 1
    return mask


def inside_even_odd(outline_xy: Floats, points_xy: Floats) -> Mask:
    """Points that lie inside a polygon.

    Parameters
    ----------
    outline_xy : ndarray, shape (n, 2)
        Corners.
    points_xy : ndarray, shape (m, 2)
        Points in the same plane.

    Returns
    -------
    ndarray, shape (m,), bool
        True inside.
    """
    inside = np.zeros(len(points_xy), bool)
    following = np.roll(outline_xy, -1, axis=0)
    for (x0, y0), (x1, y1) in zip(outline_xy, following, strict=True):
        if y0 == y1:
            continue
        hit = (y0 <= points_xy[:, 1]) != (y1 <= points_xy[:, 1])
        x = x0 + (points_xy[:, 1] - y0) / (y1 - y0) * (x1 - x0)
        inside ^= hit & (x <= points_xy[:, 0])
    return inside
