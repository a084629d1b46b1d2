"""One patient from scored lesions: counts, outcomes, and what is told of the missing."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

import pytest

from lesionscore.lesions.records import CtReading, PetReading
from lesionscore.protocol import LesionsCounted, PatientSummary, Protocol, load_protocol
from lesionscore.scoring.coupling import Coupling, TurnoverFold, coupling
from lesionscore.scoring.healing import LesionVerdict, score_lesion
from lesionscore.scoring.patient import PatientOutcome, patient_state, summarise_patient
from lesionscore.scoring.patient_columns import patient_cells, patient_columns
from lesionscore.scoring.states import LimbState
from lesionscore.scoring.uptake import UptakeChange, score_uptake
from tests.scoring.readings import ct, gone, missing, pet

PROTOCOL = load_protocol()
DAYS = {"inclusion": 0, "month_3": 90, "month_12": 370, "month_24": 730}


@dataclass(frozen=True)
class Scored:
    """What `summarise_patient` asks for."""

    lesion_id: str
    visit: str
    days_from_inclusion: int | None
    ct: CtReading
    pet: PetReading
    verdict: LesionVerdict
    uptake: UptakeChange


def lesion(
    lesion_id: str, readings: dict[str, CtReading], suvs: dict[str, float] | None = None
) -> list[Scored]:
    """All visits of one lesion, scored; a visit without a reading is missing."""
    named = {
        visit: dataclasses.replace(
            readings.get(visit, missing(reason="no_ct")), lesion_id=lesion_id, visit=visit
        )
        for visit in PROTOCOL.visit_ids
    }
    uptakes = {
        visit: pet((suvs or {}).get(visit), visit=visit, lesion_id=lesion_id) for visit in named
    }
    return [
        Scored(
            lesion_id=lesion_id,
            visit=visit,
            days_from_inclusion=DAYS[visit] if visit in readings else None,
            ct=reading,
            pet=uptakes[visit],
            verdict=score_lesion(named["inclusion"], reading, PROTOCOL),
            uptake=score_uptake(uptakes["inclusion"], uptakes[visit], PROTOCOL.uptake),
        )
        for visit, reading in named.items()
    ]


def four_lesions() -> list[Scored]:
    """One that shrinks, one that grows, one with a rim then gone, one too small and unseen."""
    return [
        *lesion(
            "L1",
            {"inclusion": ct(10.0), "month_3": ct(9.0), "month_12": ct(7.0)},
            {"inclusion": 10.0, "month_3": 14.0, "month_12": 11.0},
        ),
        *lesion(
            "L2",
            {"inclusion": ct(10.0), "month_3": ct(13.0), "month_12": ct(13.0)},
            {"inclusion": 20.0, "month_3": 10.0},
        ),
        *lesion(
            "L3",
            {
                "inclusion": ct(20.0),
                "month_3": ct(20.0, edge_change_hu=150.0),
                "month_12": gone(),
            },
        ),
        *lesion(
            "L4",
            {
                "inclusion": ct(4.0),
                "month_3": missing(reason="not_covered"),
                "month_12": ct(4.0, edge_change_hu=None, flags=("new_lesion_nearby",)),
            },
        ),
    ]


def summary(rows: list[Scored], protocol: Protocol = PROTOCOL, **more: object) -> PatientOutcome:
    """The patient's summary."""
    return summarise_patient("P1", rows, protocol, **more)  # type: ignore[arg-type]


def test_lesions_are_counted_by_limb_and_visit() -> None:
    """Evaluable and met, and those that are not evaluable apart."""
    outcome = summary(four_lesions())
    month_3, month_12, month_24 = outcome.visits
    assert (month_3.healed.met, month_3.healed.evaluable, month_3.not_evaluable) == (1, 3, 1)
    assert (month_3.sclerosis.met, month_3.size.met, month_3.complete.met) == (1, 0, 0)
    assert month_3.growing == 1
    assert month_3.reasons == (("not_covered", 1),)
    assert (month_12.healed.met, month_12.healed.evaluable) == (2, 3)
    assert (month_12.size.met, month_12.complete.met) == (2, 1)
    assert month_12.new_lesions == 1
    assert month_12.reasons == (("edge_not_measured", 1),)
    assert (month_24.healed.evaluable, month_24.not_evaluable) == (0, 4)
    assert month_24.healed_percent is None
    assert month_24.reasons == (("no_ct", 4),)


