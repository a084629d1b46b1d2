"""Lesions of one bone move alike: what one of them knows about the other's alignment.

A lesion beside a worn joint has as much of the other bone around it as of its own, and its fit
may follow that one. Another lesion deeper in the same bone does not have this trouble. Where
the two disagree, the bone right around the lesion decides between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lesionscore.registration.growth import grow
from lesionscore.registration.local import LAST, LocalFit, prepared_at
from lesionscore.registration.regions import OwnBone
from lesionscore.registration.rigid import Samples, fit_rigid
from lesionscore.registration.scan import PreparedScan, SplineImage

Floats = npt.NDArray[np.float64]

NEAR_MM = 50.0
WAY_MM = 20.0
"""Through bone, from rim to rim."""
LEAST_GAP_MM = 0.3
LEAST_BETTER = 0.001
"""In correlation."""
AROUND_ML, AROUND_LIMITS_MM = 2.5, (4.0, 20.0)
HELD = replace(LAST.rule, shift_sd_mm=0.15, turn_sd_rad=0.005)
"""One bone: what a lesion's own surroundings may still change about its companion's transform."""


@dataclass(frozen=True, slots=True, eq=False)
class Zoomed:
    """One lesion's bone and its own fit."""

    own: OwnBone
    fit: LocalFit | None


def with_companions(
    fixed: PreparedScan, moving: PreparedScan, lesions: Sequence[Zoomed], i: int
) -> LocalFit | None:
    """Fit of a lesion, or what a companion's makes of it where that explains its rim better.

    Parameters
    ----------
    fixed, moving : PreparedScan
        The two scans.
    lesions : sequence of Zoomed
        All lesions of the pair.
    i : int
        Which one.

    Returns
    -------
    LocalFit or None
        The lesion's own fit where no companion disagrees, or where the companion's transform
        fits the bone around this lesion less well.
    """
    own, fit = lesions[i].own, lesions[i].fit
    if fit is None:
        return None
    others = [_transform(own, fit, other) for k, other in enumerate(lesions) if k != i]
    rivals = [matrix for matrix in others if matrix is not None]
    if not rivals:
        return fit
    prepared = prepared_at(fixed, moving, own, LAST, [fit.matrix, *rivals])
    if prepared is None:
        return fit
    samples, target, _ = prepared
    scores = [_around(samples, target, own, matrix) for matrix in (fit.matrix, *rivals)]
    best = int(np.argmax(scores))
    if scores[best] < scores[0] + LEAST_BETTER:
        return fit
    growth = grow(samples, target, rivals[best - 1], own, HELD, ())
    return LocalFit(
        matrix=growth.fit.matrix,
        growth=growth,
        inverse_gap_mm=0.0,
        core_gap_mm=0.0,
        lead=fit.lead,
    )


def _transform(own: OwnBone, fit: LocalFit, other: Zoomed) -> Floats | None:
    """Transform of a lesion in the same bone that moves this one to another place."""
    centre, there = np.asarray(own.region.centre_mm), np.asarray(other.own.region.centre_mm)
    if other.fit is None or np.linalg.norm(there - centre) > NEAR_MM:
        return None
    gap = ((other.fit.matrix - fit.matrix) @ np.append(centre, 1.0))[:3]
    if np.linalg.norm(gap) < LEAST_GAP_MM or own.way_mm(other.own.region) > WAY_MM:
        return None
    return other.fit.matrix


def _around(samples: Samples, target: SplineImage, own: OwnBone, matrix: Floats) -> float:
    """Correlation of the bone right around a lesion under a transform."""
    fall = own.extent_mm(AROUND_ML, AROUND_LIMITS_MM)
    near = np.exp(-0.5 * (own.away_mm(samples.positions_mm) / fall) ** 2)
    as_is = replace(LAST.rule, iterations=0)
    found = fit_rigid(samples.with_weights(near), target, matrix, as_is)
    return found.correlation * min(1.0, found.covered / 0.7)
