"""Which visit a day belongs to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.protocol import assign_visit, load_protocol, nearest_to_target

PROTOCOL = load_protocol()


@pytest.mark.parametrize(
    ("day", "visit", "in_window"),
    [
        (-43, "inclusion", False),
        (-42, "inclusion", True),
        (14, "inclusion", True),
        (15, "inclusion", False),
        (38, "month_3", False),
        (60, "month_3", False),
        (61, "month_3", True),
        (121, "month_3", True),
        (122, "month_3", False),
        (304, "month_12", False),
        (305, "month_12", True),
        (425, "month_12", True),
        (426, "month_12", False),
        (670, "month_24", True),
        (790, "month_24", True),
        (791, "month_24", False),
    ],
)
def test_a_day_belongs_to_the_nearest_window(day: int, visit: str, in_window: bool) -> None:
    """Both ends of a window count; outside, the nearest window is named and flagged."""
    assigned = assign_visit(day, PROTOCOL.visits)
    assert (assigned.visit, assigned.in_window) == (visit, in_window)


@given(st.integers(-500, 2000))
def test_every_day_has_one_visit(day: int) -> None:
    """In a window exactly where one of the windows contains the day."""
    assigned = assign_visit(day, PROTOCOL.visits)
    inside = [window.visit for window in PROTOCOL.visits if window.contains(day)]
    assert inside == ([assigned.visit] if assigned.in_window else [])
    assert day - assigned.days_off_target == PROTOCOL.window(assigned.visit).day


@pytest.mark.parametrize(
    ("days", "picked"),
    [([80, 95], 95), ([60, 121], 121), ([91, 20], 91), ([89, 93], 89), ([130, 125], 125)],
)
def test_the_scan_nearest_to_the_target_stands_for_the_visit(days: list[int], picked: int) -> None:
    """In the window first, then near the target, then early; whatever the order."""
    window = PROTOCOL.window("month_3")
    assert nearest_to_target(days, window) == picked
    assert nearest_to_target(reversed(days), window) == picked
