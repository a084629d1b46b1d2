"""All series of one visit, as they arrive from a scanner: the two that matter among the others."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from phantoms.dicom.companions import Companion, write_companion
from phantoms.dicom.ct import AnyCtFault, write_ct_series
from phantoms.dicom.headers import CtHeader, PetHeader
from phantoms.dicom.pet import AnyPetFault, write_pet_series
from phantoms.dicom.written import WrittenSeries
from phantoms.image import Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrittenVisit:
    """The series of one visit on disk: which to measure, which to pass over."""

    folder: Path
    ct: WrittenSeries
    pet: WrittenSeries | None
    companions: Mapping[Companion, WrittenSeries]
    """To be passed over."""


def write_visit(
    folder: Path,
    ct: Image,
    pet: Image | None,
    ct_header: CtHeader | None = None,
    pet_header: PetHeader | None = None,
    *,
    companions: Collection[Companion] = tuple(Companion),
    ct_faults: Collection[AnyCtFault] = (),
    pet_faults: Collection[AnyPetFault] = (),
    mixed: bool = False,
) -> WrittenVisit:
    """Write a visit's CT and PET with the series that come along.

    Parameters
    ----------
    folder : Path
        Each series gets a folder of its own in it.
    ct, pet : Image
        HU and SUVbw; None where there is no PET.
    ct_header, pet_header : CtHeader, PetHeader, optional
        Descriptions; give both the same `VisitHeader`.
    companions : collection of Companion
        Which other series to write; all when not given.
    ct_faults, pet_faults : collection
        What is wrong with the CT and the PET.
    mixed : bool
        Put all files into one folder, under names that say nothing. Not with containers.

    Returns
    -------
    WrittenVisit
        What was written where.
    """
    ct_header, pet_header = ct_header or CtHeader(), pet_header or PetHeader()
    others = {}
    for companion in companions:
        target = folder / companion.value
        written = write_companion(companion, target, ct, pet, ct_header, pet_header)
        if written is not None:
            others[companion] = written
    series_pet = None
    if pet is not None:
        series_pet = write_pet_series(folder / "pet", pet, pet_header, pet_faults)
    visit = WrittenVisit(
        folder=folder,
        ct=write_ct_series(folder / "ct", ct, ct_header, ct_faults),
        pet=series_pet,
        companions=others,
    )
    return _mixed(visit) if mixed else visit


def _mixed(visit: WrittenVisit) -> WrittenVisit:
    """Move the files of all series into one folder."""
    return replace(
        visit,
        ct=_moved(visit.ct, visit.folder),
        pet=None if visit.pet is None else _moved(visit.pet, visit.folder),
        companions={key: _moved(one, visit.folder) for key, one in visit.companions.items()},
    )


def _moved(series: WrittenSeries, folder: Path) -> WrittenSeries:
    """Move the files of one series, and drop its folder if nothing is left in it."""
    files = []
    for path in series.files:
        words = path.relative_to(folder).as_posix().encode()
        name = f"I{hashlib.sha256(words).hexdigest()[:12].upper()}"
        files.append(path.rename(folder / name))
    if not any(series.folder.iterdir()):
        series.folder.rmdir()
    return replace(series, folder=folder, files=tuple(files))
