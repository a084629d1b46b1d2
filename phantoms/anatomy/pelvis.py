"""Hip bones and femurs; left and right are near mirror images, as in people."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from phantoms.anatomy.bone import Bone, Joint, Site, placed
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, Shape

HEAD_CENTRE_MM = (88.0, -23.0, -107.0)  # left femoral head from the endplate of S1, size 1
Point = tuple[float, float, float]


def _sided(side: float, k: float, rng: np.random.Generator) -> Callable[[Point], Floats]:
    """Mirror and scale the left side's coordinates; sides differ by a fraction of a mm."""
    wobble = rng.normal(0, 0.006, size=3) + 1.0

    def at(p: Point) -> Floats:
        return np.array((side * p[0], p[1], p[2])) * k * wobble

    return at


def _wing(shape: Shape, at: Callable[[Point], Floats], k: float) -> None:
    """Iliac wing: a fan of flat rods from the acetabular roof, closed by the crest."""
    crest: list[Point] = [
        (30, -54, 62),
        (35, -50, 78),
        (42, -34, 104),
        (45, -14, 122),
        (42, 8, 131),
        (31, 28, 131),
        (10, 50, 120),
        (-16, 66, 103),
        (-38, 77, 84),
    ]
    foot: Point = (0, 8, 30)
    for before, p, after in zip(crest[:-2], crest[1:-1], crest[2:], strict=True):
        run = at(after) - at(before)
        root = at((foot[0] + 0.12 * p[0], foot[1] + 0.2 * p[1], foot[2] + 4))
        shape.capsule(root, at(p) * 0.98, 7.5 * k, 3.6 * k, flat=3.2, up=tuple(run), blend=9.0)
    for p, q in itertools.pairwise(crest):
        shape.capsule(at(p), at(q), 6.4 * k, blend=7.0)
    # posterior ilium beside the sacroiliac joint, and down to the greater sciatic notch
    shape.capsule(at((-24, 48, 92)), at((-8, 24, 48)), 11 * k, 12 * k, flat=1.7, blend=10.0)
    shape.capsule(at((-38, 74, 80)), at((-30, 62, 58)), 7 * k, 6 * k, blend=8.0)
    shape.capsule(at((30, -46, 58)), at((16, -26, 28)), 7.0 * k, 11 * k, blend=9.0)


def hip_bone(build: Build, side: float) -> Bone:
    """Build one hip bone; its frame's origin is the centre of the acetabulum."""
    name = "hip_bone_left" if side > 0 else "hip_bone_right"
    k = build.size
    at = _sided(side, k, build.rng(name))
    shape = Shape()
    shape.ellipsoid(at((-5, 3, 3)), np.array((31, 42, 38)) * k)
    shape.ellipsoid(at((6, 28, 2)), np.array((17, 13, 26)) * k, blend=8.0)
    shape.ellipsoid(at((-2, -27, 6)), np.array((15, 12, 20)) * k, blend=8.0)
    _wing(shape, at, k)
    shape.capsule(at((-8, 26, -14)), at((-20, 28, -62)), 15 * k, 13 * k, flat=1.1, blend=9.0)
    shape.ellipsoid(at((-22, 24, -66)), np.array((13, 16, 17)) * k, blend=7.0)
    shape.capsule(at((-14, -26, -4)), at((-73, -46, -14)), 11 * k, 8.5 * k, blend=9.0)
    shape.ellipsoid(at((-77, -45, -24)), np.array((8, 9, 19)) * k, blend=7.0)
    shape.capsule(at((-70, -40, -38)), at((-34, 10, -76)), 6.2 * k, 7.5 * k, blend=6.0)
    if build.sex == "F":
        shape.thicken(at((0, 0, 30)), 20.0, -0.1)
    shape.ellipsoid((0, 0, 0), (26.4 * k,) * 3, blend=2.5, cut=True)
    shape.capsule((0, 0, 0), at((64, -10, -30)), 25.4 * k, 29 * k, blend=2.5, cut=True)
    shape.warp(build.rng("hip_bones"), 0.9) if side > 0 else _mirrored_warp(shape, build)
    shape.thicken(at((0, 6, 40)), 25.0, 0.7)
    for p, amount in (((0, 0, 34), 200.0), ((-24, 46, 86), 60.0), ((20, 0, 90), -60.0)):
        shape.densify(at(p), (18 * k, 18 * k, 14 * k), amount)
    world = np.array(HEAD_CENTRE_MM) * (side, 1, 1) * k
    rng = build.rng(name, "make")
    return Bone(
        name=name,
        shape=shape,
        world_from_bone=placed(world),
        half_box_mm=(74 * k, 78 * k, 122 * k),
        box_centre_mm=(side * -19 * k, 12 * k, 28 * k),
        cortex_mm=1.5,
        cortex_hu=float(rng.uniform(850, 1050)),
        trabecular_hu=0.95 * build.trabecular_hu,
        texture_hu=48.0,
        texture_shift=(float(rng.uniform(0, 96)), 13.0, 71.0),
        uptake=4.5,
        joint=Joint(
            parent="sacrum",
            pivot_mm=tuple(np.array((side * 52, 22, -25)) * k),
            sd_deg=(0.35, 0.25, 0.25),
            limit_deg=0.8,
        ),
        sites=tuple(
            Site(name=n, centre_mm=tuple(at(c)), reach_mm=reach, largest_mm=m * k)
            for n, c, reach, m in (
                ("ilium_posterior", (-18, 40, 76), (3, 5, 8), 19.0),
                ("acetabular_roof", (2, 6, 42), (4, 6, 4), 21.0),
                ("iliac_wing", (22, 10, 86), (5, 18, 14), 15.0),
                ("ischium", (-20, 26, -56), (2, 3, 8), 19.0),
                ("pubis", (-44, -38, -10), (10, 3, 2), 11.0),
            )
        ),
    )


