"""A reader's rows become readings, and are scored like those from images."""

from __future__ import annotations

from typing import Any

import pytest

from lesionscore.lesions.records import Presence, ReadingStatus
from lesionscore.protocol import load_protocol
from lesionscore.scoring.healing import score_lesion
from lesionscore.scoring.reads import VisitReadings, readings_from_reads
from lesionscore.scoring.states import LimbState
from lesionscore.scoring.uptake import score_uptake
from lesionscore.study import Call, ReadRow

PROTOCOL = load_protocol()
EMPTY: dict[str, Any] = dict.fromkeys(
    (
        "longest_diameter_mm",
        "below_mm",
        "axial_diameter_mm",
        "short_axis_mm",
        "axial_area_mm2",
        "volume_ml",
        "sclerosis",
        "complete",
        "suv_max",
        "suv_peak",
        "suv_mean",
    )
)


def read(visit: str, **values: Any) -> ReadRow:
    """One row of reads.csv."""
    row = {"reader": "A", "event": "", **EMPTY, **values}
    return ReadRow(patient_id="P1", lesion_id="L1", visit=visit, row=2, **row)


def readings(*reads: ReadRow) -> dict[str, VisitReadings]:
    """Readings of the lesion by visit."""
    made = readings_from_reads(reads, "L1", PROTOCOL.visit_ids, PROTOCOL.measurable)
    return {one.visit: one for one in made}


def test_reads_are_scored_by_the_same_rules() -> None:
    """Size at 3 months, sclerosis at 12, gone at 24; uptake beside it."""
    made = readings(
        read("inclusion", longest_diameter_mm=12.0, suv_max=20.0),
        read("month_3", longest_diameter_mm=9.0, sclerosis=Call.NO, suv_max=28.0),
        read("month_12", longest_diameter_mm=11.0, sclerosis=Call.YES),
        read("month_24", complete=Call.YES),
    )
    verdicts = {
        visit: score_lesion(made["inclusion"].ct, one.ct, PROTOCOL) for visit, one in made.items()
    }
    assert verdicts["inclusion"].healed is LimbState.NOT_MET
    assert verdicts["month_3"].size.state is LimbState.MET
    assert verdicts["month_3"].changes.longest_diameter_change_percent == -25.0
    assert verdicts["month_12"].sclerosis.state is LimbState.MET
    assert verdicts["month_24"].complete.state is LimbState.MET
    assert all(verdict.healing_probability is None for verdict in verdicts.values())
    change = score_uptake(made["inclusion"].pet, made["month_3"].pet, PROTOCOL.uptake)
    assert change.suv_max_change_percent == pytest.approx(40.0)
    assert made["month_12"].pet.status is ReadingStatus.MISSING


@pytest.mark.parametrize(
    ("values", "status", "presence"),
    [
        ({"longest_diameter_mm": 9.0}, ReadingStatus.EVALUABLE, Presence.PRESENT),
        ({"below_mm": 5.0}, ReadingStatus.EVALUABLE, Presence.TOO_SMALL),
        ({"complete": Call.YES}, ReadingStatus.EVALUABLE, Presence.ABSENT),
        ({"complete": Call.NO}, ReadingStatus.EVALUABLE, Presence.PRESENT),
        ({"sclerosis": Call.NO}, ReadingStatus.EVALUABLE, None),
        ({"complete": Call.NOT_EVALUABLE}, ReadingStatus.NOT_EVALUABLE, None),
        ({"sclerosis": Call.NOT_EVALUABLE}, ReadingStatus.NOT_EVALUABLE, None),
        ({}, ReadingStatus.NOT_EVALUABLE, None),
    ],
)
def test_what_is_left_follows_from_what_was_said(
    values: dict[str, Any], status: ReadingStatus, presence: Presence | None
) -> None:
    """A diameter, a limit, a call; nothing said is not evaluable."""
    reading = readings(read("month_3", **values))["month_3"].ct
    assert (reading.status, reading.presence) == (status, presence)


def test_a_visit_that_was_not_read_is_missing() -> None:
    """With its reason, on both modalities."""
    one = readings(read("inclusion", longest_diameter_mm=12.0))["month_3"]
    assert one.ct.status is one.pet.status is ReadingStatus.MISSING
    assert one.ct.reasons == one.pet.reasons == ("not_read",)


def test_another_reader_and_events_are_flagged() -> None:
    """Reader differences are as large as the effect; events are visible."""
    made = readings(
        read("inclusion", longest_diameter_mm=12.0),
        read("month_3", longest_diameter_mm=9.0, reader="B", event="split"),
    )
    assert made["month_3"].ct.flags == (
        "reader_read",
        "lesion_split",
        "reader_differs_from_inclusion",
    )


def test_a_limit_bounds_the_size() -> None:
    """<5 from 12 mm is reduced by more than 2 mm and 25 % anyhow; from 6 mm it is not known."""
    for before_mm, state in ((12.0, LimbState.MET), (6.0, LimbState.NOT_EVALUABLE)):
        made = readings(
            read("inclusion", longest_diameter_mm=before_mm), read("month_3", below_mm=5.0)
        )
        verdict = score_lesion(made["inclusion"].ct, made["month_3"].ct, PROTOCOL)
        assert verdict.size.state is state


def test_a_new_lesion_was_not_there_before() -> None:
    """Before it appears the reason says so; after that a missing read is a missing read."""
    made = readings(read("month_12", longest_diameter_mm=9.0, event="new"))
    reasons = {visit: one.ct.reasons for visit, one in made.items()}
    assert reasons["inclusion"] == reasons["month_3"] == ("not_there_yet",)
    assert made["month_12"].ct.flags == ("reader_read", "new_lesion")
    assert reasons["month_24"] == ("not_read",)
    verdict = score_lesion(made["inclusion"].ct, made["month_12"].ct, PROTOCOL)
    assert verdict.healed is LimbState.NOT_EVALUABLE
    assert verdict.reasons == ("inclusion_not_evaluable", "not_there_yet")
