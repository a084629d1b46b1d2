"""Follow one lesion from the inclusion CT through the visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.background import seen_bone
from lesionscore.lesions.events import REAPPEARED, visit_events
from lesionscore.lesions.fit import Evidence, SurfaceFit, cost_without_lesion, fit_surface
from lesionscore.lesions.foci import lesion_like, parts_of_lesion, surface_of_parts
from lesionscore.lesions.patch import Patch, make_patch
from lesionscore.lesions.records import CtReading, LesionSize, Presence, ReadingStatus
from lesionscore.lesions.rim import (
    ExpectedBone,
    carried_flags,
    scanner_drift_hu,
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
    free_smoothness,
)
from lesionscore.lesions.shape import Smoothness
from lesionscore.lesions.sizing import DRAWS, lesion_size
from lesionscore.lesions.surface import Surface
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume

Singles = npt.NDArray[np.float32]
SCALES = (1.0, 0.85, 0.7, 0.55, 0.4)
"""Sizes of the inclusion's shape that are tried first."""
TIGHT = Smoothness(components=((0.6, np.inf), (0.5, 8.0), (0.25, 4.0)))
QUICK_STEPS = 3
TIGHT_STEPS = 5
FREED = 2
FREEDOM = 0.6
"""Of the freedom of a first segmentation: the shape is known from inclusion."""
DENSEST_SHARE = 0.8
LEAST_RISE_HU = 60.0
SURROUNDINGS_MM = 14.0
EXTRA_SD_SHARE = 0.7
"""Share of the alignment's error that an unknown bone map passes on to a diameter."""
COMPLETE_PRIOR_ODDS = 20.0
"""Complete healing is rare: this many to one against it before the scan is looked at."""
PLACEMENT_MM = 0.15
"""Error of an alignment that no estimate goes below."""
LESION_SD_HU = 15.0
FIELD_SD_HU = 15.0
RIM_HU = (0.0, 150.0)
"""A rim may have become sclerotic since inclusion: both are tried."""
RIM_SD_HU = 30.0
BLUR_SD = 0.2


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
    """

    visit: str
    ct: Volume
    visit_from_inclusion: RigidTransform
    registration_error_mm: float
    flags: tuple[str, ...] = ()


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
    reach = float(np.linalg.norm(carried.vertices_mm - np.asarray(carried.centre_mm), axis=1).max())
    patch = make_patch(scan.ct, carried.centre_mm, reach + SURROUNDINGS_MM)
    expected = _expected(inclusion, scan, patch)
    drift_hu = scanner_drift_hu(patch, carried, expected)
    evidence = _evidence(inclusion, patch, expected, drift_hu)
    like = lesion_like(patch, evidence.bone_hu, expected.is_bone, evidence.lesion_hu)
    seen = surface_of_parts(parts_of_lesion(like, patch, carried), patch)
    best, nothing = _best_fit(carried, evidence, inclusion, seen)
    limit = rules.measurable.limit_mm(patch.grid.spacing_xyz_mm[2])
    extra_sd_mm = EXTRA_SD_SHARE * scan.registration_error_mm
    size = lesion_size(best.surface, best.draw(DRAWS, SEED), extra_sd_mm=extra_sd_mm)
    remaining = 100.0 * best.surface.volume_ml / inclusion.surface.volume_ml
    odds = float(np.clip(best.cost - nothing - np.log(COMPLETE_PRIOR_ODDS), -50.0, 50.0))
    gone = 1.0 / (1.0 + np.exp(-odds))
    complete = gone >= 0.5 or remaining < rules.complete.remaining_percent
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
        lesion_hu=inclusion.fit.lesion_hu + drift_hu,
        lesion_sd_hu=LESION_SD_HU,
        field_sd_hu=FIELD_SD_HU,
        rim_sd_hu=RIM_SD_HU,
        blur_sd=BLUR_SD,
        sharpening=SHARPENING,
        sharpening_sd=SHARPENING_SD,
    )


def _carried(values: npt.NDArray[np.float32], at: npt.NDArray[np.float64]) -> Singles:
    """Trilinear values at array indices, shape (3, ...)."""
    return np.asarray(
        ndimage.map_coordinates(values, at, order=1, mode="nearest"), dtype=np.float32
    )


def _best_fit(
    carried: Surface, evidence: Evidence, inclusion: InclusionLesion, seen: Surface | None
) -> tuple[SurfaceFit, float]:
    """Most probable of several surfaces, and the cost of having no lesion at all.

    First the inclusion's shape at several sizes, and what a look at the scan shows (it may be in
    parts, or off to one side), nearly rigid and with the scan's blur as it is; then the two most
    probable of these with the blur fitted, and let free. Each step's freedom is paid for in
    `SurfaceFit.cost`.
    """
    centre = np.asarray(carried.centre_mm)
    quick = replace(evidence, blur_sd=0.0, sharpening=0.0, sharpening_sd=0.0)
    first: list[SurfaceFit] = []
    starts = [
        Surface(vertices_mm=centre + scale * (carried.vertices_mm - centre), faces=carried.faces)
        for scale in SCALES
    ]
    for start in [*starts, *([] if seen is None else [seen])]:
        first += [
            fit_surface(start, replace(quick, rim_hu=rim_hu), TIGHT, QUICK_STEPS, carried)
            for rim_hu in RIM_HU
        ]
    first.sort(key=lambda fit: fit.cost)
    fits = []
    for rough in first[:FREED]:
        full = replace(evidence, rim_hu=rough.rim_prior_hu)
        tight = fit_surface(rough.base, full, TIGHT, TIGHT_STEPS, carried)
        smoothness = free_smoothness(tight.surface.radius_mm).scaled(FREEDOM)
        fits += [tight, fit_surface(tight.surface, full, smoothness, arena=carried)]
    # a "lesion" as dense as bone is sclerosis where the lesion was
    contrast = inclusion.bone.normal_hu - inclusion.fit.lesion_hu
    highest = evidence.lesion_hu + max(DENSEST_SHARE * contrast, LEAST_RISE_HU)
    lytic = [fit for fit in fits if fit.lesion_hu <= highest]
    dense = [fit.cost for fit in fits if fit.lesion_hu > highest]
    nothing = min([cost_without_lesion(carried, evidence), *dense])
    return min(lytic or fits, key=lambda fit: fit.cost), nothing
