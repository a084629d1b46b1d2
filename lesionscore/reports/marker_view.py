"""Bone markers and their ratios: values by visit, and fold changes as small multiples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lesionscore.reports.figures import (
    DEGRADATION_COLOUR,
    FORMATION_COLOUR,
    RATIO_COLOUR,
    Curve,
    Point,
    describe,
    fold_change_figure,
)
from lesionscore.reports.formats import short, signed
from lesionscore.reports.lesion_curves import time_points
from lesionscore.reports.run_info import RunInfo
from lesionscore.reports.tables import Row
from lesionscore.reports.visits_view import VisitHeading
from lesionscore.reports.words import Doubt, explained, status_words

COMPOSITE = "composite"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerCell:
    """One marker at one visit in words, with the reasons why it is not evaluable."""

    value: str
    change: str
    status: str
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerLine:
    """One marker or ratio: its name, its role, and a cell for each visit."""

    marker: str
    role: str
    cells: tuple[MarkerCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerView:
    """The section of markers; `figure` is empty where nothing can be drawn."""

    lines: tuple[MarkerLine, ...]
    figure: str
    figure_words: str


def marker_view(
    rows: Sequence[Row], visits: Sequence[VisitHeading], run: RunInfo
) -> MarkerView | None:
    """Put one patient's rows of ``markers`` into a section.

    Parameters
    ----------
    rows : sequence of Row
        The patient's markers, ratios and composite, any order.
    visits : sequence of VisitHeading
        The columns.
    run : RunInfo
        Roles and least significant changes of the markers.

    Returns
    -------
    MarkerView or None
        None where the patient has no markers.
    """
    if not rows:
        return None
    cells = {(row.text("marker"), row.text("visit")): row for row in rows}
    names = sorted(dict.fromkeys(row.text("marker") for row in rows), key=MarkerOrder(run))
    lines = tuple(
        MarkerLine(
            marker=name,
            role=_role(name, run),
            cells=tuple(_cell(cells.get((name, visit.visit))) for visit in visits),
        )
        for name in names
    )
    curves = [
        _curve(name, [cells.get((name, visit.visit)) for visit in visits], visits, run)
        for name in names
    ]
    drawn = [c for c in curves if any(p.value is not None for p in c.points)]
    return MarkerView(
        lines=lines,
        figure=fold_change_figure(drawn) if drawn else "",
        figure_words=" ".join(describe(curve) for curve in drawn),
    )


class MarkerOrder:
    """Sort key: formation and degradation markers as the protocol lists them, ratios, composite."""

    def __init__(self, run: RunInfo) -> None:
        listed = [*(run.value("markers", "formation") or ())]
        listed += [*(run.value("markers", "degradation") or ())]
        self.places = {str(marker): place for place, marker in enumerate(listed)}

    def __call__(self, marker: str) -> tuple[int, list[int], str]:
        """Group, places of the parts, name."""
        parts = marker.split("/")
        group = 2 if marker == COMPOSITE else len(parts) > 1
        return int(group), [self.places.get(part, len(self.places)) for part in parts], marker


def _role(marker: str, run: RunInfo) -> str:
    """Name the role: formation, degradation, ratio or composite."""
    if marker == COMPOSITE:
        return "composite of all ratios"
    if "/" in marker:
        return "formation over degradation"
    for role in ("formation", "degradation"):
        if marker in (run.value("markers", role) or ()):
            return role
    return ""


def _cell(row: Row | None) -> MarkerCell:
    """One value with its change against inclusion."""
    if row is None:
        return MarkerCell(value="", change="", status="no sample", doubts=())
    value = row.number("value")
    change, fold = row.number("change_percent"), row.number("fold_change")
    parts = [f"×{fold:.2f}" if fold is not None else ""]
    parts.append(f"{signed(change)} %" if change is not None else "")
    if row.yes("beyond_lsc"):
        parts.append("beyond LSC")
    status = row.text("status")
    return MarkerCell(
        value=f"{short(value)} {row.text('unit')}".strip()
        if value is not None
        else row.text("written"),
        change=" ".join(part for part in parts if part),
        status="" if status in ("", "evaluable") else status_words(status),
        doubts=explained((*row.codes("reason"), *row.codes("flags"))),
    )


def _curve(
    marker: str, at: Sequence[Row | None], visits: Sequence[VisitHeading], run: RunInfo
) -> Curve:
    """Fold changes of one marker over time, inclusion at 1."""
    points = []
    for (x, tick), row, visit in zip(time_points(visits), at, visits, strict=True):
        fold = None if row is None else row.number("fold_change")
        if fold is None and visit.is_inclusion and row is not None and row.number("value"):
            fold = 1.0
        points.append(Point(x=x, tick=tick, value=fold if fold and fold > 0 else None))
    role = _role(marker, run)
    colours = {"formation": FORMATION_COLOUR, "degradation": DEGRADATION_COLOUR}
    lsc = _least_significant_change(marker, run)
    return Curve(
        title=marker,
        unit="",
        colour=colours.get(role, RATIO_COLOUR),
        points=tuple(points),
        band=(1.0 - lsc, 1.0 + lsc) if lsc else None,
        band_words=f"least significant change {100 * lsc:g} %" if lsc else "",
    )


def _least_significant_change(marker: str, run: RunInfo) -> float | None:
    """Protocol's least significant change as a fraction below 1."""
    for analyte in run.entries("markers", "analytes"):
        percent = analyte.get("lsc_percent")
        if analyte["id"] == marker and isinstance(percent, int | float) and 0 < percent < 100:
            return float(percent) / 100.0
    return None
