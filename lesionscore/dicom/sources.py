"""Where DICOM comes from: folders, single files, zip archives, DICOMDIR; bytes only."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lesionscore.dicom.parse import (
    DEFLATE_LIMIT,
    NeedMoreError,
    ParsedFile,
    looks_like_dicom,
    parse,
)
from lesionscore.errors import DicomError

FIRST_BYTES = 16_384  # holds the whole header of nearly every single-frame file
ZIP_RATIO = 200  # a member that inflates further than this is refused as a bomb
_zip_lock = threading.Lock()


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One file, or one member of a zip archive.

    Parameters
    ----------
    path : Path
        The file, or the archive.
    member : str
        Name within the archive; empty for a plain file.
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What a person is shown: the file's own name."""
        return Path(self.member).name if self.member else self.path.name

    @property
    def folder(self) -> str:
        """The folder, or the archive and the folder within it."""
        if self.member:
            return str(self.path / Path(self.member).parent)
        return str(self.path.parent)

    def size(self) -> int:
        """Bytes of the file, uncompressed.

        Raises
        ------
        DicomError
            If it cannot be read.
        """
        try:
            if not self.member:
                return self.path.stat().st_size
            with _zip_lock, zipfile.ZipFile(self.path) as archive:
                return archive.getinfo(self.member).file_size
        except (OSError, zipfile.BadZipFile, KeyError) as exc:
            raise DicomError(f"{self.name}: cannot be read ({exc})") from exc

    def read(self, count: int | None = None) -> bytes:
        """Read the first `count` bytes, or all of them.

        Raises
        ------
        DicomError
            If it cannot be read, or is a zip bomb.
        """
        try:
            if self.member:
                return self._read_member(count)
            with self.path.open("rb", buffering=0) as file:
                return file.read(-1 if count is None else count) or b""
        except (OSError, zipfile.BadZipFile, KeyError, EOFError, RuntimeError) as exc:
            raise DicomError(f"{self.name}: cannot be read ({exc})") from exc
        except (NotImplementedError, ValueError) as exc:
            raise DicomError(f"{self.name}: cannot be unpacked ({exc})") from exc

    def _read_member(self, count: int | None) -> bytes:
        """Bytes of an archive's member, checked against what they were packed into."""
        import zlib

        with _zip_lock, zipfile.ZipFile(self.path) as archive:
            info = archive.getinfo(self.member)
            limit = max(DEFLATE_LIMIT, ZIP_RATIO * max(info.compress_size, 1))
            if info.file_size > limit:
                raise DicomError(f"{self.name}: unpacks to more than {limit} bytes; not unpacked")
            try:
                with archive.open(info) as file:
                    return file.read(info.file_size if count is None else count)
            except zlib.error as exc:
                raise DicomError(f"{self.name}: the archive is damaged ({exc})") from exc


def read_header(source: Source) -> ParsedFile:
    """Read a file's wanted elements without its pixels.

    Raises
    ------
    DicomError
        If it is no DICOM, or damaged before its pixels.
    """
    count = FIRST_BYTES
    size: int | None = None
    while True:
        data = source.read(count)
        complete = len(data) < count
        if not complete:
            size = source.size() if size is None else size
            complete = len(data) >= size
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
    """Give the file itself, or what a zip archive holds."""
    if not _is_zip(path):
        yield Source(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    except (OSError, zipfile.BadZipFile, ValueError):
        yield Source(path)
        return
    for name in names:
        if not name.startswith("__MACOSX/"):
            yield Source(path, name)


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
