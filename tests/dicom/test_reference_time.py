"""The decay reference of START images: each rule, and what is said when they disagree."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lesionscore.dicom import SuvPolicy, tags
from lesionscore.dicom.header import Header
from lesionscore.dicom.parse import Item, Value
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.reference_time import start_reference
from lesionscore.dicom.timing import SeriesTimes, read_timing
from lesionscore.errors import SuvError

F18_S = 6586.2
BASE = {
    "MANUFACTURER": "Synthetic",
    "SERIES_DATE": "20210316",
    "SERIES_TIME": "110000",
    "ACQUISITION_DATE": "20210316",
    "ACQUISITION_TIME": "110500",
    "FRAME_REFERENCE_TIME": "449605",  # 300 s later than the series, average after 149.605 s
    "ACTUAL_FRAME_DURATION": "300000",
}
LATE = {**BASE, "SERIES_TIME": "123000"}


def header(**elements: str | None) -> Header:
    """A header of text elements; None leaves one out."""
    item = Item(
        {
            getattr(tags, name): Value("", text.encode())
            for name, text in elements.items()
            if text is not None
        }
    )
    return Header([item])


def private(elements: dict[str, str], group: int, element: int, creator: str, text: str) -> Header:
    """A header with one private element in block 10."""
    item = Item({getattr(tags, name): Value("", t.encode()) for name, t in elements.items()})
    item[(group << 16) | 0x10] = Value("LO", creator.encode())
    item[(group << 16) | 0x1000 | element] = Value("DT", text.encode())
    return Header([item])


def reference(
    one: Header, policy: SuvPolicy = SuvPolicy.IBSI, *others: Header
) -> tuple[str, str, set[str]]:
    """Time of day, rule and codes of the findings."""
    notes = Notes(policy=policy)
    series = SeriesTimes.from_headers([one, *others])
    found = start_reference(one, read_timing(one, F18_S), series, notes)
    second = found.time + timedelta(milliseconds=500)  # headers round
    return f"{second:%H:%M:%S}", found.rule, {finding.code for finding in notes.findings}


GE, SIEMENS = (0x0009, 0x0D, "GEMS_PETD_01"), (0x0071, 0x22, "SIEMENS MED PT")

RULES = {
    "acquisition is series": (
        header(**{**BASE, "SERIES_TIME": "110500.9", "FRAME_REFERENCE_TIME": "149605"}),
        ("11:05:00", "acquisition_is_series"),
    ),
    "frame reference time": (header(**BASE), ("11:00:00", "frame_reference_time")),
    "frame reference time, late series": (header(**LATE), ("11:00:00", "frame_reference_time")),
    "frame reference time of GE": (
        header(**{**LATE, "MANUFACTURER": "GE MEDICAL SYSTEMS", "FRAME_REFERENCE_TIME": "300000"}),
        ("11:00:00", "frame_reference_time_ge"),
    ),
    "GE without duration": (
        header(
            **{
                **LATE,
                "MANUFACTURER": "GE MEDICAL SYSTEMS",
                "FRAME_REFERENCE_TIME": "300000",
                "ACTUAL_FRAME_DURATION": None,
            }
        ),
        ("11:00:00", "frame_reference_time_ge"),
    ),
    "private of GE": (private(LATE, *GE, "20210316110000.00"), ("11:00:00", "vendor_private")),
    "private of Siemens": (
        private(LATE, *SIEMENS, "20210316110000"),
        ("11:00:00", "vendor_private"),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_ibsi_takes_the_first_rule_that_applies(name: str) -> None:
    """Truth table of the rules, times by hand."""
    one, expected = RULES[name]
    assert reference(one)[:2] == expected


QIBA_RULES = {
    "series before acquisition": (header(**BASE), ("11:00:00", "series")),
    "late series, GE private": (
        private(LATE, *GE, "20210316110000"),
        ("11:00:00", "vendor_private"),
    ),
    "late series, frame reference time": (header(**LATE), ("11:00:00", "frame_reference_time")),
    "late series, nothing else": (
        header(**{**LATE, "FRAME_REFERENCE_TIME": "0"}),
        ("11:05:00", "earliest_acquisition"),
    ),
}


@pytest.mark.parametrize("name", QIBA_RULES)
def test_qiba_asks_the_series_time_first(name: str) -> None:
    """Truth table of the pseudo-code's branches."""
    one, expected = QIBA_RULES[name]
    assert reference(one, SuvPolicy.QIBA)[:2] == expected


