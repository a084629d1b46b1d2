"""Damaged and hostile files: a typed error or findings, never a crash, a hang or a memory hog."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pydicom.datadict
import pydicom.dataelem
import pydicom.tag
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from lesionscore.dicom import find_series, read_ct, read_mask, read_pet
from lesionscore.errors import LesionscoreError
from lesionscore.volumes import Grid
from phantoms.dicom import (
    PET_DIALECTS,
    CtHeader,
    FileFault,
    Layout,
    TransferSyntax,
    write_ct_series,
    write_pet_series,
)
from tests.dicom.phantom_scans import ct_image, pet_image
from tests.dicom.test_masks import square, write_rtstruct

MUTATIONS, ALL_MUTATIONS = 400, 10_000
SLOWEST_S = 10.0
TIMES_THE_FILE = 10
INTERPRETER_BYTES = 4_000_000  # what a reading of nothing takes
PIECES = (
    bytes(4),
    b"\xff" * 4,
    b"\xff\xff\xff\x7f",
    b"1E308",
    b"-1",
    b"NaN ",
    b"inf ",
    b"9" * 16,
    b"\\\\\\\\",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\xdd\xe0",
    b"SQ\x00\x00\xff\xff\xff\xff",
)


@dataclass(frozen=True)
class Target:
    """Files that are read together, and how."""

    name: str
    files: tuple[Path, ...]
    read: Callable[[Path], object]


def write_seg(folder: Path, ct_files: list[Path]) -> tuple[Path, Grid]:
    """A binary SEG of a block in a CT."""
    images = [pydicom.dcmread(path) for path in ct_files]
    mask = np.zeros((len(images), images[0].Rows, images[0].Columns), np.uint8)
    mask[1:, 2:5, 3:6] = 1
    description = highdicom.seg.SegmentDescription(
        1,
        "lesion",
        codes.SCT.Lesion if hasattr(codes.SCT, "Lesion") else codes.SCT.Tissue,
        codes.SCT.Tissue,
        highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    seg = highdicom.seg.Segmentation(
        images,
        mask,
        highdicom.seg.SegmentationTypeValues.BINARY,
        [description],
        highdicom.UID(),
        1,
        highdicom.UID(),
        1,
        "maker",
        "model",
        "1",
        "1",
    )
    folder.mkdir()
    seg.save_as(folder / "seg.dcm")
    return folder / "seg.dcm", read_ct(ct_files[0].parent).volume.grid


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    """One of each kind of file that is read."""
    root = tmp_path_factory.mktemp("fuzz")
    found: list[Target] = []
    small_ct, small_pet = ct_image(4, (8, 9)), pet_image(4)
    for dialect in (
        "bqml_start_siemens",
        "bqml_start_ge",
        "cnts_both",
        "gml_janma_male",
        "enhanced_bqml",
        "legacy_converted",
    ):
        header = PET_DIALECTS[dialect].header()
        written = write_pet_series(root / dialect, small_pet, header)
        found.append(Target(dialect, written.files, read_pet))
    headers = {
        syntax.value: CtHeader(transfer_syntax=syntax)
        for syntax in TransferSyntax
        if syntax is not TransferSyntax.RLE and "jpeg_2000" not in syntax.value
    }
    headers["enhanced"] = CtHeader(layout=Layout.ENHANCED)
    for name, ct_header in headers.items():
        written = write_ct_series(root / f"ct {name}", small_ct, ct_header)
        found.append(Target(f"ct {name}", written.files, read_ct))
    zipped = write_ct_series(root / "zip", small_ct, faults=[FileFault.ZIP_ARCHIVE])
    found.append(Target("zip", zipped.files, read_ct))
    plain = next(one for one in found if one.name == "ct explicit_little")
    seg, grid = write_seg(root / "seg", list(plain.files))
    found.append(Target("seg", (seg,), lambda path: read_mask(path, 1, grid)))
    outline = [(100.0 + 2 * n, square(-28.5, -22.5)) for n in range(3)]
    rs = write_rtstruct(root / "rs.dcm", {"L1": outline})
    found.append(Target("rtstruct", (rs,), lambda path: read_mask(path, "L1", grid)))
    return found


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Damage a file in one to sixteen places, mostly in its header."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if len(data) < 10:
            break
        reach = min(len(data), 4000) if rng.random() < 0.8 else len(data)
        at = rng.randrange(reach)
        kind = rng.randrange(7)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            piece = rng.choice(PIECES)
            data[at : at + len(piece)] = piece
        elif kind == 3:
            del data[at : at + rng.choice((1, 2, 4, 8, 100))]
        elif kind == 4:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 8, 64)))
        elif kind == 5:
            del data[at:]
        else:
            source, count = rng.randrange(len(data)), rng.choice((4, 8, 16))
            data[at : at + count] = data[source : source + count]
    return bytes(data)


def write_damaged(target: Target, folder: Path, rng: random.Random) -> int:
    """Write a target's files with one of them damaged; give their bytes."""
    for old in folder.iterdir():
        old.unlink()
    hit, size = rng.randrange(len(target.files)), 0
    for number, path in enumerate(target.files):
        content = path.read_bytes()
        if number == hit:
            content = mutate(content, rng)
        (folder / path.name).write_bytes(content)
        size += len(content)
    return size


def respond(target: Target, folder: Path) -> str:
    """Read a damaged target: "read" or the name of the error."""
    try:
        find_series(folder)
        target.read(folder)
    except LesionscoreError as exc:
        return type(exc).__name__
    return "read"


