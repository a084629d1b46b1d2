"""Which surface a visit's scan shows: of several starts the most probable, or none at all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lesionscore.lesions.evidence import Arena, Evidence
from lesionscore.lesions.fit import cost_without_lesion, fit_surface
from lesionscore.lesions.foci import Focus
from lesionscore.lesions.freedom import edge_trust, free_smoothness
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import coverage, signed_distance
from lesionscore.lesions.segment import InclusionLesion
from lesionscore.lesions.shape import ShapeBasis, Smoothness, shape_basis
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.surface_fit import SurfaceFit
from lesionscore.lesions.visit_starts import starts_at_visit

Flags = npt.NDArray[np.bool_]

TIGHT = Smoothness(components=((0.6, np.inf), (0.5, 8.0), (0.25, 4.0)))
QUICK_STEPS = 3
TIGHT_STEPS = 5
RIMMED, FREED = 2, 2
"""How many of the best starts are tried with a sclerotic rim, and let free."""
RIM_HU = 150.0
"""Of a rim that has become sclerotic since inclusion."""
INFILL, INFILL_PRICE, LEAST_INFILLED_HU = (0.25, 0.15), 3.0, 80.0
"""Mean and SD of how far bone has grown into a lesion that keeps its size, of the way from its
level to the bone's; what that costs beforehand; and the least contrast that lets it be seen."""
LEAST_IN_PLACE = 0.35
"""Share of a surface that lies where the lesion was; 30 % more in every direction leave 0.45."""
FREEDOM = 0.6
"""Of the freedom of a first segmentation: the shape is known from inclusion."""
DENSEST_SHARE = 0.8
LEAST_FILLED = 0.5
"""Share of the lesion's volume that must be dense for it to count as healed by sclerosis."""
LEAST_RISE_HU = 60.0
FILLED_PRICE = 10.0
"""Of a second surface, of dense bone in the lesion's place (minus logarithm)."""
CLEAR_OF_REMNANT_MM, RING_BEYOND_MM, LEAST_RING_ML = 0.8, 0.8, 0.03
CORTEX_ABOVE_HU = 120.0
"""Bone that was this much denser than spongy bone is cortex."""
DENSE_BEYOND_MM, DENSE_SD_HU = 1.0, 60.0
"""Where that bone is looked for and begins, and how much its density may differ."""
FILLED_SPREAD = 0.25
"""SD of the new bone's density, relative to what it has more than before."""


def best_fit(
    arena: Arena, evidence: Evidence, inclusion: InclusionLesion, parts: list[Focus]
) -> tuple[list[SurfaceFit], float]:
    """Likely surfaces, the most probable first, and the cost of having no lesion at all.

    First several starts (see `starts_at_visit`), nearly rigid and with the scan's blur as it is;
    then the two most probable of those that are lesion, not bone, with the blur fitted and let
    free. Each step's freedom is paid for in `SurfaceFit.cost`, a start's own shape in its price.
    Where bone beside the best has become denser, all is tried again within that bone.

    Parameters
    ----------
    arena : Arena
        Around the inclusion surface on the visit's CT.
    evidence : Evidence
        What the visit says.
    inclusion : InclusionLesion
        The lesion at inclusion.
    parts : list of Focus
        What a look at the scan takes for lesion within the carried surface.

    Returns
    -------
    likely : list of SurfaceFit
        The most probable surface first; their costs have their starts' prices in them.
    nothing : float
        Cost of no lesion, comparable with theirs.
    """
    likely, nothing = _searched(arena, evidence, inclusion, parts)
    if inclusion.cortex_broken:
        return likely, nothing
    spongy = evidence.bone_hu < inclusion.bone.normal_hu + CORTEX_ABOVE_HU
    dense = _dense_place(arena, evidence, likely[0], spongy)
    if dense is None:
        return likely, nothing
    remnants, gone = _searched(arena, _filled_with(evidence, dense), inclusion, parts)
    nothing = min(nothing, gone + FILLED_PRICE)
    likely += [replace(remnant, cost=remnant.cost + FILLED_PRICE) for remnant in remnants]
    return sorted(likely, key=lambda fit: fit.cost), nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    """A surface with the evidence that it was fitted to and what it costs, its price included."""

    fit: SurfaceFit
    evidence: Evidence
    price: float

    @property
    def cost(self) -> float:
        """Minus logarithm of its probability."""
        return self.fit.cost + self.price


