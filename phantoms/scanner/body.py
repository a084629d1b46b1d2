"""The soft body around the skeleton: skin to organs, one mean value per voxel, and the table.

Nothing here carries truth. The outline follows the spine and the thighs of the visit; bowel and
bladder differ between visits, as they do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from phantoms.anatomy.bone import Bone, apply
from phantoms.anatomy.build import Build
from phantoms.anatomy.ribs import RIBS
from phantoms.anatomy.shapes import Floats

Floats32 = NDArray[np.float32]
AIR_HU, LUNG_HU, FAT_HU, MUSCLE_HU, DISC_HU = -1000.0, -865.0, -104.0, 56.0, 92.0
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
    world = np.vstack([apply(poses["sacrum"] @ np.linalg.inv(bones["sacrum"].world_from_bone),
                             np.array([0.0, -10 * k, -160 * k])), world])
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
            chest = float(np.interp(z, np.array(at)[order], np.array([RIBS[n][0] for n in numbers])[order]))
        else:
            chest = 100.0
        chest_x = chest * k - 4.0
        chest_y = (0.62 * chest + 22) * k * 0.98 - 4.0
        chest_centre = s[1] + 15 * k + 26 * k - chest_y
        rows.append(
            (s[2], s[0], s[1] + behind * k, wide, deep, cavity, s[0], s[1], chest_x, chest_y, chest_centre)
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
            plan.append((f"L{i}", (s * (27 + 2.6 * i), -1 + i, -6), (grow * 0.8, grow, 34), 56.0, 0.8))
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _noise(lattice: Floats32, x: float, y: float, z: float) -> float:
    """Periodic trilinear reading at lattice coordinates."""
    n = lattice.shape[0]
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    tx, ty, tz = x - fx, y - fy, z - fz
    i0, j0, k0 = int(fx) % n, int(fy) % n, int(fz) % n
    i1, j1, k1 = (i0 + 1) % n, (j0 + 1) % n, (k0 + 1) % n
    low = (lattice[k0, j0, i0] * (1 - tx) + lattice[k0, j0, i1] * tx) * (1 - ty) + (
        lattice[k0, j1, i0] * (1 - tx) + lattice[k0, j1, i1] * tx
    ) * ty
    high = (lattice[k1, j0, i0] * (1 - tx) + lattice[k1, j0, i1] * tx) * (1 - ty) + (
        lattice[k1, j1, i0] * (1 - tx) + lattice[k1, j1, i1] * tx
    ) * ty
    return low * (1 - tz) + high * tz


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _ease(depth: float, half: float) -> float:
    return min(1.0, max(0.0, 0.5 + 0.5 * depth / half))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _outline(
    x: float, y: float, level: Floats, rods: Floats, n_rods: int
) -> tuple[float, float]:
    """Depth under the skin (mm, negative outside) and 1 where a limb gives it."""
    best, limb = -1e3, 0.0
    if level[3] > 0.0:
        u, v = (x - level[1]) / level[3], (y - level[2]) / level[4]
        e = math.sqrt(math.sqrt(u**4 + v**4 + 1.35 * (u * v) ** 2))
        best = (1.0 - e) * (level[4] if abs(v) > abs(u) else 0.5 * (level[3] + level[4]))
    for q in range(n_rods):
        d = rods[q, 2] - math.sqrt((x - rods[q, 0]) ** 2 + (y - rods[q, 1]) ** 2)
        h = max(14.0 - abs(best - d), 0.0)
        if d > best:
            limb = 1.0
        best = max(best, d) + h * h / 56.0
    return best, limb


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _cavity_hu(
    x: float, y: float, z: float, level: Floats, lung: Floats, lattice: Floats32, shift: Floats,
    organs: Floats, active: NDArray[np.int64], n_active: int,
) -> float:
    """Contents of chest and belly at a point."""
    pattern = _noise(lattice, (x + shift[0]) / 4.6, (y + shift[1]) / 4.6, (z + shift[2]) / 4.6)
    hu = FAT_HU + (140.0 * _ease(pattern + 0.1, 0.16))
    if pattern > 1.55 and y < level[2] - 10.0:
        hu = -650.0
    for q in range(n_active):
        o = organs[active[q]]
        r = ((x - o[0]) / o[3]) ** 2 + ((y - o[1]) / o[4]) ** 2 + ((z - o[2]) / o[5]) ** 2
        if r < 1.1:
            share = _ease((1.0 - math.sqrt(r)) * min(o[3], o[4]), 0.7)
            hu += share * (o[6] - hu)
    dx, dy = x - level[6], y - level[7]
    aorta = math.sqrt((dx - 14.0) ** 2 + (dy + 31.0) ** 2)
    cava = math.sqrt((dx + 15.0) ** 2 + ((dy + 33.0) * 1.2) ** 2)
    hu += _ease(11.0 - aorta, 0.7) * (42.0 - hu)
    hu += _ease(11.0 - cava, 0.7) * (40.0 - hu)
    if lung[3] > 0.0:
        u, v = dx / level[8], (y - level[10]) / level[9]
        e = math.sqrt(u * u + v * v)
        floor = lung[0] + 26.0 - lung[1] * max(0.0, e - 0.25)
        middle = math.sqrt((dx / 34.0) ** 2 + ((y - level[10] + 12.0) / 72.0) ** 2)
        spine = math.sqrt(dx * dx + dy * dy) - 30.0
        inside = min(min((1.0 - e) * level[9], (middle - 1.0) * 34.0), min(spine, z - floor))
        inside = min(inside, lung[2] - z)
        if inside > -1.0:
            fine = _noise(lattice, x / 1.5, y / 1.5, z / 1.8)
            air = LUNG_HU + 18.0 * fine + (520.0 * _ease(fine - 2.1, 0.3))
            hu += _ease(inside, 0.8) * (air - hu)
    return hu


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _paint(
    out: Floats32,
    xs: Floats,
    ys: Floats,
    zs: Floats,
    levels: Floats,
    parts: Floats,
    organs: Floats,
    lung: Floats,
    table_y: float,
    fat: float,
    wall: float,
    shift: Floats,
    lattice: Floats32,
    pixel: float,
) -> None:
    rods = np.empty((max(1, parts.shape[0]), 3))
    active = np.empty(max(1, organs.shape[0]), dtype=np.int64)
    level = np.empty(levels.shape[1])
    for k in range(out.shape[0]):
        z = zs[k]
        n_rods, n_active = 0, 0
        for q in range(parts.shape[0]):
            low, high = parts[q, 2], parts[q, 5]
            t = (z - low) / (high - low)
            if 0.0 <= t <= 1.0:
                rods[n_rods, 0] = parts[q, 0] + t * (parts[q, 3] - parts[q, 0])
                rods[n_rods, 1] = parts[q, 1] + t * (parts[q, 4] - parts[q, 1])
                rods[n_rods, 2] = parts[q, 6] + t * (parts[q, 7] - parts[q, 6])
                n_rods += 1
        for q in range(organs.shape[0]):
            if abs(z - organs[q, 2]) < organs[q, 5] * 1.05:
                active[n_active] = q
                n_active += 1
        row = np.searchsorted(levels[:, 0], z)
        if row == 0 or row == levels.shape[0]:
            level[:] = levels[min(row, levels.shape[0] - 1)]
            gone = abs(z - level[0])
            level[3] = 0.0 if gone > 25.0 else level[3]
        else:
            t = (z - levels[row - 1, 0]) / (levels[row, 0] - levels[row - 1, 0])
            for c in range(levels.shape[1]):
                level[c] = levels[row - 1, c] * (1 - t) + levels[row, c] * t
        for j in range(out.shape[1]):
            y = ys[j]
            for i in range(out.shape[2]):
                x = xs[i]
                depth, limb = _outline(x, y, level, rods, n_rods)
                if depth < -1.0:
                    top = table_y + ((x / 230.0) ** 2) * -22.0
                    below = y - top
                    hu = AIR_HU
                    if -1.0 < below < 26.0 and abs(x) < 215.0:
                        shell = min(abs(below), abs(below - 24.0))
                        hu = AIR_HU + 45.0 * (below > 0) + 830.0 * _ease(1.6 - shell, 0.8)
                    out[k, j, i] = hu
                    continue
                streak = _noise(lattice, x / 5.2 + 7.0, y / 5.2, z / 13.0)
                under = fat * (1.0 + 0.16 * streak) * (1.25 if y < level[2] else 1.0)
                hu = FAT_HU + 5.0 * streak
                if depth < under - 2.0:
                    skin = _ease(1.6 - depth, 0.5) * 110.0
                    share = _ease(depth, 0.5 * pixel)
                    out[k, j, i] = AIR_HU + share * (hu + skin - AIR_HU)
                    continue
                # fat between muscle bundles: thin sheets where a smooth pattern is zero
                sheet = abs(_noise(lattice, x / 4.3 + 31.0, y / 4.3, z / 12.0 + 9.0))
                muscle = MUSCLE_HU + 4.0 * streak - 128.0 * _ease(0.085 - sheet, 0.07)
                muscle -= 120.0 * _ease(streak - 1.9, 0.2)
                hu += _ease(depth - under, 0.7) * (muscle - hu)
                if limb == 0.0 and level[5] > 0.0:
                    back = math.sqrt(((abs(x - level[6]) - 30.0) / 36.0) ** 2 + ((y - level[7] - 44.0) / 24.0) ** 2)
                    hide = (depth - under - wall) * level[5] - 30.0 * (1.0 - level[5])
                    hide = min(hide, (back - 1.0) * 24.0)
                    hide = min(hide, level[7] + 30.0 - y)
                    if hide > -0.7:
                        inner = _cavity_hu(
                            x, y, z, level, lung, lattice, shift, organs, active, n_active
                        )
                        hu += _ease(hide, 0.7) * (inner - hu)
                out[k, j, i] = hu


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _disc(
    out: Floats32, m: Floats, first: NDArray[np.int64], last: NDArray[np.int64], size: Floats
) -> None:
    for k in range(first[2], last[2]):
        for j in range(first[1], last[1]):
            for i in range(first[0], last[0]):
                u = (m[0, 0] * i + m[0, 1] * j + m[0, 2] * k + m[0, 3]) / size[0]
                v = (m[1, 0] * i + m[1, 1] * j + m[1, 2] * k + m[1, 3]) / size[1]
                w = m[2, 0] * i + m[2, 1] * j + m[2, 2] * k + m[2, 3]
                if size[3] > 0.0:
                    r = math.sqrt(u * u + v * v + (w / size[2]) ** 2)
                    share = _ease((1.0 - r) * size[1], 0.8)
                else:
                    r = math.sqrt(math.sqrt(u**4 + v**4 + 1.2 * (u * v) ** 2))
                    share = _ease((1.0 - r) * size[1], 0.8) * _ease(size[2] - abs(w), 0.8)
                if share > 0.0:
                    value = size[3] if size[3] > 0.0 else DISC_HU - 25.0 * math.exp(-4.0 * r * r)
                    out[k, j, i] += share * (value - out[k, j, i])


def paint_body(
    scene: Scene,
    shape_zyx: tuple[int, int, int],
    spacing_xyz_mm: tuple[float, float, float],
    origin_mm: tuple[float, float, float],
    pattern: Floats32,
) -> Floats32:
    """Paint the soft body of a visit on an axial grid.

    Parameters
    ----------
    scene : Scene
        The visit's soft body.
    shape_zyx, spacing_xyz_mm, origin_mm : tuple
        The grid; index axes along x, y, z.
    pattern : ndarray
        The patient's smooth lattice, for muscle bundles and bowel.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), float32
        HU without bones.
    """
    from phantoms.scanner.bones import index_range

    out = np.empty(shape_zyx, dtype=np.float32)
    xs, ys, zs = (
        origin_mm[a] + spacing_xyz_mm[a] * np.arange(shape_zyx[2 - a], dtype=float)
        for a in range(3)
    )
    _paint(
        out, xs, ys, zs, scene.levels_mm, scene.parts, scene.organs, scene.lung_mm,
        scene.table_y_mm, scene.fat_mm, scene.wall_mm, scene.shift, pattern, spacing_xyz_mm[0],
    )
    index_from_world = np.diag([*(1 / np.array(spacing_xyz_mm)), 1.0])
    index_from_world[:3, 3] = -np.array(origin_mm) / spacing_xyz_mm
    for row in scene.discs:
        world = np.eye(4)
        world[:3, :4] = row[:12].reshape(3, 4)
        matrix = index_from_world @ world
        first, last = index_range(matrix, np.zeros(3), row[12:15] + 1.0, shape_zyx)
        if (first < last).all():
            _disc(out, np.linalg.inv(matrix), first, last, row[12:16])
    return out
