"""Bone markers: values, limits, baselines, ratios, and all that keeps them from comparing."""

from __future__ import annotations

import dataclasses
import math
import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.errors import MarkerError
from lesionscore.markers import MarkerResult, MarkerStatus, evaluate_markers, turnover_folds
from lesionscore.markers.labs import sample_of
from lesionscore.protocol import (
    BelowLimit,
    Duplicates,
    MarkerBaseline,
    Protocol,
    SampleChange,
    load_protocol,
)
from lesionscore.study import Censoring, MarkerRow

PROTOCOL = load_protocol()
START = date(2020, 1, 6)
DAYS = {"screening": -14, "inclusion": 0, "month_3": 91, "month_12": 365, "month_24": 730}
INCLUSION = {"bALP": "14", "PINP": "40", "OC": "16", "CTX": "400", "TRAP5b": "3"}
MONTH_3 = {"bALP": "21", "PINP": "60", "OC": "20", "CTX": "300", "TRAP5b": "2.4"}
UNITS = {"bALP": "ug/L", "PINP": "ug/L", "OC": "ug/L", "CTX": "ng/L", "TRAP5b": "U/L"}


def with_rules(**values: Any) -> Protocol:
    """The protocol with other marker rules."""
    return dataclasses.replace(PROTOCOL, markers=dataclasses.replace(PROTOCOL.markers, **values))


def row(visit: str, marker: str, value: str, unit: str = "", **more: Any) -> MarkerRow:
    """One row of markers.csv."""
    censoring = Censoring.EXACT
    if value.startswith(("<", ">")):
        censoring = Censoring.BELOW if value[0] == "<" else Censoring.ABOVE
        value = value[1:]
    values: dict[str, Any] = {
        "patient_id": "P1",
        "date": START + timedelta(days=DAYS[visit]),
        "confounders": (),
        "row": 2,
    }
    return MarkerRow(
        visit=visit,
        marker=marker,
        amount=Decimal(value) if value else None,
        censoring=censoring,
        unit=unit or UNITS[marker],
        **(values | more),
    )


def both_visits(**replaced: str | None) -> list[MarkerRow]:
    """Inclusion and month 3 of every marker; `PINP_inclusion="<5"` replaces, None leaves out."""
    rows = []
    for visit, values in (("inclusion", INCLUSION), ("month_3", MONTH_3)):
        for marker, value in values.items():
            chosen = replaced.get(f"{marker}_{visit}", value)
            if chosen is not None:
                rows.append(row(visit, marker, chosen))
    return rows


def results(
    rows: list[MarkerRow], protocol: Protocol = PROTOCOL, **more: Any
) -> dict[tuple[str, str], MarkerResult]:
    """Results by visit and marker."""
    return {(one.visit, one.marker): one for one in evaluate_markers(rows, protocol, **more)}


def test_a_marker_changes_against_inclusion() -> None:
    """Difference, percent, fold and its logarithm, and against the least significant change."""
    one = results(both_visits())["month_3", "PINP"]
    assert (one.value, one.inclusion_value, one.unit) == (60.0, 40.0, "ug/L")
    assert (one.change, one.change_percent, one.fold_change) == (20.0, 50.0, 1.5)
    assert one.ln_fold_change == pytest.approx(math.log(1.5))
    assert one.status is MarkerStatus.EVALUABLE
    assert one.beyond_lsc is True
    assert one.lsc_percent == 30.0
    assert "PMC2705815" in one.lsc_source


def test_a_fall_and_the_rise_that_undoes_it_are_opposite_on_the_ln_scale() -> None:
    """Percent are not symmetric, ln is."""
    down = results(both_visits(PINP_month_3="20"))["month_3", "PINP"]
    up = results(both_visits(PINP_month_3="80"))["month_3", "PINP"]
    assert down.ln_fold_change == pytest.approx(-(up.ln_fold_change or 0.0))
    assert (down.change_percent, up.change_percent) == (-50.0, 100.0)


@pytest.mark.parametrize(("value", "beyond"), [("52", False), ("52.1", True), ("28", False)])
def test_on_the_least_significant_change_is_not_beyond(value: str, beyond: bool) -> None:
    """30 % of 40 is 12."""
    assert results(both_visits(PINP_month_3=value))["month_3", "PINP"].beyond_lsc is beyond


