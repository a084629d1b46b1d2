"""What can be wrong with a table, collected until everything has been looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lesionscore.errors import StudyError


class FaultKind(StrEnum):
    """What a fault stops."""

    TABLE = "table"
    """The table says something that cannot be: nothing may be computed from it."""
    SCAN = "scan"
    """A scan or mask is not where the table says: that visit or lesion cannot be evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFault:
    """One fault of a study folder.

    Parameters
    ----------
    file : str
        The table's file name.
    row : int or None
        Line in the file; the header is 1. None for a fault of the whole file.
    column : str
        Name of the column, or the key of ``protocol.toml``; empty for a fault of the whole row.
    found : str
        What stands there, in words or quoted.
    accepted : str
        What would be accepted, and what to do.
    kind : FaultKind
        What it stops.
    """

    file: str
    row: int | None
    column: str
    found: str
    accepted: str
    kind: FaultKind = FaultKind.TABLE

    @property
    def message(self) -> str:
        """One line for a person."""
        where = self.file
        if self.row is not None:
            where += f", row {self.row}"
        if self.column:
            where += f", column {self.column}"
        return f"{where}: found {self.found}; accepted: {self.accepted}"


class StudyTablesError(StudyError):
    """Every fault found in the tables of a study folder.

    Parameters
    ----------
    folder : str
        The study folder, or the table read alone.
    faults : tuple of StudyFault
        All of them, by file and row.
    """

    def __init__(self, folder: str, faults: tuple[StudyFault, ...]) -> None:
        self.faults = faults
        counted = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = [f"{folder}: {counted}", *(fault.message for fault in faults)]
        super().__init__("\n".join(lines))


@dataclass(slots=True)
class FaultList:
    """Collects faults while the tables are read."""

    faults: list[StudyFault] = field(default_factory=list)

    def add(
        self,
        file: str,
        row: int | None,
        column: str,
        found: str,
        accepted: str,
        kind: FaultKind = FaultKind.TABLE,
    ) -> None:
        """Note one fault; the same one twice counts once."""
        fault = StudyFault(
            file=file,
            row=row,
            column=_printable(column),
            found=_printable(found),
            accepted=_printable(accepted),
            kind=kind,
        )
        if fault not in self.faults:
            self.faults.append(fault)

    def has(self, file: str, row: int | None, column: str) -> bool:
        """Whether a place has a fault already."""
        return any((f.file, f.row, f.column) == (file, row, column) for f in self.faults)

    def ordered(self) -> tuple[StudyFault, ...]:
        """All faults by file, row and column."""
        return tuple(sorted(self.faults, key=lambda f: (f.file, f.row or 0, f.column, f.found)))


def quoted(text: str) -> str:
    """Quote a cell for a message, shortened where it is long, control characters escaped."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _printable(text: str) -> str:
    """Escape what a terminal would obey rather than show, and shorten what nobody would read."""
    shown = text if len(text) <= 400 else f"{text[:397]}..."
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in shown)
