"""Vertebrae and sacrum: neighbours of the same make, each a little different."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantoms.anatomy.bone import Bone, Joint, Site, placed
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, Shape, rotation

SACRAL_SLOPE_DEG = 38.0

# name: body width, depth, height, disc below (mm), tilt forwards (deg)
LEVELS: dict[str, tuple[float, float, float, float, float]] = {
    "L5": (51, 35, 27.5, 10.0, 21),
    "L4": (49, 35, 28, 10.5, 9),
    "L3": (47, 34, 28, 10.0, 0),
    "L2": (45, 33, 27.5, 9.0, -6),
    "L1": (43, 32, 26.5, 8.0, -9),
    "T12": (41, 31, 25.5, 6.5, -10),
    "T11": (38.5, 30, 24, 5.5, -9.5),
    "T10": (36, 29, 23, 5.0, -8),
    "T9": (34, 28.5, 22, 4.7, -6),
    "T8": (33, 28, 21.5, 4.5, -3),
    "T7": (32, 27, 21, 4.3, 1),
    "T6": (31, 26, 20.5, 4.2, 5),
    "T5": (30, 25, 20, 4.0, 9.5),
    "T4": (29, 23.5, 19.5, 3.8, 14),
    "T3": (29, 21.5, 19, 3.8, 18.5),
    "T2": (30, 20, 18.5, 4.0, 22),
    "T1": (31, 19, 18, 4.5, 24),
    "C7": (28, 18, 15.5, 5.0, 22),
    "C6": (26, 17.5, 14.5, 5.0, 16),
    "C5": (25, 17, 14, 5.0, 10),
    "C4": (24, 17, 14, 5.0, 5),
    "C3": (23, 16.5, 14, 5.0, 1),
    "C2": (22, 16.5, 16, 4.5, -2),
    "C1": (20, 12, 10, 7.0, -2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Place and size of one vertebral body in the canonical pose."""

    name: str
    centre_mm: Floats
    turn: Floats
    width_mm: float
    depth_mm: float
    height_mm: float
    disc_mm: float
    disc_centre_mm: Floats


def spine_levels(build: Build, top: str) -> list[Level]:
    """Stack the vertebrae up to `top`; the origin is the centre of the endplate of S1."""
    rng = build.rng("spine")
    size = build.size
    names = list(LEVELS)
    names = names[: names.index(top) + 1]
    levels = []
    position = np.zeros(3)
    up = rotation(SACRAL_SLOPE_DEG) @ np.array([0, 0, 1.0])
    for i, name in enumerate(names):
        width, depth, height, disc, tilt = np.array(LEVELS[name]) * (size, size, size, size, 1)
        width *= 1 + rng.normal(0, 0.02)
        depth *= 1 + rng.normal(0, 0.02)
        height *= 1 + rng.normal(0, 0.025)
        disc *= 1 - 0.35 * build.degenerate * rng.random()
        lateral = build.curve_deg * np.sin(2 * np.pi * i / 14.0)
        turn = rotation(tilt + rng.normal(0, 1), lateral + rng.normal(0, 0.5), rng.normal(0, 1))
        next_up = turn @ np.array([0, 0, 1.0])
        disc_centre = position + up * disc / 2
        centre = disc_centre + next_up * (disc / 2 + height / 2)
        levels.append(
            Level(
                name=name,
                centre_mm=centre,
                turn=turn,
                width_mm=width,
                depth_mm=depth,
                height_mm=height,
                disc_mm=disc,
                disc_centre_mm=disc_centre,
            )
        )
        position, up = centre + next_up * height / 2, next_up
    return levels


