"""Star-shaped surfaces: a sphere with waves, stretched, turned, joined and cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from benchmarks.real_bones.geometry import Floats, Floats32

N_WAVES = 24
UNCUT = np.zeros(6)
_WAYS = np.random.default_rng(0).standard_normal((600, 3))
_WAYS /= np.linalg.norm(_WAYS, axis=1, keepdims=True)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Star:
    """A surface at radius 1 plus waves over the sphere, in a frame of its own.

    Parameters
    ----------
    centre_mm : ndarray, shape (3,)
        From which the surface is seen as a star.
    frame_mm : ndarray, shape (3, 3)
        Its columns are the half axes.
    waves : ndarray, shape (n, 5)
        Legendre polynomials about random axes, rows of order, amplitude, axis: every such sum is
        a sum of spherical harmonics of those orders.
    """

    centre_mm: Floats
    frame_mm: Floats
    waves: Floats

    def table(self) -> Floats:
        """Centre, inverse frame and waves as one row of numbers."""
        inverse = np.linalg.inv(self.frame_mm)
        return np.concatenate([self.centre_mm, inverse.ravel(), self.waves.ravel()])

    def points_mm(self) -> Floats:
        """Points of the surface, shape (600, 3)."""
        radius = np.maximum(0.35, 1.0 + wave_values(self.waves, _WAYS))
        return np.asarray(self.centre_mm + (_WAYS * radius[:, None]) @ self.frame_mm.T)


def draw_waves(rng: np.random.Generator, spread: float, lowest: int = 2) -> Floats:
    """Waves over the sphere from the lowest order to 4 with a standard deviation of `spread`."""
    orders = rng.integers(lowest, 5, size=N_WAVES)
    falloff = rng.uniform(0.3, 1.8)
    sizes = rng.standard_normal(N_WAVES) / orders**falloff
    axes = rng.standard_normal((N_WAVES, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    waves = np.column_stack([orders, sizes, axes])
    waves[:, 1] *= spread / wave_values(waves, _WAYS).std()
    return waves


def outer_points_mm(stars: Sequence[Star]) -> Floats:
    """Points of all surfaces, also of the parts that lie within another, shape (n, 3)."""
    return np.vstack([star.points_mm() for star in stars])


def reach_mm(stars: Sequence[Star]) -> tuple[Floats, Floats]:
    """Lowest and highest corner of a box that holds the stars."""
    points = outer_points_mm(stars)
    room = 0.08 * float((points.max(axis=0) - points.min(axis=0)).max())
    return points.min(axis=0) - room, points.max(axis=0) + room


def widest_mm(points_mm: Floats) -> float:
    """Distance between the two points that are farthest apart."""
    return float(pdist(points_mm[ConvexHull(points_mm).vertices]).max())


def resized(stars: Sequence[Star], factor: float, anchor_mm: Floats) -> tuple[Star, ...]:
    """Stars larger or smaller about a point."""
    return tuple(
        replace(
            star,
            centre_mm=anchor_mm + factor * (star.centre_mm - anchor_mm),
            frame_mm=star.frame_mm * factor,
        )
        for star in stars
    )


@njit(cache=True, nogil=True)
def _wave(waves: Floats, x: float, y: float, z: float) -> float:
    """Sum of the waves in one direction."""
    total = 0.0
    for w in range(waves.shape[0]):
        c = waves[w, 2] * x + waves[w, 3] * y + waves[w, 4] * z
        order = waves[w, 0]
        if order == 1:
            value = c
        elif order == 2:
            value = 1.5 * c * c - 0.5
        elif order == 3:
            value = (2.5 * c * c - 1.5) * c
        else:
            value = (4.375 * c * c - 3.75) * c * c + 0.375
        total += waves[w, 1] * value
    return total


@njit(cache=True, nogil=True)
def wave_values(waves: Floats, directions: Floats) -> Floats:
    """Sum of the waves in many directions, shape (n, 3), as shape (n,)."""
    out = np.empty(directions.shape[0])
    for n in range(directions.shape[0]):
        out[n] = _wave(waves, directions[n, 0], directions[n, 1], directions[n, 2])
    return out


@njit(cache=True, nogil=True)
def _star_value(tables: Floats, x: float, y: float, z: float) -> float:
    """Below 0 inside any of the stars, smoothly joined."""
    least = 1e9
    for t in range(tables.shape[0]):
        row = tables[t]
        dx, dy, dz = x - row[0], y - row[1], z - row[2]
        u = row[3] * dx + row[4] * dy + row[5] * dz
        v = row[6] * dx + row[7] * dy + row[8] * dz
        w = row[9] * dx + row[10] * dy + row[11] * dz
        radius = math.sqrt(u * u + v * v + w * w)
        if radius < 1e-9:
            return -1.0
        waves = row[12:].reshape(-1, 5)
        wave = _wave(waves, u / radius, v / radius, w / radius)
        value = radius / max(0.35, 1.0 + wave) - 1.0
        if t == 0:
            least = value
        else:
            blend = max(0.0, 0.3 - abs(least - value)) / 0.3
            least = min(least, value) - blend * blend * 0.3 / 4.0
    return least


@njit(cache=True, nogil=True)
def star_grid(
    tables: Floats, cut: Floats, origin: Floats, step: float, shape: npt.NDArray[np.int64]
) -> Floats32:
    """Values of joined stars on a grid: 0 at the surface, negative inside, not in mm.

    `tables` holds one `Star.table` in each row. `cut` is a plane (normal, offset, scale in mm, 1)
    or `UNCUT`, whose last number is 0. `shape` counts x, y, z; the result is z-y-x.
    """
    n_x, n_y, n_z = shape
    out = np.empty((n_z, n_y, n_x), dtype=np.float32)
    for k in range(n_z):
        for j in range(n_y):
            for i in range(n_x):
                x, y, z = origin[0] + i * step, origin[1] + j * step, origin[2] + k * step
                value = _star_value(tables, x, y, z)
                if cut[5] > 0:
                    far = (cut[0] * x + cut[1] * y + cut[2] * z - cut[3]) / cut[4]
                    blend = max(0.0, 0.15 - abs(far - value)) / 0.15
                    value = max(far, value) + blend * blend * 0.15 / 4.0
                out[k, j, i] = value
    return out
