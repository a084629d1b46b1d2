"""Stacks: order along the normal, and every way in which slices do not make a volume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscore.dicom import tags
from lesionscore.dicom.geometry import build_stack
from lesionscore.dicom.header import Header
from lesionscore.dicom.parse import Item, ParsedFile, Value
from lesionscore.dicom.slices import Slice
from lesionscore.dicom.sources import Source
from lesionscore.dicom.stacks import separate
from lesionscore.errors import SeriesError
from tests.strategies import coordinates_mm, rotations, spacings_mm

AXIAL = np.eye(3)


def a_slice(
    number: int, position: Sequence[float], axes: np.ndarray = AXIAL, **elements: str
) -> Slice:
    """A CT slice without pixels; ``axes`` holds the row, column and normal as columns."""
    texts = {
        "MODALITY": "CT",
        "SOP_CLASS_UID": "1.2.840.10008.5.1.4.1.1.2",
        "INSTANCE_NUMBER": str(number),
        "IMAGE_POSITION_PATIENT": "\\".join(f"{n:.6f}" for n in position),
        "IMAGE_ORIENTATION_PATIENT": "\\".join(f"{n:.9f}" for n in axes[:, :2].T.ravel()),
        "PIXEL_SPACING": "1.5\\1.25",
        "FRAME_OF_REFERENCE_UID": "1.2.3",
        **elements,
    }
    item = Item({getattr(tags, name): Value("", text.encode()) for name, text in texts.items()})
    for tag in (tags.ROWS, tags.COLUMNS):
        item[tag] = Value("US", b"\x40\x00")
    file = ParsedFile(item=item, transfer_syntax="", is_big_endian=False, pixels=None, start=0)
    source = Source(Path(f"{number:04d}.dcm"))
    return Slice(source=source, file=file, frame=0, header=Header([item]))


def stack(heights: Sequence[float], **elements: str) -> list[Slice]:
    """Axial slices at some heights."""
    return [a_slice(n, (0.0, 0.0, z), **elements) for n, z in enumerate(heights, 1)]


@settings(max_examples=60)
@given(
    rotations(),
    st.tuples(coordinates_mm, coordinates_mm, coordinates_mm),
    spacings_mm,
    st.permutations(range(7)),
)
def test_any_order_and_orientation_gives_the_same_grid(
    axes: np.ndarray, origin: tuple[float, float, float], spacing: float, order: list[int]
) -> None:
    """Slices are sorted along their own normal; every voxel stays at its place."""
    if np.linalg.det(axes) < 0:
        axes[:, 2] *= -1
    slices = [a_slice(n, np.asarray(origin) + axes[:, 2] * spacing * n, axes) for n in range(7)]
    built = build_stack([slices[n] for n in order])
    assert [one.header.integer(tags.INSTANCE_NUMBER) for one in built.slices] == list(range(7))
    assert built.grid.spacing_xyz_mm == pytest.approx((1.25, 1.5, spacing), abs=1e-5)
    corner = np.asarray(origin) + axes @ np.array([1.25 * 3, 1.5 * 5, spacing * 6])
    assert built.grid.positions_mm((6, 5, 3)) == pytest.approx(corner, abs=1e-4)


@given(st.integers(4, 30), spacings_mm, st.data())
def test_a_missing_slice_is_always_found(count: int, spacing: float, data: st.DataObject) -> None:
    """Wherever it is missing inside the stack."""
    gone = data.draw(st.integers(1, count - 2))
    slices = stack([spacing * n for n in range(count)])
    del slices[gone]
    with pytest.raises(SeriesError, match=r"apart except between|uneven"):
        build_stack(slices)


@pytest.mark.parametrize(
    ("heights", "match"),
    [
        ([0, 2, 4, 8, 10], r"2\.000 mm apart except between instance 3 at 4\.00 mm and instance 4"),
        ([0, 2, 4, 10, 12], "2 slices are probably missing"),
        ([0, 2, 4, 6, 6, 8], r"2 slices with different content lie in one place"),
        ([0, 2, 4, 6.5, 8.5], r"uneven slice spacing"),
        ([0, 1, 2, 3, 4.0, 5.2, 6.4, 7.6], r"uneven slice spacing"),
    ],
)
def test_uneven_stacks_are_refused(heights: list[float], match: str) -> None:
    """Gaps, doubles, and steps that change on the way."""
    with pytest.raises(SeriesError, match=match):
        build_stack(stack(heights))


def test_rounded_positions_are_even() -> None:
    """0.625 mm written with one decimal: steps of 0.6 and 0.7 are one spacing."""
    heights = [round(0.625 * n, 1) for n in range(40)]
    assert build_stack(stack(heights)).grid.spacing_xyz_mm[2] == pytest.approx(0.625, abs=0.003)


@pytest.mark.parametrize(("degrees", "refused"), [(0.05, False), (0.5, True), (-12.0, True)])
def test_a_sheared_stack_is_a_tilted_gantry(degrees: float, *, refused: bool) -> None:
    """Slices that drift sideways; a drift of rounded cosines is none."""
    drift = np.tan(np.radians(degrees))
    slices = [a_slice(n, (0.0, drift * 2 * n, 2.0 * n)) for n in range(1, 40)]
    if refused:
        with pytest.raises(SeriesError, match=rf"sheared by {abs(degrees):.2f} degrees"):
            build_stack(slices)
    else:
        assert build_stack(slices).grid.shape_zyx[0] == 39


def test_a_single_slice_shifted_sideways_is_refused() -> None:
    """As after an edit of one header."""
    slices = stack([2.0 * n for n in range(9)])
    slices[4] = a_slice(5, (3.0, 0.0, 8.0))
    with pytest.raises(SeriesError, match=r"instance 5 at 8\.00 mm lies .* beside"):
        build_stack(slices)


@pytest.mark.parametrize(
    ("element", "match"),
    [
        ("IMAGE_POSITION_PATIENT", "no Image Position"),
        ("IMAGE_ORIENTATION_PATIENT", "no a usable|usable Image Orientation"),
        ("PIXEL_SPACING", "usable Pixel Spacing"),
    ],
)
def test_a_slice_without_a_place_is_refused(element: str, match: str) -> None:
    """Empty elements, and orientations that are none."""
    slices = [*stack([0, 2, 4]), a_slice(9, (0, 0, 6), **{element: ""})]
    with pytest.raises(SeriesError, match=match):
        build_stack(slices)


@pytest.mark.parametrize(
    "orientation", ["1\\0\\0\\1\\0\\0", "0\\0\\0\\0\\0\\0", "2\\0\\0\\0\\2\\0"]
)
def test_an_orientation_must_be_one(orientation: str) -> None:
    """Two different unit vectors at right angles."""
    with pytest.raises(SeriesError, match="usable Image Orientation"):
        build_stack(stack([0, 2, 4], IMAGE_ORIENTATION_PATIENT=orientation))


def test_thickness_is_not_spacing() -> None:
    """5 mm thick slices every 2 mm are 2 mm apart."""
    slices = stack([0, 2, 4], SLICE_THICKNESS="5", SPACING_BETWEEN_SLICES="5")
    assert build_stack(slices).grid.spacing_xyz_mm[2] == pytest.approx(2.0)


def test_a_lone_slice_takes_its_thickness_and_says_so() -> None:
    """Without either there is no volume."""
    built = build_stack(stack([0], SLICE_THICKNESS="5"))
    assert built.grid.spacing_xyz_mm[2] == 5.0
    assert [finding.code for finding in built.findings] == ["single_slice"]
    with pytest.raises(SeriesError, match="is no volume"):
        build_stack(stack([0]))


def sizes(slices: Sequence[Slice]) -> list[int]:
    """Numbers of slices of the parts of a series."""
    return sorted(len(part.slices) for part in separate(slices))


def test_two_acquisitions_far_apart_are_two_stacks() -> None:
    """Head and legs under one UID, told apart by acquisition number."""
    head = stack([2.0 * n for n in range(10)], ACQUISITION_NUMBER="1")
    legs = stack([-900 + 2.0 * n for n in range(20)], ACQUISITION_NUMBER="2")
    assert sizes([*head, *legs]) == [10, 20]


def test_two_halves_with_a_gap_of_a_slice_are_one_damaged_stack() -> None:
    """Beds that meet: a missing slice at their border is no reason to take them apart."""
    lower = stack([2.0 * n for n in range(10)], ACQUISITION_NUMBER="1")
    upper = stack([22.0 + 2.0 * n for n in range(10)], ACQUISITION_NUMBER="2")
    assert sizes([*lower, *upper]) == [20]
    with pytest.raises(SeriesError, match="missing"):
        build_stack(separate([*lower, *upper])[0].slices)


def test_beds_that_meet_are_one_stack() -> None:
    """Two acquisitions that continue each other are one volume."""
    lower = stack([2.0 * n for n in range(10)], ACQUISITION_NUMBER="1")
    upper = stack([20.0 + 2.0 * n for n in range(10)], ACQUISITION_NUMBER="2")
    assert sizes([*lower, *upper]) == [20]


def test_overlapping_beds_that_do_not_align_are_two_stacks() -> None:
    """Bed positions whose slices lie between each other's."""
    lower = stack([2.0 * n for n in range(10)], ACQUISITION_NUMBER="1")
    upper = stack([13.0 + 2.0 * n for n in range(10)], ACQUISITION_NUMBER="2")
    assert sizes([*lower, *upper]) == [10, 10]


def test_two_orientations_of_whole_stacks_are_two_stacks() -> None:
    """Axial slices and coronal reformats under one UID; half a stack turned is refused."""
    coronal = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=float).T
    turned = [a_slice(n, (0.0, 2.0 * n, 0.0), coronal.T) for n in range(50, 60)]
    axial = stack([2.0 * n for n in range(12)])
    assert sizes([*axial, *turned]) == [10, 12]
    assert sizes([*axial, turned[0]]) == [13]


def test_many_kinds_of_slices_are_not_taken_apart() -> None:
    """A hundred frames of reference: refused, quickly."""
    slices = [a_slice(n, (0, 0, 2.0 * n), FRAME_OF_REFERENCE_UID=f"1.2.{n}") for n in range(100)]
    assert sizes(slices) == [100]
    with pytest.raises(SeriesError, match="mixed frame of reference: 99 of 100"):
        build_stack(slices)
