"""Change of uptake: limits of repeatability, the protocol's minutes, and what does not compare."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.errors import ScoringError
from lesionscore.lesions.records import PetReading, ReadingStatus
from lesionscore.protocol import OutsideWindow, load_protocol
from lesionscore.scoring.uptake import UptakeDirection, UptakeTimes, score_uptake
from tests.scoring.readings import pet

RULE = load_protocol().uptake
FLAGGING = dataclasses.replace(RULE, outside_window=OutsideWindow.FLAG)


def reference(suv_max: float | None) -> PetReading:
    """The inclusion reading."""
    return pet(suv_max, visit="inclusion")


@pytest.mark.parametrize(
    ("before", "after", "percent", "direction"),
    [
        pytest.param(10.0, 13.2, 32.0, UptakeDirection.WITHIN, id="ratio-exactly-1.32"),
        pytest.param(10.0, 13.21, 32.1, UptakeDirection.INCREASED, id="ratio-above-1.32"),
        pytest.param(10.0, 7.6, -24.0, UptakeDirection.WITHIN, id="ratio-exactly-0.76"),
        pytest.param(10.0, 7.59, -24.1, UptakeDirection.DECREASED, id="ratio-below-0.76"),
        pytest.param(10.0, 10.0, 0.0, UptakeDirection.WITHIN, id="unchanged"),
        pytest.param(25.0, 33.0, 32.0, UptakeDirection.WITHIN, id="33-over-25"),
        pytest.param(10.0, 0.0, -100.0, UptakeDirection.DECREASED, id="nothing-left"),
    ],
)
def test_change_and_repeatability(
    before: float, after: float, percent: float, direction: UptakeDirection
) -> None:
    """Difference, percent and ratio; on a limit is within it."""
    change = score_uptake(reference(before), pet(after), RULE)
    assert change.status is ReadingStatus.EVALUABLE
    assert change.suv_max_change == pytest.approx(after - before)
    assert change.suv_max_change_percent == pytest.approx(percent)
    assert change.suv_max_ratio == pytest.approx(after / before)
    assert change.direction is direction
    assert change.beyond_repeatability is (direction is not UptakeDirection.WITHIN)
    if after > 0:
        assert change.suv_max_ln_ratio == pytest.approx(math.log(after / before))
    else:
        assert change.suv_max_ln_ratio is None


@pytest.mark.parametrize("minutes", [40.0, 45.0, 50.0, 40 + 1e-12, 50 - 1e-12])
def test_the_window_includes_both_ends(minutes: float) -> None:
    """40 and 50 minutes are in, at inclusion and at the visit."""
    times = UptakeTimes(inclusion_min=minutes, visit_min=minutes)
    change = score_uptake(reference(10), pet(12), RULE, times)
    assert change.status is ReadingStatus.EVALUABLE
    assert not change.flags


@pytest.mark.parametrize(
    ("at_inclusion", "at_visit", "codes"),
    [
        (39.9, 45.0, ("inclusion_uptake_outside_window",)),
        (45.0, 50.1, ("uptake_outside_window",)),
        (60.0, 60.0, ("inclusion_uptake_outside_window", "uptake_outside_window")),
    ],
)
def test_outside_the_window_the_change_is_not_evaluable(
    at_inclusion: float, at_visit: float, codes: tuple[str, ...]
) -> None:
    """At either scan; the protocol can ask for a flag in its place."""
    times = UptakeTimes(inclusion_min=at_inclusion, visit_min=at_visit)
    refused = score_uptake(reference(10), pet(12), RULE, times)
    assert refused.status is ReadingStatus.NOT_EVALUABLE
    assert refused.reasons == codes
    assert refused.suv_max_change is None
    flagged = score_uptake(reference(10), pet(12), FLAGGING, times)
    assert flagged.status is ReadingStatus.EVALUABLE
    assert flagged.flags == codes
    assert flagged.suv_max_change == 2.0


def test_times_that_are_not_known_are_flagged() -> None:
    """Anonymised headers lose the time of injection."""
    times = UptakeTimes(inclusion_min=None, visit_min=45.0)
    change = score_uptake(reference(10), pet(12), RULE, times)
    assert change.status is ReadingStatus.EVALUABLE
    assert change.flags == ("inclusion_uptake_time_unknown",)


@pytest.mark.parametrize(
    ("before", "after", "status", "reasons"),
    [
        (reference(10), pet(None), ReadingStatus.MISSING, ("no_pet",)),
        (
            reference(None),
            pet(10),
            ReadingStatus.NOT_EVALUABLE,
            ("inclusion_pet_not_evaluable", "no_pet"),
        ),
        (reference(0), pet(10), ReadingStatus.NOT_EVALUABLE, ("inclusion_suv_zero",)),
        (
            reference(10),
            PetReading(lesion_id="L1", visit="month_3", status=ReadingStatus.NOT_EVALUABLE),
            ReadingStatus.NOT_EVALUABLE,
            ("pet_not_evaluable",),
        ),
        (
            reference(10),
            PetReading(lesion_id="L1", visit="month_3", status=ReadingStatus.MISSING),
            ReadingStatus.MISSING,
            ("pet_missing",),
        ),
    ],
)
def test_what_was_not_read_does_not_change(
    before: PetReading, after: PetReading, status: ReadingStatus, reasons: tuple[str, ...]
) -> None:
    """Missing, not evaluable, or nothing to compare with; with the reason."""
    change = score_uptake(before, after, RULE)
    assert (change.status, change.reasons) == (status, reasons)
    assert change.suv_max_change is None
    assert change.beyond_repeatability is None


def test_inclusion_against_itself_is_0_and_flagged_where_late() -> None:
    """The reference row; a late inclusion scan is a flag on it."""
    times = UptakeTimes(inclusion_min=60.0, visit_min=60.0)
    change = score_uptake(reference(10), reference(10), RULE, times)
    assert change.suv_max_change == 0.0
    assert change.beyond_repeatability is False
    assert change.flags == ("uptake_outside_window",)


@pytest.mark.parametrize("suv", [-1.0, math.nan, math.inf])
def test_an_suv_that_is_none_is_refused(suv: float) -> None:
    """The message names lesion and visit."""
    with pytest.raises(ScoringError, match="lesion L1, month_3: SUVmax"):
        score_uptake(reference(10), pet(suv), RULE)


def test_two_lesions_do_not_compare() -> None:
    """A mix-up of ids is an error."""
    with pytest.raises(ScoringError, match="L1, L2"):
        score_uptake(reference(10), pet(10, lesion_id="L2"), RULE)


@given(st.floats(0.1, 100), st.floats(0.1, 100), st.floats(0.1, 10))
def test_the_ratio_does_not_depend_on_the_scale_of_suv(
    before: float, after: float, factor: float
) -> None:
    """Weight and dose scaled together, or lean body mass: the same percent."""
    one = score_uptake(reference(before), pet(after), RULE)
    other = score_uptake(reference(before * factor), pet(after * factor), RULE)
    assert one.suv_max_ratio == pytest.approx(other.suv_max_ratio)