def test_there_are_six_ratios_and_a_composite() -> None:
    """Named formation over degradation, with the plain quotient and its change."""
    made = results(both_visits())
    ratios = [marker for visit, marker in made if visit == "month_3" and "/" in marker]
    assert ratios == [
        "bALP/CTX",
        "bALP/TRAP5b",
        "PINP/CTX",
        "PINP/TRAP5b",
        "OC/CTX",
        "OC/TRAP5b",
    ]
    one = made["month_3", "PINP/CTX"]
    assert one.value == pytest.approx(60 / 300)
    assert one.inclusion_value == pytest.approx(40 / 400)
    assert one.unit == "(ug/L)/(ng/L)"
    assert one.fold_change == pytest.approx(2.0)
    assert one.change_percent == pytest.approx(100.0)
    assert one.change == pytest.approx(0.1)


def test_the_composite_is_the_ratio_of_geometric_means() -> None:
    """Three formation folds over two degradation folds."""
    one = results(both_visits())["month_3", "composite"]
    formation = (1.5 * 1.5 * 1.25) ** (1 / 3)
    degradation = (0.75 * 0.8) ** (1 / 2)
    assert one.value == one.fold_change == pytest.approx(formation / degradation)
    assert one.inclusion_value == 1.0
    assert one.unit == "1"


def test_inclusion_has_a_change_of_nothing() -> None:
    """0, 0 %, 1 and ln 0, for markers, ratios and composite."""
    made = results(both_visits())
    for marker in ("PINP", "PINP/CTX", "composite"):
        one = made["inclusion", marker]
        assert one.change == pytest.approx(0.0)
        assert one.fold_change == pytest.approx(1.0)
        assert one.ln_fold_change == pytest.approx(0.0)


def test_every_visit_has_a_row_for_everything() -> None:
    """A sample that is missing is told, also of a patient without any."""
    made = evaluate_markers(both_visits(), PROTOCOL, patients=["P1", "P2"])
    assert len(made) == 2 * 4 * (5 + 6 + 1)
    absent = [one for one in made if one.visit == "month_24" or one.patient_id == "P2"]
    assert {one.status for one in absent} == {MarkerStatus.MISSING}
    assert all(one.value is None and one.change is None for one in absent)
    assert {one.reasons for one in absent if one.marker == "PINP"} == {("no_sample",)}


@pytest.mark.parametrize(
    ("policy", "value"),
    [
        (BelowLimit.LIMIT, 20.0),
        (BelowLimit.HALF_LIMIT, 10.0),
        (BelowLimit.LIMIT_OVER_SQRT2, 20 / math.sqrt(2)),
    ],
)
def test_a_value_below_the_limit_is_replaced_only_by_policy(
    policy: BelowLimit, value: float
) -> None:
    """And flagged, on the marker and its ratios."""
    made = results(both_visits(CTX_month_3="<20"), with_rules(below_limit=policy))
    one, ratio = made["month_3", "CTX"], made["month_3", "PINP/CTX"]
    assert one.value == pytest.approx(value)
    assert one.written == "<20 ng/L"
    assert "below_limit_substituted" in one.flags
    assert "below_limit_substituted" in ratio.flags
    assert ratio.status is MarkerStatus.EVALUABLE


def test_a_value_below_the_limit_is_not_evaluable_by_default() -> None:
    """The marker, its ratios and the composite say so; the others stand."""
    made = results(both_visits(CTX_month_3="<20"))
    one = made["month_3", "CTX"]
    assert (one.value, one.status, one.reasons) == (
        None,
        MarkerStatus.NOT_EVALUABLE,
        ("below_limit",),
    )
    assert one.inclusion_value == 400.0
    assert made["month_3", "PINP/CTX"].reasons == ("degradation_below_limit",)
    assert made["month_3", "composite"].reasons == ("composite_incomplete",)
    assert made["month_3", "PINP/TRAP5b"].status is MarkerStatus.EVALUABLE


def test_a_baseline_below_the_limit_is_told() -> None:
    """Nothing to compare with, whatever the later value; substituted, it is flagged."""
    made = results(both_visits(CTX_inclusion="<20"))
    assert made["month_3", "CTX"].reasons == ("baseline_below_limit",)
    assert made["month_3", "CTX"].value == 300.0
    replaced = results(
        both_visits(CTX_inclusion="<20"), with_rules(below_limit=BelowLimit.HALF_LIMIT)
    )
    assert "baseline_below_limit_substituted" in replaced["month_3", "CTX"].flags


