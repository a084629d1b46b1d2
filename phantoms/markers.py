"""Bone markers of synthetic patients: what a laboratory reports, and the truth of every change.

Concentrations follow a course over the visits, vary biologically from visit to visit and
analytically from measurement to measurement, and are reported with three digits in whichever unit
the laboratory uses that day. The truth of a change is computed from the values *as reported*, in
exact decimal arithmetic, so a right program agrees to the last digit.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from phantoms.marker_models import INCLUSION, MODELS, VISITS, Course, MarkerModel, fold_of
from phantoms.marker_truth import (
    COMPOSITE,
    MarkerRow,
    MarkerTruth,
    Sample,
    Samples,
    patient_truth,
)
from phantoms.seeds import stream

REPORTED_DIGITS = 3

__all__ = [
    "COMPOSITE",
    "MODELS",
    "VISITS",
    "Course",
    "MarkerCourses",
    "MarkerModel",
    "MarkerOptions",
    "MarkerRow",
    "MarkerTruth",
    "make_markers",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerOptions:
    """What happens to the samples on their way into the table.

    Parameters
    ----------
    variation : float
        Factor on CVi and CVa; 0 gives values that follow the course exactly.
    mixed_units : bool
        Whether the laboratory changes between units of the same dimension.
    missing_fraction : float
        Share of samples after inclusion that were not taken: their rows are not there.
    missing_inclusion : int
        Number of patients, from the first, who lack the PINP of inclusion.
    duplicates : int
        Number of samples that are in the table twice, the second time with another result.
    """

    variation: float = 1.0
    mixed_units: bool = True
    missing_fraction: float = 0.0
    missing_inclusion: int = 0
    duplicates: int = 0

    def __post_init__(self) -> None:
        if self.variation < 0 or not 0 <= self.missing_fraction <= 1:
            raise ValueError("variation must be 0 or more, missing_fraction between 0 and 1")
        if self.missing_inclusion < 0 or self.duplicates < 0:
            raise ValueError("numbers of missing and of duplicate samples must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerCourses:
    """The table of a laboratory and its truth."""

    rows: tuple[MarkerRow, ...]
    truth: tuple[MarkerTruth, ...]


def make_markers(
    seed: int,
    patient_ids: Sequence[str],
    visit_dates: Mapping[str, Mapping[str, dt.date]],
    *,
    options: MarkerOptions | None = None,
    courses: Mapping[str, Course] | None = None,
    models: Sequence[MarkerModel] = MODELS,
) -> MarkerCourses:
    """Make the markers of some patients, and the truth of every change.

    Parameters
    ----------
    seed : int
        The same seed gives the same table.
    patient_ids : sequence of str
        In the order of the table.
    visit_dates : mapping of str to mapping of str to date
        Day of each visit by patient and visit; a visit that is not there has no sample.
    options : MarkerOptions, optional
        Missing and duplicate samples, mixed units, variation.
    courses : mapping of str to Course, optional
        Course by patient; drawn from the seed for those not named.
    models : sequence of MarkerModel
        The five markers.

    Returns
    -------
    MarkerCourses
        Rows, and truth of every marker, ratio and composite at every visit.

    Raises
    ------
    ValueError
        If a patient appears twice, or has no inclusion.
    """
    options = options or MarkerOptions()
    _check(patient_ids, visit_dates)
    twice = _twice(seed, patient_ids, visit_dates, models, options.duplicates)
    rows: list[MarkerRow] = []
    truth: list[MarkerTruth] = []
    for number, patient_id in enumerate(patient_ids):
        course = (courses or {}).get(patient_id) or _drawn_course(seed, patient_id)
        samples: Samples = {}
        for visit in VISITS:
            day = visit_dates[patient_id].get(visit)
            for model in models:
                key = (patient_id, visit, model.name)
                sample = _sample(seed, patient_id, visit, day, model, course, options)
                if number < options.missing_inclusion and key[1:] == (INCLUSION, "PINP"):
                    sample = _not_taken(sample)
                if key in twice and sample.rows:
                    sample = _duplicated(sample)
                samples[visit, model.name] = sample
                rows.extend(sample.rows)
        truth.extend(patient_truth(patient_id, course, samples, models))
    return MarkerCourses(rows=tuple(rows), truth=tuple(truth))


def _check(patient_ids: Sequence[str], dates: Mapping[str, Mapping[str, dt.date]]) -> None:
    """Refuse patients who are there twice or were never included."""
    if len(set(patient_ids)) != len(patient_ids):
        raise ValueError(f"a patient appears twice in {list(patient_ids)}")
    absent = [name for name in patient_ids if INCLUSION not in dates.get(name, {})]
    if absent:
        raise ValueError(f"patients without a date of inclusion: {absent}")


def _drawn_course(seed: int, patient_id: str) -> Course:
    """Draw a course; half of the patients respond."""
    draw = stream(seed, "markers", patient_id, "course")
    return Course(str(draw.choice([c.value for c in Course], p=[0.2, 0.45, 0.1, 0.15, 0.1])))


def _twice(
    seed: int,
    patient_ids: Sequence[str],
    dates: Mapping[str, Mapping[str, dt.date]],
    models: Sequence[MarkerModel],
    count: int,
) -> set[tuple[str, str, str]]:
    """Choose the samples that are in the table twice."""
    keys = [(p, v, m.name) for p in patient_ids for v in VISITS if v in dates[p] for m in models]
    order = stream(seed, "markers", "duplicates").permutation(len(keys))
    return {keys[index] for index in order[:count]}


def _log_sd(cv: float) -> float:
    """Turn a coefficient of variation into the standard deviation of the logarithm."""
    return math.sqrt(math.log1p(cv**2))


def _level(seed: int, patient_id: str, model: MarkerModel) -> float:
    """Draw the patient's own level of a marker."""
    draw = stream(seed, "markers", patient_id, model.name, "level").standard_normal()
    return model.level * math.exp(_log_sd(model.cv_between) * float(np.clip(draw, -2.0, 2.0)))


