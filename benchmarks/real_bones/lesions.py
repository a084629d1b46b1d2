"""The lesions of one patient over all visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.real_bones.anatomy import REGIONS, kind_of
from benchmarks.real_bones.bones import Bone
from benchmarks.real_bones.courses import Course, draw_course
from benchmarks.real_bones.definition import VISITS
from benchmarks.real_bones.geometry import Block
from benchmarks.real_bones.placing import Box, Place, find_place
from benchmarks.real_bones.stars import reach_mm
from benchmarks.real_bones.states import GONE, Extent, State, grid_step_mm, in_mm, measure, sample

NOWHERE_MM = 1e3  # from a lesion that is gone


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Lesion:
    """A lesion over all visits.

    By visit: what it is; distance from its surface in mm, all blocks on one grid of the bone's
    coordinates; its sizes. ``fat_plane_mm`` is a layer of fat around the part outside the bone, 0
    where muscle touches it.
    """

    label: int
    bone: str
    shape: str
    setting: str
    course: str
    level_hu: float
    texture_hu: float
    fat_plane_mm: float
    states: Mapping[str, State]
    blocks: Mapping[str, Block]
    extents: Mapping[str, Extent]

    @property
    def lesion_id(self) -> str:
        """Name in the study's tables."""
        return f"L{self.label:02d}"


def draw_lesions(bones: Mapping[str, Bone], region: str, rng: np.random.Generator) -> list[Lesion]:
    """Draw six to ten lesions of a patient; fewer where bones are too small."""
    wished = int(rng.integers(6, 11))
    names = [name for name in bones if kind_of(name).weight]
    weights = np.array([kind_of(name).weight for name in names])
    half_z_mm = REGIONS[region].half_z_mm * 0.94 - 25.0
    lesions: list[Lesion] = []
    taken: dict[str, list[Box]] = {name: [] for name in names}
    for _ in range(wished * 6):
        if len(lesions) == wished:
            break
        bone = bones[str(rng.choice(names, p=weights / weights.sum()))]
        others = [other for other in bones.values() if other is not bone]
        place = find_place(bone, half_z_mm, taken[bone.name], others, rng)
        if place is None:
            continue
        lesion = _lesion(len(lesions) + 1, bone, place, draw_course(place, rng), rng)
        largest = VISITS[-1] if lesion.course == "grow" else VISITS[0]
        taken[bone.name].append(reach_mm(lesion.states[largest].stars))
        lesions.append(lesion)
    return lesions


def _lesion(
    label: int, bone: Bone, place: Place, course: Course, rng: np.random.Generator
) -> Lesion:
    """Give a lesion its tissue, and draw and measure every state of it."""
    low, high = reach_mm(place.stars)
    room = 6.0 + (0.13 * place.diameter_mm if course.name == "grow" else 0.0)
    step = grid_step_mm(place.diameter_mm)
    blocks, extents = {}, {}
    for visit, state in course.states.items():
        if state.stars:
            block = sample(state, low - room, high + room, step)
            blocks[visit], extents[visit] = in_mm(block), measure(block, bone.surface)
        else:
            gone = np.full_like(blocks[VISITS[0]].samples, NOWHERE_MM)
            blocks[visit] = Block(samples=gone, origin_mm=low - room, step_mm=step)
            extents[visit] = GONE
    fat_plane_mm = float(rng.uniform(1.5, 3.5)) if rng.random() < 0.6 else 0.0
    return Lesion(
        label=label,
        bone=bone.name,
        shape=place.shape,
        setting=place.setting,
        course=course.name,
        level_hu=float(rng.uniform(20, 70)),
        texture_hu=float(rng.uniform(5, 8)),
        fat_plane_mm=fat_plane_mm if place.setting == "breach" and bone.name != "skull" else 0.0,
        states=course.states,
        blocks=blocks,
        extents=extents,
    )
