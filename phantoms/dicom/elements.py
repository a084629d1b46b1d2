"""Elements that every synthetic series shares: patient, study, equipment, pixel layout."""

from __future__ import annotations

import datetime as dt

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID

from phantoms.dicom.headers import SeriesHeader
from phantoms.dicom.scanners import Vendor
from phantoms.dicom.uids import decimal_string
from phantoms.image import Image


def date_text(moment: dt.date) -> str:
    """Date as DA."""
    return f"{moment:%Y%m%d}"


def time_text(moment: dt.datetime, *, fraction: bool = False) -> str:
    """Time of day as TM, to the second, or with the six decimals that Siemens writes."""
    return f"{moment:%H%M%S.%f}" if fraction else f"{moment:%H%M%S}"


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Make one item of a code sequence."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def common_elements(
    header: SeriesHeader, modality: str, sop_class: UID, acquired: dt.datetime
) -> Dataset:
    """Make the elements above the level of the image.

    Parameters
    ----------
    header : SeriesHeader
        Description of the series.
    modality : str
        "CT", "PT" or another defined term.
    sop_class : UID
        What the instances are.
    acquired : datetime
        Start of the series.

    Returns
    -------
    Dataset
        Patient, study, series, frame of reference, equipment and SOP common modules.
    """
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.Modality = modality
    ds.ImageType = list(header.image_type)
    _add_patient(ds, header)
    _add_study(ds, header)
    ds.SeriesInstanceUID = header.series_uid_for(modality)
    ds.SeriesNumber = header.series_number
    ds.SeriesDescription = header.series_description
    ds.SeriesDate = date_text(acquired)
    ds.SeriesTime = clock(header, acquired)
    ds.ProtocolName = "WB_NaF_LowDose"
    ds.BodyPartExamined = "WHOLEBODY"
    ds.OperatorsName = "Attrapsø^Operatør"
    ds.FrameOfReferenceUID = header.visit.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    return ds


def clock(header: SeriesHeader, moment: dt.datetime) -> str:
    """Time as this header's vendor writes it."""
    return time_text(moment, fraction=header.scanner.vendor in (Vendor.SIEMENS, Vendor.UIH))


def _add_patient(ds: Dataset, header: SeriesHeader) -> None:
    """Add who was scanned; names and numbers are bait for a reader that leaks."""
    patient = header.visit.patient
    ds.PatientName = patient.name
    ds.PatientID = patient.patient_id
    ds.PatientBirthDate = date_text(patient.born)
    ds.PatientSex = patient.sex.value
    ds.PatientAge = patient.age_on(header.visit.started.date())
    ds.PatientSize = decimal_string(patient.size_m)
    ds.PatientWeight = decimal_string(patient.weight_kg)
    ds.OtherPatientIDs = patient.hospital_number
    ds.PatientAddress = patient.address
    ds.PatientTelephoneNumbers = patient.phone


def _add_study(ds: Dataset, header: SeriesHeader) -> None:
    """Add the study and the equipment."""
    visit, scanner = header.visit, header.scanner
    ds.StudyInstanceUID = visit.study_uid
    ds.StudyDate = date_text(visit.started)
    ds.StudyTime = clock(header, visit.started)
    ds.StudyID = f"{int(visit.study_uid.split('.')[-1]) % 10**8:08d}"
    ds.AccessionNumber = f"ACC{int(visit.study_uid.split('.')[-1]) % 10**9:09d}"
    ds.StudyDescription = visit.description
    ds.ReferringPhysicianName = "Modelholm^Henviser"
    ds.Manufacturer = scanner.vendor.value
    ds.ManufacturerModelName = scanner.model
    ds.SoftwareVersions = scanner.software
    ds.StationName = scanner.station
    ds.DeviceSerialNumber = scanner.serial_number
    ds.InstitutionName = "Fantomby Sygehus"
    ds.InstitutionAddress = "Attrapvej 1, 0000 Fantomby"


def add_pixel_layout(ds: Dataset, image: Image, header: SeriesHeader) -> None:
    """Add matrix, spacing and thickness; the stored bits are the modality's business."""
    spacing_x, spacing_y, spacing_z = image.spacing_xyz_mm
    thickness = header.slice_thickness_mm
    ds.SliceThickness = decimal_string(spacing_z if thickness is None else thickness)
    ds.PixelSpacing = [decimal_string(spacing_y), decimal_string(spacing_x)]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    _, ds.Rows, ds.Columns = image.array.shape


def sequence(*items: Dataset) -> DicomSequence:
    """Make a sequence of items."""
    return DicomSequence(items)
