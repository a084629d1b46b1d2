"""Which slices make one regular stack: order, spacing, and every way in which they do not.

Nothing is repaired here and nothing resampled: a stack is regular, or refused with the slices
named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.dicom import tags
from lesionscore.dicom.slices import COARSEST_MM, FINEST_MM, Slice
from lesionscore.errors import Finding, SeriesError
from lesionscore.volumes.grid import Grid

Floats = npt.NDArray[np.float64]
SAME_PLACE_MM = 0.01
"""Slices nearer than this lie in one place."""
UNEVEN_MM, UNEVEN_FRACTION = 0.06, 0.02
"""Positions written with one decimal are off by up to 0.05 mm; more is an uneven stack."""
EXACT_MM = 1e-3
SHEAR_LIMIT = 0.002
"""Sideways drift per mm of stack: 0.1 degree, more than rounded cosines give."""
SAME_DIRECTION = 1e-4
SAME_SPACING_FRACTION = 1e-4
TILT_DEG = 0.5
NAMED_SLICES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Slices of one volume, in order along the slice normal, and their grid.

    Parameters
    ----------
    slices : tuple of Slice
        First the one with the smallest position along the normal.
    grid : Grid
        Where the voxels lie.
    findings : tuple of Finding
        Doubts that do not stop the work.
    """

    slices: tuple[Slice, ...]
    grid: Grid
    findings: tuple[Finding, ...] = ()


def names(slices: Sequence[Slice]) -> str:
    """Name some slices in a message."""
    shown = ", ".join(one.label for one in slices[:NAMED_SLICES])
    return (
        shown if len(slices) <= NAMED_SLICES else f"{shown} and {len(slices) - NAMED_SLICES} more"
    )


def build_stack(slices: Sequence[Slice]) -> Stack:
    """Order slices along their normal and check that they make one regular volume.

    Parameters
    ----------
    slices : sequence of Slice
        All of one series, in any order.

    Returns
    -------
    Stack
        The slices in order and their grid.

    Raises
    ------
    SeriesError
        If position, orientation, spacing, size or frame of reference is missing or mixed; if
        slices share a place, are missing or unevenly spaced; if the stack is sheared by a
        tilted gantry. The message names the slices.
    """
    if not slices:
        raise SeriesError("no slices")
    check_complete(slices)
    check_uniform(slices)
    ordered = sorted(slices, key=lambda one: (one.along_mm, one.label))
    findings: list[Finding] = []
    spacing = slice_spacing_mm(ordered, findings)
    check_tilt(ordered)
    first = ordered[0]
    assert first.position_mm is not None
    assert first.pixel_spacing_mm is not None
    row, column, normal = axes(first)
    grid = Grid(
        shape_zyx=(len(ordered), *first.size),
        spacing_xyz_mm=(first.pixel_spacing_mm[1], first.pixel_spacing_mm[0], spacing),
        origin_mm=first.position_mm,
        direction=tuple(float(n) for n in np.column_stack([row, column, normal]).ravel()),
    )
    return Stack(slices=tuple(ordered), grid=grid, findings=tuple(findings))


def axes(one: Slice) -> tuple[Floats, Floats, Floats]:
    """Exactly orthonormal axes of a slice: along a row, down a column, along the normal."""
    orientation = np.asarray(one.orientation, dtype=np.float64)
    row = orientation[:3] / np.linalg.norm(orientation[:3])
    normal = one.normal
    return row, np.asarray(np.cross(normal, row), dtype=np.float64), normal


def check_complete(slices: Sequence[Slice]) -> None:
    """Refuse slices whose place or size the header does not say."""
    for what, bad in (
        ("Image Position (0020,0032)", [s for s in slices if s.position_mm is None]),
        ("a usable Image Orientation (0020,0037)", [s for s in slices if s.orientation is None]),
        ("a usable Pixel Spacing (0028,0030)", [s for s in slices if s.pixel_spacing_mm is None]),
        ("Rows and Columns (0028,0010), (0028,0011)", [s for s in slices if not min(s.size) > 0]),
    ):
        if bad:
            raise SeriesError(
                f"{len(bad)} of {len(slices)} slices have no {what}: {names(bad)}; where the "
                "voxels lie cannot be known. Send the series again from the scanner."
            )


