"""Where DICOM comes from: folders, single files, zip archives, DICOMDIR; bytes only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lesionscore.dicom.archive import ZipEntry, list_entries, read_entry
from lesionscore.dicom.parse import NeedMoreError, ParsedFile, looks_like_dicom, parse
from lesionscore.errors import DicomError

FIRST_BYTES = 16_384  # holds the whole header of nearly every single-frame file


@dataclass(frozen=True, slots=True)
class Source:
    """One file, or one member of a zip archive.

    Parameters
    ----------
    path : Path
        The file, or the archive.
    entry : ZipEntry or None
        The member of the archive; None for a plain file.
    """

    path: Path
    entry: ZipEntry | None = None

    @property
    def name(self) -> str:
        """What a person is shown: the file's own name."""
        name = self.path.name if self.entry is None else Path(self.entry.name).name
        return name.encode("utf-8", "replace").decode("utf-8")

    @property
    def folder(self) -> Path:
        """The folder, or the archive and the folder within it."""
        return self.whole_path.parent

    @property
    def whole_path(self) -> Path:
        """The file's path; within an archive, the archive's path and the member's behind it."""
        return self.path if self.entry is None else self.path / self.entry.name

    def size(self) -> int:
        """Bytes of the file, uncompressed.

        Raises
        ------
        DicomError
            If it cannot be read.
        """
        if self.entry is not None:
            return self.entry.size
        try:
            return self.path.stat().st_size
        except OSError as exc:
            raise DicomError(f"{self.name}: cannot be read ({exc.strerror})") from exc

    def read(self, count: int | None = None) -> bytes:
        """Read the first `count` bytes, or all of them.

        Raises
        ------
        DicomError
            If it cannot be read.
        """
        if self.entry is not None:
            return read_entry(self.path, self.entry, count)
        try:
            with self.path.open("rb", buffering=0) as file:
                return file.read(-1 if count is None else count) or b""
        except OSError as exc:
            raise DicomError(f"{self.name}: cannot be read ({exc.strerror})") from exc


def read_header(source: Source) -> ParsedFile:
    """Read a file's wanted elements without its pixels.

    Raises
    ------
    DicomError
        If it is no DICOM, or damaged before its pixels.
    """
    count = FIRST_BYTES
    while True:
        data = source.read(count)
        complete = len(data) < count
        if not complete:
            complete = len(data) >= source.size()
        try:
            return parse(data, complete=complete)
        except NeedMoreError:
            if complete:
                raise DicomError(f"{source.name}: the file ends within its header") from None
        except DicomError as exc:
            raise DicomError(f"{source.name}: {exc}") from exc
        count *= 16


def list_sources(path: Path) -> Iterator[Source]:
    """Every file under a path, in order of name; the members of zip archives among them.

    Parameters
    ----------
    path : Path
        A folder, a file, a zip archive or a DICOMDIR (whose folder is then searched).

    Raises
    ------
    DicomError
        If the path leads nowhere.
    """
    if not path.exists():
        raise DicomError(f"{path}: no such file or folder")
    if path.is_file():
        root = path.parent if path.name.upper() == "DICOMDIR" else path
        if root is path:
            yield from _file_or_members(path)
            return
        path = root
    for folder, folders, names in os.walk(path, followlinks=False):
        folders[:] = sorted(name for name in folders if name != "__MACOSX")
        for name in sorted(names):
            yield from _file_or_members(Path(folder) / name)


def _file_or_members(path: Path) -> Iterator[Source]:
    """Give the file itself, or what a zip archive holds; nothing for pipes and devices."""
    if not path.is_file():
        return
    entries = list_entries(path) if _is_zip(path) else None
    if entries is None:
        yield Source(path)
        return
    for entry in entries:
        yield Source(path, entry)


def _is_zip(path: Path) -> bool:
    """Tell a zip archive by its first bytes."""
    try:
        if not path.is_file():
            return False
        with path.open("rb", buffering=0) as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def is_dicom_source(source: Source) -> bool:
    """Tell from the first bytes whether a file can be DICOM.

    Raises
    ------
    DicomError
        If it cannot be read.
    """
    return looks_like_dicom(source.read(256))
