"""The visits of one patient in their order, with names, dates and days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lesionscore.reports.formats import words
from lesionscore.reports.run_info import RunInfo
from lesionscore.reports.tables import Row

INCLUSION = "inclusion"
DAYS_PER_MONTH = 30.4375  # a year of 365.25 days over 12


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitHeading:
    """One visit as a column of the report.

    Parameters
    ----------
    visit, label : str
        The protocol's id and name.
    date : str
        Of the CT, and of the PET where it was made on another day; empty where neither is known.
    days_from_inclusion : float or None
        Days since the inclusion scan.
    planned_day : float or None
        The protocol's day for this visit; stands in on a time axis where the visit was missed.
    """

    visit: str
    label: str
    date: str
    days_from_inclusion: float | None
    planned_day: float | None = None

    @property
    def is_inclusion(self) -> bool:
        """Whether this is the reference."""
        return self.visit == INCLUSION

    @property
    def days_words(self) -> str:
        """The days in words; empty where unknown."""
        if self.days_from_inclusion is None:
            return ""
        return f"day {self.days_from_inclusion:.0f}"


def visit_headings(
    run: RunInfo, scans: tuple[Row, ...], others: tuple[Row, ...]
) -> tuple[VisitHeading, ...]:
    """Visits of the protocol and of the tables, in order.

    Parameters
    ----------
    run : RunInfo
        The protocol's visits, where the run tells them.
    scans : tuple of Row
        The patient's rows of ``visits``.
    others : tuple of Row
        The patient's rows of ``lesions`` and ``markers``.

    Returns
    -------
    tuple of VisitHeading
        Inclusion first.
    """
    named = {str(entry["id"]): entry for entry in run.entries("visits")}
    found = dict.fromkeys(row.text("visit") for row in (*scans, *others))
    days = {visit: _days(visit, (*scans, *others)) for visit in (*named, *found) if visit}

    def place(visit: str) -> tuple[bool, float, str]:
        planned = _planned_day(named.get(visit, {}))
        known = days[visit] if planned is None else planned
        return visit != INCLUSION, float("inf") if known is None else known, visit

    return tuple(
        VisitHeading(
            visit=visit,
            label=str(named.get(visit, {}).get("label") or words(visit)),
            date=_dates(visit, scans),
            days_from_inclusion=days[visit],
            planned_day=_planned_day(named.get(visit, {})),
        )
        for visit in sorted(days, key=place)
    )


def _planned_day(entry: Mapping[str, Any]) -> float | None:
    """Day of a visit in the protocol."""
    day = entry.get("day")
    return float(day) if isinstance(day, int | float) else None


def _days(visit: str, rows: tuple[Row, ...]) -> float | None:
    """Days of a visit from the first row that knows them; the CT's row where there is one."""
    mine = [row for row in rows if row.text("visit") == visit]
    mine.sort(key=lambda row: row.text("modality") != "CT")
    known = (row.number("days_from_inclusion") for row in mine)
    return next((days for days in known if days is not None), None)


def _dates(visit: str, scans: tuple[Row, ...]) -> str:
    """Dates of a visit's scans, each once, CT first."""
    mine = [row for row in scans if row.text("visit") == visit and row.text("date")]
    mine.sort(key=lambda row: row.text("modality"))
    dates = dict.fromkeys(row.text("date") for row in mine)
    if len(dates) < 2:
        return "".join(dates)
    return ", ".join(f"{row.text('modality')} {row.text('date')}" for row in mine)
