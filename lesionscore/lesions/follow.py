"""Follow one lesion from the inclusion CT through the visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from lesionscore.lesions.fit import Evidence, SurfaceFit, fit_surface
from lesionscore.lesions.patch import Patch, make_patch
from lesionscore.lesions.records import CtReading, Presence, ReadingStatus
from lesionscore.lesions.rules import LesionRules
from lesionscore.lesions.segment import (
    INCLUSION,
    NOT_COVERED,
    NOT_IN_BONE,
    SEED,
    InclusionLesion,
    free_smoothness,
)
from lesionscore.lesions.sizing import DRAWS, lesion_size
from lesionscore.lesions.surface import Surface
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume

STARTS = (1.0, 0.8, 0.6, 0.42)


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
    for scan in scans:
        reading, surface = _read_visit(inclusion, scan, rules)
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
    reach = float(
        np.linalg.norm(carried.vertices_mm - np.asarray(carried.centre_mm), axis=1).max()
    )
    patch = make_patch(scan.ct, carried.centre_mm, reach + 10.0)
    evidence = _evidence(inclusion, scan, patch)
    best, nothing = _best_fit(carried, evidence)
    limit = rules.measurable.limit_mm(patch.grid.spacing_xyz_mm[2])
    size = lesion_size(best.surface, best.draw(DRAWS, SEED))
    remaining = 100.0 * best.surface.volume_ml / inclusion.surface.volume_ml
    odds = float(np.clip(best.misfit - nothing, -50.0, 50.0))
    gone = 1.0 / (1.0 + np.exp(-odds))
    complete = remaining < rules.complete.remaining_percent or gone > 0.5
    present = size.longest_diameter_mm >= limit
    presence = (
        Presence.ABSENT if complete else Presence.PRESENT if present else Presence.TOO_SMALL
    )
    reading = replace(
        blank,
        status=ReadingStatus.EVALUABLE,
        presence=presence,
        complete_probability=float(max(gone, 1.0 - min(1.0, remaining / 100.0)) if complete else gone),
        size=size if presence is Presence.PRESENT else None,
        mean_hu=best.lesion_hu,
        infill_percent=float(np.clip(100.0 - remaining, 0.0, 100.0)),
        estimated_surface_fraction=float(
            (best.displacement_sd_mm() > 0.7 * best.basis.prior_sd_mm).mean()
        ),
        centre_mm=best.surface.centre_mm if not complete else carried.centre_mm,
        measurable_limit_mm=limit,
    )
    return reading, None if complete else best.surface


def _evidence(inclusion: InclusionLesion, scan: AlignedScan, patch: Patch) -> Evidence:
    """What the visit should show without the lesion: the inclusion's own bone, carried over."""
    back = scan.visit_from_inclusion.inverse()
    at = np.moveaxis(inclusion.patch.grid.index_zyx(back.apply(patch.positions_mm())), -1, 0)
    arguments = {"order": 1, "mode": "nearest"}
    bone = ndimage.map_coordinates(inclusion.bone.best_hu, at, **arguments)
    spread = ndimage.map_coordinates(inclusion.bone.best_sd_hu, at, **arguments)
    slopes = np.gradient(inclusion.bone.best_hu, *inclusion.patch.spacing_zyx_mm)
    steep = np.sqrt(sum(slope**2 for slope in slopes)).astype(np.float32)
    slope = ndimage.map_coordinates(steep, at, **arguments)
    error = max(scan.registration_error_mm, 0.15) / np.sqrt(3.0)
    return Evidence(
        patch=patch,
        bone_hu=bone,
        bone_sd_hu=np.sqrt(spread**2 + (slope * error) ** 2),
        lesion_hu=inclusion.fit.lesion_hu,
        lesion_sd_hu=20.0,
        bone_offset_sd_hu=20.0,
        correlation_volume=2.5,
    )


def _best_fit(carried: Surface, evidence: Evidence) -> tuple[SurfaceFit, float]:
    """Best of several starts, and the misfit of having no lesion at all."""
    centre = np.asarray(carried.centre_mm)
    best: SurfaceFit | None = None
    for scale in STARTS:
        start = Surface(
            vertices_mm=centre + scale * (carried.vertices_mm - centre), faces=carried.faces
        )
        fit = fit_surface(start, evidence, free_smoothness(start.radius_mm), steps=8)
        if best is None or fit.misfit < best.misfit:
            best = fit
    assert best is not None  # noqa: S101
    values = evidence.patch.values_hu
    residual = values - evidence.bone_hu
    variance = evidence.patch.noise_hu**2 + evidence.bone_sd_hu**2
    scaled = np.abs(residual) / np.sqrt(variance)
    loss = np.where(scaled < 2.5, 0.5 * scaled**2, 2.5 * scaled - 3.125) + 0.5 * np.log(variance)
    return best, float(loss.sum(dtype=np.float64)) / evidence.correlation_volume
