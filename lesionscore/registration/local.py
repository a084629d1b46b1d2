"""One lesion's bone: from the skeleton's transform to a fraction of a voxel.

Fits at 3 mm, 1.5 mm and native spacing, scored on the lesion's own bone. At the last step the
bone is cut into blocks; a block whose own residuals ask for another motion (the neighbour
across the joint, a growing osteophyte) loses its vote, and what remains of disagreement is the
measure of the error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lesionscore.registration.kernels import (
    block_motion,
    block_scores,
    motion_so_far,
    normal_equations,
    turn_matrix,
)
from lesionscore.registration.regions import OwnBone
from lesionscore.registration.rigid import FitRule, RigidFit, Samples, fit_rigid
from lesionscore.registration.scan import (
    MIDDLE_MM,
    Level,
    PreparedScan,
    SplineImage,
    common_sigmas,
    spline_image,
    windowed,
)

Floats = npt.NDArray[np.float64]

MARGIN_MM = 8.0
BLOCK_MM = 7.0
RIDGE = 20.0  # per mm^2: a block with less information than this stays silent
TOLERANCES_MM = (0.8, 0.5, 0.3, 0.2, 0.2)
CORE_ML, CORE_LIMITS_MM = 8.0, (8.0, 30.0)
WIDE_ML, WIDE_LIMITS_MM = 30.0, (15.0, 40.0)
FINE_TOLERANCES_MM = (1.0, 0.6, 0.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoom:
    """One step of the zoom."""

    spacing_mm: float
    reach_mm: float
    fall_mm: float
    points: int
    sigma_mm: float
    rule: FitRule


MIDDLE = Zoom(
    spacing_mm=3.0,
    reach_mm=55.0,
    fall_mm=25.0,
    points=4000,
    sigma_mm=1.8,
    rule=FitRule(
        noise_hu=30.0,
        slack_mm=0.5,
        shift_sd_mm=4.0,
        turn_sd_rad=0.1,
        max_step_mm=3.0,
        tolerance_mm=0.05,
    ),
)
FINE = Zoom(
    spacing_mm=1.5,
    reach_mm=50.0,
    fall_mm=22.0,
    points=12000,
    sigma_mm=1.0,
    rule=FitRule(shift_sd_mm=2.0, turn_sd_rad=0.06, slack_mm=0.25, max_step_mm=1.5, tolerance_mm=0.02),
)
LAST = Zoom(
    spacing_mm=1.0,
    reach_mm=45.0,
    fall_mm=22.0,
    points=30000,
    sigma_mm=0.7,
    rule=FitRule(shift_sd_mm=1.0, turn_sd_rad=0.03, slack_mm=0.15, max_step_mm=1.0),
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LocalFit:
    """The lesion's transform with what its error is judged by."""

    matrix: Floats
    covariance: Floats
    """Of turns (rad) and shifts (mm) at the lesion's centre, from the blocks' disagreement."""
    inverse_gap_mm: float
    core_gap_mm: float
    lead: float = 1.0
    core_mm: float = 0.0
    correlation: float
    covered: float
    agreeing: float
    """Share of the own bone's weight in blocks that move along."""
    points: float
    noise_factor: float


def align_locally(
    fixed: PreparedScan, moving: PreparedScan, own: OwnBone, starts: list[Floats]
) -> LocalFit | None:
    """Zoom in on a lesion from the best of several starts; None where there is no image."""
    candidates = _candidates(fixed, moving, own, starts)
    if not candidates:
        return None
    matrix = candidates[0][1]
    centre = np.append(own.region.centre_mm, 1.0)
    others = [
        score
        for score, other in candidates[1:]
        if np.linalg.norm(((other - matrix) @ centre)[:3]) > 2.5
    ]
    prepared = _prepared(fixed, moving, own, LAST, [matrix])
    if prepared is None:
        return None
    fit = _last_fit(*prepared, matrix, own)
    return replace(fit, lead=candidates[0][0] - max(others, default=0.0))


def _candidates(
    fixed: PreparedScan, moving: PreparedScan, own: OwnBone, starts: list[Floats]
) -> list[tuple[float, Floats]]:
    """Fits at 3 mm from every start, the best of them at 1.5 mm; best first, with their scores."""
    found = [(0.0, start) for start in starts]
    for zoom, most in ((MIDDLE, len(starts)), (FINE, 4)):
        prepared = _prepared(fixed, moving, own, zoom, [matrix for _, matrix in found])
        if prepared is None:
            return []
        samples, target, _ = prepared
        fitted = []
        for _, start in found[:most]:
            fit = fit_rigid(samples, target, start, zoom.rule)
            if zoom is FINE:
                fit = _grow(samples, target, fit.matrix, own, zoom.rule, FINE_TOLERANCES_MM).fit
            fitted.append((fit.correlation * min(1.0, fit.covered / 0.7), fit.matrix))
        fitted.sort(key=lambda pair: -pair[0])
        found = _distinct(fitted, samples.centre_mm, 0.5 * zoom.spacing_mm)
    return found


