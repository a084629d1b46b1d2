"""The two bodies, coarsely: one rigid transform that brings skeleton onto skeleton.

Translations come from the correlation of bone maps over their overlap (so that field of view,
table height and scan range may differ), turns from a few hypotheses, the rest from rigid fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from lesionscore.registration.pieces import Piece, PieceRule, fit_piece, make_pieces
from lesionscore.registration.rigid import FitRule, RigidFit
from lesionscore.registration.scan import (
    Level,
    PreparedScan,
    SplineImage,
    averaged,
    common_sigmas,
    spline_image,
    windowed,
)
from lesionscore.volumes import Grid

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

BONE_HU = (120.0, 400.0)
MAP_MM = 12.0
TURN_RAD = np.deg2rad(9.0)
STARTS = 16
LEVEL_SLIPS_MM = (-72.0, -60.0, -48.0, -36.0, -24.0, -14.0, 14.0, 24.0, 36.0, 48.0, 60.0, 72.0)
PEAKS = 10
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


@dataclass(frozen=True, slots=True, eq=False)
class _BoneMap:
    """Bone density on axes of the patient, with the voxels that the scan covers."""

    bone: Singles
    covered: Singles
    grid: Grid


def align_bodies(fixed: PreparedScan, moving: PreparedScan) -> list[BodyAlignment]:
    """Candidates for the transform of the whole skeleton, best first.

    Returns
    -------
    list of BodyAlignment
        At least one; all lie apart by more than the fits could bridge. Empty if the fixed scan
        shows no bone.
    """
    sigmas = common_sigmas(fixed.coarse.grid, moving.coarse.grid, 4.0, np.eye(3))
    image = spline_image(windowed(fixed.coarse), sigmas[0])
    target = spline_image(windowed(moving.coarse), sigmas[1])
    pieces = make_pieces(fixed.coarse, image, VOTES)
    if not pieces:
        return []
    middle = np.append(np.mean([piece.centre_mm for piece in pieces], axis=0), 1.0)
    some = pieces[:: -(-len(pieces) // FIRST_VOTERS)]
    found = [_voted(some, target, start) for start in _starts(fixed, moving)]
    best = max(found, key=lambda candidate: candidate.score)
    found += [_voted(some, target, start) for start in _other_levels(best.matrix)]
    found = _apart(found, middle)[:FINALISTS]
    return _apart([_voted(pieces, target, one.matrix) for one in found], middle)


def _apart(found: list[BodyAlignment], middle: Floats) -> list[BodyAlignment]:
    """Best first, without those that lie near a better one."""
    kept: list[BodyAlignment] = []
    for candidate in sorted(found, key=lambda candidate: -candidate.score):
        places = [(other.matrix @ middle)[:3] for other in kept]
        here = (candidate.matrix @ middle)[:3]
        if all(float(np.linalg.norm(here - place)) > APART_MM for place in places):
            kept.append(candidate)
    return kept


def _voted(pieces: list[Piece], target: SplineImage, start: Floats) -> BodyAlignment:
    """Let every piece fit itself; go to where most agree, and again; the last vote counts."""
    matrix = start
    for _ in range(ROUNDS):
        votes = [fit_piece(piece, target, matrix, VOTES) for piece in pieces]
        known = [(quality, fit.matrix) for quality, fit in votes if quality >= 0]
        score = sum(quality for quality, _ in known) / (len(known) + 3.0)
        if not known:
            break
        matrix = _agreed(pieces, votes, matrix)
    return BodyAlignment(matrix, score)


def _agreed(
    pieces: list[Piece], votes: list[tuple[float, RigidFit]], matrix: Floats
) -> Floats:
    """Rigid transform of the pieces' centres that most of the pieces' fits agree with."""
    chosen = [k for k, (quality, _) in enumerate(votes) if quality > 0]
    if len(chosen) < 3:
        return matrix
    here = np.asarray([pieces[k].centre_mm for k in chosen])
    there = np.asarray([_moved(votes[k][1].matrix, pieces[k].centre_mm) for k in chosen])
    trust = np.asarray([votes[k][0] for k in chosen]) ** 2
    for _ in range(20):
        gap = there - np.asarray([_moved(matrix, point) for point in here])
        weights = trust / (1.0 + (gap**2).sum(axis=1) / AGREEMENT_MM**2) ** 2
        matrix = _rigid_between(here, there, weights)
    return matrix


def _moved(matrix: Floats, point: Floats) -> Floats:
    """A point under a transform (4, 4)."""
    return np.asarray(matrix[:3, :3] @ point + matrix[:3, 3])


def _rigid_between(here: Floats, there: Floats, weights: Floats) -> Floats:
    """Weighted least squares rigid transform between point sets (Kabsch)."""
    share = (weights / weights.sum())[:, None]
    middle, goal = (share * here).sum(axis=0), (share * there).sum(axis=0)
    turn, _ = Rotation.align_vectors(there - goal, here - middle, weights=weights)
    matrix = np.eye(4)
    matrix[:3, :3] = turn.as_matrix()
    matrix[:3, 3] = goal - matrix[:3, :3] @ middle
    return matrix


def _starts(fixed: PreparedScan, moving: PreparedScan) -> list[Floats]:
    """Promising transforms from correlating bone maps, turned a little each way."""
    moving_map = _bone_map(moving.middle, np.eye(4))
    middle = np.asarray(fixed.middle.grid.positions_mm(np.asarray(fixed.middle.array.shape) / 2))
    found: list[tuple[float, Floats]] = []
    axes = [np.asarray(a) for a in product((-1, 0, 1), repeat=3) if np.abs(a).sum() <= 1]
    for axis in axes:
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_rotvec(axis * TURN_RAD).as_matrix()
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        fixed_map = _bone_map(fixed.middle, turn)
        for score, shift in _best_shifts(fixed_map, moving_map):
            matrix = turn.copy()
            matrix[:3, 3] += shift
            found.append((score, matrix))
    found.sort(key=lambda pair: -pair[0])
    return _spread_out([matrix for _, matrix in found], middle)


def _other_levels(matrix: Floats) -> list[Floats]:
    """The same alignment slipped by about one or two vertebrae each way."""
    slipped = []
    for slip_mm in LEVEL_SLIPS_MM:
        other = matrix.copy()
        other[2, 3] += slip_mm
        slipped.append(other)
    return slipped


def _spread_out(matrices: list[Floats], middle: Floats) -> list[Floats]:
    """The first starts of every place, so that one place does not take all."""
    kept: list[Floats] = []
    places: list[Floats] = []
    for matrix in matrices:
        place = (matrix @ np.append(middle, 1.0))[:3]
        near = sum(float(np.linalg.norm(place - other)) < 18.0 for other in places)
        if near < 2:
            kept.append(matrix)
            places.append(place)
    return kept[:STARTS]


def _bone_map(level: Level, turn: Floats) -> _BoneMap:
    """Bone of a level on patient axes, after turning it by a matrix (4, 4)."""
    bone = np.clip(level.array, *BONE_HU) - np.float32(BONE_HU[0])
    small = averaged(Level(bone, level.grid), MAP_MM)
    smooth = spline_image(small, (0.6 * MAP_MM,) * 3)
    corners = np.asarray(list(product(*[(0, n - 1) for n in small.array.shape])))
    ends = small.grid.positions_mm(corners) @ turn[:3, :3].T + turn[:3, 3]
    low = np.floor(ends.min(axis=0) / MAP_MM) * MAP_MM
    size = np.ceil((ends.max(axis=0) - low) / MAP_MM).astype(int) + 1
    grid = Grid(
        shape_zyx=(int(size[2]), int(size[1]), int(size[0])),
        spacing_xyz_mm=(MAP_MM,) * 3,
        origin_mm=(float(low[0]), float(low[1]), float(low[2])),
    )
    index = np.indices(grid.shape_zyx).reshape(3, -1).T
    values = smooth.values(
        grid.positions_mm(index), np.asarray(np.linalg.inv(turn), dtype=np.float64)
    )
    covered = np.isfinite(values)
    values[~covered] = 0.0
    shape = grid.shape_zyx
    return _BoneMap(
        values.reshape(shape).astype(np.float32), covered.reshape(shape).astype(np.float32), grid
    )


def _best_shifts(
    fixed: _BoneMap, moving: _BoneMap, count: int = PEAKS
) -> list[tuple[float, Floats]]:
    """Shifts (mm) with the highest correlation over the overlap; the scores say how high."""
    shape = [
        fft.next_fast_len(a + b, real=True)
        for a, b in zip(fixed.bone.shape, moving.bone.shape, strict=True)
    ]

    def spectrum(array: Singles) -> npt.NDArray[np.complex64]:
        return np.asarray(fft.rfftn(array, shape))

    def correlate(a: npt.NDArray[np.complex64], b: npt.NDArray[np.complex64]) -> Singles:
        return np.asarray(fft.irfftn(np.conj(a) * b, shape))

    f, ff, fm = (spectrum(a) for a in (fixed.bone, fixed.bone**2, fixed.covered))
    m, mm, mask = (spectrum(a) for a in (moving.bone, moving.bone**2, moving.covered))
    overlap = np.maximum(correlate(fm, mask), 1.0)
    sum_f, sum_m = correlate(f, mask), correlate(fm, m)
    power_f = correlate(ff, mask)
    power_m = correlate(fm, mm)
    share = (
        np.minimum(power_f / (fixed.bone**2).sum(), 1.0),
        np.minimum(power_m / (moving.bone**2).sum(), 1.0),
    )
    variance = (power_f - sum_f**2 / overlap) * (power_m - sum_m**2 / overlap)
    covariance = correlate(f, m) - sum_f * sum_m / overlap
    seen = np.clip(np.maximum(*share) / 0.6, 0.0, 1.0)
    score = covariance / np.sqrt(np.maximum(variance, 1e-3 * float(variance.max()))) * seen
    peaks = (score == ndimage.maximum_filter(score, 3, mode="wrap")) & (score > 0)
    index = np.argwhere(peaks)
    order = np.argsort(-score[peaks], kind="stable")[:count]
    offset = np.asarray(moving.grid.origin_mm) - np.asarray(fixed.grid.origin_mm)
    found = []
    for i in order:
        step = index[i].astype(np.float64)
        step[step > np.asarray(shape) / 2] -= np.asarray(shape)[step > np.asarray(shape) / 2]
        found.append((float(score[peaks][i]), step[::-1] * MAP_MM + offset))
    return found
