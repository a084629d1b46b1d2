"""What a study lacks: patients, scans, lesions, uptake and markers, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lesionscore.reports.run_info import RunInfo
from lesionscore.reports.scan_view import split_findings
from lesionscore.reports.tables import Row
from lesionscore.reports.visits_view import VisitHeading
from lesionscore.reports.words import Doubt, explained, status_words


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLine:
    """Something that is missing or could not be evaluated, and why."""

    patient_id: str
    visit_label: str
    what: str
    status: str
    doubts: tuple[Doubt, ...]


def missing_lines(
    run: RunInfo,
    scans: Sequence[Row],
    lesions: Sequence[Row],
    markers: Sequence[Row],
    visits: Sequence[VisitHeading],
) -> Iterator[MissingLine]:
    """Patients that failed, scans, lesions on scans that could be read, markers: in that order."""
    for patient_id, (status, reason) in sorted(run.patients.items()):
        if reason:
            yield MissingLine(
                patient_id=patient_id,
                visit_label="",
                what="patient",
                status=status_words(status),
                doubts=split_findings(reason),
            )
    unread = {
        (row.text("patient_id"), row.text("visit"), row.text("modality"))
        for row in scans
        if row.text("status") != "evaluable"
    }
    wanted = [(row, row.text("modality"), "status") for row in scans]
    for row in lesions:
        for modality, what in (("CT", "lesion"), ("PET", "uptake of lesion")):
            if (row.text("patient_id"), row.text("visit"), modality) not in unread:
                column = f"{modality.lower()}_status"
                wanted.append((row, f"{what} {row.text('lesion_id')}", column))
    wanted += [(row, row.text("marker"), "status") for row in markers]
    told: dict[tuple[str, int, str, tuple[Doubt, ...]], list[str]] = {}
    place = {visit.visit: number for number, visit in enumerate(visits)}
    for row, what, column in wanted:
        status = row.text(column)
        if status in ("missing", "not_evaluable"):
            doubts = split_findings(row.text("reason")) or explained(row.codes("flags"))
            number = place[row.text("visit")]
            told.setdefault((row.text("patient_id"), number, status, doubts), []).append(what)
    for (patient_id, number, status, doubts), whats in sorted(told.items(), key=lambda t: t[0][:2]):
        yield MissingLine(
            patient_id=patient_id,
            visit_label=visits[number].label,
            what=", ".join(whats),
            status=status_words(status),
            doubts=doubts,
        )
