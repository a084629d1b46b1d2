"""Instances of a visit that are no measurable images: the dose report and a screenshot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, SecondaryCaptureImageStorage, XRayRadiationDoseSRStorage

from phantoms.dicom.elements import clock, code, common_elements, date_text, sequence
from phantoms.dicom.headers import CtHeader, TransferSyntax
from phantoms.dicom.uids import decimal_string, uid_from
from phantoms.dicom.writing import save
from phantoms.dicom.written import WrittenSeries
from phantoms.image import Image

IMAGE_ONLY = ("ImageType", "FrameOfReferenceUID", "PositionReferenceIndicator", "BodyPartExamined")


def write_dose_report(folder: Path, ct: Image, header: CtHeader) -> WrittenSeries:
    """Write a radiation dose report, a structured report without pixels.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    ct : Image
        The CT that it speaks of.
    header : CtHeader
        Its description.

    Returns
    -------
    WrittenSeries
        One file.
    """
    header = replace(header, series_number=501, series_description="Dose Report")
    ds = _instance(header, "SR", XRayRadiationDoseSRStorage)
    for keyword in IMAGE_ONLY:
        delattr(ds, keyword)
    ds.ValueType = "CONTAINER"
    ds.ContinuityOfContent = "SEPARATE"
    ds.CompletionFlag = "COMPLETE"
    ds.VerificationFlag = "UNVERIFIED"
    ds.PerformedProcedureCodeSequence = sequence()
    ds.ReferencedPerformedProcedureStepSequence = sequence()
    ds.ConceptNameCodeSequence = sequence(code("113701", "DCM", "X-Ray Radiation Dose Report"))
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "10011"
    ds.ContentTemplateSequence = sequence(template)
    length_mm = ct.array.shape[0] * ct.spacing_xyz_mm[2]
    ds.ContentSequence = sequence(
        _number("113813", "CT Dose Length Product Total", 3.1 * length_mm / 10.0, "mGy.cm")
    )
    return _written(ds, folder, ct, header)


def _number(value: str, meaning: str, amount: float, unit: str) -> Dataset:
    """Make a content item that holds a number."""
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "NUM"
    item.ConceptNameCodeSequence = sequence(code(value, "DCM", meaning))
    measured = Dataset()
    measured.NumericValue = decimal_string(round(amount, 2))
    measured.MeasurementUnitsCodeSequence = sequence(code(unit, "UCUM", unit))
    item.MeasuredValueSequence = sequence(measured)
    return item


def write_screenshot(folder: Path, ct: Image, header: CtHeader) -> WrittenSeries:
    """Write a colour picture as a secondary capture; see `write_dose_report`."""
    header = replace(
        header,
        series_number=999,
        series_description="Fused screenshot",
        image_type=("DERIVED", "SECONDARY"),
    )
    ds = _instance(header, "OT", SecondaryCaptureImageStorage)
    for keyword in IMAGE_ONLY[1:]:
        delattr(ds, keyword)
    middle = ct.array[ct.array.shape[0] // 2].astype(np.float32)
    grey = np.clip((middle + 300.0) * 255.0 / 1500.0, 0, 255).astype(np.uint8)
    colour = np.stack([grey, grey // 2, 255 - grey], axis=-1)
    ds.ConversionType = "WSD"
    ds.PatientOrientation = ""
    ds.Laterality = ""
    ds.SamplesPerPixel = 3
    ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = "RGB"
    ds.Rows, ds.Columns = grey.shape
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelRepresentation = 0
    ds.BurnedInAnnotation = "NO"
    content = colour.tobytes()
    ds.PixelData = content + b"\0" * (len(content) % 2)
    ds["PixelData"].VR = "OB"
    return _written(ds, folder, ct, header)


def _instance(header: CtHeader, modality: str, sop_class: UID) -> Dataset:
    """Make the elements that any instance of the visit has."""
    ds = common_elements(header, modality, sop_class, header.acquired)
    ds.SOPInstanceUID = uid_from(ds.SeriesInstanceUID, "only instance")
    ds.InstanceNumber = 1
    ds.ContentDate, ds.ContentTime = date_text(header.acquired), clock(header, header.acquired)
    return ds


def _written(ds: Dataset, folder: Path, ct: Image, header: CtHeader) -> WrittenSeries:
    """Save the one instance of a series."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ds.Modality}{header.series_number:03d}.dcm"
    save(ds, path, TransferSyntax.EXPLICIT_LITTLE)
    uid = str(ds.SeriesInstanceUID)
    return WrittenSeries(folder=folder, files=(path,), series_uid=uid, image=ct)
