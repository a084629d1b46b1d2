"""DICOM SEG: binary, fractional, label map; overlapping segments; planes that are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lesionscore.dicom import tags
from lesionscore.dicom.decode import decode_frames, is_native
from lesionscore.dicom.geometry import SAME_PLACE_MM
from lesionscore.dicom.header import Header, ScanInfo
from lesionscore.dicom.layout import PixelLayout, layout, pixel_bytes
from lesionscore.dicom.maskgrid import Array, Block, pick_label, place_on_grid
from lesionscore.dicom.parse import ParsedFile
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.slices import Slice, read_slices
from lesionscore.dicom.sources import Source
from lesionscore.errors import DicomError, MaskError
from lesionscore.volumes.grid import Grid

MOST_PLANES, MOST_VOXELS = 10_000, 400_000_000
BACKGROUND = 0
"""Value of a label map's background, which label maps list among their segments."""
PLANE_FRACTION = 0.05
"""Planes this share of their spacing off an even stack are still even."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation:
    """A DICOM SEG, its header and pixels read once.

    Parameters
    ----------
    header : Header
        The file's own elements.
    frames : tuple of Slice
        All frames, of all segments.
    """

    header: Header
    frames: tuple[Slice, ...]

    @cached_property
    def segments(self) -> dict[int, str]:
        """Segment Number (0062,0004) to Segment Label (0062,0005), without the background."""
        found = {
            int(item.integer(tags.SEGMENT_NUMBER) or 0): item.text(tags.SEGMENT_LABEL) or ""
            for item in self.header.items(tags.SEGMENT_SEQUENCE)
        }
        found.pop(BACKGROUND, None)
        return found

    @cached_property
    def pixels(self) -> bytes:
        """Pixel data of the whole file."""
        return pixel_bytes(self.frames[0])

    @cached_property
    def references(self) -> set[str]:
        """SOP Instance UIDs of the images that the file names."""
        return references(self.header, self.frames)

    def read(
        self, label: int | str | None, grid: Grid, ct_info: ScanInfo | None, notes: Notes
    ) -> Block:
        """Read one segment onto a scan's grid.

        Parameters
        ----------
        label : int, str or None
            Segment Number or Segment Label; None if there is only one.
        grid : Grid
            The scan's grid.
        ct_info : ScanInfo or None
            The scan.
        notes : Notes
            Takes the findings.

        Returns
        -------
        Block
            bool; float32 for a fractional SEG.

        Raises
        ------
        MaskError
            If the segment is not there, or its frames have no place.
        """
        kind = self.header.code(tags.SEGMENTATION_TYPE)
        is_map, segments = kind == "LABELMAP", self.segments
        numbered = {_segment_number(one) for one in self.frames} if not is_map else set(segments)
        number = pick_label(label, segments, "segment", frozenset(set(segments) - numbered))
        check_reference(self.header, self.references, ct_info, notes)
        own = [one for one in self.frames if is_map or _segment_number(one) == number]
        if not own:
            raise MaskError(f"segment {number} has no frame: it is empty")
        try:
            planes = list(_planes(own, kind, number, self.pixels))
        except DicomError as exc:
            raise MaskError(str(exc)) from exc
        values, own_grid = stack_planes(own, planes)
        if kind == "FRACTIONAL":
            return fractions(values, self.header, own_grid, grid, notes)
        return place_on_grid(values > 0, own_grid, grid, notes)


def open_segmentation(source: Source, file: ParsedFile) -> Segmentation:
    """Read a SEG's header and frames.

    Parameters
    ----------
    source, file
        The SEG.

    Raises
    ------
    MaskError
        If its frames and its header do not agree.
    """
    try:
        frames = read_slices(source)
    except DicomError as exc:
        raise MaskError(str(exc)) from exc
    if file.pixels is None:
        raise MaskError("no pixel data (7FE0,0010)")
    header = Header([file.item], is_big_endian=file.is_big_endian)
    return Segmentation(header=header, frames=tuple(frames))


def fractions(values: Array, header: Header, own: Grid, grid: Grid, notes: Notes) -> Block:
    """Give a fractional segment as shares from 0 to 1."""
    highest = header.integer(tags.MAXIMUM_FRACTIONAL_VALUE) or 255
    share = np.minimum(values.astype(np.float32) / np.float32(highest), np.float32(1.0))
    meaning = header.code(tags.SEGMENTATION_FRACTIONAL_TYPE) or "unsaid"
    notes.add("mask_fractional", f"a fractional segment ({meaning}); its shares were kept")
    return place_on_grid(share, own, grid, notes)


def _segment_number(one: Slice) -> int:
    """Referenced Segment Number (0062,000B) of a frame; 0 if unsaid."""
    return one.header.integer(tags.REFERENCED_SEGMENT_NUMBER) or 0


def _planes(own: Sequence[Slice], kind: str, number: int, pixels: bytes) -> Iterable[Array]:
    """Give the stored values of each frame, 0 outside the segment."""
    if kind in ("BINARY", "") and _bits(own[0]) == 1:
        yield from _bit_planes(own, pixels)
        return
    form = layout(own[0])
    for one, plane in zip(own, _whole_planes(own, form, pixels), strict=True):
        if plane.shape != one.size:
            raise MaskError(f"{one.label}: not all of its pixels are there")
        yield (plane == number).astype(np.uint8) if kind == "LABELMAP" else plane


def _bits(one: Slice) -> int:
    """Bits Allocated (0028,0100)."""
    return one.header.integer(tags.BITS_ALLOCATED) or 0


def _bit_planes(own: Sequence[Slice], pixels: bytes) -> Iterable[Array]:
    """Frames of one bit a pixel, packed without gaps, first pixel in the lowest bit."""
    first = own[0]
    if not is_native(first.file.transfer_syntax):
        form = PixelLayout(
            rows=first.size[0],
            columns=first.size[1],
            bits_allocated=1,
            bits_stored=1,
            high_bit=0,
            is_signed=False,
            is_float=False,
        )
        yield from decode_frames(first, form, [one.frame for one in own])
        return
    data = np.frombuffer(pixels, np.uint8)
    count = first.size[0] * first.size[1]
    for one in own:
        start = one.frame * count
        stop = start + count
        if stop > data.size * 8:
            raise MaskError(f"{one.label}: the file is cut short within its pixels")
        bits = np.unpackbits(data[start // 8 : (stop + 7) // 8], bitorder="little")
        yield bits[start % 8 : start % 8 + count].reshape(first.size)


def _whole_planes(own: Sequence[Slice], form: PixelLayout, pixels: bytes) -> Iterable[Array]:
    """Frames of whole bytes a pixel."""
    first = own[0]
    if not is_native(first.file.transfer_syntax):
        yield from decode_frames(first, form, [one.frame for one in own])
        return
    dtype = form.dtype(is_big_endian=first.file.is_big_endian)
    for one in own:
        start = one.frame * form.frame_bytes
        part = pixels[start : start + form.frame_bytes]
        whole = len(part) == form.frame_bytes
        yield np.frombuffer(part, dtype).reshape(first.size) if whole else np.zeros(0, dtype)


def stack_planes(own: Sequence[Slice], planes: Sequence[Array]) -> tuple[Array, Grid]:
    """Put frames into a volume on their own even grid; planes left out are empty.

    Raises
    ------
    MaskError
        If a frame has no place, or the places are not even.
    """
    for one in own:
        if one.position_mm is None or one.orientation is None or one.pixel_spacing_mm is None:
            raise MaskError(f"{one.label}: no position, orientation or spacing")
    first = own[0]
    assert first.orientation is not None
    assert first.pixel_spacing_mm is not None
    for one in own:
        assert one.orientation is not None
        if np.abs(np.asarray(one.orientation) - np.asarray(first.orientation)).max() > 1e-3:
            raise MaskError(f"{one.label}: its orientation differs from {first.label}")
        if one.size != first.size:
            raise MaskError(f"{one.label}: its size differs from {first.label}")
    along = np.asarray([one.position_mm for one in own], dtype=np.float64) @ first.normal
    spacing = plane_spacing_mm(along, first)
    lowest = int(along.argmin())
    index = np.rint((along - along[lowest]) / spacing).astype(int)
    low = own[lowest]
    assert low.position_mm is not None
    row = np.asarray(first.orientation[:3]) / np.linalg.norm(first.orientation[:3])
    column = np.cross(first.normal, row)
    rows, columns, values, moved = trimmed(planes, index)
    start = np.asarray(low.position_mm)
    start = start + columns * first.pixel_spacing_mm[1] * row
    start = start + rows * first.pixel_spacing_mm[0] * column
    grid = Grid(
        shape_zyx=(values.shape[0], values.shape[1], values.shape[2]),
        spacing_xyz_mm=(first.pixel_spacing_mm[1], first.pixel_spacing_mm[0], spacing),
        origin_mm=tuple((start + moved * spacing * first.normal).tolist()),
        direction=tuple(float(n) for n in np.column_stack([row, column, first.normal]).ravel()),
    )
    return values, grid


def trimmed(planes: Sequence[Array], index: npt.NDArray[np.int_]) -> tuple[int, int, Array, int]:
    """Block around what is not zero: its first row, column, values, first plane."""
    boxes = [np.argwhere(plane) for plane in planes]
    full = [n for n, box in enumerate(boxes) if len(box)]
    if not full:
        raise MaskError("the segment is empty: no frame has a voxel in it")
    low = np.min([boxes[n].min(axis=0) for n in full], axis=0)
    high = np.max([boxes[n].max(axis=0) for n in full], axis=0) + 1
    first, last = int(index[full].min()), int(index[full].max())
    shape = (last - first + 1, int(high[0] - low[0]), int(high[1] - low[1]))
    if shape[0] > MOST_PLANES or int(np.prod(shape, dtype=np.int64)) > MOST_VOXELS:
        raise MaskError(f"the frames of the segment lie too far apart: {shape[0]} planes")
    values = np.zeros(shape, planes[0].dtype)
    for n in full:
        block = planes[n][low[0] : high[0], low[1] : high[1]]
        plane = values[index[n] - first]
        np.maximum(plane, block, out=plane)
    return int(low[0]), int(low[1]), values, first


def plane_spacing_mm(along: npt.NDArray[np.float64], first: Slice) -> float:
    """Distance of neighbouring planes: what the header says if the planes fit it, else their own.

    Raises
    ------
    MaskError
        If the planes are not evenly spaced.
    """
    steps = np.diff(np.unique(np.round(along, 4)))
    steps = steps[steps > SAME_PLACE_MM]
    said = first.header.number(tags.SPACING_BETWEEN_SLICES)
    thick = first.header.number(tags.SLICE_THICKNESS)
    tries = [abs(n) for n in (said, float(steps.min()) if len(steps) else None, thick) if n]
    for spacing in tries:
        off = np.abs(steps / spacing - np.rint(steps / spacing))
        if not len(steps) or ((off < PLANE_FRACTION).all() and (steps > spacing / 2).all()):
            return float(spacing)
    raise MaskError("the frames of the segment are not evenly spaced")


def references(header: Header, frames: Sequence[Slice]) -> set[str]:
    """SOP Instance UIDs of the images that a mask names."""
    found: set[str] = set()
    for series in header.items(tags.REFERENCED_SERIES_SEQUENCE):
        for item in series.items(tags.REFERENCED_INSTANCE_SEQUENCE):
            found.add(item.text(tags.REFERENCED_SOP_INSTANCE_UID) or "")
    for one in frames:
        sources = one.header.items(tags.SOURCE_IMAGE_SEQUENCE)
        for derivation in one.header.items(tags.DERIVATION_IMAGE_SEQUENCE):
            sources += derivation.items(tags.SOURCE_IMAGE_SEQUENCE)
        for item in sources:
            found.add(item.text(tags.REFERENCED_SOP_INSTANCE_UID) or "")
    return found - {""}


def check_reference(
    header: Header, named: set[str], ct_info: ScanInfo | None, notes: Notes
) -> None:
    """Tell whether a mask was drawn on the scan, from frame of reference and image references.

    Raises
    ------
    MaskError
        If the frame of reference is another one and no image of the scan is referenced.
    """
    if ct_info is None or not ct_info.series_uid:
        return
    own = header.text(tags.FRAME_OF_REFERENCE_UID) or ""
    theirs = ct_info.frame_of_reference_uid
    mine = named & set(ct_info.instance_uids)
    if own and theirs and own != theirs:
        if not mine:
            raise MaskError(
                "the mask's frame of reference is not the scan's, and it names none of the scan's "
                "images: it was drawn on another scan"
            )
        notes.add(
            "mask_frame_of_reference_differs",
            "the mask's frame of reference is not the scan's, though it names its images",
        )
    absent = len(named) - len(mine)
    if named and absent:
        notes.add(
            "mask_references_absent_images",
            f"the mask names {len(named)} images, {absent} of which are not in the scan",
        )
