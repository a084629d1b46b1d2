"""Bones and lesions drawn onto a scan's voxels, with the partial volume of each voxel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from phantoms.anatomy.bone import Bone
from phantoms.anatomy.bricks import CELLS, LATTICE_MM, LIPSCHITZ, Bricks
from phantoms.anatomy.shapes import Floats
from phantoms.anatomy.texture import LATTICE_MM as TEXTURE_MM
from phantoms.lesions.painted import Painted
from phantoms.lesions.surface import LOBE_COLUMNS, bounding_sphere, lesion_distance, lesion_value

Floats32 = NDArray[np.float32]
EDGE_MM = 0.35  # half width of the ramp between two tissues, finer than a sub-voxel
OUTSIDE_MM = 3.0
RIM_REACH_MM = 4.0


def _rows(lesions: Sequence[Painted]) -> tuple[Floats, Floats, Floats]:
    """Pack lesions as arrays: numbers, lobes, scars."""
    most = max([1, *(max(len(p.lobes), len(p.scar_lobes)) for p in lesions)])
    numbers = np.zeros((len(lesions), 14))
    lobes = np.zeros((len(lesions), most, LOBE_COLUMNS))
    scars = np.zeros((len(lesions), most, LOBE_COLUMNS))
    for i, p in enumerate(lesions):
        both = np.vstack([p.lobes, p.scar_lobes])
        if not len(both):
            continue
        centre, radius = bounding_sphere(both)
        numbers[i, :3] = centre
        numbers[i, 3] = radius + RIM_REACH_MM
        numbers[i, 4:12] = (
            p.inside_hu,
            p.infill,
            p.edge_mm,
            p.rim_hu,
            p.rim_mm,
            p.scar_hu,
            len(p.lobes),
            len(p.scar_lobes),
        )
        numbers[i, 12] = p.texture_hu
        lobes[i, : len(p.lobes)] = p.lobes
        scars[i, : len(p.scar_lobes)] = p.scar_lobes
    return numbers, lobes, scars


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def periodic(lattice: Floats32, x: float, y: float, z: float) -> float:
    """Periodic trilinear reading of the texture at lattice coordinates."""
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
    return float(low * (1 - tz) + high * tz)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def ramp(depth_mm: float, half_width_mm: float) -> float:
    """0 outside, 1 inside, linear across the edge."""
    return min(1.0, max(0.0, 0.5 + 0.5 * depth_mm / half_width_mm))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_bone(
    origin: Floats, index: NDArray[np.int32], pool: Floats32, p: Floats, out: Floats
) -> bool:
    """Read distance, thickness and density at a point; False where the bone is far."""
    x = (p[0] - origin[0]) / LATTICE_MM
    y = (p[1] - origin[1]) / LATTICE_MM
    z = (p[2] - origin[2]) / LATTICE_MM
    if x < 0 or y < 0 or z < 0:
        return False
    i, j, k = int(x) // CELLS, int(y) // CELLS, int(z) // CELLS
    if k >= index.shape[0] or j >= index.shape[1] or i >= index.shape[2]:
        return False
    number = index[k, j, i]
    if number < 0:
        return False
    x -= i * CELLS
    y -= j * CELLS
    z -= k * CELLS
    a, b, c = int(x), int(y), int(z)
    tx, ty, tz = x - a, y - b, z - c
    brick = pool[number]
    for q in range(3):
        low = (brick[c, b, a, q] * (1 - tx) + brick[c, b, a + 1, q] * tx) * (1 - ty) + (
            brick[c, b + 1, a, q] * (1 - tx) + brick[c, b + 1, a + 1, q] * tx
        ) * ty
        high = (brick[c + 1, b, a, q] * (1 - tx) + brick[c + 1, b, a + 1, q] * tx) * (1 - ty) + (
            brick[c + 1, b + 1, a, q] * (1 - tx) + brick[c + 1, b + 1, a + 1, q] * tx
        ) * ty
        out[q] = low * (1 - tz) + high * tz
    return True


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _with_lesion(
    hu: float,
    cover: float,
    cortical: float,
    grain: float,
    number: Floats,
    lobes: Floats,
    scars: Floats,
    p: Floats,
) -> float:
    """HU of a point near a lesion: rim, scar and inside laid over the normal bone."""
    n_lobes, n_scars = int(number[10]), int(number[11])
    normal = hu
    away = 1e3
    if n_lobes > 0:
        away = lesion_distance(lobes[:n_lobes], p[0], p[1], p[2])
    if number[7] != 0.0 and away < number[8] + 1.0:
        shell = ramp(number[8] - away, 0.5)
        hu += number[7] * shell * cover * (1.0 - 0.8 * cortical)
    if n_scars > 0:
        old = lesion_distance(scars[:n_scars], p[0], p[1], p[2])
        hu += number[9] * ramp(number[8] - old, 0.5) * cover * (1.0 - 0.8 * cortical)
    if n_lobes > 0:
        share = ramp(-away, max(EDGE_MM, number[6] / 2.0))
        inside = number[4] + number[12] * grain
        inside += number[5] * (normal - inside)
        hu += share * (inside - hu)
    return hu


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _draw(
    out: Floats32,
    bone_from_index: Floats,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    samples: NDArray[np.int64],
    origin: Floats,
    index: NDArray[np.int32],
    pool: Floats32,
    make: Floats,
    lattice: Floats32,
    numbers: Floats,
    lobes: Floats,
    scars: Floats,
) -> None:
    nx, ny, nz = samples[0], samples[1], samples[2]
    m = bone_from_index
    half = 0.0
    for r in range(3):
        half += (abs(m[r, 0]) + abs(m[r, 1]) + abs(m[r, 2])) ** 2 / 4.0
    half = math.sqrt(half)
    p, s = np.empty(3), np.empty(3)
    near = np.empty(max(1, numbers.shape[0]), dtype=np.int64)
    count = nx * ny * nz
    for k in range(first[2], last[2]):
        for j in range(first[1], last[1]):
            for i in range(first[0], last[0]):
                for r in range(3):
                    p[r] = m[r, 0] * i + m[r, 1] * j + m[r, 2] * k + m[r, 3]
                n_near = 0
                for q in range(numbers.shape[0]):
                    gap = math.sqrt(
                        (p[0] - numbers[q, 0]) ** 2
                        + (p[1] - numbers[q, 1]) ** 2
                        + (p[2] - numbers[q, 2]) ** 2
                    )
                    if gap < numbers[q, 3] + half:
                        near[n_near] = q
                        n_near += 1
                found = read_bone(origin, index, pool, p, s)
                if n_near == 0 and (not found or s[0] > LIPSCHITZ * half + EDGE_MM):
                    continue
                behind = out[k, j, i]
                total = 0.0
                for c in range(nz):
                    oz = (c + 0.5) / nz - 0.5 + k
                    for b in range(ny):
                        oy = (b + 0.5) / ny - 0.5 + j
                        for a in range(nx):
                            ox = (a + 0.5) / nx - 0.5 + i
                            for r in range(3):
                                p[r] = m[r, 0] * ox + m[r, 1] * oy + m[r, 2] * oz + m[r, 3]
                            cover, cortical, hu, grain = 0.0, 0.0, behind, 0.0
                            if read_bone(origin, index, pool, p, s):
                                cover = ramp(-s[0], EDGE_MM)
                            if cover > 0.0 or n_near > 0:
                                grain = periodic(
                                    lattice,
                                    (p[0] + make[2]) / TEXTURE_MM,
                                    (p[1] + make[3]) / TEXTURE_MM,
                                    (p[2] + make[4]) / TEXTURE_MM,
                                )
                            if cover > 0.0:
                                cortical = 1.0 - ramp(-s[0] - s[1], 0.5)
                                spongy = s[2] + make[1] * grain
                                bone = cortical * (make[0] + 60.0 * grain) + (1 - cortical) * spongy
                                hu = behind + cover * (bone - behind)
                            for q in range(n_near):
                                w = near[q]
                                gap = 0.0
                                for r in range(3):
                                    gap += (p[r] - numbers[w, r]) ** 2
                                if gap < numbers[w, 3] ** 2:
                                    hu = _with_lesion(
                                        hu,
                                        cover,
                                        cortical,
                                        grain,
                                        numbers[w],
                                        lobes[w],
                                        scars[w],
                                        p,
                                    )
                            total += hu
                out[k, j, i] = total / count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _label(
    out: NDArray[np.uint8],
    label: int,
    bone_from_index: Floats,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    lobes: Floats,
) -> None:
    m = bone_from_index
    for k in range(first[2], last[2]):
        for j in range(first[1], last[1]):
            for i in range(first[0], last[0]):
                x = m[0, 0] * i + m[0, 1] * j + m[0, 2] * k + m[0, 3]
                y = m[1, 0] * i + m[1, 1] * j + m[1, 2] * k + m[1, 3]
                z = m[2, 0] * i + m[2, 1] * j + m[2, 2] * k + m[2, 3]
                if lesion_value(lobes, x, y, z) < 0.0:
                    out[k, j, i] = label


def index_range(
    index_from_bone: Floats, centre_mm: Floats, half_mm: Floats, shape_zyx: tuple[int, int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the first and the last-plus-one voxel (x, y, z) of a box in a bone's frame."""
    middle = index_from_bone[:3, :3] @ centre_mm + index_from_bone[:3, 3]
    reach = np.abs(index_from_bone[:3, :3]) @ half_mm
    size = np.array(shape_zyx[::-1])
    first = np.clip(np.floor(middle - reach), 0, size).astype(np.int64)
    last = np.clip(np.ceil(middle + reach) + 1, 0, size).astype(np.int64)
    return first, last


