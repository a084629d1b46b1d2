"""From Bq/ml and counts to SUV by body weight: dose, decay, and Philips' private factors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from lesionscore.dicom import tags
from lesionscore.dicom.body import suvbw_per_unit, weight_kg
from lesionscore.dicom.deidentification import PRIVATE, explain
from lesionscore.dicom.elapsed import check_elapsed, check_half_life
from lesionscore.dicom.header import Header, plain_number
from lesionscore.dicom.injection import dose_bq, half_life_s, injected_at, radiopharmaceutical
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.reference_time import DISAGREE_FRACTION, Reference, start_reference
from lesionscore.dicom.times import local_datetime
from lesionscore.dicom.timing import SeriesTimes, decay, read_timing
from lesionscore.dicom.units import stored_suv_type, units_of
from lesionscore.errors import SuvError

PHILIPS = "Philips PET Private Group"
PHILIPS_GROUP, SUV_FACTOR, ACTIVITY_FACTOR = 0x7053, 0x00, 0x09


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFactor:
    """SUVbw per unit of one slice's rescaled value, the rule and the reference time."""

    value: float
    rule: str
    reference: datetime | None = None


def slice_factor(header: Header, series: SeriesTimes, notes: Notes) -> SliceFactor:
    """SUVbw per unit of one slice's rescaled value.

    Raises
    ------
    SuvError
        If the header does not say how.
    """
    units, suv_type = units_of(header)
    if units == "CNTS":
        return philips_factor(header, series, notes)
    if units == "BQML":
        factor = activity_factor(header, series, notes)
        return SliceFactor(
            value=factor.value, rule=f"BQML/{factor.rule}", reference=factor.reference
        )
    kind = stored_suv_type(units, suv_type, notes)
    rule = f"{units}/{kind}"
    return SliceFactor(value=suvbw_per_unit(kind, header, notes), rule=rule)


def philips_private(header: Header, element: int) -> float | None:
    """Give a factor of Philips' private group; None if absent or zero."""
    found = header.private(PHILIPS_GROUP, element, PHILIPS)
    if found is None and header.code(tags.MANUFACTURER).startswith("PHILIPS"):
        found = header.unclaimed_private(PHILIPS_GROUP, element)
    number = plain_number(found)
    return number if number is not None and number > 0 else None


def philips_factor(header: Header, series: SeriesTimes, notes: Notes) -> SliceFactor:
    """SUVbw per count of a Philips PET in CNTS.

    Raises
    ------
    SuvError
        If neither private factor can be used.

    Notes
    -----
    IBSI-SUV: the activity factor (7053,xx09) first, then as BQML; else the SUV factor
    (7053,xx00), unless nothing was decay corrected. QIBA: the other way round. Where both are
    there, they are held against each other.
    """
    suv, activity = philips_private(header, SUV_FACTOR), philips_private(header, ACTIVITY_FACTOR)
    undecayed = header.code(tags.DECAY_CORRECTION) == "NONE"
    direct = None if suv is None or undecayed else SliceFactor(value=suv, rule="CNTS/SUV factor")
    if activity is None and direct is None:
        raise SuvError(
            "Units (0054,1001) are CNTS, and neither of Philips' private factors can be used: "
            f"SUV Scale Factor (7053,xx00) is {suv or 'missing or zero'}"
            f"{' but nothing is decay corrected' if suv and undecayed else ''}, Activity "
            "Concentration Scale Factor (7053,xx09) is missing or zero. Counts have no SUV."
            + explain(header, PRIVATE)
        )
    if direct is not None and (activity is None or notes.is_strict):
        return direct
    assert activity is not None
    try:
        decayed = activity_factor(header, series, notes)
    except SuvError as exc:
        if direct is None:
            raise
        notes.add(
            "philips_suv_factor_used",
            "SUV from Philips' activity factor (7053,xx09) cannot be worked out, so the SUV "
            f"factor (7053,xx00) was used: {exc}",
        )
        return direct
    value = activity * decayed.value
    if direct is not None and abs(direct.value / value - 1) > DISAGREE_FRACTION:
        notes.add(
            "philips_factors_disagree",
            f"Philips' SUV factor (7053,xx00) would change SUV by "
            f"{100 * (direct.value / value - 1):+.1f} % against the activity factor (7053,xx09), "
            "which was used",
        )
    return SliceFactor(
        value=value, rule=f"CNTS/activity factor/{decayed.rule}", reference=decayed.reference
    )