def test_a_value_above_the_limit_is_never_replaced() -> None:
    """An upper limit says nothing of how much more."""
    made = results(both_visits(CTX_month_3=">6000"), with_rules(below_limit=BelowLimit.LIMIT))
    assert made["month_3", "CTX"].reasons == ("above_limit",)


@pytest.mark.parametrize(
    ("replaced", "marker", "reasons"),
    [
        ({"PINP_inclusion": None}, "PINP", ("baseline_missing",)),
        ({"PINP_inclusion": ""}, "PINP", ("baseline_no_result",)),
        ({"PINP_month_3": None}, "PINP", ("no_sample",)),
        ({"PINP_month_3": ""}, "PINP", ("no_result",)),
        ({"PINP_inclusion": "0"}, "PINP", ("baseline_not_positive",)),
        ({"PINP_inclusion": None}, "PINP/CTX", ("formation_baseline_missing",)),
        ({"CTX_month_3": None}, "PINP/CTX", ("degradation_no_sample",)),
        ({"CTX_month_3": "0"}, "PINP/CTX", ("degradation_not_positive",)),
        ({"CTX_inclusion": "0"}, "PINP/CTX", ("degradation_baseline_not_positive",)),
    ],
)
def test_what_cannot_be_told_has_a_reason(
    replaced: dict[str, str | None], marker: str, reasons: tuple[str, ...]
) -> None:
    """Missing, empty and zero, at the visit and at the baseline."""
    one = results(both_visits(**replaced))["month_3", marker]
    assert one.reasons == reasons
    assert one.change is None
    assert one.fold_change is None
    assert one.status is not MarkerStatus.EVALUABLE


def test_a_value_of_zero_has_a_change_and_no_logarithm() -> None:
    """A formation marker that fell to nothing."""
    one = results(both_visits(PINP_month_3="0"))["month_3", "PINP"]
    assert (one.change, one.change_percent, one.fold_change) == (-40.0, -100.0, 0.0)
    assert one.ln_fold_change is None
    assert one.status is MarkerStatus.EVALUABLE


@pytest.mark.parametrize(
    ("baseline", "visits", "value", "flags"),
    [
        (MarkerBaseline.INCLUSION, ("screening", "inclusion"), 40.0, ()),
        (MarkerBaseline.INCLUSION, ("screening",), None, ()),
        (MarkerBaseline.SCREENING, ("screening", "inclusion"), 50.0, ()),
        (MarkerBaseline.SCREENING, ("inclusion",), None, ()),
        (MarkerBaseline.INCLUSION_ELSE_SCREENING, ("screening", "inclusion"), 40.0, ()),
        (
            MarkerBaseline.INCLUSION_ELSE_SCREENING,
            ("screening",),
            50.0,
            ("baseline_is_screening",),
        ),
        (MarkerBaseline.INCLUSION_ELSE_SCREENING, (), None, ()),
    ],
)
def test_the_baseline_is_the_protocols_choice(
    baseline: MarkerBaseline, visits: tuple[str, ...], value: float | None, flags: tuple[str, ...]
) -> None:
    """Inclusion, screening, or screening where inclusion is missing; told where it stands in."""
    values = {"screening": "50", "inclusion": "40"}
    rows = [row(visit, "PINP", values[visit]) for visit in visits]
    one = results([*rows, row("month_3", "PINP", "60")], with_rules(baseline=baseline))[
        "month_3", "PINP"
    ]
    assert one.inclusion_value == value
    assert one.flags == flags
    if value is None:
        assert one.reasons == ("baseline_missing",)


def test_screening_has_rows_only_where_there_is_a_sample() -> None:
    """It is no visit of the protocol."""
    with_one = results([*both_visits(), row("screening", "PINP", "50")])
    assert with_one["screening", "PINP"].value == 50.0
    assert with_one["screening", "CTX"].status is MarkerStatus.MISSING
    assert ("screening", "PINP") not in results(both_visits())


