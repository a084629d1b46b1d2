"""When the tracer was injected, how much of it, and what is refused."""

from __future__ import annotations

import pytest

from lesionscore.dicom import tags
from lesionscore.dicom.activity import activity_factor
from lesionscore.dicom.body import weight_kg
from lesionscore.dicom.header import Header
from lesionscore.dicom.injection import radiopharmaceutical
from lesionscore.dicom.parse import Item, Value
from lesionscore.dicom.policy import Notes, SuvPolicy
from lesionscore.dicom.timing import SeriesTimes
from lesionscore.errors import SuvError

F18 = "77004003"


def injection(**elements: str) -> Item:
    """An injection of 18F-NaF, 45 minutes before the scan of `pet`."""
    texts = {
        "RADIONUCLIDE_TOTAL_DOSE": "200000000",
        "RADIONUCLIDE_HALF_LIFE": "6586.2",
        "RADIOPHARMACEUTICAL_START_TIME": "101500",
        **elements,
    }
    item = Item({getattr(tags, k): Value("", v.encode()) for k, v in texts.items()})
    code = Item({tags.CODE_VALUE: Value("", F18.encode())})
    item[tags.RADIONUCLIDE_CODE_SEQUENCE] = Value("SQ", b"", (code,))
    return item


def pet(*items: Item, **elements: str) -> Header:
    """A header of START whose reference is 11:00, in a frame of three minutes."""
    texts = {
        "PATIENT_WEIGHT": "70",
        "DECAY_CORRECTION": "START",
        "SERIES_DATE": "20210316",
        "SERIES_TIME": "110000",
        "ACQUISITION_DATE": "20210316",
        "ACQUISITION_TIME": "110000",
        "ACTUAL_FRAME_DURATION": "180000",
        **elements,
    }
    item = Item({getattr(tags, k): Value("", v.encode()) for k, v in texts.items()})
    item[tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE] = Value("SQ", b"", items)
    return Header([item])


def codes(header: Header, policy: SuvPolicy = SuvPolicy.IBSI) -> set[str]:
    """Work out the factor; give the codes of the findings."""
    notes = Notes(policy=policy)
    activity_factor(header, SeriesTimes.from_headers([header]), notes)
    return {finding.code for finding in notes.findings}


def test_a_plain_injection_says_nothing() -> None:
    """The base of the others here."""
    assert codes(pet(injection())) == set()


@pytest.mark.parametrize("policy", SuvPolicy)
@pytest.mark.parametrize("start", ["20210316110400", "20210316112000"])
def test_an_injection_after_the_frame_is_refused(start: str, policy: SuvPolicy) -> None:
    """Nothing can have been measured before anything was injected."""
    with pytest.raises(SuvError, match="after"):
        codes(pet(injection(RADIOPHARMACEUTICAL_START_DATETIME=start)), policy)


def test_an_injection_within_the_frame_is_said() -> None:
    """A dynamic acquisition may begin before the injection."""
    start = {"RADIOPHARMACEUTICAL_START_DATETIME": "20210316110100"}
    assert "injection_after_scan" in codes(pet(injection(**start)))


@pytest.mark.parametrize("policy", SuvPolicy)
def test_an_afternoon_injection_is_not_moved_to_the_day_before(policy: SuvPolicy) -> None:
    """A time of day later than the scan's may mean midnight, but not 22 hours of 18F."""
    with pytest.raises(SuvError, match="half-lives"):
        codes(pet(injection(RADIOPHARMACEUTICAL_START_TIME="130000")), policy)


def test_a_late_scan_is_measured() -> None:
    """Five hours of uptake are unusual, not impossible."""
    codes(pet(injection(RADIOPHARMACEUTICAL_START_TIME="060000")))


@pytest.mark.parametrize("half_life", ["4062.6", "1221.8", "7200"])
def test_a_half_life_of_another_nuclide_is_refused(half_life: str) -> None:
    """The header contradicts itself by more than 1 % of SUV, and which half is wrong is open."""
    with pytest.raises(SuvError, match=r"18F.*SUV would change by [+-]\d"):
        codes(pet(injection(RADIONUCLIDE_HALF_LIFE=half_life)))


@pytest.mark.parametrize("half_life", ["6586.2", "6588", "6600", "6570"])
def test_usual_half_lives_say_nothing(half_life: str) -> None:
    """109.5 to 110.2 minutes are all found in headers of 18F."""
    assert codes(pet(injection(RADIONUCLIDE_HALF_LIFE=half_life))) == set()


