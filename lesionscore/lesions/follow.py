"""Follow one lesion from the inclusion CT through the visits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.background import dense_bone, highest_near, seen_bone
from lesionscore.lesions.events import REAPPEARED, visit_events
from lesionscore.lesions.fit import Evidence, SurfaceFit, cost_without_lesion, fit_surface
from lesionscore.lesions.foci import Focus, lesion_like, parts_of_lesion
from lesionscore.lesions.patch import Patch, make_patch
from lesionscore.lesions.rasterise import coverage, signed_distance
from lesionscore.lesions.records import CtReading, LesionSize, Presence, ReadingStatus
from lesionscore.lesions.rim import (
    NO_DRIFT,
    Drift,
    ExpectedBone,
    carried_flags,
    drift_around,
    visit_edge,
)
from lesionscore.lesions.rules import LesionRules
from lesionscore.lesions.segment import (
    INCLUSION,
    NOT_COVERED,
    NOT_IN_BONE,
    SEED,
    SHARPENING,
    SHARPENING_SD,
    InclusionLesion,
    edge_trust,
    free_smoothness,
    point_sd_mm,
    unseen_sd_mm,
)
from lesionscore.lesions.shape import Smoothness
from lesionscore.lesions.sizing import DRAWS, lesion_size
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.visit_starts import VisitStart, starts_at_visit
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume

Singles = npt.NDArray[np.float32]
TIGHT = Smoothness(components=((0.6, np.inf), (0.5, 8.0), (0.25, 4.0)))
QUICK_STEPS = 3
TIGHT_STEPS = 5
RIMMED, FREED = 2, 2
"""How many of the best starts are tried with a sclerotic rim, and let free."""
FREEDOM = 0.6
"""Of the freedom of a first segmentation: the shape is known from inclusion."""
DENSEST_SHARE = 0.8
TOO_LITTLE_EDGE = "too_little_edge"
LEAST_JUDGED = 0.5
"""Share of the lesion's place within the bone's outline that any statement needs."""
LEAST_FILLED = 0.5
"""Share of the lesion's volume that must be dense for it to count as healed by sclerosis."""
LEAST_RISE_HU = 60.0
SURROUNDINGS_MM = 14.0
CORTEX_ROUNDS, LEAST_CORTEX_ML, LEAST_RADIUS_MM = 3, 0.01, 1.0
CORTEX_BEHIND_MM = 1.8
CORTEX_SPREAD = 0.25
"""SD of a cortex' density behind its blurred edge, relative to its excess over spongy bone."""
LEAST_MIXED = 0.02
EXTRA_SD_SHARE = 0.7
"""Share of the alignment's error that an unknown bone map passes on to a diameter."""
SHARED_ERROR = 0.5
"""Correlation of a diameter's error with that at inclusion: the same bone, the same model."""
COMPLETE_PRIOR_ODDS = 20.0
BROKEN_PRIOR_ODDS = 2e4
"""Complete healing is rare: this many to one against it before the scan is looked at; of a lesion
that had broken the cortex little edge shows, and what is left is easily overlooked."""
CLEARLY_SEEN = 15.0
"""Logarithm of the odds beyond which a remnant is there, however small."""
PLACEMENT_MM = 0.15
"""Error of an alignment that no estimate goes below."""
LESION_SD_HU = 15.0
FIELD_SD_HU = 15.0
RIM_HU = (0.0, 150.0)
"""A rim may have become sclerotic since inclusion: both are tried."""
RIM_SD_HU = 30.0
BLUR_SD = 0.2
SOFT_TISSUE_MM = 1.0
"""Beyond this outside the bone's outline soft tissue has its own motion."""
AIR_HU = -250.0
AIR_CLEARANCE_MM = 1.5
"""A breathing lung's border darkens what lies within the blur of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlignedScan:
    """One visit's CT, aligned to inclusion at one lesion.

    Parameters
    ----------
    visit : str
        Its id in the protocol.
    ct : Volume
        HU, native grid.
    visit_from_inclusion : RigidTransform
        Maps points of the inclusion CT near the lesion to this CT.
    registration_error_mm : float
        Expected error of the alignment at the lesion.
    flags : tuple of str
        Doubts of the alignment, carried to the reading.
    drift : Drift
        Offset of the whole scan against inclusion, from `scan_drift` over the lesions.
    """

    visit: str
    ct: Volume
    visit_from_inclusion: RigidTransform
    registration_error_mm: float
    flags: tuple[str, ...] = ()
    drift: Drift = NO_DRIFT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionCourse:
    """One lesion over the visits.

    Parameters
    ----------
    lesion_id : str
        Its name.
    readings : dict of str to CtReading
        By visit; inclusion is among them.
    surfaces : dict of str to Surface or None
        By visit, on that visit's CT; None where nothing is left or nothing was read.
    """

    lesion_id: str
    readings: dict[str, CtReading]
    surfaces: dict[str, Surface | None]


def follow_lesion(
    inclusion: InclusionLesion,
    inclusion_ct: Volume,
    scans: Sequence[AlignedScan],
    rules: LesionRules,
) -> LesionCourse:
    """Measure a lesion again on every aligned scan.

    Parameters
    ----------
    inclusion : InclusionLesion
        The lesion as found at inclusion.
    inclusion_ct : Volume
        The inclusion CT, HU.
    scans : sequence of AlignedScan
        Later visits in the order of time. A visit's result does not depend on later visits.
    rules : LesionRules
        Usually the protocol.

    Returns
    -------
    LesionCourse
        Readings and surfaces of all visits, inclusion included.
    """
    readings = {INCLUSION: inclusion.reading}
    surfaces: dict[str, Surface | None] = {INCLUSION: inclusion.surface}
    was_gone = False
    for scan in scans:
        reading, surface = _read_visit(inclusion, scan, rules)
        if was_gone and reading.presence is Presence.PRESENT:
            reading = replace(reading, flags=(*reading.flags, REAPPEARED))
        was_gone = was_gone or reading.presence is Presence.ABSENT
        readings[scan.visit] = reading
        surfaces[scan.visit] = surface
    return LesionCourse(lesion_id=inclusion.lesion_id, readings=readings, surfaces=surfaces)


def drift_at_lesion(inclusion: InclusionLesion, scan: AlignedScan) -> Drift | None:
    """Offset of a scan against inclusion as the bone around one lesion shows it.

    Parameters
    ----------
    inclusion : InclusionLesion
        The lesion at inclusion.
    scan : AlignedScan
        A later visit.

    Returns
    -------
    Drift or None
        None where too little bone is in view.
    """
    carried = inclusion.surface.moved(scan.visit_from_inclusion)
    if not inclusion.in_bone or not bool(scan.ct.grid.contains(carried.vertices_mm).all()):
        return None
    patch = _patch(scan, carried)
    return drift_around(patch, carried, _expected(inclusion, scan, patch))


def _patch(scan: AlignedScan, carried: Surface) -> Patch:
    """A visit's voxels around a lesion's place."""
    reach = float(np.linalg.norm(carried.vertices_mm - np.asarray(carried.centre_mm), axis=1).max())
    return make_patch(scan.ct, carried.centre_mm, reach + SURROUNDINGS_MM)


def _read_visit(
    inclusion: InclusionLesion, scan: AlignedScan, rules: LesionRules
) -> tuple[CtReading, Surface | None]:
    """Read one lesion on one scan."""
    blank = CtReading(
        lesion_id=inclusion.lesion_id,
        visit=scan.visit,
        status=ReadingStatus.NOT_EVALUABLE,
        flags=scan.flags,
        registration_error_mm=scan.registration_error_mm,
    )
    carried = inclusion.surface.moved(scan.visit_from_inclusion)
    if not inclusion.in_bone:
        return replace(blank, reasons=(NOT_IN_BONE,)), carried
    if not bool(scan.ct.grid.contains(carried.vertices_mm).all()):
        return replace(blank, reasons=(NOT_COVERED,)), None
    patch = _patch(scan, carried)
    expected = _expected(inclusion, scan, patch)
    around = drift_around(patch, carried, expected)
    drift_hu = (scan.drift if around is None else scan.drift.combined(around)).hu
    evidence = _evidence(inclusion, patch, expected, drift_hu)
    place = coverage(carried, patch) > 0.5
    if float(evidence.votes[place].sum()) < LEAST_JUDGED * max(float(place.sum()), 1.0):
        return replace(blank, reasons=(TOO_LITTLE_EDGE,)), carried
    like = lesion_like(patch, evidence.bone_hu, expected.is_bone, evidence.lesion_hu)
    parts = parts_of_lesion(like, patch, carried)
    best, nothing = _best_fit(carried, evidence, inclusion, parts)
    if inclusion.cortex_broken:
        best = _beside_new_cortex(best, evidence, carried, inclusion)
    limit = rules.measurable.limit_mm(patch.grid.spacing_xyz_mm[2])
    size = _size(best, inclusion, scan.registration_error_mm)
    remaining = 100.0 * best.surface.volume_ml / inclusion.surface.volume_ml
    broken = inclusion.cortex_broken
    against = BROKEN_PRIOR_ODDS if broken else COMPLETE_PRIOR_ODDS
    odds = float(np.clip(best.cost - nothing - np.log(against), -50.0, 50.0))
    gone = 1.0 / (1.0 + np.exp(-odds))
    little = remaining < rules.complete.remaining_percent and odds > -CLEARLY_SEEN
    complete = gone >= 0.5 or (little and not broken)
    presence = _presence(complete, size, limit)
    current = None if complete else best.surface
    edge = visit_edge(
        patch,
        carried,
        current,
        best.lesion_hu,
        expected,
        drift_hu,
        inclusion.reading.edge,
        rules.edge,
        cortex_broken=broken,
    )
    events = visit_events(inclusion, scan.visit_from_inclusion, patch, evidence, expected, current)
    reading = replace(
        blank,
        status=ReadingStatus.EVALUABLE,
        flags=blank.flags + events,
        presence=presence,
        complete_probability=max(gone, 0.5) if complete else gone,
        size=size if presence is Presence.PRESENT else None,
        edge=edge,
        mean_hu=best.lesion_hu,
        infill_percent=float(np.clip(100.0 - (0.0 if complete else remaining), 0.0, 100.0)),
        estimated_surface_fraction=float(
            (best.displacement_sd_mm() > 0.7 * best.basis.prior_sd_mm).mean()
        ),
        centre_mm=carried.centre_mm if complete else best.surface.centre_mm,
        measurable_limit_mm=limit,
    )
    return reading, current


def _size(best: SurfaceFit, inclusion: InclusionLesion, registration_error_mm: float) -> LesionSize:
    """Sizes with what makes them uncertain, some of it the same as at inclusion."""
    point_mm = point_sd_mm(inclusion.seed, best.surface, inclusion.contact)
    size = lesion_size(
        best.surface,
        best.draw(DRAWS, SEED),
        extra_sd_mm=math.hypot(
            EXTRA_SD_SHARE * registration_error_mm,
            unseen_sd_mm(best.surface, inclusion.contact),
            point_mm,
        ),
        correlation=SHARED_ERROR,
    )
    if inclusion.reading.size is None or point_mm == 0.0:
        return size
    first, now = inclusion.reading.size.longest_diameter_sd_mm, size.longest_diameter_sd_mm
    first_point = point_sd_mm(inclusion.seed, inclusion.surface, inclusion.contact)
    rest = math.sqrt(max(first**2 - first_point**2, 0.0) * max(now**2 - point_mm**2, 0.0))
    shared = first_point * point_mm + SHARED_ERROR * rest
    return replace(size, inclusion_correlation=min(shared / (first * now), 0.95))


def _presence(complete: bool, size: LesionSize, limit_mm: float) -> Presence:
    """Say what is left."""
    if complete:
        return Presence.ABSENT
    return Presence.PRESENT if size.longest_diameter_mm >= limit_mm else Presence.TOO_SMALL


def _expected(inclusion: InclusionLesion, scan: AlignedScan, patch: Patch) -> ExpectedBone:
    """The inclusion's own bone on the visit's voxels."""
    seen = seen_bone(inclusion.patch, inclusion.bone)
    back = scan.visit_from_inclusion.inverse()
    at = np.moveaxis(inclusion.patch.grid.index_zyx(back.apply(patch.positions_mm())), -1, 0)
    slopes = np.gradient(seen.level_hu, *inclusion.patch.spacing_zyx_mm)
    steep = np.sqrt(sum(slope**2 for slope in slopes)).astype(np.float32)
    error_mm = np.hypot(scan.registration_error_mm, PLACEMENT_MM) / np.sqrt(3.0)
    spread = np.hypot(_carried(seen.spread_hu, at), _carried(steep, at) * error_mm)
    return ExpectedBone(
        level_hu=_carried(seen.level_hu, at),
        spread_hu=spread.astype(np.float32),
        is_bone=carried_flags(inclusion.bone.inside, at),
    )


def _evidence(
    inclusion: InclusionLesion, patch: Patch, expected: ExpectedBone, drift_hu: float
) -> Evidence:
    """What the visit says of the surface, given the inclusion's bone."""
    return Evidence(
        patch=patch,
        bone_hu=expected.level_hu + np.float32(drift_hu),
        bone_sd_hu=expected.spread_hu,
        bone_shared=inclusion.bone.texture_shared,
        noise=patch.noise,
        votes=_voting(patch, expected),
        lesion_hu=inclusion.fit.lesion_hu + drift_hu,
        lesion_sd_hu=LESION_SD_HU,
        field_sd_hu=FIELD_SD_HU,
        # where little edge shows, a free rim could stand in for the lesion itself
        rim_sd_hu=RIM_SD_HU * edge_trust(inclusion.contact) ** 2,
        blur_sd=BLUR_SD,
        sharpening=SHARPENING,
        sharpening_sd=SHARPENING_SD,
    )


