"""A map of SUVbw as the PET files that a scanner would send, in the dialect asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from phantoms.dicom.arrangement import Arrangement, arranged, patient_position
from phantoms.dicom.expected import Expected, Outcome
from phantoms.dicom.file_faults import FileFault, apply_file_faults
from phantoms.dicom.headers import Layout, PetHeader
from phantoms.dicom.multiframe import refuse_single_frame_faults, write_multiframe_pet
from phantoms.dicom.pet_changes import change_pet_image, change_pet_template
from phantoms.dicom.pet_expected import expected_of_pet
from phantoms.dicom.pet_faults import PetFault
from phantoms.dicom.pet_images import PetEncoder, pet_template
from phantoms.dicom.plans import plan_slices
from phantoms.dicom.series_changes import apply_series_faults
from phantoms.dicom.series_faults import SeriesFault
from phantoms.dicom.writing import write_images
from phantoms.dicom.written import WrittenSeries
from phantoms.image import Image

AnyPetFault = Arrangement | SeriesFault | FileFault | PetFault


def write_pet_series(
    folder: Path,
    image_suvbw: Image,
    header: PetHeader | None = None,
    faults: Collection[AnyPetFault] = (),
) -> WrittenSeries:
    """Write a PET series whose right reading is the given map.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; one file per slice goes into it.
    image_suvbw : Image
        SUV by body weight, g/mL; values below 0 are stored as 0.
    header : PetHeader, optional
        The dialect, and the true dose, times and weight.
    faults : collection of Arrangement, SeriesFault, FileFault, PetFault
        What is odd or wrong; members of other enumerations are refused.

    Returns
    -------
    WrittenSeries
        Files, UID, and what a right reader does with them.

    Raises
    ------
    ValueError
        If a fault is not one of a PET series, or cannot be had in a multi-frame file.
    """
    header = header or PetHeader()
    _check(faults)
    image = arranged(image_suvbw, faults)
    header = replace(header, patient_position=patient_position(faults, header.patient_position))
    if header.layout is not Layout.SINGLE_FRAME:
        refuse_single_frame_faults(faults)
        written = write_multiframe_pet(folder, image, header)
        files = apply_file_faults(folder, written.files, faults)
        return replace(written, files=files, expected=_expected(header, faults))
    template = pet_template(image, header)
    change_pet_template(template, header, faults)
    encode = PetEncoder(image, header, faults)
    paths = write_images(
        folder,
        template,
        apply_series_faults(plan_slices(image), image, faults),
        encode,
        syntax=header.transfer_syntax,
        finish=lambda ds: change_pet_image(ds, header, faults),
    )
    return WrittenSeries(
        folder=folder,
        files=apply_file_faults(folder, paths, faults),
        series_uid=str(header.series_uid),
        image=image,
        expected=_expected(header, faults),
        voxel_step=encode.largest_step,
        suv_per_unit=encode.suv_per_unit,
    )


def _check(faults: Collection[str]) -> None:
    """Refuse what is not a fault of a PET."""
    kinds = Arrangement | SeriesFault | FileFault | PetFault
    strangers = [fault for fault in faults if not isinstance(fault, kinds)]
    if strangers:
        raise ValueError(f"not faults of a PET series: {strangers}")


def _expected(header: PetHeader, faults: Collection[AnyPetFault]) -> tuple[Expected, ...]:
    """Work out what a right reader does with this PET."""
    lossy = Expected(outcome=Outcome.REFUSED, code="lossy_compressed")
    own = [lossy] if header.transfer_syntax.is_lossy else []
    others = [fault.expected for fault in faults if not isinstance(fault, PetFault)]
    return (*own, *expected_of_pet(header, faults), *others)
