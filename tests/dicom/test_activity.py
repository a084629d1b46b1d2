"""Bq/ml to SUV, by hand and by invariance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.dicom import tags
from lesionscore.dicom.activity import activity_factor, slice_factor
from lesionscore.dicom.header import Header
from lesionscore.dicom.parse import Item, Value
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.timing import SeriesTimes, decay
from lesionscore.dicom.units import units_of
from lesionscore.errors import SuvError

F18_S = 6586.2
ENHANCED = {"UNITS": "", "SOP_CLASS_UID": "1.2.840.10008.5.1.4.1.1.130"}


def pet(weight_kg: float = 70.0, dose_bq: float = 200e6, **elements: str) -> Header:
    """A header of 45 minutes of uptake, START, reference at the series' start."""
    texts = {
        "PATIENT_WEIGHT": repr(weight_kg),
        "UNITS": "BQML",
        "DECAY_CORRECTION": "START",
        "SERIES_DATE": "20210316",
        "SERIES_TIME": "110000",
        "ACQUISITION_DATE": "20210316",
        "ACQUISITION_TIME": "110000",
        **elements,
    }
    inner = {
        "RADIONUCLIDE_TOTAL_DOSE": repr(dose_bq),
        "RADIONUCLIDE_HALF_LIFE": repr(F18_S),
        "RADIOPHARMACEUTICAL_START_TIME": "101500",
    }
    item = Item({getattr(tags, k): Value("", v.encode()) for k, v in texts.items()})
    injection = Item({getattr(tags, k): Value("", v.encode()) for k, v in inner.items()})
    item[tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE] = Value("SQ", b"", (injection,))
    return Header([item])


def factor(header: Header) -> float:
    """SUVbw per Bq/ml."""
    return activity_factor(header, SeriesTimes.from_headers([header]), Notes()).value


def test_the_worked_example() -> None:
    """5000 Bq/ml, 70 kg, 200 MBq, 45 min: 150 530 092.7 Bq are left, SUV is 2.32512."""
    assert 200e6 * decay(45 * 60, F18_S) == pytest.approx(150_530_092.7, abs=0.1)
    assert 5000 * factor(pet()) == pytest.approx(2.32512, abs=5e-6)


@given(st.floats(30, 200), st.floats(5e7, 9e8), st.floats(0.5, 1.6))
def test_weight_and_dose_together_leave_suv(weight: float, dose: float, scale: float) -> None:
    """Twice the patient with twice the dose has the same SUV."""
    assert factor(pet(weight * scale, dose * scale)) == pytest.approx(factor(pet(weight, dose)))


@given(st.floats(0, 5e5), st.floats(10, 1e6))
def test_decay_composes(elapsed_s: float, half_life_s: float) -> None:
    """Two steps are one; a half-life halves; nothing overflows."""
    assert decay(half_life_s, half_life_s) == pytest.approx(0.5)
    once = decay(elapsed_s / 2, half_life_s)
    if once > 1e-100:
        assert once * once == pytest.approx(decay(elapsed_s, half_life_s), rel=1e-9)
    assert decay(-1e12, 10.0) > 1e200


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"UNITS": "BQML"}, ("BQML", "")),
        ({"UNITS": "gml", "SUV_TYPE": "BW"}, ("GML", "BW")),
        ({**ENHANCED, "RESCALE_TYPE": "g/ml{SUVbw}"}, ("GML", "BW")),
        ({**ENHANCED, "RESCALE_TYPE": "{SUVbw}g/ml"}, ("GML", "BW")),
        ({**ENHANCED, "RESCALE_TYPE": "g/ml{SUVlbm(Janma)}"}, ("GML", "LBMJANMA")),
        ({**ENHANCED, "RESCALE_TYPE": "cm2/ml{SUVbsa}"}, ("CM2ML", "BSA")),
        ({**ENHANCED, "RESCALE_TYPE": "Bq/ml"}, ("BQML", "")),
    ],
)
def test_units_in_every_spelling(elements: dict[str, str], expected: tuple[str, str]) -> None:
    """Units, else the rescale type in UCUM, in the old and in the current form."""
    assert units_of(pet(**elements)) == expected


def test_rescale_type_stands_in_for_units_in_enhanced_pet_alone() -> None:
    """Elsewhere it holds anything; the refusal names the element that is missing."""
    classic = pet(UNITS="", RESCALE_TYPE="BQML", SOP_CLASS_UID="1.2.840.10008.5.1.4.1.1.128")
    with pytest.raises(SuvError, match=r"^Units \(0054,1001\) is missing"):
        units_of(classic)


@pytest.mark.parametrize("units", ["PROPCNTS", "PROPCPS", "1CM", "PCNT", "", "SUV"])
def test_other_units_are_refused(units: str) -> None:
    """The message lists those accepted."""
    with pytest.raises(SuvError, match="BQML, GML, CM2ML and Philips CNTS are accepted"):
        units_of(pet(UNITS=units, RESCALE_TYPE=""))


@pytest.mark.parametrize(
    ("units", "kind"), [("GML", "BSA"), ("CM2ML", "BW"), ("GML", "LBMFOO"), ("CM2ML", "LBM")]
)
def test_units_and_type_must_go_together(units: str, kind: str) -> None:
    """A surface has no grams."""
    header = pet(UNITS=units, SUV_TYPE=kind)
    with pytest.raises(SuvError, match=f"are {units} and SUV Type .* is {kind}"):
        slice_factor(header, SeriesTimes.from_headers([header]), Notes())


def test_decay_correction_must_be_said() -> None:
    """START, ADMIN or NONE."""
    with pytest.raises(SuvError, match="is missing; START, ADMIN and NONE"):
        factor(pet(DECAY_CORRECTION=""))