@pytest.mark.parametrize(
    ("name", "here", "there", "code"),
    [
        ("assay", "iSYS", "Cobas", "assay_changed"),
        ("specimen", "serum", "plasma", "specimen_changed"),
    ],
)
@pytest.mark.parametrize("rule", SampleChange)
def test_another_assay_or_specimen_is_told(
    name: str, here: str, there: str, code: str, rule: SampleChange
) -> None:
    """As the protocol says: not evaluable, or a flag."""
    rows = [
        row("inclusion", "PINP", "40", confounders=((name, there),)),
        row("month_3", "PINP", "60", confounders=((name, here),)),
    ]
    one = results(rows, with_rules(**{f"{name}_change": rule}))["month_3", "PINP"]
    if rule is SampleChange.FLAG:
        assert one.flags == (code,)
        assert one.fold_change == 1.5
    else:
        assert one.reasons == (code,)
        assert one.fold_change is None
        assert one.value == 60.0


def test_the_same_assay_in_other_capitals_is_the_same() -> None:
    """And one that is stated at one visit only is flagged."""
    rows = [
        row("inclusion", "PINP", "40", confounders=(("assay", "IDS-iSYS"),)),
        row("month_3", "PINP", "60", confounders=(("assay", "ids-isys"),)),
        row("month_12", "PINP", "60", confounders=(("assay", ""),)),
    ]
    made = results(rows)
    assert made["month_3", "PINP"].flags == ()
    assert made["month_12", "PINP"].flags == ("assay_not_stated",)


def test_fasting_is_carried_and_flagged() -> None:
    """Food lowers CTX; both the state and its change are told, and the columns carried."""
    rows = [
        row("inclusion", "CTX", "400", confounders=(("fasting", "yes"), ("egfr", "71"))),
        row("month_3", "CTX", "300", confounders=(("fasting", "no"), ("egfr", "58"))),
    ]
    one = results(rows)["month_3", "CTX"]
    assert one.flags == ("not_fasting", "fasting_differs")
    assert dict(one.confounders) == {"fasting": "no", "egfr": "58"}


def test_mass_and_activity_do_not_compare() -> None:
    """Bone ALP in ug/L at inclusion and in U/L later: each stands, the change does not."""
    rows = [row("inclusion", "bALP", "14"), row("month_3", "bALP", "40", "U/L")]
    one = results(rows)["month_3", "bALP"]
    assert (one.value, one.unit) == (40.0, "U/L")
    assert one.reasons == ("unit_not_comparable",)
    assert one.inclusion_value is None


def test_days_and_windows_are_told_where_inclusion_is_known() -> None:
    """A sample outside its visit's window is flagged."""
    rows = [
        row("inclusion", "PINP", "40"),
        row("month_3", "PINP", "60", date=START + timedelta(days=150)),
    ]
    one = results(rows, inclusion_dates={"P1": START})["month_3", "PINP"]
    assert one.days_from_inclusion == 150
    assert one.flags == ("sample_out_of_window",)
    assert results(rows)["month_3", "PINP"].days_from_inclusion is None


def test_samples_of_two_days_in_one_ratio_are_flagged() -> None:
    """Formation on Monday, degradation on Tuesday."""
    rows = both_visits()
    rows = [
        dataclasses.replace(one, date=one.date + timedelta(days=1))
        if (one.visit, one.marker) == ("month_3", "CTX")
        else one
        for one in rows
    ]
    made = results(rows)
    assert "sample_dates_differ" in made["month_3", "PINP/CTX"].flags
    assert "sample_dates_differ" not in made["month_3", "PINP/TRAP5b"].flags


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    """Shuffled rows give the same results."""
    rows = [*both_visits(), row("screening", "PINP", "50")]
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    assert evaluate_markers(shuffled, PROTOCOL) == evaluate_markers(rows, PROTOCOL)


