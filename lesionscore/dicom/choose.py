"""Which of several series is measured: stated rules, in order, and words for the choice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from lesionscore.dicom import tags
from lesionscore.dicom.classify import Kind, is_bone_kernel, is_called_uncorrected, is_reformat
from lesionscore.dicom.find import AXIAL, FoundSeries
from lesionscore.dicom.tracer import NAF, tracer_of
from lesionscore.errors import Finding, SeriesError, SuvError

WHOLE_COVERAGE = 0.9
"""A series that covers this share of the longest one covers as much as it."""
SLICE_CLASSES_MM = (1.6, 2.6, 3.6, 5.5)
"""Slices are as good as each other within a class; the kernel then decides."""


def pick(found: Sequence[FoundSeries], kind: Kind) -> tuple[FoundSeries, str]:
    """Choose the series to measure.

    Parameters
    ----------
    found : sequence of FoundSeries
        Everything in the folder.
    kind : Kind
        CT or PET.

    Returns
    -------
    chosen : FoundSeries
        The first by the rules.
    why : str
        The rules that decided, in words.

    Raises
    ------
    SeriesError
        If none can be measured, or if the folder mixes patients or days.
    SuvError
        If PET is there, and only its SUV cannot be had.

    Notes
    -----
    CT: whole coverage, axial, not derived, thin slices, bone kernel, more slices. PET:
    attenuation corrected (others are never measured), NaF, whole coverage, not derived, more
    slices. Ties go to the lower series number.
    """
    usable = [one for one in found if one.kind is kind and one.summary.measurable]
    if not usable:
        raise _error_kind(found, kind)(_nothing(found, kind))
    _check_one_patient([one for one in found if one.kind is kind], kind)
    if len(usable) == 1:
        return usable[0], f"the only measurable {kind.upper()} series"
    longest = max(_length_mm(one) for one in usable)
    ranked = sorted(usable, key=lambda one: _rank(one, kind, longest))
    best, second = ranked[0], ranked[1]
    words = _words(best, second, kind, longest)
    return best, f"best of {len(usable)} measurable {kind.upper()} series: {words}"


def _error_kind(found: Sequence[FoundSeries], kind: Kind) -> type[SeriesError] | type[SuvError]:
    """SuvError if SUV is all that is wrong with the series of a kind; else SeriesError."""
    errors = [one.error for one in found if one.kind is kind]
    return SuvError if errors and all(isinstance(e, SuvError) for e in errors) else SeriesError


def _nothing(found: Sequence[FoundSeries], kind: Kind) -> str:
    """Message when no series can be measured: every reason."""
    same = [one for one in found if one.kind is kind] or list(found)
    if not same:
        return f"no {kind.upper()} series: no DICOM images were found"
    reasons = "; ".join(f"{_name(one)}: {one.summary.why_not or one.kind}" for one in same[:6])
    return f"no measurable {kind.upper()} series. {reasons}"


def _name(one: FoundSeries) -> str:
    """How a message names a series."""
    number = one.summary.series_number
    uid = one.summary.series_uid
    short = f"{uid[:12]}...{uid[-6:]}" if len(uid) > 24 else uid or "no UID"
    return f"series {'without number' if number is None else number} ({short})"


def longer_refused(found: Sequence[FoundSeries], chosen: FoundSeries) -> tuple[Finding, ...]:
    """Say that a series which reaches farther than the one chosen was there, and why not taken.

    Parameters
    ----------
    found : sequence of FoundSeries
        Everything in the folder.
    chosen : FoundSeries
        The series that is measured.

    Returns
    -------
    tuple of Finding
        ``longer_series_refused`` for each series of the same kind that could not be measured and
        covers more of the body.

    Raises
    ------
    SeriesError
        If it is the larger part of the very series that was chosen.
    """
    reach = _reach_mm(chosen)
    longer = [
        one
        for one in found
        if one.kind is chosen.kind
        and not one.summary.measurable
        and _reach_mm(one) * WHOLE_COVERAGE > reach
    ]
    rest = [one for one in longer if one.summary.series_uid == chosen.summary.series_uid]
    if rest and chosen.summary.series_uid:
        raise SeriesError(
            f"{_name(chosen)}: {chosen.summary.slices} of its slices make a volume, the other "
            f"{rest[0].summary.slices} cannot be measured: {rest[0].summary.why_not}"
        )
    return tuple(
        Finding(
            code="longer_series_refused",
            message=f"{_name(one)} covers more and cannot be measured: {one.summary.why_not}",
        )
        for one in longer
    )


def _reach_mm(one: FoundSeries) -> float:
    """Distance from the lowest to the highest slice along the body, mm; 0 where not said."""
    heights = [place[2] for place in (s.position_mm for s in one.slices) if place is not None]
    return max(heights) - min(heights) if heights else 0.0


def _check_one_patient(same: Sequence[FoundSeries], kind: Kind) -> None:
    """Refuse a folder in which a choice would be a choice between patients or visits."""
    if len({one.patient_id for one in same}) > 1:
        raise SeriesError(
            f"the folder mixes {len({one.patient_id for one in same})} patients: "
            + ", ".join(_name(one) for one in same[:6])
            + f". Give one visit's {kind.upper()} alone, or name the series."
        )
    days = sorted({one.day for one in same if one.day is not None})
    if days and days[-1] - days[0] > timedelta(days=1):
        raise SeriesError(
            f"the folder mixes scans of {len(days)} days ({days[0]} to {days[-1]}): "
            + ", ".join(_name(one) for one in same[:6])
            + f". Give one visit's {kind.upper()} alone, or name the series."
        )


def _length_mm(one: FoundSeries) -> float:
    """Length of the body that a stack covers, from foot to head, whatever its slices' plane."""
    assert one.stack is not None
    grid = one.stack.grid
    edges = np.stack(np.meshgrid(*[(-0.5, n - 0.5) for n in grid.shape_zyx]), axis=-1)
    return float(np.ptp(grid.positions_mm(edges.reshape(-1, 3))[:, 2]))


