"""Names of what can be wrong with the header of a PET, while its voxels stay right."""

from __future__ import annotations

from phantoms.dicom.expected import Fault, Outcome


class PetFault(Fault):
    """Faults of the elements that decide an SUV."""

    MISSING_WEIGHT = "missing_weight", Outcome.REFUSED, "weight_missing"
    """No Patient's Weight (harmless with units that need none)."""
    ZERO_WEIGHT = "zero_weight", Outcome.REFUSED, "weight_missing"
    """A weight of 0 kg."""
    WEIGHT_IN_GRAMS = "weight_in_grams", Outcome.FOUND_OR_REFUSED, "weight_in_grams"
    """The weight times 1000."""
    WEIGHT_WITH_COMMA = "weight_with_comma", Outcome.FOUND_OR_REFUSED, "weight_invalid"
    """A decimal comma, which no number in DICOM may have."""
    MISSING_SIZE = "missing_size"
    """No Patient's Size: needed only for SUV by lean mass, ideal weight or surface."""
    MISSING_SEX = "missing_sex"
    """No Patient's Sex: needed only for SUV by lean mass or ideal weight."""
    DOSE_IN_MBQ = "dose_in_mbq", Outcome.FOUND_OR_REFUSED, "dose_in_mbq"
    """Radionuclide Total Dose in MBq, a million times too small."""
    MISSING_DOSE = "missing_dose", Outcome.REFUSED, "dose_missing"
    """No Radionuclide Total Dose."""
    NEGATIVE_DOSE = "negative_dose", Outcome.REFUSED, "dose_missing"
    """A dose below 0."""
    MISSING_HALF_LIFE = "missing_half_life", Outcome.FOUND_OR_REFUSED, "half_life_missing"
    """No Radionuclide Half Life, although the radionuclide's code says F-18."""
    HALF_LIFE_IN_MINUTES = "half_life_in_minutes", Outcome.NOT_SILENT, "half_life_not_nuclide"
    """109.77 instead of 6586.2."""
    HALF_LIFE_OF_GALLIUM = "half_life_of_gallium", Outcome.REFUSED, "half_life_not_nuclide"
    """Ga-68's half-life beside F-18's code, as after a wrong pick in a list."""
    MISSING_START = "missing_start", Outcome.REFUSED, "injection_time_missing"
    """Neither start time nor start DateTime of the injection."""
    SHORT_START = "short_start"
    """Start of the injection to the minute: HHMM, and a DateTime without seconds."""
    START_DATE_SHIFTED = "start_date_shifted", Outcome.FOUND_OR_REFUSED, "injection_date_shifted"
    """Start DateTime one day after the scan: a date shift that missed one element."""
    START_YEARS_OFF = "start_years_off", Outcome.FOUND_OR_REFUSED, "injection_date_shifted"
    """Start DateTime of another decade."""
    INJECTION_AFTER_SCAN = "injection_after_scan", Outcome.REFUSED, "injection_after_scan"
    """The injection is said to start 20 minutes after the scan, by date and by time."""
    PRIVATE_DATE_SHIFTED = "private_date_shifted", Outcome.FOUND_OR_REFUSED, "reference_time_doubt"
    """The vendor's private decay reference lies a day before every standard date."""
    FDG_TRACER = "fdg_tracer", Outcome.FOUND_OR_REFUSED, "tracer_not_naf"
    """Tracer and code are FDG's."""
    UNNAMED_TRACER = "unnamed_tracer", Outcome.FOUND_OR_REFUSED, "tracer_unknown"
    """Neither name nor code of the tracer."""
    NOT_ATTENUATION_CORRECTED = (
        "not_attenuation_corrected",
        Outcome.REFUSED,
        "not_attenuation_corrected",
    )
    """Corrected Image without ATTN."""
    DECAY_CONTRADICTION = "decay_contradiction", Outcome.FOUND_OR_REFUSED, "decay_contradiction"
    """Decay Correction says START, but Corrected Image has no DECY."""
    MISSING_DECAY_CORRECTION = (
        "missing_decay_correction",
        Outcome.REFUSED,
        "decay_correction_missing",
    )
    """No Decay Correction."""
    MISSING_UNITS = "missing_units", Outcome.REFUSED, "units_missing"
    """No Units."""
    INTERCEPT = "intercept", Outcome.FOUND, "rescale_intercept"
    """An intercept other than 0; slope and intercept together still give the right value."""
    MISSING_FRAME_DURATION = "missing_frame_duration"
    """No Actual Frame Duration: needed only where the reference must be worked back."""
    MISSING_INJECTION = "missing_injection", Outcome.REFUSED, "injection_missing"
    """No Radiopharmaceutical Information Sequence."""
    EMPTY_INJECTION = "empty_injection", Outcome.REFUSED, "injection_missing"
    """A Radiopharmaceutical Information Sequence without an item."""
    TWO_INJECTIONS = "two_injections", Outcome.NOT_SILENT, "several_injections"
    """The sequence has a second item with another dose."""
    MISSING_SERIES_TIME = "missing_series_time"
    """No Series Date and Time: other elements give the reference."""
    WRONG_DECAY_FACTOR = "wrong_decay_factor", Outcome.FOUND, "reference_time_doubt"
    """Decay Factor is that of a reference 10 minutes earlier than all times say."""
    PHILIPS_FACTORS_DISAGREE = (
        "philips_factors_disagree",
        Outcome.NOT_SILENT,
        "philips_factors_disagree",
    )
    """The SUV factor was made with a weight that is 15 % off; the activity factor is right."""
    PHILIPS_SUV_FACTOR_ZERO = "philips_suv_factor_zero"
    """The SUV factor is 0, which means that there is none; the activity factor is right."""
    BASIC_DEIDENTIFICATION = (
        "basic_deidentification",
        Outcome.REFUSED,
        "removed_by_deidentification",
    )
    """PS3.15's Basic Profile without options: no weight, no injection, no times, no private
    elements."""
    CAREFUL_DEIDENTIFICATION = "careful_deidentification"
    """The Basic Profile with the options that keep patient characteristics, dates and safe
    private elements: nothing that an SUV needs is gone."""
