"""The injection: how much, of what half-life, and when."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from lesionscore.dicom import tags
from lesionscore.dicom.deidentification import explain
from lesionscore.dicom.header import Header
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.times import local_datetime, parse_time
from lesionscore.dicom.tracer import nuclide_of, unit_of_half_life
from lesionscore.errors import Severity, SuvError

MBQ_BELOW_BQ = 1e4
PLAUSIBLE_DOSE_BQ = (2e7, 1.5e9)  # 0.5 to 40 mCi
POSSIBLE_DOSE_BQ = (1e6, 1e10)
"""No person is given less or more for a PET; a header that says so has another unit."""
EARLIEST_S = -3600.0
"""A scan may start up to an hour before the injection (dynamic acquisitions)."""
LATEST_HALF_LIVES = 2.0
SHORTEST_S, LONGEST_S = 10.0, 1e8
LONG_LIVED_S = 41_400.0
"""From this half-life on (11.5 h) a time of day without its date says nothing."""
ONE_DAY = timedelta(days=1)
TIMES_AGREE_S = 95.0  # 1 % of SUV for 18F
SAME_FRACTION = 1e-3


def radiopharmaceutical(header: Header, notes: Notes) -> Header:
    """Give the item that describes the injection.

    Raises
    ------
    SuvError
        If there is none, or if there are several that contradict each other.
    """
    items = header.items(tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)
    if not items:
        raise SuvError(
            "Radiopharmaceutical Information Sequence (0054,0016) is missing: dose, half-life and "
            "injection time cannot be known. Send the series from the scanner, or the worksheet's "
            "values in the header."
        )
    if len(items) > 1:
        if not all(_is_same_injection(items[0], other) for other in items[1:]):
            raise SuvError(
                f"Radiopharmaceutical Information Sequence (0054,0016) lists {len(items)} "
                "injections that differ in dose, half-life or time: which of them the image shows "
                "cannot be known. Send a header with the one injection."
            )
        notes.add(
            "several_injections",
            f"the header lists one injection {len(items)} times; it was counted once",
        )
    return header.within(tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)


def _is_same_injection(one: Header, other: Header) -> bool:
    """Whether two items say the same of an injection, or the second says nothing of it."""
    for tag in (tags.RADIONUCLIDE_TOTAL_DOSE, tags.RADIONUCLIDE_HALF_LIFE):
        first, second = one.number(tag), other.number(tag)
        if second is not None and (
            first is None or abs(second - first) > SAME_FRACTION * abs(first)
        ):
            return False
    return all(
        other.text(tag) in (None, one.text(tag))
        for tag in (tags.RADIOPHARMACEUTICAL_START_TIME, tags.RADIOPHARMACEUTICAL_START_DATETIME)
    )


def dose_bq(item: Header, notes: Notes) -> float:
    """Radionuclide Total Dose (0018,1074) in Bq.

    Raises
    ------
    SuvError
        If it is missing, not above 0, or no dose of a person; under ``qiba`` also if it can only
        be MBq.

    Notes
    -----
    Under ``ibsi`` a dose below 10,000 is read as MBq, and recorded.
    """
    dose = item.number(tags.RADIONUCLIDE_TOTAL_DOSE)
    if dose is None or not dose > 0:
        raise SuvError(
            "Radionuclide Total Dose (0018,1074) is "
            f"{item.said(tags.RADIONUCLIDE_TOTAL_DOSE)}; SUV needs the injected activity in Bq"
        )
    if dose < MBQ_BELOW_BQ:
        if notes.is_strict:
            raise SuvError(f"Radionuclide Total Dose (0018,1074) is {dose:g}; Bq is accepted")
        notes.add(
            "dose_in_mbq", f"the dose {dose:g} is too small for Bq and was read as {dose:g} MBq"
        )
        dose *= 1e6
        if not PLAUSIBLE_DOSE_BQ[0] <= dose <= PLAUSIBLE_DOSE_BQ[1]:
            raise SuvError(
                f"Radionuclide Total Dose (0018,1074) is {dose / 1e6:g}, which is a dose neither "
                "in Bq nor in MBq; Bq is accepted"
            )
    if not POSSIBLE_DOSE_BQ[0] <= dose <= POSSIBLE_DOSE_BQ[1]:
        raise SuvError(
            f"Radionuclide Total Dose (0018,1074) is {dose:g} Bq, which nobody is given; Bq is "
            "accepted"
        )
    low, high = PLAUSIBLE_DOSE_BQ
    if not low <= dose <= high:
        notes.add("dose_implausible", f"the injected dose is {dose / 1e6:g} MBq")
    return dose


def half_life_s(item: Header) -> float:
    """Radionuclide Half Life (0018,1075) in s.

    Raises
    ------
    SuvError
        If it is missing or not above 0, or is the nuclide's in minutes or hours.
    """
    half_life = item.number(tags.RADIONUCLIDE_HALF_LIFE)
    if half_life is None or not half_life > 0:
        raise SuvError(
            "Radionuclide Half Life (0018,1075) is "
            f"{item.said(tags.RADIONUCLIDE_HALF_LIFE)}; decay needs it in seconds"
        )
    if not SHORTEST_S <= half_life <= LONGEST_S:
        raise SuvError(f"Radionuclide Half Life (0018,1075) is {half_life:g} s; no tracer has that")
    nuclide = nuclide_of(item)
    unit = None if nuclide is None else unit_of_half_life(half_life, nuclide)
    if nuclide is not None and unit is not None:
        raise SuvError(
            f"Radionuclide Half Life (0018,1075) is {half_life:g}, which is that of {nuclide.name} "
            f"in {unit}; seconds are accepted"
        )
    return half_life


def injected_at(item: Header, reference: datetime, half_life: float, notes: Notes) -> datetime:
    """Date and time of the injection, given the time to which activity is decay corrected.

    Parameters
    ----------
    item : Header
        Item of (0054,0016).
    reference : datetime
        The decay reference time.
    half_life : float
        Seconds.
    notes : Notes
        Takes what was repaired.

    Returns
    -------
    datetime
        The injection, with the reference's date where the header's own date does not fit.

    Raises
    ------
    SuvError
        If neither time is there, or only a time of day of a long-lived nuclide.

    Notes
    -----
    IBSI-SUV 3.0: the DateTime counts if it lies between an hour after and two half-lives before
    the reference. Otherwise only the time of day counts, on the reference's day or, if that is
    more than an hour later, the day before: dates that anonymisation moved do no harm.
    """
    whole = local_datetime(item, tags.RADIOPHARMACEUTICAL_START_DATETIME)
    clock = parse_time(item.text(tags.RADIOPHARMACEUTICAL_START_TIME))
    if whole is None and clock is None:
        raise _no_start(item)
    _check_precision(item, whole)
    if notes.is_strict:
        return _strict(whole, clock, reference, half_life, notes)
    if whole is not None:
        late = (reference - whole).total_seconds()
        if EARLIEST_S <= late < LATEST_HALF_LIVES * half_life:
            _compare(whole, clock, notes)
            return whole
    if half_life >= LONG_LIVED_S:
        raise SuvError(
            "the injection's date is missing or does not fit the scan's, and a half-life of "
            f"{half_life / 3600:.1f} h needs it: Radiopharmaceutical Start DateTime (0018,1078)."
            + explain(item, tags.RADIOPHARMACEUTICAL_START_DATETIME)
        )
    if whole is not None and clock is None:
        far = abs(reference - whole) > ONE_DAY
        if far and whole.hour == whole.minute == whole.second == 0:
            raise SuvError(
                "Radiopharmaceutical Start DateTime (0018,1078) is a placeholder without a "
                "time of day." + explain(item, tags.RADIOPHARMACEUTICAL_START_DATETIME)
            )
        clock = whole.time()
    assert clock is not None
    when = datetime.combine(reference.date(), clock)
    if (reference - when).total_seconds() < EARLIEST_S:
        when -= ONE_DAY
        notes.add(
            "injection_before_midnight",
            "the injection was dated on the day before the scan: its time of day is later",
            Severity.INFO,
        )
    if whole is not None and when != whole:
        notes.add(
            "injection_date_does_not_fit",
            "Radiopharmaceutical Start DateTime (0018,1078) lies "
            f"{_hours(reference - whole)} the scan; only the time of day was used",
        )
    return when


def _no_start(item: Header) -> SuvError:
    """Say what stands in place of the injection's time."""
    elements = {
        "Start DateTime (0018,1078)": item.text(tags.RADIOPHARMACEUTICAL_START_DATETIME),
        "Start Time (0018,1072)": item.text(tags.RADIOPHARMACEUTICAL_START_TIME),
    }
    if not any(elements.values()):
        return SuvError(
            "Radiopharmaceutical Start DateTime (0018,1078) and Start Time (0018,1072) are both "
            "missing: the decay since the injection cannot be known."
            + explain(item, tags.RADIOPHARMACEUTICAL_START_TIME)
        )
    said = " and ".join(f"{name} {text or 'missing'}" for name, text in elements.items())
    return SuvError(f"Radiopharmaceutical {said}: no time of day can be read; HHMMSS is accepted")


