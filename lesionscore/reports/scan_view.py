"""The scans table and the list of every finding that came up while reading them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lesionscore.reports.formats import NOTHING, fixed, short, signed
from lesionscore.reports.tables import Row
from lesionscore.reports.visits_view import VisitHeading
from lesionscore.reports.words import Doubt, explained, status_words

NEXT_FINDING = re.compile(r";\s*(?=[a-z][a-z0-9_]*: )")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLine:
    """One scan as a line of the table; every cell is ready to print."""

    visit_label: str
    modality: str
    status: str
    is_evaluable: bool
    date: str
    scanner: str
    series: str
    choice: str
    passed_over: tuple[str, ...]
    kernel: str
    kvp: str
    spacing: str
    slice_thickness: str
    uptake: str
    suv_rule: str
    drift: str
    comparable: str
    comparability_reasons: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFindings:
    """Everything that was found or refused about one scan."""

    visit_label: str
    modality: str
    reasons: tuple[Doubt, ...]
    findings: tuple[Doubt, ...]
    comparability: tuple[Doubt, ...]


def scan_lines(rows: Sequence[Row], visits: Sequence[VisitHeading]) -> tuple[ScanLine, ...]:
    """Put a patient's rows of ``visits`` into lines, in the order of the visits, CT first."""
    labels = {visit.visit: visit.label for visit in visits}
    return tuple(
        ScanLine(
            visit_label=labels.get(row.text("visit"), row.text("visit")),
            modality=row.text("modality"),
            status=status_words(row.text("status")),
            is_evaluable=row.text("status") == "evaluable",
            date=row.text("date") or NOTHING,
            scanner=row.text("scanner") or NOTHING,
            series=row.text("series_description") or NOTHING,
            choice=row.text("series_choice"),
            passed_over=row.codes("passed_over"),
            kernel=row.text("kernel") or row.text("reconstruction") or NOTHING,
            kvp=short(row.number("kvp")),
            spacing=_spacing(row),
            slice_thickness=fixed(row.number("slice_thickness_mm"), 2),
            uptake=fixed(row.number("uptake_min")),
            suv_rule=_suv_rule(row),
            drift=signed(row.number("drift_hu")),
            comparable={True: "yes", False: "no", None: NOTHING}[row.yes("comparable")],
            comparability_reasons=explained(row.codes("comparability_reasons")),
        )
        for row in _ordered(rows, visits)
    )


def scan_findings(rows: Sequence[Row], visits: Sequence[VisitHeading]) -> tuple[ScanFindings, ...]:
    """Reasons and findings of every scan that has any, in the order of `scan_lines`."""
    labels = {visit.visit: visit.label for visit in visits}
    found = (
        ScanFindings(
            visit_label=labels.get(row.text("visit"), row.text("visit")),
            modality=row.text("modality"),
            reasons=split_findings(row.text("reason")),
            findings=(*_failure(row), *split_findings(row.text("findings"))),
            comparability=explained(row.codes("comparability_reasons")),
        )
        for row in _ordered(rows, visits)
    )
    return tuple(scan for scan in found if scan.reasons or scan.findings or scan.comparability)


def split_findings(text: str) -> tuple[Doubt, ...]:
    """Take ``code: sentence; code: sentence`` apart; a sentence may hold semicolons itself.

    Examples
    --------
    >>> [found.code for found in split_findings("gap: 3 mm; one slice; tilt: 2 degrees")]
    ['gap', 'tilt']
    >>> split_findings("no_ct")[0].text
    'There is no CT of this visit that could be used.'
    """
    doubts: list[Doubt] = []
    for part in NEXT_FINDING.split(text):
        code, separator, message = part.strip().partition(": ")
        if separator and re.fullmatch(r"[a-z][a-z0-9_]*", code):
            doubts.append(Doubt(code=code, text=message.strip()))
        elif re.fullmatch(r"[a-z0-9_]+(\s*;\s*[a-z0-9_]+)*", part.strip()):
            doubts += explained(tuple(code.strip() for code in part.split(";")))
        elif part.strip():
            doubts.append(Doubt(code="", text=part.strip()))
    return tuple(doubts)


def _ordered(rows: Sequence[Row], visits: Sequence[VisitHeading]) -> list[Row]:
    """Rows by visit, CT before PET."""
    place = {visit.visit: number for number, visit in enumerate(visits)}
    return sorted(
        rows, key=lambda row: (place.get(row.text("visit"), len(place)), row.text("modality"))
    )


def _failure(row: Row) -> tuple[Doubt, ...]:
    """Message of the refusal, which has no code of its own."""
    failure = row.text("failure")
    return (Doubt(code="", text=failure),) if failure else ()


def _spacing(row: Row) -> str:
    """Voxel spacing along x, y and z."""
    spacing = [row.number(f"spacing_{axis}_mm") for axis in "xyz"]
    return NOTHING if None in spacing else " × ".join(fixed(value, 2) for value in spacing)


def _suv_rule(row: Row) -> str:
    """Rule and factor; nothing for a CT."""
    rule, factor = row.text("suv_rule"), row.number("suv_factor")
    if not rule:
        return NOTHING
    return f"{rule} (factor {factor:.6g})" if factor is not None else rule
