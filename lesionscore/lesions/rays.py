"""A rough outline of the lesion that a point lies in: rays to the nearest edge, made robust.

Some rays run too far: through a broken cortex, or along a sparse patch of bone. The outline is
a star of low order that most rays agree on, so that such rays are outvoted, not followed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from lesionscore.errors import MeasurementError
from lesionscore.lesions.background import highest_near, normal_level
from lesionscore.lesions.meshing import cube_grid, mesh_step_mm
from lesionscore.lesions.outline import DENSE_HU, enclosed, share_enclosed
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.surface import Surface
from lesionscore.quantities import PositionMm

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

RAYS = 400
RAY_STEP_MM = 0.5
LONGEST_RAY_MM = 32.0
SMOOTH_MM = 1.0
LEAST_RISE_HU = 30.0
ROUNDS = 5
HIGHEST_ORDER = 2
LEAST_RADIUS_MM = 1.8
NEXT_TO_EDGE_MM = 2.0
"""An edge is half-way to the densest within this distance: a cortex that blur has spread."""
CORTEX_ABOVE_HU = 150.0  # spongy bone; texture and noise stay below
DARK_MARGIN_HU = 20.0
FAT_HU, LEAST_FALL_HU = -95.0, 50.0
OPEN_BEYOND, OPEN_BEYOND_MM = 1.5, 1.5
"""An edge farther out than this times the radius, plus mm, is another bone's."""
LEAST_MEETING = 0.7
"""Share of the rays that must meet bone; else they end not far beyond the bone's outline."""
HELD_SHARE, BEYOND_OUTLINE_MM = 0.45, 1.5
"""Of the directions from a place in the bone in which bone lies; and how far a lesion bulges."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoughLesion:
    """What rays from a point see of a lesion.

    Parameters
    ----------
    surface : Surface
        Near to an ellipsoid; where rays meet no edge it is continued from the others.
    level_hu : float
        Of the lesion.
    bone_share : float
        Share of the rays that meet bone at the surface; the others leave the bone through a hole.
    """

    surface: Surface
    level_hu: float
    bone_share: float


def surface_from_point(patch: Patch, point_mm: PositionMm, foreign: Flags) -> RoughLesion:
    """Rough surface of the lesion that a point lies in.

    Parameters
    ----------
    patch : Patch
        Native voxels around the point.
    point_mm : tuple of float
        A point inside the lesion, LPS, mm.
    foreign : ndarray, shape (n_z, n_y, n_x), bool
        What belongs to another lesion; a ray that comes there has met no edge.

    Returns
    -------
    RoughLesion
        Its surface and level.

    Raises
    ------
    MeasurementError
        If most rays from the point meet no edge.
    """
    smooth = ndimage.gaussian_filter(
        patch.values_hu, [SMOOTH_MM / step for step in patch.spacing_zyx_mm]
    )
    with suppress(MeasurementError):
        rough = _seen_from(point_mm, patch, smooth, foreign)
        if rough.bone_share >= LEAST_MEETING:
            return rough
    # most of the rays left the bone, and soft tissue does not say where the lesion ends
    held = share_enclosed(smooth > DENSE_HU, patch.spacing_zyx_mm) >= HELD_SHARE
    away = ndimage.distance_transform_edt(~held, sampling=patch.spacing_zyx_mm)
    return _seen_from(point_mm, patch, smooth, foreign, away > BEYOND_OUTLINE_MM)


def _seen_from(
    point_mm: PositionMm,
    patch: Patch,
    smooth: Singles,
    foreign: Flags,
    beyond: Flags | None = None,
) -> RoughLesion:
    """Rough surface that the rays agree on; where they come `beyond`, they end."""
    centre = np.asarray(point_mm, dtype=np.float64)
    away = np.linalg.norm(patch.positions_mm() - centre, axis=-1)
    level = float(np.median(patch.values_hu[away < max(2.2, 1.1 * max(patch.spacing_zyx_mm))]))
    highest = highest_near(smooth, patch, NEXT_TO_EDGE_MM)
    typical = 4.0
    bone = enclosed(smooth, away < typical, patch.spacing_zyx_mm)
    directions = _directions()
    patterns = _low_order(directions)
    radii = np.full(RAYS, typical)
    for _ in range(ROUNDS):
        away = np.linalg.norm(patch.positions_mm() - centre, axis=-1) - (typical + 1.0)
        normal, _ = normal_level(smooth, away, level, bone)
        outside = _outside(smooth, highest, level, normal)
        if beyond is not None:
            outside[beyond] = np.maximum(outside[beyond], LEAST_RISE_HU)
        seen = _ray_lengths(outside, foreign, patch, centre, directions)
        typical = float(np.nanmedian(np.where(np.isfinite(seen), seen, LONGEST_RAY_MM)))
        if typical >= LONGEST_RAY_MM:
            raise MeasurementError("no edge of a lesion was found around the point")
        seen = _near_edges(seen, _meets_bone(seen, smooth, patch, centre, directions, level))
        radii = _agreed(seen, patterns, typical)
        centre = centre + (0.75 * radii**4 @ directions) / (radii**3).sum()
    seen = _ray_lengths(outside, foreign, patch, centre, directions)
    meets = _meets_bone(seen, smooth, patch, centre, directions, level)
    seen = _near_edges(seen, meets)
    radii = _agreed(seen, patterns, typical)
    meets &= np.isfinite(seen)
    if beyond is not None:
        ends = np.nan_to_num(seen)[:, None] + RAY_STEP_MM
        meets &= ~_along(beyond, patch, centre, directions, ends, order=0)[:, 0]
    return RoughLesion(
        surface=_star(centre, directions, radii), level_hu=level, bone_share=float(meets.mean())
    )


def _meets_bone(
    seen: Floats,
    smooth: Singles,
    patch: Patch,
    centre: Floats,
    directions: Floats,
    level: float,
) -> Flags:
    """Which rays end at something denser than the lesion."""
    ends = _along(smooth, patch, centre, directions, np.nan_to_num(seen)[:, None])[:, 0]
    return np.asarray(np.isfinite(seen) & (ends > level))


def _near_edges(seen: Floats, meets: Flags) -> Floats:
    """Ray lengths without those that left through a hole and ended at something else."""
    if not meets.any():
        return seen
    farthest = OPEN_BEYOND * float(np.median(seen[meets])) + OPEN_BEYOND_MM
    return np.where(seen < farthest, seen, np.nan)


def _agreed(seen: Floats, patterns: Floats, typical: float) -> Floats:
    """Radii of low order that most rays agree on; rays without an edge do not vote."""
    valid = np.isfinite(seen)
    lengths = np.where(valid, seen, typical)
    fitted = np.full(len(seen), typical)
    scale = 0.10 * typical + 0.4
    # small orders are held back a little where few rays vote
    ridge = np.full(patterns.shape[1], 1.0)
    ridge[0] = 0.0
    for _ in range(12):
        off = (lengths - fitted) / scale
        weight = valid / (1.0 + off**2) ** 2
        system = (patterns.T * weight) @ patterns + np.diag(ridge)
        coefficients = np.linalg.solve(system, patterns.T @ (weight * lengths))
        fitted = np.clip(patterns @ coefficients, 0.4 * typical, 2.2 * typical)
    return np.asarray(np.maximum(fitted, LEAST_RADIUS_MM))


def _outside(smooth: Singles, highest: Singles, level: float, normal: float) -> Singles:
    """How far each voxel is beyond half-way from the lesion to what lies next to it, HU.

    The blur of a cut cortex reaches far into a lesion: half-way to spongy bone would lie more
    than a millimetre inside the lesion there, and across the hole in the cortex.
    """
    rise = max(0.5 * abs(normal - level), LEAST_RISE_HU)
    to_dense = np.where(
        highest > normal + CORTEX_ABOVE_HU, np.maximum(0.5 * (highest - level), rise), rise
    )
    # half-way to fat the edge of a lesion that fat borders on is passed
    to_dark = min(rise + DARK_MARGIN_HU, max(0.5 * (level - FAT_HU), LEAST_FALL_HU))
    return np.asarray(np.maximum(smooth - level - to_dense, level - smooth - to_dark))


def _ray_lengths(
    outside: Singles, foreign: Flags, patch: Patch, centre: Floats, directions: Floats
) -> Floats:
    """Length of each ray until the image leaves the lesion's level; NaN without an edge."""
    lengths = np.arange(1.0, LONGEST_RAY_MM, RAY_STEP_MM)
    off = _along(outside, patch, centre, directions, lengths)
    beyond = off > 0.0
    # two samples in a row: a single speck is noise
    beyond[:, :-1] &= beyond[:, 1:]
    first = beyond.argmax(axis=1)
    rows = np.arange(len(first))
    before = off[rows, np.maximum(first - 1, 0)]
    share = np.clip(-before / np.maximum(off[rows, first] - before, 1.0), 0.0, 1.0)
    elsewhere = _along(foreign, patch, centre, directions, lengths, order=0)
    crossed = elsewhere.any(axis=1) & (elsewhere.argmax(axis=1) < first)
    found = beyond.any(axis=1) & ~crossed
    return np.where(found, lengths[first] - (1.0 - share) * RAY_STEP_MM, np.nan)