def attack(targets: list[Target], folder: Path, count: int, seed: int) -> dict[str, int]:
    """Read many damaged files; give how often each response came."""
    rng = random.Random(seed)
    counts: dict[str, int] = {}
    for _ in range(count):
        target = rng.choice(targets)
        write_damaged(target, folder, rng)
        start = time.process_time()
        response = respond(target, folder)
        assert time.process_time() - start < SLOWEST_S, f"{target.name} took too long"
        counts[response] = counts.get(response, 0) + 1
    return counts


def test_damaged_files_are_read_or_refused_by_name(targets: list[Target], tmp_path: Path) -> None:
    """A small share of the mutations: nothing but typed errors, and many of them."""
    counts = attack(targets, tmp_path, MUTATIONS, seed=1)
    assert sum(counts.values()) == MUTATIONS
    assert MUTATIONS // 10 < counts["read"] < MUTATIONS


@pytest.mark.slow
def test_ten_thousand_damaged_files(targets: list[Target], tmp_path: Path) -> None:
    """All of them, with another seed."""
    counts = attack(targets, tmp_path, ALL_MUTATIONS, seed=2)
    assert sum(counts.values()) == ALL_MUTATIONS


def test_damage_does_not_ask_for_memory(targets: list[Target], tmp_path: Path) -> None:
    """Never more than ten times the files, beyond what reading anything takes."""
    rng = random.Random(3)
    for _ in range(60):
        target = rng.choice(targets)
        size = write_damaged(target, tmp_path, rng)
        tracemalloc.start()
        try:
            respond(target, tmp_path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < TIMES_THE_FILE * size + INTERPRETER_BYTES, target.name


NUMBERS = {
    "PatientWeight": False,
    "PatientSize": False,
    "ActualFrameDuration": False,
    "FrameReferenceTime": False,
    "DecayFactor": False,
    "RescaleSlope": False,
    "RescaleIntercept": False,
    "PixelSpacing": False,
    "ImagePositionPatient": False,
    "ImageOrientationPatient": False,
    "SliceThickness": False,
    "NumberOfFrames": False,
    "RadionuclideTotalDose": True,
    "RadionuclideHalfLife": True,
    "RadiopharmaceuticalStartTime": True,
    "RadiopharmaceuticalStartDateTime": True,
    "AcquisitionTime": False,
    "AcquisitionDate": False,
    "SeriesTime": False,
}
"""Elements that arithmetic is done with, and whether they stand in the injection's item."""
EXTREMES = ("1e300", "1e-300", "-1", "99991231235959")
MORE_EXTREMES = ("0", "nan", "", "1\\2\\3\\4\\5\\6", "00010101000000", "240000", "1e38", "-1e300")


def with_text(path: Path, keyword: str, text: str, *, nested: bool) -> Dataset:
    """A file with one element's text replaced, whatever the text."""
    ds = pydicom.dcmread(path)
    target = ds.RadiopharmaceuticalInformationSequence[0] if nested else ds
    tag = pydicom.tag.Tag(pydicom.datadict.tag_for_keyword(keyword))
    raw = text.encode() + b" " * (len(text) % 2)
    vr = pydicom.datadict.dictionary_VR(tag)
    target[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(raw), raw, 0, False, True)
    return ds


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize(
    ("dialect", "extremes"),
    [
        ("rewritten_philips", EXTREMES),
        ("gml_janma_male", EXTREMES[:2]),
        *(
            pytest.param(name, EXTREMES + MORE_EXTREMES, marks=pytest.mark.slow)
            for name in ("bqml_start_ge", "bqml_none", "cnts_both", "cm2ml", "gml_lbm_other")
        ),
    ],
)
def test_numbers_at_the_edge_of_arithmetic(
    dialect: str, extremes: tuple[str, ...], tmp_path: Path
) -> None:
    """No overflow, no division by zero, no date beyond the calendar gets out."""
    written = write_pet_series(tmp_path / "pet", pet_image(3), PET_DIALECTS[dialect].header())
    target = Target(dialect, written.files, read_pet)
    for keyword, nested in NUMBERS.items():
        for text in extremes:
            changed = [with_text(path, keyword, text, nested=nested) for path in written.files]
            folder = tmp_path / "changed"
            folder.mkdir(exist_ok=True)
            for path, ds in zip(written.files, changed, strict=True):
                ds.save_as(folder / path.name)
            assert respond(target, folder) in ("SeriesError", "SuvError", "read")


@pytest.mark.parametrize(
    "syntax", [TransferSyntax.EXPLICIT_LITTLE, TransferSyntax.DEFLATED, TransferSyntax.JPEG_LS]
)
def test_a_gigapixel_that_the_file_does_not_hold_takes_no_memory(
    syntax: TransferSyntax, tmp_path: Path
) -> None:
    """Rows and columns are held against the file's size before an array is made."""
    write_ct_series(tmp_path / "ct", ct_image(3), CtHeader(transfer_syntax=syntax))
    for path in (tmp_path / "ct").iterdir():
        ds = pydicom.dcmread(path)
        ds.Rows = ds.Columns = 60_000
        ds.save_as(path)
    tracemalloc.start()
    try:
        response = respond(Target("gigapixel", (), read_ct), tmp_path / "ct")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert response == "SeriesError"
    assert peak < INTERPRETER_BYTES
