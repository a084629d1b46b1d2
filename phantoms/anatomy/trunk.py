"""Sternum, collar bones, shoulder blades and arms: the shoulder girdle on the chest."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from phantoms.anatomy.bone import Bone, Joint, Site, placed
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, Shape
from phantoms.anatomy.spine import Level


def _front(levels: Mapping[str, Level], name: str, before_mm: float, k: float) -> Floats:
    """Point of the midline in front of a vertebra."""
    return np.asarray(levels[name].centre_mm + np.array((0.0, -before_mm * k, 0.0)))


def _joint(
    parent: str, pivot: Floats, sd_deg: tuple[float, float, float], limit_deg: float
) -> Joint:
    x, y, z = (float(v) for v in pivot)
    return Joint(
        parent=parent, pivot_mm=(x, y, z), sd_deg=sd_deg, limit_deg=limit_deg, slide_mm=0.5
    )


def _three(v: Floats) -> tuple[float, float, float]:
    return (float(v[0]), float(v[1]), float(v[2]))


def sternum(build: Build, levels: Mapping[str, Level]) -> Bone:
    """Build manubrium and body of the sternum as one bone."""
    k = build.size
    top, low = _front(levels, "T3", 78, k), _front(levels, "T9", 136, k)
    middle = (top + low) / 2
    a, b = top - middle, low - middle
    notch = a + 0.30 * (b - a)
    shape = Shape()
    shape.capsule(a, notch, 5.5 * k, flat=4.2, up=(1, 0, 0))
    shape.capsule(notch, a + 0.92 * (b - a), 4.6 * k, flat=3.2, up=(1, 0, 0), blend=4.0)
    shape.capsule(a + 0.9 * (b - a), b + np.array((0, -4, -14)) * k, 4 * k, 2.5 * k, blend=4.0)
    shape.warp(build.rng("sternum"), 0.6)
    return Bone(
        name="sternum",
        shape=shape,
        world_from_bone=placed(middle),
        half_box_mm=_three(np.abs(b - a) / 2 + np.array((36, 22, 30)) * k),
        cortex_mm=1.0,
        cortex_hu=720.0,
        trabecular_hu=0.8 * build.trabecular_hu,
        texture_shift=(60.0, 20.0, 5.0),
        uptake=3.6,
        joint=_joint("T5", levels["T5"].centre_mm, (0.6, 0.5, 0.5), 2.0),
        sites=(
            Site(name="manubrium", centre_mm=_three(a * 0.75), reach_mm=(6, 0.5, 3), largest_mm=12),
            Site(name="body", centre_mm=_three(b * 0.3), reach_mm=(3, 0.5, 10), largest_mm=10),
        ),
    )


def clavicle(build: Build, levels: Mapping[str, Level], side: float) -> Bone:
    """Build one collar bone, hung on the sternum."""
    k = build.size
    inner = _front(levels, "T3", 80, k) + np.array((side * 24, 0, 10)) * k
    steps = [(0, 0, 0), (35, -6, 6), (75, 14, 14), (112, 38, 20), (132, 44, 21)]
    path = [np.array((side * x, y, z)) * k for x, y, z in steps]
    shape = Shape()
    for p, q in itertools.pairwise(path):
        shape.capsule(p, q, 5.6 * k, flat=1.2, blend=4.0)
    shape.ellipsoid(path[0], np.array((8, 8, 9)) * k)
    shape.warp(build.rng("clavicles"), 0.5)
    return Bone(
        name=f"clavicle_{'left' if side > 0 else 'right'}",
        shape=shape,
        world_from_bone=placed(inner),
        half_box_mm=_three(np.array((82, 40, 28)) * k),
        box_centre_mm=_three(np.array((side * 66, 18, 10)) * k),
        cortex_mm=2.0,
        cortex_hu=1050.0,
        trabecular_hu=0.8 * build.trabecular_hu,
        texture_shift=(33.0 + side, 71.0, 15.0),
        uptake=2.6,
        joint=_joint("sternum", inner, (2.0, 3.0, 3.0), 6.0),
    )


def scapula(build: Build, levels: Mapping[str, Level], side: float) -> Bone:
    """Build one shoulder blade; its frame's origin is the centre of the humeral head's socket."""
    k = build.size
    socket = levels["T3"].centre_mm + np.array((side * 142, 8, 2)) * k
    shape = Shape()
    border = [(-68, 40, 38), (-76, 52, 10), (-76, 56, -28), (-68, 56, -66), (-52, 50, -96)]
    points = [np.array((side * x, y, z)) * k for x, y, z in border]
    neck = np.array((side * -12, 8, -6)) * k
    for p in points:
        shape.capsule(neck, p, 4.6 * k, 2.0 * k, flat=4.5, up=(0, -0.35, 1), blend=5.0)
    for p, q in itertools.pairwise(points):
        shape.capsule(p, q, 3.4 * k, blend=4.0)
    shape.capsule(neck, points[-1], 6.5 * k, 4.0 * k, blend=5.0)
    shape.ellipsoid(np.array((side * -2, 1, -2)) * k, np.array((8, 13, 18)) * k, blend=6.0)
    ridge = [(-74, 56, 14), (-30, 44, 26), (6, 26, 40), (26, 0, 40)]
    spine = [np.array((side * x, y, z)) * k for x, y, z in ridge]
    for p, q in itertools.pairwise(spine):
        shape.capsule(p, q, 3.6 * k, flat=1.9, blend=4.0)
    hook = [(-10, 2, 16), (-16, -22, 28), (-6, -36, 18)]
    beak = [np.array((side * x, y, z)) * k for x, y, z in hook]
    for p, q in itertools.pairwise(beak):
        shape.capsule(p, q, 5.5 * k, blend=4.0)
    shape.ellipsoid(np.array((side * 18, 0, 0)) * k, (26.0 * k,) * 3, blend=2.0, cut=True)
    shape.warp(build.rng("scapulae"), 0.6)
    return Bone(
        name=f"scapula_{'left' if side > 0 else 'right'}",
        shape=shape,
        world_from_bone=placed(socket),
        half_box_mm=_three(np.array((66, 62, 84)) * k),
        box_centre_mm=_three(np.array((side * -26, 14, -28)) * k),
        cortex_mm=1.4,
        cortex_hu=950.0,
        trabecular_hu=0.9 * build.trabecular_hu,
        texture_shift=(17.0 + 3 * side, 29.0, 55.0),
        uptake=3.2,
        joint=_joint("T4", levels["T4"].centre_mm, (2.0, 2.0, 2.5), 5.0),
        sites=(
            Site(
                name="neck",
                centre_mm=_three(np.array((side * -14, 8, -6)) * k),
                reach_mm=(2, 1, 2),
                largest_mm=11.0,
            ),
        ),
    )


def humerus(build: Build, levels: Mapping[str, Level], side: float) -> Bone:
    """Build one upper arm bone; its frame's origin is the centre of its head."""
    k = build.size
    name = "left" if side > 0 else "right"
    head = levels["T3"].centre_mm + np.array((side * 160, 8, 2)) * k

    def at(x: float, y: float, z: float) -> Floats:
        return np.array((side * x, y, z)) * k

    shape = Shape()
    shape.ellipsoid((0, 0, 0), (22.5 * k,) * 3)
    shape.ellipsoid(at(15, -6, -10), np.array((13, 15, 20)) * k, blend=8.0)
    shape.capsule(at(9, 0, -18), at(14, 4, -60), 17 * k, 11.5 * k, blend=8.0)
    shape.capsule(at(14, 4, -55), at(34, 22, -290), 11.2 * k, 10.2 * k, blend=5.0)
    shape.capsule(at(18, 20, -312), at(54, 24, -306), 10 * k, 9 * k, blend=12.0)
    shape.warp(build.rng("humeri"), 0.5)
    for z in range(-80, -300, -40):
        share = (-z - 55) / 235
        centre = at(14 + 20 * share, 4 + 18 * share, float(z))
        shape.thicken(centre, 31.0, 1.6)
        shape.densify(centre, (16, 16, 26), -170.0)
    shape.densify((0, 0, 4), (11, 11, 11), 70.0)
    return Bone(
        name=f"humerus_{name}",
        shape=shape,
        world_from_bone=placed(head),
        half_box_mm=_three(np.array((56, 38, 178)) * k),
        box_centre_mm=_three(np.array((side * 18, 8, -150)) * k),
        cortex_mm=1.5,
        cortex_hu=1150.0,
        trabecular_hu=0.85 * build.trabecular_hu,
        texture_shift=(77.0 + 5 * side, 9.0, 25.0),
        uptake=2.2,
        joint=_joint(f"scapula_{name}", head, (6.0, 4.0, 8.0), 15.0),
        sites=(
            Site(
                name="head",
                centre_mm=_three(at(4, -1, -3)),
                reach_mm=(4, 4, 4),
                largest_mm=20.0,
            ),
        ),
    )


