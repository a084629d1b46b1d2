"""``lesions.csv``: where the lesions lie on the inclusion CT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lesionscore.errors import Finding, Severity
from lesionscore.quantities import PositionMm
from lesionscore.study.cells import Cells, check_spelling, nearest
from lesionscore.study.faults import FaultKind, FaultList, quoted
from lesionscore.study.records import LesionRow
from lesionscore.study.table import RawTable
from lesionscore.study.visits import KnownScans

LESION_COLUMNS = ("patient_id", "lesion_id", "site", "x_mm", "y_mm", "z_mm", "mask", "label")
POINT_COLUMNS = ("x_mm", "y_mm", "z_mm")
MASK_COLUMNS = ("mask", "label")
LARGEST_LABEL = 255  # label maps are written with one byte a voxel
LARGEST_MASK_LABEL = 65535  # what a DICOM SEG can number
LARGEST_COORDINATE_MM = 5000.0  # no scanner's table reaches farther from its origin


def parse_lesions(
    table: RawTable,
    folder: Path,
    scans: KnownScans,
    with_reads: frozenset[tuple[str, str]],
    faults: FaultList,
) -> tuple[tuple[LesionRow, ...], tuple[Finding, ...]]:
    """Check the rows of ``lesions.csv`` and give every lesion its label.

    Parameters
    ----------
    table : RawTable
        The file as text.
    folder : Path
        The study folder, where paths start.
    scans : KnownScans
        What ``visits.csv`` says.
    with_reads : frozenset of (str, str)
        Patient and lesion of every row of ``reads.csv``: these need no image.
    faults : FaultList
        Filled with what is wrong.

    Returns
    -------
    lesions : tuple of LesionRow
        Rows without fault, by patient and lesion.
    findings : tuple of Finding
        Labels that had to be changed.
    """
    _check_columns(table, with_reads, faults)
    rows: list[LesionRow] = []
    seen: dict[tuple[str, str], int] = {}
    spelt: dict[str, dict[str, str]] = {}
    for raw in table.rows:
        cells = Cells(file=table.file, row=raw, faults=faults)
        key = (cells.raw("patient_id"), cells.raw("lesion_id"))
        if all(key) and key in seen:
            found = f"lesion {key[1]} of patient {key[0]} again (first in row {seen[key]})"
            cells.fault("lesion_id", found, "each lesion of a patient once")
        seen.setdefault(key, raw.number)
        check_spelling(cells, "lesion_id", spelt.setdefault(key[0], {}))
        lesion = _lesion(cells, folder, is_read=key in with_reads)
        _check_patient(cells, scans, is_read=key in with_reads)
        if lesion is not None:
            rows.append(lesion)
    rows.sort(key=lambda row: (row.patient_id, row.lesion_id))
    _check_shared_labels(rows, table.file, faults)
    return _with_labels(rows)


def _check_columns(
    table: RawTable, with_reads: frozenset[tuple[str, str]], faults: FaultList
) -> None:
    """Refuse columns of points or masks left out in part, or both where a lesion needs a place."""
    if not table.was_read:
        return
    points = set(POINT_COLUMNS) & set(table.columns)
    masks = set(MASK_COLUMNS) & set(table.columns)
    need_none = bool(table.rows) and lesions_named(table) <= with_reads
    for some, group in ((points, POINT_COLUMNS), (masks, MASK_COLUMNS)):
        for column in group:
            if column not in table.columns and (some or not (points or masks or need_none)):
                accepted = f"columns {', '.join(LESION_COLUMNS)}"
                faults.add(table.file, 1, column, "no such column", accepted)


def lesions_named(table: RawTable) -> frozenset[tuple[str, str]]:
    """Patient and lesion of every row of a table, right or wrong."""
    return frozenset(
        (row.cells.get("patient_id", ""), row.cells.get("lesion_id", "")) for row in table.rows
    )


def _lesion(cells: Cells, folder: Path, *, is_read: bool) -> LesionRow | None:
    """One row of ``lesions.csv``, its label not yet given."""
    before = len(cells.faults.faults)
    patient_id = cells.identifier("patient_id")
    lesion_id = cells.identifier("lesion_id")
    position = _position(cells)
    label = cells.whole("label", low=1, high=LARGEST_MASK_LABEL, what="a label")
    has_place = bool(cells.raw("mask")) or any(cells.raw(column) for column in POINT_COLUMNS)
    if not has_place and not is_read:
        accepted = "x_mm, y_mm and z_mm, or a mask, or both"
        cells.fault("mask", "neither a point nor a mask", accepted)
    if len(cells.faults.faults) > before or patient_id is None or lesion_id is None:
        return None
    mask, mask_exists = cells.path("mask", folder, "a NIfTI label map, DICOM SEG or RTSTRUCT")
    return LesionRow(
        patient_id=patient_id,
        lesion_id=lesion_id,
        site=cells.raw("site"),
        position_mm=position,
        mask=mask,
        mask_label=label,
        label=0,
        row=cells.row.number,
        mask_exists=mask_exists or mask is None,
    )


def _position(cells: Cells) -> PositionMm | None:
    """Read the point of a lesion: three coordinates or none."""
    texts = [cells.raw(column) for column in POINT_COLUMNS]
    if not any(texts):
        return None
    limit = LARGEST_COORDINATE_MM
    values = [
        cells.number(column, low=-limit, high=limit, what="a coordinate in mm")
        for column in POINT_COLUMNS
    ]
    for column, text in zip(POINT_COLUMNS, texts, strict=True):
        if not text:
            cells.fault(column, "an empty cell", "all three coordinates, or none and a mask")
    x, y, z = values
    return None if x is None or y is None or z is None else (x, y, z)


def _check_patient(cells: Cells, scans: KnownScans, *, is_read: bool) -> None:
    """Refuse a lesion of a patient without inclusion CT, unless a reader read it."""
    patient_id = cells.raw("patient_id")
    if not scans.was_read or not patient_id:
        return
    if patient_id not in scans.patients:
        cells.fault(
            "patient_id",
            f"{quoted(patient_id)}, a patient without a row in visits.csv",
            nearest(patient_id, scans.patients) if scans.patients else "a known patient",
        )
    elif patient_id not in scans.inclusion_ct and not is_read:
        cells.fault(
            "patient_id",
            f"a lesion of patient {patient_id}, who has no inclusion CT in visits.csv",
            "a row with visit inclusion and its ct: it is what the lesion is compared with",
            FaultKind.SCAN,
        )


def _check_shared_labels(rows: list[LesionRow], file: str, faults: FaultList) -> None:
    """Refuse two lesions that are one region of one mask."""
    seen: dict[tuple[str, Path, int | None], LesionRow] = {}
    for row in rows:
        if row.mask is None:
            continue
        key = (row.patient_id, row.mask, row.mask_label)
        first = seen.setdefault(key, row)
        if first is not row:
            faults.add(
                file,
                row.row,
                "label",
                f"the mask and label of lesion {first.lesion_id} (row {first.row})",
                "a label of its own for every lesion of a mask",
            )


def _with_labels(rows: list[LesionRow]) -> tuple[tuple[LesionRow, ...], tuple[Finding, ...]]:
    """Give every lesion a label that is unique within its patient, its own where it can be."""
    labelled: list[LesionRow] = []
    findings: list[Finding] = []
    taken: dict[str, set[int]] = {}
    for row in rows:
        used = taken.setdefault(row.patient_id, set())
        own = row.mask_label
        if own is not None and own <= LARGEST_LABEL and own not in used:
            used.add(own)
            labelled.append(replace(row, label=own))
        else:
            labelled.append(row)
    for place, row in enumerate(labelled):
        if row.label:
            continue
        used = taken[row.patient_id]
        free = next(label for label in range(1, len(rows) + LARGEST_LABEL + 1) if label not in used)
        used.add(free)
        labelled[place] = replace(row, label=free)
        if row.mask_label is not None:
            findings.append(
                Finding(
                    code="label_changed",
                    message=f"patient {row.patient_id}, lesion {row.lesion_id}: written with label "
                    f"{free}, for label {row.mask_label} is another lesion's or too large",
                    severity=Severity.INFO,
                )
            )
    return tuple(labelled), tuple(findings)
