"""One CSV file read strictly: UTF-8, commas, one header, no row longer than it."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lesionscore.study.faults import FaultList, quoted

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row as text: its line in the file, and its cells by column, stripped."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """A table as text.

    ``rows`` is empty where the file is missing or cannot be read; ``columns`` then too.
    """

    file: str
    columns: tuple[str, ...] = ()
    rows: tuple[RawRow, ...] = ()
    sha256: str | None = None

    @property
    def was_read(self) -> bool:
        """Whether there was a header to read."""
        return bool(self.columns)


def read_table(
    path: Path, required: Sequence[str], optional: Sequence[str], faults: FaultList
) -> RawTable:
    """Read a CSV file as text.

    Parameters
    ----------
    path : Path
        The file; one that does not exist gives an empty table without a fault.
    required, optional : sequence of str
        Columns that must and may be there; others are kept and ignored.
    faults : FaultList
        Filled with what is wrong with the file, its header, or the length of its rows.

    Returns
    -------
    RawTable
        Rows that are empty throughout are left out.
    """
    name = path.name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return RawTable(file=name)
    except OSError as exc:
        faults.add(name, None, "", f"a file that cannot be read ({exc.strerror})", "a CSV file")
        return RawTable(file=name)
    digest = hashlib.sha256(content).hexdigest()
    text = _decode(name, content, faults)
    if text is None:
        return RawTable(file=name, sha256=digest)
    return _parse(name, text, digest, required, optional, faults)


def _decode(name: str, content: bytes, faults: FaultList) -> str | None:
    """Decode UTF-8 with or without byte order mark; anything else is a fault with its row."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        faults.add(name, 1, "", "a file in UTF-16", 'UTF-8; in Excel save as "CSV UTF-8"')
        return None
    if content[:4] == b"PK\x03\x04":
        faults.add(name, 1, "", "an Excel workbook", 'a CSV file; save as "CSV UTF-8"')
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        row = _line_of(content[: exc.start])
        around = content[max(0, exc.start - 12) : exc.start + 12].split(b"\n")
        line = next(part for part in around if content[exc.start : exc.start + 1] in part)
        faults.add(
            name,
            row,
            "",
            f"{quoted(line.decode('cp1252', errors='replace').strip())}, which is not UTF-8 "
            f"(byte 0x{content[exc.start]:02x})",
            'UTF-8; in Excel save as "CSV UTF-8"',
        )
        return None
    if "\0" in text:
        row = _line_of(text[: text.index("\0")].encode())
        faults.add(name, row, "", "a zero byte", "text")
        return None
    return text


def _line_of(before: bytes) -> int:
    """Line that follows `before`, whichever way lines end."""
    return before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1


def _parse(
    name: str,
    text: str,
    digest: str,
    required: Sequence[str],
    optional: Sequence[str],
    faults: FaultList,
) -> RawTable:
    """Split decoded text into rows, checking header and lengths."""
    reader = csv.reader(io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n")), strict=True)
    rows: list[RawRow] = []
    columns: tuple[str, ...] = ()
    before = 0
    try:
        for cells in reader:
            number, before = before + 1, reader.line_num
            if not columns:
                if not any(cell.strip() for cell in cells):
                    continue
                if re.fullmatch(r"sep=.?", "".join(cells).strip().casefold()):
                    faults.add(name, number, "", "Excel's line of the separator", "no such line")
                    continue
                columns = _header(name, number, cells, required, optional, faults)
                if not columns:
                    return RawTable(file=name, sha256=digest)
                continue
            row = _row(name, number, cells, columns, faults)
            if row is not None:
                rows.append(row)
    except csv.Error as exc:
        faults.add(
            name, reader.line_num, "", f"a row that is not CSV ({exc})", 'quotes "..." closed'
        )
    if not columns:
        faults.add(name, None, "", "an empty file", f"a header with {', '.join(required)}")
    return RawTable(file=name, columns=columns, rows=tuple(rows), sha256=digest)


def _header(
    name: str,
    number: int,
    cells: list[str],
    required: Sequence[str],
    optional: Sequence[str],
    faults: FaultList,
) -> tuple[str, ...]:
    """Check the header; empty when the columns cannot be told apart."""
    columns = tuple(cell.strip() for cell in cells)
    for separator, word in SEPARATORS.items():
        if len(columns) <= 2 and any(separator in column for column in columns):
            faults.add(
                name, number, "", f"columns separated by {word}", "columns separated by commas"
            )
            return ()
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    for column in twice:
        faults.add(name, number, column, "the column twice", "each column once")
    for column in required:
        if column not in columns:
            close = difflib.get_close_matches(column, columns, n=1, cutoff=0.6)
            like = f", but {close[0]!r}" if close and close[0] not in required else ""
            faults.add(
                name, number, column, f"no such column{like}", f"columns {', '.join(required)}"
            )
    return () if twice else columns


def _row(
    name: str, number: int, cells: list[str], columns: tuple[str, ...], faults: FaultList
) -> RawRow | None:
    """One row by its columns; None where it is empty or does not fit the header."""
    stripped = [cell.strip() for cell in cells]
    if not any(stripped):
        return None
    surplus = [cell for cell in stripped[len(columns) :] if cell]
    if surplus:
        faults.add(
            name,
            number,
            "",
            f"{len(stripped)} cells in a table of {len(columns)} columns",
            "as many cells as the header; a comma inside a cell (a decimal comma?) must go, or "
            'the cell be put in quotes "..."',
        )
        return None
    if len(stripped) < len(columns):
        faults.add(
            name,
            number,
            columns[len(stripped)],
            f"{len(stripped)} cells in a table of {len(columns)} columns",
            "as many cells as the header; an empty cell still needs its comma",
        )
        return None
    return RawRow(number=number, cells=dict(zip(columns, stripped, strict=False)))
