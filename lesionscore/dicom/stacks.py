"""From the slices that share a Series UID to the stacks they really are.

One UID can hold a scout beside the scan, two time points, two beds or the same file twice. They
are taken apart only where each part stands on its own; otherwise the series stays whole and
`geometry` refuses it by name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lesionscore.dicom import tags
from lesionscore.dicom.classify import MEASURED, kind_of
from lesionscore.dicom.decode import compression_fault
from lesionscore.dicom.geometry import SAME_PLACE_MM, build_stack, names, signature, steps_mm
from lesionscore.dicom.pixels import digest
from lesionscore.dicom.slices import Slice
from lesionscore.errors import DicomError, Finding, Severity

SMALLEST_STACK = 3
"""Fewer slices than this are taken for a scout, never for half of a scan."""
MOST_STACKS = 32
"""A series that falls into more kinds of slices than this is not taken apart."""
BED_GAP_SLICES = 5
"""Stacks farther apart than this many slices are two beds; nearer, slices are missing."""

Key = Callable[[Slice], Hashable]
SPLIT_KEYS: tuple[tuple[str, Key], ...] = (
    ("temporal position", lambda s: s.header.text(tags.TEMPORAL_POSITION_IDENTIFIER)),
    ("temporal position", lambda s: s.header.numbers(tags.TEMPORAL_POSITION_INDEX)),
    ("stack", lambda s: s.header.text(tags.STACK_ID)),
    ("acquisition number", lambda s: s.header.text(tags.ACQUISITION_NUMBER)),
    (
        "acquisition time",
        lambda s: (
            s.header.text(tags.ACQUISITION_DATE),
            s.header.text(tags.ACQUISITION_TIME)
            or s.header.text(tags.FRAME_ACQUISITION_DATETIME)
            or s.header.text(tags.ACQUISITION_DATETIME),
        ),
    ),
    ("frame reference time", lambda s: s.header.text(tags.FRAME_REFERENCE_TIME)),
    ("kernel", lambda s: s.header.texts(tags.CONVOLUTION_KERNEL)),
    ("image type", lambda s: s.header.texts(tags.IMAGE_TYPE)),
    ("series description", lambda s: s.header.text(tags.SERIES_DESCRIPTION)),
    ("slice thickness", lambda s: s.header.text(tags.SLICE_THICKNESS)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Slices that belong together, with what was found while sorting them out."""

    slices: tuple[Slice, ...]
    findings: tuple[Finding, ...] = ()


def separate(slices: Sequence[Slice]) -> list[Part]:
    """Sort the slices of one Series UID into the stacks that they are.

    Parameters
    ----------
    slices : sequence of Slice
        Everything that names one series.

    Returns
    -------
    list of Part
        At least one. A part that is no regular volume is left as it is, for `build_stack` to
        refuse with the slices named.
    """
    parts: list[Part] = []
    for group in _by(slices, kind_of):
        if kind_of(group[0]) not in MEASURED or not all(_is_placed(one) for one in group):
            parts.append(Part(slices=tuple(group)))
            continue
        for copy in lossy_apart(group):
            parts.extend(_by_signature(copy))
    if len(parts) > 1:
        note = Finding(
            code="series_split",
            message=f"one Series Instance UID holds {len(parts)} stacks; they were taken apart",
            severity=Severity.INFO,
        )
        parts = [Part(slices=p.slices, findings=(*p.findings, note)) for p in parts]
    return parts