def _along(
    values: npt.NDArray[Any],
    patch: Patch,
    centre: Floats,
    directions: Floats,
    lengths_mm: Floats,
    order: int = 1,
) -> npt.NDArray[Any]:
    """Values along rays, shape (n_rays, n_lengths); one row of lengths for all, or one a ray."""
    points = centre + directions[:, None, :] * np.atleast_2d(lengths_mm)[..., None]
    at = np.moveaxis(patch.grid.index_zyx(points), -1, 0)
    return np.asarray(ndimage.map_coordinates(values, at, order=order, mode="nearest"))


def _star(centre: Floats, directions: Floats, radii: Floats) -> Surface:
    """Closed surface with the given radii along directions from a centre."""
    points = centre + directions * radii[:, None]
    step = mesh_step_mm(float(np.median(radii)))
    margin = 4.0 * step
    grid = cube_grid(points.min(axis=0) - margin, points.max(axis=0) + margin, step)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape_zyx), indexing="ij"), axis=-1)
    offset = grid.positions_mm(index) - centre
    distance = np.linalg.norm(offset, axis=-1)
    unit = offset / np.maximum(distance, 1e-6)[..., None]
    gaps, nearest = cKDTree(directions).query(unit.reshape(-1, 3), k=6)
    share = np.exp(-0.5 * (gaps / 0.12) ** 2) + 1e-9
    edge = (share * radii[nearest]).sum(axis=1) / share.sum(axis=1)
    return Surface.from_level_set(distance - edge.reshape(distance.shape), grid)


def _low_order(directions: Floats) -> Floats:
    """Polynomials of order 0 to 2 on the sphere, shape (n, 9)."""
    x, y, z = directions.T
    return np.stack(
        [np.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3.0 * z * z - 1.0], axis=1
    )


def _directions() -> Floats:
    """Unit vectors spread evenly over the sphere, shape (RAYS, 3)."""
    index = np.arange(RAYS) + 0.5
    height = 1.0 - 2.0 * index / RAYS
    turn = index * np.pi * (3.0 - np.sqrt(5.0))
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
