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

from lesionscore.errors import MeasurementError
from lesionscore.lesions.background import highest_near, normal_level
from lesionscore.lesions.outline import DENSE_HU, enclosed, share_enclosed
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.star import DIRECTIONS, RAYS, Star, surface_around
from lesionscore.lesions.surface import Surface
from lesionscore.quantities import PositionMm

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

RAY_STEP_MM = 0.5
LONGEST_RAY_MM = 32.0
SMOOTH_MM = 1.0
LEAST_RISE_HU = 30.0
ROUNDS = 5
LEAST_RADIUS_MM, USUAL_RADIUS_MM = 1.8, 4.0
NEXT_TO_EDGE_MM = 2.0
"""An edge is half-way to the densest within this distance: a cortex that blur has spread."""
CORTEX_ABOVE_HU = 150.0  # spongy bone; texture and noise stay below
DARK_MARGIN_HU = 20.0
FAT_HU, LEAST_FALL_HU = -95.0, 50.0
OPEN_BEYOND, OPEN_BEYOND_MM = 1.5, 1.5
"""An edge farther out than this times the radius, plus mm, is another bone's."""
POINT_DEPTH_MM = 1.0
"""A point less deep in what rays found lies in a lobe that they hardly saw from there."""
LEAST_MEETING = 0.5
"""Share of the rays that must meet bone; else they end not far beyond the bone's outline."""
HELD_SHARE, BEYOND_OUTLINE_MM = 0.45, 1.5
"""Of the directions from a place in the bone in which bone lies; and how far a lesion bulges."""


def _low_order(directions: Floats) -> Floats:
    """Polynomials of order 0 to 2 on the sphere, shape (n, 9)."""
    x, y, z = directions.T
    return np.stack(
        [np.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3.0 * z * z - 1.0], axis=1
    )


LOW_ORDER = _low_order(DIRECTIONS)


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
    point = np.asarray(point_mm, dtype=np.float64)
    away = np.linalg.norm(patch.positions_mm() - point, axis=-1)
    level = float(np.median(patch.values_hu[away < max(2.2, 1.1 * max(patch.spacing_zyx_mm))]))
    view = _View(patch=patch, smooth=smooth, foreign=foreign, beyond=beyond, level_hu=level)
    highest = highest_near(smooth, patch, NEXT_TO_EDGE_MM)
    bone = enclosed(smooth, away < USUAL_RADIUS_MM, patch.spacing_zyx_mm)
    centre, typical = point, USUAL_RADIUS_MM
    for _ in range(ROUNDS):
        away = np.linalg.norm(patch.positions_mm() - centre, axis=-1) - (typical + 1.0)
        normal, _ = normal_level(smooth, away, level, bone)
        outside = _outside(smooth, highest, level, normal)
        if beyond is not None:
            outside[beyond] = np.maximum(outside[beyond], LEAST_RISE_HU)
        seen = view.lengths_mm(centre, outside)
        typical = float(np.nanmedian(np.where(np.isfinite(seen), seen, LONGEST_RAY_MM)))
        if typical >= LONGEST_RAY_MM:
            raise MeasurementError("no edge of a lesion was found around the point")
        star, _ = view.star(centre, seen, typical)
        lost = star.depth_mm(point) <= 0.0  # drawn off into a larger lobe, or something else
        centre = 0.5 * (centre + point) if lost else star.centroid_mm()
    star, meets = view.star(centre, view.lengths_mm(centre, outside), typical)
    stars = [star]
    if star.depth_mm(point) < POINT_DEPTH_MM:
        stars.append(view.star(point, view.lengths_mm(point, outside), typical)[0])
    return RoughLesion(
        surface=surface_around(stars), level_hu=level, bone_share=float(meets.mean())
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _View:
    """What rays look at."""

    patch: Patch
    smooth: Singles
    foreign: Flags
    beyond: Flags | None
    level_hu: float

    def lengths_mm(self, centre: Floats, outside: Singles) -> Floats:
        """Length of each ray until the image leaves the lesion's level; NaN without an edge."""
        lengths = np.arange(1.0, LONGEST_RAY_MM, RAY_STEP_MM)
        off = self.along(outside, centre, lengths)
        passed = off > 0.0
        # two samples in a row: a single speck is noise
        passed[:, :-1] &= passed[:, 1:]
        first = passed.argmax(axis=1)
        rows = np.arange(RAYS)
        before = off[rows, np.maximum(first - 1, 0)]
        share = np.clip(-before / np.maximum(off[rows, first] - before, 1.0), 0.0, 1.0)
        elsewhere = self.along(self.foreign, centre, lengths, order=0)
        crossed = elsewhere.any(axis=1) & (elsewhere.argmax(axis=1) < first)
        found = passed.any(axis=1) & ~crossed
        return np.where(found, lengths[first] - (1.0 - share) * RAY_STEP_MM, np.nan)

    def star(self, centre: Floats, seen_mm: Floats, typical_mm: float) -> tuple[Star, Flags]:
        """Outline that rays agree on, and which of them end at bone."""
        ends = self.along(self.smooth, centre, np.nan_to_num(seen_mm)[:, None])[:, 0]
        meets = np.isfinite(seen_mm) & (ends > self.level_hu)
        if meets.any():  # without rays that left through a hole and ended at something else
            farthest = OPEN_BEYOND * float(np.median(seen_mm[meets])) + OPEN_BEYOND_MM
            seen_mm = np.where(seen_mm < farthest, seen_mm, np.nan)
        meets &= np.isfinite(seen_mm)
        if self.beyond is not None:
            ends_mm = np.nan_to_num(seen_mm)[:, None] + RAY_STEP_MM
            meets &= ~self.along(self.beyond, centre, ends_mm, order=0)[:, 0]
        radii = _agreed(seen_mm, typical_mm)
        return Star(centre_mm=centre, radii_mm=radii), np.asarray(meets)

    def along(
        self, values: npt.NDArray[Any], centre: Floats, lengths_mm: Floats, order: int = 1
    ) -> npt.NDArray[Any]:
        """Values along rays, shape (RAYS, n_lengths); one row of lengths for all, or one a ray."""
        points = centre + DIRECTIONS[:, None, :] * np.atleast_2d(lengths_mm)[..., None]
        at = np.moveaxis(self.patch.grid.index_zyx(points), -1, 0)
        return np.asarray(ndimage.map_coordinates(values, at, order=order, mode="nearest"))


def _agreed(seen: Floats, typical: float) -> Floats:
    """Radii of low order that most rays agree on; rays without an edge do not vote."""
    valid = np.isfinite(seen)
    lengths = np.where(valid, seen, typical)
    fitted = np.full(len(seen), typical)
    scale = 0.10 * typical + 0.4
    # small orders are held back a little where few rays vote
    ridge = np.full(LOW_ORDER.shape[1], 1.0)
    ridge[0] = 0.0
    for _ in range(12):
        off = (lengths - fitted) / scale
        weight = valid / (1.0 + off**2) ** 2
        system = (LOW_ORDER.T * weight) @ LOW_ORDER + np.diag(ridge)
        coefficients = np.linalg.solve(system, LOW_ORDER.T @ (weight * lengths))
        fitted = np.clip(LOW_ORDER @ coefficients, 0.4 * typical, 2.2 * typical)
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
