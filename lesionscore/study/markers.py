"""``markers.csv``: laboratory values as the table has them."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from lesionscore.protocol.marker_rules import Duplicates, MarkerBaseline
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.units import UNITS, plain_unit, unit_for
from lesionscore.protocol.visits import INCLUSION
from lesionscore.study.cells import Cells, nearest
from lesionscore.study.faults import FaultList, quoted
from lesionscore.study.records import Censoring, MarkerRow
from lesionscore.study.table import RawTable

MARKER_COLUMNS = ("patient_id", "visit", "date", "marker", "value", "unit")
SCREENING = MarkerBaseline.SCREENING.value
"""The visit of markers that comes before inclusion."""
COMMON_UNITS = ("ug/L", "ng/L", "ng/mL", "pg/mL", "nmol/L", "pmol/L", "U/L", "ukat/L")
CENSORED = re.compile(r"(<=?|>=?|≤|≥)\s*(.*)", re.DOTALL)


def parse_markers(table: RawTable, protocol: Protocol, faults: FaultList) -> tuple[MarkerRow, ...]:
    """Check the rows of ``markers.csv``.

    Parameters
    ----------
    table : RawTable
        The file as text.
    protocol : Protocol
        Its markers, visits, units and what it says of duplicates.
    faults : FaultList
        Filled with what is wrong.

    Returns
    -------
    tuple of MarkerRow
        Rows without fault, by patient, visit, marker and date.
    """
    visits = (SCREENING, *protocol.visit_ids)
    names = protocol.markers.names
    rows: list[MarkerRow] = []
    seen: dict[tuple[str, str, str], int] = {}
    for raw in table.rows:
        cells = Cells(file=table.file, row=raw, faults=faults)
        row = _marker(cells, protocol, visits)
        key = (cells.raw("patient_id"), cells.raw("visit"), cells.raw("marker"))
        if all(key) and key in seen and protocol.markers.duplicates is Duplicates.REFUSE:
            found = f"{key[2]} of patient {key[0]}, {key[1]} again (first in row {seen[key]})"
            cells.fault(
                "marker",
                found,
                "each marker of a visit once, or markers.duplicates in protocol.toml",
            )
        seen.setdefault(key, raw.number)
        if row is not None:
            rows.append(row)
    rows.sort(
        key=lambda row: (
            row.patient_id,
            visits.index(row.visit),
            names.index(row.marker),
            row.date,
            row.unit,
            str(row.amount),
            row.confounders,
        )
    )
    return tuple(rows)


def _marker(cells: Cells, protocol: Protocol, visits: tuple[str, ...]) -> MarkerRow | None:
    """One row of ``markers.csv``."""
    before = len(cells.faults.faults)
    patient_id = cells.identifier("patient_id")
    visit = cells.choice("visit", visits)
    day = cells.date("date")
    marker = cells.choice("marker", protocol.markers.names)
    amount, censoring = read_lab_value(cells)
    unit = _unit(cells, protocol, marker, is_needed=bool(cells.raw("value")))
    if len(cells.faults.faults) > before:
        return None
    if patient_id is None or visit is None or day is None or marker is None:
        return None
    return MarkerRow(
        patient_id=patient_id,
        visit=visit,
        date=day,
        marker=marker,
        amount=amount,
        censoring=censoring,
        unit=unit,
        confounders=tuple(
            (name, cells.raw(name))
            for name in protocol.markers.confounders
            if name in cells.row.cells
        ),
        row=cells.row.number,
    )


def read_lab_value(cells: Cells) -> tuple[Decimal | None, Censoring]:
    """Read a laboratory value: a number, or a limit such as ``<0.03``.

    Parameters
    ----------
    cells : Cells
        A row with the column ``value``.

    Returns
    -------
    amount : Decimal or None
        The number or limit, exactly as written; None for an empty cell or a fault.
    censoring : Censoring
        Which of the two it is.
    """
    text = cells.raw("value")
    censoring = Censoring.EXACT
    if censored := CENSORED.fullmatch(text):
        censoring = Censoring.BELOW if censored[1][0] in "<≤" else Censoring.ABOVE
        text = censored[2]
    if not text and censoring is Censoring.EXACT:
        return None, censoring
    amount = cells.decimal("value", text, "a number or a limit like <0.03")
    if amount is None:
        return None, censoring
    if amount < 0 or (amount == 0 and censoring is not Censoring.EXACT):
        cells.fault("value", quoted(cells.raw("value")), "a concentration of 0 or more")
        return None, censoring
    return amount, censoring


def _unit(cells: Cells, protocol: Protocol, marker: str | None, *, is_needed: bool) -> str:
    """Read a unit into its plain spelling; one that the marker cannot have is a fault."""
    text = cells.text("unit", needed="a unit such as ug/L" if is_needed else "")
    if text is None:
        return ""
    plain = plain_unit(text)
    if plain not in UNITS:
        cells.fault("unit", quoted(text), nearest(plain, COMMON_UNITS))
    elif marker is not None:
        targets = protocol.markers.analyte(marker).units
        if unit_for(plain, targets) is None:
            cells.fault(
                "unit",
                f"{quoted(text)}, {UNITS[plain].dimension}",
                f"for {marker} {' or '.join(targets)}, or a unit that converts to it by physics",
            )
    return plain


def check_markers(
    rows: tuple[MarkerRow, ...],
    starts: dict[str, date],
    patients: tuple[str, ...],
    file: str,
    faults: FaultList,
) -> None:
    """Refuse samples of unknown patients, and samples of follow-up visits before day 0.

    Parameters
    ----------
    rows : tuple of MarkerRow
        The samples.
    starts : dict of str to date
        Day 0 by patient.
    patients : tuple of str
        Patients that ``visits.csv`` or ``patients.csv`` names.
    file : str
        Name of the table of the markers.
    faults : FaultList
        Filled with what is wrong.
    """
    for row in rows:
        if patients and row.patient_id not in patients:
            found = f"{quoted(row.patient_id)}, a patient of no other table"
            accepted = nearest(row.patient_id, patients)
            faults.add(file, row.row, "patient_id", found, accepted)
        start = starts.get(row.patient_id)
        if start is not None and row.visit not in (SCREENING, INCLUSION) and row.date < start:
            found = f"{row.date} for {row.visit}, before inclusion ({start})"
            faults.add(file, row.row, "date", found, "a date after inclusion")
