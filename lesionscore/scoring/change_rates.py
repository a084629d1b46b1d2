"""How SUVmax and bone markers changed against inclusion, over all patients.

Takes the changes out of the output tables and hands them to `change_statistics`; a change that is
not evaluable is counted, never replaced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import pandas as pd

from lesionscore.protocol.protocol import Protocol
from lesionscore.scoring.change_statistics import (
    MixedChange,
    PairedChange,
    mixed_change,
    paired_change,
)
from lesionscore.scoring.course import visit_timing
from lesionscore.scoring.verdict_table import numbers, off_protocol_days, require_columns, texts

SUV_MAX = "suv_max"
COMPOSITE = "composite"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAtVisit:
    """Change of one value against inclusion at one visit.

    Parameters
    ----------
    endpoint : str
        ``suv_max``, a marker, a ratio such as ``PINP/CTX``, or ``composite``.
    visit : str
        Which visit.
    changes, patients : int
        Changes that could be told, and the patients they come from. For SUVmax a patient's value
        is the mean of its lesions on the ln scale.
    not_evaluable : int
        Changes that could not be told, of those that have a row.
    median_change, median_change_percent : float or None
        Over the changes, in the value's unit and in percent.
    paired : PairedChange
        Estimate and tests, one number a patient.
    """

    endpoint: str
    visit: str
    changes: int
    patients: int
    not_evaluable: int
    median_change: float | None
    median_change_percent: float | None
    paired: PairedChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeModel:
    """One mixed model of all visits of one value."""

    endpoint: str
    mixed: MixedChange


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One change of one patient, or of one of its lesions."""

    patient_id: str
    lesion_id: str
    visit: str
    ln_ratio: float
    change: float | None
    change_percent: float | None


def uptake_changes(
    lesions: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol
) -> tuple[tuple[ChangeAtVisit, ...], tuple[ChangeModel, ...]]:
    """Change of SUVmax at each visit, paired by patient and from one mixed model of lesions.

    Parameters
    ----------
    lesions, patients : DataFrame
        The output tables.
    protocol : Protocol
        Visits, level of the intervals, and until when a patient counts.

    Returns
    -------
    tuple
        Estimates by visit, and the model.

    Raises
    ------
    ScoringError
        If a column is missing.
    """
    needed = ["patient_id", "lesion_id", "visit", "days_from_inclusion", "suv_max"]
    needed += ["suv_max_change", "suv_max_change_percent"]
    require_columns(lesions, needed, "lesions")
    counting = _CountingVisits.of(patients, protocol)
    found, without = [], []
    for who, lesion, visit, day, suv, change, percent in zip(
        *(texts(lesions[name]) for name in needed[:3]),
        *(numbers(lesions[name]) for name in needed[3:]),
        strict=True,
    ):
        if not counting.has(who, visit, day):
            continue
        ratio = None if suv is None or change is None or suv <= change else suv / (suv - change)
        if ratio is None or ratio <= 0:
            without.append(visit)
            continue
        found.append(
            _Change(
                patient_id=who,
                lesion_id=lesion,
                visit=visit,
                ln_ratio=math.log(ratio),
                change=change,
                change_percent=percent,
            )
        )
    return _summaries(SUV_MAX, found, without, protocol)


