"""The study's summary from plain tables: counted by hand, in any order, with every gap."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lesionscore.errors import ScoringError
from lesionscore.protocol.analysis_rules import (
    IntervalMethod,
    LesionsCounted,
    MissingVisit,
    Multiplicity,
    OutOfWindow,
    PatientSummary,
    Sensitivity,
)
from lesionscore.protocol.protocol import Protocol, load_protocol
from lesionscore.scoring.endpoints import StudySummary, summarise_study
from lesionscore.scoring.healing_rates import HealingRate
from lesionscore.scoring.statistics import EstimateState

NINLARO = load_protocol()
UNTIL = "until_month_24"
DAY = {"inclusion": 0, "month_3": 91, "month_12": 365, "month_24": 730}
STATES = {"m": "met", "n": "not_met", "-": "not_evaluable"}


def lesion_rows(patient_id: str, lesion_id: str, course: str, **cells: Any) -> list[dict[str, Any]]:
    """A lesion's rows from a course such as ``n-m``: months 3, 12 and 24."""
    rows = []
    for visit, letter in zip(DAY, "n" + course, strict=True):
        state = STATES[letter]
        seen = letter != "-"
        row = {
            "patient_id": patient_id,
            "lesion_id": lesion_id,
            "visit": visit,
            "days_from_inclusion": DAY[visit] if seen else None,
            "ct_status": "evaluable" if seen else "missing",
            "healed": state,
            "size_limb": state,
            "sclerosis_limb": "not_met" if seen else "not_evaluable",
            "complete_limb": "not_met" if seen else "not_evaluable",
            "healed_by_axial_diameter": state,
            "healed_by_area": state,
            "healed_by_volume": "met" if seen and visit != "inclusion" else state,
            **dict.fromkeys(("axial_diameter_mm", "axial_area_mm2", "volume_ml"), 9.0),
            "suv_max": None,
            "suv_max_change": None,
            "suv_max_change_percent": None,
            "reason": "" if seen else "ct_missing",
            "flags": "",
        }
        rows.append(row | cells)
    return rows


def patient_table(*ids: str, left: dict[str, int] | None = None) -> pd.DataFrame:
    """Patients, and the day on which some left."""
    days = [(left or {}).get(who) for who in ids]
    return pd.DataFrame(
        {"patient_id": list(ids), "off_protocol_day": pd.array(days, dtype="Int64")}
    )


NO_MARKERS = pd.DataFrame(
    columns=[
        "patient_id",
        "visit",
        "marker",
        "status",
        "ln_fold_change",
        "change",
        "change_percent",
    ]
)


def summarise(
    rows: list[dict[str, Any]],
    *,
    left: dict[str, int] | None = None,
    markers: pd.DataFrame = NO_MARKERS,
    protocol: Protocol = NINLARO,
) -> StudySummary:
    """Summarise rows; every patient of a row is a patient."""
    frame = pd.DataFrame(rows)
    ids = sorted(set(frame["patient_id"])) if rows else []
    if not rows:
        frame = pd.DataFrame(columns=list(lesion_rows("P", "L", "nnn")[0]))
    return summarise_study(frame, patient_table(*ids, left=left), markers, protocol)


def with_analysis(**changes: Any) -> Protocol:
    """The protocol with other choices of analysis."""
    return dataclasses.replace(NINLARO, analysis=dataclasses.replace(NINLARO.analysis, **changes))


def rate(rates: tuple[HealingRate, ...], visit: str, analysis: str = "primary") -> HealingRate:
    """The rate of one visit and analysis."""
    (found,) = [one for one in rates if one.visit == visit and one.analysis == analysis]
    return found


def counts(one: HealingRate) -> tuple[int, int, int]:
    """Healed, evaluable, not evaluable."""
    return one.healed, one.evaluable, one.not_evaluable


SMALL = [
    *lesion_rows("A", "1", "nmm"),
    *lesion_rows("A", "2", "nnn"),
    *lesion_rows("A", "3", "---"),
    *lesion_rows("B", "1", "m-n"),
    *lesion_rows("C", "1", "n--"),
    *lesion_rows("D", "1", "---"),
]


