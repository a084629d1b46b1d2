"""Typed access to a header: what is absent or malformed is None, never an error."""

from __future__ import annotations

import pytest

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header, plain_number, plain_text
from lesionscore.dicom.parse import Item, Value


def header(**elements: Value) -> Header:
    """A header of some elements."""
    item = Item({getattr(tags, name): value for name, value in elements.items()})
    return Header([item])


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [
        (b"1.5\\2.5", (1.5, 2.5)),
        (b" 72 ", (72.0,)),
        (b"72,5", ()),
        (b"", ()),
        (b"nan", ()),
        (b"1e999", ()),
        (b"kg", ()),
        (b"1\\", ()),
    ],
)
def test_decimal_strings(raw: bytes, numbers: tuple[float, ...]) -> None:
    """Finite numbers or nothing."""
    assert header(PATIENT_WEIGHT=Value("DS", raw)).numbers(tags.PATIENT_WEIGHT) == numbers


def test_what_an_element_holds_is_said() -> None:
    """For messages: missing, empty, the number, or the text that is none."""
    assert header().said(tags.PATIENT_WEIGHT) == "missing"
    assert header(PATIENT_WEIGHT=Value("DS", b"")).said(tags.PATIENT_WEIGHT) == "empty"
    assert header(PATIENT_WEIGHT=Value("DS", b"72.50")).said(tags.PATIENT_WEIGHT) == "72.5"
    assert header(PATIENT_WEIGHT=Value("DS", b"72,5")).said(tags.PATIENT_WEIGHT) == (
        "'72,5', which is no number"
    )


def test_binary_numbers_follow_the_byte_order() -> None:
    """US in both orders; a length that does not fit is nothing."""
    item = Item({tags.ROWS: Value("US", b"\x02\x00")})
    assert Header([item]).integer(tags.ROWS) == 2
    assert Header([item], is_big_endian=True).integer(tags.ROWS) == 512
    assert header(ROWS=Value("US", b"\x02")).integer(tags.ROWS) is None


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (b"ISO_IR 100", "Körper".encode("latin-1"), "Körper"),
        (b"ISO_IR 192", "骨 NaF".encode(), "骨 NaF"),
        (b"ISO_IR 144", "Кость".encode("iso8859-5"), "Кость"),
        (b"ISO 2022 IR 100", b"Bone", "Bone"),
        (b"NOBODY KNOWS", b"Bone", "Bone"),
        (b"", b"Bone\x1b\x07", "Bone"),
    ],
)
def test_texts_are_decoded_and_printable(charset: bytes, raw: bytes, text: str) -> None:
    """Character sets by their DICOM names; control characters are left out."""
    one = header(SPECIFIC_CHARACTER_SET=Value("CS", charset), SERIES_DESCRIPTION=Value("LO", raw))
    assert one.text(tags.SERIES_DESCRIPTION) == text


def test_the_first_layer_that_has_an_element_is_asked() -> None:
    """A frame's own value before the file's."""
    own = Item({tags.RESCALE_SLOPE: Value("DS", b"2")})
    file = Item({tags.RESCALE_SLOPE: Value("DS", b"1"), tags.MODALITY: Value("CS", b"pt")})
    both = Header([own, file])
    assert both.number(tags.RESCALE_SLOPE) == 2
    assert both.code(tags.MODALITY) == "PT"


def test_private_values_in_any_representation() -> None:
    """Decimal strings and floats in binary alike."""
    assert plain_number(Value("DS", b"0.5 ")) == 0.5
    assert plain_number(Value("FL", b"\x00\x00\x00\x3f")) == 0.5
    assert plain_number(Value("UN", b"0.5")) == 0.5
    assert plain_number(Value("DS", b"half")) is None
    assert plain_number(None) is None
    assert plain_text(Value("DT", b"20210316\0")) == "20210316"
    assert plain_text(None) is None