def _voting(patch: Patch, expected: ExpectedBone) -> npt.NDArray[np.bool_]:
    """Voxels of bone and its next surroundings, clear of lung and outside air, which move."""
    air = np.minimum(patch.values_hu, expected.level_hu) < AIR_HU
    near = _near(expected.is_bone, SOFT_TISSUE_MM, patch.spacing_zyx_mm)
    return near & ~_near(air, AIR_CLEARANCE_MM, patch.spacing_zyx_mm)


def _near(
    flags: npt.NDArray[np.bool_], reach_mm: float, spacing: tuple[float, float, float]
) -> npt.NDArray[np.bool_]:
    """Voxels within reach of flagged ones."""
    return np.asarray(ndimage.distance_transform_edt(~flags, sampling=spacing) <= reach_mm)


def _carried(values: npt.NDArray[np.float32], at: npt.NDArray[np.float64]) -> Singles:
    """Trilinear values at array indices, shape (3, ...)."""
    return np.asarray(
        ndimage.map_coordinates(values, at, order=1, mode="nearest"), dtype=np.float32
    )


def _best_fit(
    carried: Surface, evidence: Evidence, inclusion: InclusionLesion, parts: list[Focus]
) -> tuple[SurfaceFit, float]:
    """Most probable of several surfaces, and the cost of having no lesion at all.

    First several starts (see `starts_at_visit`), nearly rigid and with the scan's blur as it is;
    then the two most probable of those that are lesion, not bone, with the blur fitted and let
    free. Each step's freedom is paid for in `SurfaceFit.cost`, a start's own shape in its price.
    """
    quick = replace(evidence, blur_sd=0.0, sharpening=0.0, sharpening_sd=0.0)
    trust = edge_trust(inclusion.contact)
    rigid = TIGHT.scaled(trust)

    def tried(start: VisitStart, rim_hu: float) -> tuple[float, SurfaceFit, float]:
        """A quick fit with what it costs."""
        fit = fit_surface(start.surface, replace(quick, rim_hu=rim_hu), rigid, QUICK_STEPS, carried)
        return fit.cost + start.price, fit, start.price

    starts = starts_at_visit(carried, parts, evidence.patch, trust)
    first = sorted(((*tried(start, RIM_HU[0]), start) for start in starts), key=_cost)
    rimmed = [tried(start, RIM_HU[1]) for *_, start in first[:RIMMED]]
    rough = sorted([one[:3] for one in first] + rimmed, key=_cost)
    # a "lesion" as dense as bone is sclerosis where the lesion was, or a piece of new cortex
    contrast = inclusion.bone.normal_hu - inclusion.fit.lesion_hu
    highest = evidence.lesion_hu + max(DENSEST_SHARE * contrast, LEAST_RISE_HU)
    lytic = [one for one in rough if one[1].lesion_hu <= highest]
    filled = [
        cost
        for cost, fit, _ in rough
        if not inclusion.cortex_broken  # else it may be the cortex that came back
        and fit.lesion_hu > highest
        and fit.surface.volume_ml > LEAST_FILLED * inclusion.surface.volume_ml
    ]
    fits: list[tuple[float, SurfaceFit]] = []
    for _, fit, price in (lytic or rough)[:FREED]:
        full = replace(evidence, rim_hu=fit.rim_prior_hu)
        tight = fit_surface(fit.base, full, rigid, TIGHT_STEPS, carried)
        smoothness = free_smoothness(tight.surface.radius_mm).scaled(FREEDOM * trust)
        free = fit_surface(tight.surface, full, smoothness, arena=carried)
        fits += [(tight.cost + price, tight), (free.cost + price, free)]
    nothing = min([cost_without_lesion(carried, evidence), *filled])
    cost, best = min([pair for pair in fits if pair[1].lesion_hu <= highest] or fits, key=_cost)
    return replace(best, cost=cost), nothing