def test_a_half_life_a_little_off_is_said() -> None:
    """2 % off change SUV by half a percent after 45 minutes."""
    assert codes(pet(injection(RADIONUCLIDE_HALF_LIFE="6720"))) == {"half_life_not_nuclide"}


def test_a_tracer_names_its_nuclide() -> None:
    """NaF and FDG are 18F, whether or not the header has a code for it."""
    item = injection(RADIONUCLIDE_HALF_LIFE="4062.6", RADIOPHARMACEUTICAL="NaF")
    del item[tags.RADIONUCLIDE_CODE_SEQUENCE]
    with pytest.raises(SuvError, match="18F"):
        codes(pet(item))


def test_another_tracer_names_none() -> None:
    """What is not known is not contradicted."""
    item = injection(RADIONUCLIDE_HALF_LIFE="4062.6", RADIOPHARMACEUTICAL="PSMA-11")
    del item[tags.RADIONUCLIDE_CODE_SEQUENCE]
    assert codes(pet(item)) == set()


def test_one_injection_listed_twice_counts_once() -> None:
    """Some writers repeat the item; an empty second one says nothing either."""
    for second in (injection(), Item({tags.RADIOPHARMACEUTICAL: Value("", b"NaF")})):
        assert codes(pet(injection(), second)) == {"several_injections"}


@pytest.mark.parametrize(
    "second",
    [
        {"RADIONUCLIDE_TOTAL_DOSE": "100000000"},
        {"RADIOPHARMACEUTICAL_START_TIME": "104500"},
        {"RADIONUCLIDE_HALF_LIFE": "4062.6"},
    ],
    ids=["dose", "time", "half-life"],
)
def test_two_injections_are_refused(second: dict[str, str]) -> None:
    """The activity in the image is that of both."""
    with pytest.raises(SuvError, match="2 injections that differ"):
        radiopharmaceutical(pet(injection(), injection(**second)), Notes())


@pytest.mark.parametrize("text", ["72,0", "72 kg", "72.0.1"])
def test_a_malformed_weight_is_quoted(text: str) -> None:
    """Not called missing, and no option of de-identification is recommended for it."""
    with pytest.raises(SuvError, match="which is no number") as caught:
        weight_kg(pet(injection(), PATIENT_WEIGHT=text), Notes())
    assert repr(text) in str(caught.value)
    assert "de-identify" not in str(caught.value)


@pytest.mark.parametrize("dose", ["5.36", "0.37", "5000", "198400", "1e11"])
def test_a_dose_in_another_unit_is_refused(dose: str) -> None:
    """mCi, GBq, uCi, kBq, and mBq: a dose of a person in neither Bq nor MBq."""
    with pytest.raises(SuvError, match="Radionuclide Total Dose"):
        codes(pet(injection(RADIONUCLIDE_TOTAL_DOSE=dose)))


@pytest.mark.parametrize("weight", ["0.07", "720", "999"])
def test_a_weight_of_nobody_is_refused(weight: str) -> None:
    """Neither kg nor grams."""
    with pytest.raises(SuvError, match="nobody weighs"):
        weight_kg(pet(injection(), PATIENT_WEIGHT=weight), Notes())


@pytest.mark.parametrize(
    "start",
    [
        {"RADIOPHARMACEUTICAL_START_TIME": "10"},
        {"RADIOPHARMACEUTICAL_START_DATETIME": "2021031610"},
        {"RADIOPHARMACEUTICAL_START_DATETIME": "2021031610+0100"},
    ],
    ids=["time", "datetime", "datetime with zone"],
)
def test_an_injection_to_the_hour_is_refused(start: dict[str, str]) -> None:
    """Half an hour of 18F is 17 % of SUV."""
    with pytest.raises(SuvError, match="hour alone"):
        codes(pet(injection(**start)))


def test_an_injection_to_the_minute_is_taken() -> None:
    """As some writers have it."""
    assert codes(pet(injection(RADIOPHARMACEUTICAL_START_TIME="1015"))) == set()


def test_a_malformed_time_is_quoted() -> None:
    """Not called missing."""
    with pytest.raises(SuvError, match=r"Start Time \(0018,1072\) 93300: no time of day"):
        codes(pet(injection(RADIOPHARMACEUTICAL_START_TIME="93300")))
