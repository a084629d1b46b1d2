"""Functional groups that enhanced CT and PET share."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from phantoms.dicom.elements import code, sequence
from phantoms.dicom.uids import uid_from

KEPT = (
    "SpecificCharacterSet",
    "StudyDate",
    "SeriesDate",
    "ContentDate",
    "StudyTime",
    "SeriesTime",
    "ContentTime",
    "AccessionNumber",
    "Modality",
    "Manufacturer",
    "InstitutionName",
    "InstitutionAddress",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
    "StationName",
    "StudyDescription",
    "SeriesDescription",
    "OperatorsName",
    "ManufacturerModelName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "OtherPatientIDs",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "ProtocolName",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "StudyID",
    "SeriesNumber",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
"""Elements that mean the same above the frames as in a single-frame image."""


def multiframe_base(frames: Sequence[Dataset], sop_class: str) -> Dataset:
    """Make the part of an enhanced image that is above its frames.

    Parameters
    ----------
    frames : sequence of Dataset
        The single-frame images, in the order of the frames to be.
    sop_class : str
        SOP Class UID of the enhanced image.

    Returns
    -------
    Dataset
        With pixels and dimensions, without functional groups.
    """
    first = frames[0]
    ds = Dataset()
    for keyword in KEPT:
        if keyword in first:
            setattr(ds, keyword, first[keyword].value)
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = uid_from(first.SeriesInstanceUID, "enhanced")
    ds.InstanceNumber = 1
    ds.NumberOfFrames = len(frames)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.PixelPresentation = "MONOCHROME"
    ds.VolumetricProperties = "VOLUME"
    ds.VolumeBasedCalculationTechnique = "NONE"
    ds.ContentQualification = "PRODUCT"
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.PresentationLUTShape = "IDENTITY"
    ds.AcquisitionContextSequence = sequence()
    ds.SynchronizationTrigger = "NO TRIGGER"
    ds.AcquisitionTimeSynchronized = "Y"
    ds.SynchronizationFrameOfReferenceUID = uid_from(first.StudyInstanceUID, "clock")
    _add_dimensions(ds)
    ds.PixelData = b"".join(frame.PixelData for frame in frames)
    ds["PixelData"].VR = "OW"
    return ds


def _add_dimensions(ds: Dataset) -> None:
    """Say that frames are ordered by stack and position in it."""
    organisation = uid_from(ds.SeriesInstanceUID, "dimensions")
    item = Dataset()
    item.DimensionOrganizationUID = organisation
    ds.DimensionOrganizationSequence = sequence(item)
    indices = []
    for pointer in ("StackID", "InStackPositionNumber"):
        index = Dataset()
        index.DimensionOrganizationUID = organisation
        index.DimensionIndexPointer = Tag(pointer)
        index.FunctionalGroupPointer = Tag("FrameContentSequence")
        index.DimensionDescriptionLabel = pointer
        indices.append(index)
    ds.DimensionIndexSequence = sequence(*indices)


def shared_geometry(first: Dataset, frame_type_keyword: str) -> Dataset:
    """Make the shared groups of spacing, orientation, anatomy, window and frame type.

    Parameters
    ----------
    first : Dataset
        A single-frame image.
    frame_type_keyword : str
        Sequence that holds the frame type of this modality.

    Returns
    -------
    Dataset
        The item of the Shared Functional Groups Sequence, to be added to.
    """
    groups = Dataset()
    measures = Dataset()
    measures.SliceThickness = first.SliceThickness
    measures.PixelSpacing = first.PixelSpacing
    groups.PixelMeasuresSequence = sequence(measures)
    orientation = Dataset()
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    groups.PlaneOrientationSequence = sequence(orientation)
    anatomy = Dataset()
    anatomy.AnatomicRegionSequence = sequence(code("38266002", "SCT", "Entire body"))
    anatomy.FrameLaterality = "U"
    groups.FrameAnatomySequence = sequence(anatomy)
    window = Dataset()
    window.WindowCenter, window.WindowWidth = first.WindowCenter, first.WindowWidth
    groups.FrameVOILUTSequence = sequence(window)
    frame_type = Dataset()
    frame_type.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    frame_type.PixelPresentation = "MONOCHROME"
    frame_type.VolumetricProperties = "VOLUME"
    frame_type.VolumeBasedCalculationTechnique = "NONE"
    setattr(groups, frame_type_keyword, sequence(frame_type))
    return groups


def frame_groups(frame: Dataset, number: int, rescale_type: str) -> Dataset:
    """Make the groups of one frame: its position, place in the stack and rescaling."""
    groups = Dataset()
    content = Dataset()
    content.StackID = "1"
    content.InStackPositionNumber = number
    content.DimensionIndexValues = [1, number]
    content.FrameAcquisitionNumber = 1
    groups.FrameContentSequence = sequence(content)
    position = Dataset()
    position.ImagePositionPatient = frame.ImagePositionPatient
    groups.PlanePositionSequence = sequence(position)
    rescale = Dataset()
    rescale.RescaleIntercept = frame.RescaleIntercept
    rescale.RescaleSlope = frame.RescaleSlope
    rescale.RescaleType = rescale_type
    groups.PixelValueTransformationSequence = sequence(rescale)
    return groups
