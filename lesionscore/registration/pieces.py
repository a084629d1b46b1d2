"""Pieces of bone: samples around many places of the skeleton, each weighing its own bone most.

A whole skeleton does not fit rigidly, but every piece of it does. Pieces vote for the body's
transform (`body`) and carry it outward (`field`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from lesionscore.registration.bone import shortest_way, travel_cost
from lesionscore.registration.kernels import fit_each
from lesionscore.registration.rigid import FitRule, Samples
from lesionscore.registration.scan import Level, SplineImage
from lesionscore.registration.threads import ordered_map

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BONE_HU = 190.0
LEAST_BONE_MM3 = 800.0  # less in a cell is noise or a splinter
NEIGHBOURS = 5
LEAST_COVERED = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceRule:
    """How bone is cut into pieces, and how a piece is fitted.

    ``limit_mm`` and ``fall_mm`` are ways through bone: where a piece ends, and how its weight
    falls; ``expected_mm`` is how far a fit may go from its start before it is doubted.
    """

    cell_mm: float
    reach_mm: float
    limit_mm: float
    fall_mm: float
    points: int
    expected_mm: float
    fit: FitRule


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pieces:
    """Pieces of bone, the samples of one after those of the other.

    Parameters
    ----------
    positions_mm, values, gradients, weights : ndarray, shape (n, 3), (n,), (n, 3), (n,)
        Samples of all pieces, as in `Samples`.
    bounds : ndarray, shape (m + 1,), int
        Piece k has the samples ``bounds[k]`` to ``bounds[k + 1]``.
    centres_mm : ndarray, shape (m, 3)
        The places they were made around, LPS.
    neighbours : tuple of tuple of int
        For each piece, those that it can hand its transform to.
    """

    positions_mm: Floats
    values: Floats
    gradients: Floats
    weights: Floats
    bounds: Integers
    centres_mm: Floats
    neighbours: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.centres_mm)

    @classmethod
    def from_samples(
        cls, samples: Sequence[Samples], neighbours: Sequence[tuple[int, ...]]
    ) -> Pieces:
        """Join the samples of single pieces."""
        counts = [0, *(len(one.values) for one in samples)]
        return cls(
            positions_mm=np.concatenate([one.positions_mm for one in samples]),
            values=np.concatenate([one.values for one in samples]),
            gradients=np.concatenate([one.gradients for one in samples]),
            weights=np.concatenate([one.weights for one in samples]),
            bounds=np.cumsum(counts, dtype=np.int64),
            centres_mm=np.array([one.centre_mm for one in samples]),
            neighbours=tuple(neighbours),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PieceFits:
    """Fits of some pieces.

    Parameters
    ----------
    matrices : ndarray, shape (n, 4, 4)
        ``moving_from_fixed`` of each.
    qualities : ndarray, shape (n,)
        Correlation, less the farther the fit had to go; negative where the target does not
        cover the piece.
    """

    matrices: Floats
    qualities: Floats


def make_pieces(
    level: Level,
    image: SplineImage,
    rule: PieceRule,
    places_mm: Floats | None = None,
    threads: int = 1,
) -> Pieces | None:
    """Cut the bone of a level into overlapping pieces, and link them.

    Parameters
    ----------
    level : Level
        The scan at the resolution of the pieces.
    image : SplineImage
        The same level, sampled for values and gradients.
    rule : PieceRule
        Their size.
    places_mm : ndarray, shape (n, 3), optional
        The first n pieces are made around the bone nearest to these places.

    Returns
    -------
    Pieces or None
        None if there is no bone.
    """
    voxels = _piece_voxels(level, rule, places_mm)
    if len(voxels) == 0:
        return None
    positions = level.grid.positions_mm(voxels)
    tree = cKDTree(positions)
    costs = Level(travel_cost(level.array, level.grid.spacing_xyz_mm[::-1]), level.grid)

    def piece(i: int) -> tuple[Samples, tuple[int, ...]]:
        samples, block, distance = _piece_samples(costs, image, rule, positions[i])
        near = [j for j in tree.query_ball_point(positions[i], 1.6 * rule.reach_mm) if j != i]
        index = np.rint(block.grid.index_zyx(positions[near])).astype(int).reshape(-1, 3)
        inside = ((index >= 0) & (index < block.grid.shape_zyx)).all(axis=1)
        ways = np.full(len(near), 1e6)
        ways[inside] = distance[tuple(index[inside].T)]
        straight = np.sqrt(((positions[near] - positions[i]) ** 2).sum(axis=1))
        cost = np.minimum(ways, 40.0 + 2.0 * straight)
        order = np.argsort(cost, kind="stable")[:NEIGHBOURS]
        return samples, tuple(int(near[k]) for k in order)

    made = ordered_map(piece, range(len(positions)), threads)
    return Pieces.from_samples([one for one, _ in made], [near for _, near in made])


def fit_pieces(
    pieces: Pieces, chosen: Integers, target: SplineImage, start: Floats, rule: PieceRule
) -> PieceFits:
    """Fit some of the pieces, each by itself, from one start.

    Parameters
    ----------
    pieces : Pieces
        All pieces.
    chosen : ndarray, shape (n,), int
        Which of them.
    target : SplineImage
        The moving scan.
    start : ndarray, shape (4, 4)
        ``moving_from_fixed`` that every fit begins with.
    rule : PieceRule
        How a piece is fitted.
    """
    maps, states = fit_each(
        target.coefficients,
        target.index_from_mm,
        pieces.positions_mm,
        pieces.values,
        pieces.gradients,
        pieces.weights,
        pieces.bounds,
        pieces.centres_mm,
        chosen,
        np.ascontiguousarray(start[:3]),
        rule.fit.noise_model,
        rule.fit.limits,
    )
    correlation, covered = states[:, 4], states[:, 5]
    change, centres = maps - start[:3], pieces.centres_mm[chosen]
    gone = (change[:, :, :3] * centres[:, None, :]).sum(axis=2) + change[:, :, 3]
    doubt = np.exp(-0.5 * (gone**2).sum(axis=1) / rule.expected_mm**2)
    quality = np.where(covered < LEAST_COVERED, -1.0, np.maximum(correlation, 0.0) * doubt)
    matrices = np.tile(np.eye(4), (len(chosen), 1, 1))
    matrices[:, :3] = maps
    return PieceFits(matrices=matrices, qualities=quality)


def _piece_voxels(level: Level, rule: PieceRule, places_mm: Floats | None) -> Integers:
    """One bone voxel per cell, the one nearest the middle of the cell's bone; places first."""
    bone = np.argwhere(level.array > BONE_HU)
    if len(bone) == 0:
        return np.empty((0, 3), np.int64)
    spacing = np.asarray(level.grid.spacing_xyz_mm)[::-1]
    chosen = []
    if places_mm is not None:
        tree = cKDTree(bone * spacing)
        _, nearest = tree.query(level.grid.index_zyx(places_mm).reshape(-1, 3) * spacing)
        chosen = [bone[k] for k in nearest]
    cells = np.floor(bone * spacing / rule.cell_mm).astype(np.int64)
    keys = (cells[:, 0] * 4096 + cells[:, 1]) * 4096 + cells[:, 2]
    order = np.argsort(keys, kind="stable")
    _, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    for begin, count in zip(first, counts, strict=True):
        if count * float(np.prod(spacing)) < LEAST_BONE_MM3:
            continue
        members = bone[order[begin : begin + count]]
        offset = (members - members.mean(axis=0)) * spacing
        chosen.append(members[(offset**2).sum(axis=1).argmin()])
    return np.asarray(chosen, np.int64).reshape(-1, 3)


def _piece_samples(
    costs: Level, image: SplineImage, rule: PieceRule, position: Floats
) -> tuple[Samples, Level, npt.NDArray[np.float32]]:
    """Points of the bone around a place, weighing less the longer the way through bone."""
    block = costs.crop(position, rule.reach_mm) or costs
    seed = np.rint(block.grid.index_zyx(position)).astype(np.int64)
    seed = np.clip(seed, 0, np.asarray(block.grid.shape_zyx) - 1)
    cost = np.ascontiguousarray(block.array)
    distance = shortest_way(cost, block.grid.spacing_xyz_mm[::-1], seed[None], rule.limit_mm)
    near = np.flatnonzero(distance < rule.limit_mm)
    if len(near) > rule.points:
        near = near[np.linspace(0, len(near) - 1, rule.points).astype(np.int64)]
    points = block.grid.positions_mm(np.column_stack(np.unravel_index(near, distance.shape)))
    values, gradients = image.values_and_gradients(points)
    way = distance.ravel()[near].astype(np.float64)
    weights = np.exp(-0.5 * (way / rule.fall_mm) ** 2)
    return Samples(points, values, gradients, weights, position), block, distance
