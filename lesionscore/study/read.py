"""A study folder, read and checked in one pass over all of its tables."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from pathlib import Path

from lesionscore.errors import Finding, ProtocolError, Severity, StudyError
from lesionscore.protocol.protocol import Protocol, load_protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.study.faults import FaultKind, FaultList, StudyTablesError
from lesionscore.study.lesions import (
    LESION_COLUMNS,
    MASK_COLUMNS,
    POINT_COLUMNS,
    lesions_named,
    parse_lesions,
)
from lesionscore.study.markers import MARKER_COLUMNS, check_markers, parse_markers
from lesionscore.study.patients import (
    PATIENT_COLUMNS,
    check_known,
    check_off_protocol,
    parse_patients,
)
from lesionscore.study.reads import READ_COLUMNS, READ_OPTIONAL, parse_reads
from lesionscore.study.records import MarkerRow, PatientRow, ReadRow, Study, VisitRow
from lesionscore.study.table import RawTable, read_table
from lesionscore.study.visits import (
    VISIT_COLUMNS,
    VISIT_OPTIONAL,
    check_dates,
    known_scans,
    parse_visits,
    visit_findings,
)

LESION_REQUIRED = tuple(
    column for column in LESION_COLUMNS if column not in (*POINT_COLUMNS, *MASK_COLUMNS)
)


def read_study(folder: Path, *, keep_scan_faults: bool = False) -> Study:
    """Read a study folder: ``visits.csv``, ``lesions.csv``, ``markers.csv`` and what is optional.

    Parameters
    ----------
    folder : Path
        The folder; paths in its tables are relative to it.
    keep_scan_faults : bool
        If True, a scan or mask whose path leads nowhere and a lesion without inclusion CT do not
        stop the reading: they are in `Study.scan_faults`, and the row says that the path leads
        nowhere. For a batch, where one visit must not stop the others.

    Returns
    -------
    Study
        Rows in canonical order.

    Raises
    ------
    StudyTablesError
        A `StudyError` that lists every fault of every table with file, row, column, what was
        found and what is accepted.

    Notes
    -----
    ``markers.csv``, ``patients.csv``, ``reads.csv`` and ``protocol.toml`` may be missing. A fault
    in ``protocol.toml`` is reported with the others; the tables are then checked against the
    packaged protocol.
    """
    if not folder.is_dir():
        raise StudyError(f"{folder}: not a folder; name the folder that holds visits.csv")
    faults = FaultList()
    protocol = _protocol(folder, faults)
    tables = {
        "visits": read_table(folder / "visits.csv", VISIT_COLUMNS, VISIT_OPTIONAL, faults),
        "lesions": read_table(folder / "lesions.csv", LESION_REQUIRED, (), faults),
        "markers": read_table(folder / "markers.csv", MARKER_COLUMNS, (), faults),
        "patients": read_table(folder / "patients.csv", PATIENT_COLUMNS, (), faults),
        "reads": read_table(folder / "reads.csv", READ_COLUMNS, READ_OPTIONAL, faults),
    }
    for name in ("visits", "lesions"):
        _check_rows(tables[name], faults)
    study = _check(folder, protocol, tables, faults)
    stopping = [
        fault
        for fault in faults.ordered()
        if not (keep_scan_faults and fault.kind is FaultKind.SCAN)
    ]
    if stopping:
        raise StudyTablesError(str(folder), tuple(stopping))
    return study


def read_markers(path: Path, protocol: Protocol) -> tuple[MarkerRow, ...]:
    """Read a ``markers.csv`` by itself.

    Parameters
    ----------
    path : Path
        The table, under any name.
    protocol : Protocol
        Its markers, visits and units.

    Returns
    -------
    tuple of MarkerRow
        By patient, visit, marker and date.

    Raises
    ------
    StudyTablesError
        A `StudyError` that lists every fault.
    """
    faults = FaultList()
    table = read_table(path, MARKER_COLUMNS, (), faults)
    _check_rows(table, faults)
    rows = parse_markers(table, protocol, faults)
    if faults.faults:
        raise StudyTablesError(str(path), faults.ordered())
    return rows


def _protocol(folder: Path, faults: FaultList) -> Protocol:
    """Read the protocol with the folder's overrides; faults in them are noted."""
    overrides = folder / "protocol.toml"
    if not overrides.exists():
        return load_protocol()
    try:
        return load_protocol(overrides)
    except ProtocolError as exc:
        for line in str(exc).splitlines():
            where, _, what = line.partition(": ")
            place, _, key = where.partition(", key ")
            row = place.partition(", line ")[2]
            number = int(row) if row.isdigit() else None
            found, _, accepted = what.partition("; ")
            # the table's fault says "found" and "accepted" by itself
            accepted = re.sub(r"accepted(:| is) ", "", accepted, count=1)
            faults.add(
                overrides.name,
                number,
                key,
                found.removeprefix("found "),
                accepted or "see docs/protocol.md",
            )
        return load_protocol()


