"""All DICOM below a path, as slices; what else lies there is named, never a reason to stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lesionscore.dicom import tags
from lesionscore.dicom.classify import DICOMDIR_CLASS
from lesionscore.dicom.slices import Slice, read_slices
from lesionscore.dicom.sources import is_dicom_source, list_sources
from lesionscore.errors import DicomError, Finding, Severity

NAMED_FILES = 5


def read_pile(path: Path) -> tuple[list[Slice], tuple[Finding, ...]]:
    """Read the headers of all DICOM files under a path.

    Parameters
    ----------
    path : Path
        A folder, file, zip archive or DICOMDIR.

    Returns
    -------
    slices : list of Slice
        In order of the files' names.
    findings : tuple of Finding
        ``not_dicom``, ``empty_files``, ``unreadable_files``, ``dicomdir_names_absent_files``.

    Raises
    ------
    DicomError
        If the path leads nowhere.
    """
    slices: list[Slice] = []
    strangers: list[str] = []
    empty: list[str] = []
    damaged: list[str] = []
    absent: list[str] = []
    for source in list_sources(path):
        try:
            if source.size() == 0:
                empty.append(source.name)
            elif not is_dicom_source(source):
                strangers.append(source.name)
            else:
                read = read_slices(source)
                if _is_directory(read[0]):
                    absent.extend(absent_files(read[0]))
                else:
                    slices.extend(read)
        except DicomError as exc:
            damaged.append(str(exc))
    lists = (
        ("not_dicom", "are no DICOM", strangers, Severity.INFO),
        ("empty_files", "are empty", empty, Severity.WARNING),
        ("unreadable_files", "cannot be read", damaged, Severity.WARNING),
        ("dicomdir_names_absent_files", "are named by a DICOMDIR and absent", absent, None),
    )
    return slices, tuple(
        named(code, what, names, severity or Severity.WARNING)
        for code, what, names, severity in lists
        if names
    )


def named(code: str, what: str, names: Sequence[str], severity: Severity) -> Finding:
    """Make a finding that counts files and names the first of them."""
    shown = "; ".join(names[:NAMED_FILES])
    more = f" and {len(names) - NAMED_FILES} more" if len(names) > NAMED_FILES else ""
    return Finding(
        code=code, message=f"{len(names)} files {what}: {shown}{more}", severity=severity
    )


def _is_directory(one: Slice) -> bool:
    """Whether a file is a DICOMDIR."""
    return one.header.text(tags.SOP_CLASS_UID) == DICOMDIR_CLASS or (
        tags.DIRECTORY_RECORD_SEQUENCE in one.file.item
    )


def absent_files(directory: Slice) -> list[str]:
    """Name the files that a DICOMDIR lists and that do not lie below it."""
    source = directory.source
    if source.entry is not None:
        return []
    found = []
    present: dict[Path, set[str]] = {}
    for record in directory.header.items(tags.DIRECTORY_RECORD_SEQUENCE):
        parts = [part for part in record.texts(tags.REFERENCED_FILE_ID) if part]
        if not parts or any(part in (".", "..") or "/" in part for part in parts):
            continue
        listed = source.path.parent.joinpath(*parts)
        if listed.parent not in present:
            present[listed.parent] = names_in(listed.parent)
        if listed.name.upper() not in present[listed.parent]:
            found.append("/".join(parts))
    return found


def names_in(folder: Path) -> set[str]:
    """Names in a folder, in upper case; empty if there is none."""
    try:
        return {path.name.upper() for path in folder.iterdir()}
    except OSError:
        return set()