def test_uptake_is_summarised() -> None:
    """Medians over the lesions that have a change, and directions beyond repeatability."""
    outcome = summary(four_lesions())
    month_3 = outcome.visits[0]
    assert (month_3.uptake_evaluable, month_3.uptake_increased, month_3.uptake_decreased) == (
        2,
        1,
        1,
    )
    assert month_3.suv_max_change_percent_median == pytest.approx(-5.0)
    assert outcome.suv_max_inclusion_median == 15.0
    assert outcome.visits[2].suv_max_change_percent_median is None


def test_outcomes_span_the_visits() -> None:
    """Best and last of every lesion, and the patient by the protocol's rule."""
    outcome = summary(four_lesions())
    best = {one.lesion_id: one.best for one in outcome.outcomes}
    assert best == {
        "L1": LimbState.MET,
        "L2": LimbState.NOT_MET,
        "L3": LimbState.MET,
        "L4": LimbState.NOT_EVALUABLE,
    }
    assert (outcome.best.met, outcome.best.evaluable) == (2, 3)
    assert (outcome.durable.met, outcome.durable.evaluable) == (1, 1)
    assert (outcome.lesions, outcome.lesions_measurable) == (4, 3)
    assert outcome.healed_best is LimbState.MET
    assert outcome.last_visit == "month_12"


def test_visits_after_leaving_do_not_enter_the_outcome() -> None:
    """They stay visible at their visit."""
    outcome = summary(four_lesions(), off_protocol_day=200)
    assert (outcome.best.met, outcome.best.evaluable) == (1, 3)
    month_12 = outcome.visits[1]
    assert month_12.healed.met == 2
    assert month_12.timing.reasons == ("after_off_protocol",)
    assert outcome.last_visit == "month_3"


def test_lesions_too_small_can_be_left_out() -> None:
    """One value of the protocol file."""
    rules = dataclasses.replace(PROTOCOL.analysis, lesions=LesionsCounted.MEASURABLE)
    outcome = summary(four_lesions(), dataclasses.replace(PROTOCOL, analysis=rules))
    assert (outcome.lesions, outcome.lesions_counted) == (4, 3)
    assert outcome.visits[0].not_evaluable == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    """Shuffled rows give the same summary."""
    rows = four_lesions()
    random.Random(seed).shuffle(rows)
    assert summary(rows) == summary(four_lesions())


def test_a_missing_visit_never_changes_another() -> None:
    """Without month 12, month 3 says what it said."""
    without = [row for row in four_lesions() if row.visit != "month_12"]
    assert summary(without).visits[0] == summary(four_lesions()).visits[0]
    assert summary(without).visits[2].healed == summary(four_lesions()).visits[2].healed


def test_a_patient_without_lesions_has_a_row() -> None:
    """Nothing evaluable, and no division by nothing."""
    outcome = summary([])
    assert outcome.healed_best is LimbState.NOT_EVALUABLE
    assert [visit.healed.evaluable for visit in outcome.visits] == [0, 0, 0]


