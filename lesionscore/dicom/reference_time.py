"""The time to which a PET image's activity is decay corrected, by each of the published rules.

Every rule that the header allows is worked out, so that the one chosen can be held against the
others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from lesionscore.dicom import tags
from lesionscore.dicom.deidentification import explain
from lesionscore.dicom.header import Header
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.timing import (
    LONGEST_S,
    SeriesTimes,
    Timing,
    decay,
    fitted_vendor_time,
    vendor_time,
)
from lesionscore.errors import SuvError

DISAGREE_FRACTION = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A decay reference time and the rule that gives it.

    Parameters
    ----------
    time : datetime
        In the scanner's own time.
    rule : str
        ``vendor_private``, ``acquisition_is_series``, ``frame_reference_time``,
        ``frame_reference_time_ge``, ``series``, ``earliest_acquisition``, ``decay_factor``,
        ``decay_correction_datetime``, ``frame_reference_datetime``, ``average_activity``.
    """

    time: datetime
    rule: str


def candidates(
    header: Header, timing: Timing, series: SeriesTimes, notes: Notes
) -> dict[str, datetime]:
    """Give the reference time of a START image by every rule that the header allows.

    Parameters
    ----------
    header : Header
        The slice.
    timing : Timing
        The slice's times.
    series : SeriesTimes
        What the whole series says.
    notes : Notes
        Takes what was repaired on the way.

    Returns
    -------
    dict
        Rule to time, in IBSI-SUV's order; the last three only for comparison or QIBA.
    """
    found: dict[str, datetime] = {}
    private = vendor_time(header, notes)
    if private is not None:
        found["vendor_private"] = fitted_vendor_time(private, timing, notes)
    acquired, started = timing.acquired, timing.series
    if acquired is not None and started is not None and _same_second(acquired, started):
        found["acquisition_is_series"] = acquired
    by_frame = frame_reference(timing)
    if by_frame is not None:
        found[by_frame.rule] = by_frame.time
    if started is not None and acquired is not None and started <= acquired:
        found["series"] = started
    elif series.earliest is not None:
        found["earliest_acquisition"] = series.earliest
    by_factor = decay_factor_time(header, timing)
    if by_factor is not None:
        found["decay_factor"] = by_factor
        if by_frame is not None and series.has_empty_reference:
            drop_placeholder(found, by_frame, timing, notes)
    return found


def decay_factor_time(header: Header, timing: Timing) -> datetime | None:
    """Work the reference back from Decay Factor (0054,1321); None if it does not tell.

    The factor brings the frame's mean activity back to the reference, so the reference lies
    ``ln(factor) / l`` before the time of average activity. A factor of exactly 1 is what
    writers put where they have none: it tells nothing.
    """
    factor = header.number(tags.DECAY_FACTOR)
    if factor is None or not factor > 0 or factor == 1:
        return None
    if timing.average_s is None or timing.acquired is None:
        return None
    shift = timing.average_s - math.log(factor) * timing.half_life_s / math.log(2)
    return timing.acquired + timedelta(seconds=shift) if abs(shift) < LONGEST_S else None


def drop_placeholder(
    found: dict[str, datetime], by_frame: Reference, timing: Timing, notes: Notes
) -> None:
    """Give up a Frame Reference Time of 0 that Decay Factor proves a placeholder.

    Notes
    -----
    IBSI-SUV takes 0 at its word. But 0 in every bed of a series whose Decay Factor rises from bed
    to bed would leave each later bed too bright, by 1.3 % for every two minutes of 18F.
    """
    ratio = _ratio(by_frame.time, found["decay_factor"], timing)
    if abs(ratio - 1) <= DISAGREE_FRACTION:
        return
    del found[by_frame.rule]
    found["decay_factor_alone"] = found.pop("decay_factor")
    notes.add(
        "frame_reference_time_placeholder",
        "Frame Reference Time (0054,1300) is 0, but Decay Factor (0054,1321) says that the "
        f"reference lies {abs((by_frame.time - found['decay_factor_alone']).total_seconds()):.0f} "
        "s away from what that means; Decay Factor was believed",
        once="placeholder",
    )


