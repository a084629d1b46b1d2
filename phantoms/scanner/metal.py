"""A metal hip: the implant itself and the streaks that it throws across its slices."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from phantoms.anatomy.bone import apply
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats

Floats32 = NDArray[np.float32]
METAL_HU = 8000.0  # before the scanner clips it
REACH_MM = 95.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rod(
    out: Floats32, start: Floats, end: Floats, radius: float, spacing: Floats, origin: Floats
) -> None:
    """Fill a round rod between two points (world, mm)."""
    axis = end - start
    length2 = (axis * axis).sum()
    for k in range(out.shape[0]):
        z = origin[2] + k * spacing[2]
        if z < min(start[2], end[2]) - radius or z > max(start[2], end[2]) + radius:
            continue
        for j in range(out.shape[1]):
            y = origin[1] + j * spacing[1]
            for i in range(out.shape[2]):
                x = origin[0] + i * spacing[0]
                t = ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / length2
                t = min(1.0, max(0.0, t + (z - start[2]) * axis[2] / length2))
                dx = x - start[0] - t * axis[0]
                dy = y - start[1] - t * axis[1]
                dz = z - start[2] - t * axis[2]
                depth = radius - np.sqrt(dx * dx + dy * dy + dz * dz)
                if depth > -spacing[0]:
                    share = min(1.0, max(0.0, 0.5 + depth / spacing[0]))
                    out[k, j, i] += share * (METAL_HU - out[k, j, i])


def draw_implant(
    out: Floats32,
    femur_pose: Floats,
    size: float,
    spacing_xyz_mm: tuple[float, float, float],
    origin_mm: tuple[float, float, float],
) -> None:
    """Draw ball, neck and stem of a prosthesis in the right femur.

    Parameters
    ----------
    out : ndarray, shape (n_z, n_y, n_x), float32
        HU, changed in place.
    femur_pose : ndarray, shape (4, 4)
        ``world_from_bone`` of the right femur.
    size : float
        Scale of the patient.
    spacing_xyz_mm, origin_mm : tuple
        The grid.
    """
    points = np.array([(0, 0, 0), (-32, 8, -30), (-42, 6, -60), (-40, 2, -170)]) * size
    world = apply(femur_pose, points)
    spacing, origin = np.array(spacing_xyz_mm), np.array(origin_mm)
    _rod(out, world[0], world[0] + 0.1, 15.0 * size, spacing, origin)
    _rod(out, world[0], world[1], 6.0 * size, spacing, origin)
    _rod(out, world[1], world[2], 7.5 * size, spacing, origin)
    _rod(out, world[2], world[3], 6.0 * size, spacing, origin)


def add_streaks(
    slab: Floats32,
    metal: NDArray[np.bool_],
    spacing_mm: float,
    build: Build,
    visit: str,
    start: int,
) -> None:
    """Add the streaks of each slice: bright and dark rays from the metal, a dark band across.

    Parameters
    ----------
    slab : ndarray, shape (n_z, n_y, n_x), float32
        HU, changed in place.
    metal : ndarray, same shape, bool
        Where the metal is.
    spacing_mm : float
        In-plane spacing.
    build, visit : Build, str
        Whose random numbers.
    start : int
        Number of the first slice.
    """
    y, x = np.mgrid[: slab.shape[1], : slab.shape[2]] * spacing_mm
    for row in range(len(slab)):
        amount = float(metal[row].sum()) * spacing_mm**2
        if amount < 4.0:
            continue
        at = np.argwhere(metal[row]).mean(axis=0) * spacing_mm
        dy, dx = y - at[0], x - at[1]
        away = np.hypot(dx, dy) + 6.0
        angle = np.arctan2(dy, dx)
        rng = build.rng("metal", visit, start + row)
        rays = np.zeros_like(angle)
        for order in range(9, 60, 6):
            rays += rng.normal() * np.cos(order * angle + rng.uniform(0, 6.28))
        band = -1.6 * np.exp(-((dy / 14.0) ** 2)) + 0.9 * np.exp(-((dx / 16.0) ** 2))
        strength = 130.0 * min(2.0, np.sqrt(amount / 300.0))
        fall = np.exp(-away / REACH_MM) * np.sqrt(20.0 / away)
        body = slab[row] > -600
        slab[row] += (body * strength * fall * (0.55 * rays + band)).astype(np.float32)
