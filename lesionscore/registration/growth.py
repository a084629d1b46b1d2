"""The last fit of a lesion's bone: begun next to the lesion, grown over what moves along.

The bone is cut into blocks. A block whose own residuals ask for another motion (the neighbour
across the joint, a growing osteophyte) loses its vote; what remains of disagreement between
the blocks that vote is what the error is judged by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.registration.kernels import block_motion, block_scores, normal_equations
from lesionscore.registration.regions import OwnBone
from lesionscore.registration.rigid import FitRule, RigidFit, Samples, fit_rigid
from lesionscore.registration.scan import SplineImage

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCK_MM = 7.0
RIDGE = 20.0  # per mm^2: a block with less information than this stays silent
CORE_ML, CORE_LIMITS_MM = 5.0, (8.0, 30.0)
WIDE_ML, WIDE_LIMITS_MM = 30.0, (15.0, 40.0)
AROUND_MM, APART_MM, SURE_MM = 10.0, 1.0, 0.3


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Growth:
    """A fit that began at the lesion, and how well the bone went along.

    Parameters
    ----------
    samples : Samples
        With the weights that they ended with.
    fit : RigidFit
        The last fit.
    core_matrix : ndarray, shape (4, 4)
        The first fit, of the bone next to the lesion alone.
    covariance : ndarray, shape (6, 6)
        Of turns (rad) and shifts (mm) at the lesion's centre, each block one observation.
    near_shift_mm : float
        Shift that the bone next to the lesion still asks for.
    near_spread_mm : float
        How much the blocks next to the lesion contradict one another, beyond noise.
    apart_share, apart_mm : float
        Share, 0 to 1, of the bone right around the lesion that goes elsewhere, and how far.
    """

    samples: Samples
    fit: RigidFit
    core_matrix: Floats
    covariance: Floats
    near_shift_mm: float
    near_spread_mm: float
    apart_share: float
    apart_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """Which block each sample lies in, and how many blocks there are."""

    of_sample: Integers
    count: int


def grow(
    samples: Samples,
    target: SplineImage,
    start: Floats,
    own: OwnBone,
    rule: FitRule,
    tolerances_mm: tuple[float, ...],
) -> Growth:
    """Fit the bone next to the lesion, then ever more of it, without the blocks that disagree.

    Parameters
    ----------
    samples : Samples
        Points of the lesion's bone and its neighbours.
    target : SplineImage
        The moving scan there.
    start : ndarray, shape (4, 4)
        ``moving_from_fixed`` to begin with.
    own : OwnBone
        Says how far from the lesion a point is, through bone.
    rule : FitRule
        For every fit.
    tolerances_mm : tuple of float
        One round each: a block that asks for more than this weighs a quarter.
    """
    away = own.away_mm(samples.positions_mm)
    core = np.exp(-0.5 * (away / own.extent_mm(CORE_ML, CORE_LIMITS_MM)) ** 2)
    wide = np.exp(-0.5 * (away / own.extent_mm(WIDE_ML, WIDE_LIMITS_MM)) ** 2)
    blocks = _blocks(samples)
    fit = fit_rigid(samples.with_weights(core), target, start, rule)
    core_matrix = fit.matrix
    agreement = np.ones(blocks.count)
    for turn, tolerance in enumerate(tolerances_mm, start=1):
        share = turn / len(tolerances_mm)
        asked2, noise2 = _asked(samples, fit, rule, blocks)
        agreement = (1.0 + asked2 / (tolerance**2 + noise2)) ** -2.0
        weights = core ** (1.0 - share) * wide**share
        samples = samples.with_weights(weights * agreement[blocks.of_sample])
        fit = fit_rigid(samples, target, fit.matrix, rule)
    apart_share, apart_mm = _apart(samples, fit, rule, blocks, own)
    return Growth(
        samples=samples,
        fit=fit,
        core_matrix=core_matrix,
        covariance=_covariance(samples, fit, blocks),
        near_shift_mm=_shift_asked(samples, fit, rule, core),
        near_spread_mm=_spread(samples, fit, rule, blocks, core),
        apart_share=apart_share,
        apart_mm=apart_mm,
    )


def _blocks(samples: Samples) -> _Blocks:
    """Cut the samples into cubes around the lesion's centre."""
    cells = np.floor((samples.positions_mm - samples.centre_mm) / BLOCK_MM + 64).astype(np.int64)
    keys = (cells[:, 0] * 128 + cells[:, 1]) * 128 + cells[:, 2]
    unique, of_sample = np.unique(keys, return_inverse=True)
    return _Blocks(of_sample.astype(np.int64), len(unique))


