"""The lesions' places on the fixed scan, and the bone each belongs to.

Nothing here looks at the moving scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.quantities import PositionMm
from lesionscore.registration.bone import shortest_way, travel_cost
from lesionscore.registration.rigid import Samples
from lesionscore.registration.scan import Level, PreparedScan, SplineImage
from lesionscore.volumes import Volume

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

OWN_REACH_MM = 64.0
OWN_SPACING_MM = 1.4
OWN_LIMIT_MM = 80.0
SHELL_MM = 4.0
EXCLUSION_MARGIN_MM = 3.0
OUTLINE_MARGIN_MM = 2.0  # an exclusion reaches this far beyond the lesion
RIM_LIMIT_MM = 60.0
RIM_QUANTILE, RIM_BEYOND_MM = 0.25, 10.0  # of the ways to the rim; a joint gap adds more
DENSE_HU = 180.0
ENCLOSURE_MM = 30.0
FLAT_HU_PER_MM = 8.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionRegion:
    """Where a lesion lies on the fixed scan.

    Parameters
    ----------
    lesion_id : str
        Name that the result is given under.
    centre_mm : tuple of float
        Its centre, LPS, mm.
    radius_mm : float
        A ball of this radius around the centre holds it.
    exclusion : Volume or None
        Small label crop, non-zero where the lesion is; its voxels do not vote. None: the ball.
    """

    lesion_id: str
    centre_mm: PositionMm
    radius_mm: float
    exclusion: Volume | None = None

    _outside_mm: Floats | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.exclusion is None or not self.exclusion.array.any():
            return
        padded = np.pad(self.exclusion.array != 0, [(int(p), int(p)) for p in self._pad])
        spacing = np.asarray(self.exclusion.grid.spacing_xyz_mm)[::-1]
        outside = ndimage.distance_transform_edt(~padded, sampling=spacing)
        object.__setattr__(self, "_outside_mm", np.maximum(outside - 0.5 * spacing.min(), 0.0))

    @property
    def _pad(self) -> npt.NDArray[np.int64]:
        """Voxels (z, y, x) around the mask's crop within which distances are known."""
        assert self.exclusion is not None
        spacing = np.asarray(self.exclusion.grid.spacing_xyz_mm)[::-1]
        return np.ceil(2 * SHELL_MM / spacing).astype(np.int64)

    def distance_mm(self, positions_mm: Floats) -> Floats:
        """Distance of positions (n, 3) from the lesion; 0 inside, exact to about a voxel."""
        away = np.sqrt(((positions_mm - np.asarray(self.centre_mm)) ** 2).sum(axis=1))
        ball = np.maximum(away - self.radius_mm, 0.0)
        if self._outside_mm is None:
            return np.asarray(ball)
        near = ball < 2 * SHELL_MM
        ball[near] = self._mask_distance_mm(positions_mm[near])
        return np.asarray(ball)

    def _mask_distance_mm(self, positions_mm: Floats) -> Floats:
        """Distance from the mask's voxels, read at the nearest voxel of the padded crop."""
        assert self.exclusion is not None
        assert self._outside_mm is not None
        grid = self.exclusion.grid
        index = np.rint(grid.index_zyx(positions_mm) + self._pad).astype(int)
        inside = ((index >= 0) & (index < self._outside_mm.shape)).all(axis=1)
        out = np.full(len(positions_mm), 2 * SHELL_MM)
        out[inside] = self._outside_mm[tuple(index[inside].T)]
        return out


