"""NaF uptake of one lesion against inclusion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from lesionscore.errors import ScoringError
from lesionscore.lesions.records import PetReading, ReadingStatus
from lesionscore.protocol.rules import OutsideWindow, UptakeRule
from lesionscore.scoring.states import reaches


class UptakeDirection(StrEnum):
    """Where a change of SUVmax lies against the repeatability of the measurement."""

    INCREASED = "increased"
    WITHIN = "within"
    DECREASED = "decreased"


@dataclass(frozen=True, slots=True, kw_only=True)
class UptakeTimes:
    """Minutes from injection to scan, at inclusion and at the visit; None where not known."""

    inclusion_min: float | None
    visit_min: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UptakeChange:
    """Change of NaF uptake of one lesion against inclusion.

    Parameters
    ----------
    lesion_id, visit : str
        Whose change this is.
    status : ReadingStatus
        Whether the change counts; the SUV of the visit may count although its change does not.
    reasons, flags : tuple of str
        Why it does not; doubts that do not stop it.
    suv_max_change : float or None
        Difference, g/ml.
    suv_max_change_percent, suv_max_ratio, suv_max_ln_ratio : float or None
        The same change in percent, as ratio to inclusion, and as its natural logarithm.
    beyond_repeatability : bool or None
        Whether the ratio lies outside the limits of repeated scans.
    direction : UptakeDirection or None
        To which side.
    """

    lesion_id: str
    visit: str
    status: ReadingStatus
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    suv_max_change: float | None = None
    suv_max_change_percent: float | None = None
    suv_max_ratio: float | None = None
    suv_max_ln_ratio: float | None = None
    beyond_repeatability: bool | None = None
    direction: UptakeDirection | None = None


def score_uptake(
    inclusion: PetReading,
    visit: PetReading,
    rule: UptakeRule,
    times: UptakeTimes | None = None,
) -> UptakeChange:
    """Score the uptake of one lesion against inclusion.

    Parameters
    ----------
    inclusion, visit : PetReading
        Readings of the same lesion; the inclusion reading given twice has a change of 0.
    rule : UptakeRule
        Minutes, repeatability, and what becomes of a PET outside the minutes.
    times : UptakeTimes, optional
        When the two scans started; left out, the window is not looked at.

    Returns
    -------
    UptakeChange
        Not evaluable, with reasons, where the two do not compare.

    Raises
    ------
    ScoringError
        If the readings are of two lesions, or an SUV is negative or no number.

    References
    ----------
    .. [1] Lin et al. 2016, J Nucl Med: limits of the ratio of repeated lesion SUVmax.
    """
    if inclusion.lesion_id != visit.lesion_id:
        raise ScoringError(
            f"readings of two lesions ({inclusion.lesion_id}, {visit.lesion_id}) do not compare"
        )
    reasons, status = _blocked(inclusion, visit)
    is_reference = inclusion.visit == visit.visit
    late, flags = _window(times, rule, is_reference=is_reference)
    refused = late and rule.outside_window is OutsideWindow.NOT_EVALUABLE and not is_reference
    if reasons or refused:
        return UptakeChange(
            lesion_id=visit.lesion_id,
            visit=visit.visit,
            status=status if reasons else ReadingStatus.NOT_EVALUABLE,
            reasons=reasons or late,
            flags=flags,
        )
    before, after = _suv(inclusion), _suv(visit)
    if before == 0:
        return UptakeChange(
            lesion_id=visit.lesion_id,
            visit=visit.visit,
            status=ReadingStatus.NOT_EVALUABLE,
            reasons=("inclusion_suv_zero",),
            flags=flags + late,
        )
    ratio = after / before
    direction = _direction(ratio, rule)
    return UptakeChange(
        lesion_id=visit.lesion_id,
        visit=visit.visit,
        status=ReadingStatus.EVALUABLE,
        flags=flags + late,
        suv_max_change=after - before,
        suv_max_change_percent=(after - before) / before * 100.0,
        suv_max_ratio=ratio,
        suv_max_ln_ratio=math.log(ratio) if ratio > 0 else None,
        beyond_repeatability=direction is not UptakeDirection.WITHIN,
        direction=direction,
    )


def _blocked(inclusion: PetReading, visit: PetReading) -> tuple[tuple[str, ...], ReadingStatus]:
    """Why the two do not compare at all, and the status of the change then."""
    if visit.status is ReadingStatus.MISSING:
        return visit.reasons or ("pet_missing",), ReadingStatus.MISSING
    if visit.status is ReadingStatus.NOT_EVALUABLE or visit.suv_max is None:
        return visit.reasons or ("pet_not_evaluable",), ReadingStatus.NOT_EVALUABLE
    if inclusion.status is not ReadingStatus.EVALUABLE or inclusion.suv_max is None:
        reasons = dict.fromkeys(("inclusion_pet_not_evaluable", *inclusion.reasons))
        return tuple(reasons), ReadingStatus.NOT_EVALUABLE
    return (), ReadingStatus.EVALUABLE


def _window(
    times: UptakeTimes | None, rule: UptakeRule, *, is_reference: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Codes of scans outside the protocol's minutes, and flags of times that are not known."""
    if times is None:
        return (), ()
    late, unknown = [], []
    for minutes, name in (
        (times.inclusion_min, "inclusion_uptake"),
        (times.visit_min, "uptake"),
    ):
        if is_reference and name == "inclusion_uptake":
            continue
        if minutes is None:
            unknown.append(f"{name}_time_unknown")
        elif not is_in_window(minutes, rule):
            late.append(f"{name}_outside_window")
    return tuple(late), tuple(unknown)


def is_in_window(uptake_min: float, rule: UptakeRule) -> bool:
    """Whether a PET started within the protocol's minutes, both ends included.

    Examples
    --------
    >>> from lesionscore.protocol import load_protocol
    >>> [is_in_window(minutes, load_protocol().uptake) for minutes in (39.9, 40.0, 50.0, 50.1)]
    [False, True, True, False]
    """
    first, last = rule.uptake_min
    return reaches(uptake_min, first) and reaches(-uptake_min, -last)


def _suv(reading: PetReading) -> float:
    """SUVmax of a reading that has one."""
    suv = reading.suv_max
    if suv is None or not math.isfinite(suv) or suv < 0:
        raise ScoringError(
            f"lesion {reading.lesion_id}, {reading.visit}: SUVmax is {suv}; accepted is 0 or more"
        )
    return suv


def _direction(ratio: float, rule: UptakeRule) -> UptakeDirection:
    """Side of the repeatability limits; on a limit is within."""
    low, high = rule.repeatability_ratio
    if not reaches(ratio, low):
        return UptakeDirection.DECREASED
    if not reaches(-ratio, -high):
        return UptakeDirection.INCREASED
    return UptakeDirection.WITHIN
