"""Where a new lesion lies in its bone, and what shape it has there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.real_bones.bones import Bone
from benchmarks.real_bones.geometry import Block, Floats, unit
from benchmarks.real_bones.stars import (
    Star,
    draw_waves,
    outer_points_mm,
    reach_mm,
    resized,
    widest_mm,
)
from benchmarks.real_bones.states import State, sample

CLEARANCE_MM = 6.0  # between lesions of one bone
APART_MM = 2.0  # from other bones, which come nearer as joints turn: theirs is not painted away
SHAPES = (("star", 0.55), ("ellipsoid", 0.25), ("bilobed", 0.2))
SETTINGS = (("breach", 0.32), ("endosteal", 0.26), ("central", 0.42))
SETTINGS_IN_THIN_BONE = (("breach", 0.8), ("endosteal", 0.2))
THIN = ("rib", "scapula", "clavicle", "sternum")

Box = tuple[Floats, Floats]
"""Lowest and highest corner in mm."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Place:
    """A lesion as it is found: its surface in bone coordinates, and how it was drawn."""

    stars: tuple[Star, ...]
    shape: str
    setting: str
    diameter_mm: float


def pick(rng: np.random.Generator, choices: Sequence[tuple[str, float]]) -> str:
    """One of several names, by weight."""
    weights = np.array([weight for _, weight in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))][0]


def find_place(
    bone: Bone,
    half_z_mm: float,
    near: Sequence[Box],
    others: Sequence[Bone],
    rng: np.random.Generator,
) -> Place | None:
    """Find a place and a shape that lies in its bone as drawn.

    Parameters
    ----------
    bone, half_z_mm : Bone, float
        Where it is to lie, and how far from the middle of the scan it may lie.
    near : sequence of Box
        Around the lesions that the bone has already.
    others : sequence of Bone
        The body's other bones, which it is not to reach.
    rng : Generator
        Where chance comes from.

    Returns
    -------
    Place or None
        None where 60 attempts, at lesions of up to 30 and then of up to 10 mm, found no room.
    """
    skull, thin = bone.name == "skull", bone.name.startswith(THIN)
    setting = pick(rng, SETTINGS)
    if thin or skull:
        setting = pick(rng, SETTINGS_IN_THIN_BONE)
    surface = bone.surface
    deepest = bone.material.cortex_mm + 2.0 if setting == "central" else 0.3
    places = np.argwhere(surface.samples < -deepest)[:, ::-1]
    if not len(places):
        return None
    for attempt in range(60):
        diameter = float(rng.uniform(8.0, 30.0 - 20.0 * attempt / 60))
        here = places[int(rng.integers(len(places)))] * surface.step_mm + surface.origin_mm
        if abs(here[2]) > half_z_mm or (skull and here[2] < -12.0):
            continue  # too near the end of the scan, or in the base of the skull
        normal = _way_out(surface, here)
        flat = 1.0
        if skull or (thin and setting == "breach"):
            flat = float(rng.uniform(0.35, 0.75))
        if setting == "breach":  # the middle comes up to a little below the surface
            depth = -float(surface.at(here[None])[0])
            here = here + normal * (depth - rng.uniform(0.05, 0.35) * diameter * min(1.0, flat))
        shape = "star" if flat < 1 and rng.random() < 0.7 else pick(rng, SHAPES)
        stars = resized(_draw_stars(rng, shape, flat, normal), diameter, np.zeros(3))
        stars = tuple(replace(star, centre_mm=star.centre_mm + here) for star in stars)
        low, high = reach_mm(stars)
        if any(_too_near((low, high), box) for box in near):
            continue
        edge = outer_points_mm(stars)
        if any(float(other.surface.at(edge).min()) < APART_MM for other in others):
            continue
        if _fits(stars, setting, bone, max(0.6, diameter / 20)):
            return Place(stars=stars, shape=shape, setting=setting, diameter_mm=diameter)
    return None


def _fits(stars: tuple[Star, ...], setting: str, bone: Bone, step_mm: float) -> bool:
    """Tell whether a lesion lies in its bone as its setting wants it."""
    most = float(bone.surface.at(outer_points_mm(stars)).max())
    if setting == "central":
        return most < -bone.material.cortex_mm - 0.3
    if setting == "endosteal":  # in the cortex, but not through it
        return -bone.material.cortex_mm - 0.3 < most < -0.3
    if most < 0.5:
        return False
    inside = sample(State(stars=stars), *reach_mm(stars), step_mm)
    values = bone.surface.at(inside.positions_mm()[inside.samples < 0])
    return 0.04 < float((values > 0).mean()) < 0.35


def _too_near(box: Box, other: Box) -> bool:
    """Tell whether two boxes come nearer than lesions may."""
    gap = np.maximum(0.0, np.maximum(other[0] - box[1], box[0] - other[1]))
    return bool(np.linalg.norm(gap) < CLEARANCE_MM)


def _way_out(surface: Block, point_mm: Floats) -> Floats:
    """Direction in which a bone's surface is nearest, shape (3,)."""
    values = surface.at(point_mm + np.vstack([np.eye(3), -np.eye(3)]))
    slope = values[:3] - values[3:]
    return np.asarray(slope / max(float(np.linalg.norm(slope)), 1e-9))


def _draw_stars(
    rng: np.random.Generator, shape: str, flat: float, normal: Floats
) -> tuple[Star, ...]:
    """Stars of a shape with a longest diameter of 1 mm, about the origin.

    `flat` is the extent along `normal` as a share of the others; 1 where none need be flat.
    """
    if flat < 1:
        across = unit(np.cross(normal, rng.standard_normal(3)))
        frame = np.column_stack([across, np.cross(normal, across), normal])
        axes = np.array([1.0, rng.uniform(0.65, 1.0), flat])
    else:
        frame = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        if shape == "ellipsoid":
            axes = np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.5, 0.9)])
        else:
            axes = rng.uniform(0.85, 1.0, size=3)
    spread = rng.uniform(0.03, 0.06) if shape == "ellipsoid" else rng.uniform(0.12, 0.18)
    if shape == "bilobed":
        spread *= 0.6
    half = frame * axes
    stars = [Star(centre_mm=np.zeros(3), frame_mm=half, waves=draw_waves(rng, spread))]
    if shape == "bilobed":
        size = rng.uniform(0.55, 0.95)
        away = frame[:, 0] * (1.0 + size) * rng.uniform(0.55, 0.8)
        waves = draw_waves(rng, spread)
        stars.append(Star(centre_mm=away, frame_mm=half * size, waves=waves))
    return resized(stars, 1.0 / widest_mm(outer_points_mm(stars)), np.zeros(3))