def duplicates(*values: str, later: bool = False) -> list[MarkerRow]:
    """Several values of PINP at month 3."""
    first = START + timedelta(days=91)
    return [
        row("month_3", "PINP", value, date=first + timedelta(days=place if later else 0))
        for place, value in enumerate(values)
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_duplicates_follow_the_protocol(reverse: bool) -> None:
    """Mean, or the first day's; whichever comes first in the table does not matter."""
    rows = duplicates("58", "62", later=True)
    rows = rows[::-1] if reverse else rows
    mean = sample_of(rows, with_rules(duplicates=Duplicates.MEAN).markers)
    assert (mean.value, mean.flags) == (60.0, ("duplicates_averaged",))
    assert mean.written == "58 ug/L and 62 ug/L"
    first = sample_of(rows, with_rules(duplicates=Duplicates.FIRST).markers)
    assert (first.value, first.flags) == (58.0, ("later_duplicate_dropped",))
    refused = sample_of(rows, PROTOCOL.markers)
    assert (refused.value, refused.reasons) == (None, ("duplicate_samples",))


def test_duplicates_that_cannot_be_joined_have_a_reason() -> None:
    """Of one day, below the limit, in two units, of two assays."""
    first = with_rules(duplicates=Duplicates.FIRST).markers
    assert sample_of(duplicates("58", "62"), first).reasons == ("duplicate_samples",)
    mean = with_rules(duplicates=Duplicates.MEAN).markers
    assert sample_of(duplicates("58", "<62"), mean).reasons == ("below_limit",)
    units = [row("month_3", "bALP", "14"), row("month_3", "bALP", "40", "U/L")]
    assert sample_of(units, mean).reasons == ("unit_not_comparable",)
    assays = [
        row("month_3", "PINP", "58", confounders=(("assay", "A"),)),
        row("month_3", "PINP", "62", confounders=(("assay", "B"),)),
    ]
    assert sample_of(assays, mean).reasons == ("duplicates_of_two_assays",)


def test_rows_of_two_markers_are_no_sample() -> None:
    """A mix-up is an error, and so is a unit that the marker cannot have."""
    with pytest.raises(MarkerError, match="one patient, one visit and one marker"):
        sample_of([row("month_3", "PINP", "1"), row("month_3", "CTX", "1")], PROTOCOL.markers)
    with pytest.raises(MarkerError, match=r"PINP: unit 'U/L'; accepted: ug/L"):
        sample_of([row("month_3", "PINP", "1", "U/L")], PROTOCOL.markers)


def test_turnover_sets_formation_against_degradation() -> None:
    """Geometric means of the folds; None unless every marker is there."""
    folds = {
        fold.visit: fold
        for fold in turnover_folds(
            evaluate_markers(both_visits(OC_month_3=None), PROTOCOL), PROTOCOL
        )
    }
    assert folds["inclusion"].balance_fold == pytest.approx(1.0)
    assert folds["month_3"].formation_fold is None
    assert folds["month_3"].degradation_fold == pytest.approx(math.sqrt(0.75 * 0.8))
    assert folds["month_3"].balance_fold is None


values = st.decimals("0.01", "9999", places=2)


@given(
    st.lists(values, min_size=4, max_size=4),
    st.sampled_from(["ug/L", "ng/mL", "pg/mL", "ng/L", "mg/dL"]),
    st.sampled_from(["ng/L", "pg/mL", "ug/L", "ng/mL"]),
)
def test_units_change_no_ratio(
    amounts: list[Decimal], formation_unit: str, degradation_unit: str
) -> None:
    """The same concentrations written in other units give the same fold, percent and value."""
    factor = {"ug/L": 1, "ng/mL": 1, "pg/mL": 1000, "ng/L": 1000, "mg/dL": Decimal("0.0001")}

    def rows(top: str, bottom: str) -> list[MarkerRow]:
        made = []
        for place, visit in enumerate(("inclusion", "month_3")):
            formation = amounts[2 * place] * factor[top]
            degradation = amounts[2 * place + 1] * factor[bottom]
            made.append(row(visit, "PINP", str(formation), top))
            made.append(row(visit, "CTX", str(degradation), bottom))
        return made

    plain = results(rows("ug/L", "ng/L"))["month_3", "PINP/CTX"]
    other = results(rows(formation_unit, degradation_unit))["month_3", "PINP/CTX"]
    assert dataclasses.replace(other, flags=()) == dataclasses.replace(plain, flags=())


@given(st.dictionaries(st.sampled_from(sorted(INCLUSION)), values, min_size=5))
def test_a_ratio_is_the_difference_of_the_logarithms(later: dict[str, Decimal]) -> None:
    """And the composite the mean of formation less the mean of degradation."""
    made = results(both_visits(**{f"{name}_month_3": str(v) for name, v in later.items()}))

    def ln(marker: str) -> float:
        return made["month_3", marker].ln_fold_change or 0.0

    for top, bottom in PROTOCOL.markers.ratios:
        assert ln(f"{top}/{bottom}") == pytest.approx(ln(top) - ln(bottom), abs=1e-9)
    formation = (ln("bALP") + ln("PINP") + ln("OC")) / 3
    degradation = (ln("CTX") + ln("TRAP5b")) / 2
    assert ln("composite") == pytest.approx(formation - degradation, abs=1e-9)