def slice_class(spacing_mm: float) -> int:
    """Class of slice spacing, 0 the thinnest."""
    return sum(spacing_mm > limit for limit in SLICE_CLASSES_MM)


def _rank(one: FoundSeries, kind: Kind, longest: float) -> tuple[float, ...]:
    """Sort key: smaller is better."""
    assert one.stack is not None
    whole = 0.0 if _length_mm(one) >= WHOLE_COVERAGE * longest else 1.0
    header = one.slices[0].header
    derived = float(is_reformat(header))
    tail = (-float(one.summary.slices), float(one.summary.series_number or 0), one.summary.stack)
    if kind is Kind.PET:
        item = header.first_item(tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)
        doubtful = float(is_called_uncorrected(header))
        return (doubtful, float(tracer_of(item) != NAF), whole, derived, *tail)
    axial = 0.0 if abs(one.slices[0].normal[2]) > AXIAL else 1.0
    spacing = one.stack.grid.spacing_xyz_mm[2]
    thickness = max(spacing, one.summary.slice_thickness_mm or 0.0)
    soft = float(not is_bone_kernel(one.summary.kernel))
    return (whole, axial, derived, float(slice_class(thickness)), soft, thickness, *tail)


CT_WORDS = (
    "covers more",
    "axial",
    "not derived",
    "thinner slices",
    "bone kernel",
    "thinner slices",
)
PET_WORDS = ("attenuation corrected beyond doubt", "18F-NaF", "covers more", "not derived")


def _words(best: FoundSeries, second: FoundSeries, kind: Kind, longest: float) -> str:
    """Give the first rule on which the chosen series beats the next."""
    words = CT_WORDS if kind is Kind.CT else PET_WORDS
    pairs = zip(words, _rank(best, kind, longest), _rank(second, kind, longest), strict=False)
    for word, mine, theirs in pairs:
        if mine != theirs:
            return word
    return "more slices, or the lower series number"
