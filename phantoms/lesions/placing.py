"""Lesions drawn into a skeleton: sites, courses and shapes that fit the bone they lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phantoms.anatomy.bone import Bone, Site
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, distances, soft_sum
from phantoms.lesions.courses import COURSES, Course, Uptake
from phantoms.lesions.plan import LesionPlan, draw_surface, sized
from phantoms.lesions.surface import bounding_sphere, lesion_values, surface_points

ALWAYS = (
    Course.SHRINK_PAST,
    Course.SHRINK_SHORT,
    Course.STABLE,
    Course.HEAL_NORMAL,
    Course.RIM_SCLEROSIS,
    Course.RIM_AND_SHRINK,
)
SOMETIMES = (
    Course.SHRINK_EXACTLY,
    Course.GROWING,
    Course.SHRINK_ONE_SIDED,
    Course.SHRINK_ONE_SIDED_SHORT,
    Course.OLD_RIM,
    Course.INFILL,
    Course.HEAL_SCLEROSIS,
    Course.SHRINK_UNDER_2_MM,
    Course.STABLE,
)
TRIES = 60
CLEARANCE_MM = 5.0
CONTRAST_HU = 115.0
WALL_MM = 0.4  # bone that a central lesion leaves inside the cortex


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A lesion that is wanted: where, and what becomes of it."""

    bone: str
    site: str
    course: Course
    setting: str = "central"
    diameter_mm: float | None = None
    lobes: int = 1
    uptake: Uptake = Uptake.STEADY


def _fits(bone: Bone, lobes: Floats, setting: str, growth: float) -> bool:
    """Tell whether a surface lies in its bone as its setting says."""
    points = surface_points(lobes)
    centre = points.mean(axis=0)
    grown = centre + (points - centre) * max(1.0, growth)
    depth = -distances(bone.shape.program(), bone.shape.waves, grown)
    if setting == "breach":
        outside = float((depth < 0).mean())
        return 0.06 < outside < 0.35
    wall = 1.3 * bone.cortex_mm + WALL_MM
    if setting == "endplate":
        return bool(wall - 1.2 < depth.min() < wall + 0.6)
    return bool(depth.min() > wall)