@dataclass(frozen=True, slots=True, eq=False)
class OwnBone:
    """The bone a lesion sits in: distance through bone from the lesion's rim, on a block."""

    region: LesionRegion
    others: tuple[LesionRegion, ...]
    distance: Level
    rim_bone_share: float
    """Share, 0 to 1, of the shell around the lesion that is bone."""
    enclosed: float
    """Share, 0 to 1, of the directions from the lesion in which bone lies near."""
    bone_away_mm: Floats
    """Distance through bone of every bone voxel of the block, ascending."""

    def extent_mm(self, wanted_ml: float, limits_mm: tuple[float, float]) -> float:
        """Distance through bone within which there is as much bone as wanted."""
        count = int(wanted_ml / self.distance.grid.voxel_volume_ml)
        enough = count < len(self.bone_away_mm)
        reach = float(self.bone_away_mm[count]) if enough else limits_mm[1]
        return float(np.clip(reach, *limits_mm))

    def bone_ml(self, within_mm: float) -> float:
        """Volume of bone within a distance through bone."""
        count = int(np.searchsorted(self.bone_away_mm, within_mm))
        return count * self.distance.grid.voxel_volume_ml

    def away_mm(self, positions_mm: Floats) -> Floats:
        """Distance through bone at positions (n, 3), from the nearest voxel."""
        index = np.rint(self.distance.grid.index_zyx(positions_mm)).astype(int)
        inside = ((index >= 0) & (index < self.distance.grid.shape_zyx)).all(axis=1)
        out = np.full(len(positions_mm), 1e6)
        out[inside] = self.distance.array[tuple(index[inside].T)]
        return out

    def way_mm(self, other: LesionRegion) -> float:
        """Distance through bone to the nearest voxel beside another lesion."""
        grid = self.distance.grid
        low, high = np.sort(
            [
                grid.index_zyx(np.asarray(other.centre_mm) + side * (other.radius_mm + SHELL_MM))
                for side in (-1, 1)
            ],
            axis=0,
        )
        block = tuple(
            slice(max(int(a), 0), max(int(b) + 2, 0)) for a, b in zip(low, high, strict=True)
        )
        return float(self.distance.array[block].min(initial=np.inf))

    def _on(self, level: Level) -> npt.NDArray[np.float32]:
        """Distance through bone on the voxels of a level with the same axes, by nearest voxel."""
        ends = np.asarray(level.array.shape) - 1.0
        first = self.distance.grid.index_zyx(level.grid.positions_mm((0, 0, 0)))
        last = self.distance.grid.index_zyx(level.grid.positions_mm(ends))
        lines, outside = [], []
        for axis, size in enumerate(level.array.shape):
            line = np.rint(np.linspace(first[axis], last[axis], size)).astype(int)
            limit = self.distance.array.shape[axis] - 1
            outside.append((line < 0) | (line > limit))
            lines.append(np.clip(line, 0, limit))
        result = self.distance.array[np.ix_(*lines)]
        for axis, beyond in enumerate(outside):
            result[(slice(None),) * axis + (beyond,)] = 1e6
        return np.asarray(result)

    def is_free(self, positions_mm: Floats) -> Bools:
        """Tell which positions lie clear of every lesion."""
        free = self.region.distance_mm(positions_mm) > EXCLUSION_MARGIN_MM
        low, high = (
            positions_mm.min(axis=0, initial=np.inf),
            positions_mm.max(axis=0, initial=-np.inf),
        )
        for other in self.others:
            reach = other.radius_mm + EXCLUSION_MARGIN_MM
            centre = np.asarray(other.centre_mm)
            if bool(((centre > low - reach) & (centre < high + reach)).all()):
                free &= other.distance_mm(positions_mm) > EXCLUSION_MARGIN_MM
        return np.asarray(free)

    def samples(self, level: Level, image: SplineImage, fall_mm: float, limit: int) -> Samples:
        """Points of the own bone on a level, weighing less along the way through bone."""
        centre = np.asarray(self.region.centre_mm)
        distance = self._on(level)
        index = np.argwhere(distance < 2.5 * fall_mm)
        away = distance[tuple(index.T)].astype(np.float64)
        if len(index) > 4 * limit:
            index, away = index[:: len(index) // (2 * limit)], away[:: len(index) // (2 * limit)]
        positions = level.grid.positions_mm(index)
        chosen = np.flatnonzero(self.is_free(positions))
        if len(chosen) > limit:
            chosen = chosen[np.linspace(0, len(chosen) - 1, limit).astype(np.int64)]
        positions = np.ascontiguousarray(positions[chosen])
        values, gradients = image.values_and_gradients(positions)
        weights = np.exp(-0.5 * (away[chosen] / fall_mm) ** 2)
        samples = Samples(positions, values, gradients, weights, centre)
        return samples.chosen((gradients**2).sum(axis=1) > FLAT_HU_PER_MM**2)


def own_bone(fixed: PreparedScan, region: LesionRegion, all_: Sequence[LesionRegion]) -> OwnBone:
    """Find the bone around a lesion."""
    reach = OWN_REACH_MM + region.radius_mm
    level = fixed.fine(region.centre_mm, reach, OWN_SPACING_MM)
    if level is None:
        raise ValueError(f"lesion {region.lesion_id}: its place lies outside the fixed scan")
    lesion_mm = _lesion_distance_mm(level, region)
    shell = (lesion_mm > 0) & (lesion_mm <= SHELL_MM)
    rim = shell & (level.array > DENSE_HU)
    z, y, x = level.grid.spacing_xyz_mm[::-1]
    cost = travel_cost(level.array, (z, y, x))
    near_rim = rim & _reached(cost, (z, y, x), lesion_mm == 0, rim)
    seeds = np.argwhere(near_rim if near_rim.any() else shell | (lesion_mm == 0))
    distance = shortest_way(cost, (z, y, x), seeds, OWN_LIMIT_MM)
    bone = (distance < OWN_LIMIT_MM) & (level.array > DENSE_HU)
    return OwnBone(
        region=region,
        others=tuple(
            other
            for other in all_
            if other is not region
            and np.linalg.norm(np.subtract(other.centre_mm, region.centre_mm))
            < 1.8 * reach + other.radius_mm
        ),
        distance=Level(distance, level.grid),
        rim_bone_share=float(rim.sum()) / max(int(shell.sum()), 1),
        enclosed=_enclosed(level, region),
        bone_away_mm=np.sort(distance[bone]).astype(np.float64),
    )


def _lesion_distance_mm(level: Level, region: LesionRegion) -> Floats:
    """Distance from the lesion on a level's voxels, known up to a little beyond its shell."""
    lesion_mm = np.full(level.array.shape, 2.0 * SHELL_MM)
    middle = level.grid.index_zyx(region.centre_mm)
    reach = (region.radius_mm + 2.0 * SHELL_MM) / np.asarray(level.grid.spacing_xyz_mm)[::-1]
    first = np.maximum(np.floor(middle - reach), 0).astype(int)
    last = np.minimum(np.ceil(middle + reach) + 1, level.array.shape).astype(int)
    block = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    index = np.moveaxis(np.indices(lesion_mm[block].shape), 0, -1) + first
    away = region.distance_mm(level.grid.positions_mm(index.reshape(-1, 3)))
    lesion_mm[block] = away.reshape(lesion_mm[block].shape)
    return lesion_mm


def _reached(
    cost: npt.NDArray[np.float32], spacing: tuple[float, float, float], taken: Bools, rim: Bools
) -> Bools:
    """Where one gets from the lesion without a gap: its own rim, not that across a joint."""
    if not (taken.any() and rim.any()):
        return rim
    box = ndimage.find_objects(taken.astype(np.uint8))[0]
    depth = ndimage.distance_transform_edt(np.pad(taken[box], 1), sampling=spacing)
    core = np.argwhere(depth >= min(OUTLINE_MARGIN_MM, float(depth.max())))
    seeds = core - 1 + [side.start for side in box]
    way = shortest_way(cost, spacing, seeds, RIM_LIMIT_MM)
    usual = float(np.quantile(way[rim], RIM_QUANTILE))
    return np.asarray(way <= usual + RIM_BEYOND_MM)


def _enclosed(level: Level, region: LesionRegion) -> float:
    """Share of directions (48 of equal size) in which bone lies near the lesion."""
    reach = region.radius_mm + ENCLOSURE_MM
    block = level.crop(region.centre_mm, reach)
    if block is None:
        return 0.0
    bone = block.grid.positions_mm(np.argwhere(block.array > DENSE_HU))
    ray = bone - np.asarray(region.centre_mm)
    length = np.sqrt((ray**2).sum(axis=1))
    near = (length < reach) & (length > 0)
    height = np.floor(3.0 * (ray[near, 2] / length[near] + 1.0)).clip(0, 5)
    turn = np.floor(4.0 * (np.arctan2(ray[near, 1], ray[near, 0]) / np.pi + 1.0)).clip(0, 7)
    return len(np.unique(height * 8 + turn)) / 48.0
