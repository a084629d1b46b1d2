"""One lesion's bone: from the skeleton's transform to a fraction of a voxel.

Fits at 3 mm and 1.5 mm from several starts, scored on the lesion's own bone; then the last fit
at native spacing, forward and backward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lesionscore.quantities import PositionMm
from lesionscore.registration.growth import Growth, grow
from lesionscore.registration.kernels import motion_so_far, turn_matrix
from lesionscore.registration.regions import OwnBone
from lesionscore.registration.rigid import FitRule, Samples, fit_rigid
from lesionscore.registration.scan import (
    MIDDLE_MM,
    PreparedScan,
    SplineImage,
    common_sigmas,
    spline_image,
    windowed,
)

Floats = npt.NDArray[np.float64]

MARGIN_MM = 8.0
WANDERED_MM = 0.7
STRAYED_MM = (1.5, 6.0)
MOST_RIVALS = 2
RIVAL_BEHIND = 0.02  # in correlation: no clear lead
LEAST_RIVAL_COVERED = 0.6
APART_MM = 2.5  # ends of fits that lie farther apart are different answers


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
    rule=FitRule(
        shift_sd_mm=2.0, turn_sd_rad=0.06, slack_mm=0.25, max_step_mm=1.5, tolerance_mm=0.02
    ),
)
LAST = Zoom(
    spacing_mm=1.0,
    reach_mm=45.0,
    fall_mm=22.0,
    points=30000,
    sigma_mm=0.7,
    rule=FitRule(shift_sd_mm=1.0, turn_sd_rad=0.03, slack_mm=0.15, max_step_mm=1.0),
)
FINE_TOLERANCES_MM = (1.0, 0.6, 0.4)
LAST_TOLERANCES_MM = (0.8, 0.5, 0.3, 0.2, 0.2)
RIVAL_TOLERANCES_MM, RIVAL_STEP = (0.8, 0.4, 0.2), 3


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LocalFit:
    """The lesion's transform with what its error is judged by.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        ``moving_from_fixed``, the middle of the forward and the backward fit.
    growth : Growth
        The forward fit.
    inverse_gap_mm, core_gap_mm : float
        Distance at the lesion's centre between the forward and the backward fit, and between
        the fit of the bone next to the lesion alone and the result.
    lead : float
        Lead in correlation over the best different answer.
    rival_gap_mm : float
        Distance at the lesion's centre to another answer that explains the bone as well: a ball in
        its socket may follow either bone. 0 if there is none.
    """

    matrix: Floats
    growth: Growth
    inverse_gap_mm: float
    core_gap_mm: float
    lead: float
    rival_gap_mm: float = 0.0


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
        if np.linalg.norm(((other - matrix) @ centre)[:3]) > APART_MM
    ]
    rivals = _strayed(starts, matrix, own.region.centre_mm)
    prepared = prepared_at(fixed, moving, own, LAST, [matrix, *rivals])
    if prepared is None:
        return None
    fit = _last_fit(*prepared, matrix, own, candidates[0][0] - max(others, default=0.0))
    return replace(fit, rival_gap_mm=_rival_gap_mm(fit, rivals, *prepared[:2], own))


def _strayed(starts: list[Floats], matrix: Floats, centre_mm: PositionMm) -> list[Floats]:
    """Starts that lie well apart from a fit, and from one another, the likeliest first."""
    kept: list[tuple[float, Floats]] = []
    for start in starts:
        gap = float(np.linalg.norm(((start - matrix) @ np.append(centre_mm, 1.0))[:3]))
        if STRAYED_MM[0] < gap < STRAYED_MM[1]:
            kept.append((0.0, start))
    distinct = _distinct(kept, np.asarray(centre_mm, dtype=np.float64), STRAYED_MM[0])
    return [start for _, start in distinct[:MOST_RIVALS]]


def _rival_gap_mm(
    fit: LocalFit, rivals: list[Floats], samples: Samples, target: SplineImage, own: OwnBone
) -> float:
    """How far off the farthest other answer lies that explains the bone as well."""
    centre = np.append(samples.centre_mm, 1.0)
    least = fit.growth.fit.correlation - RIVAL_BEHIND
    gaps = [0.0]
    few = samples.chosen(np.arange(len(samples.values)) % RIVAL_STEP == 0)
    for start in rivals:
        rival = grow(few, target, start, own, LAST.rule, RIVAL_TOLERANCES_MM).fit
        if rival.correlation > least and rival.covered > LEAST_RIVAL_COVERED:
            gaps.append(float(np.linalg.norm(((rival.matrix - fit.matrix) @ centre)[:3])))
    return max(gaps)


def _candidates(
    fixed: PreparedScan, moving: PreparedScan, own: OwnBone, starts: list[Floats]
) -> list[tuple[float, Floats]]:
    """Fits at 3 mm from every start, the best of them at 1.5 mm; best first, with their scores."""
    found = [(0.0, start) for start in starts]
    for zoom, most in ((MIDDLE, len(starts)), (FINE, 4)):
        prepared = prepared_at(fixed, moving, own, zoom, [matrix for _, matrix in found])
        if prepared is None:
            return []
        samples, target, _ = prepared
        fitted = []
        for _, start in found[:most]:
            fit = fit_rigid(samples, target, start, zoom.rule)
            if zoom is FINE:
                fit = grow(samples, target, fit.matrix, own, zoom.rule, FINE_TOLERANCES_MM).fit
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
        gaps = (_motion(other, matrix, centre_mm) for _, other in kept)
        if all(np.linalg.norm(gap[3:]) + 20.0 * np.linalg.norm(gap[:3]) > apart_mm for gap in gaps):
            kept.append((score, matrix))
    return kept


def prepared_at(
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


def _last_fit(
    samples: Samples,
    target: SplineImage,
    image: SplineImage,
    matrix: Floats,
    own: OwnBone,
    lead: float,
) -> LocalFit:
    """Grow the fit at native spacing, repeat it with the scans exchanged, take the middle."""
    growth = grow(samples, target, matrix, own, LAST.rule, LAST_TOLERANCES_MM)
    wandered = _motion(growth.core_matrix, growth.fit.matrix, samples.centre_mm)
    if float(np.linalg.norm(wandered[3:])) > WANDERED_MM:
        # the bone next to the lesion began in the wrong place; does it hold where the rest went?
        growth = grow(samples, target, growth.fit.matrix, own, LAST.rule, LAST_TOLERANCES_MM)
    forward = growth.fit.matrix
    back = _inverse_fit(growth, image, target)
    centre = samples.centre_mm
    gap = _motion(forward, back, centre)
    middle = _moved(forward, 0.5 * gap, centre)
    core_gap = _motion(growth.core_matrix, middle, centre)
    return LocalFit(
        matrix=middle,
        growth=growth,
        inverse_gap_mm=float(np.linalg.norm(gap[3:])),
        core_gap_mm=float(np.linalg.norm(core_gap[3:])),
        lead=lead,
    )


def _inverse_fit(growth: Growth, image: SplineImage, target: SplineImage) -> Floats:
    """The same fit with the scans' roles exchanged, as `moving_from_fixed`."""
    samples, matrix = growth.samples, growth.fit.matrix
    there = np.asarray(
        [(samples.positions_mm * row[:3]).sum(axis=1) + row[3] for row in matrix[:3]]
    )
    values, gradients = target.values_and_gradients(np.ascontiguousarray(there.T))
    inside = np.isfinite(values)
    back = Samples(
        positions_mm=np.ascontiguousarray(there.T[inside]),
        values=np.ascontiguousarray(values[inside]),
        gradients=np.ascontiguousarray(gradients[inside]),
        weights=np.ascontiguousarray(samples.weights[inside]),
        centre_mm=(matrix @ np.append(samples.centre_mm, 1.0))[:3],
    )
    rule = replace(LAST.rule, iterations=15)
    found = fit_rigid(back, image, np.asarray(np.linalg.inv(matrix), dtype=np.float64), rule)
    return np.asarray(np.linalg.inv(found.matrix), dtype=np.float64)


def _motion(start: Floats, end: Floats, centre_mm: Floats) -> Floats:
    """Turn vector and shift, at the centre, that lead from one transform to another."""
    return np.asarray(
        motion_so_far(np.ascontiguousarray(start[:3]), np.ascontiguousarray(end[:3]), centre_mm)
    )


def _moved(matrix: Floats, motion: Floats, centre: Floats) -> Floats:
    """A transform after a small motion (turn vector and shift) about a centre of the fixed scan."""
    step = np.eye(4)
    step[:3, :3] = turn_matrix(motion[:3])
    step[:3, 3] = centre + motion[3:] - step[:3, :3] @ centre
    return np.asarray(matrix @ step)