def _mirrored_warp(shape: Shape, build: Build) -> None:
    """Bend as the left side, seen in the mirror."""
    shape.warp(build.rng("hip_bones"), 0.9)
    shape.waves[:, 0] *= -1
    shape.waves[:, 4] *= -1


def femur(build: Build, side: float) -> Bone:
    """Build one femur down to mid-thigh; its frame's origin is the centre of its head."""
    name = "femur_left" if side > 0 else "femur_right"
    k = build.size
    at = _sided(side, k, build.rng(name))
    shape = Shape()
    shape.ellipsoid((0, 0, 0), (23.8 * k,) * 3)
    shape.capsule(at((10, 2, -8)), at((42, 8, -35)), 16 * k, 16 * k, flat=1.12, blend=8.0)
    shape.ellipsoid(at((55, 13, -32)), np.array((14, 18, 22)) * k, blend=9.0)
    shape.capsule(at((46, 8, -46)), at((43, 5, -84)), 18.5 * k, 15 * k, blend=8.0)
    shape.capsule(at((43, 5, -80)), at((33, -6, -280)), 14.6 * k, 13.4 * k, blend=5.0)
    shape.ellipsoid(at((33, 20, -64)), np.array((9, 9, 12)) * k, blend=7.0)
    shape.ellipsoid(at((-24, 3, -4)), np.array((4.5, 4.5, 4.5)) * k, blend=2.0, cut=True)
    shape.warp(build.rng("femurs"), 0.55)
    if side < 0:
        shape.waves[:, 0] *= -1
        shape.waves[:, 4] *= -1
    for z in range(-95, -300, -40):
        shape.thicken(at((42 - 0.05 * (-z - 80), 5 + 0.055 * (z + 80), z)), 31.0, 2.6)
    shape.densify((0, 0, 2), (12, 12, 13), 150.0)
    shape.densify(at((34, 8, -32)), (11, 9, 9), -60.0)  # Ward's triangle
    for z in range(-66, -310, -24):
        shape.densify(at((42 - 0.05 * (-z - 80), 5, z)), (22, 22, 17), -135.0)
    rng = build.rng(name, "make")
    world = np.array(HEAD_CENTRE_MM) * (side, 1, 1) * k
    return Bone(
        name=name,
        shape=shape,
        world_from_bone=placed(world),
        half_box_mm=(55 * k, 38 * k, 160 * k),
        box_centre_mm=(side * 22 * k, 4 * k, -130 * k),
        cortex_mm=1.6,
        cortex_hu=float(rng.uniform(1050, 1300)),
        trabecular_hu=0.95 * build.trabecular_hu + 20,
        texture_hu=42.0,
        texture_shift=(float(rng.uniform(0, 96)), 3.0, 31.0),
        uptake=2.6,
        joint=Joint(
            parent="hip_bone_left" if side > 0 else "hip_bone_right",
            pivot_mm=tuple(world),
            sd_deg=(4.0, 3.0, 6.0),
            limit_deg=15.0,
            slide_mm=0.15,
        ),
        sites=tuple(
            Site(name=n, centre_mm=tuple(at(c)), reach_mm=reach, largest_mm=m * k)
            for n, c, reach, m in (
                ("head", (0, 0, 2), (6, 6, 6), 22.0),
                ("neck", (24, 4, -19), (4, 2, 3), 20.0),
                ("trochanter", (47, 9, -42), (4, 4, 6), 24.0),
            )
        ),
    )
