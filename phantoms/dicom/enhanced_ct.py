"""An enhanced CT image made from single frames."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

from phantoms.dicom.elements import sequence
from phantoms.dicom.functional_groups import frame_groups, multiframe_base, shared_geometry
from phantoms.dicom.headers import CtHeader
from phantoms.dicom.uids import uid_from


def enhanced_ct(frames: Sequence[Dataset], header: CtHeader) -> Dataset:
    """Make an enhanced CT image.

    Parameters
    ----------
    frames : sequence of Dataset
        Single-frame CT images of one series.
    header : CtHeader
        Their description.

    Returns
    -------
    Dataset
        One multi-frame image that gives the same HU at the same positions.
    """
    ds = multiframe_base(frames, EnhancedCTImageStorage)
    ds.AcquisitionNumber = 1
    ds.AcquisitionDateTime = f"{header.acquired:%Y%m%d%H%M%S}"
    ds.AcquisitionDuration = 20.0
    ds.PatientPosition = header.patient_position
    ds.MultienergyCTAcquisition = "NO"
    shared = shared_geometry(frames[0], "CTImageFrameTypeSequence")
    _add_acquisition(shared, header, frames[0])
    event = Dataset()
    event.IrradiationEventUID = uid_from(ds.SeriesInstanceUID, "irradiation")
    shared.IrradiationEventIdentificationSequence = sequence(event)
    ds.SharedFunctionalGroupsSequence = sequence(shared)
    per_frame = []
    for number, frame in enumerate(frames, start=1):
        groups = frame_groups(frame, number, "HU")
        started = header.acquired + dt.timedelta(milliseconds=10 * number)
        content = groups.FrameContentSequence[0]
        content.FrameReferenceDateTime = f"{started:%Y%m%d%H%M%S.%f}"
        content.FrameAcquisitionDateTime = f"{started:%Y%m%d%H%M%S.%f}"
        content.FrameAcquisitionDuration = 500.0
        groups.CTPositionSequence = sequence(_position(frame))
        per_frame.append(groups)
    ds.PerFrameFunctionalGroupsSequence = sequence(*per_frame)
    return ds


def _position(frame: Dataset) -> Dataset:
    """Make the table's position of one frame."""
    item = Dataset()
    centre = [float(value) for value in frame.ImagePositionPatient]
    item.TablePosition = centre[2]
    item.DataCollectionCenterPatient = [0.0, 0.0, centre[2]]
    item.ReconstructionTargetCenterPatient = [0.0, 0.0, centre[2]]
    return item


def _add_acquisition(shared: Dataset, header: CtHeader, first: Dataset) -> None:
    """Add how the frames were acquired and reconstructed."""
    acquisition = Dataset()
    acquisition.AcquisitionType = "SPIRAL"
    acquisition.ConstantVolumeFlag = "NO"
    acquisition.FluoroscopyFlag = "NO"
    acquisition.RevolutionTime = header.exposure_time_ms / 1000.0
    acquisition.SingleCollimationWidth = 0.6
    acquisition.TotalCollimationWidth = 38.4
    acquisition.TableSpeed = 60.0
    acquisition.TableFeedPerRotation = 30.0
    acquisition.SpiralPitchFactor = 0.8
    acquisition.TableHeight = 161.5
    acquisition.GantryDetectorTilt = "0"
    acquisition.DataCollectionDiameter = "500"
    acquisition.RotationDirection = "CW"
    shared.CTAcquisitionTypeSequence = sequence(
        _picked(acquisition, "AcquisitionType ConstantVolumeFlag FluoroscopyFlag")
    )
    shared.CTAcquisitionDetailsSequence = sequence(
        _picked(
            acquisition,
            "RotationDirection RevolutionTime SingleCollimationWidth TotalCollimationWidth "
            "TableHeight GantryDetectorTilt DataCollectionDiameter",
        )
    )
    shared.CTTableDynamicsSequence = sequence(
        _picked(acquisition, "TableSpeed TableFeedPerRotation SpiralPitchFactor")
    )
    geometry = Dataset()
    geometry.DistanceSourceToDetector = "1085.6"
    geometry.DistanceSourceToDataCollectionCenter = 595.0
    shared.CTGeometrySequence = sequence(geometry)
    reconstruction = Dataset()
    reconstruction.ReconstructionAlgorithm = "FILTER_BACK_PROJ"
    reconstruction.ConvolutionKernel = header.kernel or header.scanner.bone_kernel
    reconstruction.ConvolutionKernelGroup = "BONE"
    reconstruction.ReconstructionDiameter = first.ReconstructionDiameter
    reconstruction.ReconstructionPixelSpacing = first.PixelSpacing
    reconstruction.ReconstructionAngle = 360.0
    reconstruction.ImageFilter = "NONE"
    shared.CTReconstructionSequence = sequence(reconstruction)
    exposure = Dataset()
    exposure.ExposureTimeInms = float(header.exposure_time_ms)
    exposure.XRayTubeCurrentInmA = float(header.tube_current_ma)
    exposure.ExposureInmAs = header.tube_current_ma * header.exposure_time_ms / 1000.0
    exposure.ExposureModulationType = "NONE"
    exposure.CTDIvol = 3.1
    shared.CTExposureSequence = sequence(exposure)
    beam = Dataset()
    beam.KVP = str(header.kvp)
    beam.FocalSpots = "1.2"
    beam.FilterType = "FLAT"
    beam.FilterMaterial = "ALUMINUM"
    shared.CTXRayDetailsSequence = sequence(beam)


def _picked(source: Dataset, keywords: str) -> Dataset:
    """Copy some elements."""
    item = Dataset()
    for keyword in keywords.split():
        setattr(item, keyword, source[keyword].value)
    return item