def check_uniform(slices: Sequence[Slice]) -> None:
    """Refuse slices that differ in size, spacing, orientation or frame of reference."""
    first = _most_common(slices)
    direction, spacing = np.asarray(first.orientation), np.asarray(first.pixel_spacing_mm)
    frame = first.header.text(tags.FRAME_OF_REFERENCE_UID)
    for what, odd in (
        ("rows and columns", [s for s in slices if s.size != first.size]),
        (
            "pixel spacing",
            [
                s
                for s in slices
                if np.abs(np.asarray(s.pixel_spacing_mm) / spacing - 1).max()
                > SAME_SPACING_FRACTION
            ],
        ),
        (
            "orientation",
            [
                s
                for s in slices
                if np.abs(np.asarray(s.orientation) - direction).max() > SAME_DIRECTION
            ],
        ),
        (
            "frame of reference",
            [s for s in slices if s.header.text(tags.FRAME_OF_REFERENCE_UID) != frame],
        ),
    ):
        if odd:
            raise SeriesError(
                f"mixed {what}: {len(odd)} of {len(slices)} slices differ from the others: "
                f"{names(odd)}. One volume needs one {what}; send the series again, or separate "
                "the slices into series."
            )


def signature(one: Slice) -> tuple[object, ...]:
    """Tell what all slices of a volume share, rounded so that it can be compared."""
    orientation = one.orientation or ()
    return (
        one.size,
        tuple(round(n, 4) for n in one.pixel_spacing_mm or ()),
        tuple(round(n, 3) + 0.0 for n in orientation),
        one.header.text(tags.FRAME_OF_REFERENCE_UID),
    )


def _most_common(slices: Sequence[Slice]) -> Slice:
    """Give a slice of the kind that most are."""
    kinds: dict[tuple[object, ...], list[Slice]] = {}
    for one in slices:
        kinds.setdefault(signature(one), []).append(one)
    return max(kinds.values(), key=len)[0]


def steps_mm(ordered: Sequence[Slice]) -> Floats:
    """Distances along the normal of neighbouring slices, shape (n - 1,), mm."""
    normal = ordered[0].normal
    along = np.asarray([s.position_mm for s in ordered], dtype=np.float64) @ normal
    return np.diff(along)


def slice_spacing_mm(ordered: Sequence[Slice], findings: list[Finding]) -> float:
    """Distance between the centres of neighbouring slices, after every check of it."""
    if len(ordered) == 1:
        return single_spacing_mm(ordered[0], findings)
    steps = steps_mm(ordered)
    together = np.flatnonzero(np.abs(steps) < SAME_PLACE_MM)
    if together.size:
        refuse_same_place(ordered, int(together[0]))
    usual = float(np.median(steps))
    check_gaps(ordered, steps, usual)
    check_shear(ordered)
    return even_spacing_mm(ordered, np.concatenate([[0.0], np.cumsum(steps)]))


def even_spacing_mm(ordered: Sequence[Slice], along_mm: Floats) -> float:
    """Fit an even stack to the positions along the normal.

    Raises
    ------
    SeriesError
        If a slice lies farther from its place than rounding explains.
    """
    number = np.arange(len(ordered))
    spacing = float(along_mm[-1] / number[-1])
    off = along_mm - number * spacing
    if np.ptp(off) > EXACT_MM:
        spacing, first = (float(n) for n in np.polyfit(number, along_mm, 1))
        off = along_mm - number * spacing - first
    worst = int(np.abs(off).argmax())
    if abs(off[worst]) > max(UNEVEN_MM, UNEVEN_FRACTION * spacing):
        raise SeriesError(
            f"uneven slice spacing: {ordered[worst].label} lies {abs(off[worst]):.3f} mm from its "
            f"place in an even stack of {len(ordered)} slices {spacing:.3f} mm apart. Only evenly "
            "spaced slices are measured."
        )
    return spacing


