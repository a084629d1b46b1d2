"""What de-identification by PS3.15 Annex E takes from a header, with and without options."""

from __future__ import annotations

from pydicom.dataset import Dataset

from phantoms.dicom.elements import code, sequence
from phantoms.dicom.uids import uid_from

BASIC_PROFILE = ("113100", "Basic Application Confidentiality Profile")
OPTIONS = (
    ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
    ("113109", "Retain Device Identity Option"),
    ("113111", "Retain Safe Private Option"),
)
ALWAYS_EMPTIED = ("PatientName", "PatientBirthDate", "AccessionNumber", "ReferringPhysicianName")
ALWAYS_REMOVED = (
    "OtherPatientIDs",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "OperatorsName",
    "InstitutionName",
    "InstitutionAddress",
)
BASIC_EMPTIED = ("StudyDate", "StudyTime", "ContentDate", "ContentTime", "PatientSex", "StudyID")
BASIC_REMOVED = (
    "SeriesDate",
    "SeriesTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "TimezoneOffsetFromUTC",
    "PatientWeight",
    "PatientSize",
    "PatientAge",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "StationName",
    "DeviceSerialNumber",
)
BASIC_REMOVED_FROM_INJECTION = ("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime")
REPLACED_UIDS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
)


def deidentify(ds: Dataset, *, keep: bool) -> None:
    """Take from a dataset what the Basic Profile takes.

    Parameters
    ----------
    ds : Dataset
        One image; changed in place.
    keep : bool
        Whether the options apply that retain patient characteristics, dates, the device and safe
        private elements.
    """
    for keyword in ALWAYS_EMPTIED:
        setattr(ds, keyword, "")
    _remove(ds, ALWAYS_REMOVED)
    for keyword in REPLACED_UIDS:
        if keyword in ds:
            setattr(ds, keyword, uid_from("de-identified", str(getattr(ds, keyword))))
    ds.PatientIdentityRemoved = "YES"
    applied = [BASIC_PROFILE, *(OPTIONS if keep else ())]
    ds.DeidentificationMethod = "PS3.15 Annex E"
    ds.DeidentificationMethodCodeSequence = sequence(
        *(code(value, "DCM", meaning) for value, meaning in applied)
    )
    if keep:
        ds.LongitudinalTemporalInformationModified = "UNMODIFIED"
        return
    for keyword in BASIC_EMPTIED:
        if keyword in ds:
            setattr(ds, keyword, "")
    _remove(ds, BASIC_REMOVED)
    ds.remove_private_tags()
    for item in ds.get("RadiopharmaceuticalInformationSequence", []):
        _remove(item, BASIC_REMOVED_FROM_INJECTION)


def _remove(ds: Dataset, keywords: tuple[str, ...]) -> None:
    """Delete the elements that are there."""
    for keyword in keywords:
        if keyword in ds:
            delattr(ds, keyword)
