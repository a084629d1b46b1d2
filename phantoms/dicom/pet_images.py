"""The datasets of a PET's images: shared elements, and stored integers made from SUVbw."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage

from phantoms.dicom.elements import (
    add_pixel_layout,
    clock,
    code,
    common_elements,
    date_text,
    sequence,
)
from phantoms.dicom.headers import DecayCorrection, PetHeader, StartTags, TimeConvention
from phantoms.dicom.pet_faults import PetFault
from phantoms.dicom.pet_times import SliceTimes, bed_of_slices, slice_times
from phantoms.dicom.pet_units import stored_per_suv
from phantoms.dicom.plans import SlicePlan
from phantoms.dicom.private import add_private_elements
from phantoms.dicom.scanners import Vendor
from phantoms.dicom.tracers import name_tracer
from phantoms.dicom.uids import decimal_string, decimal_value
from phantoms.dicom.writing import PixelArray
from phantoms.image import Image

LARGEST_STORED = 32767
POSITRON_FRACTION_F18 = "0.9673"
ROUNDING = 0.501  # half a step, and a little for the arithmetic
INTERCEPT_FRACTION = 0.01  # of the slice's maximum, where an intercept is wanted


def pet_template(image: Image, header: PetHeader) -> Dataset:
    """Make the elements that all images of a PET series share."""
    started = header.scan_start
    if header.times is TimeConvention.REWRITTEN:
        started += dt.timedelta(seconds=header.postprocessing_delay_s)
    ds = common_elements(header, "PT", PositronEmissionTomographyImageStorage, started)
    add_pixel_layout(ds, image, header)
    ds.ContentDate, ds.ContentTime = date_text(started), clock(header, started)
    signed = header.scanner.vendor is Vendor.GE
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = int(signed)
    ds.WindowCenter, ds.WindowWidth = "8192", "16384"
    _add_corrections(ds, image, header)
    ds.RadiopharmaceuticalInformationSequence = sequence(_injection(header))
    ds.ActualFrameDuration = round(header.frame_duration_s * 1000)
    ds.PatientOrientationCodeSequence = sequence(_lying(header))
    ds.PatientGantryRelationshipCodeSequence = sequence(_gantry(header))
    if header.timezone_min is not None:
        ds.TimezoneOffsetFromUTC = _zone(header.timezone_min)
    return ds


def _add_corrections(ds: Dataset, image: Image, header: PetHeader) -> None:
    """Add units, corrections and reconstruction."""
    scanner = header.scanner
    corrections = ["NORM", "DTIM", "RADL", "RAN"]
    if header.attenuation_corrected:
        corrections += ["ATTN", "SCAT"]
    if header.decay_correction is not DecayCorrection.NONE:
        corrections.append("DECY")
    ds.CorrectedImage = corrections
    ds.Units = header.units.value
    if header.suv_type.value:
        ds.SUVType = header.suv_type.value
    ds.CountsSource = "EMISSION"
    ds.SeriesType = ["STATIC" if header.bed_step_mm is None else "WHOLE BODY", "IMAGE"]
    ds.NumberOfSlices = image.array.shape[0]
    ds.DecayCorrection = header.decay_correction.value
    ds.RandomsCorrectionMethod = "DLYD"
    ds.ReconstructionMethod = scanner.pet_reconstruction
    ds.ConvolutionKernel = scanner.pet_filter
    ds.CollimatorType = "NONE"
    if header.attenuation_corrected:
        ds.AttenuationCorrectionMethod = scanner.pet_attenuation
        ds.ScatterCorrectionMethod = scanner.pet_scatter


def _lying(header: PetHeader) -> Dataset:
    """Make the code for a patient lying on the back or the belly."""
    item = code("102538003", "SCT", "recumbent")
    lying = (
        ("1240000", "prone") if header.patient_position.endswith("P") else ("40199007", "supine")
    )
    item.PatientOrientationModifierCodeSequence = sequence(code(lying[0], "SCT", lying[1]))
    return item


def _gantry(header: PetHeader) -> Dataset:
    """Make the code for which end of the patient entered the scanner first."""
    if header.patient_position.startswith("FF"):
        return code("102541007", "SCT", "feet-first")
    return code("102540008", "SCT", "headfirst")


def _zone(minutes: int) -> str:
    """Offset from UTC as +HHMM."""
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


def _injection(header: PetHeader) -> Dataset:
    """Make the item of the Radiopharmaceutical Information Sequence."""
    item = Dataset()
    item.RadiopharmaceuticalRoute = "Intravenous route"
    if header.start_tags is not StartTags.DATETIME:
        item.RadiopharmaceuticalStartTime = clock(header, header.administered)
    item.RadionuclideTotalDose = decimal_string(header.injected_dose_bq)
    item.RadionuclideHalfLife = decimal_string(header.half_life_s)
    item.RadionuclidePositronFraction = POSITRON_FRACTION_F18
    if header.start_tags is not StartTags.TIME:
        item.RadiopharmaceuticalStartDateTime = _start_datetime(header)
    item.RadionuclideCodeSequence = sequence(code("77004003", "SCT", "^18^Fluorine"))
    name_tracer(item, header.tracer)
    return item


def _start_datetime(header: PetHeader) -> str:
    """Start of the injection as DT, in the zone asked for."""
    if header.start_zone_min is None:
        return f"{header.administered:%Y%m%d%H%M%S.%f}"
    to_zone = dt.timedelta(minutes=header.start_zone_min - (header.timezone_min or 0))
    return f"{header.administered + to_zone:%Y%m%d%H%M%S.%f}{_zone(header.start_zone_min)}"


class PetEncoder:
    """Turns SUVbw of one slice into stored integers, with a slope of its own.

    Parameters
    ----------
    image : Image
        SUVbw.
    header : PetHeader
        The dialect.
    faults : collection
        `PetFault.INTERCEPT` gives every slice an intercept.

    Attributes
    ----------
    largest_step : float
        Half of the coarsest slope met so far, as SUVbw: the largest rounding of a voxel.
    """

    def __init__(self, image: Image, header: PetHeader, faults: Collection[str] = ()) -> None:
        self.image = image
        self.header = header
        self.has_intercept = PetFault.INTERCEPT in faults
        self.largest_step = 0.0
        beds = bed_of_slices(image, header)
        self.times: list[SliceTimes] = [slice_times(bed, header) for bed in beds]
        self.dtype = np.dtype(np.int16 if header.scanner.vendor is Vendor.GE else np.uint16)

    @property
    def suv_per_unit(self) -> tuple[float, ...]:
        """SUVbw of a rescaled value of 1, by slice of the array."""
        return tuple(1.0 / stored_per_suv(times, self.header) for times in self.times)

    def __call__(self, plan: SlicePlan) -> tuple[PixelArray, Dataset]:
        """Encode one slice."""
        times = self.times[plan.index]
        values = np.maximum(self.image.array[plan.index].astype(np.float64) + plan.offset, 0.0)
        if plan.crop_columns:
            values = values[:, : -plan.crop_columns]
        per_suv = stored_per_suv(times, self.header)
        values *= per_suv
        largest = float(values.max())
        intercept = decimal_value(-INTERCEPT_FRACTION * largest) if self.has_intercept else 0.0
        values -= intercept
        slope = decimal_value((largest - intercept) / LARGEST_STORED) if largest > 0 else 1.0
        if largest > 0:
            self.largest_step = max(self.largest_step, ROUNDING * slope / per_suv)
        stored = np.clip(np.rint(values / slope), 0, LARGEST_STORED).astype(self.dtype)
        return stored, self._own_elements(plan, times, slope, intercept)

    def _own_elements(
        self, plan: SlicePlan, times: SliceTimes, slope: float, intercept: float
    ) -> Dataset:
        """Make the elements that differ from image to image."""
        own = Dataset()
        own.RescaleSlope = decimal_string(slope)
        own.RescaleIntercept = decimal_string(intercept)
        own.AcquisitionDate = date_text(times.acquired)
        own.AcquisitionTime = clock(self.header, times.acquired)
        own.ImageIndex = plan.instance_number
        if times.frame_reference_ms is not None:
            own.FrameReferenceTime = decimal_string(times.frame_reference_ms)
        if times.decay_factor is not None:
            own.DecayFactor = decimal_string(times.decay_factor)
        add_private_elements(own, times, self.header)
        return own
