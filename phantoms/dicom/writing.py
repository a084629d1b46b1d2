"""From plans to files: one template of elements per series, per image only what differs.

Building a dataset once and copying its elements makes a series of 650 CT slices a matter of
seconds; nothing here knows CT from PET.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from phantoms.dicom.headers import TransferSyntax
from phantoms.dicom.plans import SlicePlan
from phantoms.dicom.uids import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION, decimal_string, uid_from

PixelArray = NDArray[np.uint16] | NDArray[np.int16]
Encoder = Callable[[SlicePlan], tuple[PixelArray, Dataset]]
"""Stored pixels of one image, and the elements that are its own."""

JPEG_LS_NEAR_ERROR = 3
JPEG_2000_RATIO = 12.0


def file_meta(sop_class: UID, sop_instance: UID, syntax: UID) -> FileMetaDataset:
    """Make the file meta information of one file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = sop_instance
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    return meta


def save(dataset: Dataset, path: Path, syntax: TransferSyntax) -> None:
    """Write one dataset with its pixels in the wanted transfer syntax.

    Parameters
    ----------
    dataset : Dataset
        With native little-endian Pixel Data, if any.
    path : Path
        File to write.
    syntax : TransferSyntax
        Encoding of the file.
    """
    compressed = syntax.uid.is_compressed and syntax is not TransferSyntax.DEFLATED
    first = ExplicitVRLittleEndian if compressed else syntax.uid
    dataset.file_meta = file_meta(dataset.SOPClassUID, dataset.SOPInstanceUID, first)
    if compressed:
        _compress(dataset, syntax)
        dataset.file_meta = file_meta(dataset.SOPClassUID, dataset.SOPInstanceUID, syntax.uid)
    if syntax is TransferSyntax.EXPLICIT_BIG and "PixelData" in dataset:
        dataset.PixelData = np.frombuffer(dataset.PixelData, dtype="<u2").byteswap().tobytes()
    dataset.save_as(path, enforce_file_format=True)


def _compress(dataset: Dataset, syntax: TransferSyntax) -> None:
    """Encapsulate the pixels of a dataset in place."""
    options: dict[str, Any] = {}
    if syntax is TransferSyntax.JPEG_LS_NEAR:
        options = {"jls_error": JPEG_LS_NEAR_ERROR}
    elif syntax is TransferSyntax.JPEG_2000_LOSSY:
        options = {"j2k_cr": [JPEG_2000_RATIO]}
    if syntax is TransferSyntax.RLE:
        options = {"encoding_plugin": "pydicom"}
    dataset.compress(syntax.uid, generate_instance_uid=False, **options)
    if syntax.is_lossy:
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionRatio = decimal_string(JPEG_2000_RATIO)
        method = "ISO_14495_1" if syntax is TransferSyntax.JPEG_LS_NEAR else "ISO_15444_1"
        dataset.LossyImageCompressionMethod = method


def assemble(template: Dataset, plan: SlicePlan, encode: Encoder) -> Dataset:
    """Make the dataset of one image.

    Parameters
    ----------
    template : Dataset
        Elements that all images of the series share; it is not changed.
    plan : SlicePlan
        Which image.
    encode : Encoder
        Gives the stored pixels and the image's own elements.

    Returns
    -------
    Dataset
        Ready to be saved; Pixel Data is native little-endian.
    """
    pixels, own = encode(plan)
    dataset = Dataset()
    for element in template:  # copies: setting a value changes an element in place
        dataset.add(copy.copy(element))
    dataset.update(own)
    dataset.SOPInstanceUID = uid_from(template.SeriesInstanceUID, plan.key)
    dataset.InstanceNumber = plan.instance_number
    dataset.ImagePositionPatient = [decimal_string(value) for value in plan.position_mm]
    dataset.ImageOrientationPatient = [decimal_string(value) for value in plan.orientation]
    dataset.SliceLocation = decimal_string(plan.position_mm[2])
    dataset.Rows, dataset.Columns = pixels.shape
    if plan.delay:
        _delay_acquisition(dataset, plan.delay)
    for keyword, value in plan.overrides.items():
        if value is not None:
            setattr(dataset, keyword, value)
        elif keyword in dataset:
            delattr(dataset, keyword)
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def _delay_acquisition(dataset: Dataset, delay: dt.timedelta) -> None:
    """Move Acquisition Date and Time."""
    text = f"{dataset.AcquisitionDate}{str(dataset.AcquisitionTime)[:6]}"
    moment = dt.datetime.strptime(text, "%Y%m%d%H%M%S") + delay
    dataset.AcquisitionDate = f"{moment:%Y%m%d}"
    dataset.AcquisitionTime = f"{moment:%H%M%S}"


def write_images(
    folder: Path,
    template: Dataset,
    plans: Sequence[SlicePlan],
    encode: Encoder,
    *,
    syntax: TransferSyntax,
    finish: Callable[[Dataset], None] | None = None,
) -> list[Path]:
    """Write one file per plan.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    template : Dataset
        Elements that all images share.
    plans : sequence of SlicePlan
        The images, in the order of writing.
    encode : Encoder
        Gives stored pixels and per-image elements.
    syntax : TransferSyntax
        Encoding of the files.
    finish : callable, optional
        Last changes to each image before it is saved.

    Returns
    -------
    list of Path
        The files, named by modality, series and image number, in the order of the plans.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    stem = f"{template.Modality}{int(template.SeriesNumber):03d}"
    for plan in plans:
        dataset = assemble(template, plan, encode)
        if finish is not None:
            finish(dataset)
        path = folder / f"{stem}_{plan.file_stem}.dcm"
        save(dataset, path, syntax)
        paths.append(path)
    return paths
