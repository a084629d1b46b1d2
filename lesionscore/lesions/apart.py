"""Two known lesions that were found as one: to each what its own reader's mark stands for.

A point beside a thin wall of bone can take in the lesion on the other side of the wall. The
better known of the two is right; the other one is looked for again without its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations

import numpy as np

from lesionscore.errors import MeasurementError
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.segment import InclusionLesion
from lesionscore.lesions.surface import Surface
from lesionscore.volumes import Grid

OVERLAPS = "overlaps_other_lesion"
MOST_SHARED = 0.1
"""Of the smaller lesion's volume; outlines that touch share less."""
STEP_MM = 0.8
CLEARLY_MORE_LOBE = 0.2
"""Difference of the shares of two lesions that were joined to what rays saw of them."""

Segmentation = Callable[[str, Sequence[Surface]], InclusionLesion]


def told_apart(
    lesions: Mapping[str, InclusionLesion], segmented_again: Segmentation
) -> dict[str, InclusionLesion]:
    """Segment again what took in another lesion, and flag what still overlaps.

    Parameters
    ----------
    lesions : mapping of str to InclusionLesion
        One patient's lesions by id, each found by itself.
    segmented_again : callable
        Finds the lesion of an id without the places of some surfaces.

    Returns
    -------
    dict of str to InclusionLesion
        In the same order. A reader's outline is never changed; of two points the one of which
        clearly more is a lobe that was joined gives way, or else the one whose diameter is
        relatively less certain.
    """
    result = dict(lesions)
    pairs = [pair for pair in combinations(lesions, 2) if _overlap(*(result[k] for k in pair))]
    for pair in pairs:
        for name, other in _less_sure_first(pair, result):
            if result[name].seed.mask is not None or not _overlap(result[name], result[other]):
                continue
            partners = [b if a == name else a for a, b in pairs if name in (a, b)]
            # what cannot be found again stays as it was, with the flag
            with suppress(MeasurementError):
                result[name] = segmented_again(name, [result[k].surface for k in partners])
    for a, b in combinations(lesions, 2):  # a new outline may lie in a third lesion
        if _overlap(result[a], result[b]):
            result[a], result[b] = _flagged(result[a]), _flagged(result[b])
    return result


def _less_sure_first(
    pair: tuple[str, str], lesions: Mapping[str, InclusionLesion]
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Both orders of a pair, the one whose first gives way at first."""
    first, second = (lesions[name] for name in pair)
    lead = first.lobe_share - second.lobe_share
    if abs(lead) < CLEARLY_MORE_LOBE:
        lead = _doubt(first) - _doubt(second)
    return (pair, pair[::-1]) if lead >= 0.0 else (pair[::-1], pair)


def _doubt(lesion: InclusionLesion) -> float:
    """How uncertain a lesion's diameter is; what has no diameter is the most uncertain."""
    size = lesion.reading.size
    return np.inf if size is None else size.longest_diameter_sd_mm / size.longest_diameter_mm


def _flagged(lesion: InclusionLesion) -> InclusionLesion:
    """The same lesion with the flag, once."""
    reading = lesion.reading
    if OVERLAPS in reading.flags:
        return lesion
    return replace(lesion, reading=replace(reading, flags=(*reading.flags, OVERLAPS)))


def _overlap(first: InclusionLesion, second: InclusionLesion) -> bool:
    """Whether two lesions share more than touching outlines do."""
    a, b = first.surface, second.surface
    low = np.maximum(a.vertices_mm.min(axis=0), b.vertices_mm.min(axis=0))
    high = np.minimum(a.vertices_mm.max(axis=0), b.vertices_mm.max(axis=0))
    if bool((low >= high).any()):
        return False
    low = low - 2.0 * STEP_MM
    count = np.ceil((high - low) / STEP_MM).astype(int) + 3
    grid = Grid(
        shape_zyx=(int(count[2]), int(count[1]), int(count[0])),
        spacing_xyz_mm=(STEP_MM, STEP_MM, STEP_MM),
        origin_mm=(float(low[0]), float(low[1]), float(low[2])),
    )
    both = (signed_distance(a, grid) < 0) & (signed_distance(b, grid) < 0)
    shared_ml = float(both.sum()) * grid.voxel_volume_ml
    return shared_ml > MOST_SHARED * min(a.volume_ml, b.volume_ml)
