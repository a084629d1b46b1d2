"""Dates and times of DICOM: DA, TM and DT, with their gaps, colons and time zones."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header

DA = re.compile(r"^(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})$")
TM = re.compile(r"^(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6})\d*)?$")
ZONE = re.compile(r"^([+-])(\d{2})(\d{2})$")
DT = re.compile(r"^(\d{8})(\d{2,6}(?:\.\d+)?)?([+-]\d{4})?$")

FIRST_YEAR, LAST_YEAR = 1800, 2200
"""Other dates are placeholders of anonymisers (00010101, 99991231)."""
UNDATED = date(1904, 1, 1)
"""Stands for the day of a scan whose header kept only times of day."""


def parse_date(text: str | None) -> date | None:
    """Read a DA value; None if absent or no date (``20250230``)."""
    found = DA.match((text or "").strip())
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    try:
        found_day = date(year, month, day)
    except ValueError:
        return None
    return found_day if FIRST_YEAR <= year <= LAST_YEAR else None


def parse_time(text: str | None) -> time | None:
    """Read a TM value, hours alone or to the microsecond; None if absent or no time."""
    found = TM.match((text or "").strip())
    if found is None:
        return None
    hour, minute, second, fraction = found.groups()
    try:
        return time(
            int(hour),
            int(minute or 0),
            min(int(second or 0), 59),
            int((fraction or "0").ljust(6, "0")),
        )
    except ValueError:
        return None


def parse_datetime(text: str | None) -> datetime | None:
    """Read a DT value that has a time of day; its offset from UTC is dropped.

    The other times of a header (TM) are the scanner's wall clock without a zone, and so is this
    value's own reading of the clock. A date alone says nothing about minutes: None.
    """
    found = DT.match((text or "").strip().replace(" ", ""))
    if found is None or found.group(2) is None:
        return None
    day, clock = parse_date(found.group(1)), parse_time(found.group(2))
    return datetime.combine(day, clock) if day is not None and clock is not None else None


def utc_offset(text: str | None) -> timedelta | None:
    """Read an offset from UTC, as ``+0130``; None if absent or malformed."""
    found = ZONE.match((text or "").strip())
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if sign == "-" else offset


def local_datetime(header: Header, tag: int) -> datetime | None:
    """Read a DT element in the scanner's own time.

    Where the value carries an offset from UTC and the header another one (0008,0201), the value
    is moved; an offset alone is taken for the scanner's own.
    """
    text = header.text(tag)
    whole = parse_datetime(text)
    if whole is None or text is None:
        return whole
    own, local = utc_offset(text[-5:]), utc_offset(header.text(tags.TIMEZONE_OFFSET_FROM_UTC))
    if own is None or local is None:
        return whole
    return whole - own + local


def acquisition_start(header: Header, *, undated: bool = False) -> datetime | None:
    """Start of a slice's acquisition; None if the time of day is not in the header.

    Acquisition Date and Time (0008,0022/0032), else Acquisition DateTime (0008,002A), else Frame
    Acquisition DateTime (0018,9074). A missing date is taken from the series or the study, one
    day later if the clock has passed midnight since. If there is no date at all, the result is
    None, or with `undated` on `UNDATED`.
    """
    clock = parse_time(header.text(tags.ACQUISITION_TIME))
    if clock is None:
        for tag in (tags.FRAME_ACQUISITION_DATETIME, tags.ACQUISITION_DATETIME):
            whole = local_datetime(header, tag)
            if whole is not None:
                return whole
        return None
    day = parse_date(header.text(tags.ACQUISITION_DATE))
    if day is not None:
        return datetime.combine(day, clock)
    start = _on_series_day(header, clock)
    return datetime.combine(UNDATED, clock) if start is None and undated else start


def _on_series_day(header: Header, clock: time) -> datetime | None:
    """Give a time of day on the day of the series or the study, or on the day after."""
    for date_tag, time_tag in (
        (tags.SERIES_DATE, tags.SERIES_TIME),
        (tags.STUDY_DATE, tags.STUDY_TIME),
    ):
        day = parse_date(header.text(date_tag))
        if day is None:
            continue
        start = parse_time(header.text(time_tag))
        whole = datetime.combine(day, clock)
        if start is not None and whole - datetime.combine(day, start) < timedelta(hours=-12):
            whole += timedelta(days=1)
        return whole
    return None


def series_start(header: Header) -> datetime | None:
    """Series Date and Time (0008,0021/0031); None if either is missing."""
    day, clock = (
        parse_date(header.text(tags.SERIES_DATE)),
        parse_time(header.text(tags.SERIES_TIME)),
    )
    return datetime.combine(day, clock) if day is not None and clock is not None else None


def scan_date(header: Header) -> date | None:
    """Give the day of a scan: acquisition, else series, else study, else content date."""
    start = acquisition_start(header)
    if start is not None:
        return start.date()
    for tag in (tags.ACQUISITION_DATE, tags.SERIES_DATE, tags.STUDY_DATE, tags.CONTENT_DATE):
        day = parse_date(header.text(tag))
        if day is not None:
            return day
    return None
