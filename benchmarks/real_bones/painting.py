"""Compiled loops that paint bones, lesions and soft tissue, and the noise they are made of.

All compiled code of the painting is in this one file: what is kept compiled is made anew when its
own file changes, not when a file changes from which it calls.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import ndimage

from benchmarks.real_bones.geometry import Floats, Floats32, Grid

EDGE_MM = 0.5  # a surface fades over this: what a fine voxel holds of it
RIM_MM = 2.0  # width of the sclerosis around a lesion
FAT_HU, AIR_HU = -100.0, -1000.0
FAR_MM = 9.0  # distance from a lesion beyond its grid

Index = tuple[int, int, int]


class Material(NamedTuple):
    """What a bone is made of; textures are periodic lattices."""

    cortex_mm: float
    cortex_hu: float
    spongy_hu: float
    texture_hu: float
    texture_step_mm: float
    texture: Floats32
    refill: Floats32
    large: Floats32


class Body(NamedTuple):
    """Soft tissue: corners of the scan, an elliptic cylinder of skin, closed at the top of a head.

    The cavity holds the share of the space, 0 to 1, that lungs or brain take.
    """

    low_mm: Floats
    high_mm: Floats
    x_mm: float
    y_mm: float
    half_x_mm: float
    half_y_mm: float
    half_z_mm: float  # 0: not closed
    skin_fat_mm: float
    cavity: Grid
    cavity_hu: float


_FLOATS = ("x", "y", "z", "step", "level", "texture", "rim", "scar", "fat_plane", "there")
_INTS = ("start", "n_z", "n_y", "n_x")
LESION = np.dtype([*((n, np.float64) for n in _FLOATS), *((n, np.int64) for n in _INTS)])
"""One lesion: first grid point, step; HU; mm; where its samples start, and how many they are."""


class LesionTable(NamedTuple):
    """Lesions of one bone: distances at inclusion and now, one after another, and `LESION` rows."""

    before: Floats32
    now: Floats32
    rows: npt.NDArray[np.record]


def lattice(seed: int, size: int, sigma_cells: float) -> Floats32:
    """Periodic band-limited noise of mean 0 and standard deviation 1, shape (size, size, size)."""
    noise = np.random.default_rng(seed).standard_normal((size, size, size)).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, sigma_cells, mode="wrap")
    noise -= noise.mean()
    return np.asarray(noise / noise.std(), dtype=np.float32)


@njit(cache=True, nogil=True, inline="always")
def _between(values: Floats32, low: Index, high: Index, part: tuple[float, float, float]) -> float:
    """Linear value between eight neighbours, by their lowest and highest index x-y-z."""
    (i, j, k), (i1, j1, k1), (u, v, w) = low, high, part
    a = values[k, j, i] * (1 - u) + values[k, j, i1] * u
    b = values[k, j1, i] * (1 - u) + values[k, j1, i1] * u
    c = values[k1, j, i] * (1 - u) + values[k1, j, i1] * u
    d = values[k1, j1, i] * (1 - u) + values[k1, j1, i1] * u
    return (a * (1 - v) + b * v) * (1 - w) + (c * (1 - v) + d * v) * w


@njit(cache=True, nogil=True, inline="always")
def _periodic(values: Floats32, x: float, y: float, z: float) -> float:
    """Linear value of a periodic lattice at an index position."""
    n = values.shape[0]
    a, b, c = math.floor(x), math.floor(y), math.floor(z)
    i, j, k = a % n, b % n, c % n
    high = ((i + 1) % n, (j + 1) % n, (k + 1) % n)
    return _between(values, (i, j, k), high, (x - a, y - b, z - c))


@njit(cache=True, nogil=True, inline="always")
def _inside(values: Floats32, x: float, y: float, z: float, beyond: float) -> float:
    """Linear value at an index position; `beyond` outside the grid."""
    n_z, n_y, n_x = values.shape
    if x < 0 or y < 0 or z < 0 or x >= n_x - 1 or y >= n_y - 1 or z >= n_z - 1:
        return beyond
    i, j, k = int(x), int(y), int(z)
    return _between(values, (i, j, k), (i + 1, j + 1, k + 1), (x - i, y - j, z - k))


@njit(cache=True, nogil=True, inline="always")
def _within(value: float, low: float, high: float) -> float:
    """Value kept between two bounds."""
    return min(high, max(low, value))


@njit(cache=True, nogil=True, inline="always")
def _share(distance: float, width: float) -> float:
    """How much of a fine voxel lies within a surface at this distance."""
    return min(1.0, max(0.0, 0.5 - distance / width))


@njit(cache=True, nogil=True, inline="always")
def _carried(m: Floats, x: float, y: float, z: float) -> tuple[float, float, float]:
    """A point carried by a matrix of shape (4, 4)."""
    return (
        m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3],
        m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3],
        m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3],
    )


@njit(cache=True, nogil=True, inline="always")
def _point(grid: Grid, i: int, j: int, k: int) -> tuple[float, float, float]:
    """Position of a grid point."""
    o, s = grid.origin, grid.step
    return o[0] + i * s[0], o[1] + j * s[1], o[2] + k * s[2]


@njit(cache=True, nogil=True, inline="always")
def _index(grid: Grid, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Index position x-y-z of a point."""
    o, s = grid.origin, grid.step
    return (x - o[0]) / s[0], (y - o[1]) / s[1], (z - o[2]) / s[2]


