"""The other series that come with a visit's CT and PET, and must be passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from phantoms.dicom.arrangement import Arrangement
from phantoms.dicom.ct import write_ct_series
from phantoms.dicom.headers import CtHeader, PetHeader, Tracer
from phantoms.dicom.pet import write_pet_series
from phantoms.dicom.reports import write_dose_report, write_screenshot
from phantoms.dicom.written import WrittenSeries
from phantoms.image import Image

THICK_SLICES = 3
NOT_CORRECTED_FRACTION = 0.35  # of the true uptake, about what attenuation leaves of the trunk


class Companion(StrEnum):
    """A series beside the ones to be measured."""

    SCOUT = "scout"
    """The topogram: one coronal projection."""
    SOFT_THIN = "soft_thin"
    """The same CT in a soft-tissue kernel."""
    SOFT_THICK = "soft_thick"
    """A CT in a soft-tissue kernel, three times as thick."""
    PARTIAL = "partial"
    """A thin CT in the bone kernel of the upper third only."""
    CORONAL = "coronal"
    """Coronal reformats of the CT."""
    NOT_CORRECTED = "not_corrected"
    """PET without attenuation correction."""
    FDG = "fdg"
    """A PET of another tracer."""
    PROJECTION = "projection"
    """Maximum intensity projections of the PET."""
    DOSE_REPORT = "dose_report"
    """The radiation dose as a structured report."""
    SCREENSHOT = "screenshot"
    """A colour picture of a fused slice."""


def write_companion(
    companion: Companion,
    folder: Path,
    ct: Image,
    pet: Image | None,
    ct_header: CtHeader,
    pet_header: PetHeader,
) -> WrittenSeries | None:
    """Write one series that a reader must pass over.

    Parameters
    ----------
    companion : Companion
        Which.
    folder : Path
        Made if it does not exist.
    ct, pet : Image
        The visit's images; without a PET its companions are not written.
    ct_header, pet_header : CtHeader, PetHeader
        Descriptions of the series to be measured.

    Returns
    -------
    WrittenSeries or None
        None where it is a companion of a PET that is not there.
    """
    if companion in _OF_PET:
        if pet is None:
            return None
        return _OF_PET[companion](folder, pet, pet_header)
    return _OF_CT[companion](folder, ct, ct_header)


def _scout(folder: Path, ct: Image, header: CtHeader) -> WrittenSeries:
    """Project the CT from the front."""
    projection = ct.array.mean(axis=1, keepdims=True, dtype=np.float32)
    header = replace(
        header,
        series_number=1,
        series_description="Topogram 0.6 T20f",
        kernel="T20f",
        image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"),
        slice_thickness_mm=0.6,
    )
    image = replace(ct, array=projection)
    return write_ct_series(folder, image, header, [Arrangement.CORONAL_SLICES])


def _soft_thin(folder: Path, ct: Image, header: CtHeader) -> WrittenSeries:
    header = replace(
        header,
        series_number=header.series_number + 10,
        series_description="WB LOW DOSE CT 1.5 SOFT",
        kernel=header.scanner.soft_kernel,
    )
    return write_ct_series(folder, ct, header)


def _soft_thick(folder: Path, ct: Image, header: CtHeader) -> WrittenSeries:
    """Average slices by threes."""
    count = ct.array.shape[0] // THICK_SLICES
    thick = ct.array[: count * THICK_SLICES].reshape(count, THICK_SLICES, *ct.array.shape[1:])
    x, y, z = ct.spacing_xyz_mm
    centre = ct.mm_from_index @ [0.0, 0.0, (THICK_SLICES - 1) / 2.0, 1.0]
    image = Image(
        array=thick.mean(axis=1, dtype=np.float32),
        spacing_xyz_mm=(x, y, z * THICK_SLICES),
        origin_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
        direction=ct.direction,
    )
    header = replace(
        header,
        series_number=header.series_number + 11,
        series_description="WB LOW DOSE CT 5.0 SOFT",
        kernel=header.scanner.soft_kernel,
    )
    return write_ct_series(folder, image, header)


def _partial(folder: Path, ct: Image, header: CtHeader) -> WrittenSeries:
    """Keep the upper third."""
    first = 2 * ct.array.shape[0] // 3
    corner = ct.mm_from_index @ [0.0, 0.0, float(first), 1.0]
    origin = (float(corner[0]), float(corner[1]), float(corner[2]))
    header = replace(
        header,
        series_number=header.series_number + 12,
        series_description="HEAD NECK CT 1.5 BONE",
    )
    return write_ct_series(folder, replace(ct, array=ct.array[first:], origin_mm=origin), header)


def _coronal(folder: Path, ct: Image, header: CtHeader) -> WrittenSeries:
    header = replace(
        header,
        series_number=header.series_number + 13,
        series_description="COR 3 MM BONE",
        image_type=("DERIVED", "SECONDARY", "MPR"),
    )
    return write_ct_series(folder, ct, header, [Arrangement.CORONAL_SLICES])


def _not_corrected(folder: Path, pet: Image, header: PetHeader) -> WrittenSeries:
    header = replace(
        header,
        series_number=header.series_number + 10,
        series_description="PET WB NaF NAC",
        attenuation_corrected=False,
    )
    fainter = replace(pet, array=pet.array.astype(np.float32) * NOT_CORRECTED_FRACTION)
    return write_pet_series(folder, fainter, header)


def _fdg(folder: Path, pet: Image, header: PetHeader) -> WrittenSeries:
    header = replace(
        header,
        series_number=header.series_number + 12,
        series_description="PET WB AC",
        tracer=Tracer.FDG,
        uptake_min=63.0,
    )
    return write_pet_series(folder, pet, header)


def _projection(folder: Path, pet: Image, header: PetHeader) -> WrittenSeries:
    """Project the PET from the front and two sides."""
    front = pet.array.max(axis=1)
    turned = np.stack([front, front[:, ::-1], front], axis=1)
    header = replace(
        header,
        series_number=header.series_number + 11,
        series_description="PET WB NaF MIP",
        image_type=("DERIVED", "SECONDARY", "MIP"),
    )
    return write_pet_series(
        folder, replace(pet, array=turned), header, [Arrangement.CORONAL_SLICES]
    )


_OF_CT: dict[Companion, Callable[[Path, Image, CtHeader], WrittenSeries]] = {
    Companion.SCOUT: _scout,
    Companion.SOFT_THIN: _soft_thin,
    Companion.SOFT_THICK: _soft_thick,
    Companion.PARTIAL: _partial,
    Companion.CORONAL: _coronal,
    Companion.DOSE_REPORT: write_dose_report,
    Companion.SCREENSHOT: write_screenshot,
}
_OF_PET: dict[Companion, Callable[[Path, Image, PetHeader], WrittenSeries]] = {
    Companion.NOT_CORRECTED: _not_corrected,
    Companion.FDG: _fdg,
    Companion.PROJECTION: _projection,
}