def marker_changes(
    markers: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol
) -> tuple[tuple[ChangeAtVisit, ...], tuple[ChangeModel, ...]]:
    """Change of each marker, ratio and the composite at each visit.

    Parameters
    ----------
    markers, patients : DataFrame
        The output tables.
    protocol : Protocol
        Visits, markers and their order, level of the intervals.

    Returns
    -------
    tuple
        Estimates by marker and visit, and one model a marker.

    Raises
    ------
    ScoringError
        If a column is missing.
    """
    needed = ["patient_id", "visit", "marker", "status"]
    values = ["ln_fold_change", "change", "change_percent"]
    require_columns(markers, [*needed, *values], "markers")
    has_days = "days_from_inclusion" in markers
    days = numbers(markers["days_from_inclusion"]) if has_days else [None] * len(markers)
    counting = _CountingVisits.of(patients, protocol)
    by_marker: dict[str, list[_Change]] = {}
    without: dict[str, list[str]] = {}
    for who, visit, marker, status, ln_ratio, change, percent, day in zip(
        *(texts(markers[name]) for name in needed),
        *(numbers(markers[name]) for name in values),
        days,
        strict=True,
    ):
        if not counting.has(who, visit, day):
            continue
        if status != "evaluable" or ln_ratio is None:
            without.setdefault(marker, []).append(visit)
            continue
        by_marker.setdefault(marker, []).append(
            _Change(
                patient_id=who,
                lesion_id="",
                visit=visit,
                ln_ratio=ln_ratio,
                change=change,
                change_percent=percent,
            )
        )
    estimates: list[ChangeAtVisit] = []
    models: list[ChangeModel] = []
    for marker in _in_order({*by_marker, *without}, protocol):
        some, model = _summaries(
            marker, by_marker.get(marker, []), without.get(marker, []), protocol
        )
        estimates += some
        models += model
    return tuple(estimates), tuple(models)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CountingVisits:
    """Which visits of which patients count: before they left, and in the window if so asked."""

    left: dict[str, int]
    protocol: Protocol

    @classmethod
    def of(cls, patients: pd.DataFrame, protocol: Protocol) -> _CountingVisits:
        return cls(left=off_protocol_days(patients), protocol=protocol)

    def has(self, patient_id: str, visit: str, day: float | None) -> bool:
        if visit not in self.protocol.follow_up:
            return False
        whole = None if day is None else int(day)
        return visit_timing(visit, whole, self.left.get(patient_id), self.protocol).counts


def _summaries(
    endpoint: str, changes: Sequence[_Change], without: Sequence[str], protocol: Protocol
) -> tuple[tuple[ChangeAtVisit, ...], tuple[ChangeModel, ...]]:
    """Estimates by visit and one model of all."""
    changes = sorted(changes, key=lambda one: (one.patient_id, one.lesion_id, one.visit))
    confidence = protocol.analysis.confidence
    estimates = []
    for visit in protocol.follow_up:
        here = [one for one in changes if one.visit == visit]
        of_patient: dict[str, list[float]] = {}
        for one in here:
            of_patient.setdefault(one.patient_id, []).append(one.ln_ratio)
        means = [fmean(values) for values in of_patient.values()]
        estimates.append(
            ChangeAtVisit(
                endpoint=endpoint,
                visit=visit,
                changes=len(here),
                patients=len(means),
                not_evaluable=list(without).count(visit),
                median_change=_median([one.change for one in here]),
                median_change_percent=_median([one.change_percent for one in here]),
                paired=paired_change(means, confidence=confidence),
            )
        )
    table = pd.DataFrame(
        {
            "patient_id": [one.patient_id for one in changes],
            "lesion_id": [one.lesion_id for one in changes],
            "visit": [one.visit for one in changes],
            "ln_ratio": [one.ln_ratio for one in changes],
        }
    )
    model = ChangeModel(
        endpoint=endpoint, mixed=mixed_change(table, protocol.follow_up, confidence=confidence)
    )
    return tuple(estimates), (model,)


def _in_order(names: set[str], protocol: Protocol) -> list[str]:
    """Markers in the protocol's order, then the composite, then what else there is."""
    rules = protocol.markers
    ratios = [f"{f}/{d}" for f in rules.formation for d in rules.degradation]
    order = [*rules.formation, COMPOSITE, *ratios, *rules.degradation]
    known = [name for name in order if name in names]
    return known + sorted(names - set(known))


def _median(values: Sequence[float | None]) -> float | None:
    """Median of what is known; None of nothing."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