def activity_factor(header: Header, series: SeriesTimes, notes: Notes) -> SliceFactor:
    """SUVbw per Bq/ml of one slice: weight over the dose, decayed to the image's reference time.

    Raises
    ------
    SuvError
        If weight, dose, or what the decay needs is missing.
    """
    weight = weight_kg(header, notes)
    item = radiopharmaceutical(header, notes)
    dose = dose_bq(item, notes)
    correction = header.code(tags.DECAY_CORRECTION)
    if not correction and header.code(tags.DECAY_CORRECTED):
        correction = "ENHANCED"
    if correction == "ADMIN":
        return SliceFactor(value=weight * 1000.0 / dose, rule="ADMIN")
    half_life = half_life_s(item)
    reference = reference_of(correction, header, half_life, series, notes)
    injected = injected_at(item, reference.time, half_life, notes)
    elapsed = (reference.time - injected).total_seconds()
    check_elapsed(elapsed, half_life, _end_s(header, half_life, injected), notes)
    check_half_life(item, half_life, elapsed, notes)
    decayed = dose * decay(elapsed, half_life)
    value = weight * 1000.0 / decayed if decayed > 0 else math.inf
    if not (math.isfinite(value) and value > 0):
        raise SuvError(
            f"the dose has decayed for {elapsed / half_life:.0f} half-lives before the scan; one "
            "of injection time, scan time and half-life is wrong"
        )
    return SliceFactor(value=value, rule=f"{correction}:{reference.rule}", reference=reference.time)


def _end_s(header: Header, half_life: float, injected: datetime) -> float | None:
    """Seconds from the injection to the end of a slice's frame; None if the header does not say."""
    timing = read_timing(header, half_life)
    if timing.acquired is None:
        return None
    begin = (timing.acquired - injected).total_seconds()
    return begin + (timing.duration_s or 0.0)


def reference_of(
    correction: str, header: Header, half_life: float, series: SeriesTimes, notes: Notes
) -> Reference:
    """Give the time to which a slice's activity is decay corrected, or at which it was measured.

    Raises
    ------
    SuvError
        If the header does not say.
    """
    if correction == "START":
        return start_reference(header, read_timing(header, half_life), series, notes)
    if correction == "NONE":
        return average_reference(header, half_life)
    if correction == "ENHANCED":
        return enhanced_reference(header)
    raise SuvError(
        f"Decay Correction (0054,1102) is {correction or 'missing'}; START, ADMIN and NONE are "
        "accepted"
    )


def average_reference(header: Header, half_life: float) -> Reference:
    """When an image without decay correction was measured: the frame's average activity.

    Raises
    ------
    SuvError
        If the acquisition time or the frame's duration is missing.
    """
    timing = read_timing(header, half_life)
    if timing.acquired is None or timing.average_s is None:
        what = "Acquisition Time (0008,0032)" if timing.acquired is None else ""
        raise SuvError(
            "Decay Correction (0054,1102) is NONE and "
            f"{what or 'Actual Frame Duration (0018,1242)'} is missing: when the activity was "
            "measured cannot be known." + explain(header, tags.ACQUISITION_TIME)
        )
    return Reference(
        time=timing.acquired + timedelta(seconds=timing.average_s), rule="average_activity"
    )


def enhanced_reference(header: Header) -> Reference:
    """Give the reference time of Enhanced PET: the correction's own time, or the frame's.

    Raises
    ------
    SuvError
        If it is missing.

    References
    ----------
    .. [1] PS3.3 C.8.22, Decay Corrected (0018,9758); IBSI-SUV 3.0, Enhanced PET.
    """
    if header.code(tags.DECAY_CORRECTED) == "YES":
        tag, rule = tags.DECAY_CORRECTION_DATETIME, "decay_correction_datetime"
    else:
        tag, rule = tags.FRAME_REFERENCE_DATETIME, "frame_reference_datetime"
    when = local_datetime(header, tag)
    if when is None:
        raise SuvError(
            f"Decay Corrected (0018,9758) is {header.code(tags.DECAY_CORRECTED)}, but "
            f"({tag >> 16:04X},{tag & 0xFFFF:04X}) with its time is missing."
            + explain(header, tags.ACQUISITION_TIME)
        )
    return Reference(time=when, rule=rule)
