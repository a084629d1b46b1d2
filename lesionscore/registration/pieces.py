"""Pieces of bone: samples around many places of the skeleton, each weighing its own bone most.

A whole skeleton does not fit rigidly, but every piece of it does. Pieces vote for the body's
transform (`body`) and carry it outward (`field`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from lesionscore.registration.bone import bone_distance
from lesionscore.registration.rigid import FitRule, RigidFit, Samples, fit_rigid
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


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A piece of bone: its samples, and the pieces that it can hand its transform to."""

    samples: Samples
    neighbours: tuple[int, ...]

    @property
    def centre_mm(self) -> Floats:
        """The place it was made around."""
        return self.samples.centre_mm


def make_pieces(
    level: Level,
    image: SplineImage,
    rule: PieceRule,
    places_mm: Floats | None = None,
    threads: int = 1,
) -> list[Piece]:
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
    list of Piece
        Empty if there is no bone.
    """
    voxels = _piece_voxels(level, rule, places_mm)
    if len(voxels) == 0:
        return []
    positions = level.grid.positions_mm(voxels)
    tree = cKDTree(positions)

    def piece(i: int) -> Piece:
        samples, block, distance = _piece_samples(level, image, rule, positions[i])
        near = [j for j in tree.query_ball_point(positions[i], 1.6 * rule.reach_mm) if j != i]
        index = np.rint(block.grid.index_zyx(positions[near])).astype(int).reshape(-1, 3)
        inside = ((index >= 0) & (index < block.grid.shape_zyx)).all(axis=1)
        ways = np.full(len(near), 1e6)
        ways[inside] = distance[tuple(index[inside].T)]
        straight = np.sqrt(((positions[near] - positions[i]) ** 2).sum(axis=1))
        cost = np.minimum(ways, 40.0 + 2.0 * straight)
        order = np.argsort(cost, kind="stable")[:NEIGHBOURS]
        return Piece(samples, tuple(int(near[k]) for k in order))

    return ordered_map(piece, range(len(positions)), threads)


def fit_piece(
    piece: Piece, target: SplineImage, start: Floats, rule: PieceRule
) -> tuple[float, RigidFit]:
    """Fit a piece from a start.

    Returns
    -------
    quality : float
        Correlation, less the farther the fit had to go; negative where the target does not
        cover the piece.
    fit : RigidFit
        The fit.
    """
    fit = fit_rigid(piece.samples, target, start, rule.fit)
    if fit.covered < LEAST_COVERED:
        return -1.0, fit
    way = float(np.linalg.norm(((fit.matrix - start) @ np.append(piece.centre_mm, 1.0))[:3]))
    return max(fit.correlation, 0.0) * float(np.exp(-0.5 * (way / rule.expected_mm) ** 2)), fit


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
    level: Level, image: SplineImage, rule: PieceRule, position: Floats
) -> tuple[Samples, Level, npt.NDArray[np.float32]]:
    """Points of the bone around a place, weighing less the longer the way through bone."""
    block = level.crop(position, rule.reach_mm) or level
    seed = np.rint(block.grid.index_zyx(position)).astype(np.int64)
    seed = np.clip(seed, 0, np.asarray(block.grid.shape_zyx) - 1)
    distance = bone_distance(block, seed[None], rule.limit_mm)
    index = np.argwhere(distance < rule.limit_mm)
    if len(index) > rule.points:
        index = index[np.linspace(0, len(index) - 1, rule.points).astype(np.int64)]
    points = block.grid.positions_mm(index)
    values, gradients = image.values_and_gradients(points)
    way = distance[tuple(index.T)].astype(np.float64)
    weights = np.exp(-0.5 * (way / rule.fall_mm) ** 2)
    return Samples(points, values, gradients, weights, position), block, distance
