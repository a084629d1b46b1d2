"""One lesion's section: its pictures, numbers, curves and doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lesionscore.reports.figures import curves_figure, describe
from lesionscore.reports.lesion_curves import size_curve, uptake_curve
from lesionscore.reports.lesion_numbers import NumberLine, number_lines
from lesionscore.reports.run_info import RunInfo
from lesionscore.reports.strip_figures import LesionPictures
from lesionscore.reports.tables import Row
from lesionscore.reports.verdicts import Verdict, verdict
from lesionscore.reports.visits_view import INCLUSION, VisitHeading
from lesionscore.reports.words import Doubt, explained


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
    outlined : tuple of bool
        For each visit, whether its own outline was measured there and may be drawn.
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
    outlined: tuple[bool, ...]
    missing_words: tuple[str, ...]
    pictures: LesionPictures | None
    numbers: tuple[NumberLine, ...]
    curves: str
    curves_words: str
    doubts: tuple[VisitDoubts, ...]


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
    curves = tuple(c for c in (size_curve(at, visits, run), uptake_curve(at, visits, run)) if c)
    return LesionView(
        lesion_id=rows[0].text("lesion_id"),
        site=rows[0].text("site"),
        label=rows[0].text("label"),
        anchor=f"lesion-{number}",
        verdicts=tuple(verdict(row) for row in at),
        outlined=tuple(_is_outlined(row) for row in at),
        missing_words=tuple(_missing_words(row) for row in at),
        pictures=pictures,
        numbers=number_lines(at),
        curves=curves_figure(curves) if curves else "",
        curves_words=" ".join(describe(curve) for curve in curves),
        doubts=_doubts(by_visit, visits),
    )


def _is_outlined(row: Row | None) -> bool:
    """Whether a visit has an outline of its own; elsewhere a file may hold a carried one."""
    if row is None:
        return False
    return row.text("visit") == INCLUSION or row.text("ct_status") == "evaluable"


def _missing_words(row: Row | None) -> str:
    """Say what stands in place of a picture that is not there."""
    if row is None:
        return "no data"
    if row.text("ct_status") == "missing":
        return "no CT at this visit"
    return "no picture"


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
