"""How a lesion changes from visit to visit: size, shape and sclerosis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import ConvexHull

from benchmarks.real_bones.definition import VISITS, is_near
from benchmarks.real_bones.geometry import Floats, unit
from benchmarks.real_bones.placing import Place, pick
from benchmarks.real_bones.stars import Star, draw_waves, outer_points_mm, reach_mm, resized
from benchmarks.real_bones.states import State, grid_step_mm, measure, quick_diameter_mm, sample

GONE_MM = 3.0  # a remnant below this counts as gone
COURSES = (
    ("stable", 0.2),
    ("shrink", 0.26),
    ("shrink_one_sided", 0.15),
    ("grow", 0.08),
    ("rim_sclerosis", 0.11),
    ("rim_and_shrink", 0.1),
    ("heal_normal", 0.06),
    ("heal_sclerosis", 0.04),
)
CHANGING_SHAPE = ("shrink", "rim_and_shrink", "heal_normal", "heal_sclerosis")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Course:
    """What becomes of a lesion: a name, and its state at every visit."""

    name: str
    states: Mapping[str, State]


def draw_course(place: Place, rng: np.random.Generator) -> Course:
    """Draw how a lesion goes on; one that would leave a thin slice shrinks from all sides."""
    stars = place.stars
    name = pick(rng, COURSES)
    rims_hu = _draw_rims(name, rng)
    scar_hu = float(rng.uniform(140, 240)) if name == "heal_sclerosis" else 0.0
    first = State(stars=stars, rim_hu=rims_hu[0])
    exact = measure(sample(first, *reach_mm(stars), grid_step_mm(place.diameter_mm)))
    sizes_mm = _draw_sizes(name, exact.longest_diameter_mm, rng)
    way = _way_to_fill(stars, sizes_mm[-1], rng) if name == "shrink_one_sided" else None
    if name == "shrink_one_sided" and way is None:
        name = "shrink"
    change = draw_waves(rng, 0.05) if name in CHANGING_SHAPE else None
    states = {VISITS[0]: first}
    for visit, size, rim, share in zip(VISITS[1:], sizes_mm, rims_hu[1:], (0.5, 1.0), strict=True):
        if size == exact.longest_diameter_mm:
            states[visit] = State(stars=stars, rim_hu=rim)
        elif size < GONE_MM:
            states[visit] = State(stars=(), scar_hu=scar_hu)
        elif way is not None:
            moved, cut = _filled_from(stars, way, size)
            states[visit] = State(stars=moved, cut=cut, rim_hu=rim)
        else:
            new = stars if change is None else tuple(_changed(s, change, share) for s in stars)
            moved = resized(new, size / quick_diameter_mm(new), exact.centre_mm)
            states[visit] = State(stars=moved, rim_hu=rim)
    return Course(name=name, states=states)


def _draw_rims(course: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Sclerosis of the rim at the three visits; never near the limit of its limb."""
    old = float(rng.uniform(120, 250)) if rng.random() < 0.2 else 0.0
    if not course.startswith("rim"):
        return old, old, old
    last = float(rng.uniform(160, 300))
    early = rng.uniform(0, 40) if rng.random() < 0.6 else rng.uniform(0.9, 1.0) * last
    return 0.0, float(early), last


def _draw_sizes(course: str, diameter_mm: float, rng: np.random.Generator) -> tuple[float, float]:
    """Longest diameters at the two later visits, seldom near a threshold of the size limb."""
    if course in ("stable", "rim_sclerosis"):
        return diameter_mm, diameter_mm
    if course == "grow":
        factor = rng.uniform(1.06, 1.22)
        return diameter_mm * (1 + (factor - 1) * rng.uniform(0.3, 0.7)), diameter_mm * factor
    if course.startswith("heal"):
        return diameter_mm * rng.uniform(0.45, 0.95), 0.0
    for _ in range(200):
        final = rng.uniform(0.10, 0.70)
        sizes = (diameter_mm * (1 - final * rng.uniform(0.3, 0.6)), diameter_mm * (1 - final))
        allowed = rng.random() < 0.08
        if allowed or not any(is_near(diameter_mm, size) for size in sizes):
            break
    return sizes


def _changed(star: Star, change: Floats, share: float) -> Star:
    """A star whose shape has changed a little."""
    waves, extra = star.waves.copy(), change.copy()
    waves[:, 1] *= 1.0 - 0.25 * share
    extra[:, 1] *= share
    return replace(star, waves=np.vstack([waves, extra]))


def _way_to_fill(
    stars: tuple[Star, ...], size_mm: float, rng: np.random.Generator
) -> Floats | None:
    """Find a side to fill from that does not leave a thin slice; None where there is none."""
    if size_mm < GONE_MM:
        return None
    points = outer_points_mm(stars)
    corners = points[ConvexHull(points).vertices]
    gaps = np.linalg.norm(corners[:, None] - corners[None], axis=2)
    first, second = np.unravel_index(int(gaps.argmax()), gaps.shape)
    along = (corners[first] - corners[second]) / gaps.max() * rng.choice([-1.0, 1.0])
    for _ in range(4):
        way = unit(along + 0.35 * rng.standard_normal(3))
        _, cut = _filled_from(stars, way, size_mm)
        if cut[3] - float((points @ way).min()) > 0.55 * size_mm:
            return way
    return None


def _filled_from(
    stars: tuple[Star, ...], way: Floats, size_mm: float
) -> tuple[tuple[Star, ...], Floats]:
    """Bone has grown in from one side: drawn towards the other, then cut by a plane."""
    points = outer_points_mm(stars)
    anchor = points[int((points @ way).argmin())]
    factor = (size_mm / quick_diameter_mm(stars)) ** 0.75
    moved = resized(stars, factor, anchor)
    return moved, _cut_to(moved, way, size_mm)


def _cut_to(stars: tuple[Star, ...], way: Floats, size_mm: float) -> Floats:
    """Find the plane that leaves a longest diameter, by halving."""
    low, high = reach_mm(stars)
    middle, reach = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    scale = float(np.mean([np.linalg.norm(s.frame_mm, axis=0).mean() for s in stars]))
    least, most = -reach, reach
    for _ in range(14):
        offset = (least + most) / 2
        cut = np.array([*way, float(way @ middle) + offset, scale, 1.0])
        if quick_diameter_mm(stars, cut) > size_mm:
            most = offset
        else:
            least = offset
    return cut
