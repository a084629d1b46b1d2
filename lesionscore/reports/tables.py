"""The tables of an output folder, read back row by row.

Columns may be missing (an older run, markers alone); what a cell holds is asked for by type, and
an empty cell is None or an empty word, never 0.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lesionscore.errors import OutputError

YES_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; cells are asked for by column and type.

    Parameters
    ----------
    cells : Mapping
        Values by column, as Parquet or CSV hold them.
    """

    cells: Mapping[str, Any]

    def has(self, column: str) -> bool:
        """Tell whether the table has the column."""
        return column in self.cells

    def text(self, column: str) -> str:
        """Cell in words; an empty string where there is nothing."""
        value = self.cells.get(column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, datetime) and value.time().isoformat() == "00:00:00":
            return value.date().isoformat()
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return "".join(c if c.isprintable() else " " for c in str(value)).strip()

    def number(self, column: str) -> float | None:
        """Cell as a finite number; None where there is none."""
        value = self.cells.get(column)
        if value is None or isinstance(value, bool):
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        return number if math.isfinite(number) else None

    def yes(self, column: str) -> bool | None:
        """Cell as true or false; None where it says neither."""
        value = self.cells.get(column)
        return value if isinstance(value, bool) else YES_WORDS.get(self.text(column).lower())

    def codes(self, column: str) -> tuple[str, ...]:
        """Cell's codes, which are separated by semicolons."""
        return tuple(code.strip() for code in self.text(column).split(";") if code.strip())


def read_table(out: Path, name: str) -> tuple[Row, ...]:
    """Read one table of an output folder.

    Parameters
    ----------
    out : Path
        The output folder.
    name : str
        The table's name without ending; Parquet is read before CSV.

    Returns
    -------
    tuple of Row
        The rows in the file's order; none where the folder has no such table.

    Raises
    ------
    OutputError
        If the table is there and cannot be read.
    """
    parquet, comma = out / f"{name}.parquet", out / f"{name}.csv"
    try:
        if parquet.is_file():
            return tuple(Row(cells) for cells in pq.read_table(parquet).to_pylist())
        if comma.is_file():
            with comma.open(encoding="utf-8-sig", newline="") as lines:
                return tuple(Row(cells) for cells in csv.DictReader(lines))
    except (OSError, ValueError, csv.Error, pa.ArrowException) as exc:
        found = parquet if parquet.is_file() else comma
        raise OutputError(f"{found}: cannot be read ({exc}); run the evaluation again") from exc
    return ()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of an output folder.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Its content; empty where there is no such file.

    Raises
    ------
    OutputError
        If the file is there and is not a JSON object.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise OutputError(f"{path}: cannot be read ({exc}); run the evaluation again") from exc
    if not isinstance(content, dict):
        raise OutputError(f"{path}: a JSON object is expected, found {type(content).__name__}")
    return content
