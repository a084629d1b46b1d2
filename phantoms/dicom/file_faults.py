"""What can happen to files on their way: names, containers, foreign and broken files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

import pydicom
from pydicom.fileset import FileSet

from phantoms.dicom.expected import Fault, Outcome
from phantoms.dicom.uids import uid_from

ZIP_DATE = (2021, 3, 16, 12, 0, 0)


class FileFault(Fault):
    """Faults of files and folders, not of what is in them."""

    SHUFFLED_NAMES = "shuffled_names"
    """Names say nothing about the order."""
    NO_EXTENSION = "no_extension"
    """Names have no ending."""
    NESTED_FOLDERS = "nested_folders"
    """The files of one series lie in several folders, some in folders of folders."""
    FOREIGN_FILES = "foreign_files"
    """Notes, a picture, an empty file and a file system's leftovers lie between them."""
    NO_PREAMBLE = "no_preamble"
    """Implicit little endian without preamble and file meta information."""
    UNKNOWN_CHARACTER_SET = "unknown_character_set"
    """Specific Character Set names none that exists; names then are unreadable, and unneeded."""
    TRUNCATED_PIXELS = "truncated_pixels", Outcome.REFUSED, "truncated_file"
    """One file ends in the middle of its pixels."""
    TRUNCATED_HEADER = "truncated_header", Outcome.REFUSED, "truncated_file"
    """One file ends within its header."""
    EMPTY_FILE = "empty_file", Outcome.REFUSED, "missing_slice"
    """One file has no bytes at all, so a slice is missing."""
    DICOMDIR = "dicomdir"
    """A file set with a DICOMDIR, as on a CD."""
    ZIP_ARCHIVE = "zip_archive"
    """All in one zip archive."""


def apply_file_faults(
    folder: Path, files: Sequence[Path], faults: Collection[str]
) -> tuple[Path, ...]:
    """Rename, pack or break files.

    Parameters
    ----------
    folder : Path
        Where they were written.
    files : sequence of Path
        The series, as written.
    faults : collection
        Those that are no `FileFault` are passed over.

    Returns
    -------
    tuple of Path
        The files of the series now; the archive alone where there is one.
    """
    paths = list(files)
    if FileFault.NO_PREAMBLE in faults:
        for path in paths:
            _strip_meta(path)
    if FileFault.UNKNOWN_CHARACTER_SET in faults:
        for path in paths:
            content = path.read_bytes()
            path.write_bytes(content.replace(b"ISO_IR 192", b"ISO_IR 999", 1))
    _break_one(paths, faults)
    if FileFault.SHUFFLED_NAMES in faults:
        paths = [_renamed(path, _scrambled(path) + path.suffix) for path in paths]
    if FileFault.NO_EXTENSION in faults:
        paths = [_renamed(path, path.stem) for path in paths]
    if FileFault.NESTED_FOLDERS in faults:
        paths = [_nested(path, number) for number, path in enumerate(paths)]
    foreign = _add_foreign(folder) if FileFault.FOREIGN_FILES in faults else []
    if FileFault.DICOMDIR in faults:
        paths = _as_file_set(folder, paths)
    if FileFault.ZIP_ARCHIVE in faults:
        paths = [_as_archive(folder, [*paths, *foreign])]
    return tuple(paths)


def _break_one(paths: list[Path], faults: Collection[str]) -> None:
    """Cut or empty the file in the middle of the list."""
    path = paths[len(paths) // 2]
    if FileFault.TRUNCATED_PIXELS in faults:
        content = path.read_bytes()
        lost = min(len(pydicom.dcmread(path).PixelData) // 2, len(content) // 4)
        path.write_bytes(content[:-lost])
    if FileFault.TRUNCATED_HEADER in faults:
        path.write_bytes(path.read_bytes()[:700])
    if FileFault.EMPTY_FILE in faults:
        path.write_bytes(b"")


def _renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


def _scrambled(path: Path) -> str:
    return "I" + hashlib.sha256(path.stem.encode()).hexdigest()[:10].upper()


def _nested(path: Path, number: int) -> Path:
    """Move a file into one of three folders."""
    target = path.parent / ("A", "B/inner", "B")[number % 3]
    target.mkdir(parents=True, exist_ok=True)
    return path.rename(target / path.name)


def _strip_meta(path: Path) -> None:
    """Write a file again as nothing but its elements."""
    ds = pydicom.dcmread(path)
    del ds.file_meta
    ds.preamble = None
    ds.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)


def _add_foreign(folder: Path) -> list[Path]:
    """Put files between that are no DICOM."""
    contents = {
        "README.txt": b"Scans of one visit.\n",
        "preview.png": b"\x89PNG\r\n\x1a\n" + bytes(64),
        ".DS_Store": b"\x00\x00\x00\x01Bud1" + bytes(56),
        "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
        "empty.dcm": b"",
        "short.dcm": b"DICM",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def _as_file_set(folder: Path, paths: Sequence[Path]) -> list[Path]:
    """Move the files into a file set with a DICOMDIR."""
    file_set = FileSet()
    file_set.UID = uid_from("file set", paths[0].name, len(paths))
    file_set.ID = "PHANTOM"
    for path in paths:
        file_set.add(path)
    target = folder / "CD"
    file_set.write(target)
    file_set._stage["t"].cleanup()  # pydicom leaves its temporary folder to the collector
    for path in paths:
        path.unlink()
    _remove_empty_folders(folder)
    return sorted(path for path in target.rglob("*") if path.is_file() and path.name != "DICOMDIR")


def _as_archive(folder: Path, paths: Sequence[Path]) -> Path:
    """Move files, and the DICOMDIR above them if there is one, into one archive."""
    index = folder / "CD" / "DICOMDIR"
    content = sorted([*paths, index] if index.exists() else paths)
    archive = folder / "series.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in content:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_DATE)
            target.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
            path.unlink()
    _remove_empty_folders(folder)
    return archive


def _remove_empty_folders(folder: Path) -> None:
    """Remove folders below `folder` that hold nothing any more."""
    below = [path for path in folder.rglob("*") if path.is_dir()]
    for path in sorted(below, key=lambda path: len(path.parts), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
