"""CT and PET as one file of many frames: enhanced, or converted from single frames."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedPETImage
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from phantoms.dicom.arrangement import Arrangement
from phantoms.dicom.ct_images import CtEncoder, ct_template
from phantoms.dicom.elements import clock, date_text
from phantoms.dicom.enhanced_ct import enhanced_ct
from phantoms.dicom.enhanced_pet import enhanced_pet
from phantoms.dicom.file_faults import FileFault
from phantoms.dicom.headers import CtHeader, Layout, PetHeader, SeriesHeader
from phantoms.dicom.pet_images import PetEncoder, pet_template
from phantoms.dicom.plans import plan_slices
from phantoms.dicom.uids import uid_from
from phantoms.dicom.writing import assemble, file_meta, save
from phantoms.dicom.written import WrittenSeries
from phantoms.image import Image


def refuse_single_frame_faults(faults: Collection[str]) -> None:
    """Refuse faults that a multi-frame file cannot have here.

    Parameters
    ----------
    faults : collection
        An `Arrangement` or a `FileFault` is fine.

    Raises
    ------
    ValueError
        If there are others.
    """
    others = [fault for fault in faults if not isinstance(fault, Arrangement | FileFault)]
    if others:
        raise ValueError(f"only single-frame series can have these faults: {others}")


def write_multiframe_ct(folder: Path, image: Image, header: CtHeader) -> WrittenSeries:
    """Write a CT as one multi-frame file; see `write_ct_series`."""
    encode = CtEncoder(image, header)
    frames = [assemble(ct_template(image, header), plan, encode) for plan in plan_slices(image)]
    if header.layout is Layout.ENHANCED:
        dataset = enhanced_ct(frames, header)
    else:
        dataset = _converted(frames, header, LegacyConvertedEnhancedCTImage)
    path = _save(dataset, folder, header)
    return WrittenSeries(
        folder=folder, files=(path,), series_uid=str(header.series_uid), image=image
    )


def write_multiframe_pet(folder: Path, image: Image, header: PetHeader) -> WrittenSeries:
    """Write a PET as one multi-frame file; see `write_pet_series`."""
    encode = PetEncoder(image, header)
    plans = plan_slices(image)
    frames = [assemble(pet_template(image, header), plan, encode) for plan in plans]
    if header.layout is Layout.ENHANCED:
        dataset = enhanced_pet(frames, [encode.times[plan.index] for plan in plans], header)
    else:
        dataset = _converted(frames, header, LegacyConvertedEnhancedPETImage)
    path = _save(dataset, folder, header)
    return WrittenSeries(
        folder=folder,
        files=(path,),
        series_uid=str(header.series_uid),
        image=image,
        voxel_step=encode.largest_step,
        suv_per_unit=encode.suv_per_unit,
    )


def _save(dataset: Dataset, folder: Path, header: SeriesHeader) -> Path:
    """Write the one file of a multi-frame series."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{dataset.Modality}{header.series_number:03d}.dcm"
    save(dataset, path, header.transfer_syntax)
    return path


def _converted(frames: list[Dataset], header: SeriesHeader, conversion: Any) -> Dataset:
    """Convert single frames into a legacy converted image that is the same in every run."""
    series_uid = UID(str(frames[0].SeriesInstanceUID))
    for frame in frames:
        syntax = ExplicitVRLittleEndian
        frame.file_meta = file_meta(frame.SOPClassUID, frame.SOPInstanceUID, syntax)
    converted = conversion(
        legacy_datasets=frames,
        series_instance_uid=series_uid,
        series_number=header.series_number,
        sop_instance_uid=uid_from(series_uid, "legacy converted"),
        instance_number=1,
    )
    dataset = Dataset()
    dataset.update(converted)
    del dataset.ReferencedSeriesSequence  # it would name instances that are sent nowhere
    moment = header.visit.started
    dataset.ContentDate = dataset.InstanceCreationDate = date_text(moment)
    dataset.ContentTime = dataset.InstanceCreationTime = clock(header, moment)
    for item in dataset.get("ContributingEquipmentSequence", []):
        item.ContributionDateTime = f"{moment:%Y%m%d%H%M%S}"
    organisation = uid_from(series_uid, "dimensions")
    for item in dataset.get("DimensionOrganizationSequence", []):
        item.DimensionOrganizationUID = organisation
    for item in dataset.get("DimensionIndexSequence", []):
        item.DimensionOrganizationUID = organisation
    return dataset