def _sample(
    seed: int,
    patient_id: str,
    visit: str,
    day: dt.date | None,
    model: MarkerModel,
    course: Course,
    options: MarkerOptions,
) -> Sample:
    """Take one sample: draw what is measured, and report it."""
    draw = stream(seed, "markers", patient_id, model.name, visit)
    noise_free = _level(seed, patient_id, model) * fold_of(course, visit, model)
    biological, analytic = (float(value) for value in draw.standard_normal(2))
    log_noise = _log_sd(model.cv_biological) * biological + _log_sd(model.cv_analytic) * analytic
    measured = noise_free * math.exp(options.variation * log_noise)
    unit = str(draw.choice(sorted(model.units))) if options.mixed_units else model.unit
    lost = visit != INCLUSION and draw.random() < options.missing_fraction
    if day is None or lost:
        return Sample(exact=None, reason="no_sample", noise_free=noise_free, rows=())
    text, exact = _reported(measured, model, unit)
    row = MarkerRow(
        patient_id=patient_id, visit=visit, date=day, marker=model.name, value=text, unit=unit
    )
    reason = "below_limit" if exact is None else ""
    return Sample(exact=exact, reason=reason, noise_free=noise_free, rows=(row,))


def _reported(measured: float, model: MarkerModel, unit: str) -> tuple[str, Decimal | None]:
    """Write a value as a laboratory does; give it exactly in the model's unit."""
    factor = model.units[unit]
    if Decimal(measured) < model.limit:
        return f"<{_plain(model.limit * factor)}", None
    places = REPORTED_DIGITS - 1 - math.floor(math.log10(measured))
    rounded = Decimal(measured).quantize(Decimal(1).scaleb(-places))
    return _plain(rounded * factor), rounded


def _plain(amount: Decimal) -> str:
    """Digits without an exponent and without zeros that say nothing."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _not_taken(sample: Sample) -> Sample:
    """Take a sample out of the table."""
    return replace(sample, exact=None, reason="no_sample", rows=())


def _duplicated(sample: Sample) -> Sample:
    """Report a sample a second time, with a result that is twice as high."""
    (row,) = sample.rows
    sign = "<" if row.value.startswith("<") else ""
    again = replace(row, value=sign + _plain(Decimal(row.value.removeprefix("<")) * 2))
    return replace(sample, exact=None, reason="duplicate_samples", rows=(row, again))
