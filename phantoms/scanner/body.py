"""The soft body painted on a grid: skin to organs, one value per voxel, and the table.

Edges are smoothed over about a voxel; nothing here carries truth.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from phantoms.anatomy.shapes import Floats
from phantoms.scanner.bones import index_range, periodic, ramp
from phantoms.scanner.scene import Scene

Floats32 = NDArray[np.float32]
AIR_HU, LUNG_HU, FAT_HU, MUSCLE_HU, DISC_HU = -1000.0, -865.0, -104.0, 56.0, 92.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _outline(x: float, y: float, level: Floats, rods: Floats, n_rods: int) -> tuple[float, float]:
    """Depth under the skin (mm, negative outside) and 1 where a limb gives it."""
    best, limb = -1e3, 0.0
    if level[3] > 0.0:
        u, v = (x - level[1]) / level[3], (y - level[2]) / level[4]
        e = math.sqrt(math.sqrt(u**4 + v**4 + 1.35 * (u * v) ** 2))
        best = (1.0 - e) * (level[4] if abs(v) > abs(u) else 0.5 * (level[3] + level[4]))
    for q in range(n_rods):
        d = rods[q, 2] - math.sqrt((x - rods[q, 0]) ** 2 + (y - rods[q, 1]) ** 2)
        h = max(14.0 - abs(best - d), 0.0)
        if d > best:
            limb = 1.0
        best = max(best, d) + h * h / 56.0
    return best, limb


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _cavity_hu(
    x: float,
    y: float,
    z: float,
    level: Floats,
    lung: Floats,
    lattice: Floats32,
    shift: Floats,
    organs: Floats,
    active: NDArray[np.int64],
    n_active: int,
) -> float:
    """Contents of chest and belly at a point."""
    pattern = periodic(lattice, (x + shift[0]) / 4.6, (y + shift[1]) / 4.6, (z + shift[2]) / 4.6)
    hu = FAT_HU + (140.0 * ramp(pattern + 0.1, 0.16))
    if pattern > 1.55 and y < level[2] - 10.0:
        hu = -650.0
    for q in range(n_active):
        o = organs[active[q]]
        r = ((x - o[0]) / o[3]) ** 2 + ((y - o[1]) / o[4]) ** 2 + ((z - o[2]) / o[5]) ** 2
        if r < 1.1:
            share = ramp((1.0 - math.sqrt(r)) * min(o[3], o[4]), 0.7)
            hu += share * (o[6] - hu)
    dx, dy = x - level[6], y - level[7]
    aorta = math.sqrt((dx - 14.0) ** 2 + (dy + 31.0) ** 2)
    cava = math.sqrt((dx + 15.0) ** 2 + ((dy + 33.0) * 1.2) ** 2)
    hu += ramp(11.0 - aorta, 0.7) * (42.0 - hu)
    hu += ramp(11.0 - cava, 0.7) * (40.0 - hu)
    if lung[3] > 0.0:
        u, v = dx / level[8], (y - level[10]) / level[9]
        e = math.sqrt(u * u + v * v)
        floor = lung[0] + 26.0 - lung[1] * max(0.0, e - 0.25)
        middle = math.sqrt((dx / 34.0) ** 2 + ((y - level[10] + 12.0) / 72.0) ** 2)
        spine = math.sqrt(dx * dx + dy * dy) - 30.0
        inside = min(min((1.0 - e) * level[9], (middle - 1.0) * 34.0), min(spine, z - floor))
        inside = min(inside, lung[2] - z)
        if inside > -1.0:
            fine = periodic(lattice, x / 1.5, y / 1.5, z / 1.8)
            air = LUNG_HU + 18.0 * fine + (520.0 * ramp(fine - 2.1, 0.3))
            hu += ramp(inside, 0.8) * (air - hu)
    return float(hu)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _paint(
    out: Floats32,
    xs: Floats,
    ys: Floats,
    zs: Floats,
    levels: Floats,
    parts: Floats,
    organs: Floats,
    lung: Floats,
    table_y: float,
    fat: float,
    wall: float,
    shift: Floats,
    lattice: Floats32,
    pixel: float,
) -> None:
    rods = np.empty((max(1, parts.shape[0]), 3))
    active = np.empty(max(1, organs.shape[0]), dtype=np.int64)
    level = np.empty(levels.shape[1])
    for k in range(out.shape[0]):
        z = zs[k]
        n_rods, n_active = 0, 0
        for q in range(parts.shape[0]):
            low, high = parts[q, 2], parts[q, 5]
            t = (z - low) / (high - low)
            if 0.0 <= t <= 1.0:
                rods[n_rods, 0] = parts[q, 0] + t * (parts[q, 3] - parts[q, 0])
                rods[n_rods, 1] = parts[q, 1] + t * (parts[q, 4] - parts[q, 1])
                rods[n_rods, 2] = parts[q, 6] + t * (parts[q, 7] - parts[q, 6])
                n_rods += 1
        for q in range(organs.shape[0]):
            if abs(z - organs[q, 2]) < organs[q, 5] * 1.05:
                active[n_active] = q
                n_active += 1
        row = np.searchsorted(levels[:, 0], z)
        if row == 0 or row == levels.shape[0]:
            level[:] = levels[min(row, levels.shape[0] - 1)]
            gone = abs(z - level[0])
            level[3] = 0.0 if gone > 25.0 else level[3]
        else:
            t = (z - levels[row - 1, 0]) / (levels[row, 0] - levels[row - 1, 0])
            for c in range(levels.shape[1]):
                level[c] = levels[row - 1, c] * (1 - t) + levels[row, c] * t
        for j in range(out.shape[1]):
            y = ys[j]
            for i in range(out.shape[2]):
                x = xs[i]
                depth, limb = _outline(x, y, level, rods, n_rods)
                if depth < -1.0:
                    top = table_y + ((x / 230.0) ** 2) * -22.0
                    below = y - top
                    hu = AIR_HU
                    if -1.0 < below < 26.0 and abs(x) < 215.0:
                        shell = min(abs(below), abs(below - 24.0))
                        hu = AIR_HU + 45.0 * (below > 0) + 830.0 * ramp(1.6 - shell, 0.8)
                    out[k, j, i] = hu
                    continue
                streak = periodic(lattice, x / 5.2 + 7.0, y / 5.2, z / 13.0)
                under = fat * (1.0 + 0.16 * streak) * (1.25 if y < level[2] else 1.0)
                hu = FAT_HU + 5.0 * streak
                if depth < under - 2.0:
                    skin = ramp(1.6 - depth, 0.5) * 110.0
                    share = ramp(depth, 0.5 * pixel)
                    out[k, j, i] = AIR_HU + share * (hu + skin - AIR_HU)
                    continue
                # fat between muscle bundles: thin sheets where a smooth pattern is zero
                sheet = abs(periodic(lattice, x / 4.3 + 31.0, y / 4.3, z / 12.0 + 9.0))
                muscle = MUSCLE_HU + 4.0 * streak - 128.0 * ramp(0.085 - sheet, 0.07)
                muscle -= 120.0 * ramp(streak - 1.9, 0.2)
                hu += ramp(depth - under, 0.7) * (muscle - hu)
                if limb == 0.0 and level[5] > 0.0:
                    back = math.sqrt(
                        ((abs(x - level[6]) - 30.0) / 36.0) ** 2
                        + ((y - level[7] - 44.0) / 24.0) ** 2
                    )
                    hide = (depth - under - wall) * level[5] - 30.0 * (1.0 - level[5])
                    hide = min(hide, (back - 1.0) * 24.0)
                    hide = min(hide, level[7] + 30.0 - y)
                    if hide > -0.7:
                        inner = _cavity_hu(
                            x, y, z, level, lung, lattice, shift, organs, active, n_active
                        )
                        hu += ramp(hide, 0.7) * (inner - hu)
                out[k, j, i] = hu


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _disc(
    out: Floats32, m: Floats, first: NDArray[np.int64], last: NDArray[np.int64], size: Floats
) -> None:
    for k in range(first[2], last[2]):
        for j in range(first[1], last[1]):
            for i in range(first[0], last[0]):
                u = (m[0, 0] * i + m[0, 1] * j + m[0, 2] * k + m[0, 3]) / size[0]
                v = (m[1, 0] * i + m[1, 1] * j + m[1, 2] * k + m[1, 3]) / size[1]
                w = m[2, 0] * i + m[2, 1] * j + m[2, 2] * k + m[2, 3]
                if size[3] > 0.0:
                    r = math.sqrt(u * u + v * v + (w / size[2]) ** 2)
                    share = ramp((1.0 - r) * size[1], 0.8)
                else:
                    r = math.sqrt(math.sqrt(u**4 + v**4 + 1.2 * (u * v) ** 2))
                    share = ramp((1.0 - r) * size[1], 0.8) * ramp(size[2] - abs(w), 0.8)
                if share > 0.0:
                    value = size[3] if size[3] > 0.0 else DISC_HU - 25.0 * math.exp(-4.0 * r * r)
                    out[k, j, i] += share * (value - out[k, j, i])


def paint_body(
    scene: Scene,
    shape_zyx: tuple[int, int, int],
    spacing_xyz_mm: tuple[float, float, float],
    origin_mm: tuple[float, float, float],
    pattern: Floats32,
) -> Floats32:
    """Paint the soft body of a visit on an axial grid.

    Parameters
    ----------
    scene : Scene
        The visit's soft body.
    shape_zyx, spacing_xyz_mm, origin_mm : tuple
        The grid; index axes along x, y, z.
    pattern : ndarray
        The patient's smooth lattice, for muscle bundles and bowel.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), float32
        HU without bones.
    """
    out = np.empty(shape_zyx, dtype=np.float32)
    xs, ys, zs = (
        origin_mm[a] + spacing_xyz_mm[a] * np.arange(shape_zyx[2 - a], dtype=float)
        for a in range(3)
    )
    _paint(
        out,
        xs,
        ys,
        zs,
        scene.levels_mm,
        scene.parts,
        scene.organs,
        scene.lung_mm,
        scene.table_y_mm,
        scene.fat_mm,
        scene.wall_mm,
        scene.shift,
        pattern,
        spacing_xyz_mm[0],
    )
    index_from_world = np.diag([*(1 / np.array(spacing_xyz_mm)), 1.0])
    index_from_world[:3, 3] = -np.array(origin_mm) / spacing_xyz_mm
    for row in scene.discs:
        world = np.eye(4)
        world[:3, :4] = row[:12].reshape(3, 4)
        matrix = index_from_world @ world
        first, last = index_range(matrix, np.zeros(3), row[12:15] + 1.0, shape_zyx)
        if (first < last).all():
            _disc(out, np.linalg.inv(matrix), first, last, row[12:16])
    return out
