"""The soft body of a visit as plain numbers: outline, limbs, organs, lungs, discs, table.

It follows the bones of the visit; bowel and bladder differ between visits, as they do. Nothing
here carries truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from phantoms.anatomy.bone import Bone, apply
from phantoms.anatomy.build import Build
from phantoms.anatomy.ribs import RIBS
from phantoms.anatomy.shapes import Floats

CARTILAGE_HU, BRAIN_HU = 80.0, 36.0
TRUNK, THIGH, HEAD, ARM = 0, 1, 2, 3

# canonical height above S1 (mm, size 1): half width, half depth, centre behind the spine, cavity
OUTLINE: tuple[tuple[float, float, float, float, float], ...] = (
    (-150.0, 150.0, 96.0, 2.0, 0.0),
    (-125.0, 172.0, 100.0, -2.0, 0.25),
    (-60.0, 176.0, 103.0, -6.0, 0.55),
    (0.0, 168.0, 102.0, -14.0, 0.75),
    (60.0, 152.0, 101.0, -24.0, 1.0),
    (120.0, 148.0, 104.0, -30.0, 1.0),
    (190.0, 158.0, 112.0, -37.0, 1.0),
    (260.0, 164.0, 117.0, -41.0, 1.0),
    (330.0, 168.0, 117.0, -42.0, 1.0),
    (400.0, 172.0, 104.0, -40.0, 1.0),
    (455.0, 165.0, 84.0, -32.0, 0.7),
    (490.0, 100.0, 68.0, -24.0, 0.0),
    (515.0, 62.0, 58.0, -14.0, 0.0),
    (560.0, 60.0, 62.0, -16.0, 0.0),
    (585.0, 66.0, 82.0, -30.0, 0.0),
    (625.0, 76.0, 99.0, -24.0, 0.0),
    (680.0, 80.0, 98.0, -16.0, 0.0),
    (715.0, 72.0, 86.0, -15.0, 0.0),
    (735.0, 54.0, 66.0, -15.0, 0.0),
    (748.0, 22.0, 30.0, -15.0, 0.0),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """The soft body of one visit, as numbers for the painters.

    Parameters
    ----------
    levels_mm : ndarray, shape (n, 11)
        Rows by height in the visit's world: z, centre x, centre y, half width, half depth, share
        of the cavity, spine x, spine y, chest half width, chest half depth, chest centre y.
    parts : ndarray, shape (m, 9)
        Limbs and head as rods: start (x, y, z), end (x, y, z), start and end radius, kind.
    organs : ndarray, shape (k, 8)
        Centre, semi-axes, HU, SUV of ellipsoids.
    lung_mm : ndarray, shape (4,)
        Height of the diaphragm's dome, its fall to the sides, lungs' top, 1 if there are lungs.
    table_y_mm : float
        Height of the table's surface under the patient.
    fat_mm, wall_mm : float
        Fat under the skin, muscle wall.
    shift : ndarray, shape (3,)
        Where the bowel's pattern begins at this visit.
    discs : ndarray, shape (d, 16)
        world_from_disc (3 x 4, row-major), half width, half depth, half height; last column 0 for
        a disc, the HU for an ellipsoid (cartilage of a joint, brain).
    """

    levels_mm: Floats
    parts: Floats
    organs: Floats
    lung_mm: Floats
    table_y_mm: float
    fat_mm: float
    wall_mm: float
    shift: Floats
    discs: Floats


def make_scene(
    build: Build, bones: Mapping[str, Bone], poses: Mapping[str, Floats], visit: str
) -> Scene:
    """Lay the soft body of a visit around its bones.

    Parameters
    ----------
    build : Build
        The patient.
    bones, poses : mapping
        Bones and their `world_from_bone` at this visit.
    visit : str
        Name of the visit.

    Returns
    -------
    Scene
        Ready to paint.
    """
    rng = build.rng("scene", visit)
    levels = _levels(build, bones, poses)
    spine_back = float((levels[:, 2] + levels[:, 4]).max())
    return Scene(
        levels_mm=levels,
        parts=_parts(build, bones, poses),
        organs=_organs(build, bones, poses, rng),
        lung_mm=_lungs(poses, rng),
        table_y_mm=spine_back - 6.0,
        fat_mm=9.0 + 34.0 * max(0.0, build.girth - 0.82),
        wall_mm=17.0,
        shift=rng.uniform(0, 500, size=3),
        discs=_discs(bones, poses),
    )


def _levels(build: Build, bones: Mapping[str, Bone], poses: Mapping[str, Floats]) -> Floats:
    """Follow the spine of the visit from thigh to neck."""
    k = build.size
    spine = ["sacrum", *(n for n in bones if n[0] in "LTC" and n[1:].isdigit())]
    canon = np.array([bones[n].world_from_bone[:3, 3] for n in spine])
    world = np.array([poses[n][:3, 3] for n in spine])
    canon = np.vstack([[0, 0, -160 * k], canon])
    world = np.vstack(
        [
            apply(
                poses["sacrum"] @ np.linalg.inv(bones["sacrum"].world_from_bone),
                np.array([0.0, -10 * k, -160 * k]),
            ),
            world,
        ]
    )
    canon[0, 1] = -10 * k
    table = np.array(OUTLINE)
    if "skull" in poses:
        canon = np.vstack([canon, bones["skull"].world_from_bone[:3, 3] + (0, 16 * k, 0)])
        world = np.vstack([world, apply(poses["skull"], np.array([0, 16 * k, 0]))])
    top = canon[-1, 2] + (12 if "skull" not in poses else 76 * k)
    heights = np.arange(-165 * k, top, 6.0)
    rows = []
    for z in heights:
        s = [np.interp(z, canon[:, 2], world[:, c]) for c in range(3)]
        if z > canon[-1, 2]:
            s[2] += z - canon[-1, 2]
        half_width, half_depth, behind, cavity = (
            np.interp(z / k, table[:, 0], table[:, c]) for c in (1, 2, 3, 4)
        )
        wide = half_width * k * (0.55 + 0.45 * build.girth)
        deep = half_depth * k * (0.4 + 0.6 * build.girth)
        numbers = [int(n[1:]) for n in spine if n[0] == "T"]
        if numbers:
            at = [bones[f"T{n}"].world_from_bone[2, 3] - 25 * k for n in numbers]
            order = np.argsort(at)
            chest = float(
                np.interp(z, np.array(at)[order], np.array([RIBS[n][0] for n in numbers])[order])
            )
        else:
            chest = 100.0
        chest_x = chest * k - 4.0
        chest_y = (0.62 * chest + 22) * k * 0.98 - 4.0
        chest_centre = s[1] + 15 * k + 26 * k - chest_y
        rows.append(
            (
                s[2],
                s[0],
                s[1] + behind * k,
                wide,
                deep,
                cavity,
                s[0],
                s[1],
                chest_x,
                chest_y,
                chest_centre,
            )
        )
    out = np.array(rows)
    return np.asarray(out[np.argsort(out[:, 0], kind="stable")])


def _parts(build: Build, bones: Mapping[str, Bone], poses: Mapping[str, Floats]) -> Floats:
    """Thighs around the femurs."""
    k, g = build.size, build.girth
    parts = []
    for side, name in ((1.0, "femur_left"), (-1.0, "femur_right")):
        ends = apply(poses[name], np.array([(side * 4, 8, -20), (side * 16, -2, -290)]) * k)
        parts.append((*ends[0], *ends[1], 84 * k * g, 72 * k * g, THIGH))
    for side, name in ((1.0, "left"), (-1.0, "right")):
        if f"humerus_{name}" not in poses:
            continue
        arm, fore = poses[f"humerus_{name}"], poses[f"forearm_{name}"]
        shoulder, elbow = apply(arm, np.array([(side * 8, 2, 30), (side * 36, 20, -312)]) * k)
        wrist = apply(fore, np.array((0, -60, -240)) * k)
        parts.append((*elbow, *shoulder, 40 * k * g, 58 * k * g, ARM))
        parts.append((*wrist, *elbow, 26 * k * g, 41 * k * g, ARM))
    return np.array([_upwards(row) for row in parts], dtype=float).reshape(-1, 9)


def _upwards(row: tuple[float, ...]) -> tuple[float, ...]:
    """Rod from its lower to its upper end."""
    if row[2] <= row[5]:
        return row
    return (*row[3:6], *row[:3], row[7], row[6], row[8])


def _organs(
    build: Build,
    bones: Mapping[str, Bone],
    poses: Mapping[str, Floats],
    rng: np.random.Generator,
) -> Floats:
    """Place organs against vertebrae; each a little elsewhere at every visit."""
    k = build.size
    full = float(rng.uniform(0.75, 1.25))
    plan: list[tuple[str, tuple[float, ...], tuple[float, ...], float, float]] = [
        ("T11", (-72, -62, -8), (82, 82, 78), 57.0, 1.0),
        ("T11", (100, 12, -5), (26, 42, 48), 49.0, 1.0),
        ("L1", (62, 20, -10), (27, 24, 54), 33.0, 7.0),
        ("L1", (-62, 20, -22), (27, 24, 53), 33.0, 7.0),
        ("T12", (62, -82, -5), (50, 38, 45), 30.0, 0.8),
        ("sacrum", (0, -78, -88), (38 * full, 30 * full, 30 * full), 8.0, 38.0),
        ("sacrum", (0, -2, -92), (18, 17, 40), 30.0, 0.9),
        ("T8", (24, -96, 0), (62, 48, 55), 42.0, 1.6),
    ]
    for i in range(1, 6):
        grow = 9 + 3.4 * i
        for s in (1, -1):
            plan.append(
                (f"L{i}", (s * (27 + 2.6 * i), -1 + i, -6), (grow * 0.8, grow, 34), 56.0, 0.8)
            )
    rows = []
    for name, centre, axes, hu, suv in plan:
        if name not in poses:
            continue
        world = poses[name][:3, 3] + np.array(centre) * k + rng.normal(0, 2.5, size=3)
        rows.append((*world, *(np.array(axes) * k), hu + rng.normal(0, 2), suv))
    return np.array(rows, dtype=float).reshape(-1, 8)


def _lungs(poses: Mapping[str, Floats], rng: np.random.Generator) -> Floats:
    if "T8" not in poses:
        return np.zeros(4)
    base = poses["T10"][2, 3] + float(rng.uniform(-10, 10))
    top = poses["T2"][2, 3] if "T2" in poses else 1e6
    return np.array([base, 75.0, top, 1.0])


def _discs(bones: Mapping[str, Bone], poses: Mapping[str, Floats]) -> Floats:
    rows: list[tuple[float, ...]] = []
    k = bones["sacrum"].half_box_mm[0] / 70.0
    for name, radius in (
        ("femur_left", 27.0),
        ("femur_right", 27.0),
        ("humerus_left", 26.0),
        ("humerus_right", 26.0),
    ):
        if name in poses:  # cartilage and synovia of the joint
            rows.append((*poses[name][:3, :4].ravel(), *(radius * k,) * 3, CARTILAGE_HU))
    if "skull" in poses:
        rows.append((*poses["skull"][:3, :4].ravel(), *(np.array((70, 87, 66)) * k), BRAIN_HU))
    for name, bone in bones.items():
        if name[0] in "LTC" and name[1:].isdigit() and bone.joint is not None:
            body = bone.shape.solids[0]
            below = poses[bone.joint.parent]
            lower = below[:3, 3]
            if bone.joint.parent != "sacrum":
                lower = apply(below, np.array([0, 0, bones[bone.joint.parent].shape.solids[0][14]]))
            upper = apply(poses[name], np.array([0, 0, -body[14]]))
            frame = poses[name].copy()
            frame[:3, 3] = (upper + lower) / 2
            height = max(2.0, float(np.linalg.norm(upper - lower)) / 2) + 2.5
            rows.append((*frame[:3, :4].ravel(), body[12] + 0.5, body[13] + 0.5, height, 0.0))
    return np.array(rows, dtype=float).reshape(-1, 16)
