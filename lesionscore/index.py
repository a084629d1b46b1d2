"""``visits.csv`` from any pile of DICOM, written into a study folder."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from lesionscore.dicom.index import VisitIndex, index_visits
from lesionscore.errors import OutputError
from lesionscore.protocol.protocol import Protocol

COLUMNS = ("patient_id", "visit", "date", "ct", "pet", "ct_series", "pet_series")


def write_visits(
    dicom_dir: Path, study: Path, protocol: Protocol, *, overwrite: bool = False
) -> VisitIndex:
    """Sort a pile of DICOM into patients and visits and write ``visits.csv``.

    Parameters
    ----------
    dicom_dir : Path
        The pile.
    study : Path
        The study folder; made when it is not there. Paths are written relative to it.
    protocol : Protocol
        Its visits and windows.
    overwrite : bool
        Whether a ``visits.csv`` that is there may be replaced.

    Returns
    -------
    VisitIndex
        The rows written, and what was doubtful or left out.

    Raises
    ------
    DicomError
        If the pile is not there.
    OutputError
        If nothing was found, another table is there already, or it cannot be written.
    """
    index = index_visits(dicom_dir, protocol.visits)
    if not index.rows:
        raise OutputError(f"{dicom_dir}: no CT or PET that can be measured, so no visits.csv")
    _check_names(index)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in index.rows:
        table.writerow(
            (
                row.patient_id,
                row.visit,
                row.date.isoformat(),
                _relative(row.ct, study),
                _relative(row.pet, study),
                row.ct_series,
                row.pet_series,
            )
        )
    path = study / "visits.csv"
    if path.exists() and path.read_text(encoding="utf-8") != text.getvalue() and not overwrite:
        raise OutputError(f"{path}: is there already and differs; move it, or use --overwrite")
    try:
        study.mkdir(parents=True, exist_ok=True)
        path.write_text(text.getvalue(), encoding="utf-8")
    except OSError as exc:
        raise OutputError(f"{path}: cannot be written ({exc.strerror})") from exc
    return index


def _check_names(index: VisitIndex) -> None:
    """Refuse paths that no UTF-8 table can hold.

    Raises
    ------
    OutputError
        If a folder's name is not Unicode.
    """
    for row in index.rows:
        for path in (row.ct, row.pet):
            if path is None:
                continue
            try:
                str(path).encode()
            except UnicodeEncodeError as exc:
                raise OutputError(
                    f"{str(path)!a}: the name is not UTF-8 and cannot stand in a table; rename the "
                    "folder"
                ) from exc


def _relative(path: Path | None, study: Path) -> str:
    """A path as the table has it: relative to the study folder, with forward slashes."""
    if path is None:
        return ""
    return Path(os.path.relpath(path.resolve(), study.resolve())).as_posix()