def _distinct(
    scored: list[tuple[float, Floats]], centre_mm: Floats, apart_mm: float
) -> list[tuple[float, Floats]]:
    """Drop what lies within `apart_mm` of something better."""
    kept: list[tuple[float, Floats]] = []
    for score, matrix in scored:
        gaps = (motion_so_far(other[:3].copy(), matrix[:3].copy(), centre_mm) for _, other in kept)
        if all(np.linalg.norm(gap[3:]) + 20.0 * np.linalg.norm(gap[:3]) > apart_mm for gap in gaps):
            kept.append((score, matrix))
    return kept


def _prepared(
    fixed: PreparedScan, moving: PreparedScan, own: OwnBone, zoom: Zoom, starts: list[Floats]
) -> tuple[Samples, SplineImage, SplineImage] | None:
    """Samples of the own bone at one step, and the spline images of both scans around it."""
    reach = zoom.reach_mm + own.region.radius_mm
    places = [(start @ np.append(own.region.centre_mm, 1.0))[:3] for start in starts]
    spread = min(max(float(np.linalg.norm(place - places[0])) for place in places), 25.0)
    if zoom.spacing_mm >= MIDDLE_MM:
        near = fixed.middle.crop(own.region.centre_mm, reach)
        far = moving.middle.crop(places[0], reach + MARGIN_MM + spread)
    else:
        x, y, z = places[0]
        near = fixed.fine(own.region.centre_mm, reach, zoom.spacing_mm)
        far = moving.fine((x, y, z), reach + MARGIN_MM + spread, zoom.spacing_mm)
    if near is None or far is None:
        return None
    sigmas = common_sigmas(near.grid, far.grid, zoom.sigma_mm, starts[0][:3, :3])
    image = spline_image(windowed(near), sigmas[0])
    samples = own.samples(near, image, zoom.fall_mm, zoom.points)
    if len(samples.values) < 100:
        return None
    return samples, spline_image(windowed(far), sigmas[1]), image


@dataclass(frozen=True, slots=True, eq=False)
class _Grown:
    """A fit that began at the lesion and took in as much bone as moves along."""

    samples: Samples
    fit: RigidFit
    core_matrix: Floats
    blocks: npt.NDArray[np.int64]
    count: int
    agreeing: float


def _grow(
    samples: Samples, target: SplineImage, start: Floats, own: OwnBone, rule: FitRule,
    tolerances_mm: tuple[float, ...],
) -> _Grown:
    """Fit the bone next to the lesion, then ever more of it, without the blocks that disagree."""
    away = own.away_mm(samples.positions_mm)
    core = np.exp(-0.5 * (away / own.extent_mm(CORE_ML, CORE_LIMITS_MM)) ** 2)
    wide = np.exp(-0.5 * (away / own.extent_mm(WIDE_ML, WIDE_LIMITS_MM)) ** 2)
    blocks, count = _blocks(samples)
    fit = fit_rigid(samples.with_weights(core), target, start, rule)
    core_matrix = fit.matrix
    agreement = np.ones(count)
    for turn, tolerance in enumerate(tolerances_mm, start=1):
        share = turn / len(tolerances_mm)
        weights = core ** (1.0 - share) * wide**share
        agreement = _agreement(samples, fit, rule, blocks, count, tolerance)
        samples = samples.with_weights(weights * agreement[blocks])
        fit = fit_rigid(samples, target, fit.matrix, rule)
    agreeing = float((wide * agreement[blocks]).sum() / wide.sum())
    return _Grown(samples, fit, core_matrix, blocks, count, agreeing)


