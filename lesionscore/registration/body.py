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

from lesionscore.registration.rigid import FitRule, RigidFit, Samples, fit_rigid
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

BONE_HU = (120.0, 800.0)
MAP_MM = 12.0
TURN_RAD = np.deg2rad(9.0)
MAX_POINTS = 10000
STARTS = 16
LEVEL_SLIPS_MM = (-72.0, -60.0, -48.0, -36.0, -24.0, -14.0, 14.0, 24.0, 36.0, 48.0, 60.0, 72.0)
PEAKS = 10


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


def bone_samples(level: Level, image: SplineImage, limit: int = MAX_POINTS) -> Samples:
    """Points on and just around bone of a whole level, evenly thinned to at most `limit`."""
    bone = ndimage.binary_dilation(level.array > BONE_HU[0] + 60.0, iterations=1)
    index = np.argwhere(bone)
    if len(index) > limit:
        index = index[np.linspace(0, len(index) - 1, limit).astype(np.int64)]
    positions = level.grid.positions_mm(index) if len(index) else np.empty((0, 3))
    values, gradients = image.values_and_gradients(positions)
    centre = positions.mean(axis=0) if len(positions) else np.zeros(3)
    return Samples(positions, values, gradients, np.ones(len(positions)), centre)


def align_bodies(fixed: PreparedScan, moving: PreparedScan) -> list[BodyAlignment]:
    """Candidates for the transform of the whole skeleton, best first.

    Returns
    -------
    list of BodyAlignment
        At least one; all lie apart by more than the fits could bridge.
    """
    starts = _starts(fixed, moving)
    still = np.eye(3)
    sigmas = common_sigmas(fixed.coarse.grid, moving.coarse.grid, 5.0, still)
    image = spline_image(windowed(fixed.coarse), sigmas[0])
    target = spline_image(windowed(moving.coarse), sigmas[1])
    samples = bone_samples(fixed.coarse, image)
    rule = FitRule(
        noise_hu=60.0,
        slack_mm=3.0,
        shift_sd_mm=30.0,
        turn_sd_rad=0.3,
        max_step_mm=12.0,
        iterations=40,
        tolerance_mm=0.1,
    )
    fits = [fit_rigid(samples, target, start, rule) for start in starts]
    best = max(fits, key=body_score)
    fits += [fit_rigid(samples, target, start, rule) for start in _other_levels(best.matrix)]
    candidates = [BodyAlignment(fit.matrix, body_score(fit)) for fit in fits]
    candidates.sort(key=lambda candidate: -candidate.score)
    kept: list[BodyAlignment] = []
    for candidate in candidates:
        middle = np.append(samples.centre_mm, 1.0)
        places = [(other.matrix @ middle)[:3] for other in kept]
        here = (candidate.matrix @ middle)[:3]
        if all(np.linalg.norm(here - place) > 10.0 for place in places):
            kept.append(candidate)
    return kept


def body_score(fit: RigidFit) -> float:
    """Correlation over the overlap, taken down where little of the skeleton overlaps."""
    return float(fit.correlation * min(1.0, fit.covered / 0.3) ** 0.5)


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
