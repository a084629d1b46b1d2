"""Proportions with intervals, also where lesions come in patients, and several tests at once.

Thin wrappers around scipy and statsmodels that say why a number could not be had, instead of
warning or giving one that means nothing. What is counted is `endpoints`' business; changes of
continuous values are in `change_statistics`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import statsmodels.api as sm
from scipy import stats
from statsmodels.genmod.cov_struct import Exchangeable, Independence
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from lesionscore.errors import ScoringError
from lesionscore.protocol.analysis_rules import IntervalMethod, Multiplicity

FEWEST_CLUSTERS = 5
"""Below this many patients neither resampling patients nor GEE says anything."""


class EstimateState(StrEnum):
    """Whether an estimate could be had."""

    ESTIMATED = "estimated"
    """Fitted; the numbers count."""
    NO_DATA = "no_data"
    """Nothing was observed."""
    TOO_FEW = "too_few"
    """Too few patients or values for the method."""
    ALL_ALIKE = "all_alike"
    """All healed, or none, or no spread: the method has no answer."""
    NOT_CONVERGED = "not_converged"
    """The fit failed; the exact or paired estimate beside it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval, or why there is none.

    Parameters
    ----------
    method : str
        How it was computed.
    state : EstimateState
        Whether `low` and `high` are there.
    estimate : float or None
        The method's own point estimate, where it has one.
    low, high : float or None
        Limits; None unless estimated.
    detail : str
        What the method needs to have said: resamples and seed, correlation, degrees of freedom.
    """

    method: str
    state: EstimateState
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    detail: str = ""


_STATSMODELS_NAME = {IntervalMethod.CLOPPER_PEARSON: "beta", IntervalMethod.WILSON: "wilson"}


def proportion_interval(
    successes: int, trials: int, confidence: float, method: IntervalMethod
) -> Interval:
    """Confidence interval of a proportion of independent trials.

    Parameters
    ----------
    successes, trials : int
        How many of how many.
    confidence : float
        Level, such as 0.95.
    method : IntervalMethod
        Clopper-Pearson (exact) or Wilson (score).

    Returns
    -------
    Interval
        ``no_data`` if there are no trials.

    Raises
    ------
    ScoringError
        If the counts are no counts.

    Examples
    --------
    >>> interval = proportion_interval(27, 64, 0.95, IntervalMethod.CLOPPER_PEARSON)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.299, 0.552)
    """
    if not 0 <= successes <= trials:
        raise ScoringError(f"{successes} of {trials} is no proportion; 0 <= successes <= trials")
    if trials == 0:
        return Interval(method=method.value, state=EstimateState.NO_DATA)
    low, high = proportion_confint(
        successes, trials, alpha=1.0 - confidence, method=_STATSMODELS_NAME[method]
    )
    # the exact limits of none and of all are 0 and 1; rounding leaves nan or 1e-17
    return Interval(
        method=method.value,
        state=EstimateState.ESTIMATED,
        estimate=successes / trials,
        low=0.0 if successes == 0 else float(low),
        high=1.0 if successes == trials else float(high),
    )


def bootstrap_interval(
    healed: npt.NDArray[np.bool_],
    patients: Sequence[str],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval:
    """Percentile interval of the proportion of lesions when patients are drawn, not lesions.

    Parameters
    ----------
    healed : ndarray, shape (n,), bool
        One value a lesion.
    patients : sequence of str, length n
        Whose lesion it is: a drawn patient brings all of them.
    confidence : float
        Level, such as 0.95.
    resamples, seed : int
        How many draws, and where the random numbers begin.

    Returns
    -------
    Interval
        ``all_alike`` where all or no lesions are healed: every draw gives the same.
    """
    method = "cluster_bootstrap"
    if len(healed) == 0:
        return Interval(method=method, state=EstimateState.NO_DATA)
    _, code = np.unique(np.asarray(patients, dtype=object).astype(str), return_inverse=True)
    successes = np.bincount(code, weights=healed.astype(float))
    trials = np.bincount(code).astype(float)
    if len(trials) < FEWEST_CLUSTERS:
        return Interval(method=method, state=EstimateState.TOO_FEW, detail=_patients(len(trials)))
    if healed.all() or not healed.any():
        return Interval(method=method, state=EstimateState.ALL_ALIKE)
    outcome = stats.bootstrap(
        (successes, trials),
        lambda s, t, axis: s.sum(axis=axis) / t.sum(axis=axis),
        paired=True,
        n_resamples=resamples,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(
        method=method,
        state=EstimateState.ESTIMATED,
        estimate=float(healed.mean()),
        low=float(outcome.low),
        high=float(outcome.high),
        detail=f"{resamples} resamples of {_patients(len(trials))}, seed {seed}, percentile",
    )


def gee_interval(
    healed: npt.NDArray[np.bool_], patients: Sequence[str], *, confidence: float
) -> Interval:
    """Proportion of lesions by generalised estimating equations, cluster = patient.

    Parameters
    ----------
    healed : ndarray, shape (n,), bool
        One value a lesion.
    patients : sequence of str, length n
        Whose lesion it is.
    confidence : float
        Level, such as 0.95.

    Returns
    -------
    Interval
        Logit link, exchangeable correlation (independent, where that cannot be fitted),
        bias-reduced (Mancl-DeRouen) covariance, Student's t with one degree of freedom fewer
        than patients; ``all_alike``, ``too_few`` or ``not_converged`` where that cannot be had.

    References
    ----------
    .. [1] Mancl and DeRouen 2001, Biometrics 57: covariance for few clusters.
    """
    method = "gee"
    if len(healed) == 0:
        return Interval(method=method, state=EstimateState.NO_DATA)
    groups = np.asarray(patients, dtype=object).astype(str)
    n_patients = len(np.unique(groups))
    if n_patients < FEWEST_CLUSTERS:
        return Interval(method=method, state=EstimateState.TOO_FEW, detail=_patients(n_patients))
    if healed.all() or not healed.any():
        return Interval(method=method, state=EstimateState.ALL_ALIKE)
    clustered = n_patients < len(healed)
    tries = ([Exchangeable()] if clustered else []) + [Independence()]
    told = ""
    for correlation in tries:
        fit = _fit_gee(healed, groups, correlation)
        if not isinstance(fit, str):
            break
        told = fit
    if isinstance(fit, str):
        return Interval(method=method, state=EstimateState.NOT_CONVERGED, detail=told)
    logit, error = fit
    if isinstance(correlation, Exchangeable):
        working = f"exchangeable correlation {float(correlation.dep_params):.3f}"
    else:
        working = "independent lesions as the working model" + (
            ", an exchangeable one could not be fitted" if clustered else ""
        )
    t = float(stats.t.ppf(0.5 + confidence / 2.0, n_patients - 1))
    return Interval(
        method=method,
        state=EstimateState.ESTIMATED,
        estimate=_expit(logit),
        low=_expit(logit - t * error),
        high=_expit(logit + t * error),
        detail=f"{working}, t with {n_patients - 1} df",
    )


def _fit_gee(
    healed: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.object_],
    correlation: Exchangeable | Independence,
) -> tuple[float, float] | str:
    """Logit and its standard error, or what went wrong."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = sm.GEE(
                healed.astype(float),
                np.ones((len(healed), 1)),
                groups=groups,
                family=sm.families.Binomial(),
                cov_struct=correlation,
            )
            fit = model.fit(cov_type="bias_reduced")
            logit, error = float(fit.params[0]), float(fit.bse[0])
        except (ValueError, np.linalg.LinAlgError, ZeroDivisionError) as exc:
            return str(exc)
    doubts = [str(one.message) for one in caught if "onverg" in str(one.message)]
    if doubts:
        return doubts[0]
    if not (math.isfinite(logit) and math.isfinite(error) and error > 0):
        return "no finite standard error"
    return logit, error


