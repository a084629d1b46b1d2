"""What can be wrong, or merely odd, with the pixels of a CT."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from phantoms.dicom.expected import Fault, Outcome
from phantoms.dicom.writing import PixelArray

PADDING_SIGNED = -2000
OVERLAY_BIT = 12


class CtFault(Fault):
    """Faults of a CT's pixels."""

    PIXEL_PADDING = "pixel_padding"
    """Outside the reconstructed circle the pixels hold Pixel Padding Value, which is no HU."""
    OVERLAY_IN_HIGH_BITS = "overlay_in_high_bits"
    """A drawing sits in bit 12 of pixels of 12 bits, as old scanners did it."""
    TWO_KERNELS = "two_kernels"
    """Convolution Kernel has two values, as newer scanners write it."""
    MISSING_RESCALE = "missing_rescale", Outcome.REFUSED, "rescale_missing"
    """No slope and intercept: nothing says how to get HU."""
    ZERO_SLOPE = "zero_slope", Outcome.REFUSED, "rescale_invalid"
    """A slope of 0."""


def circle_outside(rows: int, columns: int) -> NDArray[np.bool_]:
    """Pixels outside the circle that touches the image's borders.

    Parameters
    ----------
    rows, columns : int
        Size of a slice.

    Returns
    -------
    ndarray, shape (n_y, n_x), bool
        True where a scanner reconstructs nothing.
    """
    y, x = (np.linspace(-1.0, 1.0, size) for size in (rows, columns))
    return np.asarray(y[:, None] ** 2 + x[None, :] ** 2 > 1.0)


def change_ct_template(ds: Dataset, faults: Collection[str]) -> None:
    """Change the elements that all slices share.

    Parameters
    ----------
    ds : Dataset
        Changed in place.
    faults : collection
        Those that are no `CtFault` are passed over.
    """
    if CtFault.PIXEL_PADDING in faults:
        ds.PixelPaddingValue = padding_value(signed=bool(ds.PixelRepresentation))
    if CtFault.TWO_KERNELS in faults:
        ds.ConvolutionKernel = [ds.ConvolutionKernel, "3"]
    if CtFault.MISSING_RESCALE in faults:
        del ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType
    if CtFault.ZERO_SLOPE in faults:
        ds.RescaleSlope = "0"
    if CtFault.OVERLAY_IN_HIGH_BITS in faults:
        _add_overlay(ds)


def padding_value(*, signed: bool) -> int:
    """Give the stored value of pixels outside the circle."""
    return PADDING_SIGNED if signed else 0


def _add_overlay(ds: Dataset) -> None:
    """Describe an overlay that is embedded in the pixels (retired, but it exists)."""
    if ds.BitsStored != OVERLAY_BIT:
        raise ValueError("an overlay in the high bits needs pixels of 12 bits")
    ds.add_new(0x60000010, "US", ds.Rows)
    ds.add_new(0x60000011, "US", ds.Columns)
    ds.add_new(0x60000040, "CS", "G")
    ds.add_new(0x60000050, "SS", [1, 1])
    ds.add_new(0x60000100, "US", 16)
    ds.add_new(0x60000102, "US", OVERLAY_BIT)


def change_ct_pixels(stored: PixelArray, faults: Collection[str]) -> PixelArray:
    """Change the stored integers of one slice.

    Parameters
    ----------
    stored : ndarray, shape (n_y, n_x)
        As the scanner would store them.
    faults : collection
        Those that are no `CtFault` are passed over.

    Returns
    -------
    ndarray, shape (n_y, n_x)
        Of the same type.
    """
    if CtFault.PIXEL_PADDING in faults:
        stored = stored.copy()
        value = padding_value(signed=stored.dtype == np.int16)
        stored[circle_outside(*stored.shape)] = value
    if CtFault.OVERLAY_IN_HIGH_BITS in faults:
        bits = stored.view(np.uint16) & np.uint16(0x0FFF)
        bits[: stored.shape[0] // 4, : stored.shape[1] // 4] |= np.uint16(1 << OVERLAY_BIT)
        return bits if stored.dtype == np.uint16 else bits.view(np.int16)
    return stored
