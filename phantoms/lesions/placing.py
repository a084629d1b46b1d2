"""Lesions set into a skeleton: a place, size and shape that fit the bone they lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phantoms.anatomy.bone import Bone, Site
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, distances, soft_sum
from phantoms.lesions.courses import COURSES, Course, Setting, Uptake
from phantoms.lesions.plan import LesionPlan, draw_surface, sized, split_parts
from phantoms.lesions.surface import (
    bounding_sphere,
    lesion_value,
    lesion_values,
    moved,
    surface_points,
)

TRIES = 80
CLEARANCE_MM = 5.0
CONTRAST_HU = 115.0  # normal bone around a lesion is at least this much denser than its inside
WALL_MM = 0.4  # bone that a central lesion leaves inside the cortex
TOUCHING_GAP_MM = 0.4
MERGING_GAP_MM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A lesion that is wanted.

    Parameters
    ----------
    bone, site : str
        Where.
    course, uptake : Course, Uptake
        What becomes of it.
    setting : Setting
        How it lies in its bone.
    diameter_mm : float or None
        Longest 3-D diameter; drawn to fit when None.
    lobes : int
        1 for a harmonic surface, more for a lobulated one.
    beside : str
        Id of a lesion of the same bone that it touches (or, for a merge, nearly touches).
    inside_hu, edge_mm : float or None
        Density inside and width of the transition to bone; drawn when None.
    suv : float or None
        Uptake at inclusion; drawn when None.
    """

    bone: str
    site: str
    course: Course
    setting: Setting = Setting.CENTRAL
    diameter_mm: float | None = None
    lobes: int = 1
    uptake: Uptake = Uptake.STEADY
    beside: str = ""
    inside_hu: float | None = None
    edge_mm: float | None = None
    suv: float | None = None


def place(
    build: Build,
    bones: Mapping[str, Bone],
    wish: Wish,
    taken: Sequence[LesionPlan],
    lesion_id: str,
) -> LesionPlan | None:
    """Find a place, size and shape for a wanted lesion.

    Parameters
    ----------
    build : Build
        The patient.
    bones : mapping
        The skeleton; the bone's density is raised around the lesion where it would not show.
    wish : Wish
        What is wanted.
    taken : sequence of LesionPlan
        Lesions that are there already; others keep 5 mm from them. The new label follows theirs.
    lesion_id : str
        Its id; the random numbers hang on it.

    Returns
    -------
    LesionPlan or None
        None if nothing fits.
    """
    bone = bones[wish.bone]
    site = next(s for s in bone.sites if s.name == wish.site)
    numbers = COURSES[wish.course]
    largest = min(numbers.largest_mm, site.largest_mm)
    if wish.diameter_mm is None and largest < numbers.smallest_mm:
        return None
    rng = build.rng("lesion", lesion_id)
    growth = max(numbers.factor)
    for attempt in range(TRIES):
        centre = np.array(site.centre_mm) + rng.uniform(-1, 1, size=3) * site.reach_mm
        high = max(numbers.smallest_mm, largest * (1.0 - 0.6 * attempt / TRIES))
        drawn = wish.diameter_mm or rng.uniform(max(numbers.smallest_mm, 0.6 * high), high)
        diameter = round(float(drawn), 1)
        if wish.setting is Setting.BREACH:
            centre = centre + _outwards(bone, centre) * rng.uniform(0.0, 0.5) * diameter
        lobes = draw_surface(rng, centre, diameter, wish.lobes)
        others = [t for t in taken if t.bone == bone.name]
        partner = next((t for t in others if t.lesion_id == wish.beside), None)
        if partner is not None:
            gap = MERGING_GAP_MM if wish.course is Course.MERGE else TOUCHING_GAP_MM
            lobes = _against(rng, lobes, partner, gap)
        if any(_crowds(lobes, growth, t) for t in others if t is not partner):
            continue
        if fits(bone, lobes, wish.setting, growth):
            return _finished(build, bone, wish, sized(lobes, diameter), diameter, taken, lesion_id)
    return None


def fits(bone: Bone, lobes: Floats, setting: Setting, growth: float) -> bool:
    """Tell whether a surface lies in its bone as its setting says, also when it has grown."""
    points = surface_points(lobes)
    centre = points.mean(axis=0)
    grown = centre + (points - centre) * max(1.0, growth)
    depth = -distances(bone.shape.program(), bone.shape.waves, grown)
    if setting is Setting.BREACH:
        return 0.10 < float((depth < 0).mean()) < 0.35
    wall = 1.3 * bone.cortex_mm + WALL_MM
    if setting is Setting.ENDPLATE:
        return bool(wall - 1.2 < depth.min() < wall + 0.6)
    return bool(depth.min() > wall)


