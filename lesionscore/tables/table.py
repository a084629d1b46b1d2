"""The tables that come out: fixed columns, one order, the same bytes for the same results.

Each table is written as CSV and as Parquet. Empty means not evaluable or not done, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from lesionscore.errors import OutputError


class Kind(StrEnum):
    """What a column holds, and so how it is written."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    YES_NO = "yes_no"


PANDAS_TYPES: dict[Kind, Any] = {
    Kind.TEXT: "string",
    Kind.WHOLE: "Int64",
    Kind.NUMBER: "Float64",
    Kind.YES_NO: "boolean",
}
PROTOCOL_HASH = "protocol_hash"
"""Last column of every table: the rules that a row was made by."""
DECIMALS = 6  # well below any measurement's error, above the rounding of binary fractions


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Name, columns and order of one output table.

    Parameters
    ----------
    name : str
        File name without its ending.
    columns : mapping of str to Kind
        Columns in the order written; `PROTOCOL_HASH` follows them.
    protocol_hash : str
        Hash of every rule in effect, written in every row.
    sort_by : tuple of str
        Text columns that give the rows their order.
    orders : mapping of str to tuple of str
        Columns that sort by the protocol's own order instead of the alphabet; a value that
        the order does not name comes first.
    """

    name: str
    columns: Mapping[str, Kind]
    protocol_hash: str
    sort_by: tuple[str, ...]
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Typed, sorted frame of rows.

        Parameters
        ----------
        rows : iterable of mapping
            Values by column; a column that a row lacks is empty.

        Returns
        -------
        DataFrame
            One row per row given, in the table's order.

        Raises
        ------
        OutputError
            If a row has a column that the table does not know.
        """
        listed = [{**row, PROTOCOL_HASH: self.protocol_hash} for row in rows]
        columns = {**self.columns, PROTOCOL_HASH: Kind.TEXT}
        unknown = {key for row in listed for key in row} - set(columns)
        if unknown:
            raise OutputError(f"table {self.name} has no columns {sorted(unknown)}")
        listed.sort(key=self._sort_key)
        return pd.DataFrame(
            {
                name: pd.array(
                    [_plain(row.get(name), kind) for row in listed], dtype=PANDAS_TYPES[kind]
                )
                for name, kind in columns.items()
            }
        )

    def _sort_key(self, row: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
        """Order of a row: by place in the column's own order, then by the alphabet."""
        key = []
        for name in self.sort_by:
            text, order = str(row[name]), self.orders.get(name, ())
            key.append((order.index(text) if text in order else -1, text))
        return tuple(key)


def _plain(value: Any, kind: Kind) -> Any:
    """One cell's value: codes joined by semicolons, numbers rounded, missing as NA."""
    if value is None or value is pd.NA:
        return pd.NA
    if kind is Kind.TEXT:
        parts = [value] if isinstance(value, str) else value
        text = ";".join(str(part) for part in parts) if isinstance(parts, Sequence) else str(parts)
        return text or pd.NA
    if kind is Kind.NUMBER:
        # adding 0.0 turns -0.0 into 0.0
        return pd.NA if value != value else round(float(value), DECIMALS) + 0.0
    if kind is Kind.WHOLE:
        return int(value)
    return bool(value)


def write_table(frame: pd.DataFrame, folder: Path, name: str) -> None:
    """Write one table as ``name.csv`` and ``name.parquet``.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    text = frame.copy()
    for column in text.columns:
        if text[column].dtype == "boolean":
            text[column] = text[column].map({True: "true", False: "false"}).astype("string")
    try:
        text.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    except OSError as exc:
        raise OutputError(f"{folder / name}: the table cannot be written ({exc})") from exc


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read a table that `write_table` wrote.

    Raises
    ------
    OutputError
        If the table is not there or cannot be read.
    """
    path = folder / f"{name}.parquet"
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as exc:
        raise OutputError(
            f"{path}: not a table of an evaluation ({exc}); name the folder that "
            "`lesionscore evaluate -o` wrote"
        ) from exc
