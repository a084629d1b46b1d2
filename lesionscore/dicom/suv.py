"""How a PET series becomes SUV by body weight: one factor for each slice, with its rule.

Every dialect has its row in ``docs/dicom.md``, with the rule's source and the test that holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lesionscore.dicom import tags
from lesionscore.dicom.activity import (
    ACTIVITY_FACTOR,
    SUV_FACTOR,
    SliceFactor,
    philips_private,
    slice_factor,
)
from lesionscore.dicom.classify import is_attenuation_corrected, is_called_uncorrected
from lesionscore.dicom.header import Header
from lesionscore.dicom.injection import injected_at
from lesionscore.dicom.policy import DEFAULT_POLICY, Notes, SuvPolicy
from lesionscore.dicom.slices import Slice
from lesionscore.dicom.times import UNDATED
from lesionscore.dicom.timing import SeriesTimes
from lesionscore.dicom.tracer import check_tracer
from lesionscore.dicom.uniform import check_uniform
from lesionscore.errors import Finding, SuvError

LATEST_UPTAKE_MIN = 360.0
LONG_LIVED_S = 41_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SuvResult:
    """How one PET series becomes SUV by body weight.

    Parameters
    ----------
    rule : str
        Units, decay correction and the rule of the reference time, as ``BQML/START:series``.
    factor : float
        SUVbw per unit of the rescaled value, first slice.
    factors : tuple of float
        The same for every slice.
    reference_time : datetime or None
        Time to which the dose is decayed, first slice; None where nothing is decayed.
    uptake_min : float or None
        Minutes from the injection to the start of the earliest acquisition; None if the header
        does not say.
    policy : SuvPolicy
        Whose rules were used.
    findings : tuple of Finding
        Interpretations, contradictions and alternatives.
    weight_kg, dose_bq : float or None
        What was used, or could be read.
    tracer : str
        ``18F-NaF``, ``18F-FDG``, ``other`` or "".
    """

    rule: str
    factor: float
    factors: tuple[float, ...]
    reference_time: datetime | None
    uptake_min: float | None
    policy: SuvPolicy
    findings: tuple[Finding, ...] = ()
    weight_kg: float | None = None
    dose_bq: float | None = None
    tracer: str = ""


def compute_suv(
    slices: Sequence[Slice], policy: SuvPolicy = DEFAULT_POLICY, tracer: str = ""
) -> SuvResult:
    """Work out how the slices of a PET become SUV by body weight.

    Parameters
    ----------
    slices : sequence of Slice
        The stack, in order.
    policy : SuvPolicy
        Whose rules are used where published rules differ.
    tracer : str
        Tracer that the protocol needs; another one is a finding. "" for any.

    Returns
    -------
    SuvResult
        One factor for each slice, and what was doubtful.

    Raises
    ------
    SuvError
        If the header does not say how, or contradicts itself in a way that changes SUV.
    """
    notes = Notes(policy=policy)
    check_uniform(slices)
    headers = [one.header for one in slices]
    check_corrections(headers[0], notes)
    series = SeriesTimes.from_headers(headers)
    factors: list[SliceFactor] = []
    known: dict[tuple[object, ...], SliceFactor] = {}
    for header in headers:
        key = _suv_key(header)
        if key not in known:
            known[key] = slice_factor(header, series, notes)
        factors.append(known[key])
    first = factors[0]
    uptake = uptake_min(headers[0], series.earliest, notes)
    injected = _radiopharmaceutical(headers[0])
    named = check_tracer(injected, tracer, notes)
    return SuvResult(
        rule=first.rule,
        factor=first.value,
        factors=tuple(one.value for one in factors),
        reference_time=_dated(first.reference),
        uptake_min=uptake,
        policy=policy,
        findings=tuple(notes.findings),
        weight_kg=headers[0].number(tags.PATIENT_WEIGHT),
        dose_bq=injected.number(tags.RADIONUCLIDE_TOTAL_DOSE),
        tracer=named,
    )


def _radiopharmaceutical(header: Header) -> Header:
    """Give the first item of (0054,0016), or an empty header."""
    return header.within(tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)


def _dated(when: datetime | None) -> datetime | None:
    """Give a time, unless its date is a placeholder."""
    return None if when is None or abs((when.date() - UNDATED).days) < 2 else when


KEY_TAGS = (
    tags.UNITS,
    tags.SUV_TYPE,
    tags.RESCALE_TYPE,
    tags.DECAY_CORRECTION,
    tags.ACQUISITION_DATE,
    tags.ACQUISITION_TIME,
    tags.ACQUISITION_DATETIME,
    tags.FRAME_ACQUISITION_DATETIME,
    tags.FRAME_REFERENCE_DATETIME,
    tags.SERIES_DATE,
    tags.SERIES_TIME,
    tags.FRAME_REFERENCE_TIME,
    tags.ACTUAL_FRAME_DURATION,
    tags.FRAME_ACQUISITION_DURATION,
    tags.DECAY_FACTOR,
    tags.PATIENT_WEIGHT,
    tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE,
)
"""Everything standard that can change a slice's factor."""


