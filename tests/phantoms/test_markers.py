"""Synthetic bone markers: the truth follows from the table by plain arithmetic."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

import numpy as np
import pytest

from phantoms.markers import (
    COMPOSITE,
    MODELS,
    VISITS,
    Course,
    MarkerCourses,
    MarkerOptions,
    MarkerRow,
    MarkerTruth,
    make_markers,
)

TO_UNIT_OF_TRUTH = {
    ("CTX", "ug/L"): 1000.0,
    ("CTX", "ng/mL"): 1000.0,
}
"""Everything else is 1: ug/L = ng/mL, ng/L = pg/mL."""
PATIENTS = [f"P{number:02d}" for number in range(1, 9)]
DATES = {
    patient: {
        visit: dt.date(2021, 1, 4) + dt.timedelta(days=days)
        for visit, days in zip(VISITS, (0, 91, 365, 730), strict=True)
    }
    for patient in PATIENTS
}


def _make(seed: int = 11, **options: float) -> MarkerCourses:
    return make_markers(seed, PATIENTS, DATES, options=MarkerOptions(**options))  # type: ignore[arg-type]


def _amount(row: MarkerRow) -> float:
    """Value of a row in the unit of the truth."""
    return float(row.value) * TO_UNIT_OF_TRUTH.get((row.marker, row.unit), 1.0)


def _values(rows: Iterable[MarkerRow]) -> dict[tuple[str, str, str], float]:
    return {
        (row.patient_id, row.visit, row.marker): _amount(row)
        for row in rows
        if not row.value.startswith("<")
    }


def _evaluable(courses: MarkerCourses) -> list[MarkerTruth]:
    return [truth for truth in courses.truth if truth.status == "evaluable"]


def test_changes_are_those_of_the_reported_values() -> None:
    """Difference, percent, fold and logarithm against inclusion, in one unit."""
    courses = _make()
    values = _values(courses.rows)
    markers = [t for t in _evaluable(courses) if "/" not in t.marker and t.marker != COMPOSITE]
    assert len(markers) > 120
    for truth in markers:
        here = values[truth.patient_id, truth.visit, truth.marker]
        start = values[truth.patient_id, "inclusion", truth.marker]
        assert truth.value == pytest.approx(here, rel=1e-12)
        assert truth.change == pytest.approx(here - start, rel=1e-9, abs=1e-9)
        assert truth.change_percent == pytest.approx(100 * (here / start - 1), abs=1e-9)
        assert truth.fold_change == pytest.approx(here / start, rel=1e-12)
        assert truth.ln_fold_change == pytest.approx(math.log(here / start), abs=1e-12)


def test_ratios_are_formation_over_degradation() -> None:
    """Six ratios a visit, each against the ratio of inclusion."""
    courses = _make()
    values = _values(courses.rows)
    ratios = [truth for truth in _evaluable(courses) if "/" in truth.marker]
    assert len({truth.marker for truth in ratios}) == 6
    for truth in ratios:
        top, low = truth.marker.split("/")
        here, start = (
            values[truth.patient_id, visit, top] / values[truth.patient_id, visit, low]
            for visit in (truth.visit, "inclusion")
        )
        assert truth.value == pytest.approx(here, rel=1e-12)
        assert truth.change == pytest.approx(here - start, abs=1e-12)
        assert truth.fold_change == pytest.approx(here / start, rel=1e-12)


def test_the_composite_is_a_ratio_of_geometric_means() -> None:
    """Of three formation folds over two degradation folds; 1 at inclusion."""
    courses = _make()
    folds = {(t.patient_id, t.visit, t.marker): t.fold_change for t in _evaluable(courses)}
    composites = [truth for truth in _evaluable(courses) if truth.marker == COMPOSITE]
    assert composites
    for truth in composites:
        formation, degradation = (
            math.prod(folds[truth.patient_id, truth.visit, name] or 0.0 for name in names)
            ** (1.0 / len(names))
            for names in (("bALP", "PINP", "OC"), ("CTX", "TRAP5b"))
        )
        assert truth.value == pytest.approx(formation / degradation, rel=1e-12)
        if truth.visit == "inclusion":
            assert truth.value == 1.0


def test_units_are_mixed_and_only_by_physics() -> None:
    """Within a patient the laboratory changes units, never the dimension."""
    courses = _make()
    units = {(row.marker, row.unit) for row in courses.rows}
    assert {unit for marker, unit in units if marker == "CTX"} == {
        "ng/L",
        "pg/mL",
        "ug/L",
        "ng/mL",
    }
    assert {unit for marker, unit in units if marker == "PINP"} == {"ug/L", "ng/mL"}
    assert {unit for marker, unit in units if marker == "TRAP5b"} == {"U/L"}
    plain = _make(mixed_units=False)
    assert len({(row.marker, row.unit) for row in plain.rows}) == len(MODELS)


def test_mixed_units_change_the_table_and_not_the_truth() -> None:
    """The same samples, reported otherwise, mean the same."""
    mixed, plain = _make(), _make(mixed_units=False)
    assert mixed.rows != plain.rows
    assert mixed.truth == plain.truth


def test_values_below_the_limit_are_reported_as_limits() -> None:
    """A suppressed CTX is written <0.03 or <30, by unit, and nothing can be computed from it."""
    courses = make_markers(5, PATIENTS, DATES, courses=dict.fromkeys(PATIENTS, Course.SUPPRESSED))
    limits = {(row.value, row.unit) for row in courses.rows if row.value.startswith("<")}
    assert limits == {("<30", "ng/L"), ("<30", "pg/mL"), ("<0.03", "ug/L"), ("<0.03", "ng/mL")}
    truth = {(t.visit, t.marker): t for t in courses.truth if t.patient_id == "P01"}
    assert truth["month_3", "CTX"].reason == "below_limit"
    assert truth["month_3", "CTX"].value is None
    assert truth["month_3", "PINP/CTX"].reason == "degradation_below_limit"
    assert truth["month_3", COMPOSITE].status == "not_evaluable"
    assert truth["month_24", "CTX"].status == "evaluable"


def test_missing_samples_have_no_row() -> None:
    """About a third is missing, never at inclusion, and the truth says so."""
    courses = _make(missing_fraction=0.33)
    present = {(row.patient_id, row.visit, row.marker) for row in courses.rows}
    missing = {
        (t.patient_id, t.visit, t.marker)
        for t in courses.truth
        if t.reason == "no_sample" and t.marker in {model.name for model in MODELS}
    }
    assert not present & missing
    assert 0.2 < len(missing) / (3 * len(PATIENTS) * len(MODELS)) < 0.46
    assert all(visit != "inclusion" for _, visit, _ in missing)


def test_a_ratio_is_missing_only_where_both_samples_are() -> None:
    """One side missing is not evaluable, with the side named."""
    courses = _make(missing_fraction=0.5)
    truth = {(t.patient_id, t.visit, t.marker): t for t in courses.truth}
    seen = set()
    for (patient, visit, marker), one in truth.items():
        if "/" not in marker:
            continue
        top, low = (truth[patient, visit, name] for name in marker.split("/"))
        gone = (top.status == "missing", low.status == "missing")
        if gone == (True, True):
            assert one.status == "missing"
        elif gone == (True, False):
            assert one.reason == "formation_no_sample"
        seen.add(gone)
    assert len(seen) == 4


def test_without_a_baseline_there_is_no_change() -> None:
    """The first patient lacks PINP at inclusion: values stand, changes do not."""
    courses = _make(missing_inclusion=1)
    truth = {(t.patient_id, t.visit, t.marker): t for t in courses.truth}
    assert truth["P01", "inclusion", "PINP"].status == "missing"
    later = truth["P01", "month_12", "PINP"]
    assert later.value is not None
    assert (later.status, later.reason) == ("not_evaluable", "baseline_missing")
    assert truth["P01", "month_12", "PINP/CTX"].reason == "formation_baseline_missing"
    assert truth["P02", "month_12", "PINP"].status == "evaluable"


def test_duplicates_disagree_and_are_not_evaluable() -> None:
    """As many samples as asked for are there twice, with two results."""
    courses = _make(duplicates=5)
    keys = [_key(row) for row in courses.rows]
    twice = {key for key in keys if keys.count(key) == 2}
    assert len(twice) == 5
    said = [t for t in courses.truth if t.reason == "duplicate_samples"]
    told = {(t.patient_id, t.visit, t.marker) for t in said}
    assert told == twice
    for key in twice:
        first, second = (row for row in courses.rows if _key(row) == key)
        assert first.value != second.value


def _key(row: MarkerRow) -> tuple[str, str, str]:
    return row.patient_id, row.visit, row.marker


def test_without_variation_the_course_is_followed() -> None:
    """Three digits of the noise-free value: half a unit of the third digit at most."""
    courses = _make(variation=0.0)
    for truth in courses.truth:
        if truth.value is not None and "/" not in truth.marker and truth.marker != COMPOSITE:
            assert truth.value == pytest.approx(truth.noise_free, rel=0.0051)


def test_variation_is_that_of_the_models() -> None:
    """Over many patients the scatter of a fold is sqrt 2 times that of one value."""
    names = [f"N{number:04d}" for number in range(1500)]
    dates = dict.fromkeys(names, DATES["P01"])
    stable = make_markers(2, names, dates, courses=dict.fromkeys(names, Course.STABLE))
    for model in MODELS:
        logs = [
            truth.ln_fold_change
            for truth in stable.truth
            if truth.marker == model.name and truth.visit == "month_3" and not truth.reason
        ]
        expected = math.sqrt(
            2 * (math.log1p(model.cv_biological**2) + math.log1p(model.cv_analytic**2))
        )
        assert np.std(np.array(logs, dtype=float)) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("course", list(Course))
def test_courses_go_where_they_say(course: Course) -> None:
    """The noise-free composite rises with anabolism and falls with osteolysis."""
    courses = make_markers(3, ["P01"], DATES, courses={"P01": course})
    folds = {t.visit: t.noise_free for t in courses.truth if t.marker == COMPOSITE}
    assert folds["inclusion"] == pytest.approx(1.0)
    assert {
        Course.STABLE: folds["month_24"] == pytest.approx(1.0),
        Course.ANABOLIC: folds["month_3"] < folds["month_12"] < folds["month_24"],
        Course.FLARE: folds["month_3"] > 1.5 > folds["month_12"],
        Course.OSTEOLYSIS: folds["month_24"] < 0.5,
        Course.SUPPRESSED: folds["month_3"] > folds["month_24"],
    }[course]


def test_the_same_seed_gives_the_same_table() -> None:
    """Another seed another one; a patient's samples do not depend on who else is there."""
    assert _make() == _make()
    assert _make() != _make(seed=12)
    alone = make_markers(11, ["P03"], DATES, options=MarkerOptions())
    assert alone.rows == tuple(row for row in _make().rows if row.patient_id == "P03")