@pytest.mark.parametrize(
    ("states", "rule", "healed"),
    [
        ("HNN", PatientSummary.ANY_LESION, "H"),
        ("NNN", PatientSummary.ANY_LESION, "N"),
        ("NN?", PatientSummary.ANY_LESION, "N"),
        ("H??", PatientSummary.ANY_LESION, "H"),
        ("HHH", PatientSummary.ALL_LESIONS, "H"),
        ("HHN", PatientSummary.ALL_LESIONS, "N"),
        ("HH?", PatientSummary.ALL_LESIONS, "H"),
        ("HHN", PatientSummary.MAJORITY, "H"),
        ("HN", PatientSummary.MAJORITY, "N"),
        ("HN?", PatientSummary.MAJORITY, "N"),
        ("HNN", PatientSummary.MAJORITY, "N"),
        ("??", PatientSummary.ANY_LESION, "?"),
        ("", PatientSummary.ANY_LESION, "?"),
    ],
)
def test_a_patient_is_healed_by_the_protocols_rule(
    states: str, rule: PatientSummary, healed: str
) -> None:
    """Any lesion, all, or more than half, of those that have a verdict."""
    letters = {"H": LimbState.MET, "N": LimbState.NOT_MET, "?": LimbState.NOT_EVALUABLE}
    analysis = dataclasses.replace(PROTOCOL.analysis, patient_summary=rule)
    protocol = dataclasses.replace(PROTOCOL, analysis=analysis)
    assert patient_state([letters[letter] for letter in states], protocol) is letters[healed]


def test_every_column_has_a_cell() -> None:
    """And every cell a column, with markers beside the lesions."""
    turnover = [
        TurnoverFold(patient_id="P1", visit="month_3", formation_fold=1.5, degradation_fold=0.9),
        TurnoverFold(patient_id="P2", visit="month_3", formation_fold=9.0, degradation_fold=1.0),
    ]
    cells = patient_cells(summary(four_lesions(), turnover=turnover))
    assert list(cells) == list(patient_columns(PROTOCOL))
    assert set(patient_columns(PROTOCOL).values()) == {"text", "whole", "number", "yes_no"}
    assert cells["month_3_formation_fold"] == 1.5
    assert cells["month_3_composite_fold"] == pytest.approx(1.5 / 0.9)
    assert cells["month_3_coupling"] is Coupling.ANABOLIC
    assert cells["month_12_coupling"] is Coupling.NOT_EVALUABLE
    assert cells["month_24_reason"] == "no_ct (4)"
    assert cells["proportion_healed_best_percent"] == pytest.approx(200 / 3)


@pytest.mark.parametrize(
    ("formation", "degradation", "expected"),
    [
        (1.31, 1.0, Coupling.ANABOLIC),
        (1.0, 1 / 1.31, Coupling.ANABOLIC),
        (1.29, 1.0, Coupling.UNCHANGED),
        (1.0, 1.31, Coupling.CATABOLIC),
        (1 / 1.31, 1.0, Coupling.CATABOLIC),
        (1 / 1.29, 1.0, Coupling.UNCHANGED),
        (2.0, 2.0, Coupling.BOTH_UP),
        (0.5, 0.5, Coupling.BOTH_DOWN),
        (1.0, 1.0, Coupling.UNCHANGED),
        (None, 1.0, Coupling.NOT_EVALUABLE),
        (1.0, None, Coupling.NOT_EVALUABLE),
    ],
)
def test_coupling(formation: float | None, degradation: float | None, expected: Coupling) -> None:
    """The balance beyond the least significant change first, then the common direction."""
    fold = TurnoverFold(
        patient_id="P1", visit="month_3", formation_fold=formation, degradation_fold=degradation
    )
    assert coupling(fold, 30.0) is expected


def test_a_new_lesion_is_counted_as_new_and_not_as_existing() -> None:
    """It stands beside the endpoint, which speaks of existing lesions."""
    rows = [
        *lesion("L1", {"inclusion": ct(10.0), "month_12": ct(7.0)}),
        *lesion("N1", {"month_12": ct(9.0, flags=("new_lesion",))}),
    ]
    outcome = summarise_patient("P1", rows, PROTOCOL)
    assert (outcome.lesions, outcome.lesions_counted) == (2, 1)
    month_12 = outcome.visits[1]
    assert (month_12.new_lesions, month_12.not_evaluable) == (1, 0)
    assert [one.lesion_id for one in outcome.outcomes] == ["L1"]
