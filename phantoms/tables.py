"""Tables of a study folder and of its truth, as CSV with stable bytes."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def write_table(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], digits: int = 6
) -> None:
    """Write rows as CSV; None becomes an empty cell.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    columns : sequence of str
        Header, in order.
    rows : iterable of mapping
        Cells by column; a missing cell is empty.
    digits : int
        Decimals of numbers.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(columns), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _text(row.get(name), digits) for name in columns})


def write_records(path: Path, kind: type, records: Iterable[Any]) -> None:
    """Write dataclass records as CSV, one column per field."""
    names = [field.name for field in dataclasses.fields(kind)]
    write_table(path, names, ({n: getattr(r, n) for n in names} for r in records))


def _text(value: Any, digits: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(round(value, digits))
    return str(value)