def check_gaps(ordered: Sequence[Slice], steps: Floats, usual: float) -> None:
    """Refuse steps that are not the usual one: missing slices, or uneven spacing."""
    odd = np.flatnonzero(np.abs(steps - usual) > max(2 * UNEVEN_MM, UNEVEN_FRACTION * usual))
    if not odd.size:
        return
    at = int(odd[0])
    pair = f"{ordered[at].label} and {ordered[at + 1].label}"
    missing = round(float(steps[at]) / usual) - 1
    whole = abs(float(steps[at]) - (missing + 1) * usual) <= max(2 * UNEVEN_MM, 0.05 * usual)
    more = f" ({len(odd)} such places)" if len(odd) > 1 else ""
    if missing >= 1 and whole:
        count = "one slice is" if missing == 1 else f"{missing} slices are"
        raise SeriesError(
            f"slices are {usual:.3f} mm apart except between {pair} ({steps[at]:.3f} mm){more}; "
            f"{count} probably missing. Send the series again."
        )
    raise SeriesError(
        f"uneven slice spacing: slices are {usual:.3f} mm apart except between {pair} "
        f"({steps[at]:.3f} mm){more}. Only evenly spaced slices are measured."
    )


def refuse_same_place(ordered: Sequence[Slice], at: int) -> None:
    """Refuse slices that share a place, naming all that do."""
    here = [s for s in ordered if abs(s.along_mm - ordered[at].along_mm) < SAME_PLACE_MM]
    raise SeriesError(
        f"{len(here)} slices with different content lie in one place: {names(here)}. Which one is "
        "meant cannot be known; send one series per reconstruction, bed or time point."
    )


def check_shear(ordered: Sequence[Slice]) -> None:
    """Refuse a stack whose slices drift sideways: a tilted gantry, or shifted slices."""
    positions = np.asarray([s.position_mm for s in ordered], dtype=np.float64)
    offset = positions - positions[0]
    normal = ordered[0].normal
    along = offset @ normal
    sideways = offset - np.outer(along, normal)
    drift = sideways[-1] / along[-1]
    slope = float(np.linalg.norm(drift))
    if slope > SHEAR_LIMIT:
        raise SeriesError(
            f"tilted gantry: the slices are sheared by {np.degrees(np.arctan(slope)):.2f} degrees "
            f"from {ordered[0].label} to {ordered[-1].label}. Such a stack is no upright volume; "
            "send the series without tilt, or resampled by the scanner."
        )
    off = np.linalg.norm(sideways - np.outer(along, drift), axis=1)
    worst = int(off.argmax())
    if off[worst] > 0.1:
        raise SeriesError(
            f"slices are shifted sideways: {ordered[worst].label} lies {off[worst]:.2f} mm beside "
            "the others. One volume needs slices straight above each other."
        )


def check_tilt(ordered: Sequence[Slice]) -> None:
    """Refuse an axial stack whose header says that the gantry was tilted."""
    tilt = ordered[0].header.number(tags.GANTRY_DETECTOR_TILT)
    exactly_axial = abs(abs(ordered[0].normal[2]) - 1) < 1e-6
    if tilt is not None and abs(tilt) > TILT_DEG and exactly_axial:
        raise SeriesError(
            f"tilted gantry: Gantry/Detector Tilt (0018,1120) is {tilt:g} degrees, but the slices "
            f"from {ordered[0].label} to {ordered[-1].label} are said to be upright. One of the "
            "two is wrong; send the series without tilt."
        )


def single_spacing_mm(one: Slice, findings: list[Finding]) -> float:
    """Spacing of a lone slice: what the header calls it, for want of a neighbour."""
    findings.append(
        Finding(
            code="single_slice",
            message=f"the series has one slice ({one.label}); its thickness stands for the spacing",
        )
    )
    for tag in (tags.SPACING_BETWEEN_SLICES, tags.SLICE_THICKNESS):
        number = abs(one.header.number(tag) or 0.0)
        if FINEST_MM <= number <= COARSEST_MM:
            return number
    raise SeriesError(
        f"one slice ({one.label}) with neither Slice Thickness (0018,0050) nor Spacing Between "
        "Slices (0018,0088) is no volume"
    )