def _suv_key(header: Header) -> tuple[object, ...]:
    """Everything that decides a slice's factor, for slices that share it."""
    values: list[object] = [header.value(tag) for tag in KEY_TAGS]
    values += [
        header.private(0x0071, 0x22, "SIEMENS MED PT") or header.unclaimed_private(0x0071, 0x22),
        header.private(0x0009, 0x0D, "GEMS_PETD_01") or header.unclaimed_private(0x0009, 0x0D),
        philips_private(header, SUV_FACTOR),
        philips_private(header, ACTIVITY_FACTOR),
    ]
    return tuple(repr(value) for value in values)


def check_corrections(header: Header, notes: Notes) -> None:
    """Refuse what is not attenuation corrected; record what contradicts the decay correction.

    Raises
    ------
    SuvError
        If Corrected Image (0028,0051) lacks ATTN, and under ``qiba`` if it lacks DECY.
    """
    corrected = is_attenuation_corrected(header)
    if corrected is False:
        raise SuvError(
            "not attenuation corrected: Corrected Image (0028,0051) has no ATTN; SUV needs the "
            "attenuation-corrected series"
        )
    if corrected is None:
        notes.add(
            "attenuation_correction_unknown",
            "Corrected Image (0028,0051) is missing: attenuation correction is taken for granted",
        )
    elif is_called_uncorrected(header):
        notes.add(
            "attenuation_correction_contradicts",
            "Corrected Image (0028,0051) has ATTN, but the series is described as not attenuation "
            "corrected; the former was believed",
        )
    codes = header.codes(tags.CORRECTED_IMAGE)
    decay = header.code(tags.DECAY_CORRECTION)
    if notes.is_strict and (decay != "START" or "DECY" not in codes):
        raise SuvError(
            f"Decay Correction (0054,1102) is {decay or 'missing'} and Corrected Image (0028,0051) "
            f"is {'/'.join(codes) or 'missing'}; the policy qiba accepts START with DECY"
        )
    if (
        any(codes)
        and decay in ("START", "ADMIN", "NONE")
        and ("DECY" in codes) == (decay == "NONE")
    ):
        notes.add(
            "decay_correction_contradicts",
            f"Decay Correction (0054,1102) is {decay}, Corrected Image (0028,0051) is "
            f"{'/'.join(codes)}; the former was believed",
        )


def uptake_min(header: Header, earliest: datetime | None, notes: Notes) -> float | None:
    """Minutes from the injection to the start of the earliest acquisition; None if unsaid."""
    item = _radiopharmaceutical(header)
    half_life = item.number(tags.RADIONUCLIDE_HALF_LIFE)
    if earliest is None or half_life is None or not half_life > 0:
        return None
    try:
        injected = injected_at(item, earliest, half_life, notes)
    except SuvError:
        return None
    minutes = (earliest - injected).total_seconds() / 60.0
    if not 0 <= minutes <= LATEST_UPTAKE_MIN and half_life < LONG_LIVED_S:
        notes.add(
            "uptake_implausible",
            f"{minutes:.1f} min from the injection to the scan: one of the two times is wrong",
        )
    return minutes
