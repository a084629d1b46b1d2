"""The patient report as a value: tables, ``run.json`` and strips in, sections out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lesionscore.errors import OutputError
from lesionscore.reports.formats import NOTHING, short, words
from lesionscore.reports.lesion_numbers import NumberLine
from lesionscore.reports.lesion_view import LesionView, lesion_view
from lesionscore.reports.marker_view import MarkerView, marker_view
from lesionscore.reports.methods import method_sentences
from lesionscore.reports.run_info import RunInfo, read_run
from lesionscore.reports.scan_view import ScanFindings, ScanLine, scan_findings, scan_lines
from lesionscore.reports.strip_figures import lesion_pictures
from lesionscore.reports.tables import Row, read_table
from lesionscore.reports.visits_view import VisitHeading, visit_headings
from lesionscore.reports.words import Doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLine:
    """One line of the list of every finding: at which visit, about what, and the code."""

    visit_label: str
    where: str
    doubt: Doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientView:
    """Everything that the page of one patient shows, in its order.

    Parameters
    ----------
    patient_id : str
        As in the tables.
    run : RunInfo
        The run that made the tables.
    failure : str
        Why the patient's evaluation failed, in words; empty if it did not.
    visits : tuple of VisitHeading
        The columns of every table.
    summary, summary_by_visit : tuple
        The patient's row of ``patients``: what is of the whole patient, and what is of a visit.
    lesions : tuple of LesionView
        In the order of the table.
    markers : MarkerView or None
        None without markers.
    scans, findings : tuple
        The scans table, and what was found while reading.
    methods : tuple of str
        Paragraphs.
    """

    patient_id: str
    run: RunInfo
    failure: str
    visits: tuple[VisitHeading, ...]
    summary: tuple[tuple[str, str], ...]
    summary_by_visit: tuple[NumberLine, ...]
    lesions: tuple[LesionView, ...]
    markers: MarkerView | None
    scans: tuple[ScanLine, ...]
    findings: tuple[ScanFindings, ...]
    methods: tuple[str, ...]

    @property
    def all_findings(self) -> tuple[FindingLine, ...]:
        """Every code on the page in one list, by visit; what several share is told once."""
        told: dict[tuple[str, Doubt], list[str]] = {}
        for line in (
            *self._of_tables(),
            *self._of_scans(),
            *self._of_lesions(),
            *self._of_markers(),
        ):
            told.setdefault((line.visit_label, line.doubt), []).append(line.where)
        place = {visit.label: number for number, visit in enumerate(self.visits)}
        lines = (
            FindingLine(visit_label=label, where=", ".join(dict.fromkeys(where)), doubt=doubt)
            for (label, doubt), where in told.items()
        )
        return tuple(sorted(lines, key=lambda line: place.get(line.visit_label, -1)))

    def _of_tables(self) -> Iterator[FindingLine]:
        """Doubts that were found in the study's tables about this patient, or about all."""
        for found in self.run.findings:
            if found.is_about(self.patient_id):
                doubt = Doubt(code=found.code, text=found.message)
                yield FindingLine(visit_label="", where="tables", doubt=doubt)

    def _of_scans(self) -> Iterator[FindingLine]:
        """Say what was found about the scans."""
        for scan in self.findings:
            for doubt in (*scan.reasons, *scan.findings, *scan.comparability):
                yield FindingLine(visit_label=scan.visit_label, where=scan.modality, doubt=doubt)

    def _of_lesions(self) -> Iterator[FindingLine]:
        """Reasons and flags of the lesions."""
        for lesion in self.lesions:
            for visit in lesion.doubts:
                for doubt in (*visit.reasons, *visit.flags):
                    where = f"lesion {lesion.lesion_id}"
                    yield FindingLine(visit_label=visit.visit_label, where=where, doubt=doubt)

    def _of_markers(self) -> Iterator[FindingLine]:
        """Reasons and flags of the markers."""
        for line in self.markers.lines if self.markers else ():
            for visit, cell in zip(self.visits, line.cells, strict=True):
                for doubt in cell.doubts:
                    yield FindingLine(visit_label=visit.label, where=line.marker, doubt=doubt)


