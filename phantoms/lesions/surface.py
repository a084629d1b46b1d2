"""The implicit surface of a lesion: lobes of harmonic shape, joined smoothly.

A lobe is ``|q| - r * (1 + sum_j a_j P_lj(u . n_j))`` in a turned and stretched frame, with
``u = q / |q|`` and Legendre polynomials P of degree 2 to 5: a star-shaped surface made of
spherical harmonics. The zero set is exact; `lesion_distance` is the value over its gradient,
which is the distance to first order and good to a few per cent within 2 mm of the surface.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from phantoms.anatomy.shapes import Floats

TERMS = 6
LOBE_COLUMNS = 16 + 5 * TERMS
BLEND_SHARE = 0.16  # of the first lobe's radius: a scaled surface is similar to the last detail
GRADIENT_STEP_MM = 0.02


def lobe(
    centre_mm: Floats,
    turn: Floats,
    stretch: Floats,
    radius_mm: float,
    terms: Floats,
) -> Floats:
    """Pack one lobe as a row.

    Parameters
    ----------
    centre_mm : ndarray, shape (3,)
        In the bone's frame.
    turn : ndarray, shape (3, 3)
        Rows are the lobe's own axes.
    stretch : ndarray, shape (3,)
        Relative extent along these axes.
    radius_mm : float
        Mean radius before stretching.
    terms : ndarray, shape (n, 5)
        Direction (x, y, z), amplitude, degree of each harmonic; n at most 6.

    Returns
    -------
    ndarray, shape (46,)
        The row that `lesion_value` reads.
    """
    row = np.zeros(LOBE_COLUMNS)
    row[:9] = np.asarray(turn).ravel()
    row[9:12] = centre_mm
    row[12:15] = stretch
    row[15] = radius_mm
    row[16 : 16 + 5 * len(terms)] = np.asarray(terms).ravel()
    return row


def scaled(lobes: Floats, factor: float, about_mm: Floats, shift_mm: Floats) -> Floats:
    """Scale lobes about a point and move them: every length of the surface times `factor`."""
    out = lobes.copy()
    out[:, 9:12] = about_mm + factor * (lobes[:, 9:12] - about_mm) + shift_mm
    out[:, 15] = factor * lobes[:, 15]
    return out


def moved(lobes: Floats, shift_mm: Floats) -> Floats:
    """Move lobes."""
    out = lobes.copy()
    out[:, 9:12] += shift_mm
    return out


def bounding_sphere(lobes: Floats) -> tuple[Floats, float]:
    """Centre (bone frame) and radius in mm of a sphere that holds the surface."""
    centre = np.asarray(lobes[:, 9:12].mean(axis=0))
    amplitude = np.abs(lobes[:, 19::5]).sum(axis=1)
    reach = lobes[:, 12:15].max(axis=1) * lobes[:, 15] * (1 + amplitude)
    away = np.linalg.norm(lobes[:, 9:12] - centre, axis=1)
    return centre, float((away + reach).max()) + BLEND_SHARE * float(lobes[0, 15])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _legendre(degree: float, t: float) -> float:
    if degree == 2.0:
        return 1.5 * t * t - 0.5
    if degree == 3.0:
        return t * (2.5 * t * t - 1.5)
    if degree == 4.0:
        return ((35.0 * t * t - 30.0) * t * t + 3.0) / 8.0
    if degree == 5.0:
        return t * ((63.0 * t * t - 70.0) * t * t + 15.0) / 8.0
    return t


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def lesion_value(lobes: Floats, x: float, y: float, z: float) -> float:
    """Value of the implicit surface at a point of the bone's frame: negative inside."""
    best = 1e3
    blend = BLEND_SHARE * lobes[0, 15]
    for i in range(lobes.shape[0]):
        row = lobes[i]
        dx, dy, dz = x - row[9], y - row[10], z - row[11]
        u = (row[0] * dx + row[1] * dy + row[2] * dz) / row[12]
        v = (row[3] * dx + row[4] * dy + row[5] * dz) / row[13]
        w = (row[6] * dx + row[7] * dy + row[8] * dz) / row[14]
        length = math.sqrt(u * u + v * v + w * w)
        shape = 1.0
        if length > 1e-9:
            for j in range(TERMS):
                at = 16 + 5 * j
                if row[at + 3] != 0.0:
                    t = (row[at] * u + row[at + 1] * v + row[at + 2] * w) / length
                    shape += row[at + 3] * _legendre(row[at + 4], t)
        value = length - row[15] * shape
        gap = max(blend - abs(best - value), 0.0)
        best = min(best, value) - gap * gap / (4.0 * blend)
    return best


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def lesion_distance(lobes: Floats, x: float, y: float, z: float) -> float:
    """Signed distance in mm to the surface, to first order; negative inside."""
    s = GRADIENT_STEP_MM
    a = lesion_value(lobes, x + s, y - s, z - s)
    b = lesion_value(lobes, x - s, y - s, z + s)
    c = lesion_value(lobes, x - s, y + s, z - s)
    d = lesion_value(lobes, x + s, y + s, z + s)
    gx, gy, gz = a - b - c + d, -a - b + c + d, -a + b - c + d
    slope = math.sqrt(gx * gx + gy * gy + gz * gz) / (4.0 * s)
    return float(lesion_value(lobes, x, y, z) / max(slope, 0.2))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def lesion_values(lobes: Floats, points: Floats) -> Floats:
    """Value of the implicit surface at many points, shape (n, 3)."""
    out = np.empty(points.shape[0])
    for i in range(points.shape[0]):
        out[i] = lesion_value(lobes, points[i, 0], points[i, 1], points[i, 2])
    return out


def surface_points(lobes: Floats, count: int = 220) -> Floats:
    """Points of a surface seen from its centre, shape (count, 3), by bisection along rays."""
    n = np.arange(count) + 0.5
    height, turn = 1 - 2 * n / count, n * np.pi * (3 - np.sqrt(5.0))
    ring = np.sqrt(1 - height**2)
    rays = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    centre, radius = bounding_sphere(lobes)
    low, high = np.zeros(count), np.full(count, radius)
    for _ in range(18):
        middle = (low + high) / 2
        inside = lesion_values(lobes, centre + rays * middle[:, None]) < 0
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.asarray(centre + rays * low[:, None])
