"""Transfer syntaxes: which are lossless, which are lossy, and decoding by pydicom's plugins."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lesionscore.dicom import tags
from lesionscore.dicom.layout import PixelLayout, pixel_bytes
from lesionscore.dicom.parse import (
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
)
from lesionscore.dicom.slices import Slice
from lesionscore.errors import SeriesError

NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED_LITTLE})
LOSSLESS = {
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless, first-order prediction",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000 Lossless, RPCL",
    "1.2.840.10008.1.2.5": "RLE Lossless",
}
EITHER = {
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
}
LOSSY = {
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.53": "JPEG Spectral Selection",
    "1.2.840.10008.1.2.4.55": "JPEG Full Progression",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Near-Lossless",
}
PANIC = "PanicException"


def is_native(transfer_syntax: str) -> bool:
    """Tell whether pixels stand in the file as they are."""
    return transfer_syntax in NATIVE


def compression_fault(one: Slice) -> str | None:
    """Say why a slice's compression forbids measurement; None if it does not.

    Parameters
    ----------
    one : Slice
        The slice.

    Returns
    -------
    str or None
        The transfer syntax or attribute that makes it lossy or unreadable.
    """
    syntax = one.file.transfer_syntax
    if syntax in LOSSY:
        return (
            f"lossy compressed ({LOSSY[syntax]}, transfer syntax {syntax}): its values are not "
            "what the scanner measured. Send the series lossless"
        )
    trace = lossy_trace(one)
    if trace:
        return (
            f"lossy compressed at some time ({trace}): its values are not what the scanner "
            "measured. Send the original series"
        )
    if syntax in NATIVE or syntax in LOSSLESS or syntax in EITHER:
        return None
    return f"transfer syntax {syntax or '(none)'} is not read; uncompressed or lossless is accepted"


def lossy_trace(one: Slice) -> str:
    """Say what in the header tells of an earlier lossy compression; "" if nothing does."""
    flag = one.header.code(tags.LOSSY_IMAGE_COMPRESSION)
    if flag == "01":
        return "Lossy Image Compression (0028,2110) is 01"
    if flag == "00":
        return ""
    method = one.header.code(tags.LOSSY_IMAGE_COMPRESSION_METHOD)
    ratio = max(one.header.numbers(tags.LOSSY_IMAGE_COMPRESSION_RATIO), default=0.0)
    if method or ratio > 1:
        return (
            f"Lossy Image Compression Method or Ratio (0028,2114), (0028,2112) {method} {ratio:g}"
        )
    return ""


def check_reversible(one: Slice) -> None:
    """Look into a JPEG 2000 stream whose transfer syntax leaves open whether it is lossless.

    Raises
    ------
    SeriesError
        If its wavelet is the irreversible one.
    """
    syntax = one.file.transfer_syntax
    if syntax in EITHER and not is_reversible(pixel_bytes(one)):
        raise SeriesError(f"{one.label}: lossy compressed ({EITHER[syntax]}, irreversible wavelet)")


def decode_frames(
    one: Slice, form: PixelLayout, frames: Sequence[int]
) -> list[npt.NDArray[np.generic]]:
    """Decode frames of a slice's file.

    Parameters
    ----------
    one : Slice
        A slice of the file.
    form : PixelLayout
        How the file stores a frame.
    frames : sequence of int
        Indices of the frames.

    Returns
    -------
    list of ndarray, each of shape (rows, columns)
        Stored values.

    Raises
    ------
    SeriesError
        If the pixels are lossy, damaged, or no decoder for them is installed.
    """
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    syntax = one.file.transfer_syntax
    if syntax not in LOSSLESS and syntax not in EITHER:
        raise SeriesError(f"{one.label}: {compression_fault(one)}")
    data = pixel_bytes(one)
    check_reversible(one)
    options = {
        "transfer_syntax_uid": UID(syntax),
        "rows": form.rows,
        "columns": form.columns,
        "number_of_frames": one.header.integer(tags.NUMBER_OF_FRAMES) or 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": form.bits_allocated,
        "bits_stored": form.bits_stored,
        "pixel_representation": int(form.is_signed),
        "pixel_keyword": "PixelData",
    }
    decoded = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decoder = get_decoder(UID(syntax))
            for frame in frames:
                values, _ = decoder.as_array(data, index=frame, raw=True, **options)  # type: ignore[arg-type]
                decoded.append(np.array(values))
    except Exception as exc:  # plugins of several projects raise what they like
        raise SeriesError(f"{one.label}: the pixels cannot be decoded ({_why(exc)})") from exc
    except BaseException as exc:  # a panic of a plugin in Rust is no Exception
        if type(exc).__name__ != PANIC:
            raise
        raise SeriesError(f"{one.label}: the pixels cannot be decoded ({_why(exc)})") from exc
    for values in decoded:
        if values.shape != (form.rows, form.columns):
            raise SeriesError(
                f"{one.label}: decoded to {values.shape}, the header says "
                f"{(form.rows, form.columns)}"
            )
    return decoded


def _why(exc: BaseException) -> str:
    """First line of a plugin's message, or its kind."""
    lines = str(exc).strip().splitlines()
    return lines[0] if lines else type(exc).__name__


def is_reversible(data: bytes) -> bool:
    """Tell whether JPEG 2000 used the reversible 5-3 wavelet (COD marker, ISO 15444-1)."""
    at = data.find(b"\xff\x52")
    return at >= 0 and len(data) > at + 13 and data[at + 13] == 1