def forearm(build: Build, levels: Mapping[str, Level], side: float) -> Bone:
    """Build radius and ulna of one side as one bone, lying beside the belly."""
    k = build.size
    name = "left" if side > 0 else "right"
    elbow = levels["T3"].centre_mm + np.array((side * (160 + 38), 8 + 22, -316)) * k
    shape = Shape()
    shape.capsule((0, 4, 8), np.array((side * -10, -46, -215)) * k, 9 * k, 5 * k)
    shape.capsule(
        np.array((side * 14, -8, -16)) * k, np.array((side * 10, -64, -222)) * k, 7 * k, 8 * k
    )
    shape.warp(build.rng("forearms"), 0.5)
    shape.thicken((0, -25, -110), 70.0, 1.2)
    shape.densify((0, -25, -110), (40, 40, 70), -150.0)
    return Bone(
        name=f"forearm_{name}",
        shape=shape,
        world_from_bone=placed(elbow),
        half_box_mm=_three(np.array((34, 58, 132)) * k),
        box_centre_mm=_three(np.array((side * 4, -30, -105)) * k),
        cortex_mm=1.6,
        cortex_hu=1150.0,
        trabecular_hu=0.8 * build.trabecular_hu,
        texture_shift=(7.0 + 5 * side, 39.0, 85.0),
        uptake=1.8,
        joint=_joint(f"humerus_{name}", elbow, (7.0, 4.0, 6.0), 15.0),
    )
