"""Units of laboratory values: physics converts, assays do not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.protocol.units import UNITS, convert, plain_unit, unit_for


@pytest.mark.parametrize(
    ("value", "unit", "target", "expected"),
    [
        ("0.345", "ug/L", "ng/L", "345"),
        ("345", "pg/mL", "ng/L", "345"),
        ("0.345", "ng/mL", "ng/L", "345"),
        ("20.1", "ng/mL", "ug/L", "20.1"),
        ("5", "mg/dL", "ug/L", "50000"),
        ("2", "nmol/L", "pmol/L", "2000"),
        ("1", "ukat/L", "U/L", "60"),
        ("4.2", "mU/mL", "U/L", "4.2"),
    ],
)
def test_physics_converts_exactly(value: str, unit: str, target: str, expected: str) -> None:
    """Prefixes and volumes are powers of ten; 1 ukat is 60 U."""
    assert convert(Decimal(value), unit, target) == Decimal(expected)


@pytest.mark.parametrize(
    ("unit", "target"), [("ug/L", "U/L"), ("nmol/L", "ug/L"), ("pmol/L", "U/L")]
)
def test_assays_do_not_convert(unit: str, target: str) -> None:
    """Mass, amount and activity are bridged by the assay, not by physics."""
    with pytest.raises(ValueError, match="property of the assay"):
        convert(Decimal(1), unit, target)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("µg/L", "ug/L"), ("μg/l", "ug/L"), ("mcg/L", "ug/L"), ("IU/L", "U/L"), (" ng/ml ", "ng/mL")],
)
def test_spellings_come_together(text: str, plain: str) -> None:
    """Micro sign, Greek mu and mcg are one; so are L and l."""
    assert plain_unit(text) == plain
    assert plain in UNITS


def test_a_marker_takes_units_of_its_dimensions_alone() -> None:
    """PINP in pg/mL becomes ug/L; in U/L it is refused."""
    assert unit_for("pg/mL", ("ug/L",)) == "ug/L"
    assert unit_for("U/L", ("ug/L",)) is None
    assert unit_for("furlong", ("ug/L",)) is None


@given(
    st.decimals("0.001", "9999", places=3),
    st.sampled_from([unit for unit in UNITS if unit.endswith("mol/L")]),
)
def test_there_and_back_is_the_same_value(value: Decimal, unit: str) -> None:
    """Powers of ten lose nothing."""
    assert convert(convert(value, unit, "pmol/L"), "pmol/L", unit) == value
