"""What was read of one lesion at one visit: plain numbers, no voxels.

Records are what scoring, tables and reports work on. A quantity that could not be had is None
beside a status and a reason, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lesionscore.quantities import PositionMm


class ReadingStatus(StrEnum):
    """Whether a lesion could be read on a scan."""

    EVALUABLE = "evaluable"
    """Read; the numbers count."""
    NOT_EVALUABLE = "not_evaluable"
    """A scan is there, but this lesion could not be read on it; the reason says why."""
    MISSING = "missing"
    """No scan, or no usable scan, at this visit."""


class Presence(StrEnum):
    """What is left of a lesion whose place was seen."""

    PRESENT = "present"
    """A lesion with a measured surface."""
    TOO_SMALL = "too_small"
    """Something is left, smaller than can be measured on this scan."""
    ABSENT = "absent"
    """Its place looks like its surroundings: completely healed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionSize:
    """Size of a lesion from its sub-voxel surface on one scan.

    ``_sd`` fields are one standard deviation of the measurement on that scan;
    ``inclusion_correlation`` is the correlation of the error of the longest diameter with the
    error at inclusion (a shared bone map makes both err together).
    """

    longest_diameter_mm: float
    longest_diameter_sd_mm: float
    axial_diameter_mm: float
    axial_diameter_sd_mm: float
    short_axis_mm: float
    axial_area_mm2: float
    axial_area_sd_mm2: float
    volume_ml: float
    volume_sd_ml: float
    inclusion_correlation: float = 0.0
    longest_ends_mm: tuple[PositionMm, PositionMm] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionEdge:
    """Density around the inclusion lesion's surface carried onto one scan, in HU.

    ``rim_hu`` is the mean of the outer shell, ``inner_hu`` of the inner shell, both as measured;
    ``reference_hu`` and ``reference_sd_hu`` describe normal bone of the same bone on the same
    scan, ``drift_hu`` what the scanner added against inclusion. ``rim_hu_change`` and ``rim_z``
    are against inclusion, drift removed; ``rim_z`` is in units of the uncertainty of the change
    (None at inclusion). ``sclerosis_hu`` is the density of the rim beyond the patient's own
    normal bone; ``sclerosis_change_hu`` its change against inclusion with its SD.
    """

    rim_hu: float
    inner_hu: float | None
    reference_hu: float | None
    reference_sd_hu: float | None
    drift_hu: float | None = None
    rim_hu_change: float | None = None
    rim_z: float | None = None
    sclerosis_hu: float | None = None
    sclerosis_change_hu: float | None = None
    sclerosis_change_sd_hu: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRead:
    """What a reader reported of one lesion in place of a measurement; None = not reported.

    A lesion that the reader calls gone is an `ABSENT` reading, not a diameter of 0.
    """

    reader: str
    longest_diameter_mm: float | None = None
    axial_diameter_mm: float | None = None
    short_axis_mm: float | None = None
    axial_area_mm2: float | None = None
    volume_ml: float | None = None
    sclerosis_increased: bool | None = None
    complete: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CtReading:
    """One lesion on one visit's CT.

    Parameters
    ----------
    lesion_id, visit : str
        Whose reading this is.
    status : ReadingStatus
        Whether the numbers count.
    reasons, flags : tuple of str
        Stable codes: why it is not evaluable; doubts that do not stop it.
    presence : Presence or None
        What is left of the lesion; None unless evaluable.
    complete_probability : float or None
        Probability, 0 to 1, that nothing is left.
    size : LesionSize or None
        None unless `presence` is PRESENT.
    estimated_surface_fraction : float or None
        Share, 0 to 1, of the surface where the image shows no edge and prior knowledge
        stands in.
    infill_percent : float or None
        Share of the inclusion lesion's volume that has become bone, in percent.
    registration_error_mm : float or None
        Stated error of the alignment at the lesion; 0 at inclusion.
    measurable_limit_mm : float or None
        Smallest diameter that this scan can measure by the protocol (``MeasurableRule.limit_mm``).
    reader_read : ReaderRead or None
        A reader's values, in place of `size` and `edge`.
    """

    lesion_id: str
    visit: str
    status: ReadingStatus
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    presence: Presence | None = None
    complete_probability: float | None = None
    size: LesionSize | None = None
    edge: LesionEdge | None = None
    mean_hu: float | None = None
    infill_percent: float | None = None
    estimated_surface_fraction: float | None = None
    centre_mm: PositionMm | None = None
    registration_error_mm: float | None = None
    measurable_limit_mm: float | None = None
    reader_read: ReaderRead | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PetReading:
    """One lesion on one visit's PET, in SUV by body weight (g/ml), native voxels.

    ``suv_total_ml`` is the mean times the region's volume. ``suv_max_position_mm`` is the centre
    of the hottest voxel, LPS. ``pet_from_ct_shift_mm`` is the size of the correction of patient
    motion between CT and PET (0 when none was needed).
    """

    lesion_id: str
    visit: str
    status: ReadingStatus
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    suv_max: float | None = None
    suv_peak: float | None = None
    suv_mean: float | None = None
    suv_total_ml: float | None = None
    region_volume_ml: float | None = None
    suv_max_position_mm: PositionMm | None = None
    pet_from_ct_shift_mm: float | None = None
