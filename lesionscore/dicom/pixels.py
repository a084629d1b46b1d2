"""Pixels of a stack, as stored: read straight where uncompressed, else decoded by pydicom."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.dicom import tags
from lesionscore.dicom.decode import decode_frames, is_native
from lesionscore.dicom.parse import DEFLATED_LITTLE, inflate
from lesionscore.dicom.slices import Slice
from lesionscore.errors import SeriesError

Pixels = npt.NDArray[np.generic]


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


def check_room(one: Slice, form: PixelLayout) -> None:
    """Refuse a native frame that the file does not hold, before any memory is taken for it."""
    place = one.file.pixels
    assert place is not None
    if not is_native(one.file.transfer_syntax):
        return
    end = place.offset + (one.frame + 1) * form.frame_bytes
    have = one.source.size()
    length = place.length
    if one.file.transfer_syntax == DEFLATED_LITTLE:
        have = end if length is not None and length >= end - place.offset else 0
    if have < end or (length is not None and length < end - place.offset):
        raise SeriesError(
            f"{one.label}: the file is cut short: {form.rows} x {form.columns} pixels of "
            f"{form.bits_allocated} bits need {form.frame_bytes} bytes a frame, and they are not "
            "all there. Send the file again."
        )


def read_native(one: Slice, form: PixelLayout, out: Pixels | None = None) -> Pixels:
    """Read an uncompressed frame.

    Parameters
    ----------
    one : Slice
        The slice.
    form : PixelLayout
        How it is stored.
    out : ndarray, shape (rows, columns), optional
        Where to put it, if it has the file's own type and order; read without a copy.

    Returns
    -------
    ndarray, shape (rows, columns)
        Values as stored, not yet cut to the stored bits.

    Raises
    ------
    SeriesError
        If the file ends before the frame does.
    """
    place = one.file.pixels
    assert place is not None
    start = place.offset + one.frame * form.frame_bytes
    dtype = form.dtype(is_big_endian=one.file.is_big_endian)
    target = out
    if target is None or target.dtype != dtype or not target.flags.c_contiguous:
        target = np.empty((form.rows, form.columns), dtype)
    if one.source.entry is not None or one.file.transfer_syntax == DEFLATED_LITTLE:
        data = pixel_bytes(one)[one.frame * form.frame_bytes :][: form.frame_bytes]
        if len(data) == form.frame_bytes:
            target[...] = np.frombuffer(data, dtype).reshape(target.shape)
        count = len(data)
    else:
        with one.source.path.open("rb", buffering=0) as file:
            file.seek(start)
            count = file.readinto(memoryview(target).cast("B")) or 0  # type: ignore[arg-type]
    if count != form.frame_bytes:
        raise SeriesError(f"{one.label}: the file is cut short within its pixels; send it again")
    return target


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
        data = inflate(data, one.file.start)
    stop = len(data) if place.length is None else place.offset + place.length
    return data[place.offset : stop]


def read_frame(one: Slice, form: PixelLayout, out: Pixels | None = None) -> Pixels:
    """Read a slice's stored values, uncompressed or decoded.

    Parameters
    ----------
    one : Slice
        The slice.
    form : PixelLayout
        How it is stored.
    out : ndarray, shape (rows, columns), optional
        Where an uncompressed frame may be put without a copy.

    Returns
    -------
    ndarray, shape (rows, columns)
        Stored values, sign and all; bits that belong to nothing removed.

    Raises
    ------
    SeriesError
        If the pixels cannot be read or decoded.
    """
    check_room(one, form)
    if is_native(one.file.transfer_syntax):
        return significant(read_native(one, form, out), form)
    return significant(decode_frames(one, form, [one.frame])[0], form)


def significant(values: Pixels, form: PixelLayout) -> Pixels:
    """Cut values to their stored bits and carry the sign up, in place."""
    if form.is_float or form.bits_stored == form.bits_allocated:
        return values
    up = form.bits_allocated - 1 - form.high_bit
    down = form.bits_allocated - form.bits_stored
    np.left_shift(values, up, out=values)
    np.right_shift(values, down, out=values)
    return values


def digest(one: Slice) -> bytes:
    """Fingerprint of a slice's stored pixels and of what turns them into values."""
    form = layout(one)
    values = read_frame(one, form)
    same_order = values.astype(values.dtype.newbyteorder("<"), copy=False)
    seen = hashlib.blake2b(np.ascontiguousarray(same_order).tobytes(), digest_size=16)
    for tag in (tags.RESCALE_SLOPE, tags.RESCALE_INTERCEPT):
        seen.update(repr(one.header.numbers(tag)).encode())
    return seen.digest()
