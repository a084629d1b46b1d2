"""Members of zip archives, read by their place in the file: no archive is ever unpacked to disk."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from lesionscore.dicom.parse import DEFLATE_LIMIT
from lesionscore.errors import DicomError

SMALLEST_RATIO = 200
"""A member that says it grows more than this is refused as a bomb."""
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
ENCRYPTED = 0x1
STORED, DEFLATED = 0, 8


@dataclass(frozen=True, slots=True, order=True)
class ZipEntry:
    """Where a member stands in its archive, and how it is packed."""

    name: str
    offset: int
    packed: int
    size: int
    method: int
    flags: int


def list_entries(path: Path) -> list[ZipEntry] | None:
    """List an archive's members in order of name; None if the archive cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        return None
    entries = [
        ZipEntry(
            name=info.filename,
            offset=info.header_offset,
            packed=info.compress_size,
            size=info.file_size,
            method=info.compress_type,
            flags=info.flag_bits,
        )
        for info in infos
        if not info.filename.startswith("__MACOSX/")
    ]
    return sorted(entries)


def read_entry(path: Path, entry: ZipEntry, count: int | None = None) -> bytes:
    """Read the first `count` bytes of a member, or all of it.

    Raises
    ------
    DicomError
        If the member is encrypted, packed in an unusual way, damaged, or a bomb.
    """
    if entry.flags & ENCRYPTED:
        raise DicomError(f"{entry.name}: encrypted; unpack the archive with its password")
    if entry.method not in (STORED, DEFLATED):
        raise DicomError(f"{entry.name}: packed by method {entry.method}; deflate is accepted")
    limit = max(DEFLATE_LIMIT, SMALLEST_RATIO * max(entry.packed, 1))
    if entry.size > limit:
        raise DicomError(f"{entry.name}: unpacks to {entry.size} bytes; not unpacked")
    wanted = entry.size if count is None else min(count, entry.size)
    try:
        with path.open("rb") as file:
            file.seek(entry.offset)
            header = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
            file.seek(header[-2] + header[-1], 1)
            if entry.method == STORED:
                return file.read(min(wanted, entry.packed))
            packed = file.read(
                entry.packed if count is None else min(entry.packed, count + count // 1000 + 1024)
            )
    except (OSError, ValueError, struct.error) as exc:
        raise DicomError(f"{entry.name}: the archive cannot be read ({exc})") from exc
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(wanted, 1))
    except zlib.error as exc:
        raise DicomError(f"{entry.name}: the archive is damaged ({exc})") from exc
