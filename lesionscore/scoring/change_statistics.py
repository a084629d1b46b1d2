"""Changes against inclusion on the ln scale: paired estimates and mixed models.

A ratio to inclusion is symmetric only as a logarithm: halving and doubling are equally far. All
estimates are given back as ratios. The tests are scipy's and statsmodels'.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM

from lesionscore.scoring.statistics import FEWEST_CLUSTERS, EstimateState

Floats = npt.NDArray[np.float64]
EXACT_UP_TO = 25
"""Up to this many pairs without ties the signed-rank test is exact."""
ENUMERATED_UP_TO = 13
"""With ties or zeros it is exact up to here: all 2 to the n sign patterns are tried."""

OPTIMISERS = ["bfgs", "powell", "nm"]
"""Tried in turn. A variance of zero, common in small studies, stops a search by gradients but not
the other two; L-BFGS is left out because it takes an infinite likelihood there for a solution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedChange:
    """Change of one value against inclusion, one number a patient.

    Parameters
    ----------
    state : EstimateState
        Whether the test and the interval are there.
    n : int
        Patients with a value at both visits.
    ratio, ratio_low, ratio_high : float or None
        Geometric mean of the ratio to inclusion, and its interval (Student's t on ln).
    median_ratio : float or None
        Median of the ratio.
    p_t, p_wilcoxon : float or None
        Two-sided p values of no change: t on ln; Wilcoxon signed-rank on ln, zeros by Pratt.
    wilcoxon_method : str
        ``exact``, ``enumerated`` (exact with ties or zeros) or ``normal``.
    """

    state: EstimateState
    n: int
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    median_ratio: float | None = None
    p_t: float | None = None
    p_wilcoxon: float | None = None
    wilcoxon_method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedChange:
    """Change against inclusion at each visit from one mixed model of all visits.

    Parameters
    ----------
    state : EstimateState
        Whether the estimates are there.
    model : str
        The model in words.
    detail : str
        Why it could not be fitted, or what to know of the fit.
    visits : tuple of MixedVisit
        One estimate a visit.
    patient_sd_ln, lesion_sd_ln, residual_sd_ln : float or None
        Standard deviations on the ln scale; None where the model has no such part.
    """

    state: EstimateState
    model: str
    detail: str = ""
    visits: tuple[MixedVisit, ...] = ()
    patient_sd_ln: float | None = None
    lesion_sd_ln: float | None = None
    residual_sd_ln: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedVisit:
    """Ratio to inclusion at one visit, with its interval and the p value of no change."""

    visit: str
    ratio: float
    ratio_low: float
    ratio_high: float
    p: float


def paired_change(ln_ratios: Sequence[float], *, confidence: float) -> PairedChange:
    """Estimate a change against inclusion from one ln ratio a patient.

    Parameters
    ----------
    ln_ratios : sequence of float
        Natural logarithm of the value over its value at inclusion; one a patient.
    confidence : float
        Level of the interval, such as 0.95.

    Returns
    -------
    PairedChange
        ``too_few`` below three patients, ``all_alike`` where there is no spread: then the
        ratio is given without a test.
    """
    values = np.asarray(ln_ratios, dtype=np.float64)
    n = len(values)
    if n == 0:
        return PairedChange(state=EstimateState.NO_DATA, n=0)
    mean, median = float(values.mean()), float(np.median(values))
    ratio, median_ratio = math.exp(mean), math.exp(median)
    alike = bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))
    if n < 3 or alike:
        state = EstimateState.TOO_FEW if n < 3 else EstimateState.ALL_ALIKE
        return PairedChange(state=state, n=n, ratio=ratio, median_ratio=median_ratio)
    outcome = stats.ttest_1samp(values, 0.0)
    low, high = outcome.confidence_interval(confidence)
    p_wilcoxon, method = _signed_rank(values)
    return PairedChange(
        state=EstimateState.ESTIMATED,
        n=n,
        ratio=ratio,
        ratio_low=math.exp(float(low)),
        ratio_high=math.exp(float(high)),
        median_ratio=median_ratio,
        p_t=float(outcome.pvalue),
        p_wilcoxon=p_wilcoxon,
        wilcoxon_method=method,
    )


def _signed_rank(values: Floats) -> tuple[float, str]:
    """Wilcoxon's signed-rank test, exact as far as that can be done; and how it was done."""
    sizes = np.round(np.abs(values), 12)
    plain = len(np.unique(sizes)) == len(sizes) and bool((sizes > 0).all())
    if plain and len(values) <= EXACT_UP_TO:
        return float(stats.wilcoxon(values, method="exact").pvalue), "exact"
    rounded = np.sign(values) * sizes  # equal sizes must rank equal, whatever the last bit says
    if len(values) <= ENUMERATED_UP_TO:
        every = stats.PermutationMethod(n_resamples=2**ENUMERATED_UP_TO)
        outcome = stats.wilcoxon(rounded, zero_method="pratt", method=every)
        return float(outcome.pvalue), "enumerated"
    outcome = stats.wilcoxon(rounded, zero_method="pratt", method="approx")
    return float(outcome.pvalue), "normal"


