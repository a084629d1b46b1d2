"""Pixels of a stack, as stored: read straight where uncompressed, else decoded by pydicom."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from lesionscore.dicom import tags
from lesionscore.dicom.decode import decode_frames, is_native
from lesionscore.dicom.layout import PixelLayout, layout, pixel_bytes
from lesionscore.dicom.parse import DEFLATED_LITTLE, MOST_EXPANSION
from lesionscore.dicom.slices import Slice
from lesionscore.errors import SeriesError

Pixels = npt.NDArray[np.generic]


def check_room(one: Slice, form: PixelLayout) -> None:
    """Refuse a frame that the file cannot hold, before any memory is taken for it."""
    place = one.file.pixels
    assert place is not None
    have = one.source.size()
    if not is_native(one.file.transfer_syntax):
        frames = one.header.integer(tags.NUMBER_OF_FRAMES) or 1
        if frames * form.frame_bytes > MOST_EXPANSION * have:
            raise SeriesError(
                f"{one.label}: {have} bytes of compressed pixels cannot be {frames} x {form.rows} "
                f"x {form.columns} pixels"
            )
        return
    end = place.offset + (one.frame + 1) * form.frame_bytes
    length = place.length
    if one.file.transfer_syntax == DEFLATED_LITTLE:
        stated = length is not None and length >= end - place.offset
        have = end if stated and end <= MOST_EXPANSION * have else 0
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