def _asked(
    samples: Samples, fit: RigidFit, rule: FitRule, blocks: _Blocks
) -> tuple[Floats, Floats]:
    """Square of the shift that each block asks for, and what noise alone would ask for, mm^2."""
    shifts, information = block_motion(
        blocks.of_sample,
        blocks.count,
        samples.gradients,
        residuals(samples, fit),
        1.0 / _variance(samples, fit, rule),
        RIDGE,
    )
    return (shifts**2).sum(axis=1), 3.0 * information / (information + RIDGE) ** 2


def _shift_asked(samples: Samples, fit: RigidFit, rule: FitRule, core: Floats) -> float:
    """Length of the shift that the bone next to the lesion asks for as a whole, mm."""
    one = np.zeros(len(core), np.int64)
    weights = core / _variance(samples, fit, rule)
    shift, _ = block_motion(one, 1, samples.gradients, residuals(samples, fit), weights, RIDGE)
    return float(np.linalg.norm(shift))


def _spread(samples: Samples, fit: RigidFit, rule: FitRule, blocks: _Blocks, core: Floats) -> float:
    """Median shift beyond noise that blocks next to the lesion ask for, mm."""
    asked2, noise2 = _asked(samples, fit, rule, blocks)
    sizes = np.bincount(blocks.of_sample, minlength=blocks.count)
    near = np.bincount(blocks.of_sample, core, blocks.count) > 0.5 * sizes
    near &= noise2 < 0.2**2
    if not near.any():
        return 0.0
    return float(np.sqrt(max(float(np.median(asked2[near] - noise2[near])), 0.0)))


def _apart(
    samples: Samples, fit: RigidFit, rule: FitRule, blocks: _Blocks, own: OwnBone
) -> tuple[float, float]:
    """Share of the bone right around the lesion that asks for another place, and how far, mm.

    So it is seen if the fit followed the socket, and the head that holds the lesion went elsewhere.
    """
    asked2, noise2 = _asked(samples, fit, rule, blocks)
    excess2 = np.where(noise2 < SURE_MM**2, asked2 - noise2, 0.0)[blocks.of_sample]
    sure = (noise2 < SURE_MM**2)[blocks.of_sample]
    near = sure & (own.away_mm(samples.positions_mm) < AROUND_MM)
    elsewhere = near & (excess2 > APART_MM**2)
    if not elsewhere.any():
        return 0.0, 0.0
    return float(elsewhere.sum() / near.sum()), float(np.sqrt(excess2[elsewhere].mean()))


def residuals(samples: Samples, fit: RigidFit) -> Floats:
    """Moving minus fixed, on the fixed scan's scale; NaN outside."""
    return np.asarray((fit.moving_values - fit.level_hu) / fit.gain - samples.values)


def _variance(samples: Samples, fit: RigidFit, rule: FitRule) -> Floats:
    """Variance of the residuals by the fit's model."""
    gradient2 = (samples.gradients**2).sum(axis=1)
    return np.asarray(fit.noise_factor**2 * (rule.noise_hu**2 + rule.slack_mm**2 * gradient2))


def _covariance(samples: Samples, fit: RigidFit, blocks: _Blocks) -> Floats:
    """Covariance of turns and shifts, each block taken as one observation (sandwich)."""
    offsets = samples.positions_mm - samples.centre_mm
    lhs, _ = normal_equations(
        offsets, samples.values, samples.gradients, fit.moving_values, fit.final_weights
    )
    bread = np.linalg.inv(lhs[2:, 2:] + 1e-3 * np.eye(6))
    scores = block_scores(
        blocks.of_sample,
        blocks.count,
        offsets,
        samples.gradients,
        residuals(samples, fit),
        fit.final_weights,
    )
    meat = np.zeros((6, 6))
    for score in scores:
        meat += score[:, None] * score[None, :]
    used = int((scores != 0).any(axis=1).sum())
    return np.asarray(bread @ meat @ bread * used / max(used - 6, 1))