def _ratio(when: datetime, chosen: datetime, timing: Timing) -> float:
    """SUV by one reference time over SUV by another."""
    return decay((chosen - when).total_seconds(), timing.half_life_s)


def _same_second(one: datetime, other: datetime) -> bool:
    """Whether two times of day agree to the second, whatever their dates."""
    return one.time().replace(microsecond=0) == other.time().replace(microsecond=0)


def frame_reference(timing: Timing) -> Reference | None:
    """Work out the reference from Frame Reference Time (0054,1300), as the vendor means it."""
    if timing.acquired is None or timing.frame_reference_s is None:
        return None
    if timing.is_ge:
        back = timing.frame_reference_s
        return Reference(
            time=timing.acquired - timedelta(seconds=back), rule="frame_reference_time_ge"
        )
    if timing.average_s is None or timing.frame_reference_s < 0:
        return None
    back = timing.frame_reference_s - timing.average_s
    return Reference(time=timing.acquired - timedelta(seconds=back), rule="frame_reference_time")


IBSI_ORDER = (
    "vendor_private",
    "acquisition_is_series",
    "frame_reference_time_ge",
    "frame_reference_time",
    "decay_factor_alone",
)


def start_reference(header: Header, timing: Timing, series: SeriesTimes, notes: Notes) -> Reference:
    """Give the reference time of an image whose Decay Correction (0054,1102) is START.

    Parameters
    ----------
    header, timing, series, notes
        As for `candidates`.

    Returns
    -------
    Reference
        By the policy's first rule that applies.

    Raises
    ------
    SuvError
        If no rule applies.

    References
    ----------
    .. [1] IBSI-SUV 3.0, decay correction START. QIBA SUV pseudo-code, 2018-06-26.
    """
    found = candidates(header, timing, series, notes)
    rule = _qiba_rule(found, timing) if notes.is_strict else None
    if not notes.is_strict:
        rule = next((name for name in IBSI_ORDER if name in found), None)
    if rule is None:
        missing = tags.ACQUISITION_TIME if timing.acquired is None else tags.SERIES_TIME
        raise SuvError(
            "Decay Correction (0054,1102) is START, but the time it refers to cannot be known: "
            "Acquisition Time (0008,0032) is not Series Time (0008,0031), there is no private scan "
            "time, and Frame Reference Time (0054,1300) or Actual Frame Duration (0018,1242) is "
            "missing." + explain(header, missing)
        )
    compare(Reference(time=found[rule], rule=rule), found, timing, notes)
    return Reference(time=found[rule], rule=rule)


def _qiba_rule(found: dict[str, datetime], timing: Timing) -> str | None:
    """QIBA: series time unless it is later than the acquisition, then what is left."""
    for name in ("series", "vendor_private"):
        if name in found:
            return name
    late = timing.frame_reference_s is not None and timing.frame_reference_s > 0
    if late and "frame_reference_time" in found:
        return "frame_reference_time"
    return "earliest_acquisition" if "earliest_acquisition" in found else None


def compare(chosen: Reference, found: dict[str, datetime], timing: Timing, notes: Notes) -> None:
    """Record every candidate that would change SUV by more than 1 %."""
    for rule, when in found.items():
        ratio = _ratio(when, chosen.time, timing)
        if abs(ratio - 1) <= DISAGREE_FRACTION:
            continue
        notes.add(
            "reference_time_disagrees",
            f"decay reference {chosen.time:%H:%M:%S} by {chosen.rule}; {rule} gives "
            f"{when:%H:%M:%S}, which would change SUV by {100 * (ratio - 1):+.1f} %",
            once=f"{chosen.rule} {rule}",
        )
