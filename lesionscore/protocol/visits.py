"""The protocol's visits and their windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lesionscore.protocol.checks import require

INCLUSION = "inclusion"
"""The visit that everything is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitWindow:
    """One planned visit.

    Parameters
    ----------
    visit : str
        Its id in the tables.
    label : str
        Its name for people.
    day, first_day, last_day : int
        Target day, and first and last day that count as in the window, both inclusive; days
        from inclusion.
    """

    visit: str
    label: str
    day: int
    first_day: int
    last_day: int

    def __post_init__(self) -> None:
        require(
            self.first_day <= self.day <= self.last_day,
            f"visits.{self.visit}",
            "first_day <= day <= last_day",
        )

    def contains(self, days_from_inclusion: int) -> bool:
        """Whether a day lies in the window, its ends included."""
        return self.first_day <= days_from_inclusion <= self.last_day


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitAssignment:
    """The visit that a day belongs to.

    Parameters
    ----------
    visit : str
        The visit in whose window the day lies, else the one whose window is nearest.
    in_window : bool
        Whether it lies in the window.
    days_off_target : int
        Days after the target day; negative before it.
    """

    visit: str
    in_window: bool
    days_off_target: int


def assign_visit(days_from_inclusion: int, visits: Sequence[VisitWindow]) -> VisitAssignment:
    """Find the visit that a day belongs to.

    Parameters
    ----------
    days_from_inclusion : int
        Day of a scan or sample.
    visits : sequence of VisitWindow
        The protocol's visits.

    Returns
    -------
    VisitAssignment
        Outside every window: the visit whose window ends nearest, flagged by `in_window`.
    """
    day = days_from_inclusion
    window = min(
        visits,
        key=lambda w: (max(w.first_day - day, day - w.last_day, 0), abs(day - w.day), w.day),
    )
    return VisitAssignment(
        visit=window.visit, in_window=window.contains(day), days_off_target=day - window.day
    )


def nearest_to_target(days: Iterable[int], window: VisitWindow) -> int:
    """Pick the day that stands for a visit where several would.

    Parameters
    ----------
    days : iterable of int
        Days from inclusion of the scans assigned to the visit; at least one.
    window : VisitWindow
        The visit.

    Returns
    -------
    int
        A day in the window before one outside, then the nearest to the target day, then the
        earlier one.
    """
    return min(days, key=lambda day: (not window.contains(day), abs(day - window.day), day))
