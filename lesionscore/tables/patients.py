"""The table ``patients``: one row per patient; its columns follow the protocol's visits."""

from __future__ import annotations

from lesionscore.protocol.protocol import Protocol
from lesionscore.scoring.patient_columns import patient_columns
from lesionscore.tables.table import Kind, Table


def patients_table(protocol: Protocol) -> Table:
    """Define the table for a protocol's visits."""
    columns = {name: Kind(kind) for name, kind in patient_columns(protocol).items()}
    return Table(
        name="patients",
        columns=columns,
        protocol_hash=protocol.hash,
        sort_by=("patient_id",),
    )
