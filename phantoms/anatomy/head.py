"""Skull and lower jaw: the vault with its two tables, the rest in outline."""

from __future__ import annotations

import itertools

import numpy as np

from phantoms.anatomy.bone import Bone, Joint, Site, placed
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, Shape
from phantoms.anatomy.spine import Level


def skull_centre(build: Build, atlas: Level) -> Floats:
    """Centre of the cranial cavity in the canonical world."""
    return atlas.centre_mm + np.array((0.0, -16.0, 74.0)) * build.size


def skull(build: Build, atlas: Level) -> Bone:
    """Build the skull; its frame's origin is the centre of the cranial cavity."""
    k = build.size
    rng = build.rng("skull")
    shape = Shape()
    outer = np.array((73, 91, 69)) * k * (1 + rng.normal(0, 0.02, size=3))
    shape.ellipsoid((0, 0, 0), outer)
    for s in (-1.0, 1.0):
        shape.ellipsoid(np.array((s * 42, 14, -44)) * k, np.array((24, 20, 20)) * k, blend=6.0)
        shape.ellipsoid(np.array((s * 58, 18, -62)) * k, np.array((9, 13, 15)) * k, blend=6.0)
        shape.capsule(
            np.array((s * 52, -58, -30)) * k, np.array((s * 62, -8, -48)) * k, 5 * k, blend=5.0
        )
    shape.ellipsoid(np.array((0, -68, -62)) * k, np.array((36, 26, 36)) * k, blend=10.0)
    shape.capsule(np.array((0, -84, -88)) * k, np.array((0, -52, -92)) * k, 20 * k, blend=6.0)
    shape.ellipsoid((0, 0, 0), outer - 6.6 * k, blend=2.0, cut=True)
    for s in (-1.0, 1.0):
        shape.ellipsoid(np.array((s * 31, -84, -32)) * k, (19 * k,) * 3, blend=3.0, cut=True)
        shape.ellipsoid(
            np.array((s * 24, -66, -66)) * k, np.array((13, 15, 17)) * k, blend=2.0, cut=True
        )
    shape.ellipsoid(np.array((0, -70, -62)) * k, np.array((8, 26, 22)) * k, blend=2.0, cut=True)
    shape.ellipsoid(np.array((0, -60, -100)) * k, np.array((20, 34, 12)) * k, blend=2.0, cut=True)
    shape.capsule(
        np.array((0, 18, -40)) * k, np.array((0, 18, -90)) * k, 17 * k, blend=2.0, cut=True
    )
    shape.warp(rng, 0.8)
    pivot = atlas.centre_mm + np.array((0, 6, 8.0))
    up = np.array((0.0, 0.0, 1.0))
    sites = []
    for name, direction in (
        ("parietal_left", (0.72, 0.2, 0.66)),
        ("parietal_right", (-0.72, 0.25, 0.65)),
        ("frontal", (0.2, -0.85, 0.5)),
        ("occipital", (-0.25, 0.92, 0.3)),
    ):
        u = np.array(direction) / np.linalg.norm(direction)
        reach = 1.0 / np.sqrt(((u / outer) ** 2).sum())
        x, y, z = u * (reach - 3.3 * k) + 0 * up
        sites.append(Site(name=name, centre_mm=(x, y, z), reach_mm=(4, 4, 4), largest_mm=14.0))
    return Bone(
        name="skull",
        shape=shape,
        world_from_bone=placed(skull_centre(build, atlas)),
        half_box_mm=(86 * k, 112 * k, 94 * k),
        box_centre_mm=(0, -8 * k, -19 * k),
        cortex_mm=1.9,
        cortex_hu=float(rng.uniform(1150, 1350)),
        trabecular_hu=300.0,
        texture_hu=60.0,
        texture_shift=(5.0, 65.0, 45.0),
        uptake=3.4,
        joint=Joint(
            parent="C1",
            pivot_mm=(float(pivot[0]), float(pivot[1]), float(pivot[2])),
            sd_deg=(3.5, 2.0, 4.0),
            limit_deg=10.0,
        ),
        sites=tuple(sites),
    )


def mandible(build: Build, atlas: Level) -> Bone:
    """Build the lower jaw."""
    k = build.size
    centre = skull_centre(build, atlas)
    shape = Shape()
    arch = [(50, -6, -50), (48, -14, -88), (40, -46, -104), (20, -78, -112), (0, -86, -113)]
    for s in (-1.0, 1.0):
        path = [np.array((s * x, y, z)) * k for x, y, z in arch]
        shape.capsule(path[0], path[1], 5 * k, 6 * k, flat=1.9, up=(0, 1, 0))
        for p, q in itertools.pairwise(path):
            shape.capsule(p, q, 6 * k, flat=1.9, blend=4.0)
    shape.warp(build.rng("mandible"), 0.5)
    pivot = centre + np.array((0, -6, -50)) * k
    return Bone(
        name="mandible",
        shape=shape,
        world_from_bone=placed(centre),
        half_box_mm=(66 * k, 58 * k, 48 * k),
        box_centre_mm=(0, -46 * k, -84 * k),
        cortex_mm=2.2,
        cortex_hu=1250.0,
        trabecular_hu=260.0,
        texture_shift=(25.0, 5.0, 41.0),
        uptake=3.0,
        joint=Joint(
            parent="skull",
            pivot_mm=(float(pivot[0]), float(pivot[1]), float(pivot[2])),
            sd_deg=(2.5, 0.4, 0.4),
            limit_deg=7.0,
        ),
    )