def test_a_visit_without_a_date_has_no_samples() -> None:
    """Who left the study is missing from then on."""
    dates = {"P01": {key: DATES["P01"][key] for key in ("inclusion", "month_3")}}
    courses = make_markers(1, ["P01"], dates)
    assert {row.visit for row in courses.rows} == {"inclusion", "month_3"}
    late = [truth for truth in courses.truth if truth.visit == "month_24"]
    assert {truth.status for truth in late} == {"missing"}


@pytest.mark.parametrize(
    ("patients", "dates", "message"),
    [
        (["P01", "P01"], DATES, "appears twice"),
        (["X"], DATES, "without a date of inclusion"),
        (["P01"], {"P01": {"month_3": dt.date(2021, 4, 1)}}, "without a date of inclusion"),
    ],
)
def test_impossible_studies_are_refused(
    patients: list[str], dates: dict[str, dict[str, dt.date]], message: str
) -> None:
    """A patient is there once and has an inclusion."""
    with pytest.raises(ValueError, match=message):
        make_markers(1, patients, dates)


@pytest.mark.parametrize(
    "options",
    [{"variation": -1.0}, {"missing_fraction": 1.2}, {"duplicates": -1}, {"missing_inclusion": -1}],
)
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    """Fractions lie between 0 and 1, numbers are not negative."""
    with pytest.raises(ValueError, match="must be"):
        MarkerOptions(**options)  # type: ignore[arg-type]