def _arch(shape: Shape, name: str, w: float, d: float, h: float, jiggle: Floats) -> None:
    """Add pedicles, laminae, articular, transverse and spinous processes; cut the canal."""
    lumbar, cervical = name[0] == "L", name[0] == "C"
    back = d / 2
    canal = 8.2 if not lumbar else 8.8
    ring = back + canal + 1.0
    px = 0.29 * w + 2.5
    for s in (-1.0, 1.0):
        thick = (4.8 if lumbar else 3.4) + jiggle[0]
        shape.capsule(
            (s * px, back - 4, 0.14 * h), (s * (px + 1), ring + 1, 0.08 * h), thick, flat=1.45
        )
        shape.capsule(
            (s * (px + 0.5), ring + 1, 0.0),
            (s * 2.0, ring + canal + 3.5, -0.35 * h),
            3.2,
            flat=2.3 if not cervical else 1.6,
            up=(0, -0.3, 1),
        )
        reach = {"L": 19.0, "T": 15.0, "C": 9.0}[name[0]] + jiggle[1]
        rise = {"L": 0.05, "T": 0.22, "C": -0.05}[name[0]]
        sweep = {"L": 3.0, "T": 13.0, "C": -6.0}[name[0]]
        shape.capsule(
            (s * (px + 2), ring, 0.05 * h),
            (s * (px + 2 + reach), ring + sweep, rise * h),
            4.2,
            3.1 if lumbar else 3.9,
            flat=1.3,
        )
        shape.ellipsoid((s * (px + 2.5), ring + 1.5, 0.52 * h), (5.0, 4.2, 7.5 + jiggle[2]))
        shape.ellipsoid((s * (px - 1.5), ring + 5.0, -0.62 * h), (4.6, 4.2, 8.5 - jiggle[2]))
    long = {"L": 27.0, "T": 27.0, "C": 15.0}[name[0]] + 2 * jiggle[3]
    fall = {"L": -0.42, "T": -1.15, "C": -0.6}[name[0]]
    if name == "C7":
        long = 28.0
    shape.capsule(
        (0, ring + canal + 1.5, -0.3 * h),
        (jiggle[4] * 1.5, ring + canal + long, fall * h),
        3.0,
        3.6,
        flat=2.6 if lumbar else 1.5,
    )
    shape.capsule((0, ring - 0.3, h), (0, ring - 0.3, -h), canal, flat=1.0, blend=2.0, cut=True)
    shape.ellipsoid((0, ring - 0.3, 0), (canal * 1.25, canal * 0.9, 2 * h), blend=2.0, cut=True)


def _osteophytes(shape: Shape, build: Build, level: Level) -> None:
    """Spurs at the rim of the endplates, more in a degenerate spine."""
    rng = build.rng("osteophytes", level.name)
    for _ in range(int(rng.poisson(2.2 * build.degenerate))):
        angle = rng.uniform(np.pi, 2 * np.pi)  # anterior half: y negative
        end = 1.0 if rng.random() < 0.5 else -1.0
        x, y = 0.5 * level.width_mm * np.cos(angle), 0.5 * level.depth_mm * np.sin(angle)
        z = end * (level.height_mm / 2 - 2.0)
        radius = rng.uniform(2.5, 4.5)
        shape.ellipsoid((1.02 * x, 1.02 * y, z), (radius * 1.3, radius * 1.3, radius), blend=4.0)
        shape.densify((x, y, z), (5.0, 5.0, 4.0), 350.0)


def vertebra(build: Build, level: Level, below: str) -> Bone:
    """Build one vertebra, its joint in the disc below."""
    rng = build.rng("vertebra", level.name)
    w, d, h = level.width_mm, level.depth_mm, level.height_mm
    shape = Shape()
    shape.drum((0, 0, 0), w / 2, d / 2, h / 2, waist=0.055 * w, dish=1.3, dent=3.0)
    _arch(shape, level.name, w, d, h, rng.normal(0, 0.5, size=5))
    _osteophytes(shape, build, level)
    shape.warp(rng, 0.45)
    shape.densify((0, 0, 0), (0.3 * w, 0.3 * d, 0.25 * h), -30.0)
    shape.densify((0, 0.3 * d, 0), (4.5, 8.0, 2.2), -80.0)  # basivertebral vein
    for end in (-1, 1):
        shape.densify((0, 0, end * 0.5 * h), (0.45 * w, 0.45 * d, 3.0), 90.0)
    shape.densify((0, d / 2 + 18, -2), (30.0, 14.0, 20.0), 120.0)
    tall = 1.0 + 0.15 * (level.name[0] == "T")
    bend = {"L": (1.0, 0.8, 0.2), "T": (0.45, 0.5, 0.35), "C": (1.6, 0.9, 0.9)}[level.name[0]]
    return Bone(
        name=level.name,
        shape=shape,
        world_from_bone=placed(level.centre_mm, level.turn),
        half_box_mm=(w / 2 + 30, d / 2 + 46, h * tall + 18),
        box_centre_mm=(0, 22, -4),
        cortex_mm=1.25,
        cortex_hu=float(rng.uniform(780, 980)),
        trabecular_hu=build.trabecular_hu * float(rng.uniform(0.93, 1.07)),
        texture_hu=46.0,
        texture_shift=(float(rng.uniform(0, 96)), float(rng.uniform(0, 96)), 0.0),
        uptake=6.5 * float(rng.uniform(0.9, 1.1)),
        joint=Joint(
            parent=below,
            pivot_mm=tuple(level.disc_centre_mm),
            sd_deg=(1.1, 0.9, 0.8),
            limit_deg=3.0,
            bend_deg=bend,
            slide_mm=0.25,
        ),
        sites=_vertebra_sites(level),
    )


