"""The small DICOM reader: every encoding as pydicom reads it, and no damage that it cannot name."""

from __future__ import annotations

import re
import struct
import tracemalloc
import zlib
from pathlib import Path

import pydicom
import pydicom.datadict
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header
from lesionscore.dicom.parse import NeedMoreError, parse
from lesionscore.dicom.sources import Source, read_header
from lesionscore.errors import DicomError

CODES = {name: value for name, value in vars(tags).items() if name.isupper() and type(value) is int}


@pytest.mark.parametrize("name", CODES)
def test_a_tag_is_what_the_dictionary_says(name: str) -> None:
    """Number, keyword, and whether it is a sequence or a number in binary."""
    tag = CODES[name]
    keyword = pydicom.datadict.dictionary_keyword(tag)
    snake = re.sub(r"_", "", name)
    assert keyword.upper() == snake
    vr = pydicom.datadict.dictionary_VR(tag)
    assert (tag in tags.SEQUENCES) == (vr == "SQ")
    is_binary = vr in ("US", "SS", "UL", "SL", "FL", "FD", "US or SS")
    assert (tag in tags.BINARY_VR) == is_binary


def a_dataset() -> Dataset:
    """Some of everything: texts, numbers, nested sequences, private blocks, an icon, pixels."""
    ds = Dataset()
    ds.SOPClassUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.128", "PT"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SeriesDescription = "PET Körper"
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.Rows, ds.Columns, ds.BitsAllocated = 2, 3, 16
    ds.PixelSpacing = ["1.5", "2.5"]
    inner = Dataset()
    inner.RadionuclideTotalDose = "198400000"
    code = Dataset()
    code.CodeValue, code.CodeMeaning = "C-111A1", "18F"
    inner.RadionuclideCodeSequence = [code]
    ds.RadiopharmaceuticalInformationSequence = [inner]
    ds.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20210316101800")
    icon = Dataset()
    icon.Rows, icon.Columns = 1, 1
    icon.PixelData = b"\x01\x00"
    icon["PixelData"].VR = "OW"
    ds.IconImageSequence = [icon]
    ds.PixelData = bytes(range(12))
    ds["PixelData"].VR = "OW"
    return ds


SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


