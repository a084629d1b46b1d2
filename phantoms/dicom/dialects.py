"""The PET dialects by name: each a header made from a base, with what a right reader does.

Every dialect is written so that a right reading gives the same SUVbw.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from phantoms.dicom.expected import Outcome, strictest
from phantoms.dicom.headers import (
    DecayCorrection,
    FrameReference,
    Layout,
    PetHeader,
    PetUnits,
    PhilipsFactors,
    StartTags,
    SuvType,
    TimeConvention,
    TransferSyntax,
)
from phantoms.dicom.people import Sex
from phantoms.dicom.pet_expected import expected_of_pet
from phantoms.dicom.scanners import GE_DISCOVERY, PHILIPS_GEMINI, UIH_UMI

REWRITTEN = TimeConvention.REWRITTEN
OWN_BED = TimeConvention.OWN_BED
MALE, FEMALE, OTHER = ({"sex": sex} for sex in (Sex.MALE, Sex.FEMALE, Sex.OTHER))


def _unmoved(header: PetHeader) -> PetHeader:
    return header


def _starting_at(hour: int, minute: int, days: int = 0) -> Callable[[PetHeader], PetHeader]:
    """Move the scan to a time of the base's day, or of a day after it."""

    def change(header: PetHeader) -> PetHeader:
        day = header.visit.started.date() + dt.timedelta(days=days)
        return replace(header, scan_started=dt.datetime.combine(day, dt.time(hour, minute)))

    return change


@dataclass(frozen=True, slots=True, kw_only=True)
class PetDialect:
    """One way in which scanners write PET.

    Parameters
    ----------
    says : str
        What is special about it, in a sentence.
    options : mapping
        Fields of `PetHeader` that differ from the base.
    patient : mapping
        Fields of `PatientHeader` that differ.
    move : callable
        Moves the scan in time.
    """

    says: str
    options: Mapping[str, Any] = field(default_factory=dict)
    patient: Mapping[str, Any] = field(default_factory=dict)
    move: Callable[[PetHeader], PetHeader] = _unmoved

    def header(self, base: PetHeader | None = None) -> PetHeader:
        """Make the header of this dialect.

        Parameters
        ----------
        base : PetHeader, optional
            Patient, visit, dose and times to start from.

        Returns
        -------
        PetHeader
            To be given to `write_pet_series`.
        """
        base = base or PetHeader()
        patient = replace(base.visit.patient, **self.patient)
        visit = replace(base.visit, patient=patient)
        return self.move(replace(base, visit=visit, **self.options))

    @property
    def outcome(self) -> Outcome:
        """What a right reader does with it."""
        return strictest(expected_of_pet(self.header()))


def _gml(kind: SuvType, patient: Mapping[str, Any], says: str) -> PetDialect:
    return PetDialect(says=says, options={"units": PetUnits.GML, "suv_type": kind}, patient=patient)


def _philips(factors: PhilipsFactors, says: str, **options: Any) -> PetDialect:
    return PetDialect(
        says=says,
        options={
            "scanner": PHILIPS_GEMINI,
            "units": PetUnits.CNTS,
            "philips_factors": factors,
            **options,
        },
    )


