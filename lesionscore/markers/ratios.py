"""Formation over degradation: the six ratios, and the composite of all markers.

The fold of a ratio is (F / F0) / (D / D0): it has no unit, and does not depend on the units that
the values come in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lesionscore.markers.changes import change_of
from lesionscore.markers.results import COMPOSITE, MarkerResult, MarkerStatus
from lesionscore.protocol.marker_rules import MarkerRules


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two markers of a ratio, as the reasons name it."""

    name: str
    result: MarkerResult


def ratio_result(formation: MarkerResult, degradation: MarkerResult) -> MarkerResult:
    """Ratio of a formation to a degradation marker at one visit, against its baseline.

    Parameters
    ----------
    formation, degradation : MarkerResult
        Results of one patient and visit.

    Returns
    -------
    MarkerResult
        `value` is the plain quotient of the values in the units written; reasons carry the
        name of the side that they come from (``degradation_below_limit``).
    """
    sides = (
        _Side(name="formation", result=formation),
        _Side(name="degradation", result=degradation),
    )
    value = _quotient(formation.value, degradation.value)
    baseline = _quotient(formation.inclusion_value, degradation.inclusion_value)
    reasons = tuple(f"{side.name}_{code}" for side in sides for code in side.result.reasons)
    if not reasons and value is None:
        reasons = ("degradation_not_positive",)
    flags = tuple(dict.fromkeys(code for side in sides for code in side.result.flags))
    if formation.date != degradation.date and formation.date and degradation.date:
        flags += ("sample_dates_differ",)
    result = MarkerResult(
        patient_id=formation.patient_id,
        visit=formation.visit,
        marker=f"{formation.marker}/{degradation.marker}",
        value=value,
        unit=_unit_of(formation, degradation),
        inclusion_value=baseline,
        status=_status(formation, degradation, reasons),
        reasons=reasons,
        flags=flags,
        date=formation.date,
        days_from_inclusion=formation.days_from_inclusion,
    )
    if reasons or value is None or baseline is None:
        return result
    change = change_of(value, baseline)
    return replace(
        result,
        change=change.difference,
        change_percent=change.percent,
        fold_change=change.fold,
        ln_fold_change=change.ln_fold,
    )


def composite_result(results: Mapping[str, MarkerResult], rules: MarkerRules) -> MarkerResult:
    """Geometric mean of the formation folds over that of the degradation folds.

    Parameters
    ----------
    results : mapping of str to MarkerResult
        Results of one patient and visit, by marker; every marker of `rules` is there.
    rules : MarkerRules
        Which markers are formation and which degradation.

    Returns
    -------
    MarkerResult
        Its value is 1 at the baseline; not evaluable unless every marker is.
    """
    listed = [results[name] for name in (*rules.formation, *rules.degradation)]
    first = listed[0]
    missing = [result for result in listed if result.ln_fold_change is None]
    flags = tuple(dict.fromkeys(code for result in listed for code in result.flags))
    result = MarkerResult(
        patient_id=first.patient_id,
        visit=first.visit,
        marker=COMPOSITE,
        value=None,
        unit="1",
        inclusion_value=None,
        status=MarkerStatus.EVALUABLE,
        flags=flags,
        date=first.date,
        days_from_inclusion=first.days_from_inclusion,
    )
    if missing:
        absent = all(result.status is MarkerStatus.MISSING for result in listed)
        return replace(
            result,
            status=MarkerStatus.MISSING if absent else MarkerStatus.NOT_EVALUABLE,
            reasons=("no_sample",) if absent else ("composite_incomplete",),
        )
    formation = geometric_mean_fold(results, rules.formation)
    degradation = geometric_mean_fold(results, rules.degradation)
    if formation is None or degradation is None:
        return replace(result, status=MarkerStatus.NOT_EVALUABLE, reasons=("composite_incomplete",))
    fold = formation / degradation
    return replace(
        result,
        value=fold,
        inclusion_value=1.0,
        change=fold - 1.0,
        change_percent=(fold - 1.0) * 100.0,
        fold_change=fold,
        ln_fold_change=math.log(fold),
    )


def geometric_mean_fold(
    results: Mapping[str, MarkerResult], names: tuple[str, ...]
) -> float | None:
    """Geometric mean of the folds of some markers, None unless all are evaluable."""
    logs = [results[name].ln_fold_change for name in names]
    known = [log for log in logs if log is not None]
    return math.exp(math.fsum(known) / len(known)) if known and len(known) == len(logs) else None


def _quotient(top: float | None, bottom: float | None) -> float | None:
    """Quotient of two values, None where there is none."""
    return None if top is None or bottom is None or bottom <= 0 else top / bottom


def _unit_of(formation: MarkerResult, degradation: MarkerResult) -> str:
    """Name the unit of a quotient, empty where one side has none."""
    if not formation.unit or not degradation.unit:
        return ""
    return f"({formation.unit})/({degradation.unit})"


def _status(
    formation: MarkerResult, degradation: MarkerResult, reasons: tuple[str, ...]
) -> MarkerStatus:
    """Status of a ratio: missing only where both samples are."""
    if not reasons:
        return MarkerStatus.EVALUABLE
    if formation.status is degradation.status is MarkerStatus.MISSING:
        return MarkerStatus.MISSING
    return MarkerStatus.NOT_EVALUABLE