def _last_fit(
    samples: Samples, target: SplineImage, image: SplineImage, matrix: Floats, own: OwnBone
) -> LocalFit:
    """Fit, silence the blocks that move otherwise, fit again; then the inverse."""
    grown = _grow(samples, target, matrix, own, LAST.rule, TOLERANCES_MM)
    samples, fit = grown.samples, grown.fit
    covariance = _covariance(samples, fit, grown.blocks, grown.count)
    back = _inverse_fit(samples, fit, image, target)
    centre = samples.centre_mm
    gap = motion_so_far(fit.matrix[:3].copy(), back[:3].copy(), centre)
    half = _moved(fit.matrix, 0.5 * gap, centre)
    core_gap = motion_so_far(grown.core_matrix[:3].copy(), half[:3].copy(), centre)
    return LocalFit(
        matrix=half,
        covariance=covariance,
        core_mm=own.extent_mm(CORE_ML, CORE_LIMITS_MM),
        inverse_gap_mm=float(np.linalg.norm(gap[3:])),
        core_gap_mm=float(np.linalg.norm(core_gap[3:])),
        correlation=fit.correlation,
        covered=fit.covered,
        agreeing=grown.agreeing,
        points=float(samples.weights.sum()),
        noise_factor=fit.noise_factor,
    )


def _blocks(samples: Samples) -> tuple[npt.NDArray[np.int64], int]:
    """Number of the block that each sample lies in, and how many blocks there are."""
    cells = np.floor((samples.positions_mm - samples.centre_mm) / BLOCK_MM + 64).astype(np.int64)
    keys = (cells[:, 0] * 128 + cells[:, 1]) * 128 + cells[:, 2]
    unique, blocks = np.unique(keys, return_inverse=True)
    return blocks.astype(np.int64), len(unique)


def _agreement(
    samples: Samples,
    fit: RigidFit,
    rule: FitRule,
    blocks: npt.NDArray[np.int64],
    count: int,
    tolerance_mm: float,
) -> Floats:
    """1 for blocks that the fit explains, towards 0 for those that ask for another motion."""
    residuals = _residuals(samples, fit)
    gradient2 = (samples.gradients**2).sum(axis=1)
    variance = fit.noise_factor**2 * (rule.noise_hu**2 + rule.slack_mm**2 * gradient2)
    shifts, _ = block_motion(blocks, count, samples.gradients, residuals, 1.0 / variance, RIDGE)
    asked = np.sqrt((shifts**2).sum(axis=1))
    return np.asarray((1.0 + (asked / tolerance_mm) ** 2) ** -2.0)


def _residuals(samples: Samples, fit: RigidFit) -> Floats:
    """Moving minus fixed, on the fixed scan's scale; NaN outside."""
    return np.asarray((fit.moving_values - fit.level_hu) / fit.gain - samples.values)


def _covariance(
    samples: Samples, fit: RigidFit, blocks: npt.NDArray[np.int64], count: int
) -> Floats:
    """Covariance of turns and shifts, each block taken as one observation (sandwich)."""
    offsets = samples.positions_mm - samples.centre_mm
    weights = fit.final_weights
    lhs, _ = normal_equations(
        offsets, samples.values, samples.gradients, fit.moving_values, weights
    )
    bread = np.linalg.inv(lhs[2:, 2:] + np.diag([1e-3] * 3 + [1e-3] * 3))
    scores = block_scores(
        blocks, count, offsets, samples.gradients, _residuals(samples, fit), weights
    )
    meat = np.zeros((6, 6))
    for score in scores:
        meat += score[:, None] * score[None, :]
    used = (scores != 0).any(axis=1).sum()
    return np.asarray(bread @ meat @ bread * used / max(used - 6, 1))


def _inverse_fit(samples: Samples, fit: RigidFit, image: SplineImage, target: SplineImage) -> Floats:
    """The same fit with the scans' roles exchanged, as `moving_from_fixed`."""
    there = samples.positions_mm @ fit.matrix[:3, :3].T + fit.matrix[:3, 3]
    there = np.ascontiguousarray(there)
    values, gradients = target.values_and_gradients(there)
    inside = np.isfinite(values)
    back = Samples(
        positions_mm=np.ascontiguousarray(there[inside]),
        values=np.ascontiguousarray(values[inside]),
        gradients=np.ascontiguousarray(gradients[inside]),
        weights=np.ascontiguousarray(samples.weights[inside]),
        centre_mm=(fit.matrix @ np.append(samples.centre_mm, 1.0))[:3],
    )
    rule = replace(LAST.rule, iterations=15)
    found = fit_rigid(back, image, np.linalg.inv(fit.matrix), rule)
    return np.linalg.inv(found.matrix)


def _moved(matrix: Floats, motion: Floats, centre: Floats) -> Floats:
    """A transform after a small motion (turn vector and shift) about a centre of the fixed scan."""
    step = np.eye(4)
    step[:3, :3] = turn_matrix(motion[:3])
    step[:3, 3] = centre + motion[3:] - step[:3, :3] @ centre
    return np.asarray(matrix @ step)
