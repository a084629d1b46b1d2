"""Where the search for a lesion begins at a visit: shapes that it may have by now.

The inclusion's shape at several sizes, in its place or where a look at the scan shows something,
once or, where that is in pieces, once for each; and that look's own shape, which is rough and
follows noise, so that it has a price: it must explain the scan much better than a shape that was
known before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lesionscore.errors import MeasurementError
from lesionscore.lesions.foci import Focus, surface_of_parts
from lesionscore.lesions.meshing import remeshed
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.surface import Surface, union

SCALES = (1.3, 1.0, 0.85, 0.7, 0.55, 0.4)
FINE_SCALES = (1.3, 1.14, 1.0, 0.92, 0.85, 0.78, 0.7, 0.62, 0.55, 0.47, 0.4)
FINE_BELOW = 0.7  # trust in the edges
LEAST_SCALE, LARGEST_SCALE = 0.3, 1.5
CHANGED_PRICE, MOVED_PRICE, SPLIT_PRICE, SHAPE_PRICE = 8.0, 3.0, 6.0, 30.0
"""Minus logarithms of prior odds: against another size where few edges show; against a remnant
off to one side; against several remnants; against any shape."""
SHAPE_SMOOTHING = 0.2
"""Of the radius; a look at the scan follows its noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitStart:
    """One start.

    Parameters
    ----------
    surface : Surface
        On the visit's CT.
    price : float
        What it costs before the scan is looked at (minus logarithm).
    as_before : bool
        It is the inclusion's shape, unchanged.
    """

    surface: Surface
    price: float = 0.0
    as_before: bool = False


def starts_at_visit(
    carried: Surface, parts: list[Focus], patch: Patch, trust: float
) -> list[VisitStart]:
    """Every start worth trying.

    Parameters
    ----------
    carried : Surface
        The inclusion surface on this visit's scan.
    parts : list of Focus
        What a look at the scan shows in the lesion's place, the largest first.
    patch : Patch
        The visit's voxels.
    trust : float
        How much of the lesion shows an edge, 0 to 1. Where little does, the inclusion's shape is
        kept and its size searched finely, and a change must be seen to be believed.

    Returns
    -------
    list of VisitStart
        At least one for each of `SCALES`.
    """
    scales = FINE_SCALES if trust < FINE_BELOW else SCALES
    starts = [
        VisitStart(
            surface=_resized(carried, scale),
            price=0.0 if scale == 1.0 else (1.0 - trust) * CHANGED_PRICE,
            as_before=scale == 1.0,
        )
        for scale in scales
    ]
    if not parts:
        return starts
    total = sum(part.volume_mm3 for part in parts)
    scale = (total / (1000.0 * carried.volume_ml)) ** (1.0 / 3.0)
    if LEAST_SCALE <= scale <= LARGEST_SCALE:
        moved = _resized(carried, scale, parts[0].centre_mm)
        price = max(MOVED_PRICE, (1.0 - trust) * CHANGED_PRICE)
        starts.append(VisitStart(surface=moved, price=price))
    if trust < FINE_BELOW:
        return starts
    if len(parts) > 1:
        starts.append(VisitStart(surface=_split(carried, parts), price=SPLIT_PRICE))
    shape = _smooth_shape(parts, patch)
    if shape is not None:
        starts.append(VisitStart(surface=shape, price=SHAPE_PRICE))
    return starts


def _resized(
    surface: Surface, scale: float, centre_mm: tuple[float, float, float] | None = None
) -> Surface:
    """A surface at another size about its centre, moved to another centre if one is given."""
    middle = np.asarray(surface.centre_mm)
    goal = middle if centre_mm is None else np.asarray(centre_mm)
    return Surface(vertices_mm=goal + scale * (surface.vertices_mm - middle), faces=surface.faces)


def _split(carried: Surface, parts: list[Focus]) -> Surface:
    """The inclusion's shape once for every part, in its place and at its size."""
    whole_mm3 = 1000.0 * carried.volume_ml
    return union(
        [
            _resized(carried, (part.volume_mm3 / whole_mm3) ** (1.0 / 3.0), part.centre_mm)
            for part in parts
        ]
    )


def _smooth_shape(parts: list[Focus], patch: Patch) -> Surface | None:
    """Shape of all parts together; None where they are too small to mesh."""
    rough = surface_of_parts(parts, patch)
    if rough is None:
        return None
    try:
        return remeshed(rough, smooth_mm=SHAPE_SMOOTHING * rough.radius_mm)
    except MeasurementError:
        return None