def _searched(
    arena: Arena, evidence: Evidence, inclusion: InclusionLesion, parts: list[Focus]
) -> tuple[list[SurfaceFit], float]:
    """Likely surfaces, the most probable first, and cost of no lesion, given the bone expected."""
    trust = edge_trust(inclusion.contact)
    rigid = TIGHT.scaled(trust)

    def tried(start: ShapeBasis, price: float, full: Evidence) -> _Candidate:
        """A quick fit, with the scan's blur as it is."""
        quick = replace(full, blur_sd=0.0, sharpening=0.0, sharpening_sd=0.0)
        fit = fit_surface(start, quick, arena, steps=QUICK_STEPS)
        return _Candidate(fit=fit, evidence=full, price=price)

    contrast = _contrast_hu(arena, evidence, inclusion)
    starts = starts_at_visit(arena.surface, parts, evidence.patch, trust)
    bases = [(shape_basis(start.surface, rigid), start.price) for start in starts]
    first = sorted([tried(basis, price, evidence) for basis, price in bases], key=_cost)
    rim = replace(evidence, rim_hu=RIM_HU)
    others = [tried(one.fit.basis, one.price, rim) for one in first[:RIMMED]]
    if contrast > LEAST_INFILLED_HU and not inclusion.cortex_broken:
        infilled = replace(
            evidence,
            lesion_hu=evidence.lesion_hu + INFILL[0] * contrast,
            lesion_sd_hu=INFILL[1] * contrast,
        )
        others += [
            tried(basis, price + INFILL_PRICE, infilled)
            for (basis, price), start in zip(bases, starts, strict=True)
            if start.as_before
        ]
    rough = sorted(first + others, key=_cost)
    # a "lesion" as dense as bone is sclerosis where the lesion was, or a piece of new cortex
    highest = evidence.lesion_hu + max(DENSEST_SHARE * contrast, LEAST_RISE_HU)
    lytic = [one for one in rough if one.fit.lesion_hu <= highest]
    fits: list[_Candidate] = []
    for one in (lytic or rough)[:FREED]:
        tight = fit_surface(one.fit.basis, one.evidence, arena, steps=TIGHT_STEPS)
        smoothness = free_smoothness(tight.surface.radius_mm).scaled(FREEDOM * trust)
        free = fit_surface(shape_basis(tight.surface, smoothness), one.evidence, arena)
        fits += [replace(one, fit=tight), replace(one, fit=free)]
    tried_out = fits + rough
    filled = [
        one.cost
        for one in tried_out
        if not inclusion.cortex_broken  # else it may be the cortex that came back
        and one.fit.lesion_hu > highest
        and one.fit.surface.volume_ml > LEAST_FILLED * inclusion.surface.volume_ml
    ]
    nothing = min([cost_without_lesion(evidence, arena), *filled])
    for candidates in (fits, tried_out):
        likely = [
            replace(one.fit, cost=one.cost)
            for one in sorted(candidates, key=_cost)
            if one.fit.lesion_hu <= highest and _in_place(one.fit.surface, arena, evidence.patch)
        ]
        if likely:
            return likely, nothing
    best = min(fits, key=_cost)
    return [replace(best.fit, cost=np.inf if filled else best.cost)], nothing


def _contrast_hu(arena: Arena, evidence: Evidence, inclusion: InclusionLesion) -> float:
    """How far the lesion's level lies below the spongy bone around it, HU.

    In a thin bone the usual level around is partly that of the blurred cortex: what is expected in
    the lesion's own place is what would be seen without it.
    """
    around = inclusion.bone.normal_hu - inclusion.fit.lesion_hu
    place = evidence.bone_hu[(coverage(arena.surface, evidence.patch) > 0.5) & evidence.votes]
    if place.size == 0:
        return around
    return min(around, float(np.median(place)) - evidence.lesion_hu)


def _in_place(surface: Surface, arena: Arena, patch: Patch) -> bool:
    """Whether a surface lies where the lesion was; what has grown reaches beyond its place."""
    share = coverage(surface, patch)
    within = np.minimum(share, coverage(arena.surface, patch))
    return bool(within.sum() >= LEAST_IN_PLACE * share.sum())


def _dense_place(
    arena: Arena, evidence: Evidence, best: SurfaceFit, spongy: Flags
) -> SurfaceFit | None:
    """Surface of bone that is denser than before around what is left; None where there is none.

    Only what was spongy counts: of a cortex beside the lesion the density says nothing of what
    has grown in the lesion's place.
    """
    patch = evidence.patch
    beside = signed_distance(best.surface, patch.grid) > CLEAR_OF_REMNANT_MM
    ring = (
        beside
        & spongy
        & evidence.votes
        & (signed_distance(arena.surface, patch.grid) < RING_BEYOND_MM)
    )
    if float(ring.sum()) * patch.grid.voxel_volume_ml < LEAST_RING_ML:
        return None
    if float(np.median((patch.values_hu - evidence.bone_hu)[ring])) < LEAST_RISE_HU:
        return None
    dense = replace(
        evidence,
        votes=evidence.votes & beside,
        lesion_hu=float(np.median(patch.values_hu[ring])),
        lesion_sd_hu=DENSE_SD_HU,
        blur_sd=0.0,
        sharpening=0.0,
        sharpening_sd=0.0,
    )
    start = arena.surface.displaced(np.full(len(arena.surface.vertices_mm), DENSE_BEYOND_MM))
    return fit_surface(shape_basis(start, TIGHT), dense, steps=TIGHT_STEPS)


def _filled_with(evidence: Evidence, dense: SurfaceFit) -> Evidence:
    """Evidence for what is left of a lesion in the bone denser than before that took its place."""
    share = coverage(dense.surface, evidence.patch)
    added = share * (dense.lesion_hu - evidence.bone_hu)
    return replace(
        evidence,
        bone_hu=(evidence.bone_hu + added).astype(np.float32),
        bone_sd_hu=np.hypot(evidence.bone_sd_hu, FILLED_SPREAD * added).astype(np.float32),
    )


def _cost(candidate: _Candidate) -> float:
    """What a candidate costs."""
    return candidate.cost
