"""Columns and rows of the table ``markers``: one row per patient, visit and marker or ratio."""

from __future__ import annotations

from typing import Any

from lesionscore.markers import COMPOSITE, MarkerResult
from lesionscore.protocol.protocol import Protocol
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


def markers_table(protocol: Protocol) -> Table:
    """Define the table, visits and markers in the protocol's order; ratios follow the markers."""
    ratios = [f"{top}/{bottom}" for top, bottom in protocol.markers.ratios]
    order = (*protocol.markers.names, *ratios, COMPOSITE)
    return Table(
        name="markers",
        columns=COLUMNS,
        protocol_hash=protocol.hash,
        sort_by=("patient_id", "visit", "marker"),
        orders={"visit": protocol.visit_ids, "marker": order},
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