def _beside_new_cortex(
    best: SurfaceFit, evidence: Evidence, carried: Surface, inclusion: InclusionLesion
) -> SurfaceFit:
    """Fit again with cortex that has come back where the lesion was taken as it is seen.

    Where a lesion that had broken the cortex withdraws, the cortex grows again. Half-way between
    lesion and cortex is where the edge lies; taken for half-way to spongy bone, the same scan
    would show a smaller lesion.
    """
    patch = evidence.patch
    smoothness = free_smoothness(best.surface.radius_mm).scaled(
        FREEDOM * edge_trust(inclusion.contact)
    )
    place = signed_distance(carried, patch.grid) < 1.0
    behind = highest_near(patch, CORTEX_BEHIND_MM)
    current = best
    for _ in range(CORTEX_ROUNDS):
        if current.surface.radius_mm < LEAST_RADIUS_MM:
            break
        share = coverage(current.surface, patch)
        dense, unmixed = dense_bone(
            patch, evidence.bone_hu, evidence.bone_sd_hu, current.lesion_hu, share
        )
        dense &= place & (share > LEAST_MIXED)
        if float(dense.sum()) * patch.grid.voxel_volume_ml < LEAST_CORTEX_ML:
            break
        cortex = np.maximum(unmixed, behind)
        spread = np.maximum(evidence.bone_sd_hu, CORTEX_SPREAD * (cortex - evidence.bone_hu))
        grown = replace(
            evidence,
            bone_hu=np.where(dense, cortex, evidence.bone_hu),
            bone_sd_hu=np.where(dense, spread, evidence.bone_sd_hu),
        )
        current = fit_surface(current.surface, grown, smoothness, arena=carried)
    return replace(current, cost=best.cost)


def _cost(candidate: tuple[float, *tuple[object, ...]]) -> float:
    """What a candidate costs: the first of what is known of it."""
    return candidate[0]
