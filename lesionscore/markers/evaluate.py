"""All markers, ratios and composites of all patients: the table ``markers``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from lesionscore.markers.changes import change_of, comparison
from lesionscore.markers.labs import sample_of
from lesionscore.markers.ratios import composite_result, geometric_mean_fold, ratio_result
from lesionscore.markers.results import MarkerResult, MarkerStatus, Sample
from lesionscore.protocol.marker_rules import Analyte, MarkerBaseline
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.scoring.coupling import TurnoverFold
from lesionscore.study.records import MarkerRow

NOTHING_MEASURED = frozenset({"no_sample", "no_result"})
SCREENING = MarkerBaseline.SCREENING.value
Samples = Mapping[tuple[str, str], Sample]


def evaluate_markers(
    rows: Iterable[MarkerRow],
    protocol: Protocol,
    inclusion_dates: Mapping[str, date] | None = None,
    patients: Iterable[str] = (),
) -> tuple[MarkerResult, ...]:
    """Evaluate every marker, ratio and composite of every patient at every visit.

    Parameters
    ----------
    rows : iterable of MarkerRow
        The table, in any order.
    protocol : Protocol
        The study definition.
    inclusion_dates : mapping of str to date, optional
        Day 0 by patient; with it, days are given and samples outside a visit's window flagged.
    patients : iterable of str, optional
        Patients who are in the study whether or not they have a sample.

    Returns
    -------
    tuple of MarkerResult
        By patient, visit (screening only where a sample is there) and marker; the ratios and
        the composite follow the markers. A sample that is missing has a row that says so.
    """
    groups: dict[str, dict[tuple[str, str], list[MarkerRow]]] = {name: {} for name in patients}
    for row in rows:
        keyed = groups.setdefault(row.patient_id, {})
        keyed.setdefault((row.visit, row.marker), []).append(row)
    results: list[MarkerResult] = []
    for patient_id in sorted(groups):
        samples = {
            key: sample_of(some, protocol.markers) for key, some in groups[patient_id].items()
        }
        start = (inclusion_dates or {}).get(patient_id)
        has_screening = any(visit == SCREENING for visit, _ in samples)
        visits = (*((SCREENING,) if has_screening else ()), *protocol.visit_ids)
        for visit in visits:
            results.extend(_visit_results(patient_id, visit, samples, protocol, start))
    return tuple(results)


def _visit_results(
    patient_id: str, visit: str, samples: Samples, protocol: Protocol, start: date | None
) -> list[MarkerResult]:
    """Results of one patient at one visit."""
    rules = protocol.markers
    single: dict[str, MarkerResult] = {}
    for analyte in rules.analytes:
        sample = samples.get((visit, analyte.marker)) or Sample(
            patient_id=patient_id, visit=visit, marker=analyte.marker, reasons=("no_sample",)
        )
        baseline, flags = _baseline(analyte.marker, samples, rules.baseline)
        single[analyte.marker] = _marker_result(
            sample, baseline, flags, analyte, protocol, _days(sample, start)
        )
    ratios = [ratio_result(single[top], single[bottom]) for top, bottom in rules.ratios]
    return [*single.values(), *ratios, composite_result(single, rules)]


def _baseline(
    marker: str, samples: Samples, choice: MarkerBaseline
) -> tuple[Sample | None, tuple[str, ...]]:
    """Find the sample that a marker is compared with, and the flag of one that stands in."""
    inclusion, screening = samples.get((INCLUSION, marker)), samples.get((SCREENING, marker))
    if choice is MarkerBaseline.SCREENING:
        return screening, ()
    if choice is MarkerBaseline.INCLUSION or (
        inclusion is not None and inclusion.value is not None
    ):
        return inclusion, ()
    if screening is not None and screening.value is not None:
        return screening, ("baseline_is_screening",)
    return inclusion or screening, ()


def _days(sample: Sample, start: date | None) -> int | None:
    """Day of a sample from inclusion."""
    return None if start is None or sample.date is None else (sample.date - start).days


def _marker_result(
    sample: Sample,
    baseline: Sample | None,
    baseline_flags: tuple[str, ...],
    analyte: Analyte,
    protocol: Protocol,
    days: int | None,
) -> MarkerResult:
    """One marker against its baseline."""
    reasons, flags = comparison(sample, baseline, protocol.markers)
    status = MarkerStatus.NOT_EVALUABLE if reasons else MarkerStatus.EVALUABLE
    if sample.value is None and set(sample.reasons) <= NOTHING_MEASURED:
        status = MarkerStatus.MISSING
    inclusion_value = None
    if baseline is not None and (not sample.unit or baseline.unit == sample.unit):
        inclusion_value = baseline.value
    change = None
    if not reasons and sample.value is not None and inclusion_value is not None:
        change = change_of(sample.value, inclusion_value)
    percent = None if change is None else change.percent
    known_lsc = analyte.lsc_percent is not None and percent is not None
    return MarkerResult(
        patient_id=sample.patient_id,
        visit=sample.visit,
        marker=sample.marker,
        value=sample.value,
        unit=sample.unit or (baseline.unit if baseline is not None else ""),
        inclusion_value=inclusion_value,
        change=None if change is None else change.difference,
        change_percent=percent,
        fold_change=None if change is None else change.fold,
        ln_fold_change=None if change is None else change.ln_fold,
        status=status,
        reasons=reasons,
        flags=(*flags, *baseline_flags, *_window_flag(sample, days, protocol)),
        beyond_lsc=abs(percent or 0.0) > (analyte.lsc_percent or 0.0) if known_lsc else None,
        lsc_percent=analyte.lsc_percent,
        lsc_source=analyte.lsc_source,
        written=sample.written,
        date=sample.date,
        days_from_inclusion=days,
        confounders=sample.confounders,
    )


def _window_flag(sample: Sample, days: int | None, protocol: Protocol) -> tuple[str, ...]:
    """Flag a sample outside its visit's window; screening has none."""
    if days is None or sample.visit == SCREENING:
        return ()
    return () if protocol.window(sample.visit).contains(days) else ("sample_out_of_window",)


def turnover_folds(results: Iterable[MarkerResult], protocol: Protocol) -> tuple[TurnoverFold, ...]:
    """Set formation against degradation for every patient and visit, for the coupling view.

    Parameters
    ----------
    results : iterable of MarkerResult
        Of `evaluate_markers`.
    protocol : Protocol
        Which markers are formation and which degradation.

    Returns
    -------
    tuple of TurnoverFold
        In the order of the results; geometric means, None unless every marker is evaluable.
    """
    by_visit: dict[tuple[str, str], dict[str, MarkerResult]] = {}
    for result in results:
        by_visit.setdefault((result.patient_id, result.visit), {})[result.marker] = result
    rules = protocol.markers
    return tuple(
        TurnoverFold(
            patient_id=patient_id,
            visit=visit,
            formation_fold=geometric_mean_fold(some, rules.formation),
            degradation_fold=geometric_mean_fold(some, rules.degradation),
        )
        for (patient_id, visit), some in by_visit.items()
    )
