"""An enhanced PET image made from single frames."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import EnhancedPETImageStorage

from phantoms.dicom.elements import code, sequence
from phantoms.dicom.functional_groups import frame_groups, multiframe_base, shared_geometry
from phantoms.dicom.headers import DecayCorrection, PetHeader, PetUnits, SuvType
from phantoms.dicom.pet_times import SliceTimes, average_time_s

UCUM = {
    (PetUnits.BQML, SuvType.ABSENT): "Bq/ml",
    (PetUnits.GML, SuvType.ABSENT): "g/ml{SUVbw}",
    (PetUnits.GML, SuvType.BW): "g/ml{SUVbw}",
    (PetUnits.GML, SuvType.LBM): "g/ml{SUVlbm}",
    (PetUnits.GML, SuvType.LBMJAMES128): "g/ml{SUVlbm(James128)}",
    (PetUnits.GML, SuvType.LBMJANMA): "g/ml{SUVlbm(Janma)}",
    (PetUnits.GML, SuvType.IBW): "g/ml{SUVibw}",
    (PetUnits.CM2ML, SuvType.ABSENT): "cm2/ml{SUVbsa}",
    (PetUnits.CM2ML, SuvType.BSA): "cm2/ml{SUVbsa}",
}
"""Units of the real world values (PS3.16 CID 84 and 85)."""


def enhanced_pet(
    frames: Sequence[Dataset], times: Sequence[SliceTimes], header: PetHeader
) -> Dataset:
    """Make an enhanced PET image.

    Parameters
    ----------
    frames : sequence of Dataset
        Single-frame PET images of one series.
    times : sequence of SliceTimes
        Moments of the frames.
    header : PetHeader
        Their description; units are one of BQML, GML and CM2ML.

    Returns
    -------
    Dataset
        One multi-frame image that gives the same SUV at the same positions: units in Rescale Type
        and in the real world value mapping, the decay reference in Decay Correction DateTime, or
        per frame where there is no correction.
    """
    ds = multiframe_base(frames, EnhancedPETImageStorage)
    ds.AcquisitionDateTime = f"{header.scan_start:%Y%m%d%H%M%S.%f}"
    ds.AcquisitionDuration = header.frame_duration_s * (1 + max(t.bed for t in times))
    ds.AcquisitionNumber = 1
    ds.PatientOrientationCodeSequence = frames[0].PatientOrientationCodeSequence
    ds.PatientGantryRelationshipCodeSequence = frames[0].PatientGantryRelationshipCodeSequence
    _add_isotope(ds, frames[0])
    _add_acquisition(ds)
    _add_corrections(ds, header, times[0])
    shared = shared_geometry(frames[0], "PETFrameTypeSequence")
    _add_shared(shared, frames[0])
    ds.SharedFunctionalGroupsSequence = sequence(shared)
    ds.PerFrameFunctionalGroupsSequence = sequence(
        *(
            _frame(frame, moments, number, header)
            for number, (frame, moments) in enumerate(zip(frames, times, strict=True), start=1)
        )
    )
    return ds


def _frame(frame: Dataset, moments: SliceTimes, number: int, header: PetHeader) -> Dataset:
    """Make the groups of one frame."""
    groups = frame_groups(frame, number, header.units.value)
    content = groups.FrameContentSequence[0]
    average = moments.bed_started + dt.timedelta(seconds=average_time_s(header))
    content.FrameReferenceDateTime = f"{average:%Y%m%d%H%M%S.%f}"
    content.FrameAcquisitionDateTime = f"{moments.bed_started:%Y%m%d%H%M%S.%f}"
    content.FrameAcquisitionDuration = header.frame_duration_s * 1000.0
    content.TemporalPositionIndex = 1
    factors = Dataset()
    factors.PrimaryPromptsCountsAccumulated = 0
    factors.SliceSensitivityFactor = "1"
    if moments.decay_factor is not None:
        factors.DecayFactor = frame.DecayFactor
    factors.ScatterFractionFactor = "0.35"
    factors.DeadTimeFactor = "1.02"
    groups.PETFrameCorrectionFactorsSequence = sequence(factors)
    groups.PETPositionSequence = sequence(_table(frame))
    mapping = Dataset()
    unit = UCUM[header.units, header.suv_type]
    mapping.MeasurementUnitsCodeSequence = sequence(code(unit, "UCUM", unit))
    mapping.LUTExplanation = unit
    mapping.LUTLabel = header.units.value
    mapping.RealWorldValueFirstValueMapped = 0
    mapping.RealWorldValueLastValueMapped = 32767
    mapping.RealWorldValueIntercept = float(frame.RescaleIntercept)
    mapping.RealWorldValueSlope = float(frame.RescaleSlope)
    groups.RealWorldValueMappingSequence = sequence(mapping)
    return groups


def _table(frame: Dataset) -> Dataset:
    """Make the table's position of one frame."""
    item = Dataset()
    z = float(frame.ImagePositionPatient[2])
    item.TablePosition = z
    item.DataCollectionCenterPatient = [0.0, 0.0, z]
    item.ReconstructionTargetCenterPatient = [0.0, 0.0, z]
    return item


