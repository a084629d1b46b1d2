"""When each PET image was acquired, what its activity is corrected to, and how headers say so."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np

from phantoms.dicom.headers import DecayCorrection, FrameReference, PetHeader, TimeConvention
from phantoms.dicom.scanners import Vendor
from phantoms.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceTimes:
    """The moments of one image."""

    bed: int
    bed_started: dt.datetime
    """True start of the bed's acquisition."""
    acquired: dt.datetime
    """What Acquisition Date and Time say."""
    reference: dt.datetime | None
    """Moment that the activity is decay-corrected to; None where it is not."""
    frame_reference_ms: float | None
    """What Frame Reference Time says."""
    decay_factor: float | None
    """What Decay Factor says: by how much the counts were raised to the reference."""


def decay_per_s(header: PetHeader) -> float:
    """Decay constant in 1/s."""
    return math.log(2.0) / header.half_life_s


def average_time_s(header: PetHeader) -> float:
    """Time into a frame at which the activity equals the frame's average.

    ``ln(x / (1 - exp(-x))) / lambda`` with ``x = lambda * T``: 59.94 s of 120 s for F-18.
    """
    decay = decay_per_s(header)
    x = decay * header.frame_duration_s
    return math.log(x / -math.expm1(-x)) / decay


def bed_of_slices(image: Image, header: PetHeader) -> list[int]:
    """Bed of every slice of the array, counted from the feet (lowest z) up."""
    matrix = image.mm_from_index
    z_mm = matrix[2, 3] + np.arange(image.array.shape[0]) * matrix[2, 2]
    if header.bed_step_mm is None:
        return [0] * len(z_mm)
    return [int((z - z_mm.min()) // header.bed_step_mm) for z in z_mm]


def slice_times(bed: int, header: PetHeader) -> SliceTimes:
    """Moments of the images of one bed.

    Parameters
    ----------
    bed : int
        0 is the first to be acquired.
    header : PetHeader
        Convention, decay correction and vendor.

    Returns
    -------
    SliceTimes
        The truth and what the header says.
    """
    offset_s = bed * (header.frame_duration_s + header.bed_pause_s)
    bed_started = header.scan_start + dt.timedelta(seconds=offset_s)
    acquired = header.scan_start if header.times is TimeConvention.ONE_TIME else bed_started
    series_reference = header.scan_start
    if header.times is TimeConvention.OWN_BED:
        series_reference = bed_started
    reference = {
        DecayCorrection.START: series_reference,
        DecayCorrection.ADMIN: header.administered,
        DecayCorrection.NONE: None,
    }[header.decay_correction]
    return SliceTimes(
        bed=bed,
        bed_started=bed_started,
        acquired=acquired,
        reference=reference,
        frame_reference_ms=_frame_reference_ms(acquired, series_reference, header),
        decay_factor=_decay_factor(acquired, reference, header),
    )


def _frame_reference_ms(
    acquired: dt.datetime, reference: dt.datetime, header: PetHeader
) -> float | None:
    """Frame Reference Time in the vendor's meaning, or a placeholder."""
    if header.frame_reference is FrameReference.ABSENT:
        return None
    if header.frame_reference is FrameReference.ZERO:
        return 0.0
    since_reference_s = (acquired - reference).total_seconds()
    if header.scanner.vendor is not Vendor.GE:
        since_reference_s += average_time_s(header)
    return 1000.0 * since_reference_s


def _decay_factor(
    acquired: dt.datetime, reference: dt.datetime | None, header: PetHeader
) -> float | None:
    """Decay Factor: from the frame's average activity to the reference."""
    if reference is None:
        return None
    seconds = (acquired - reference).total_seconds() + average_time_s(header)
    return math.exp(decay_per_s(header) * seconds)


def bq_ml_per_suv(times: SliceTimes, header: PetHeader) -> float:
    """Activity that the image holds, Bq/mL, for an SUVbw of 1.

    Parameters
    ----------
    times : SliceTimes
        Moments of the image.
    header : PetHeader
        Dose, half-life and weight: the true ones.

    Returns
    -------
    float
        The dose that is left at the reference, per gram of the body; without decay correction
        the average over the frame.
    """
    decay = decay_per_s(header)
    moment = times.reference or times.bed_started
    left = math.exp(-decay * (moment - header.administered).total_seconds())
    if times.reference is None:
        x = decay * header.frame_duration_s
        left *= -math.expm1(-x) / x
    return header.injected_dose_bq * left / (header.visit.patient.weight_kg * 1000.0)