@pytest.mark.parametrize("undefined", [False, True], ids=["lengths", "delimiters"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_encoding_is_read(syntax: str, *, undefined: bool, tmp_path: Path) -> None:
    """Implicit and explicit, both byte orders, deflated; sequences with and without length."""
    ds = a_dataset()
    ds.RadiopharmaceuticalInformationSequence[0].is_undefined_length_sequence_item = undefined
    ds["RadiopharmaceuticalInformationSequence"].is_undefined_length = undefined
    ds["IconImageSequence"].is_undefined_length = undefined
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3"
    ds.save_as(tmp_path / "x.dcm", enforce_file_format=True)
    file = read_header(Source(tmp_path / "x.dcm"))
    header = Header([file.item], is_big_endian=file.is_big_endian)
    assert file.transfer_syntax == SYNTAXES[syntax]
    assert header.texts(tags.IMAGE_TYPE) == ("ORIGINAL", "PRIMARY")
    assert header.text(tags.SERIES_DESCRIPTION) == "PET Körper"
    assert header.numbers(tags.PIXEL_SPACING) == (1.5, 2.5)
    assert (header.integer(tags.ROWS), header.integer(tags.COLUMNS)) == (2, 3)
    injection = header.within(tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)
    assert injection.number(tags.RADIONUCLIDE_TOTAL_DOSE) == 198_400_000
    assert injection.first_item(tags.RADIONUCLIDE_CODE_SEQUENCE).code(tags.CODE_VALUE) == "C-111A1"
    private = header.private(0x0009, 0x0D, "GEMS_PETD_01")
    assert private is not None
    assert private.raw.strip() == b"20210316101800"
    assert header.private(0x0009, 0x0D, "SOMEBODY ELSE") is None
    assert file.pixels is not None
    assert file.pixels.length == 12


def test_names_of_patients_are_not_even_read() -> None:
    """Elements that identify a person are not among those kept."""
    for keyword in ("PatientName", "PatientBirthDate", "AccessionNumber", "InstitutionName"):
        assert pydicom.datadict.tag_for_keyword(keyword) not in tags.WANTED


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    """One explicit little-endian element."""
    head = struct.pack("<HH", group, number) + vr
    if vr in (b"SQ", b"OB", b"OW", b"UN"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def a_file(body: bytes, syntax: str = str(ExplicitVRLittleEndian)) -> bytes:
    """A file with meta header around a data set."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    return bytes(128) + b"DICM" + element(0x0002, 0x0010, b"UI", uid) + body


MODALITY = element(0x0008, 0x0060, b"CS", b"CT")


def nested(depth: int) -> bytes:
    """A sequence within a sequence within a sequence."""
    inner = b""
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
        inner = element(0x0054, 0x0016, b"SQ", item)
    return inner


DAMAGED = {
    "no dicom": (b"hello" * 100, "not a DICOM file"),
    "cut within an element": (a_file(MODALITY + MODALITY[:9]), "ends within its header"),
    "length beyond the file": (
        a_file(b"\x08\x00\x60\x00CS\xff\xff" + b"CT"),
        "ends within its header",
    ),
    "nested without end": (a_file(nested(40)), "nested more than 16 deep"),
    "sequence of no items": (
        a_file(element(0x0054, 0x0016, b"SQ", b"\x08\x00\x60\x00CS\x02\x00CT")),
        "holds .0008,0060., no item",
    ),
    "item longer than its sequence": (
        a_file(element(0x0054, 0x0016, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 99)) + bytes(99)),
        "longer than its sequence",
    ),
    "element longer than its item": (
        a_file(
            element(
                0x0054,
                0x0016,
                b"SQ",
                struct.pack("<HHI", 0xFFFE, 0xE000, 8) + b"\x08\x00\x60\x00CS\x08\x00",
            )
            + bytes(64)
        ),
        "longer than its item",
    ),
    "deflated garbage": (
        a_file(b"\xff" * 64, str(DeflatedExplicitVRLittleEndian)),
        "deflated data set is damaged",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_has_a_name(name: str) -> None:
    """Each kind of damage is a DicomError that says what it is."""
    data, match = DAMAGED[name]
    with pytest.raises(DicomError, match=match):
        parse(data, complete=True)


def test_a_deflate_bomb_is_not_inflated() -> None:
    """A data set that grows a thousandfold is refused before it does."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = squeeze.compress(MODALITY + bytes(64_000_000)) + squeeze.flush()
    with pytest.raises(DicomError, match="header grows beyond 8000000 bytes"):
        parse(a_file(body, str(DeflatedExplicitVRLittleEndian)), complete=True)


def test_of_a_deflated_file_the_header_alone_is_inflated() -> None:
    """Empty pixels pack a thousandfold, as in a mask of whole-body size."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    pixels = element(0x7FE0, 0x0010, b"OW", bytes(16_000_000))
    body = squeeze.compress(MODALITY + pixels) + squeeze.flush()
    tracemalloc.start()
    try:
        file = parse(a_file(body, str(DeflatedExplicitVRLittleEndian)), complete=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.pixels is not None
    assert file.pixels.length == 16_000_000
    assert peak < 1_000_000


def test_more_items_than_the_file_can_mean_are_refused() -> None:
    """A sequence of a million empty items."""
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 50_000
    with pytest.raises(DicomError, match="more sequence items"):
        parse(a_file(element(0x0054, 0x0016, b"SQ", items)), complete=True)


def test_the_beginning_of_a_file_asks_for_more() -> None:
    """Half a header is no error while the rest of the file is not read."""
    with pytest.raises(NeedMoreError):
        parse(a_file(MODALITY)[:-3], complete=False)


def test_a_long_header_is_read_whole(tmp_path: Path) -> None:
    """Private data before the wanted elements, longer than the first read."""
    filling = element(0x0029, 0x1010, b"OB", bytes(100_000))
    body = MODALITY + filling + element(0x0028, 0x0010, b"US", struct.pack("<H", 512))
    (tmp_path / "long.dcm").write_bytes(a_file(body))
    file = read_header(Source(tmp_path / "long.dcm"))
    assert Header([file.item]).integer(tags.ROWS) == 512


def test_an_unknown_sequence_is_implicit_inside() -> None:
    """UN of undefined length holds implicit items (PS3.5, 6.2.2)."""
    dose = b"198400000 "
    inner = struct.pack("<HHI", 0x0018, 0x1074, len(dose)) + dose
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    body = b"\x54\x00\x16\x00UN\x00\x00\xff\xff\xff\xff" + item + end
    header = Header([parse(a_file(MODALITY + body), complete=True).item])
    injection = header.within(tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)
    assert injection.number(tags.RADIONUCLIDE_TOTAL_DOSE) == 198_400_000
