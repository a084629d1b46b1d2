"""``visits.csv``: which scans there are."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lesionscore.errors import Finding
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION, assign_visit
from lesionscore.study.cells import Cells, check_spelling
from lesionscore.study.faults import FaultList, quoted
from lesionscore.study.records import VisitRow
from lesionscore.study.table import RawTable

VISIT_COLUMNS = ("patient_id", "visit", "date", "ct", "pet")
VISIT_OPTIONAL = ("pet_unit", "ct_series", "pet_series")
SERIES = re.compile(r"[0-9]+(\.[0-9]+)*(#[1-9][0-9]{0,3})?", re.ASCII)
LONGEST_SERIES = 64 + len("#9999")
PET_UNITS = ("suvbw",)
NIFTI_ENDINGS = (".nii", ".nii.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownScans:
    """What the rows of ``visits.csv`` say, right or wrong: for checks against other tables.

    Taken from the raw cells, so that one wrong date does not make a patient unknown.
    """

    patients: tuple[str, ...]
    visited: frozenset[tuple[str, str]]
    """Patient and visit of every row."""
    inclusion_ct: frozenset[str]
    """Patients with an inclusion row whose ct is not empty."""
    was_read: bool


def known_scans(table: RawTable) -> KnownScans:
    """Collect what other tables may refer to."""
    ids = sorted({row.cells.get("patient_id", "") for row in table.rows} - {""})
    with_ct = frozenset(
        row.cells.get("patient_id", "")
        for row in table.rows
        if row.cells.get("visit", "").casefold() == INCLUSION and row.cells.get("ct")
    )
    return KnownScans(
        patients=tuple(ids),
        visited=frozenset(
            (row.cells.get("patient_id", ""), row.cells.get("visit", "")) for row in table.rows
        ),
        inclusion_ct=with_ct,
        was_read=table.was_read and {"patient_id", "visit", "ct"} <= set(table.columns),
    )


def parse_visits(
    table: RawTable, folder: Path, protocol: Protocol, faults: FaultList
) -> tuple[VisitRow, ...]:
    """Check the rows of ``visits.csv``.

    Parameters
    ----------
    table : RawTable
        The file as text.
    folder : Path
        The study folder, where paths start.
    protocol : Protocol
        Its visits are the ones accepted.
    faults : FaultList
        Filled with what is wrong.

    Returns
    -------
    tuple of VisitRow
        Rows without fault, by patient and in the protocol's order.
    """
    rows: list[VisitRow] = []
    seen: dict[tuple[str, str], int] = {}
    spelt: dict[str, str] = {}
    for raw in table.rows:
        cells = Cells(file=table.file, row=raw, faults=faults)
        visit = _visit(cells, folder, protocol)
        check_spelling(cells, "patient_id", spelt)
        key = (raw.cells.get("patient_id", ""), raw.cells.get("visit", ""))
        if all(key) and key in seen:
            found = f"patient {key[0]}, {key[1]} again (first in row {seen[key]})"
            cells.fault("visit", found, "each visit of a patient once")
        seen.setdefault(key, raw.number)
        if visit is not None:
            rows.append(visit)
    rows.sort(key=lambda row: (row.patient_id, protocol.visit_ids.index(row.visit)))
    _check_order(rows, table.file, faults)
    return tuple(rows)


def _visit(cells: Cells, folder: Path, protocol: Protocol) -> VisitRow | None:
    """One row of ``visits.csv``."""
    before = len(cells.faults.faults)
    patient_id = cells.identifier("patient_id")
    visit = cells.choice("visit", protocol.visit_ids)
    day = cells.date("date")
    ct_series, pet_series = _series(cells, "ct"), _series(cells, "pet")
    table_faults = len(cells.faults.faults) - before
    ct, ct_exists = cells.path("ct", folder, "a folder with DICOM or a NIfTI file")
    pet, pet_exists = cells.path("pet", folder, "a folder with DICOM or a NIfTI file")
    unit = cells.choice("pet_unit", PET_UNITS, needed=False)
    if pet is not None and pet.name.lower().endswith(NIFTI_ENDINGS) and unit is None:
        if not cells.raw("pet_unit"):
            cells.fault(
                "pet_unit",
                "a NIfTI PET without its unit",
                f"the column pet_unit with one of {', '.join(PET_UNITS)} (SUV by body weight)",
            )
        return None
    if table_faults or patient_id is None or visit is None or day is None:
        return None
    return VisitRow(
        patient_id=patient_id,
        visit=visit,
        date=day,
        ct=ct,
        pet=pet,
        pet_unit=unit,
        row=cells.row.number,
        ct_exists=ct_exists or ct is None,
        pet_exists=pet_exists or pet is None,
        ct_series=ct_series,
        pet_series=pet_series,
    )


def _series(cells: Cells, scan: str) -> str | None:
    """Read which series of a folder is meant; None where the table leaves the choice."""
    column = f"{scan}_series"
    text = cells.raw(column)
    if not text:
        return None
    if not SERIES.fullmatch(text) or len(text) > LONGEST_SERIES:
        accepted = "a Series Instance UID, with #2 behind it for its second stack; or empty"
        cells.fault(column, quoted(text), accepted)
        return None
    place = cells.raw(scan)
    if not place or place.lower().endswith(NIFTI_ENDINGS):
        found = "a NIfTI file" if place else "an empty cell"
        cells.fault(
            column, f"{quoted(text)} beside {found} in {scan}", "a folder of DICOM there, or empty"
        )
        return None
    return text


def _check_order(rows: list[VisitRow], file: str, faults: FaultList) -> None:
    """Refuse visits of a patient whose dates are not in the order of the visits."""
    for earlier, later in itertools.pairwise(rows):
        other = earlier.patient_id != later.patient_id or earlier.visit == later.visit
        if other or later.date > earlier.date:
            continue
        faults.add(
            file,
            later.row,
            "date",
            f"{later.date} for {later.visit}, not after {earlier.visit} ({earlier.date}, row "
            f"{earlier.row})",
            "dates in the order of the visits",
        )


def check_dates(
    rows: tuple[VisitRow, ...], starts: dict[str, date], file: str, faults: FaultList
) -> None:
    """Refuse follow-up visits before the inclusion date of ``patients.csv``.

    Parameters
    ----------
    rows : tuple of VisitRow
        The visits.
    starts : dict of str to date
        Inclusion date by patient.
    file : str
        Name of the table of the visits.
    faults : FaultList
        Filled with what is wrong.
    """
    for row in rows:
        start = starts.get(row.patient_id)
        if start is None or row.visit == INCLUSION or row.date >= start:
            continue
        if not faults.has(file, row.row, "date"):
            found = f"{row.date}, before the inclusion date {start}"
            faults.add(file, row.row, "date", found, "a date after inclusion")


def visit_findings(
    rows: tuple[VisitRow, ...], starts: dict[str, date], protocol: Protocol
) -> tuple[Finding, ...]:
    """Doubts about visits: outside their window, or a path that is used for two visits.

    Parameters
    ----------
    rows : tuple of VisitRow
        The visits.
    starts : dict of str to date
        Day 0 by patient.
    protocol : Protocol
        Its windows.

    Returns
    -------
    tuple of Finding
        In the order of the rows.
    """
    findings: list[Finding] = []
    used: dict[tuple[Path, str | None], VisitRow] = {}
    for row in rows:
        start = starts.get(row.patient_id)
        if start is not None and (message := _out_of_window(row, start, protocol)):
            findings.append(Finding(code="visit_out_of_window", message=message))
        for path, series in {(row.ct, row.ct_series), (row.pet, row.pet_series)}:
            other = row if path is None else used.setdefault((path, series), row)
            if other is not row:
                findings.append(
                    Finding(
                        code="scan_used_twice",
                        message=f"patient {row.patient_id}, {row.visit}: the path of patient "
                        f"{other.patient_id}, {other.visit} stands here too (rows {other.row} and "
                        f"{row.row})",
                    )
                )
    return tuple(findings)


def _out_of_window(row: VisitRow, start: date, protocol: Protocol) -> str:
    """Say that a visit lies outside its window, and in whose it lies; empty if it lies inside."""
    day = (row.date - start).days
    window = protocol.window(row.visit)
    if window.contains(day):
        return ""
    nearest = assign_visit(day, protocol.visits)
    elsewhere = f", in that of {nearest.visit}" if nearest.in_window else ""
    return (
        f"patient {row.patient_id}, {row.visit}: day {day} lies outside the window of days "
        f"{window.first_day} to {window.last_day}{elsewhere}"
    )