_VENDORS = {
    "bqml_start_siemens": PetDialect(says="Bq/mL to the series' start, Siemens."),
    "bqml_start_ge": PetDialect(
        says="Bq/mL to the series' start, GE: signed pixels, private scan DateTime.",
        options={"scanner": GE_DISCOVERY},
    ),
    "bqml_start_philips": PetDialect(
        says="Bq/mL to the series' start, Philips.", options={"scanner": PHILIPS_GEMINI}
    ),
    "bqml_start_uih": PetDialect(
        says="Bq/mL to the series' start, a vendor without private elements.",
        options={"scanner": UIH_UMI},
    ),
    "single_bed": PetDialect(says="One bed position.", options={"bed_step_mm": None}),
}
_SUV_UNITS = {
    "gml_bare": _gml(SuvType.ABSENT, {}, "g/mL without SUV Type: by body weight."),
    "gml_bw": _gml(SuvType.BW, {}, "g/mL by body weight."),
    "gml_lbm_female": _gml(SuvType.LBM, FEMALE, "g/mL by lean mass, James."),
    "gml_lbm_male": _gml(SuvType.LBM, MALE, "g/mL by lean mass, James with 120."),
    "gml_lbm_other": _gml(SuvType.LBM, OTHER, "g/mL by lean mass, sex O: the mean of both."),
    "gml_james128_male": _gml(SuvType.LBMJAMES128, MALE, "g/mL by lean mass, James with 128."),
    "gml_james128_female": _gml(SuvType.LBMJAMES128, FEMALE, "g/mL by lean mass, James."),
    "gml_janma_male": _gml(SuvType.LBMJANMA, MALE, "g/mL by lean mass, Janmahasatian."),
    "gml_janma_female": _gml(SuvType.LBMJANMA, FEMALE, "g/mL by lean mass, Janmahasatian."),
    "gml_janma_other": _gml(SuvType.LBMJANMA, OTHER, "Janmahasatian, sex O: the mean of both."),
    "gml_ibw_male": _gml(SuvType.IBW, MALE, "g/mL by ideal weight."),
    "gml_ibw_female": _gml(SuvType.IBW, FEMALE, "g/mL by ideal weight."),
    "gml_admin": PetDialect(
        says="g/mL with Decay Correction ADMIN: still SUV as it is.",
        options={"units": PetUnits.GML, "decay_correction": DecayCorrection.ADMIN},
    ),
    "cm2ml": PetDialect(says="cm2/mL by body surface, Du Bois.", options={"units": PetUnits.CM2ML}),
    "propcnts": PetDialect(
        says="Proportional counts: no SUV can be had.", options={"units": PetUnits.PROPCNTS}
    ),
}
_PHILIPS = {
    "cnts_both": _philips(PhilipsFactors.BOTH, "Counts with both factors, which agree."),
    "cnts_suv_only": _philips(PhilipsFactors.SUV_ONLY, "Counts with the SUV factor alone."),
    "cnts_activity_only": _philips(
        PhilipsFactors.ACTIVITY_ONLY, "Counts with the activity factor alone."
    ),
    "cnts_second_block": _philips(
        PhilipsFactors.BOTH, "Counts with both factors in block 11.", decoy_private=True
    ),
    "cnts_unknown_vr": _philips(
        PhilipsFactors.BOTH,
        "Counts with both factors in implicit VR.",
        transfer_syntax=TransferSyntax.IMPLICIT_LITTLE,
    ),
    "cnts_neither": _philips(PhilipsFactors.NEITHER, "Counts and nothing to scale them by."),
    "cnts_activity_admin": _philips(
        PhilipsFactors.ACTIVITY_ONLY,
        "Counts with the activity factor, corrected to the injection.",
        decay_correction=DecayCorrection.ADMIN,
    ),
}
_DECAY = {
    "bqml_admin": PetDialect(
        says="Bq/mL corrected to the injection.",
        options={"decay_correction": DecayCorrection.ADMIN},
    ),
    "bqml_none": PetDialect(
        says="Bq/mL not corrected: each bed has its own decay, and the frame's average counts.",
        options={"decay_correction": DecayCorrection.NONE},
    ),
    "bqml_none_ge": PetDialect(
        says="Bq/mL not corrected, GE.",
        options={"decay_correction": DecayCorrection.NONE, "scanner": GE_DISCOVERY},
    ),
    "bqml_none_long_frame": PetDialect(
        says="Bq/mL not corrected, one bed of 20 minutes.",
        options={
            "decay_correction": DecayCorrection.NONE,
            "bed_step_mm": None,
            "frame_duration_s": 1200.0,
        },
    ),
}


def _times(says: str, times: TimeConvention, **options: Any) -> PetDialect:
    return PetDialect(says=says, options={"times": times, **options})