def test_lesions_and_patients_are_counted_by_hand() -> None:
    """Best verdict until month 24, and each visit; what was not seen is not counted as failed."""
    study = summarise(SMALL)
    assert counts(rate(study.healing_of_lesions, UNTIL)) == (2, 4, 2)
    assert counts(rate(study.healing_of_lesions, "month_3")) == (1, 4, 2)
    assert counts(rate(study.healing_of_lesions, "month_12")) == (1, 2, 4)
    assert counts(rate(study.healing_of_lesions, "month_24")) == (1, 3, 3)
    assert counts(rate(study.healing_of_patients, UNTIL)) == (2, 3, 1)
    assert counts(rate(study.healing_of_patients, "month_24")) == (1, 2, 2)
    assert (study.patients, study.lesions) == (4, 6)


def test_a_study_of_thirty_has_the_published_interval() -> None:
    """5 of 30 patients: 5.64 to 34.72 % exact, 7.34 to 33.56 % by Wilson."""
    rows = [
        row for k in range(30) for row in lesion_rows(f"P{k:02d}", "1", "nnm" if k < 5 else "nnn")
    ]
    one = rate(summarise(rows).healing_of_patients, UNTIL)
    assert one.proportion == pytest.approx(5 / 30)
    assert (one.low, one.high) == pytest.approx((0.0564, 0.3472), abs=5e-5)
    assert (one.wilson.low, one.wilson.high) == pytest.approx((0.0734, 0.3356), abs=5e-5)
    by_wilson = summarise(rows, protocol=with_analysis(interval_method=IntervalMethod.WILSON))
    assert rate(by_wilson.healing_of_patients, UNTIL).low == one.wilson.low


def test_figures_of_a_trial_of_sixty_four() -> None:
    """27 of 64 is 42.2 %, 29.9 to 55.2; 57 of 64 is 89.1 %, 78.8 to 95.5."""
    for healed, low, high in ((27, 0.299, 0.552), (57, 0.788, 0.955)):
        rows = [
            row
            for k in range(64)
            for row in lesion_rows(f"P{k:02d}", "1", "mmm" if k < healed else "nnn")
        ]
        one = rate(summarise(rows).healing_of_patients, UNTIL)
        assert one.low is not None
        assert one.high is not None
        assert (round(one.low, 3), round(one.high, 3)) == (low, high)


@pytest.mark.parametrize(
    ("rule", "healed"),
    [
        (PatientSummary.ANY_LESION, 2),
        (PatientSummary.ALL_LESIONS, 1),
        (PatientSummary.MAJORITY, 1),
    ],
)
def test_the_protocol_says_when_a_patient_is_healed(rule: PatientSummary, healed: int) -> None:
    """A has one of two seen lesions healed (not the majority), B its only one."""
    study = summarise(SMALL, protocol=with_analysis(patient_summary=rule))
    assert rate(study.healing_of_patients, UNTIL).healed == healed


@pytest.mark.parametrize(
    ("left_day", "grace", "healed"),
    [(729, 0, 0), (730, 0, 1), (729, 1, 1), (700, 0, 0)],
)
def test_a_scan_after_leaving_does_not_count(left_day: int, grace: int, healed: int) -> None:
    """The day of leaving counts; later only within the grace that the protocol gives."""
    study = summarise(
        lesion_rows("A", "1", "nnm"),
        left={"A": left_day},
        protocol=with_analysis(off_protocol_grace_days=grace),
    )
    assert counts(rate(study.healing_of_lesions, UNTIL)) == (healed, 1, 0)
    assert rate(study.healing_of_lesions, "month_24").evaluable == healed
    assert study.patients_off_protocol == 1


def test_a_visit_outside_its_window_counts_unless_excluded() -> None:
    """Flagged by default; left out where the protocol file says so."""
    rows = lesion_rows("A", "1", "nnm")
    rows[-1]["days_from_inclusion"] = 800
    assert rate(summarise(rows).healing_of_lesions, UNTIL).healed == 1
    strict = summarise(rows, protocol=with_analysis(out_of_window=OutOfWindow.EXCLUDE))
    assert counts(rate(strict.healing_of_lesions, UNTIL)) == (0, 1, 0)
    assert counts(rate(strict.healing_of_lesions, "month_24")) == (0, 0, 1)


def test_nothing_is_carried_forward_unless_asked() -> None:
    """A lesion healed at month 3 and never seen again is no evidence at month 24."""
    rows = lesion_rows("A", "1", "m--")
    assert rate(summarise(rows).healing_of_lesions, "month_24").evaluable == 0
    carried = summarise(rows, protocol=with_analysis(missing_visit=MissingVisit.CARRY_FORWARD))
    assert counts(rate(carried.healing_of_lesions, "month_24")) == (1, 1, 0)


