"""What a right program says of the markers: every change, ratio and composite.

Computed in exact decimal arithmetic from the values as reported.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from phantoms.marker_models import INCLUSION, VISITS, Course, MarkerModel

COMPOSITE = "composite"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerRow:
    """One row of ``markers.csv``; `value` may be a limit such as ``<0.03``."""

    patient_id: str
    visit: str
    date: dt.date
    marker: str
    value: str
    unit: str
    assay: str = "iSYS"
    specimen: str = "serum"
    fasting: str = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerTruth:
    """What a right program says of one marker, ratio or the composite at one visit.

    Parameters
    ----------
    patient_id, visit, marker : str
        Which; a ratio is written ``PINP/CTX``.
    unit : str
        Of `value`; empty for ratios and the composite.
    course : str
        The patient's course.
    value : float or None
        As reported, in `unit`; of a ratio the quotient in the units of the two markers.
    noise_free : float
        What the course gives without variation.
    change, change_percent, fold_change, ln_fold_change : float or None
        Against inclusion.
    status : str
        ``evaluable``, ``not_evaluable`` or ``missing``.
    reason : str
        ``no_sample``, ``below_limit`` or ``duplicate_samples``; with ``baseline_`` where it is
        inclusion's (``baseline_missing`` where there is no sample), with ``formation_`` or
        ``degradation_`` where it is one side's of a ratio.
    """

    patient_id: str
    visit: str
    marker: str
    unit: str
    course: str
    value: float | None
    noise_free: float
    change: float | None = None
    change_percent: float | None = None
    fold_change: float | None = None
    ln_fold_change: float | None = None
    status: str = "evaluable"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One patient's marker at one visit: exact as reported, or why there is nothing."""

    exact: Decimal | None
    reason: str
    noise_free: float
    rows: tuple[MarkerRow, ...]


Samples = dict[tuple[str, str], Sample]


def patient_truth(
    patient_id: str, course: Course, samples: Samples, models: Sequence[MarkerModel]
) -> Iterator[MarkerTruth]:
    """Work out every marker, ratio and composite of one patient.

    Parameters
    ----------
    patient_id : str
        Who.
    course : Course
        Of the patient.
    samples : dict
        Sample by visit and marker; all of them are there.
    models : sequence of MarkerModel
        The markers.

    Yields
    ------
    MarkerTruth
        By visit: the markers, the ratios, the composite.
    """
    for visit in VISITS:
        by_name = {}
        for model in models:
            here, there = samples[visit, model.name], samples[INCLUSION, model.name]
            base = MarkerTruth(
                patient_id=patient_id,
                visit=visit,
                marker=model.name,
                unit=model.unit,
                course=course.value,
                value=None if here.exact is None else float(here.exact),
                noise_free=here.noise_free,
            )
            by_name[model.name] = _against(base, here, there)
        yield from by_name.values()
        for top in (model.name for model in models if model.is_formation):
            for low in (model.name for model in models if not model.is_formation):
                yield _ratio(by_name[top], by_name[low], samples)
        yield _composite(by_name, models, samples)


def _against(truth: MarkerTruth, here: Sample, there: Sample) -> MarkerTruth:
    """Compare a sample with that of inclusion."""
    if here.reason:
        status = "missing" if here.reason == "no_sample" else "not_evaluable"
        return replace(truth, status=status, reason=here.reason)
    if here.exact is None or there.exact is None:
        reason = "missing" if there.reason == "no_sample" else there.reason
        return replace(truth, status="not_evaluable", reason=f"baseline_{reason}")
    return _changed(truth, here.exact - there.exact, here.exact / there.exact)


def _changed(truth: MarkerTruth, change: Decimal, fold: Decimal) -> MarkerTruth:
    """Fill in the changes."""
    return replace(
        truth,
        change=float(change),
        change_percent=float((fold - 1) * 100),
        fold_change=float(fold),
        ln_fold_change=float(fold.ln()),
    )


def _exact(samples: Samples, visit: str, name: str) -> Decimal:
    """Value as reported, of a sample that is known to have one."""
    exact = samples[visit, name].exact
    if exact is None:
        raise ValueError(f"{name} at {visit} has no value")
    return exact


def _ratio(top: MarkerTruth, low: MarkerTruth, samples: Samples) -> MarkerTruth:
    """Work out one ratio of formation to degradation."""
    ratio = replace(
        top,
        marker=f"{top.marker}/{low.marker}",
        unit="",
        value=None if top.value is None or low.value is None else top.value / low.value,
        noise_free=top.noise_free / low.noise_free,
        change=None,
        change_percent=None,
        fold_change=None,
        ln_fold_change=None,
        status="evaluable",
        reason="",
    )
    sides = (("formation", top), ("degradation", low))
    reasons = [f"{name}_{side.reason}" for name, side in sides if side.reason]
    if reasons:
        missing = top.status == low.status == "missing"
        status = "missing" if missing else "not_evaluable"
        return replace(ratio, status=status, reason=";".join(reasons))
    pairs = [
        _exact(samples, visit, top.marker) / _exact(samples, visit, low.marker)
        for visit in (top.visit, INCLUSION)
    ]
    return _changed(ratio, pairs[0] - pairs[1], pairs[0] / pairs[1])


def _composite(
    by_name: Mapping[str, MarkerTruth], models: Sequence[MarkerModel], samples: Samples
) -> MarkerTruth:
    """Work out the geometric mean of formation folds over that of degradation folds."""
    first = by_name[models[0].name]
    logs = {True: Decimal(0), False: Decimal(0)}
    noise_free = {True: 0.0, False: 0.0}
    for model in models:
        side = model.is_formation
        count = sum(other.is_formation is side for other in models)
        start = samples[INCLUSION, model.name]
        noise_free[side] += math.log(by_name[model.name].noise_free / start.noise_free) / count
        if by_name[model.name].status == "evaluable":
            here = _exact(samples, first.visit, model.name)
            logs[side] += (here / _exact(samples, INCLUSION, model.name)).ln() / count
    empty = MarkerTruth(
        patient_id=first.patient_id,
        visit=first.visit,
        marker=COMPOSITE,
        unit="",
        course=first.course,
        value=None,
        noise_free=math.exp(noise_free[True] - noise_free[False]),
    )
    states = {truth.status for truth in by_name.values()}
    if states == {"missing"}:
        return replace(empty, status="missing", reason="no_sample")
    if states != {"evaluable"}:
        return replace(empty, status="not_evaluable", reason="composite_incomplete")
    fold = (logs[True] - logs[False]).exp()
    return _changed(replace(empty, value=float(fold)), fold - 1, fold)