_TIMES = {
    "one_time": _times(
        "All images carry the series' time, whatever the bed.", TimeConvention.ONE_TIME
    ),
    "rewritten_siemens": _times("Series Time rewritten; the private reference tells.", REWRITTEN),
    "rewritten_siemens_no_private": _times(
        "Series Time rewritten; Frame Reference Time tells.", REWRITTEN, private_times=False
    ),
    "rewritten_ge": _times(
        "Series Time rewritten; GE's private DateTime tells.", REWRITTEN, scanner=GE_DISCOVERY
    ),
    "rewritten_ge_no_private": _times(
        "Series Time rewritten; GE's Frame Reference Time counts to the bed's start.",
        REWRITTEN,
        scanner=GE_DISCOVERY,
        private_times=False,
    ),
    "rewritten_siemens_unknown_vr": _times(
        "The private reference in implicit VR: a reader without its dictionary gets bytes.",
        REWRITTEN,
        transfer_syntax=TransferSyntax.IMPLICIT_LITTLE,
    ),
    "rewritten_siemens_second_block": _times(
        "The private reference in block 11.", REWRITTEN, decoy_private=True
    ),
    "rewritten_ge_second_block": _times(
        "The private DateTime in block 11.", REWRITTEN, scanner=GE_DISCOVERY, decoy_private=True
    ),
    "rewritten_philips": _times(
        "Series Time rewritten; Frame Reference Time tells.", REWRITTEN, scanner=PHILIPS_GEMINI
    ),
    "rewritten_zero_reference": _times(
        "Series Time rewritten, Frame Reference Time a placeholder: Decay Factor alone tells.",
        REWRITTEN,
        private_times=False,
        frame_reference=FrameReference.ZERO,
    ),
    "rewritten_no_reference": _times(
        "Series Time rewritten, no Frame Reference Time: Decay Factor alone tells.",
        REWRITTEN,
        private_times=False,
        frame_reference=FrameReference.ABSENT,
    ),
    "own_bed_siemens": _times("Each bed corrected to its own start, privately stated.", OWN_BED),
    "own_bed_uih": _times(
        "Each bed corrected to its own start; Series Time is that of the first.",
        OWN_BED,
        scanner=UIH_UMI,
    ),
    "own_bed_ge_no_private": _times(
        "Each bed corrected to its own start, GE.",
        OWN_BED,
        scanner=GE_DISCOVERY,
        private_times=False,
    ),
    "series_zero_reference": _times(
        "Beds with their own Acquisition Time, Frame Reference Time a placeholder.",
        TimeConvention.SERIES,
        private_times=False,
        frame_reference=FrameReference.ZERO,
    ),
}
_CLOCK = {
    "start_datetime_only": PetDialect(
        says="Only Start DateTime.", options={"start_tags": StartTags.DATETIME}
    ),
    "start_time_only": PetDialect(says="Only Start Time.", options={"start_tags": StartTags.TIME}),
    "midnight_before_scan": PetDialect(
        says="Injected at 23:35, scanned at 00:20.", move=_starting_at(0, 20, days=1)
    ),
    "midnight_before_scan_time_only": PetDialect(
        says="The same with Start Time alone: the date must be worked out.",
        options={"start_tags": StartTags.TIME},
        move=_starting_at(0, 20, days=1),
    ),
    "midnight_between_beds": PetDialect(
        says="The first bed starts at 23:59, the others tomorrow.", move=_starting_at(23, 59)
    ),
    "midnight_between_beds_time_only": PetDialect(
        says="The same with Start Time alone.",
        options={"start_tags": StartTags.TIME},
        move=_starting_at(23, 59),
    ),
    "local_zone": PetDialect(
        says="Start DateTime carries the local offset from UTC.",
        options={"timezone_min": 120, "start_zone_min": 120},
    ),
    "utc_start": PetDialect(
        says="Start DateTime is in UTC, all else two hours ahead of it.",
        options={
            "timezone_min": 120,
            "start_zone_min": 0,
            "start_tags": StartTags.DATETIME,
        },
    ),
    "late_uptake": PetDialect(says="62 minutes of uptake.", options={"uptake_min": 62.0}),
    "other_half_life": PetDialect(
        says="A half-life of 6588 s, as most headers have it.", options={"half_life_s": 6588.0}
    ),
}
_LAYOUTS = {
    "legacy_converted": PetDialect(
        says="Legacy converted enhanced PET.", options={"layout": Layout.LEGACY_CONVERTED}
    ),
    "enhanced_bqml": PetDialect(says="Enhanced PET in Bq/mL.", options={"layout": Layout.ENHANCED}),
    "enhanced_admin": PetDialect(
        says="Enhanced PET corrected to the injection.",
        options={"layout": Layout.ENHANCED, "decay_correction": DecayCorrection.ADMIN},
    ),
    "enhanced_none": PetDialect(
        says="Enhanced PET not corrected: the reference differs from frame to frame.",
        options={"layout": Layout.ENHANCED, "decay_correction": DecayCorrection.NONE},
    ),
    "enhanced_gml": PetDialect(
        says="Enhanced PET in g/mL.", options={"layout": Layout.ENHANCED, "units": PetUnits.GML}
    ),
}
PET_DIALECTS: Mapping[str, PetDialect] = {
    **_VENDORS,
    **_SUV_UNITS,
    **_PHILIPS,
    **_DECAY,
    **_TIMES,
    **_CLOCK,
    **_LAYOUTS,
}
"""Every dialect by its name."""