def test_lesions_too_small_at_inclusion_are_a_choice() -> None:
    """All count by default; the sensitivity analysis and the protocol can leave them out."""
    rows = [
        *lesion_rows("A", "1", "nnm", flags="growing;not_measurable_at_inclusion"),
        *lesion_rows("A", "2", "nnn"),
    ]
    study = summarise(rows)
    assert counts(rate(study.healing_of_lesions, UNTIL)) == (1, 2, 0)
    assert counts(rate(study.sensitivity_of_lesions, UNTIL, "measurable_only")) == (0, 1, 0)
    only = summarise(rows, protocol=with_analysis(lesions=LesionsCounted.MEASURABLE))
    assert counts(rate(only.healing_of_lesions, UNTIL)) == (0, 1, 0)


def test_a_new_lesion_stands_in_no_rate() -> None:
    """The endpoint speaks of existing lesions, in the worst case too."""
    old = lesion_rows("P1", "L1", "m--")
    new = lesion_rows("P1", "N1", "---")
    new[2] |= {"flags": "reader_read;new_lesion", "ct_status": "evaluable"}
    for study in (summarise(old + new), summarise(old + new, left={"P1": 200})):
        for one in (*study.healing_of_lesions, *study.sensitivity_of_lesions):
            assert one.evaluable + one.not_evaluable == 1


def test_those_who_left_are_not_healed_in_the_worst_case() -> None:
    """Only in the analysis of that name; what was seen before stands."""
    rows = [
        *lesion_rows("A", "1", "m--"),
        *lesion_rows("B", "1", "n--"),
        *lesion_rows("C", "1", "--n"),
        *lesion_rows("D", "1", "---"),
    ]
    study = summarise(rows, left={"A": 200, "D": 30})
    assert counts(rate(study.healing_of_lesions, UNTIL)) == (1, 3, 1)
    worst = [one for one in study.sensitivity_of_lesions if one.analysis == "worst_case"]
    assert counts(rate(tuple(worst), UNTIL, "worst_case")) == (1, 4, 0)
    assert counts(rate(tuple(worst), "month_24", "worst_case")) == (0, 3, 1)
    assert counts(rate(tuple(worst), "month_3", "worst_case")) == (1, 3, 1)


def test_a_lesion_without_a_verdict_can_count_as_not_healed() -> None:
    """The rate among those that could be judged is not the rate among all."""
    rows = [*lesion_rows("A", "1", "m--"), *lesion_rows("B", "1", "---")]
    study = summarise(rows)
    assert counts(rate(study.healing_of_lesions, UNTIL)) == (1, 1, 1)
    name = "unknown_as_not_healed"
    assert counts(rate(study.sensitivity_of_lesions, UNTIL, name)) == (1, 2, 0)
    assert counts(rate(study.sensitivity_of_lesions, "month_24", name)) == (0, 2, 0)
    assert counts(rate(study.sensitivity_of_patients, UNTIL, name)) == (1, 2, 0)


def test_a_metric_that_was_not_read_gives_no_rate() -> None:
    """A call of sclerosis alone would make every lesion with a verdict a healed one."""
    rows = lesion_rows("A", "1", "m--")
    for row in rows:
        row["volume_ml"] = None
    study = summarise(rows + lesion_rows("B", "1", "nnn"))
    assert counts(rate(study.healing_of_lesions, UNTIL)) == (1, 2, 0)
    assert counts(rate(study.sensitivity_of_lesions, UNTIL, "size_metric: volume")) == (1, 1, 1)
    assert counts(rate(study.sensitivity_of_lesions, UNTIL, "size_metric: area")) == (1, 2, 0)


def test_other_meanings_of_size_are_named() -> None:
    """One set of rates for every other metric that the table has."""
    study = summarise(SMALL)
    names = {one.analysis for one in study.sensitivity_of_lesions}
    assert {f"size_metric: {m}" for m in ("axial_diameter", "area", "volume")} < names
    assert "size_metric: longest_diameter" not in names
    volume = rate(study.sensitivity_of_lesions, UNTIL, "size_metric: volume")
    assert counts(volume) == (4, 4, 2)
    none = summarise(SMALL, protocol=with_analysis(sensitivity=()))
    assert none.sensitivity_of_lesions == ()
    assert with_analysis(sensitivity=(Sensitivity.WORST_CASE,)).analysis.sensitivity