def _vertebra_sites(level: Level) -> tuple[Site, ...]:
    w, d, h = level.width_mm, level.depth_mm, level.height_mm
    body = 0.80 * min(d, h) if level.name[0] == "L" else 0.76 * min(d, h)
    return (
        Site(
            name="body",
            centre_mm=(0, -1.0, 0),
            reach_mm=(0.22 * w, 0.16 * d, 0.15 * h),
            largest_mm=body,
        ),
        Site(
            name="endplate",
            centre_mm=(0, -2.0, 0.30 * h),
            reach_mm=(0.2 * w, 0.15 * d, 0.05 * h),
            largest_mm=0.5 * h,
        ),
        Site(
            name="pedicle",
            centre_mm=(0.31 * w + 2.5, 0.5 * d + 3, 0.12 * h),
            reach_mm=(1.0, 2.0, 1.0),
            largest_mm=0.36 * h,
        ),
    )


def sacrum(build: Build) -> Bone:
    """Build the sacrum, root of the skeleton; its frame sits on the endplate of S1."""
    rng = build.rng("sacrum")
    k = build.size
    shape = Shape()
    pieces = [
        ((0, 0, -13), (24, 16, 13)),
        ((0, 3, -37), (20, 13, 12.5)),
        ((0, 3, -59), (16, 10, 11)),
        ((0, -2, -79), (13, 8, 10)),
        ((0, -11, -95), (10, 6, 8)),
    ]
    for i, (c, (a, b, h)) in enumerate(pieces):
        lean = rotation((-2, -4, -12, -25, -35)[i] + 0.0)
        shape.drum(
            np.array(c) * k, a * k, b * k, h * k, waist=2.0, dish=0.8, frame=lean.T, blend=4.0
        )
    shape.capsule(np.array((0, -16, -104)) * k, np.array((0, -28, -124)) * k, 6 * k, 3 * k)
    for s in (-1.0, 1.0):
        shape.ellipsoid(np.array((s * 36, 6, -16)) * k, np.array((23, 17, 19)) * k, blend=9.0)
        shape.capsule(
            np.array((s * 40, 10, -22)) * k, np.array((s * 20, 7, -74)) * k, 15 * k, 8 * k, blend=8
        )
        shape.capsule(
            np.array((s * 17, 28, -8)) * k, np.array((s * 12, 20, -78)) * k, 6 * k, 5 * k, blend=6
        )
        shape.ellipsoid(np.array((s * 20, 24, 1)) * k, np.array((6, 5, 9)) * k)
    shape.capsule(np.array((0, 34, -12)) * k, np.array((0, 22, -80)) * k, 4.5 * k, flat=1.6)
    for i, z in enumerate((-26.0, -48.5, -69.5)):
        for s in (-1.0, 1.0):
            x = (19.0, 17.0, 14.0)[i]
            shape.capsule(
                np.array((s * (x + 4), -30, z - 4)) * k,
                np.array((s * x, 45, z + 2)) * k,
                (5.6, 5.0, 4.2)[i] * k,
                (4.2, 3.8, 3.4)[i] * k,
                blend=2.5,
                cut=True,
            )
    shape.capsule(
        np.array((0, 24, 14)) * k, np.array((0, 13, -84)) * k, 9 * k, 5 * k, blend=2.5, cut=True
    )
    shape.warp(rng, 0.7)
    old = (build.age - 45) / 35.0
    for s in (-1.0, 1.0):
        shape.densify(np.array((s * 31, 8, -24)) * k, (13, 14, 18), -70.0 - 60 * old)
        shape.densify(np.array((s * 54, 10, -22)) * k, (6, 18, 22), 90.0)
    shape.densify((0, 0, -1), (20, 14, 3), 110.0)
    sites = [Site(name="S1", centre_mm=(0, 0, -13 * k), reach_mm=(8, 3, 3), largest_mm=19 * k)]
    for s, side in ((1.0, "left"), (-1.0, "right")):
        sites.append(
            Site(
                name=f"ala_{side}",
                centre_mm=(s * 37 * k, 8 * k, -17 * k),
                reach_mm=(4, 3, 4),
                largest_mm=22 * k,
            )
        )
    return Bone(
        name="sacrum",
        shape=shape,
        world_from_bone=placed((0, 0, 0), rotation(SACRAL_SLOPE_DEG)),
        half_box_mm=(70 * k, 55 * k, 78 * k),
        box_centre_mm=(0, 5 * k, -58 * k),
        cortex_mm=1.15,
        cortex_hu=float(rng.uniform(720, 900)),
        trabecular_hu=0.85 * build.trabecular_hu,
        texture_hu=42.0,
        texture_shift=(11.0, 47.0, 5.0),
        uptake=5.0,
        joint=None,
        sites=tuple(sites),
    )
