"""Columns and rows of the table ``visits``: one row per patient, visit and modality."""

from __future__ import annotations

from typing import Any

from lesionscore.protocol.protocol import Protocol
from lesionscore.results import ScanRecord
from lesionscore.tables.table import Kind, Table

COLUMNS = {
    "patient_id": Kind.TEXT,
    "visit": Kind.TEXT,
    "modality": Kind.TEXT,
    "date": Kind.TEXT,
    "days_from_inclusion": Kind.WHOLE,
    "status": Kind.TEXT,
    "reason": Kind.TEXT,
    "failure": Kind.TEXT,
    "series_uid": Kind.TEXT,
    "series_description": Kind.TEXT,
    "series_choice": Kind.TEXT,
    "passed_over": Kind.TEXT,
    "spacing_x_mm": Kind.NUMBER,
    "spacing_y_mm": Kind.NUMBER,
    "spacing_z_mm": Kind.NUMBER,
    "slice_thickness_mm": Kind.NUMBER,
    "kernel": Kind.TEXT,
    "kvp": Kind.NUMBER,
    "scanner": Kind.TEXT,
    "reconstruction": Kind.TEXT,
    "uptake_min": Kind.NUMBER,
    "suv_rule": Kind.TEXT,
    "suv_factor": Kind.NUMBER,
    "drift_hu": Kind.NUMBER,
    "comparable": Kind.YES_NO,
    "comparability_reasons": Kind.TEXT,
    "findings": Kind.TEXT,
}


def visits_table(protocol: Protocol) -> Table:
    """Define the table, visits in the protocol's order."""
    return Table(
        name="visits",
        columns=COLUMNS,
        protocol_hash=protocol.hash,
        sort_by=("patient_id", "visit", "modality"),
        orders={"visit": protocol.visit_ids},
    )


def visit_row(scan: ScanRecord) -> dict[str, Any]:
    """Turn one scan's record into a row."""
    row: dict[str, Any] = {
        name: getattr(scan, name)
        for name in (
            "patient_id",
            "visit",
            "modality",
            "days_from_inclusion",
            "status",
            "failure",
            "series_uid",
            "series_description",
            "series_choice",
            "passed_over",
            "slice_thickness_mm",
            "kernel",
            "kvp",
            "scanner",
            "reconstruction",
            "uptake_min",
            "suv_rule",
            "suv_factor",
            "drift_hu",
            "comparable",
            "comparability_reasons",
        )
    }
    row["date"] = None if scan.date is None else scan.date.isoformat()
    row["reason"] = scan.reasons
    row["findings"] = "; ".join(scan.findings)
    if scan.spacing_xyz_mm is not None:
        names = ("spacing_x_mm", "spacing_y_mm", "spacing_z_mm")
        row |= dict(zip(names, scan.spacing_xyz_mm, strict=True))
    return row