@njit(cache=True, nogil=True)
def _distance(samples: Floats32, lesion: np.record, x: float, y: float, z: float) -> float:
    """Distance from a lesion's surface in mm; `FAR_MM` beyond its grid."""
    end = lesion.start + lesion.n_z * lesion.n_y * lesion.n_x
    block = samples[lesion.start : end].reshape((lesion.n_z, lesion.n_y, lesion.n_x))
    step = lesion.step
    a, b, c = (x - lesion.x) / step, (y - lesion.y) / step, (z - lesion.z) / step
    return _inside(block, a, b, c, FAR_MM)


@njit(cache=True, nogil=True)
def _gap(lesion: np.record, x: float, y: float, z: float) -> float:
    """How far in mm a point lies outside a lesion's grid; negative within it."""
    step = lesion.step
    a, b, c = (x - lesion.x) / step, (y - lesion.y) / step, (z - lesion.z) / step
    return step * max(-a, a - lesion.n_x + 1, -b, b - lesion.n_y + 1, -c, c - lesion.n_z + 1)


@njit(cache=True, nogil=True)
def _bone_hu(
    material: Material, lesions: LesionTable, is_near: bool, d: float, x: float, y: float, z: float
) -> float:
    """Density of a bone at a depth `-d` below its surface, lesions healed and rims grown."""
    step = material.texture_step_mm
    smooth = _periodic(material.large, x / 8.0, y / 8.0, z / 8.0)
    grain = _periodic(material.texture, x / step, y / step, z / step)
    spongy = material.spongy_hu + 25.0 * _within(0.6 * smooth, -1.0, 1.0)
    added = 0.0
    if is_near:
        new = _periodic(material.refill, x / step, y / step, z / step)
        for n in range(lesions.rows.shape[0]):
            lesion = lesions.rows[n]
            freed = _share(_distance(lesions.before, lesion, x, y, z), EDGE_MM)
            grain += freed * (new - grain)
            added += freed * lesion.scar
            if lesion.rim > 0:
                f = _distance(lesions.now, lesion, x, y, z)
                added += lesion.rim * _share(f - RIM_MM, 0.6)
    spongy += material.texture_hu * grain + added
    smooth = _periodic(material.large, 7.3 + y / 8.0, z / 8.0, x / 8.0)
    wall = material.cortex_mm * (1.0 + 0.25 * _within(0.6 * smooth, -1.0, 1.0))
    cortex = _share(-d - wall, 0.8)
    return cortex * max(material.cortex_hu, spongy) + (1 - cortex) * spongy


