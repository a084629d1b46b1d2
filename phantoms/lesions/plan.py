"""Lesions of a patient as plans: where, what shape, how dense, what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from phantoms.anatomy.shapes import Floats, rotation
from phantoms.lesions.courses import COURSES, UPTAKE_SUV, VISITS, Course, Setting, Uptake
from phantoms.lesions.measure import measure
from phantoms.lesions.painted import Painted
from phantoms.lesions.surface import LOBE_COLUMNS, lobe, scaled, surface_points

NOTHING: Floats = np.zeros((0, LOBE_COLUMNS))
RIM_WIDTH_MM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionPlan:
    """One lesion.

    Parameters
    ----------
    lesion_id : str
        For instance ``L01``; new lesions are ``N01``.
    label : int
        In label maps, 1 to 255.
    bone, site : str
        Where it lies.
    setting : Setting
        How it lies in its bone.
    course, uptake : Course, Uptake
        What happens to it.
    lobes : ndarray, shape (n, 46)
        The surface at full size (at inclusion, for lesions that exist then), bone's frame.
    diameter_mm : float
        Longest 3-D diameter of that surface.
    inside_hu, edge_mm : float
        Density inside, and width of the transition to bone.
    split_lobes : ndarray
        For a split: the two parts it becomes.
    suv, suv_in_rim : float, bool
        Uptake at inclusion and whether it sits in a shell around the surface or in the whole.
    click_mm : tuple of float
        A point inside at inclusion, some mm off the centre; bone's frame.
    drift_axis : ndarray, shape (3,)
        Unit vector towards which a lesion that shrinks from one side retreats.
    partner : str
        The lesion that it touches or merges with, by id.
    """

    lesion_id: str
    label: int
    bone: str
    site: str
    setting: Setting
    course: Course
    uptake: Uptake
    lobes: Floats
    diameter_mm: float
    inside_hu: float
    edge_mm: float
    suv: float
    suv_in_rim: bool
    click_mm: tuple[float, float, float]
    drift_axis: Floats = field(default_factory=lambda: np.array([1.0, 0.0, 0.0]))
    split_lobes: Floats = field(default_factory=lambda: NOTHING)
    partner: str = ""

    @property
    def is_at_inclusion(self) -> bool:
        """Whether it is there at inclusion."""
        return self.course is not Course.NEW

    def factor(self, visit: str) -> float:
        """Length at a visit over length at full size; 0 where nothing is left or there yet."""
        return COURSES[self.course].factor[VISITS.index(visit)]

    def surface(self, visit: str) -> Floats:
        """Lobes of the surface at a visit, bone's frame; no rows when there is nothing."""
        numbers = COURSES[self.course]
        factor = self.factor(visit)
        if factor <= 0:
            return NOTHING
        if self.course is Course.SPLIT and VISITS.index(visit) >= 2:
            middle = self.split_lobes[:, 9:12]
            parts = self.split_lobes.copy()
            parts[:, 15] *= factor / COURSES[self.course].factor[2]
            parts[:, 9:12] = middle
            return parts
        centre = self.lobes[:, 9:12].mean(axis=0)
        shift = np.zeros(3)
        if numbers.one_sided:
            shift = self.drift_axis * (1 - factor) * 0.5 * self.diameter_mm * 0.8
        return scaled(self.lobes, factor, centre, shift)

    def painted(self, visit: str) -> Painted:
        """Give what the CT painter needs at a visit."""
        numbers = COURSES[self.course]
        at = VISITS.index(visit)
        scar = numbers.scar_hu[at]
        return Painted(
            lobes=self.surface(visit),
            scar_lobes=self.lobes if scar else NOTHING,
            inside_hu=self.inside_hu,
            infill=numbers.infill[at],
            edge_mm=self.edge_mm,
            rim_hu=numbers.rim_hu[at],
            rim_mm=RIM_WIDTH_MM,
            scar_hu=scar,
        )

    def suv_at(self, visit: str) -> float:
        """Uptake of the lesion's hot part at a visit, SUV."""
        return self.suv * UPTAKE_SUV[self.uptake][VISITS.index(visit)]

    def sclerosis_hu(self, visit: str) -> float:
        """Density of the rim beyond normal bone at a visit."""
        numbers = COURSES[self.course]
        at = VISITS.index(visit)
        return max(numbers.rim_hu[at], numbers.scar_hu[at])


def draw_surface(
    rng: np.random.Generator, centre_mm: Floats, diameter_mm: float, lobes: int = 1
) -> Floats:
    """Draw an irregular surface of about a given longest diameter; see `sized`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of this lesion.
    centre_mm : ndarray, shape (3,)
        Bone's frame.
    diameter_mm : float
        Longest 3-D diameter, reached to about 2 %.
    lobes : int
        1 for a harmonic surface, more for a lobulated one.

    Returns
    -------
    ndarray, shape (lobes, 46)
        Rows for `lesion_value`.
    """
    rows = []
    turn = rotation(*rng.uniform(-180, 180, size=3))
    for i in range(lobes):
        count = int(rng.integers(4, 7))
        terms = np.zeros((count, 5))
        terms[:, :3] = rng.normal(size=(count, 3))
        terms[:, :3] /= np.linalg.norm(terms[:, :3], axis=1, keepdims=True)
        terms[:, 4] = rng.integers(2, 6, size=count)
        terms[:, 3] = rng.normal(0, 0.20, size=count) / terms[:, 4]
        stretch = np.array([rng.uniform(1.0, 1.3), 1.0, rng.uniform(0.75, 1.0)])
        radius = 0.4 * diameter_mm * (1.0 if i == 0 else rng.uniform(0.55, 0.75))
        offset = np.zeros(3)
        if i:
            offset = turn.T @ rng.normal(size=3)
            offset *= 0.32 * diameter_mm / np.linalg.norm(offset)
        rows.append(lobe(centre_mm + offset, turn, stretch, radius, terms))
    surface = np.array(rows)
    points = surface_points(surface)
    longest = float(np.linalg.norm(points[:, None] - points[None], axis=2).max())
    return scaled(surface, diameter_mm / longest, centre_mm, np.zeros(3))


def sized(surface: Floats, diameter_mm: float) -> Floats:
    """Scale a surface about its middle to an exact longest 3-D diameter (to about 0.005 mm)."""
    centre = np.asarray(surface[:, 9:12].mean(axis=0))
    longest = measure(surface, np.eye(3)).longest_diameter_mm
    return scaled(surface, diameter_mm / longest, centre, np.zeros(3))


def split_parts(rng: np.random.Generator, lobes: Floats, diameter_mm: float) -> Floats:
    """Draw the two small lobes that a lesion splits into, at the ends of its longest diameter."""
    points = surface_points(lobes)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    first, second = np.unravel_index(int(gaps.argmax()), gaps.shape)
    middle, half = (points[first] + points[second]) / 2, (points[second] - points[first]) / 2
    parts = []
    for end, share in ((-1.0, 0.33), (1.0, 0.29)):
        part = draw_surface(rng, middle + 0.52 * end * half, share * diameter_mm)
        parts.append(sized(part, share * diameter_mm))
    return np.vstack(parts)
