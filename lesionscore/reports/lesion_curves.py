"""The curves of one lesion: size with the line of its rule, uptake with its repeatability."""

from __future__ import annotations

from collections.abc import Sequence

from lesionscore.reports.figures import SIZE_COLOUR, UPTAKE_COLOUR, Curve, Point
from lesionscore.reports.formats import fixed
from lesionscore.reports.run_info import RunInfo
from lesionscore.reports.tables import Row
from lesionscore.reports.verdicts import size_words
from lesionscore.reports.visits_view import DAYS_PER_MONTH, VisitHeading


def time_points(visits: Sequence[VisitHeading]) -> list[tuple[float, str]]:
    """Months since inclusion and the tick of every visit.

    A visit that was missed stands at its planned day; one step each where neither is known.
    """
    days = [
        v.planned_day if v.days_from_inclusion is None else v.days_from_inclusion for v in visits
    ]
    months = [day / DAYS_PER_MONTH for day in days if day is not None]
    if len(months) < len(visits):
        return [(float(number), visit.label) for number, visit in enumerate(visits)]
    return [(month, fixed(month, 0)) for month in months]


def size_curve(
    at: Sequence[Row | None], visits: Sequence[VisitHeading], run: RunInfo
) -> Curve | None:
    """Longest diameter over time, with the line below which the size limb is met."""
    points = []
    for (x, tick), row in zip(time_points(visits), at, strict=True):
        value = None if row is None else row.number("longest_diameter_mm")
        sd = None if row is None else row.number("longest_diameter_sd_mm")
        note = ""
        if row is not None and value is None and row.text("presence") in ("absent", "too_small"):
            note = size_words(row)
            value = 0.0 if row.text("presence") == "absent" else None
        points.append(Point(x=x, tick=tick, value=value, sd=sd, note=note))
    if all(point.value is None for point in points):
        return None
    start = points[0].value if visits and visits[0].is_inclusion else None
    limit, limit_words = size_limit(start, run)
    return Curve(
        title="Longest diameter",
        unit="mm",
        colour=SIZE_COLOUR,
        points=tuple(points),
        limit=limit,
        limit_words=limit_words,
    )


def size_limit(start_mm: float | None, run: RunInfo) -> tuple[float | None, str]:
    """Longest diameter at which the size rule is met, and the words beside its line."""
    by_mm, by_percent = run.number("size", "reduction_mm"), run.number("size", "reduction_percent")
    if start_mm is None or by_mm is None or by_percent is None:
        return None, ""
    if run.value("size", "metric") != "longest_diameter":
        limit = start_mm - by_mm
        return (
            (limit, f"second clause met at {fixed(limit, 2)} mm or less")
            if limit > 0
            else (None, "")
        )
    limit = min(start_mm * (1.0 - by_percent / 100.0), start_mm - by_mm)
    if limit <= 0:
        return None, ""
    return limit, f"size limb met at {fixed(limit, 2)} mm or less"


def uptake_curve(
    at: Sequence[Row | None], visits: Sequence[VisitHeading], run: RunInfo
) -> Curve | None:
    """SUVmax over time, with the range that a repeated scan would fill."""
    points = []
    for (x, tick), row, visit in zip(time_points(visits), at, visits, strict=True):
        value = None if row is None else row.number("suv_max")
        change = None if row is None else row.number("suv_max_change")
        hollow = value is not None and change is None and not visit.is_inclusion
        points.append(Point(x=x, tick=tick, value=value, hollow=hollow))
    if all(point.value is None for point in points):
        return None
    start = points[0].value if visits and visits[0].is_inclusion else None
    ratio = run.limits("uptake", "repeatability_ratio")
    band = (start * ratio[0], start * ratio[1]) if start and ratio else None
    return Curve(
        title="SUVmax",
        unit="g/ml",
        colour=UPTAKE_COLOUR,
        points=tuple(points),
        band=band,
        band_words=f"repeatability, ×{ratio[0]:g} to ×{ratio[1]:g}" if band and ratio else "",
    )