@njit(cache=True, nogil=True)
def paint_bone(
    fine: Grid,
    bone_from_world: Floats,
    surface: Grid,
    material: Material,
    lesions: LesionTable,
    soft: Grid,
) -> None:
    """Difference of a bone and its lesions from the soft tissue, on a fine grid of the world.

    Parameters
    ----------
    fine : Grid
        Zeros; filled with HU above the soft tissue.
    bone_from_world : ndarray, shape (4, 4)
        From there into the coordinates of the bone's surface, material and lesions.
    surface, material, lesions : Grid, Material, LesionTable
        Of the bone.
    soft : Grid
        Soft tissue of the scan in HU, in the world.
    """
    step = fine.step[0]
    n_z, n_y, n_x = fine.samples.shape
    s_z, s_y, s_x = surface.samples.shape
    for k in range(n_z):
        for j in range(n_y):
            i = 0
            while i < n_x:
                wx, wy, wz = _point(fine, i, j, k)
                x, y, z = _carried(bone_from_world, wx, wy, wz)
                a, b, c = _index(surface, x, y, z)
                away = max(0.0, -a, a - s_x + 1, -b, b - s_y + 1, -c, c - s_z + 1)
                d = _inside(surface.samples, a, b, c, max(2.0, away * surface.step[0]))
                nearest, is_near = d, False
                for n in range(lesions.rows.shape[0]):
                    gap = _gap(lesions.rows[n], x, y, z)
                    is_near = is_near or gap < 0
                    nearest = min(nearest, gap)
                if nearest > 0.5 * EDGE_MM:  # on to where something may begin
                    i += max(1, int((nearest - 0.5 * EDGE_MM) / step))
                    continue
                a, b, c = _index(soft, wx, wy, wz)
                a = _within(a, 0.0, soft.samples.shape[2] - 1.001)
                b = _within(b, 0.0, soft.samples.shape[1] - 1.001)
                c = _within(c, 0.0, soft.samples.shape[0] - 1.001)
                flesh = _inside(soft.samples, a, b, c, 0.0)
                value = flesh
                bony = _share(d, EDGE_MM)
                if bony > 0:
                    hard = _bone_hu(material, lesions, is_near, d, x, y, z)
                    value = flesh + bony * (hard - flesh)
                if is_near:
                    for n in range(lesions.rows.shape[0]):
                        lesion = lesions.rows[n]
                        if lesion.there == 0:
                            continue
                        f = _distance(lesions.now, lesion, x, y, z)
                        if lesion.fat_plane > 0:
                            plane = _share(f - lesion.fat_plane, 1.0) * (1.0 - bony)
                            value += plane * (FAT_HU - value)
                        held = _share(f, EDGE_MM)
                        if held > 0:
                            grain = _periodic(material.refill, 0.4 * x, 0.4 * y, 0.4 * z)
                            value += held * (lesion.level + lesion.texture * grain - value)
                fine.samples[k, j, i] = value - flesh
                i += 1


@njit(cache=True, nogil=True)
def paint_soft(
    scan: Grid,
    body_from_world: Floats,
    body: Body,
    muscle_hu: float,
    marbling: float,
    pattern: Floats32,
) -> None:
    """Fill a scan with soft tissue: muscle with fat between, fat below the skin, air around.

    Parameters
    ----------
    scan : Grid
        Filled with HU.
    body_from_world : ndarray, shape (4, 4)
        From there into the body's coordinates.
    body : Body
        Its outline and cavity.
    muscle_hu, marbling : float
        Density of muscle; above which value of the pattern there is fat in it.
    pattern : ndarray, shape (n, n, n), float32
        A periodic lattice.
    """
    n_z, n_y, n_x = scan.samples.shape
    for k in range(n_z):
        for j in range(n_y):
            for i in range(n_x):
                wx, wy, wz = _point(scan, i, j, k)
                x, y, z = _carried(body_from_world, wx, wy, wz)
                a, b = (x - body.x_mm) / body.half_x_mm, (y - body.y_mm) / body.half_y_mm
                radius = abs(a) ** 2.4 + abs(b) ** 2.4
                if body.half_z_mm > 0:
                    radius += max(0.0, z / body.half_z_mm) ** 2.4
                depth = (1.0 - radius ** (1 / 2.4)) * min(body.half_x_mm, body.half_y_mm)
                f = _periodic(pattern, x / 4.0, y / 4.0, z / 4.0)
                fat = _within(0.5 + (f - marbling) / 0.5, 0.0, 1.0)
                fat = max(fat, _share(depth - body.skin_fat_mm - 2.0 * f, 2.0))
                fine = _periodic(pattern, 11.0 + y / 3.0, z / 3.0, x / 3.0)
                value = muscle_hu + (FAT_HU - muscle_hu) * fat + 5.0 * fine
                a, b, c = _index(body.cavity, x, y, z)
                hollow = _inside(body.cavity.samples, a, b, c, 0.0)
                value += hollow * (body.cavity_hu + 5.0 * fine - value)
                within = _within(0.5 + depth / 1.5, 0.0, 1.0)
                scan.samples[k, j, i] = AIR_HU + within * (value - AIR_HU)
