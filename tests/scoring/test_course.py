"""Best, worst, first, last and lasting; windows and leaving the protocol."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.protocol import MissingVisit, OutOfWindow, Protocol, load_protocol
from lesionscore.scoring.course import VisitState, lesion_outcome, visit_timing
from lesionscore.scoring.states import LimbState

PROTOCOL = load_protocol()
VISITS = PROTOCOL.follow_up
LETTERS = {"H": LimbState.MET, "N": LimbState.NOT_MET, "?": LimbState.NOT_EVALUABLE}
WORDS = {state: letter for letter, state in LETTERS.items()}


def with_analysis(**values: object) -> Protocol:
    """The protocol with other choices of analysis."""
    return dataclasses.replace(
        PROTOCOL,
        analysis=dataclasses.replace(PROTOCOL.analysis, **values),  # type: ignore[arg-type]
    )


def states(course: str) -> list[VisitState]:
    """A course written as one letter a visit: healed, not, unknown."""
    return [
        VisitState(visit=visit, healed=LETTERS[letter])
        for visit, letter in zip(VISITS, course, strict=True)
    ]


@pytest.mark.parametrize(
    ("course", "best", "worst", "first", "last", "durable", "first_healed"),
    [
        ("HHH", "H", "H", "H", "H", "H", "month_3"),
        ("NNN", "N", "N", "N", "N", "?", ""),
        ("NHH", "H", "N", "N", "H", "H", "month_12"),
        ("HNN", "H", "N", "H", "N", "N", "month_3"),
        ("HNH", "H", "N", "H", "H", "N", "month_3"),
        ("NNH", "H", "N", "N", "H", "?", "month_24"),
        ("H??", "H", "H", "H", "H", "?", "month_3"),
        ("H?H", "H", "H", "H", "H", "H", "month_3"),
        ("?N?", "N", "N", "N", "N", "?", ""),
        ("??H", "H", "H", "H", "H", "?", "month_24"),
        ("???", "?", "?", "?", "?", "?", ""),
    ],
)
def test_a_course_is_summarised(
    course: str, best: str, worst: str, first: str, last: str, durable: str, first_healed: str
) -> None:
    """Over the visits that have a verdict; a missing visit says nothing."""
    outcome = lesion_outcome("L1", states(course), MissingVisit.OBSERVED)
    found = (outcome.best, outcome.worst, outcome.first, outcome.last, outcome.durable)
    assert [WORDS[state] for state in found] == [best, worst, first, last, durable]
    assert outcome.first_healed_visit == first_healed
    assert outcome.visits_evaluable == 3 - course.count("?")
    assert not outcome.carried


@pytest.mark.parametrize(
    ("course", "last", "durable", "carried"),
    [
        ("H??", "H", "?", ("month_12", "month_24")),
        ("?N?", "N", "?", ("month_24",)),
        ("N?H", "H", "?", ("month_12",)),
        ("H?N", "N", "N", ("month_12",)),
        ("???", "?", "?", ()),
    ],
)
def test_carrying_forward_is_asked_for_and_told(
    course: str, last: str, durable: str, carried: tuple[str, ...]
) -> None:
    """A carried verdict is no evidence that healing lasts."""
    outcome = lesion_outcome("L1", states(course), MissingVisit.CARRY_FORWARD)
    assert (WORDS[outcome.last], WORDS[outcome.durable]) == (last, durable)
    assert outcome.carried == carried
    assert outcome.visits_evaluable == 3 - course.count("?")


@given(st.text("HN?", min_size=3, max_size=3), st.integers(0, 2))
def test_a_missing_visit_never_changes_another(course: str, place: int) -> None:
    """Taking a verdict away leaves what the others say."""
    before = lesion_outcome("L1", states(course), MissingVisit.OBSERVED)
    without = course[:place] + "?" + course[place + 1 :]
    after = lesion_outcome("L1", states(without), MissingVisit.OBSERVED)
    left = [LETTERS[letter] for letter in without if letter != "?"]
    assert after.visits_evaluable == len(left)
    expected = LimbState.MET if LimbState.MET in left else LimbState.NOT_MET
    assert after.best is (expected if left else LimbState.NOT_EVALUABLE)
    if course[place] == "?":
        assert after == before


@pytest.mark.parametrize(
    ("visit", "day", "off_day", "in_window", "counts", "reasons"),
    [
        pytest.param("month_3", 91, None, True, True, (), id="on-time"),
        pytest.param("month_3", 61, None, True, True, (), id="first-day"),
        pytest.param("month_3", 60, None, False, True, (), id="early-is-kept-and-told"),
        pytest.param("month_3", 121, None, True, True, (), id="last-day"),
        pytest.param("month_3", 122, None, False, True, (), id="late-is-kept-and-told"),
        pytest.param("month_3", None, None, None, True, (), id="day-unknown"),
        pytest.param("month_12", 365, 365, True, True, (), id="on-the-day-of-leaving"),
        pytest.param(
            "month_12", 366, 365, True, False, ("after_off_protocol",), id="the-day-after-leaving"
        ),
        pytest.param("month_3", 91, 365, True, True, (), id="before-leaving"),
        pytest.param(
            "month_12", None, 304, None, False, ("after_off_protocol",), id="left-before-its-window"
        ),
        pytest.param("month_12", None, 305, None, True, (), id="left-in-its-window-and-not-done"),
        pytest.param("month_24", 790, None, True, True, (), id="last-visit-last-day"),
    ],
)
def test_a_visit_is_placed_in_time(
    visit: str,
    day: int | None,
    off_day: int | None,
    in_window: bool | None,
    counts: bool,
    reasons: tuple[str, ...],
) -> None:
    """Windows flag, leaving the protocol excludes."""
    timing = visit_timing(visit, day, off_day, PROTOCOL)
    assert (timing.in_window, timing.counts, timing.reasons) == (in_window, counts, reasons)


def test_the_protocol_can_exclude_late_visits_and_grant_days() -> None:
    """Both are one value of the protocol file."""
    strict = with_analysis(out_of_window=OutOfWindow.EXCLUDE)
    assert visit_timing("month_3", 122, None, strict).reasons == ("out_of_window",)
    assert visit_timing("month_3", 121, None, strict).counts
    graced = with_analysis(off_protocol_grace_days=28)
    assert visit_timing("month_12", 393, 365, graced).counts
    assert not visit_timing("month_12", 394, 365, graced).counts


def test_visits_after_the_last_one_do_not_count() -> None:
    """A study whose primary window ends at 12 months."""
    short = with_analysis(primary_last_visit="month_12")
    assert visit_timing("month_24", 730, None, short).reasons == ("after_last_visit",)
    assert visit_timing("month_12", 365, None, short).counts
