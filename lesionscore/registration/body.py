"""The two bodies, coarsely: one rigid transform that most of the skeleton agrees with.

Starts come from the overlap of bone maps (`overlap`). From each, pieces of bone fit themselves
and vote: heads, arms and legs that lie otherwise are outvoted, not averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.registration.overlap import overlaps
from lesionscore.registration.pieces import (
    PieceFits,
    PieceRule,
    Pieces,
    fit_pieces,
    make_pieces,
)
from lesionscore.registration.rigid import FitRule
from lesionscore.registration.scan import (
    PreparedScan,
    SplineImage,
    common_sigmas,
    spline_image,
    windowed,
)
from lesionscore.registration.threads import ordered_map

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEVEL_SLIPS_MM = (-72.0, -60.0, -48.0, -36.0, -24.0, -14.0, 14.0, 24.0, 36.0, 48.0, 60.0, 72.0)
APART_MM = 10.0
AGREEMENT_MM = 10.0
ROUNDS = 3
FIRST_VOTERS, FINALISTS = 60, 5
VOTES = PieceRule(
    cell_mm=60.0,
    reach_mm=60.0,
    limit_mm=80.0,
    fall_mm=45.0,
    points=200,
    expected_mm=12.0,
    fit=FitRule(
        noise_hu=50.0,
        slack_mm=2.0,
        shift_sd_mm=10.0,
        turn_sd_rad=0.15,
        max_step_mm=8.0,
        iterations=10,
        tolerance_mm=0.3,
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class BodyAlignment:
    """A whole-body candidate: transform (4, 4), and how well bone fits on bone."""

    matrix: Floats
    score: float


def align_bodies(
    fixed: PreparedScan, moving: PreparedScan, threads: int = 1
) -> list[BodyAlignment]:
    """Candidates for the transform of the whole skeleton, best first.

    Returns
    -------
    list of BodyAlignment
        All lie apart by more than the fits could bridge. Empty if the fixed scan shows no bone
        or no overlap was found.
    """
    sigmas = common_sigmas(fixed.coarse.grid, moving.coarse.grid, 4.0, np.eye(3))
    image = spline_image(windowed(fixed.coarse), sigmas[0])
    target = spline_image(windowed(moving.coarse), sigmas[1])
    pieces = make_pieces(fixed.coarse, image, VOTES, threads=threads)
    starts = overlaps(fixed.middle, moving.middle, threads)
    if pieces is None or not starts:
        return []
    middle = np.append(pieces.centres_mm.mean(axis=0), 1.0)
    everyone = np.arange(len(pieces))
    some = everyone[:: -(-len(pieces) // FIRST_VOTERS)]
    found = ordered_map(lambda start: _voted(pieces, some, target, start), starts, threads)
    best = max(found, key=lambda candidate: candidate.score)
    levels = _other_levels(best.matrix)
    found += ordered_map(lambda start: _voted(pieces, some, target, start), levels, threads)
    last = [candidate.matrix for candidate in _apart(found, middle)[:FINALISTS]]
    found = ordered_map(lambda start: _voted(pieces, everyone, target, start), last, threads)
    return _apart(found, middle)


def _apart(found: list[BodyAlignment], middle: Floats) -> list[BodyAlignment]:
    """Best first, without those that lie near a better one."""
    kept: list[BodyAlignment] = []
    for candidate in sorted(found, key=lambda candidate: -candidate.score):
        places = [(other.matrix @ middle)[:3] for other in kept]
        here = (candidate.matrix @ middle)[:3]
        if all(float(np.linalg.norm(here - place)) > APART_MM for place in places):
            kept.append(candidate)
    return kept


def _other_levels(matrix: Floats) -> list[Floats]:
    """The same alignment slipped by about one or two vertebrae each way."""
    slipped = []
    for slip_mm in LEVEL_SLIPS_MM:
        other = matrix.copy()
        other[2, 3] += slip_mm
        slipped.append(other)
    return slipped


def _voted(pieces: Pieces, voters: Integers, target: SplineImage, start: Floats) -> BodyAlignment:
    """Let every voter fit itself; go to where most agree, and again; the last vote counts."""
    matrix = start
    for _ in range(ROUNDS):
        votes = fit_pieces(pieces, voters, target, matrix, VOTES)
        known = votes.qualities[votes.qualities >= 0]
        score = float(known.sum()) / (len(known) + 3.0)
        if len(known) == 0:
            break
        matrix = _agreed(pieces.centres_mm[voters], votes, matrix)
    return BodyAlignment(matrix, score)


def _agreed(centres_mm: Floats, votes: PieceFits, matrix: Floats) -> Floats:
    """Rigid transform of the pieces' centres that most of the pieces' fits agree with."""
    chosen = votes.qualities > 0
    if np.count_nonzero(chosen) < 3:
        return matrix
    here, fits = centres_mm[chosen], votes.matrices[chosen]
    there = (fits[:, :3, :3] * here[:, None, :]).sum(axis=2) + fits[:, :3, 3]
    trust = votes.qualities[chosen] ** 2
    for _ in range(10):
        moved = (matrix[None, :3, :3] * here[:, None, :]).sum(axis=2) + matrix[:3, 3]
        weights = trust / (1.0 + ((there - moved) ** 2).sum(axis=1) / AGREEMENT_MM**2) ** 2
        matrix = _rigid_between(here, there, weights)
    return matrix


def _rigid_between(here: Floats, there: Floats, weights: Floats) -> Floats:
    """Weighted least squares rigid transform between point sets (Kabsch)."""
    share = (weights / weights.sum())[:, None]
    middle, goal = (share * here).sum(axis=0), (share * there).sum(axis=0)
    outer = (there - goal)[:, :, None] * (here - middle)[:, None, :]
    left, _, right = np.linalg.svd((outer * share[:, :, None]).sum(axis=0))
    mirror = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(left @ right)))])
    matrix = np.eye(4)
    matrix[:3, :3] = left @ mirror @ right
    matrix[:3, 3] = goal - matrix[:3, :3] @ middle
    return matrix
