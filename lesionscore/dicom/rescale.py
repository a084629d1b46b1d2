"""Stored values to HU and SUV: slope and intercept per slice, padding, whole numbers kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.dicom import tags
from lesionscore.dicom.decode import is_native
from lesionscore.dicom.header import Header
from lesionscore.dicom.layout import PixelLayout, layout
from lesionscore.dicom.pixels import check_room, read_frame
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.slices import Slice
from lesionscore.errors import SeriesError, Severity

AIR_HU = -1024
PADDING_BELOW_HU = -900
"""Padding above this could be tissue; it is left alone and recorded."""
UNSPECIFIED = "US"
"""Rescale Type of values without a unit, as converters write it for HU too."""
NO_AIR_HU = -300.0
DENSEST_HU = 1e5  # tungsten lies below 70 000
PLAUSIBLE_SUV_MAX = (0.3, 2000.0)  # urine in the bladder reaches hundreds
INT16 = np.iinfo(np.int16)
THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale:
    """Slope and intercept of one slice, and the stored values that are padding.

    ``padding`` is the first and last padded value, or None.
    """

    slope: float
    intercept: float
    padding: tuple[float, float] | None

    @property
    def is_whole(self) -> bool:
        """Whether whole stored values give whole numbers."""
        return self.slope == 1.0 and self.intercept == int(self.intercept)


def ct_rescale(one: Slice, form: PixelLayout, notes: Notes) -> Rescale:
    """Slope, intercept and padding of a CT slice.

    Raises
    ------
    SeriesError
        If the header does not turn stored values into HU (PS3.3 C.11.1.1.2 lists its types).
    """
    header = one.header
    intercept = header.number(tags.RESCALE_INTERCEPT)
    slope = header.number(tags.RESCALE_SLOPE)
    if intercept is None or (slope is not None and not slope > 0):
        raise SeriesError(
            f"{one.label}: Rescale Slope and Intercept (0028,1053), (0028,1052) are "
            f"{_said(slope)} and {_said(intercept)}; without them stored values are not HU"
        )
    kind = header.code(tags.RESCALE_TYPE)
    if kind not in ("", "HU", UNSPECIFIED):
        raise SeriesError(
            f"{one.label}: Rescale Type (0028,1054) is {kind}, so the values are not HU. Send the "
            "series in HU"
        )
    if kind == UNSPECIFIED:
        notes.add(
            "rescale_type_not_hu",
            f"Rescale Type (0028,1054) is {kind}; the values were taken for HU",
        )
    if slope is None:
        slope = 1.0
    return Rescale(slope=slope, intercept=intercept, padding=padding(header, form))


def _said(number: float | None) -> str:
    """Give a number, or that it is missing."""
    return "missing" if number is None else f"{number:g}"


def padding(header: Header, form: PixelLayout) -> tuple[float, float] | None:
    """First and last stored value that mean "outside the image"; None if the header names none.

    Notes
    -----
    Pixel Padding Value (0028,0120) has the sign of the pixels, whatever its own representation
    says: writers disagree.
    """
    values = [
        signed(header.integer(tag), form)
        for tag in (tags.PIXEL_PADDING_VALUE, tags.PIXEL_PADDING_RANGE_LIMIT)
    ]
    first, last = values[0], values[1]
    if first is None:
        return None
    if last is None:
        last = first
    return min(first, last), max(first, last)


def signed(value: int | None, form: PixelLayout) -> float | None:
    """Give a stored value with the sign that the pixels have."""
    if value is None:
        return None
    span = 1 << form.bits_allocated
    if form.is_signed and value >= span // 2:
        return value - span
    if not form.is_signed and value < 0:
        return value + span
    return value


def check_slices(slices: Sequence[Slice], notes: Notes, *, is_pet: bool) -> None:
    """Check, from headers and file sizes alone, that all slices can be read and rescaled.

    Raises
    ------
    SeriesError
        If a file is cut short, or has no usable pixel layout, slope or intercept.
    """
    for one in slices:
        form = layout(one)
        check_room(one, form)
        if is_pet:
            pet_rescale(one, notes)
        else:
            ct_rescale(one, form, notes)


def hounsfield(slices: Sequence[Slice], notes: Notes) -> npt.NDArray[np.generic]:
    """Read a CT stack in HU.

    Parameters
    ----------
    slices : sequence of Slice
        In order along the normal.
    notes : Notes
        Takes what was found on padding.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x)
        int16 where every slope is 1 and every intercept whole, else float32. Padding is air.

    Raises
    ------
    SeriesError
        If pixels are missing, or are no HU.
    """
    forms = [layout(one) for one in slices]
    rescales = [ct_rescale(s, f, notes) for s, f in zip(slices, forms, strict=True)]
    for one, form in zip(slices, forms, strict=True):
        check_room(one, form)
    note_padding(rescales, notes)
    if all(r.is_whole for r in rescales) and all(is_word(f) for f in forms):
        volume = whole_hounsfield(slices, forms, rescales)
        if volume is not None:
            return volume
    values = np.empty((len(slices), *slices[0].size), np.float32)

    def fill(index: int) -> None:
        target, rescale = values[index], rescales[index]
        stored = read_frame(slices[index], forms[index])
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            np.multiply(stored, rescale.slope, out=target, casting="unsafe")
            target += np.float32(rescale.intercept)
        outside = padded(stored, rescale)
        if outside is not None:
            target[outside] = AIR_HU

    for_each(fill, slices)
    if not np.isfinite(values).all():
        raise SeriesError("some values are not finite: slope, intercept or pixels are damaged")
    return values


def is_word(form: PixelLayout) -> bool:
    """Whether a stored value is a whole number of at most 16 bits."""
    return not form.is_float and form.bits_allocated <= 16


def whole_hounsfield(
    slices: Sequence[Slice], forms: Sequence[PixelLayout], rescales: Sequence[Rescale]
) -> npt.NDArray[np.int16] | None:
    """Read a stack with whole slopes and intercepts into int16; None if a value does not fit."""
    volume = np.empty((len(slices), *slices[0].size), np.int16)
    fits = [True]

    def fill(index: int) -> None:
        target, form, rescale = volume[index], forms[index], rescales[index]
        place = target.view(np.uint16) if not form.is_signed else target
        stored = read_frame(slices[index], form, place)
        outside = padded(stored, rescale)
        low, high = int(stored.min()), int(stored.max())
        if outside is not None:
            low = int(stored.min(where=~outside, initial=high))
        add = int(rescale.intercept)
        if low + add < INT16.min or high + add > INT16.max:
            fits[0] = False
            return
        if stored is not place:
            np.copyto(target, stored, casting="unsafe")
        np.add(target, np.array(add).astype(np.int16), out=target)
        if outside is not None:
            target[outside] = AIR_HU

    for_each(fill, slices)
    return volume if fits[0] else None


def padded(stored: npt.NDArray[np.generic], rescale: Rescale) -> npt.NDArray[np.bool_] | None:
    """Where a slice is padding that lies clearly below tissue; None if nowhere."""
    if rescale.padding is None:
        return None
    first, last = rescale.padding
    if last * rescale.slope + rescale.intercept >= PADDING_BELOW_HU:
        return None
    if first == last:
        mask = np.asarray(stored == first)
    else:
        mask = np.greater_equal(stored, first) & np.less_equal(stored, last)
    return mask if mask.any() else None


def note_padding(rescales: Sequence[Rescale], notes: Notes) -> None:
    """Record padding that was replaced, or that could be tissue and was not."""
    for rescale in rescales:
        if rescale.padding is None:
            continue
        low = rescale.padding[0] * rescale.slope + rescale.intercept
        high = rescale.padding[1] * rescale.slope + rescale.intercept
        if high < PADDING_BELOW_HU:
            notes.add(
                "pixel_padding",
                f"padding of {low:g} HU outside the image was read as air ({AIR_HU} HU)",
                Severity.INFO,
            )
        else:
            notes.add(
                "pixel_padding_in_tissue",
                f"Pixel Padding Value (0028,0120) is {high:g} HU, which tissue can have; nothing "
                "was replaced",
            )


def suv_values(
    slices: Sequence[Slice], factors: Sequence[float], notes: Notes
) -> npt.NDArray[np.float32]:
    """Read a PET stack in SUV by body weight.

    Parameters
    ----------
    slices : sequence of Slice
        In order along the normal.
    factors : sequence of float
        SUVbw per unit of the rescaled value, one per slice.
    notes : Notes
        Takes the findings.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), float32
        SUVbw: (stored * slope + intercept) * factor, each slice with its own.

    Raises
    ------
    SeriesError
        If pixels or slope are missing.
    """
    forms = [layout(one) for one in slices]
    for one, form in zip(slices, forms, strict=True):
        check_room(one, form)
    rescales = [pet_rescale(one, notes) for one in slices]
    volume = np.empty((len(slices), *slices[0].size), np.float32)

    def fill(index: int) -> None:
        slope, intercept = rescales[index]
        stored = read_frame(slices[index], forms[index]).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            volume[index] = (stored * slope + intercept) * factors[index]

    for_each(fill, slices)
    if not np.isfinite(volume).all():
        raise SeriesError("some values are not finite: slope, intercept or pixels are damaged")
    return volume


def check_hounsfield(array: npt.NDArray[np.generic], notes: Notes) -> None:
    """Record a CT without air in it: its numbers may not be HU.

    Raises
    ------
    SeriesError
        If some are higher than those of any matter.
    """
    lowest, highest = float(array.min()), float(array.max())
    if highest > DENSEST_HU:
        raise SeriesError(f"values reach {highest:g} HU, which no matter has: slope or pixels err")
    if lowest > NO_AIR_HU:
        notes.add(
            "no_air_in_ct",
            f"the lowest value is {lowest:g} HU; a CT of the body holds air near -1000 HU",
        )


def check_suv(array: npt.NDArray[np.float32], notes: Notes) -> None:
    """Record a PET whose highest SUV no patient has: dose, weight or times may be wrong."""
    highest = float(array.max())
    low, high = PLAUSIBLE_SUV_MAX
    if not low <= highest <= high:
        notes.add("suv_implausible", f"the highest SUV is {highest:.4g}")


def pet_rescale(one: Slice, notes: Notes) -> tuple[float, float]:
    """Slope and intercept of a PET slice.

    Raises
    ------
    SeriesError
        If the slope is missing or not above 0; under ``qiba`` if the intercept is not 0.
    """
    slope = one.header.number(tags.RESCALE_SLOPE)
    intercept = one.header.number(tags.RESCALE_INTERCEPT) or 0.0
    if slope is None or not slope > 0:
        raise SeriesError(
            f"{one.label}: Rescale Slope (0028,1053) is {_said(slope)}; a PET slice needs its own"
        )
    if intercept != 0:
        if notes.is_strict:
            raise SeriesError(
                f"{one.label}: Rescale Intercept (0028,1052) is {intercept:g}; PET needs 0"
            )
        notes.add(
            "pet_rescale_intercept",
            f"Rescale Intercept (0028,1052) is {intercept:g}, in PET it should be 0; it was added",
            once="intercept",
        )
    return slope, intercept


def for_each(fill: Callable[[int], None], slices: Sequence[Slice]) -> None:
    """Run `fill` for every slice on two threads, file by file so that none is opened twice."""
    if len(slices) < THREADS or not is_native(slices[0].file.transfer_syntax):
        for index in range(len(slices)):
            fill(index)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(fill, range(len(slices)), chunksize=1):
            pass
