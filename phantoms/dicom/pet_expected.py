"""The right response to a PET dialect with its faults.

What is harmless in one unit is not in another: a missing dose matters to Bq/mL, not to SUV.
"""

from __future__ import annotations

from collections.abc import Collection

from phantoms.dicom.expected import Expected, Outcome
from phantoms.dicom.headers import (
    DecayCorrection,
    FrameReference,
    PetHeader,
    PetUnits,
    PhilipsFactors,
    SuvType,
    TimeConvention,
)
from phantoms.dicom.pet_faults import PetFault
from phantoms.dicom.scanners import Vendor

MEASURED = Expected()
NEEDS_WEIGHT = {
    PetFault.MISSING_WEIGHT,
    PetFault.ZERO_WEIGHT,
    PetFault.WEIGHT_IN_GRAMS,
    PetFault.WEIGHT_WITH_COMMA,
}
INJECTION_ITEM = {
    PetFault.MISSING_INJECTION,
    PetFault.EMPTY_INJECTION,
    PetFault.TWO_INJECTIONS,
}
NEEDS_DOSE = {PetFault.DOSE_IN_MBQ, PetFault.MISSING_DOSE, PetFault.NEGATIVE_DOSE}
NEEDS_TIMES = {
    PetFault.MISSING_HALF_LIFE,
    PetFault.HALF_LIFE_IN_MINUTES,
    PetFault.HALF_LIFE_OF_GALLIUM,
    PetFault.MISSING_START,
    PetFault.PRIVATE_DATE_SHIFTED,
    PetFault.WRONG_DECAY_FACTOR,
    PetFault.INJECTION_AFTER_SCAN,
    PetFault.START_DATE_SHIFTED,
    PetFault.START_YEARS_OFF,
}


def expected_of_pet(header: PetHeader, faults: Collection[str] = ()) -> tuple[Expected, ...]:
    """Work out the right responses to a dialect and its faults.

    Parameters
    ----------
    header : PetHeader
        The dialect.
    faults : collection
        Those that are no `PetFault` are passed over.

    Returns
    -------
    tuple of Expected
        First the dialect's own, then one per `PetFault`.
    """
    own = [fault for fault in PetFault if fault in faults]
    return (_of_dialect(header), *(_of_fault(header, fault) for fault in own))


def _of_dialect(header: PetHeader) -> Expected:
    """Response to a dialect without faults."""
    if header.units is PetUnits.PROPCNTS:
        return Expected(outcome=Outcome.REFUSED, code="units_not_supported")
    if header.units is PetUnits.CNTS and header.philips_factors is PhilipsFactors.NEITHER:
        return Expected(outcome=Outcome.REFUSED, code="philips_factors_missing")
    if not header.attenuation_corrected:
        return Expected(outcome=Outcome.REFUSED, code="not_attenuation_corrected")
    if header.suv_type in (SuvType.LBM, SuvType.LBMJAMES128, SuvType.LBMJANMA, SuvType.IBW):
        if header.visit.patient.sex.value == "O":
            return Expected(outcome=Outcome.FOUND_OR_REFUSED, code="sex_other")
        return MEASURED
    if _reference_is_guesswork(header):
        return Expected(outcome=Outcome.NOT_SILENT, code="reference_time_doubt")
    if _is_told_by_decay_factor_alone(header):
        return Expected(outcome=Outcome.FOUND_OR_REFUSED, code="reference_time_doubt")
    if header.times is TimeConvention.OWN_BED and needs_times(header):
        return Expected(outcome=Outcome.FOUND, code="reference_time_doubt")
    return MEASURED


def needs_times(header: PetHeader) -> bool:
    """Whether the SUV depends on when the tracer was injected and the image acquired."""
    if header.units is PetUnits.CNTS:
        activity = header.philips_factors is PhilipsFactors.ACTIVITY_ONLY
        return activity and header.decay_correction is not DecayCorrection.ADMIN
    return header.units is PetUnits.BQML and header.decay_correction is not DecayCorrection.ADMIN


def _reference_is_guesswork(header: PetHeader) -> bool:
    """Whether neither a private element, Series Time nor Frame Reference Time can be trusted."""
    rewritten = header.times in (TimeConvention.REWRITTEN, TimeConvention.OWN_BED)
    return rewritten and _lacks_frame_reference(header)


def _is_told_by_decay_factor_alone(header: PetHeader) -> bool:
    """Whether the beds' common reference cannot be told from references of their own."""
    several_beds = header.times is TimeConvention.SERIES and header.bed_step_mm is not None
    return several_beds and _lacks_frame_reference(header)


def _lacks_frame_reference(header: PetHeader) -> bool:
    """Whether the reference must be found without private elements and Frame Reference Time."""
    if not needs_times(header) or header.decay_correction is not DecayCorrection.START:
        return False
    vendor = header.scanner.vendor
    if header.private_times and vendor in (Vendor.SIEMENS, Vendor.GE):
        return False
    return header.frame_reference is not FrameReference.VENDOR


def _of_fault(header: PetHeader, fault: PetFault) -> Expected:
    """Response to one fault in this dialect."""
    in_suv = header.units in (PetUnits.GML, PetUnits.CM2ML)
    suv_factor = header.units is PetUnits.CNTS and header.philips_factors in (
        PhilipsFactors.BOTH,
        PhilipsFactors.SUV_ONLY,
    )
    if fault in NEEDS_DOSE | NEEDS_TIMES | INJECTION_ITEM:
        if in_suv or (suv_factor and header.philips_factors is PhilipsFactors.SUV_ONLY):
            return MEASURED
        if suv_factor:
            return Expected(outcome=Outcome.FOUND_OR_REFUSED, code=fault.code)
    if fault in NEEDS_TIMES and header.decay_correction is DecayCorrection.ADMIN:
        return MEASURED
    if (
        fault in NEEDS_WEIGHT
        and header.suv_type in (SuvType.ABSENT, SuvType.BW)
        and (header.units is PetUnits.GML or suv_factor)
    ):
        return Expected(outcome=Outcome.FOUND_OR_REFUSED, code=fault.code)
    if fault is PetFault.MISSING_SIZE and _needs_size(header):
        return Expected(outcome=Outcome.REFUSED, code="size_missing")
    if (
        fault is PetFault.MISSING_SEX
        and _needs_size(header)
        and (header.units is not PetUnits.CM2ML)
    ):
        return Expected(outcome=Outcome.REFUSED, code="sex_missing")
    if fault is PetFault.MISSING_FRAME_DURATION and _needs_duration(header):
        return Expected(outcome=Outcome.REFUSED, code="frame_duration_missing")
    return fault.expected


def _needs_size(header: PetHeader) -> bool:
    """Whether the values are normalised by something that is made from size and weight."""
    by_weight = header.suv_type in (SuvType.ABSENT, SuvType.BW)
    return header.units is PetUnits.CM2ML or (header.units is PetUnits.GML and not by_weight)


def _needs_duration(header: PetHeader) -> bool:
    """Whether the length of the frame is needed to find the reference."""
    if not needs_times(header):
        return False
    return header.decay_correction is DecayCorrection.NONE or _must_work_back(header)


def _must_work_back(header: PetHeader) -> bool:
    """Whether the reference follows from Frame Reference Time alone."""
    vendor = header.scanner.vendor
    if vendor is Vendor.GE or (header.private_times and vendor is Vendor.SIEMENS):
        return False
    return header.times in (TimeConvention.REWRITTEN, TimeConvention.OWN_BED)