def place(
    build: Build,
    bones: Mapping[str, Bone],
    wish: Wish,
    taken: Sequence[LesionPlan],
    number: int,
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
        Lesions that are there already; others keep 5 mm from them.
    number : int
        Its label.

    Returns
    -------
    LesionPlan or None
        None if nothing fits in 60 tries.
    """
    rng = build.rng("lesion", number)
    bone = bones[wish.bone]
    site = next(s for s in bone.sites if s.name == wish.site)
    numbers = COURSES[wish.course]
    largest = min(numbers.largest_mm, site.largest_mm)
    if largest < numbers.smallest_mm:
        return None
    growth = max(numbers.factor)
    for attempt in range(TRIES):
        shrink = 1.0 - 0.6 * attempt / TRIES if wish.diameter_mm is None else 1.0
        centre = np.array(site.centre_mm) + rng.uniform(-1, 1, size=3) * site.reach_mm
        if wish.setting == "breach":
            centre = centre + _outwards(bone, centre) * rng.uniform(0.1, 0.6) * largest
        high = max(numbers.smallest_mm, largest * shrink)
        drawn = wish.diameter_mm or rng.uniform(max(numbers.smallest_mm, 0.6 * high), high)
        diameter = round(float(drawn), 1)
        if _crowded(bone, centre, diameter * growth, taken):
            continue
        lobes = draw_surface(rng, centre, diameter, wish.lobes)
        if _fits(bone, lobes, wish.setting, growth):
            lobes = sized(lobes, diameter)
            return _finished(build, bone, site, wish, lobes, diameter, number)
    return None


def _outwards(bone: Bone, centre: Floats) -> Floats:
    """Direction to the bone's nearest surface."""
    step = np.vstack([np.eye(3), -np.eye(3)]) * 0.5
    values = distances(bone.shape.program(), bone.shape.waves, centre + step)
    slope = values[:3] - values[3:]
    return np.asarray(slope / max(float(np.linalg.norm(slope)), 1e-9))


def _crowded(
    bone: Bone, centre: Floats, diameter_mm: float, taken: Sequence[LesionPlan]
) -> bool:
    for other in taken:
        if other.bone == bone.name:
            middle, _ = bounding_sphere(other.lobes)
            growth = max(COURSES[other.course].factor)
            gap = np.linalg.norm(middle - centre) - (diameter_mm + other.diameter_mm * growth) / 2
            if gap < CLEARANCE_MM:
                return True
    return False


def _finished(
    build: Build,
    bone: Bone,
    site: Site,
    wish: Wish,
    lobes: Floats,
    diameter_mm: float,
    number: int,
) -> LesionPlan:
    rng = build.rng("lesion", number, "make")
    inside_hu = float(rng.uniform(15, 70))
    centre, _ = bounding_sphere(lobes)
    density = np.array(bone.shape.density, dtype=float).reshape(-1, 7)
    here = bone.trabecular_hu + float(soft_sum(density, *centre))
    lacking = inside_hu + CONTRAST_HU - here
    if lacking > 0:
        bone.shape.densify(centre, (0.8 * diameter_mm + 3,) * 3, 1.1 * lacking)
    axis = rng.normal(size=3)
    rim = bool(rng.random() < 0.6)
    return LesionPlan(
        lesion_id=f"L{number:02d}",
        label=number,
        bone=bone.name,
        site=site.name,
        setting=wish.setting,
        course=wish.course,
        uptake=wish.uptake,
        lobes=lobes,
        diameter_mm=diameter_mm,
        inside_hu=round(inside_hu, 1),
        edge_mm=round(float(rng.choice([0.7, 1.0, 1.6])), 1),
        suv=round(float(rng.uniform(9.0, 22.0)), 1),
        suv_in_rim=rim,
        click_mm=_click(rng, lobes, diameter_mm),
        drift_axis=axis / np.linalg.norm(axis),
    )


def _click(rng: np.random.Generator, lobes: Floats, diameter_mm: float) -> tuple[float, float, float]:
    """Draw a point some mm off the centre, well inside."""
    centre, _ = bounding_sphere(lobes)
    for _ in range(50):
        point = centre + rng.normal(0, 0.10 * diameter_mm, size=3)
        if float(lesion_values(lobes, point[None])[0]) < -0.12 * diameter_mm:
            return (float(point[0]), float(point[1]), float(point[2]))
    return (float(centre[0]), float(centre[1]), float(centre[2]))


def _wishes(build: Build, bones: Mapping[str, Bone]) -> list[Wish]:
    """Draw what a patient of the random generator has: 10 to 14 lesions all over."""
    rng = build.rng("wishes")
    vertebrae = [n for n in bones if n[0] in "LT" and n[1:].isdigit() and n != "T7"]
    chosen = [str(n) for n in rng.permutation(vertebrae)[: int(rng.integers(5, 7))]]
    places = [(name, "body") for name in chosen]
    if rng.random() < 0.6:
        places[-1] = (chosen[-1], "endplate")
    for side in ("left", "right"):
        hip = [str(s) for s in rng.permutation(["ilium_posterior", "acetabular_roof", "ischium"])]
        places += [(f"hip_bone_{side}", s) for s in hip[: int(rng.integers(1, 3))]]
        if rng.random() < 0.75:
            femoral = str(rng.choice(["head", "neck", "trochanter"]))
            places.append((f"femur_{side}", femoral))
    places.append(("sacrum", str(rng.choice(["S1", "ala_left", "ala_right"]))))
    ribs = [n for n in bones if n.startswith("rib_") and int(n.split("_")[1]) in (8, 9, 10)]
    extra = [str(c) for c in rng.permutation([c.value for c in SOMETIMES])]
    courses = [*ALWAYS, *(Course(c) for c in extra)][: len(places)]
    order = rng.permutation(len(places))
    uptakes = [Uptake.STEADY, Uptake.FLARE, Uptake.FALLING, Uptake.COLD]
    wishes = []
    for course, at in zip(courses, order, strict=False):
        bone, site = places[at]
        setting = "endplate" if site == "endplate" else "central"
        uptake = uptakes[int(rng.choice(4, p=[0.35, 0.25, 0.25, 0.15]))]
        lobes = 2 if rng.random() < 0.25 else 1
        wishes.append(
            Wish(bone=bone, site=site, course=course, setting=setting, lobes=lobes, uptake=uptake)
        )
    wishes.append(
        Wish(bone=str(rng.choice(ribs)), site="shaft", course=Course.STABLE, setting="breach")
    )
    return wishes


def random_lesions(build: Build, bones: Mapping[str, Bone]) -> list[LesionPlan]:
    """Draw the lesions of a patient of the random generator.

    Parameters
    ----------
    build : Build
        The patient.
    bones : mapping of str to Bone
        The skeleton.

    Returns
    -------
    list of LesionPlan
        In the order of their labels, none within 5 mm of another.
    """
    plans: list[LesionPlan] = []
    for wish in _wishes(build, bones):
        plan = place(build, bones, wish, plans, len(plans) + 1)
        if plan is None and wish.setting == "central":
            smaller = Wish(bone=wish.bone, site=wish.site, course=wish.course, uptake=wish.uptake)
            plan = place(build, bones, smaller, plans, len(plans) + 51)
            if plan is not None:
                from phantoms.lesions.plan import renamed

                plan = renamed(plan, f"L{len(plans) + 1:02d}", len(plans) + 1)
        if plan is not None:
            plans.append(plan)
    return plans