def test_limbs_and_reasons_are_counted() -> None:
    """Which way lesions healed, and why the others have no verdict."""
    study = summarise(SMALL)
    size = [one for one in study.limbs if (one.visit, one.limb) == ("month_12", "size")]
    assert [(one.met, one.not_met, one.not_evaluable) for one in size] == [(1, 1, 4)]
    assert [(one.visit, one.reason, one.lesions) for one in study.missing] == [
        ("month_3", "ct_missing", 2),
        ("month_12", "ct_missing", 4),
        ("month_24", "ct_missing", 3),
    ]


# --- uptake and markers --------------------------------------------------------------------


def uptake_rows(ratios: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Lesions whose SUVmax at month 3 is the ratio times 8."""
    rows = []
    for patient_id, some in ratios.items():
        for k, ratio in enumerate(some):
            course = lesion_rows(patient_id, str(k), "n--")
            course[0] |= {"suv_max": 8.0, "suv_max_change": 0.0, "suv_max_change_percent": 0.0}
            course[1] |= {
                "suv_max": 8.0 * ratio,
                "suv_max_change": 8.0 * (ratio - 1),
                "suv_max_change_percent": 100 * (ratio - 1),
            }
            rows += course
    return rows


def test_uptake_is_paired_by_patient_not_by_lesion() -> None:
    """Ten lesions of one patient are one number; doubling and halving cancel."""
    study = summarise(uptake_rows({"A": [2.0] * 10, "B": [0.5], "C": [1.1], "D": [1 / 1.1]}))
    (one,) = [c for c in study.changes if (c.endpoint, c.visit) == ("suv_max", "month_3")]
    assert (one.changes, one.patients, one.not_evaluable) == (13, 4, 0)
    assert one.paired.n == 4
    assert one.paired.ratio == pytest.approx(1.0)
    assert one.median_change == pytest.approx(8.0)
    assert one.median_change_percent == pytest.approx(100.0)


def test_uptake_that_cannot_be_told_is_counted_as_such() -> None:
    """An empty change is no change of zero."""
    rows = uptake_rows({"A": [1.5, 1.2], "B": [1.3]})
    rows[1] |= {"suv_max_change": None, "suv_max_change_percent": None}
    study = summarise(rows)
    (one,) = [c for c in study.changes if (c.endpoint, c.visit) == ("suv_max", "month_3")]
    assert (one.changes, one.not_evaluable) == (2, 1)
    assert one.paired.state is EstimateState.TOO_FEW


def marker_table(seed: int, patients: int, mean: float) -> pd.DataFrame:
    """Markers and ratios of some patients with a common change on the ln scale."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(patients):
        for marker in ("CTX", "PINP/CTX", "composite", "bALP", "PINP", "OC"):
            for visit in DAY:
                ln = 0.0 if visit == "inclusion" else float(rng.normal(mean, 0.2))
                rows.append(
                    {
                        "patient_id": f"P{k:02d}",
                        "visit": visit,
                        "marker": marker,
                        "status": "evaluable",
                        "ln_fold_change": ln,
                        "change": 10 * (math.exp(ln) - 1),
                        "change_percent": 100 * (math.exp(ln) - 1),
                        "days_from_inclusion": DAY[visit],
                    }
                )
    return pd.DataFrame(rows)


PATIENTS = [row for k in range(12) for row in lesion_rows(f"P{k:02d}", "1", "nnn")]


def test_markers_are_tested_in_two_families() -> None:
    """Formation, composite and uptake are secondary; single ratios and degradation exploratory."""
    study = summarise(PATIENTS, markers=marker_table(1, 12, 0.3))
    of_family: dict[str, set[str]] = {}
    for test in study.tests:
        of_family.setdefault(test.family, set()).add(test.endpoint)
        assert test.p_adjusted >= test.p
        assert test.significant == (test.p_adjusted <= 0.05)
    assert of_family == {
        "secondary": {"bALP", "PINP", "OC", "composite"},
        "exploratory": {"PINP/CTX", "CTX"},
    }
    assert {test.rule for test in study.tests if test.family == "secondary"} == {"holm"}
    assert sum(test.significant for test in study.tests) >= 15


def test_a_fixed_sequence_stops_at_the_first_failure() -> None:
    """Tests after it keep its p value, in the protocol's order: uptake, markers, composite."""
    markers = marker_table(2, 12, 0.5)
    balp = markers["marker"] == "bALP"
    rng = np.random.default_rng(0)
    markers.loc[balp, "ln_fold_change"] = rng.normal(0, 0.3, int(balp.sum()))
    study = summarise(
        PATIENTS,
        markers=markers,
        protocol=with_analysis(multiplicity_secondary=Multiplicity.FIXED_SEQUENCE),
    )
    secondary = [test for test in study.tests if test.family == "secondary"]
    assert [test.endpoint for test in secondary[:3]] == ["bALP"] * 3
    assert not any(test.significant for test in secondary[2:])
    assert all(test.p < 0.05 for test in secondary[3:])


def test_marker_changes_are_geometric_means() -> None:
    """The ratio is exp of the mean ln fold; the mixed model says much the same."""
    markers = marker_table(3, 12, 0.3)
    study = summarise(PATIENTS, markers=markers)
    (one,) = [c for c in study.changes if (c.endpoint, c.visit) == ("PINP", "month_12")]
    here = (markers["marker"] == "PINP") & (markers["visit"] == "month_12")
    expected = math.exp(markers.loc[here, "ln_fold_change"].mean())
    assert one.paired.ratio == pytest.approx(expected)
    (model,) = [m.mixed for m in study.models if m.endpoint == "PINP"]
    assert model.state is EstimateState.ESTIMATED
    assert model.visits[1].ratio == pytest.approx(expected, rel=1e-6)


# --- the value as a whole ------------------------------------------------------------------


def everything() -> StudySummary:
    """A study with lesions, uptake and markers."""
    rng = np.random.default_rng(5)
    ratios = {
        f"P{k:02d}": [float(r) for r in rng.lognormal(0.1, 0.2, 1 + k % 4)] for k in range(12)
    }
    return summarise(uptake_rows(ratios), markers=marker_table(4, 12, 0.1), left={"P03": 100})


def test_the_summary_is_json_with_every_part() -> None:
    """No nan, no enum, no dataclass is left; the report finds visit, proportion and limits."""
    plain = everything().as_dict()
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert again == plain
    first = again["healing_of_lesions"][0]
    assert {"visit", "proportion", "low", "high", "cluster_bootstrap", "gee"} <= set(first)
    assert again["protocol_hash"] == NINLARO.hash
    assert again["choices"]["size"] == "longest_diameter"


def test_the_order_of_rows_changes_nothing() -> None:
    """To the last digit, and the same again from CSV text."""
    rng = np.random.default_rng(6)
    ratios = {f"P{k:02d}": [float(r) for r in rng.lognormal(0, 0.2, 3)] for k in range(8)}
    lesions = pd.DataFrame(uptake_rows(ratios))
    patients = patient_table(*ratios, left={"P02": 50})
    markers = marker_table(7, 8, 0.2)
    first = summarise_study(lesions, patients, markers, NINLARO)
    shuffled = summarise_study(
        lesions.sample(frac=1, random_state=1),
        patients.sample(frac=1, random_state=2),
        markers.sample(frac=1, random_state=3),
        NINLARO,
    )
    assert first == shuffled
    text = io.StringIO(lesions.to_csv(index=False))
    from_csv = summarise_study(pd.read_csv(text), patients, markers, NINLARO)
    assert from_csv.healing_of_lesions == first.healing_of_lesions
    assert from_csv.missing == first.missing


def test_an_empty_study_is_a_study() -> None:
    """No rows: counts of zero, states that say so, no warning."""
    study = summarise([])
    one = rate(study.healing_of_lesions, UNTIL)
    assert counts(one) == (0, 0, 0)
    assert one.proportion is None
    assert one.clopper_pearson.state is EstimateState.NO_DATA
    assert study.tests == ()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"healed": "yes"}, r"column healed: found \['yes'\]; accepted are met"),
        ({"visit": "month_6"}, "visit 'month_6'; accepted are inclusion, month_3"),
        ({"visit": "month_24"}, "patient A, lesion 1: visit month_24 twice"),
    ],
)
def test_rows_that_are_no_verdicts_are_refused(change: dict[str, str], match: str) -> None:
    """With patient, lesion, what was found and what is accepted."""
    rows = lesion_rows("A", "1", "nnn")
    rows[1] |= change
    with pytest.raises(ScoringError, match=match):
        summarise(rows)


@pytest.mark.parametrize("column", ["healed", "flags", "suv_max", "size_limb"])
def test_a_missing_column_is_named(column: str) -> None:
    """Instead of a KeyError from the depths."""
    frame = pd.DataFrame(lesion_rows("A", "1", "nnn")).drop(columns=column)
    with pytest.raises(ScoringError, match=f"table lesions lacks the column.*{column}"):
        summarise_study(frame, patient_table("A"), NO_MARKERS, NINLARO)
