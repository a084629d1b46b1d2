"""Ribs: thin curved tubes that breathe about their joint with the spine."""

from __future__ import annotations

import itertools

import numpy as np

from phantoms.anatomy.bone import Bone, Joint, Site, placed
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Shape
from phantoms.anatomy.spine import Level

# rib: half width of the chest, fall to the front end (mm), last angle (deg from posterior)
RIBS: dict[int, tuple[float, float, float]] = {
    1: (58, 22, 130),
    2: (80, 38, 140),
    3: (97, 52, 142),
    4: (109, 62, 140),
    5: (117, 70, 138),
    6: (123, 76, 134),
    7: (127, 80, 130),
    8: (129, 82, 124),
    9: (129, 82, 116),
    10: (126, 76, 106),
    11: (118, 58, 84),
    12: (106, 36, 62),
}


def rib(build: Build, level: Level, side: float) -> Bone:
    """Build the rib of a thoracic vertebra; its frame's origin is the costovertebral joint."""
    number = int(level.name[1:])
    name = f"rib_{number}_{'left' if side > 0 else 'right'}"
    rng = build.rng(name)
    k = build.size
    width, fall, last = RIBS[number]
    width, fall = width * k, fall * k
    depth = (0.62 * width + 22 * k) * 0.98
    start = np.array(
        (side * (0.5 * level.width_mm + 1.5), 0.36 * level.depth_mm, 0.36 * level.height_mm)
    )
    joint = level.centre_mm + level.turn @ start
    centre_y = level.centre_mm[1] + 0.5 * level.depth_mm + 26 * k - depth
    first = np.rad2deg(np.arcsin(min(0.9, (0.5 * level.width_mm + 26 * k) / width)))
    angles = np.deg2rad(np.linspace(first, last, 13))
    share = (angles - angles[0]) / (angles[-1] - angles[0])
    arc = np.stack(
        [
            side * width * np.sin(angles),
            centre_y + depth * np.cos(angles),
            joint[2] - 6 * k - fall * share**1.1,
        ],
        axis=1,
    )
    neck = np.array((joint[0] + side * 13 * k, joint[1] + 12 * k, joint[2] - 1 * k))
    path = np.vstack([joint, neck, arc]) - joint
    shape = Shape()
    for p, q in itertools.pairwise(path):
        shape.capsule(p, q, 3.5 * k, flat=1.65, blend=2.0)
    shape.ellipsoid((0, 0, 0), (5.5, 5.5, 6.0))
    shape.warp(rng, 0.5)
    low, high = path.min(axis=0) - 10, path.max(axis=0) + 10
    middle = path[7]
    return Bone(
        name=name,
        shape=shape,
        world_from_bone=placed(joint),
        half_box_mm=tuple((high - low) / 2),
        box_centre_mm=tuple((high + low) / 2),
        cortex_mm=1.05,
        cortex_hu=float(rng.uniform(780, 950)),
        trabecular_hu=0.85 * build.trabecular_hu,
        texture_hu=35.0,
        texture_shift=(float(rng.uniform(0, 96)), float(rng.uniform(0, 96)), 50.0),
        uptake=2.8,
        joint=Joint(
            parent=level.name,
            pivot_mm=tuple(joint),
            sd_deg=(0.6, 0.6, 0.4),
            limit_deg=2.0,
            breath_deg=(-1.6, side * 2.0, side * 0.8),
        ),
        sites=(
            Site(name="shaft", centre_mm=tuple(middle), reach_mm=(0.3, 0.3, 0.3), largest_mm=13.0),
        ),
    )
