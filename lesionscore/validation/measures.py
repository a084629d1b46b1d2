"""Accuracy measures from results joined with truth: plain tables in, named numbers out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lesionscore.registration.quality import AlignmentReason

SMALLEST_JUDGED_MM = 8.0
FAR_MM, FAR_PERCENT = 1.0, 8.0
"""A lesion this far from both size thresholds must get the right verdict, always."""
DOUBTS = frozenset(AlignmentReason) - {AlignmentReason.NOT_COVERED}
LOA = 1.96
"""95 % limits of agreement in standard deviations (Bland and Altman 1986)."""
PROBABILITY_BINS = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)


def accuracy(joined: pd.DataFrame) -> dict[str, float]:
    """Every accuracy measure that the rows allow.

    Parameters
    ----------
    joined : DataFrame
        One row per patient, lesion and visit: the columns of the table ``lesions``, those of the
        truth with ``true_`` before them, ``tre_mm`` (NaN without a transform) and ``has_mask``.

    Returns
    -------
    dict of str to float
        By name; a measure without a row to rest on is left out.
    """
    followed = joined[joined["visit"] != "inclusion"]
    measures = {
        **_alignment(followed),
        **_diameters(joined),
        **_verdicts(followed),
        **_uptake(joined),
    }
    return {name: value for name, value in measures.items() if np.isfinite(value)}


def reliability(joined: pd.DataFrame) -> list[dict[str, float]]:
    """Stated probability of healing against how often it was true, by bins.

    Parameters
    ----------
    joined : DataFrame
        As for `accuracy`.

    Returns
    -------
    list of dict
        ``lowest``, ``highest``, ``lesions``, ``mean_probability``, ``healed_fraction``.
    """
    judged = joined[
        (joined["visit"] != "inclusion")
        & joined["healing_probability"].notna()
        & joined["true_healed"].isin(["met", "not_met"])
    ]
    probability = judged["healing_probability"].astype(float)
    healed = judged["true_healed"] == "met"
    bins = []
    for low, high in zip(PROBABILITY_BINS, PROBABILITY_BINS[1:], strict=False):
        upper = probability <= high if high == 1.0 else probability < high
        inside = (probability >= low) & upper
        if inside.any():
            bins.append(
                {
                    "lowest": low,
                    "highest": high,
                    "lesions": float(inside.sum()),
                    "mean_probability": float(probability[inside].mean()),
                    "healed_fraction": float(healed[inside].mean()),
                }
            )
    return bins


def _codes(cell: object) -> list[str]:
    """Codes of a cell of the table; none where it is empty."""
    return str(cell).split(";") if isinstance(cell, str) else []


def _alignment(followed: pd.DataFrame) -> dict[str, float]:
    """Error of the carried lesion centre among lesions whose alignment was called usable.

    An alignment with a doubt is measured and flagged; it is not called usable.
    """
    codes = followed["reason"].map(_codes) + followed["flags"].map(_codes)
    covered = codes.map(lambda found: AlignmentReason.NOT_COVERED not in found)
    doubted = codes.map(lambda found: not DOUBTS.isdisjoint(found))
    aligned = followed["tre_mm"].notna() | doubted  # a mask that was refused was never aligned
    given, usable = followed[covered & aligned], followed[covered & aligned & ~doubted]
    error = usable["tre_mm"].astype(float)
    stated = usable["registration_error_mm"].astype(float)
    return {
        "tre_median_mm": _quantile(error, 0.5),
        "tre_95th_percentile_mm": _quantile(error, 0.95),
        "tre_maximum_mm": _quantile(error, 1.0),
        "usable_percent": _percent(~doubted[given.index]),
        "evaluable_percent": _percent(followed[covered]["ct_status"] == "evaluable"),
        "tre_within_twice_stated_percent": _percent(error <= 2 * stated),
    }


def _diameters(joined: pd.DataFrame) -> dict[str, float]:
    """Bias and limits of agreement of the longest diameter and of its change."""
    present = joined["longest_diameter_mm"].notna() & (joined["true_longest_diameter_mm"] > 0)
    rows = joined[present].assign(
        error=lambda table: (
            table["longest_diameter_mm"].astype(float) - table["true_longest_diameter_mm"]
        )
    )
    judged = rows[rows["true_longest_diameter_mm"] >= SMALLEST_JUDGED_MM]
    inside = judged["error"].abs() <= LOA * judged["longest_diameter_sd_mm"].astype(float)
    keys = ["patient_id", "lesion_id"]
    at_inclusion = rows[rows["visit"] == "inclusion"].set_index(keys)["error"]
    later = judged[judged["visit"] != "inclusion"].set_index(keys)
    change = later["error"] - at_inclusion.reindex(later.index)
    return {
        "diameter_bias_mm": float(judged["error"].mean()),
        "diameter_limits_of_agreement_mask_mm": _spread(judged[judged["has_mask"]]["error"]),
        "diameter_limits_of_agreement_point_mm": _spread(judged[~judged["has_mask"]]["error"]),
        "change_bias_mm": float(change.mean()),
        "change_limits_of_agreement_mm": _spread(change),
        "diameter_interval_coverage_percent": _percent(inside),
    }


def _verdicts(followed: pd.DataFrame) -> dict[str, float]:
    """How often each limb and the verdict are right."""
    decided = ["met", "not_met"]
    known = followed[followed["healed"].isin(decided) & followed["true_healed"].isin(decided)]
    right = known["healed"] == known["true_healed"]
    nearest = np.minimum(
        known["true_margin_mm"].abs() / FAR_MM, known["true_margin_percent"].abs() / FAR_PERCENT
    )
    near = (nearest >= 0.5) & (nearest < 1.0)
    unchanged = known["true_course"] == "stable"
    measures = {
        "verdict_given_percent": _percent(followed["healed"].isin(decided)),
        "verdict_right_percent": _percent(right),
        "verdict_right_far_percent": _percent(right[nearest >= 1.0]),
        "verdict_right_near_percent": _percent(right[near]),
        "unchanged_called_healed_percent": _percent(known[unchanged]["healed"] == "met"),
    }
    for limb in ("size", "sclerosis", "complete"):
        truth, found = known[f"true_{limb}_limb"], known[f"{limb}_limb"]
        measures[f"{limb}_sensitivity_percent"] = _percent(found[truth == "met"] == "met")
        measures[f"{limb}_specificity_percent"] = _percent(found[truth == "not_met"] == "not_met")
    return measures


def _uptake(joined: pd.DataFrame) -> dict[str, float]:
    """Error of SUVmax against the highest voxel of the true region."""
    if "true_suv_max" not in joined:
        return {}
    rows = joined[joined["suv_max"].notna() & joined["true_suv_max"].notna()]
    relative = (rows["suv_max"].astype(float) / rows["true_suv_max"] - 1).abs() * 100
    return {
        "suv_max_error_percent": _quantile(relative, 0.5),
        "suv_max_error_95th_percentile_percent": _quantile(relative, 0.95),
    }


def _percent(true: pd.Series) -> float:
    """Share of true values in percent; NaN of nothing."""
    return float(100 * true.mean()) if len(true) else float("nan")


def _spread(errors: pd.Series) -> float:
    """Largest 95 % limit of agreement, bias included; NaN of fewer than three."""
    if errors.count() < 3:
        return float("nan")
    return float(abs(errors.mean()) + LOA * errors.std())


def _quantile(values: pd.Series, share: float) -> float:
    """Quantile; NaN of nothing."""
    return float(values.quantile(share)) if len(values) else float("nan")


def failed_limits(measures: Mapping[str, float]) -> list[str]:
    """Names of the measures outside their limits."""
    from lesionscore.validation.limits import LIMITS

    return [
        limit.measure
        for limit in LIMITS
        if limit.measure in measures and not limit.holds(measures[limit.measure])
    ]
