"""``reads.csv``: a reader's diameters and calls in place of images."""

from __future__ import annotations

from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.study.cells import Cells
from lesionscore.study.faults import FaultList, quoted
from lesionscore.study.records import Call, ReadRow
from lesionscore.study.table import RawTable

READ_COLUMNS = ("patient_id", "lesion_id", "visit", "longest_diameter_mm")
READ_OPTIONAL = (
    "reader",
    "axial_diameter_mm",
    "short_axis_mm",
    "axial_area_mm2",
    "volume_ml",
    "sclerosis",
    "complete",
    "suv_max",
    "suv_peak",
    "suv_mean",
    "event",
)
EVENTS = ("new", "split", "merged", "reappeared")
LARGEST_DIAMETER_MM = 500.0


def parse_reads(
    table: RawTable,
    protocol: Protocol,
    lesions: frozenset[tuple[str, str]],
    visited: frozenset[tuple[str, str]],
    faults: FaultList,
) -> tuple[ReadRow, ...]:
    """Check the rows of ``reads.csv``.

    Parameters
    ----------
    table : RawTable
        The file as text.
    protocol : Protocol
        Its visits, and whose reads count.
    lesions : frozenset of (str, str)
        Patient and lesion of every row of ``lesions.csv``.
    visited : frozenset of (str, str)
        Patient and visit of every row of ``visits.csv``, where the dates are.
    faults : FaultList
        Filled with what is wrong.

    Returns
    -------
    tuple of ReadRow
        Rows without fault, one for each lesion and visit; of the primary reader where there are
        several.
    """
    primary = protocol.reads.primary_reader
    rows: list[ReadRow] = []
    seen: dict[tuple[str, str, str], int] = {}
    for raw in table.rows:
        cells = Cells(file=table.file, row=raw, faults=faults)
        key = (cells.raw("patient_id"), cells.raw("lesion_id"), cells.raw("visit"))
        reader = cells.raw("reader")
        if all(key) and lesions and key[:2] not in lesions:
            found = f"lesion {quoted(key[1])} of patient {quoted(key[0])}"
            cells.fault("lesion_id", found, "a lesion of lesions.csv")
        elif all(key) and key[2] in protocol.visit_ids and visited and key[::2] not in visited:
            found = f"{quoted(key[2])} of patient {key[0]}, which has no row in visits.csv"
            cells.fault("visit", found, "a visit of visits.csv, where its date stands")
        row = _read(cells, protocol)
        if primary and reader != primary:
            continue
        if all(key) and key in seen:
            accepted = "one read of a lesion and visit, or reads.primary_reader in protocol.toml"
            cells.fault("reader", f"a second read (first in row {seen[key]})", accepted)
        seen.setdefault(key, raw.number)
        if row is not None:
            rows.append(row)
    _check_new(rows, table.file, faults)
    visits = protocol.visit_ids
    rows.sort(key=lambda row: (row.patient_id, row.lesion_id, visits.index(row.visit)))
    return tuple(rows)


def _check_new(rows: list[ReadRow], file: str, faults: FaultList) -> None:
    """Refuse a lesion that is called new and was there at inclusion."""
    at_inclusion = {(row.patient_id, row.lesion_id) for row in rows if row.visit == INCLUSION}
    for row in rows:
        if row.event == "new" and (row.patient_id, row.lesion_id) in at_inclusion:
            found = f"'new' for lesion {row.lesion_id}, which has a read at inclusion"
            faults.add(file, row.row, "event", found, "another event, or an empty cell")


def _read(cells: Cells, protocol: Protocol) -> ReadRow | None:
    """One row of ``reads.csv``."""
    before = len(cells.faults.faults)
    patient_id = cells.identifier("patient_id")
    lesion_id = cells.identifier("lesion_id")
    visit = cells.choice("visit", protocol.visit_ids)
    longest, limit = _diameter(cells)
    sclerosis, complete = _call(cells, "sclerosis"), _call(cells, "complete")
    if complete is Call.YES and (longest or limit):
        cells.fault("complete", "'yes' beside a diameter", "complete yes, or a diameter, not both")
    if longest == 0:
        cells.fault("longest_diameter_mm", "'0'", "complete yes for a lesion that is gone")
    event = cells.choice("event", EVENTS, needed=False)

    def size(column: str, what: str) -> float | None:
        return cells.number(column, low=0.0, high=1e6, what=what)

    values = {
        "axial_diameter_mm": size("axial_diameter_mm", "a diameter in mm"),
        "short_axis_mm": size("short_axis_mm", "a diameter in mm"),
        "axial_area_mm2": size("axial_area_mm2", "an area in mm2"),
        "volume_ml": size("volume_ml", "a volume in ml"),
        "suv_max": size("suv_max", "an SUV by body weight"),
        "suv_peak": size("suv_peak", "an SUV by body weight"),
        "suv_mean": size("suv_mean", "an SUV by body weight"),
    }
    if len(cells.faults.faults) > before:
        return None
    if patient_id is None or lesion_id is None or visit is None:
        return None
    return ReadRow(
        patient_id=patient_id,
        lesion_id=lesion_id,
        visit=visit,
        reader=cells.raw("reader"),
        longest_diameter_mm=longest,
        below_mm=limit,
        sclerosis=sclerosis,
        complete=complete,
        event=event or "",
        row=cells.row.number,
        **values,
    )


def _diameter(cells: Cells) -> tuple[float | None, float | None]:
    """Longest diameter, or the limit below which it was too small to measure."""
    column = "longest_diameter_mm"
    text = cells.raw(column)
    if text.startswith("<"):
        limit = cells.decimal(column, text[1:].strip(), "a diameter in mm, or a limit like <5")
        return None, None if limit is None else float(limit)
    return cells.number(column, low=0.0, high=LARGEST_DIAMETER_MM, what="a diameter in mm"), None


def _call(cells: Cells, column: str) -> Call | None:
    """Read a reader's yes, no or not evaluable."""
    text = cells.choice(column, [call.value for call in Call], needed=False)
    return None if text is None else Call(text)
