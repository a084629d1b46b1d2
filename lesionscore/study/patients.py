"""``patients.csv``: when each patient entered and left the protocol."""

from __future__ import annotations

from datetime import date

from lesionscore.errors import Finding
from lesionscore.study.cells import Cells
from lesionscore.study.faults import FaultList, quoted
from lesionscore.study.records import PatientRow
from lesionscore.study.table import RawTable

PATIENT_COLUMNS = ("patient_id", "inclusion_date", "off_protocol_date", "off_protocol_reason")


def parse_patients(table: RawTable, faults: FaultList) -> tuple[PatientRow, ...]:
    """Check the rows of ``patients.csv``.

    Parameters
    ----------
    table : RawTable
        The file as text.
    faults : FaultList
        Filled with what is wrong.

    Returns
    -------
    tuple of PatientRow
        Rows without fault, by patient.
    """
    rows: list[PatientRow] = []
    seen: dict[str, int] = {}
    for raw in table.rows:
        cells = Cells(file=table.file, row=raw, faults=faults)
        before = len(faults.faults)
        patient_id = cells.identifier("patient_id")
        start = cells.date("inclusion_date", needed=False)
        end = cells.date("off_protocol_date", needed=False)
        if patient_id is not None and patient_id in seen:
            found = f"{quoted(patient_id)} again (first in row {seen[patient_id]})"
            cells.fault("patient_id", found, "each patient once")
        if start is not None and end is not None and end < start:
            found = f"{end}, before the inclusion date {start}"
            cells.fault("off_protocol_date", found, "a date not before inclusion")
        if patient_id is not None:
            seen.setdefault(patient_id, raw.number)
            if len(faults.faults) == before:
                rows.append(
                    PatientRow(
                        patient_id=patient_id,
                        inclusion_date=start,
                        off_protocol_date=end,
                        off_protocol_reason=cells.raw("off_protocol_reason"),
                        row=raw.number,
                    )
                )
    return tuple(sorted(rows, key=lambda row: row.patient_id))


def check_off_protocol(
    rows: tuple[PatientRow, ...], starts: dict[str, date], file: str, faults: FaultList
) -> None:
    """Refuse leaving the protocol before day 0, where that is the inclusion visit's date.

    Parameters
    ----------
    rows : tuple of PatientRow
        The patients.
    starts : dict of str to date
        Day 0 by patient.
    file : str
        Name of the table of the patients.
    faults : FaultList
        Filled with what is wrong.
    """
    for row in rows:
        start, end = starts.get(row.patient_id), row.off_protocol_date
        if row.inclusion_date is None and start is not None and end is not None and end < start:
            found = f"{end}, before the inclusion visit ({start})"
            faults.add(file, row.row, "off_protocol_date", found, "a date not before inclusion")


def check_known(
    rows: tuple[PatientRow, ...], visited: tuple[str, ...], file: str, faults: FaultList
) -> tuple[Finding, ...]:
    """Refuse a patient who is spelt otherwise in ``visits.csv``; name those without a visit.

    Parameters
    ----------
    rows : tuple of PatientRow
        The patients.
    visited : tuple of str
        Patients of ``visits.csv``.
    file : str
        Name of the table of the patients.
    faults : FaultList
        Filled with what is wrong.

    Returns
    -------
    tuple of Finding
        One for each patient who has no row in ``visits.csv``.
    """
    spelt = {name.casefold(): name for name in visited}
    findings = []
    for row in rows:
        if row.patient_id in visited:
            continue
        if (other := spelt.get(row.patient_id.casefold())) is not None:
            found = f"{quoted(row.patient_id)} beside {quoted(other)} in visits.csv"
            faults.add(file, row.row, "patient_id", found, "one spelling of a name")
            continue
        message = f"patient {row.patient_id} has no row in visits.csv: no visit is expected"
        findings.append(Finding(code="patient_without_visits", message=message))
    return tuple(findings)