def _check_precision(item: Header, whole: datetime | None) -> None:
    """Refuse a time of injection that is given to the hour alone."""
    tag, digits = tags.RADIOPHARMACEUTICAL_START_TIME, len("HH")
    if whole is not None:
        tag, digits = tags.RADIOPHARMACEUTICAL_START_DATETIME, len("YYYYMMDDHH")
    text = re.split(r"[.+-]", item.text(tag) or "")[0]
    if len(text) == digits:
        raise SuvError(
            f"the injection's time {text} ({tag >> 16:04X},{tag & 0xFFFF:04X}) is given to the "
            "hour alone; SUV needs it to the minute"
        )


def _strict(
    whole: datetime | None, clock: time | None, reference: datetime, half_life: float, notes: Notes
) -> datetime:
    """QIBA: the DateTime as it stands, else the time on the day of the scan or the day before."""
    if whole is None:
        assert clock is not None
        whole = datetime.combine(reference.date(), clock)
        if whole > reference:
            whole -= ONE_DAY
    else:
        _compare(whole, clock, notes)
    late = (reference - whole).total_seconds()
    if late < 0 or (late > 24 * 3600 and half_life < LONG_LIVED_S):
        raise SuvError(
            f"Radiopharmaceutical Start DateTime (0018,1078) lies {_hours(reference - whole)} the "
            "scan; an injection within 24 h before the scan is accepted"
        )
    return whole


def _compare(whole: datetime, clock: time | None, notes: Notes) -> None:
    """Record where DateTime and Time of the injection disagree."""
    if clock is None:
        return
    apart = abs((whole - datetime.combine(whole.date(), clock)).total_seconds())
    apart = min(apart, 86_400 - apart)
    if apart > TIMES_AGREE_S:
        notes.add(
            "injection_times_disagree",
            f"Radiopharmaceutical Start DateTime (0018,1078) and Start Time (0018,1072) are "
            f"{apart / 60:.1f} min apart; the DateTime was used",
        )


def _hours(late: timedelta) -> str:
    """Distance of the injection from the scan in words."""
    hours = late.total_seconds() / 3600
    return f"{abs(hours):.1f} h {'before' if hours >= 0 else 'after'}"