def adjusted_p_values(p_values: Sequence[float], rule: Multiplicity) -> tuple[float, ...]:
    """P values adjusted for being several, in the order given.

    Parameters
    ----------
    p_values : sequence of float
        Raw two-sided p values; their order is the order of a fixed sequence.
    rule : Multiplicity
        Holm, a fixed sequence, false discovery rate (Benjamini-Hochberg), or none.

    Returns
    -------
    tuple of float
        Compare each with the level.

    Raises
    ------
    ScoringError
        If a value is no probability.

    Examples
    --------
    >>> adjusted_p_values([0.01, 0.04, 0.03], Multiplicity.HOLM)
    (0.03, 0.06, 0.06)
    >>> adjusted_p_values([0.01, 0.04, 0.03], Multiplicity.FIXED_SEQUENCE)
    (0.01, 0.04, 0.04)
    """
    raw = np.asarray(p_values, dtype=float)
    if not ((raw >= 0) & (raw <= 1)).all():
        raise ScoringError(f"p values {list(p_values)}: each must lie between 0 and 1")
    if rule is Multiplicity.NONE or len(raw) == 0:
        adjusted = raw
    elif rule is Multiplicity.FIXED_SEQUENCE:  # a test counts only if all before it did
        adjusted = np.maximum.accumulate(raw)
    else:
        name = {Multiplicity.HOLM: "holm", Multiplicity.FDR_BH: "fdr_bh"}[rule]
        adjusted = multipletests(raw, method=name)[1]
    return tuple(float(p) for p in adjusted)


def _expit(logit: float) -> float:
    """Probability of a logit."""
    return float(1.0 / (1.0 + math.exp(-logit)))


def _patients(n: int) -> str:
    """Write a number of patients in words."""
    return f"{n} patient" if n == 1 else f"{n} patients"