def patient_folder(out: Path, patient_id: str) -> Path:
    """Folder of one patient's files.

    Parameters
    ----------
    out : Path
        The output folder.
    patient_id : str
        As in the tables.

    Returns
    -------
    Path
        ``OUT/patients/<id>``, which need not exist.

    Raises
    ------
    OutputError
        If the id is not one plain file name: an id never becomes a path unchecked.
    """
    is_plain = patient_id == Path(patient_id).name and patient_id not in ("", ".", "..")
    if not is_plain or "\\" in patient_id or not patient_id.isprintable():
        raise OutputError(
            f"patient {patient_id!r}: not a name that a folder can have; an id holds no slash, "
            "backslash or control character and is not a dot"
        )
    return out / "patients" / patient_id


def patient_view(out: Path, patient_id: str) -> PatientView:
    """Gather what the page of one patient shows.

    Parameters
    ----------
    out : Path
        The output folder.
    patient_id : str
        As in the tables.

    Returns
    -------
    PatientView
        The page as a value.

    Raises
    ------
    OutputError
        If the patient is in no table, or a table cannot be read.
    """
    folder = patient_folder(out, patient_id)
    run = read_run(out)
    lesions, markers, scans, patients = (
        _of_patient(read_table(out, name), patient_id)
        for name in ("lesions", "markers", "visits", "patients")
    )
    if not (lesions or markers or scans or patients or patient_id in run.patients):
        raise OutputError(
            f"{out}: no table has a patient {patient_id!r}; evaluate the patient first"
        )
    visits = visit_headings(run, scans, (*lesions, *markers))
    status, reason = run.patients.get(patient_id, ("", ""))
    facts, by_visit = _summary(patients, visits)
    return PatientView(
        patient_id=patient_id,
        run=run,
        failure=reason or ("the evaluation stopped" if status == "failed" else ""),
        visits=visits,
        summary=facts,
        summary_by_visit=by_visit,
        lesions=_lesions(folder, lesions, visits, run),
        markers=marker_view(markers, visits, run),
        scans=scan_lines(scans, visits),
        findings=scan_findings(scans, visits),
        methods=method_sentences(run),
    )


def _of_patient(rows: Sequence[Row], patient_id: str) -> tuple[Row, ...]:
    """Rows of one patient."""
    return tuple(row for row in rows if row.text("patient_id") == patient_id)


def _lesions(
    folder: Path, rows: Sequence[Row], visits: Sequence[VisitHeading], run: RunInfo
) -> tuple[LesionView, ...]:
    """Every lesion's section, in the order in which the table first names it."""
    of_lesion: dict[str, list[Row]] = {}
    for row in rows:
        of_lesion.setdefault(row.text("lesion_id"), []).append(row)
    sections = []
    for number, (lesion_id, mine) in enumerate(of_lesion.items(), start=1):
        pictures = lesion_pictures(
            folder / "strips",
            lesion_id,
            [visit.visit for visit in visits],
            [row.number("suv_max") for row in mine],
            f"l{number}",
        )
        sections.append(lesion_view(mine, visits, run, pictures, number))
    return tuple(sections)


def _summary(
    rows: Sequence[Row], visits: Sequence[VisitHeading]
) -> tuple[tuple[tuple[str, str], ...], tuple[NumberLine, ...]]:
    """Put the patient's row into facts of the whole patient and lines by visit."""
    if not rows:
        return (), ()
    facts, by_visit = [], dict[str, dict[str, str]]()
    for column in rows[0].cells:
        visit = next((v.visit for v in visits if column.startswith(f"{v.visit}_")), None)
        told = _summary_cell(rows[0], column)
        if column != "patient_id" and visit is None:
            facts.append((words(column), told or NOTHING))
        elif visit is not None:
            by_visit.setdefault(column.removeprefix(f"{visit}_"), {})[visit] = told
    lines = (
        NumberLine(
            name=words(name),
            unit="",
            cells=tuple(cells.get(visit.visit) or NOTHING for visit in visits),
        )
        for name, cells in by_visit.items()
        if any(cells.values())
    )
    return tuple(facts), tuple(lines)


def _summary_cell(row: Row, column: str) -> str:
    """Put a cell of ``patients`` into words: yes or no, a short number, or plain codes."""
    yes, number, text = row.yes(column), row.number(column), row.text(column)
    if yes is not None:
        return "yes" if yes else "no"
    if number is not None and "." in text:
        return short(number)
    return ", ".join(row.codes(column)).replace("_", " ")
