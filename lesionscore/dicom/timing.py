"""What the slices of a PET say about time, standard and private elements alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header, plain_text
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.times import acquisition_start, parse_datetime, series_start
from lesionscore.errors import Severity

MOST_HALF_LIVES = 900.0
LONGEST_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTimes:
    """What only the whole series tells about its times.

    Parameters
    ----------
    earliest : datetime or None
        Start of the earliest acquisition.
    has_empty_reference : bool
        Whether Frame Reference Time (0054,1300) is 0 in every slice although the slices were
        acquired at different times: then 0 cannot be meant.
    """

    earliest: datetime | None
    has_empty_reference: bool

    @classmethod
    def from_headers(cls, headers: Sequence[Header]) -> SeriesTimes:
        """Collect the times of all slices."""
        starts = {acquisition_start(header, undated=True) for header in headers} - {None}
        empty = all(header.number(tags.FRAME_REFERENCE_TIME) == 0 for header in headers)
        return cls(
            earliest=min((start for start in starts if start is not None), default=None),
            has_empty_reference=empty and len(starts) > 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one slice's header says about its time.

    ``average_s`` is the time after the frame's start at which the activity equals the frame's
    mean; None without a duration.
    """

    acquired: datetime | None
    series: datetime | None
    frame_reference_s: float | None
    duration_s: float | None
    average_s: float | None
    half_life_s: float
    is_ge: bool


def average_activity_s(duration_s: float, half_life_s: float) -> float:
    """Time after a frame's start at which the activity equals the frame's mean.

    Parameters
    ----------
    duration_s, half_life_s : float
        Seconds.

    Returns
    -------
    float
        Seconds; a little less than half the duration.

    Notes
    -----
    ``(1 / l) ln(l T / (1 - exp(-l T)))`` with ``l = ln 2 / half-life``. For 18F, 60 s give
    29.984 s and 300 s give 149.605 s.
    """
    x = math.log(2) / half_life_s * duration_s
    if x < 1e-8:
        return duration_s / 2
    return duration_s / x * math.log(x / -math.expm1(-x))


def decay(elapsed_s: float, half_life_s: float) -> float:
    """Share of the activity that is left after some time; never an overflow.

    Parameters
    ----------
    elapsed_s, half_life_s : float
        Seconds; a negative time gives a share above 1.
    """
    return float(2.0 ** max(-MOST_HALF_LIVES, min(MOST_HALF_LIVES, -elapsed_s / half_life_s)))


def is_ge(header: Header) -> bool:
    """Tell GE by Manufacturer (0008,0070)."""
    return header.code(tags.MANUFACTURER).startswith("GE")


def read_timing(header: Header, half_life_s: float) -> Timing:
    """Collect what a slice's header says about its time."""
    reference_ms = header.number(tags.FRAME_REFERENCE_TIME)
    duration_ms = header.number(tags.ACTUAL_FRAME_DURATION)
    if duration_ms is None:
        duration_ms = header.number(tags.FRAME_ACQUISITION_DURATION)
    reference_s = _bounded(reference_ms)
    duration_s = _bounded(duration_ms)
    if duration_s is not None and not duration_s > 0:
        duration_s = None
    return Timing(
        acquired=acquisition_start(header, undated=True),
        series=series_start(header),
        frame_reference_s=reference_s,
        duration_s=duration_s,
        average_s=average_activity_s(duration_s, half_life_s) if duration_s else None,
        half_life_s=half_life_s,
        is_ge=is_ge(header),
    )


def _bounded(ms: float | None) -> float | None:
    """Milliseconds as seconds, if they are a time that a scan can last."""
    if ms is None or abs(ms) > LONGEST_S * 1000:
        return None
    return ms / 1000.0


def vendor_time(header: Header, notes: Notes) -> datetime | None:
    """Give the scan start or decay correction time that GE and Siemens keep in private elements.

    GE ``GEMS_PETD_01`` (0009,xx0D) and Siemens ``SIEMENS MED PT`` (0071,xx22), found by their
    creator. Where the file names no creator for block 10, the element counts if the
    manufacturer fits, and that is recorded.
    """
    for maker, creator, group, element in (
        ("SIEMENS", "SIEMENS MED PT", 0x0071, 0x22),
        ("GE", "GEMS_PETD_01", 0x0009, 0x0D),
    ):
        when = parse_datetime(plain_text(header.private(group, element, creator)))
        if when is not None:
            return when
        made = header.code(tags.MANUFACTURER)
        if made.startswith(maker) or (maker == "SIEMENS" and made.startswith("CPS")):
            when = parse_datetime(plain_text(header.unclaimed_private(group, element)))
            if when is not None:
                notes.add(
                    "private_creator_missing",
                    f"private element ({group:04X},10{element:02X}) has no creator; it was taken "
                    f"for {maker}'s",
                    Severity.INFO,
                )
                return when
    return None


def fitted_vendor_time(when: datetime, timing: Timing, notes: Notes) -> datetime:
    """Put a private time on the scan's own date, where anonymisation moved only the one."""
    if timing.acquired is None or abs(timing.acquired - when) < timedelta(hours=24):
        return when
    moved = datetime.combine(timing.acquired.date(), when.time())
    for days in (-1, 0, 1):
        near = moved + timedelta(days=days)
        if abs(near - timing.acquired) <= timedelta(hours=12):
            moved = near
            break
    notes.add(
        "private_date_does_not_fit",
        "the vendor's private scan time is on another date than the acquisition; only its time of "
        "day was used",
    )
    return moved