def _check_rows(table: RawTable, faults: FaultList) -> None:
    """Refuse a table that is missing or has no rows."""
    if table.sha256 is None and not any(fault.file == table.file for fault in faults.faults):
        faults.add(table.file, None, "", "no such file", f"a table {table.file}")
    elif table.was_read and not table.rows and not any(f.file == table.file for f in faults.faults):
        faults.add(table.file, 1, "", "a header without rows", "at least one row")


def _check(
    folder: Path, protocol: Protocol, tables: dict[str, RawTable], faults: FaultList
) -> Study:
    """Check every table, then the tables against one another."""
    reads_of = lesions_named(tables["reads"])
    scans = known_scans(tables["visits"])
    visits = parse_visits(tables["visits"], folder, protocol, faults)
    lesions, findings = parse_lesions(tables["lesions"], folder, scans, reads_of, faults)
    markers = parse_markers(tables["markers"], protocol, faults)
    patients = parse_patients(tables["patients"], faults)
    named = lesions_named(tables["lesions"])
    reads = parse_reads(tables["reads"], protocol, named, scans.visited, faults)
    starts = _starts(visits, patients)
    check_dates(visits, starts, tables["visits"].file, faults)
    check_off_protocol(patients, starts, tables["patients"].file, faults)
    known = {row.cells.get("patient_id", "") for row in tables["patients"].rows}
    enrolled = tuple(sorted({*scans.patients, *known} - {""}))
    check_markers(markers, starts, enrolled, tables["markers"].file, faults)
    findings += visit_findings(visits, starts, protocol)
    if not tables["markers"].rows:
        findings += (
            Finding(
                code="no_markers",
                message="no row in markers.csv: bone markers and their ratios are not reported",
                severity=Severity.INFO,
            ),
        )
    findings += _without_day(patients)
    findings += _images_passed_over(visits, reads)
    findings += check_known(patients, scans.patients, tables["patients"].file, faults)
    return Study(
        folder=folder,
        protocol=protocol,
        visits=visits,
        lesions=lesions,
        markers=markers,
        patients=patients,
        reads=reads,
        hashes=_hashes(folder, tables),
        findings=findings + _without_lesions(visits, tables["lesions"]),
        scan_faults=tuple(f for f in faults.ordered() if f.kind is FaultKind.SCAN),
    )


def _starts(visits: tuple[VisitRow, ...], patients: tuple[PatientRow, ...]) -> dict[str, date]:
    """Day 0 of every patient: of ``patients.csv``, else of the inclusion visit."""
    starts = {row.patient_id: row.date for row in visits if row.visit == INCLUSION}
    known = {row.patient_id: row.inclusion_date for row in patients}
    return starts | {name: day for name, day in known.items() if day is not None}


def _without_lesions(visits: tuple[VisitRow, ...], lesions: RawTable) -> tuple[Finding, ...]:
    """Patients with scans and no lesion: eligibility asks for at least one."""
    with_lesions = {row.cells.get("patient_id", "") for row in lesions.rows}
    return tuple(
        Finding(
            code="patient_without_lesions",
            message=f"patient {name} has visits and no row in lesions.csv: nothing is followed",
        )
        for name in sorted({row.patient_id for row in visits} - with_lesions)
    )


def _images_passed_over(
    visits: tuple[VisitRow, ...], reads: tuple[ReadRow, ...]
) -> tuple[Finding, ...]:
    """Patients who have scans and are scored by a reader's values alone."""
    with_scans = {row.patient_id for row in visits if row.ct is not None or row.pet is not None}
    return tuple(
        Finding(
            code="reads_replace_images",
            message=f"patient {name} has rows in reads.csv: the patient's scans are not measured",
        )
        for name in sorted(with_scans & {row.patient_id for row in reads})
    )


def _without_day(patients: tuple[PatientRow, ...]) -> tuple[Finding, ...]:
    """Patients with a reason for leaving and no day: their primary window stays open."""
    return tuple(
        Finding(
            code="off_protocol_date_missing",
            message=f"patient {row.patient_id} has a reason for leaving the protocol and no date: "
            "all visits count",
        )
        for row in patients
        if row.off_protocol_reason and row.off_protocol_date is None
    )


def _hashes(folder: Path, tables: dict[str, RawTable]) -> tuple[tuple[str, str], ...]:
    """SHA-256 of every table read, and of the overrides."""
    hashes = {table.file: table.sha256 for table in tables.values() if table.sha256 is not None}
    overrides = folder / "protocol.toml"
    if overrides.is_file():
        hashes[overrides.name] = hashlib.sha256(overrides.read_bytes()).hexdigest()
    return tuple(sorted(hashes.items()))
