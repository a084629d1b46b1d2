"""Columns and rows of the table ``markers``: one row per patient, visit and marker or ratio."""

from __future__ import annotations

from typing import Any

from lesionscore.markers import MarkerResult
from lesionscore.tables.table import Kind, Table

COLUMNS = {
    "patient_id": Kind.TEXT,
    "visit": Kind.TEXT,
    "marker": Kind.TEXT,
    "value": Kind.NUMBER,
    "unit": Kind.TEXT,
    "inclusion_value": Kind.NUMBER,
    "change": Kind.NUMBER,
    "change_percent": Kind.NUMBER,
    "fold_change": Kind.NUMBER,
    "ln_fold_change": Kind.NUMBER,
    "status": Kind.TEXT,
    "reason": Kind.TEXT,
    "flags": Kind.TEXT,
    "date": Kind.TEXT,
    "days_from_inclusion": Kind.WHOLE,
    "written": Kind.TEXT,
    "beyond_lsc": Kind.YES_NO,
    "lsc_percent": Kind.NUMBER,
    "lsc_source": Kind.TEXT,
    "confounders": Kind.TEXT,
}


def markers_table(visit_order: tuple[str, ...], marker_order: tuple[str, ...]) -> Table:
    """Define the table, visits and markers in the protocol's order."""
    return Table(
        name="markers",
        columns=COLUMNS,
        sort_by=("patient_id", "visit", "marker"),
        orders={"visit": visit_order, "marker": marker_order},
    )


def marker_row(result: MarkerResult) -> dict[str, Any]:
    """Turn one marker's result into a row."""
    row: dict[str, Any] = {
        name: getattr(result, name)
        for name in COLUMNS
        if name not in ("reason", "date", "confounders")
    }
    row["reason"] = result.reasons
    row["date"] = None if result.date is None else result.date.isoformat()
    row["confounders"] = tuple(f"{name}={text}" for name, text in result.confounders if text)
    return row