REFUSED = {
    "no duration": {"ACTUAL_FRAME_DURATION": None},
    "no frame reference time": {"FRAME_REFERENCE_TIME": None},
    "frame reference time below 0": {"FRAME_REFERENCE_TIME": "-5"},
    "no acquisition time": {"ACQUISITION_TIME": None},
    "a duration of 0": {"ACTUAL_FRAME_DURATION": "0"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_without_any_rule_there_is_no_reference(name: str) -> None:
    """Refused, and the message says what was looked for."""
    with pytest.raises(SuvError, match="cannot be known"):
        reference(header(**{**LATE, **REFUSED[name]}))


def test_candidates_that_disagree_are_said_with_the_difference() -> None:
    """Rule chosen, alternative, and what it would do to SUV."""
    notes = Notes()
    one = header(**{**BASE, "FRAME_REFERENCE_TIME": "149605"})
    series = SeriesTimes.from_headers([one])
    found = start_reference(one, read_timing(one, F18_S), series, notes)
    assert abs(found.time - datetime(2021, 3, 16, 11, 5)) < timedelta(seconds=0.01)
    (finding,) = notes.findings
    assert finding.code == "reference_time_disagrees"
    assert "11:05:00 by frame_reference_time; series gives 11:00:00" in finding.message
    assert f"{100 * (2 ** (-300 / F18_S) - 1):+.1f} %" in finding.message


def test_the_decay_factor_tells_the_vendors_convention() -> None:
    """Agreeing it says nothing; disagreeing it is a finding; exactly 1 it tells nothing."""
    right = 2 ** (449.605 / F18_S)
    assert reference(header(**{**BASE, "DECAY_FACTOR": f"{right:.6f}"}))[2] == set()
    wrong = reference(header(**{**BASE, "DECAY_FACTOR": f"{right * 1.065:.6f}"}))
    assert wrong[2] == {"reference_time_disagrees"}
    assert reference(header(**{**BASE, "DECAY_FACTOR": "1.0"}))[2] == set()


def test_a_frame_reference_time_that_is_0_in_every_bed_is_a_placeholder() -> None:
    """The decay factors rise from bed to bed, so they are believed, and that is said."""
    first = header(
        **{**LATE, "ACQUISITION_TIME": "110000", "FRAME_REFERENCE_TIME": "0"},
        DECAY_FACTOR=f"{2 ** (149.605 / F18_S):.6f}",
    )
    second = header(
        **{**LATE, "FRAME_REFERENCE_TIME": "0"}, DECAY_FACTOR=f"{2 ** (449.605 / F18_S):.6f}"
    )
    time, rule, codes = reference(second, SuvPolicy.IBSI, first)
    assert (time, rule) == ("11:00:00", "decay_factor_alone")
    assert "frame_reference_time_placeholder" in codes
    assert reference(second)[:2] == ("11:07:30", "frame_reference_time")


def test_a_private_time_on_another_date_keeps_its_clock() -> None:
    """Anonymisation that moved the standard dates and not the private one."""
    time, rule, codes = reference(private(LATE, *SIEMENS, "20190101110000"))
    assert (time, rule) == ("11:00:00", "vendor_private")
    assert "private_date_does_not_fit" in codes


def test_a_private_element_without_its_creator_needs_the_manufacturer() -> None:
    """Block 10 with no creator counts for the vendor alone; under another name not at all."""
    item = dict(LATE)
    for maker, rule in (("SIEMENS", "vendor_private"), ("UIH", "frame_reference_time")):
        one = private({**item, "MANUFACTURER": maker}, *SIEMENS, "20210316110000")
        layer = one._layers[0]
        del layer[0x0071_0010]  # type: ignore[attr-defined]
        assert reference(one)[1] == rule
    stranger = private(item, 0x0071, 0x22, "SOMEBODY ELSE", "20210316093000")
    assert reference(stranger)[1] == "frame_reference_time"