def _outwards(bone: Bone, centre: Floats) -> Floats:
    """Direction to the bone's nearest surface."""
    step = np.vstack([np.eye(3), -np.eye(3)]) * 0.5
    values = distances(bone.shape.program(), bone.shape.waves, centre + step)
    slope = values[:3] - values[3:]
    return np.asarray(slope / max(float(np.linalg.norm(slope)), 1e-9))


def _crowds(lobes: Floats, growth: float, other: LesionPlan) -> bool:
    """Tell whether a surface comes too near to another lesion's at any visit."""
    middle, radius = bounding_sphere(lobes)
    theirs, reach = bounding_sphere(other.lobes)
    gap = float(np.linalg.norm(middle - theirs))
    return gap < growth * radius + max(COURSES[other.course].factor) * reach + CLEARANCE_MM - 2.0


def _against(rng: np.random.Generator, lobes: Floats, partner: LesionPlan, gap_mm: float) -> Floats:
    """Move a surface until its nearest point lies `gap_mm` from another lesion's."""
    theirs, reach = bounding_sphere(partner.lobes)
    middle, radius = bounding_sphere(lobes)
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    points = surface_points(lobes) - middle
    low, high = 0.0, reach + radius + gap_mm
    for _ in range(25):
        away = (low + high) / 2
        values = lesion_values(partner.lobes, points + theirs + away * direction)
        low, high = (low, away) if values.min() > gap_mm else (away, high)
    return moved(lobes, theirs + high * direction - middle)


def _finished(
    build: Build,
    bone: Bone,
    wish: Wish,
    lobes: Floats,
    diameter_mm: float,
    taken: Sequence[LesionPlan],
    lesion_id: str,
) -> LesionPlan:
    rng = build.rng("lesion", lesion_id, "make")
    drawn = round(float(rng.uniform(15, 70)), 1)
    inside_hu = drawn if wish.inside_hu is None else wish.inside_hu
    centre, _ = bounding_sphere(lobes)
    density = np.array(bone.shape.density, dtype=float).reshape(-1, 7)
    here = bone.trabecular_hu + float(soft_sum(density, *centre))
    lacking = inside_hu + CONTRAST_HU - here
    if lacking > 0:
        bone.shape.densify(centre, (0.8 * diameter_mm + 3,) * 3, 1.1 * lacking)
    axis = rng.normal(size=3)
    edge = float(rng.choice([0.7, 1.0, 1.6]))
    suv = round(float(rng.uniform(9.0, 22.0)), 1)
    in_rim = bool(rng.random() < 0.6)
    parts = split_parts(rng, lobes, diameter_mm) if wish.course is Course.SPLIT else lobes[:0]
    return LesionPlan(
        lesion_id=lesion_id,
        label=max([0, *(t.label for t in taken)]) + 1,
        bone=bone.name,
        site=wish.site,
        setting=wish.setting,
        course=wish.course,
        uptake=wish.uptake,
        lobes=lobes,
        diameter_mm=diameter_mm,
        inside_hu=inside_hu,
        edge_mm=edge if wish.edge_mm is None else wish.edge_mm,
        suv=suv if wish.suv is None else wish.suv,
        suv_in_rim=in_rim,
        click_mm=_click(rng, lobes, diameter_mm),
        drift_axis=axis / np.linalg.norm(axis),
        split_lobes=parts,
        partner=wish.beside,
    )


def _click(
    rng: np.random.Generator, lobes: Floats, diameter_mm: float
) -> tuple[float, float, float]:
    """Draw a point some mm off the centre, well inside."""
    centre, _ = bounding_sphere(lobes)
    point = centre
    for _ in range(50):
        tried = centre + rng.normal(0, 0.10 * diameter_mm, size=3)
        if lesion_value(lobes, *tried) < -0.12 * diameter_mm:
            point = tried
            break
    return (float(point[0]), float(point[1]), float(point[2]))


def site_of(bones: Mapping[str, Bone], bone: str, site: str) -> Site:
    """Find a site by name.

    Raises
    ------
    ValueError
        If the bone or the site is unknown; the message lists what there is.
    """
    if bone not in bones:
        raise ValueError(f"no bone {bone!r}; there are {', '.join(bones)}")
    for found in bones[bone].sites:
        if found.name == site:
            return found
    known = ", ".join(s.name for s in bones[bone].sites) or "none"
    raise ValueError(f"{bone} has no site {site!r}; there are: {known}")