def lossy_apart(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Take lossy copies of slices away from the lossless ones that lie in the same places."""
    lossless: list[Slice] = []
    lossy: list[Slice] = []
    for one in slices:
        (lossless if compression_fault(one) is None else lossy).append(one)
    if not lossless or not lossy:
        return [list(slices)]
    places = {tuple(round(n, 2) for n in one.position_mm or ()) for one in lossless}
    if all(tuple(round(n, 2) for n in one.position_mm or ()) in places for one in lossy):
        return [lossless, lossy]
    return [list(slices)]


def _by(slices: Sequence[Slice], key: Key) -> list[list[Slice]]:
    """Group slices by a key, in the order of first appearance."""
    groups: dict[Hashable, list[Slice]] = {}
    for one in slices:
        groups.setdefault(key(one), []).append(one)
    return list(groups.values())


def _is_placed(one: Slice) -> bool:
    """Whether a slice says where it lies at all."""
    return one.position_mm is not None and one.orientation is not None


def _by_signature(slices: Sequence[Slice]) -> list[Part]:
    """Separate stacks of different size, spacing, orientation or frame of reference."""
    groups = _by(slices, signature)
    if len(groups) > MOST_STACKS:
        return [Part(slices=tuple(slices))]
    if len(groups) > 1 and not all(
        _independent(a, b) for n, a in enumerate(groups) for b in groups[n + 1 :]
    ):
        return [Part(slices=tuple(slices))]
    return [part for group in groups for part in _by_place(group)]


def _independent(a: Sequence[Slice], b: Sequence[Slice]) -> bool:
    """Whether two groups are two stacks, not two halves of a damaged one."""
    small, large = sorted((a, b), key=len)
    across = abs(float(small[0].normal @ large[0].normal)) < 0.7
    other_matrix = signature(small[0])[:2] != signature(large[0])[:2]
    if len(small) < SMALLEST_STACK:
        return across and other_matrix
    if not (_is_regular(small) and _is_regular(large)):
        return False
    return across or _apart(small, large) or _overlap(small, large)


def _is_regular(slices: Sequence[Slice]) -> bool:
    """Whether slices make a volume on their own."""
    try:
        build_stack(slices)
    except DicomError:
        return False
    return True


def _range(slices: Sequence[Slice]) -> tuple[float, float]:
    """Lowest and highest position along the first slice's normal, mm."""
    normal = slices[0].normal
    along = [float(np.asarray(s.position_mm) @ normal) for s in slices]
    return min(along), max(along)


def _step(slices: Sequence[Slice]) -> float:
    """Usual distance of neighbouring slices, mm."""
    low, high = _range(slices)
    return (high - low) / max(len(slices) - 1, 1)


def _apart(a: Sequence[Slice], b: Sequence[Slice]) -> bool:
    """Whether two stacks lie so far apart that no missing slices explain it."""
    (low_a, high_a), (low_b, high_b) = _range(a), _range(b)
    gap = max(low_b - high_a, low_a - high_b)
    return gap > BED_GAP_SLICES * max(_step(a), _step(b))


def _overlap(a: Sequence[Slice], b: Sequence[Slice]) -> bool:
    """Whether two stacks share at least half of the smaller one's extent."""
    (low_a, high_a), (low_b, high_b) = _range(a), _range(b)
    shared = min(high_a, high_b) - max(low_a, low_b)
    return shared > 0.5 * min(high_a - low_a, high_b - low_b)


def _by_place(slices: Sequence[Slice]) -> list[Part]:
    """Drop identical duplicates, then separate time points and beds."""
    if _is_regular(slices):
        return [Part(slices=tuple(slices))]
    parts = _by_keys(slices, ())
    if parts:
        return parts
    kept, findings = drop_duplicates(slices)
    if _is_regular(kept):
        return [Part(slices=tuple(kept), findings=findings)]
    return _by_keys(kept, findings) or [Part(slices=tuple(kept), findings=findings)]


def _by_keys(slices: Sequence[Slice], findings: tuple[Finding, ...]) -> list[Part]:
    """Separate slices by the first attribute that makes whole stacks of them; [] if none does."""
    for what, key in SPLIT_KEYS:
        groups = _by(slices, key)
        if 1 < len(groups) <= len(slices) // SMALLEST_STACK and _stand_alone(groups):
            note = Finding(
                code="stacks_told_apart",
                message=f"{len(groups)} stacks in one series, told apart by {what}",
                severity=Severity.INFO,
            )
            return [Part(slices=tuple(group), findings=(*findings, note)) for group in groups]
    return []


def _stand_alone(groups: Sequence[Sequence[Slice]]) -> bool:
    """Whether every group is a volume and none continues another."""
    if any(len(group) < SMALLEST_STACK or not _is_regular(group) for group in groups):
        return False
    ordered = sorted(groups, key=lambda group: _range(group))
    return all(
        _apart(a, b) or _range(b)[0] < _range(a)[1] - SAME_PLACE_MM for a, b in pairwise(ordered)
    )


def drop_duplicates(slices: Sequence[Slice]) -> tuple[list[Slice], tuple[Finding, ...]]:
    """Drop slices that are in the same place with the same content as another.

    Parameters
    ----------
    slices : sequence of Slice
        Slices with one orientation.

    Returns
    -------
    kept : list of Slice
        One of each; slices in one place with different content are all kept.
    findings : tuple of Finding
        Names of what was dropped; empty if nothing was.
    """
    ordered = sorted(slices, key=lambda s: (s.along_mm, s.source.whole_path, s.frame))
    if len(ordered) < 2 or (np.abs(steps_mm(ordered)) >= SAME_PLACE_MM).all():
        return list(slices), ()
    kept: list[Slice] = []
    dropped: list[Slice] = []
    here: dict[bytes, Slice] = {}
    near = np.concatenate([[False], np.abs(steps_mm(ordered)) < SAME_PLACE_MM])
    shared = near | np.append(near[1:], False)
    for index, one in enumerate(ordered):
        if not near[index]:
            here = {}
        if not shared[index]:
            kept.append(one)
            continue
        mark = _mark(one)
        if mark in here:
            dropped.append(one)
        else:
            here[mark] = one
            kept.append(one)
    if not dropped:
        return list(slices), ()
    note = Finding(
        code="duplicate_slices_dropped",
        message=f"{len(dropped)} slices were there twice with the same content: {names(dropped)}",
        severity=Severity.INFO,
    )
    return kept, (note,)


def _mark(one: Slice) -> bytes:
    """Fingerprint of place and content; unlike any other where the pixels cannot be read."""
    try:
        content = digest(one)
    except DicomError:
        content = repr((one.source, one.frame)).encode()
    acquired = one.header.text(tags.ACQUISITION_TIME) or ""
    return content + acquired.encode() + repr(one.position_mm).encode()
