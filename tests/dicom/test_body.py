"""Normalisation of SUV by body size, against published numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.dicom import tags
from lesionscore.dicom.body import (
    SuvType,
    ideal_weight_kg,
    lean_mass_james_kg,
    lean_mass_janmahasatian_kg,
    surface_m2,
    suvbw_per_unit,
)
from lesionscore.dicom.header import Header
from lesionscore.dicom.parse import Item, Value
from lesionscore.dicom.policy import Notes, SuvPolicy
from lesionscore.errors import SuvError


def person(**elements: str) -> Header:
    """A header of 80 kg and 1.80 m, unless said otherwise."""
    values = {"PATIENT_WEIGHT": "80", "PATIENT_SIZE": "1.80", "PATIENT_SEX": "M", **elements}
    return Header(
        [Item({getattr(tags, name): Value("", text.encode()) for name, text in values.items()})]
    )


def test_the_published_masses_of_80_kg_and_180_cm() -> None:
    """James with 120 and 128, Janmahasatian, Du Bois, ideal weight."""
    assert lean_mass_james_kg(80, 180, "M", 120) == pytest.approx(64.2963, abs=5e-5)
    assert lean_mass_james_kg(80, 180, "M", 128) == pytest.approx(62.7160, abs=5e-5)
    assert lean_mass_james_kg(80, 180, "F", 128) == pytest.approx(56.3654, abs=5e-5)
    assert lean_mass_janmahasatian_kg(80, 180, "M") == pytest.approx(61.7314, abs=5e-5)
    assert lean_mass_janmahasatian_kg(80, 180, "F") == pytest.approx(50.0922, abs=5e-5)
    assert surface_m2(80, 180) == pytest.approx(1.996421, abs=5e-7)
    assert ideal_weight_kg(180, "M") == pytest.approx(77.68)
    assert ideal_weight_kg(180, "F") == pytest.approx(70.98)


@pytest.mark.parametrize(
    ("kind", "sex", "factor"),
    [
        ("BW", "M", 1.0),
        ("LBM", "M", 80 / 64.2963),
        ("LBM", "F", 80 / 56.3654),
        ("LBMJAMES128", "M", 80 / 62.7160),
        ("LBMJANMA", "O", 80 / ((61.7314 + 50.0922) / 2)),
        ("IBW", "F", 80 / 70.98),
        ("BSA", "", 80 / 19.96421),
    ],
)
def test_suv_of_another_type_becomes_suvbw(kind: str, sex: str, factor: float) -> None:
    """Truth table of SUV types."""
    found = suvbw_per_unit(SuvType(kind), person(PATIENT_SEX=sex), Notes())
    assert found == pytest.approx(factor, rel=1e-5)


@pytest.mark.parametrize(
    ("elements", "match"),
    [
        ({"PATIENT_WEIGHT": ""}, "Weight .* is empty"),
        ({"PATIENT_WEIGHT": "0"}, "Weight .* is 0"),
        ({"PATIENT_WEIGHT": "-3"}, "Weight .* is -3"),
        ({"PATIENT_SIZE": ""}, "Size .* is empty"),
        ({"PATIENT_SIZE": "1800"}, "Size .* is 1800; metres"),
        ({"PATIENT_SEX": ""}, "Sex .* is missing"),
        ({"PATIENT_SEX": "X"}, "Sex .* is X"),
        ({"PATIENT_WEIGHT": "400", "PATIENT_SIZE": "1.2"}, "is wrong"),
    ],
)
def test_a_person_that_cannot_be_is_refused(elements: dict[str, str], match: str) -> None:
    """The message names the element and what it holds."""
    with pytest.raises(SuvError, match=match):
        suvbw_per_unit(SuvType.LBM, person(**elements), Notes())


def test_grams_and_centimetres_are_read_and_said() -> None:
    """By the default policy; qiba refuses them."""
    notes = Notes()
    wrong = person(PATIENT_WEIGHT="80000", PATIENT_SIZE="180")
    right = suvbw_per_unit(SuvType.LBM, person(), Notes())
    assert suvbw_per_unit(SuvType.LBM, wrong, notes) == pytest.approx(right)
    assert {f.code for f in notes.findings} == {"weight_in_grams", "size_in_centimetres"}
    with pytest.raises(SuvError, match="kg is accepted"):
        suvbw_per_unit(SuvType.LBM, wrong, Notes(policy=SuvPolicy.QIBA))


@given(st.floats(55, 150), st.floats(145, 190), st.sampled_from("MF"))
def test_lean_is_less_than_whole(weight: float, size: float, sex: str) -> None:
    """No formula gives a lean mass above the weight."""
    assert lean_mass_janmahasatian_kg(weight, size, sex) < weight
    assert lean_mass_james_kg(weight, size, sex, 128) < weight * 1.1