def draw_bone(
    out: Floats32,
    index_from_world: Floats,
    bone: Bone,
    bricks: Mapping[str, Bricks],
    world_from_bone: Floats,
    texture: Floats32,
    lesions: Sequence[Painted],
    samples_xyz: tuple[int, int, int],
) -> None:
    """Draw one bone with its lesions over what is already on the scan.

    Parameters
    ----------
    out : ndarray, shape (n_z, n_y, n_x), float32
        HU, changed in place. Each voxel gets the mean over its box.
    index_from_world : ndarray, shape (4, 4)
        Voxel index (x, y, z) from LPS mm.
    bone : Bone
        The bone.
    bricks : mapping of str to Bricks
        Evaluated lattices by bone; asked only for a bone that the scan reaches.
    world_from_bone : ndarray, shape (4, 4)
        Pose at the visit.
    texture : ndarray
        Texture lattice of the patient.
    lesions : sequence of Painted
        Lesions of this bone.
    samples_xyz : tuple of int
        Samples within a voxel along each index axis.
    """
    index_from_bone = index_from_world @ world_from_bone
    numbers, lobes, scars = _rows(lesions)
    low = np.asarray(bone.box_centre_mm) - bone.half_box_mm - 4.0
    high = np.asarray(bone.box_centre_mm) + bone.half_box_mm + 4.0
    for row in numbers:
        low = np.minimum(low, row[:3] - row[3])
        high = np.maximum(high, row[:3] + row[3])
    first, last = index_range(index_from_bone, (low + high) / 2, (high - low) / 2, out.shape)
    if (first >= last).any():
        return
    lattice = bricks[bone.name]
    make = np.array([bone.cortex_hu, bone.texture_hu, *bone.texture_shift])
    _draw(
        out,
        np.linalg.inv(index_from_bone),
        first,
        last,
        np.array(samples_xyz, dtype=np.int64),
        lattice.origin_mm,
        lattice.index,
        lattice.pool,
        make,
        texture,
        numbers,
        lobes,
        scars,
    )


def draw_label(
    out: NDArray[np.uint8],
    label: int,
    index_from_world: Floats,
    world_from_bone: Floats,
    lobes: Floats,
) -> None:
    """Write a lesion's label into every voxel whose centre lies inside its surface."""
    index_from_bone = index_from_world @ world_from_bone
    centre, radius = bounding_sphere(lobes)
    first, last = index_range(index_from_bone, centre, np.full(3, radius + 1), out.shape)
    if (first < last).all():
        _label(out, label, np.linalg.inv(index_from_bone), first, last, lobes)
