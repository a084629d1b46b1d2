"""How a slice's pixels are stored, as its header says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lesionscore.dicom import tags
from lesionscore.dicom.parse import DEFLATED_LITTLE, MOST_EXPANSION, inflate
from lesionscore.dicom.slices import Slice
from lesionscore.errors import SeriesError


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLayout:
    """How a file stores one frame.

    Parameters
    ----------
    rows, columns : int
        Size of a frame.
    bits_allocated, bits_stored, high_bit : int
        As in the header; `high_bit` counts from 0.
    is_signed : bool
        Whether stored values are two's complement.
    is_float : bool
        Whether the file has Float or Double Float Pixel Data.
    """

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    is_float: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * self.bits_allocated // 8

    def dtype(self, *, is_big_endian: bool) -> np.dtype[np.generic]:
        """NumPy's type of a stored value in the file."""
        kind = "f" if self.is_float else ("i" if self.is_signed else "u")
        return np.dtype(f"{'>' if is_big_endian else '<'}{kind}{self.bits_allocated // 8}")


def layout(one: Slice) -> PixelLayout:
    """Read how a slice is stored.

    Raises
    ------
    SeriesError
        If the header does not say, or says what no scanner writes.
    """
    header = one.header
    frames = header.integer(tags.NUMBER_OF_FRAMES) or 1
    if frames > 1 and tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE not in one.file.item:
        raise SeriesError(
            f"{one.label}: {frames} frames without Per-frame Functional Groups (5200,9230); where "
            "they lie cannot be known"
        )
    if one.file.pixels is None:
        raise SeriesError(f"{one.label}: no pixel data (7FE0,0010)")
    samples = header.integer(tags.SAMPLES_PER_PIXEL)
    if samples not in (None, 1):
        raise SeriesError(f"{one.label}: {samples} samples per pixel (0028,0002); 1 is accepted")
    interpretation = header.code(tags.PHOTOMETRIC_INTERPRETATION) or "MONOCHROME2"
    if interpretation != "MONOCHROME2":
        raise SeriesError(
            f"{one.label}: Photometric Interpretation (0028,0004) is {interpretation}; "
            "MONOCHROME2 is accepted"
        )
    allocated = header.integer(tags.BITS_ALLOCATED) or 0
    is_float = one.file.pixels.tag != tags.PIXEL_DATA
    stored = header.integer(tags.BITS_STORED) or allocated
    high = header.integer(tags.HIGH_BIT)
    high = stored - 1 if high is None else high
    if is_float:
        stored, high = allocated, allocated - 1
    usual = (32, 64) if is_float else (8, 16, 32)
    if allocated not in usual or not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        raise SeriesError(
            f"{one.label}: Bits Allocated, Bits Stored and High Bit (0028,0100-0102) are "
            f"{allocated}, {stored}, {high}; no value can be taken from that"
        )
    rows, columns = one.size
    return PixelLayout(
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        is_signed=header.integer(tags.PIXEL_REPRESENTATION) == 1,
        is_float=is_float,
    )


def pixel_bytes(one: Slice) -> bytes:
    """All pixel data of a slice's file, from its first byte to the end of the value.

    Raises
    ------
    DicomError
        If the file cannot be read.
    """
    place = one.file.pixels
    assert place is not None
    data = one.source.read()
    if one.file.transfer_syntax == DEFLATED_LITTLE:
        count = place.offset + (place.length or 0)
        if count > MOST_EXPANSION * len(data):
            raise SeriesError(f"{one.label}: {len(data)} bytes cannot hold {count} deflated ones")
        data = inflate(data, one.file.start, count)
    stop = len(data) if place.length is None else place.offset + place.length
    return data[place.offset : stop]
