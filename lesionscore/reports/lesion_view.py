"""One lesion's section: its pictures, numbers, curves and doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lesionscore.reports.figures import (
    SIZE_COLOUR,
    UPTAKE_COLOUR,
    Curve,
    Point,
    curves_figure,
    describe,
)
from lesionscore.reports.formats import NOTHING, fixed, percent, signed
from lesionscore.reports.run_info import RunInfo
from lesionscore.reports.strip_figures import LesionPictures
from lesionscore.reports.tables import Row
from lesionscore.reports.verdicts import Verdict, size_words, verdict
from lesionscore.reports.visits_view import DAYS_PER_MONTH, VisitHeading
from lesionscore.reports.words import Doubt, explained, status_words

PLUS_MINUS = "\u202f±\u202f"  # narrow spaces that do not break: the cells are narrow too


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberLine:
    """One line of the table of numbers: what it is, and what it was at each visit."""

    name: str
    unit: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitDoubts:
    """The codes of one lesion at one visit, with their words."""

    visit_label: str
    reasons: tuple[Doubt, ...]
    flags: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionView:
    """Everything that the page shows of one lesion.

    Parameters
    ----------
    lesion_id, site, label, anchor : str
        What it is called, where it lies, its label in the masks, and its place in the page.
    verdicts : tuple of Verdict
        One for each visit.
    missing_words : tuple of str
        For each visit, what stands in place of a picture.
    pictures : LesionPictures or None
        None where the folder holds no strip of it.
    numbers : tuple of NumberLine
        The table, one cell for each visit.
    curves, curves_words : str
        Data URI of the curves, and the same in words.
    doubts : tuple of VisitDoubts
        Visits with a reason or flag.
    """

    lesion_id: str
    site: str
    label: str
    anchor: str
    verdicts: tuple[Verdict, ...]
    missing_words: tuple[str, ...]
    pictures: LesionPictures | None
    numbers: tuple[NumberLine, ...]
    curves: str
    curves_words: str
    doubts: tuple[VisitDoubts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quantity:
    """A column of ``lesions`` and how it is printed; a change has a sign, an SD stands behind."""

    name: str
    unit: str
    column: str
    digits: int = 1
    is_change: bool = False
    sd_column: str = ""


_QUANTITIES = (
    _Quantity(
        name="Longest diameter",
        unit="mm",
        column="longest_diameter_mm",
        sd_column="longest_diameter_sd_mm",
    ),
    _Quantity(name="change", unit="mm", column="longest_diameter_change_mm", is_change=True),
    _Quantity(name="change", unit="%", column="longest_diameter_change_percent", is_change=True),
    _Quantity(
        name="Axial diameter",
        unit="mm",
        column="axial_diameter_mm",
        sd_column="axial_diameter_sd_mm",
    ),
    _Quantity(name="change", unit="%", column="axial_diameter_change_percent", is_change=True),
    _Quantity(name="Short axis", unit="mm", column="short_axis_mm"),
    _Quantity(name="Volume", unit="ml", column="volume_ml", digits=2, sd_column="volume_sd_ml"),
    _Quantity(name="change", unit="%", column="volume_change_percent", is_change=True),
    _Quantity(name="Infill with bone", unit="%", column="infill_percent", digits=0),
    _Quantity(name="Mean density", unit="HU", column="mean_hu", digits=0),
    _Quantity(name="Rim density", unit="HU", column="rim_hu", digits=0),
    _Quantity(name="change", unit="HU", column="rim_hu_change", digits=0, is_change=True),
    _Quantity(name="change, z", unit="", column="rim_z", is_change=True),
    _Quantity(name="Outline estimated", unit="%", column="estimated_surface_percent", digits=0),
    _Quantity(name="Alignment error", unit="mm", column="registration_error_mm", digits=2),
    _Quantity(name="SUVmax", unit="g/ml", column="suv_max"),
    _Quantity(name="change", unit="g/ml", column="suv_max_change", is_change=True),
    _Quantity(name="change", unit="%", column="suv_max_change_percent", is_change=True),
    _Quantity(name="SUVpeak", unit="g/ml", column="suv_peak"),
    _Quantity(name="SUVmean", unit="g/ml", column="suv_mean"),
    _Quantity(name="SUVtotal", unit="g", column="suv_total_ml"),
)
_LIMBS = (("Size", "size_limb"), ("Sclerosis", "sclerosis_limb"), ("Complete", "complete_limb"))
_YES_NO = (
    ("Beyond repeatability", "suv_max_beyond_repeatability"),
    ("Depends on size metric", "verdict_depends_on_size_metric"),
)


def lesion_view(
    rows: Sequence[Row],
    visits: Sequence[VisitHeading],
    run: RunInfo,
    pictures: LesionPictures | None,
    number: int,
) -> LesionView:
    """Put one lesion's rows into a section.

    Parameters
    ----------
    rows : sequence of Row
        Its rows of ``lesions``, at least one.
    visits : sequence of VisitHeading
        The columns.
    run : RunInfo
        Where the rules' numbers come from.
    pictures : LesionPictures or None
        Its strips.
    number : int
        Its place on the page, from 1.

    Returns
    -------
    LesionView
        The section.
    """
    by_visit = {row.text("visit"): row for row in rows}
    at = [by_visit.get(visit.visit) for visit in visits]
    curves = tuple(c for c in (_size_curve(at, visits, run), _uptake_curve(at, visits, run)) if c)
    return LesionView(
        lesion_id=rows[0].text("lesion_id"),
        site=rows[0].text("site"),
        label=rows[0].text("label"),
        anchor=f"lesion-{number}",
        verdicts=tuple(verdict(row) for row in at),
        missing_words=tuple(_missing_words(row) for row in at),
        pictures=pictures,
        numbers=_numbers(at),
        curves=curves_figure(curves) if curves else "",
        curves_words=" ".join(describe(curve) for curve in curves),
        doubts=_doubts(by_visit, visits),
    )


def _missing_words(row: Row | None) -> str:
    """Say what stands in place of a picture that is not there."""
    if row is None:
        return "no data"
    if row.text("ct_status") == "missing":
        return "no CT at this visit"
    return "no picture"


def _numbers(at: Sequence[Row | None]) -> tuple[NumberLine, ...]:
    """Lines of the table that hold at least one value."""
    lines = [NumberLine(name="Lesion", unit="", cells=tuple(_presence(row) for row in at))]
    lines += [
        NumberLine(name=q.name, unit=q.unit, cells=tuple(_cell(row, q) for row in at))
        for q in _QUANTITIES
    ]
    for name, column in _LIMBS:
        words = tuple("" if r is None else status_words(r.text(column)) for r in at)
        lines.append(NumberLine(name=f"{name} limb", unit="", cells=words))
    chance = tuple(percent(None if r is None else r.number("healing_probability")) for r in at)
    lines.append(NumberLine(name="P(healed)", unit="", cells=chance))
    for name, column in _YES_NO:
        words = tuple(_yes_no(None if r is None else r.yes(column)) for r in at)
        lines.append(NumberLine(name=name, unit="", cells=words))
    lines.append(NumberLine(name="Centre, LPS x y z", unit="mm", cells=tuple(map(_centre, at))))
    return tuple(
        NumberLine(name=line.name, unit=line.unit, cells=tuple(c or NOTHING for c in line.cells))
        for line in lines
        if any(cell not in ("", NOTHING) for cell in line.cells)
    )


def _cell(row: Row | None, quantity: _Quantity) -> str:
    """One number, with its SD where there is one."""
    value = None if row is None else row.number(quantity.column)
    if row is None or value is None:
        return NOTHING
    text = (signed if quantity.is_change else fixed)(value, quantity.digits)
    sd = row.number(quantity.sd_column) if quantity.sd_column else None
    return f"{text}{PLUS_MINUS}{fixed(sd, quantity.digits + 1)}" if sd is not None else text


def _presence(row: Row | None) -> str:
    """Say what is left of the lesion, or why nobody knows."""
    if row is None:
        return NOTHING
    words = {"present": "present", "too_small": "too small to measure", "absent": "none left"}
    known = words.get(row.text("presence"))
    return known or status_words(row.text("ct_status"))


def _yes_no(value: bool | None) -> str:
    """Yes, no, or a dash."""
    return NOTHING if value is None else ("yes" if value else "no")


def _centre(row: Row | None) -> str:
    """Lesion's centre on the visit's CT."""
    place = [None if row is None else row.number(f"{axis}_mm") for axis in "xyz"]
    return NOTHING if None in place else " ".join(fixed(value) for value in place)


def _doubts(by_visit: Mapping[str, Row], visits: Sequence[VisitHeading]) -> tuple[VisitDoubts, ...]:
    """Reasons and flags of every visit that has any."""
    found = []
    for visit in visits:
        row = by_visit.get(visit.visit)
        if row is None:
            continue
        reasons = explained((*row.codes("reason"), *row.codes("suv_change_reason")))
        flags = explained(row.codes("flags"))
        if reasons or flags:
            found.append(VisitDoubts(visit_label=visit.label, reasons=reasons, flags=flags))
    return tuple(found)


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


def _size_curve(
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


def _uptake_curve(
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
