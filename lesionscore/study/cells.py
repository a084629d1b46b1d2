"""One cell to one value, or a fault that says what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path

from lesionscore.protocol.checks import did_you_mean
from lesionscore.study.faults import FaultKind, FaultList, quoted
from lesionscore.study.table import RawRow

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
SERIAL_DATE = re.compile(r"\d{5}(\.\d+)?", re.ASCII)
IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows no file
YEARS = range(1990, 2101)
LISTED = 12  # names that a message lists
EXCEL_EPOCH = date(1899, 12, 30)


def nearest(word: str, accepted: Sequence[str]) -> str:
    """Say what is accepted, the nearest first asked for."""
    more = f" and {len(accepted) - LISTED} more" if len(accepted) > LISTED else ""
    return f"{did_you_mean(word, accepted)}one of {', '.join(accepted[:LISTED])}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The cells of one row, read with their faults noted.

    Every reader returns None for an empty cell and for one with a fault; only the latter, and an
    empty one that is `needed`, is noted.
    """

    file: str
    row: RawRow
    faults: FaultList

    def raw(self, column: str) -> str:
        """Text of a cell; empty where the table has no such column."""
        return self.row.cells.get(column, "")

    def fault(
        self,
        column: str,
        found: str,
        accepted: str,
        kind: FaultKind = FaultKind.TABLE,
    ) -> None:
        """Note a fault of this row."""
        self.faults.add(self.file, self.row.number, column, found, accepted, kind)

    def text(self, column: str, *, needed: str = "") -> str | None:
        """Read text as it stands; `needed` says what belongs there if it may not be empty."""
        text = self.raw(column)
        if not text and needed and column in self.row.cells:
            self.fault(column, "an empty cell", needed)
        return text or None

    def identifier(self, column: str) -> str | None:
        """Read a name that may become part of a file name."""
        text = self.text(column, needed="a name")
        if text is None:
            return None
        if not IDENTIFIER.fullmatch(text) or text.endswith("."):
            self.fault(
                column,
                quoted(text),
                "a name of at most 64 of A-Z, a-z, 0-9, '.', '_' and '-' that starts with a "
                "letter, digit or '_' and does not end with '.' (it names files)",
            )
            return None
        if DEVICE.fullmatch(text):
            self.fault(column, quoted(text), "a name that is no device on Windows (it names files)")
            return None
        return text

    def choice(self, column: str, accepted: Sequence[str], *, needed: bool = True) -> str | None:
        """Read one of a closed set of words."""
        text = self.text(column, needed=f"one of {', '.join(accepted)}" if needed else "")
        if text is not None and text not in accepted:
            self.fault(column, quoted(text), nearest(text, accepted))
            return None
        return text

    def number(self, column: str, *, low: float, high: float, what: str) -> float | None:
        """Read a number between two limits, both included."""
        text = self.raw(column)
        if not text:
            return None
        value = self.decimal(column, text, what)
        if value is not None and not low <= value <= high:
            self.fault(column, quoted(text), f"{what} between {low:g} and {high:g}")
            return None
        return None if value is None else float(value)

    def decimal(self, column: str, text: str, what: str) -> Decimal | None:
        """Read digits with a decimal point, exactly."""
        if NUMBER.fullmatch(text):
            return Decimal(text)
        if DECIMAL_COMMA.fullmatch(text):
            accepted = f"{what} with a decimal point: {text.replace(',', '.')}"
            self.fault(column, f"{quoted(text)}, a decimal comma", accepted)
        else:
            accepted = f"{what}, such as 12.5; leave it empty if not known"
            self.fault(column, quoted(self.raw(column)), accepted)
        return None

    def whole(self, column: str, *, low: int, high: int, what: str) -> int | None:
        """Read a whole number between two limits, both included."""
        text = self.raw(column)
        if not text:
            return None
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            self.fault(column, quoted(text), f"{what}, a whole number from {low} to {high}")
            return None
        return int(text)

    def date(self, column: str, *, needed: bool = True) -> date | None:
        """Read an ISO date."""
        text = self.text(column, needed="a date as YYYY-MM-DD" if needed else "")
        if text is None:
            return None
        if ISO_DATE.fullmatch(text):
            try:
                day = date.fromisoformat(text)
            except ValueError:
                self.fault(column, f"{quoted(text)}, a day that does not exist", "YYYY-MM-DD")
                return None
            if day.year in YEARS:
                return day
            years = f"{YEARS.start} to {YEARS.stop - 1}"
            self.fault(column, quoted(text), f"a date as YYYY-MM-DD in the years {years}")
            return None
        if SERIAL_DATE.fullmatch(text):
            day = EXCEL_EPOCH + timedelta(days=int(text.partition(".")[0]))
            self.fault(
                column,
                f"{quoted(text)}, an Excel serial date (of {day} if counted from 1900)",
                "a date as YYYY-MM-DD; format the column as text before saving",
            )
        else:
            self.fault(
                column,
                quoted(text),
                "a date as YYYY-MM-DD (ISO 8601); day and month cannot be told apart otherwise",
            )
        return None

    def path(self, column: str, folder: Path, what: str) -> tuple[Path | None, bool]:
        """Read a path relative to the study folder.

        Returns
        -------
        path : Path or None
            None for an empty cell.
        exists : bool
            Whether it leads somewhere; if not, a fault of kind SCAN is noted.
        """
        text = self.raw(column)
        if not text:
            return None, False
        try:
            path = folder / text
            exists = path.exists()
        except (OSError, ValueError):
            self.fault(column, quoted(text), f"the path of {what}", FaultKind.SCAN)
            return None, False
        if not exists:
            self.fault(
                column,
                f"{quoted(text)}, which leads nowhere{_hint(folder, text)}",
                f"the path of {what}, relative to the study folder; empty if not done",
                FaultKind.SCAN,
            )
        return path, exists


def _hint(folder: Path, text: str) -> str:
    """Name the part of a path that is missing, and a neighbour of like name."""
    if "\\" in text and (folder / text.replace("\\", "/")).exists():
        return " (write / instead of \\)"
    place = folder
    for part in Path(text).parts:
        if not (place / part).exists():
            try:
                names = sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []
            except OSError:
                return ""
            close = get_close_matches(part, names, n=1, cutoff=0.7)
            return (
                f" (did you mean {close[0]!r}?)" if close else f" (no {part!r} in {place.name!r})"
            )
        place = place / part
    return ""


def check_spelling(cells: Cells, column: str, spelt: dict[str, str]) -> None:
    """Refuse two names that differ in capitals alone: on some disks they are one folder."""
    name = cells.raw(column)
    first = spelt.setdefault(name.casefold(), name)
    if name != first:
        cells.fault(column, f"{quoted(name)} beside {quoted(first)}", "one spelling of a name")