def _add_isotope(ds: Dataset, first: Dataset) -> None:
    """Add what was injected, and when."""
    item = Dataset()
    item.update(first.RadiopharmaceuticalInformationSequence[0])
    item.RadiopharmaceuticalAgentNumber = 1
    item.AdministrationRouteCodeSequence = sequence(code("47625008", "SCT", "Intravenous route"))
    del item.RadiopharmaceuticalRoute
    ds.RadiopharmaceuticalInformationSequence = sequence(item)


def _add_acquisition(ds: Dataset) -> None:
    """Add how counts were taken."""
    ds.CollimatorType = "NONE"
    ds.GantryDetectorTilt = "0"
    ds.GantryDetectorSlew = "0"
    ds.TypeOfDetectorMotion = "STATIONARY"
    ds.TableHeight = "0"
    ds.TableMotion = "STATIC"
    ds.AcquisitionStartCondition = "MANU"
    ds.AcquisitionTerminationCondition = "TIME"
    ds.TerminationTimeThreshold = 1.0
    ds.DetectorGeometry = "CYLINDRICAL_RING"
    ds.TransverseDetectorSeparation = 842.0
    ds.AxialDetectorDimension = 218.0
    ds.ViewCodeSequence = sequence(code("62824007", "SCT", "transverse"))
    ds.CountsSource = "EMISSION"
    ds.CoincidenceWindowWidth = "4.1"
    ds.EnergyWindowRangeSequence = sequence(_energy())


def _energy() -> Dataset:
    """Make the window of photon energies."""
    item = Dataset()
    item.EnergyWindowLowerLimit = "435"
    item.EnergyWindowUpperLimit = "650"
    return item


def _add_corrections(ds: Dataset, header: PetHeader, times: SliceTimes) -> None:
    """Add what was corrected, and to which moment."""
    corrected = header.decay_correction is not DecayCorrection.NONE
    ds.DecayCorrected = "YES" if corrected else "NO"
    if times.reference is not None:
        ds.DecayCorrectionDateTime = f"{times.reference:%Y%m%d%H%M%S.%f}"
    ds.AttenuationCorrected = "YES" if header.attenuation_corrected else "NO"
    ds.ScatterCorrected = ds.AttenuationCorrected
    if header.attenuation_corrected:
        ds.AttenuationCorrectionSource = "CT"
        ds.AttenuationCorrectionTemporalRelationship = "SEQUENTIAL"
        ds.ScatterCorrectionMethod = header.scanner.pet_scatter
    ds.DeadTimeCorrected = "YES"
    ds.GantryMotionCorrected = "NO"
    ds.PatientMotionCorrected = "NO"
    ds.CountLossNormalizationCorrected = "YES"
    ds.RandomsCorrected = "YES"
    ds.RandomsCorrectionMethod = "DLYD"
    ds.NonUniformRadialSamplingCorrected = "YES"
    ds.SensitivityCalibrated = "YES"
    ds.DetectorNormalizationCorrection = "YES"
    ds.TimeOfFlightInformationUsed = "TRUE"


def _add_shared(shared: Dataset, first: Dataset) -> None:
    """Add how the frames were reconstructed."""
    reconstruction = Dataset()
    reconstruction.ReconstructionType = "3D"
    reconstruction.ReconstructionAlgorithm = "OSEM"
    reconstruction.IterativeReconstructionMethod = "YES"
    reconstruction.NumberOfIterations = 4
    reconstruction.NumberOfSubsets = 21
    reconstruction.ReconstructionDiameter = "780"
    shared.PETReconstructionSequence = sequence(reconstruction)
    usage = Dataset()
    usage.RadiopharmaceuticalAgentNumber = 1
    shared.RadiopharmaceuticalUsageSequence = sequence(usage)
    acquisition = Dataset()
    acquisition.TableHeight = 161.5
    acquisition.GantryDetectorTilt = "0"
    acquisition.GantryDetectorSlew = "0"
    acquisition.DataCollectionDiameter = "780"
    shared.PETFrameAcquisitionSequence = sequence(acquisition)