def mixed_change(table: pd.DataFrame, visits: Sequence[str], *, confidence: float) -> MixedChange:
    """Estimate the change against inclusion at each visit from all visits together.

    Parameters
    ----------
    table : DataFrame
        Columns ``patient_id``, ``visit``, ``ln_ratio``, and ``lesion_id`` where there are
        several values a patient and visit.
    visits : sequence of str
        Visits to estimate, in order; those without a value are left out.
    confidence : float
        Level of the intervals, such as 0.95.

    Returns
    -------
    MixedChange
        A mean for each visit, a random intercept for each patient, and for each lesion within
        it where lesions were seen more than once; restricted maximum likelihood; Student's t
        with one degree of freedom fewer than patients.
    """
    data = table[table["visit"].isin(visits)].dropna(subset=["ln_ratio"])
    seen = [visit for visit in visits if (data["visit"] == visit).any()]
    n_patients = data["patient_id"].nunique()
    with_lesions = "lesion_id" in data and _has_repeated_lesions(data)
    model = "ln ratio ~ visit + (1 | patient)" + (" + (1 | patient:lesion)" if with_lesions else "")
    if data.empty:
        return MixedChange(state=EstimateState.NO_DATA, model=model)
    if n_patients < FEWEST_CLUSTERS or len(data) < n_patients + len(seen) + 1:
        detail = f"{n_patients} patients, {len(data)} values"
        return MixedChange(state=EstimateState.TOO_FEW, model=model, detail=detail)
    if float(data.groupby("visit")["ln_ratio"].std().fillna(0.0).max()) < 1e-9:
        return MixedChange(state=EstimateState.ALL_ALIKE, model=model)
    return _fit_mixed(data, seen, model, with_lesions=with_lesions, confidence=confidence)


def _has_repeated_lesions(data: pd.DataFrame) -> bool:
    """Whether lesions were seen more than once, and patients have more than one."""
    lesions = data.groupby("patient_id")["lesion_id"]
    repeated = data.groupby(["patient_id", "lesion_id"]).size()
    return bool(lesions.nunique().max() > 1 and (repeated > 1).mean() > 0.25)


def _fit_mixed(
    data: pd.DataFrame, visits: list[str], model: str, *, with_lesions: bool, confidence: float
) -> MixedChange:
    """Fit the model and read its estimates; every way to fail is a state."""
    ordered = data.sort_values(["patient_id", "visit"], kind="stable")
    design = np.column_stack([(ordered["visit"] == v).to_numpy(float) for v in visits])
    groups = ordered["patient_id"].astype(str).to_numpy()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if with_lesions:
                names = [f"visit_{k}" for k in range(len(visits))]
                frame = pd.DataFrame(design, columns=names).assign(
                    ln_ratio=ordered["ln_ratio"].to_numpy(float),
                    lesion_id=ordered["lesion_id"].astype(str).to_numpy(),
                )
                formula = "ln_ratio ~ 0 + " + " + ".join(names)
                fitted = MixedLM.from_formula(
                    formula,
                    frame,
                    groups=groups,
                    re_formula="1",
                    vc_formula={"lesion": "0 + C(lesion_id)"},
                ).fit(reml=True, method=OPTIMISERS)
            else:
                model_of_patients = MixedLM(ordered["ln_ratio"].to_numpy(float), design, groups)
                fitted = model_of_patients.fit(reml=True, method=OPTIMISERS)
            means, errors = np.asarray(fitted.fe_params), np.asarray(fitted.bse_fe)
        except (ValueError, np.linalg.LinAlgError, ZeroDivisionError) as exc:
            return MixedChange(state=EstimateState.NOT_CONVERGED, model=model, detail=str(exc))
    usable = np.isfinite([fitted.llf, *means, *errors]).all() and (errors > 0).all()
    if not fitted.converged or not usable:
        told = str(caught[-1].message) if caught else "no finite standard errors"
        return MixedChange(state=EstimateState.NOT_CONVERGED, model=model, detail=told)
    df = len(np.unique(groups)) - 1
    t = float(stats.t.ppf(0.5 + confidence / 2.0, df))
    patient_variance = float(np.asarray(fitted.cov_re)[0, 0])
    boundary = patient_variance < 1e-8 * float(fitted.scale)
    return MixedChange(
        state=EstimateState.ESTIMATED,
        model=model,
        detail=f"t with {df} df" + ("; no variance between patients" if boundary else ""),
        visits=tuple(
            MixedVisit(
                visit=visit,
                ratio=math.exp(mean),
                ratio_low=math.exp(mean - t * error),
                ratio_high=math.exp(mean + t * error),
                p=float(2.0 * stats.t.sf(abs(mean / error), df)),
            )
            for visit, mean, error in zip(visits, means, errors, strict=True)
        ),
        patient_sd_ln=math.sqrt(max(patient_variance, 0.0)),
        lesion_sd_ln=math.sqrt(max(float(fitted.vcomp[0]), 0.0)) if with_lesions else None,
        residual_sd_ln=math.sqrt(float(fitted.scale)),
    )
