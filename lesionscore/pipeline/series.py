"""Whether the series that ``visits.csv`` names are in their folders; headers alone are read."""

from __future__ import annotations

from pathlib import Path

from lesionscore.dicom.classify import Kind
from lesionscore.dicom.find import SeriesSummary, find_series
from lesionscore.dicom.series import is_named
from lesionscore.errors import DicomError
from lesionscore.study import Study
from lesionscore.study.faults import FaultKind, StudyFault

LISTED = 6


def unknown_series(study: Study) -> tuple[StudyFault, ...]:
    """Give a fault for every series that a row names and that its folder does not hold.

    Parameters
    ----------
    study : Study
        Folders of rows that name no series are not looked into.

    Returns
    -------
    tuple of StudyFault
        In the order of the rows.
    """
    listed: dict[Path, tuple[SeriesSummary, ...]] = {}
    faults = []
    for row in study.visits:
        for kind, path, series in (
            (Kind.CT, row.ct, row.ct_series),
            (Kind.PET, row.pet, row.pet_series),
        ):
            if path is None or series is None:
                continue
            if path not in listed:
                listed[path] = _series_in(path)
            own = [one for one in listed[path] if one.kind == kind]
            if not any(is_named(one, series) for one in own):
                faults.append(_fault(row.row, kind, path, series, own))
    return tuple(faults)


def _series_in(path: Path) -> tuple[SeriesSummary, ...]:
    """List the series of a folder; none where it cannot be searched."""
    try:
        return find_series(path).series
    except DicomError:
        return ()


def _fault(row: int, kind: Kind, path: Path, series: str, own: list[SeriesSummary]) -> StudyFault:
    """Name a series that is not there, and those that are."""
    there = ", ".join(one.series_uid for one in own[:LISTED]) or "empty"
    return StudyFault(
        file="visits.csv",
        row=row,
        column=f"{kind.value}_series",
        found=f"{series!r}, which {path.name} does not hold",
        accepted=f"the Series Instance UID of a {kind.upper()} there ({there})",
        kind=FaultKind.SCAN,
    )
