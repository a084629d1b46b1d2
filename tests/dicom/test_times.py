"""Dates, times and the decay reference, worked out by hand."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header
from lesionscore.dicom.injection import injected_at
from lesionscore.dicom.parse import Item, Value
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.times import (
    acquisition_start,
    local_datetime,
    parse_date,
    parse_datetime,
    parse_time,
    scan_date,
)
from lesionscore.dicom.timing import average_activity_s
from lesionscore.errors import SuvError

F18_S = 6586.2
SCAN = datetime(2021, 3, 16, 11, 0)


def header(**elements: str) -> Header:
    """A header of text elements, by the names of their tags."""
    item = Item({getattr(tags, name): Value("", text.encode()) for name, text in elements.items()})
    return Header([item])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("20210316", date(2021, 3, 16)),
        ("2021.03.16", date(2021, 3, 16)),
        ("20210230", None),
        ("00010101", None),
        ("", None),
        (None, None),
        ("yesterday", None),
    ],
)
def test_dates(text: str | None, found: date | None) -> None:
    """DA, the old form with dots, placeholders and nonsense."""
    assert parse_date(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("101500", time(10, 15)),
        ("1015", time(10, 15)),
        ("10", time(10)),
        ("10:15:30", time(10, 15, 30)),
        ("101530.25", time(10, 15, 30, 250_000)),
        ("101530.123456789", time(10, 15, 30, 123_456)),
        ("101560", time(10, 15, 59)),
        ("2515", None),
        ("", None),
    ],
)
def test_times(text: str, found: time | None) -> None:
    """TM, from hours alone to fractions; a leap second is the last one."""
    assert parse_time(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("20210316101500", datetime(2021, 3, 16, 10, 15)),
        ("20210316101500.5+0100", datetime(2021, 3, 16, 10, 15, 0, 500_000)),
        ("202103161015", datetime(2021, 3, 16, 10, 15)),
        ("20210316", None),
        ("2021", None),
    ],
)
def test_datetimes(text: str, found: datetime | None) -> None:
    """DT needs a time of day: a date alone says nothing about minutes."""
    assert parse_datetime(text) == found


def test_a_time_in_another_zone_is_moved() -> None:
    """UTC beside a header that is two hours ahead; without a zone nothing is moved."""
    start = "RADIOPHARMACEUTICAL_START_DATETIME"
    ahead = header(**{start: "20210316081500+0000", "TIMEZONE_OFFSET_FROM_UTC": "+0200"})
    assert local_datetime(ahead, tags.RADIOPHARMACEUTICAL_START_DATETIME) == datetime(
        2021, 3, 16, 10, 15
    )
    alone = header(**{start: "20210316081500+0000"})
    assert local_datetime(alone, tags.RADIOPHARMACEUTICAL_START_DATETIME) == datetime(
        2021, 3, 16, 8, 15
    )


def test_the_start_of_an_acquisition() -> None:
    """Date and time; a lone time on the series' day or past midnight; DateTime; nothing."""
    assert acquisition_start(
        header(ACQUISITION_DATE="20210316", ACQUISITION_TIME="1015")
    ) == datetime(2021, 3, 16, 10, 15)
    past = header(SERIES_DATE="20210316", SERIES_TIME="235800", ACQUISITION_TIME="000300")
    assert acquisition_start(past) == datetime(2021, 3, 17, 0, 3)
    assert acquisition_start(header(ACQUISITION_DATETIME="20210316101500")) == datetime(
        2021, 3, 16, 10, 15
    )
    assert acquisition_start(header(ACQUISITION_TIME="1015")) is None
    undated = acquisition_start(header(ACQUISITION_TIME="1015"), undated=True)
    assert undated is not None
    assert undated.time() == time(10, 15)
    assert scan_date(header(STUDY_DATE="20210315")) == date(2021, 3, 15)
    assert scan_date(header()) is None


@pytest.mark.parametrize(
    ("duration_s", "average_s"), [(60, 29.984), (120, 59.937), (180, 89.858), (300, 149.605)]
)
def test_the_time_of_average_activity(duration_s: float, average_s: float) -> None:
    """A little before the middle of the frame, as published for 18F."""
    assert average_activity_s(duration_s, F18_S) == pytest.approx(average_s, abs=5e-4)


@given(st.floats(1e-6, 1e5), st.floats(10, 1e6))
def test_the_average_lies_in_the_first_half(duration_s: float, half_life_s: float) -> None:
    """Activity falls, so its mean is met before the middle."""
    assert 0 < average_activity_s(duration_s, half_life_s) <= duration_s / 2 * (1 + 1e-9)


def injected(half_life_s: float = F18_S, scan: datetime = SCAN, **elements: str) -> datetime:
    """When the tracer was injected, by the default policy."""
    names = {f"RADIOPHARMACEUTICAL_START_{name.upper()}": text for name, text in elements.items()}
    return injected_at(header(**names), scan, half_life_s, Notes())


def test_the_injection_by_either_element() -> None:
    """DateTime, time alone, time of yesterday evening."""
    assert injected(datetime="20210316101500") == SCAN - timedelta(minutes=45)
    assert injected(time="101500") == SCAN - timedelta(minutes=45)
    night = datetime(2021, 3, 16, 0, 20)
    assert injected(scan=night, time="233500") == night - timedelta(minutes=45)


@pytest.mark.parametrize("shifted", ["20210317101500", "20110101101500", "20990316101500"])
def test_a_shifted_date_leaves_the_clock(shifted: str) -> None:
    """Dates that anonymisation moved do no harm, forwards or backwards."""
    assert injected(datetime=shifted) == SCAN - timedelta(minutes=45)


def test_a_long_half_life_needs_the_date() -> None:
    """For 89Zr a time of day says nothing about days."""
    zirconium_s = 282_276.0
    whole = injected(zirconium_s, datetime="20210313101500")
    assert whole == SCAN - timedelta(days=3, minutes=45)
    for elements in ({"time": "101500"}, {"datetime": "20010313101500"}):
        with pytest.raises(SuvError, match=r"half-life of 78\.4 h needs it"):
            injected(zirconium_s, **elements)


def test_a_placeholder_is_no_time() -> None:
    """Midnight of another century is what anonymisers write."""
    with pytest.raises(SuvError, match="placeholder"):
        injected(datetime="19000101000000")
    with pytest.raises(SuvError, match="both missing"):
        injected()


@given(st.integers(0, 1439), st.integers(1, 235))
def test_any_uptake_at_any_hour_is_found(minute_of_day: int, uptake_min: int) -> None:
    """With or without the date, also across midnight."""
    scan = datetime(2021, 3, 16) + timedelta(minutes=minute_of_day)
    start = scan - timedelta(minutes=uptake_min)
    assert injected(scan=scan, time=f"{start:%H%M%S}") == start
    assert injected(scan=scan, datetime=f"{start:%Y%m%d%H%M%S}") == start
