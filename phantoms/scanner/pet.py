"""NaF PET of a visit: uptake of bone, lesions and organs, the scanner's blur and its noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from phantoms.anatomy.bone import Bone, apply
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats
from phantoms.anatomy.texture import LATTICE_MM as TEXTURE_MM
from phantoms.image import Image
from phantoms.lesions.plan import LesionPlan
from phantoms.lesions.surface import LOBE_COLUMNS, bounding_sphere, lesion_distance
from phantoms.scanner.blur import FWHM_PER_SIGMA
from phantoms.scanner.body import paint_body
from phantoms.scanner.bones import index_range, periodic, ramp, read_bone
from phantoms.scanner.ct import Anatomy
from phantoms.scanner.plan import ScanPlan

Floats32 = NDArray[np.float32]
FINE = 2  # sub-voxels along each axis of a PET voxel
SOFT_SUV, LUNG_SUV, MARROW_SUV = 0.65, 0.25, 0.9
RIM_MM = 2.5  # half width of the hot shell of a lesion with uptake in its rim
COLD_INSIDE = 0.35  # a lesion's inside takes up this share of normal bone
REGION_MM = 4.0  # truth SUVmax: native voxels within this distance of the inclusion surface


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _draw_uptake(
    out: Floats32,
    m: Floats,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    origin: Floats,
    index: NDArray[np.int32],
    pool: Floats32,
    uptake: float,
    shift: Floats,
    lattice: Floats32,
    numbers: Floats,
    lobes: Floats,
) -> None:
    p, s = np.empty(3), np.empty(3)
    for k in range(first[2], last[2]):
        for j in range(first[1], last[1]):
            for i in range(first[0], last[0]):
                for r in range(3):
                    p[r] = m[r, 0] * i + m[r, 1] * j + m[r, 2] * k + m[r, 3]
                value = out[k, j, i]
                if read_bone(origin, index, pool, p, s):
                    cover = ramp(-s[0], 1.0)
                    if cover > 0.0:
                        grain = periodic(
                            lattice,
                            (p[0] + shift[0]) / (6 * TEXTURE_MM),
                            (p[1] + shift[1]) / (6 * TEXTURE_MM),
                            (p[2] + shift[2]) / (6 * TEXTURE_MM),
                        )
                        turnover = uptake * (1.0 + 0.13 * grain)
                        turnover *= 0.75 + 0.5 * min(1.0, max(0.0, s[2] / 250.0))
                        value += cover * (turnover - value)
                for q in range(numbers.shape[0]):
                    gap = math.sqrt(
                        (p[0] - numbers[q, 0]) ** 2
                        + (p[1] - numbers[q, 1]) ** 2
                        + (p[2] - numbers[q, 2]) ** 2
                    )
                    if gap > numbers[q, 3]:
                        continue
                    rows = int(numbers[q, 6])
                    away = lesion_distance(lobes[q, :rows], p[0], p[1], p[2])
                    inside = ramp(-away, 0.8)
                    normal = value
                    if numbers[q, 5] > 0.0:
                        value += inside * (COLD_INSIDE * uptake - value)
                        hot = math.exp(-0.5 * ((away - 0.5) / (0.6 * RIM_MM)) ** 2)
                    else:
                        hot = inside
                    if numbers[q, 4] > 0.0:
                        value += hot * max(0.0, numbers[q, 4] - value)
                    else:
                        value += inside * (COLD_INSIDE * normal - value)
                out[k, j, i] = value


def _rows(anatomy: Anatomy, bone: str) -> tuple[Floats, Floats]:
    """Uptake and surfaces within one bone; a healed lesion glows at its old place."""
    visit = anatomy.visit
    glowing: list[tuple[Floats, float, bool]] = [
        (c.surface(visit), c.suv_at(visit), False) for c in anatomy.confounders if c.bone == bone
    ]
    glowing += [
        (_surface(p, visit), p.suv_at(visit), p.suv_in_rim)
        for p in anatomy.lesions
        if p.bone == bone and _glows(p, visit)
    ]
    most = max([1, *(len(surface) for surface, _, _ in glowing)])
    numbers, lobes = np.zeros((len(glowing), 7)), np.zeros((len(glowing), most, LOBE_COLUMNS))
    for i, (surface, suv, in_rim) in enumerate(glowing):
        centre, radius = bounding_sphere(surface)
        numbers[i, :3] = centre
        numbers[i, 3:] = (radius + 6.0, suv, float(in_rim), len(surface))
        lobes[i, : len(surface)] = surface
    return numbers, lobes


def _glows(plan: LesionPlan, visit: str) -> bool:
    return plan.is_at_inclusion or plan.factor(visit) > 0


def _surface(plan: LesionPlan, visit: str) -> Floats:
    surface = plan.surface(visit)
    if len(surface):
        return surface
    small = plan.lobes.copy()
    small[:, 15] *= 0.5
    return small


def pet_grid(scan: ScanPlan) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Shape (z, y, x) and origin (LPS, mm) of the PET, which covers the CT's field."""
    size = np.array(scan.shape_zyx[::-1]) * scan.spacing_xyz_mm
    spacing = np.array(scan.pet_spacing_xyz_mm)
    count = np.ceil(size / spacing).astype(int)
    middle = np.array(scan.origin_mm) + (size - scan.spacing_xyz_mm) / 2
    origin = np.round(middle - spacing * (count - 1) / 2 + 0.37 * spacing, 3)
    x, y, z = (float(v) for v in origin)
    return (int(count[2]), int(count[1]), int(count[0])), (x, y, z)


def uptake_map(anatomy: Anatomy, scan: ScanPlan) -> Floats32:
    """Paint uptake on half-size voxels, before any blur; shape is twice the PET's."""
    shape, origin = pet_grid(scan)
    spacing = np.array(scan.pet_spacing_xyz_mm) / FINE
    # what lies at x during the CT lies at x + shift during the PET
    fine_origin = np.array(origin) - spacing * (FINE - 1) / 2 - np.array(scan.pet_shift_mm)
    fine = tuple(n * FINE for n in shape)
    out = _soft(anatomy, fine, spacing, fine_origin)
    index_from_world = np.diag([*(1 / spacing), 1.0])
    index_from_world[:3, 3] = -fine_origin / spacing
    for bone in anatomy.bones.values():
        _bone(out, index_from_world, anatomy, bone)
    return out


def _bone(out: Floats32, index_from_world: Floats, anatomy: Anatomy, bone: Bone) -> None:
    index_from_bone = index_from_world @ anatomy.poses[bone.name]
    numbers, lobes = _rows(anatomy, bone.name)
    low = np.asarray(bone.box_centre_mm) - bone.half_box_mm - 4.0
    high = np.asarray(bone.box_centre_mm) + bone.half_box_mm + 4.0
    for row in numbers:
        low, high = np.minimum(low, row[:3] - row[3]), np.maximum(high, row[:3] + row[3])
    first, last = index_range(index_from_bone, (low + high) / 2, (high - low) / 2, out.shape)
    if (first < last).all():
        bricks = anatomy.bricks[bone.name]
        _draw_uptake(
            out,
            np.linalg.inv(index_from_bone),
            first,
            last,
            bricks.origin_mm,
            bricks.index,
            bricks.pool,
            bone.uptake,
            np.array(bone.texture_shift),
            anatomy.texture,
            numbers,
            lobes,
        )


def _soft(anatomy: Anatomy, shape: tuple[int, ...], spacing: Floats, origin: Floats) -> Floats32:
    """Uptake of soft tissue: body, organs, bladder."""
    hu = paint_body(
        anatomy.scene,
        (shape[0], shape[1], shape[2]),
        (float(spacing[0]), float(spacing[1]), float(spacing[2])),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        anatomy.pattern,
    )
    out = np.where(hu > -400, SOFT_SUV, np.where(hu > -930, LUNG_SUV, 0.0)).astype(np.float32)
    x, y, z = (origin[a] + spacing[a] * np.arange(shape[2 - a]) for a in range(3))
    for o in anatomy.scene.organs:
        ranges = [
            slice(*np.searchsorted(v, (o[a] - o[3 + a], o[a] + o[3 + a])))
            for a, v in enumerate((x, y, z))
        ]
        box = (ranges[2], ranges[1], ranges[0])
        r = (
            ((z[ranges[2]] - o[2]) / o[5])[:, None, None] ** 2
            + ((y[ranges[1]] - o[1]) / o[4])[None, :, None] ** 2
            + ((x[ranges[0]] - o[0]) / o[3])[None, None, :] ** 2
        )
        out[box] = np.where((r < 1) & (out[box] > 0), np.float32(o[7]), out[box])
    return out


def render_pet(anatomy: Anatomy, scan: ScanPlan, *, noise: bool = True) -> Image:
    """Render the PET of a visit.

    Parameters
    ----------
    anatomy : Anatomy
        Patient and visit.
    scan : ScanPlan
        How it is scanned.
    noise : bool
        False leaves the noise away.

    Returns
    -------
    Image
        SUVbw, float32, native PET voxels.
    """
    fine = uptake_map(anatomy, scan)
    _, origin = pet_grid(scan)
    sigma = scan.pet_fwhm_mm / FWHM_PER_SIGMA
    spacing_zyx = np.array(scan.pet_spacing_xyz_mm[::-1])
    fine = ndimage.gaussian_filter(fine, sigma / (spacing_zyx / FINE), mode="nearest", truncate=3.5)
    n_z, n_y, n_x = (n // FINE for n in fine.shape)
    coarse = fine.reshape(n_z, FINE, n_y, FINE, n_x, FINE).mean(axis=(1, 3, 5), dtype=np.float64)
    clean = Image(
        array=coarse.astype(np.float32),
        spacing_xyz_mm=scan.pet_spacing_xyz_mm,
        origin_mm=origin,
    )
    return with_noise(clean, anatomy.build, anatomy.visit, scan) if noise else clean


def with_noise(clean: Image, build: Build, visit: str, scan: ScanPlan) -> Image:
    """Add the scanner's noise to a noise-free PET: correlated, larger where uptake is larger."""
    if scan.pet_noise <= 0:
        return clean
    spacing_zyx = np.array(scan.pet_spacing_xyz_mm[::-1])
    values = np.asarray(clean.array, dtype=np.float32)
    white = build.rng("pet noise", visit).standard_normal(values.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(white, 4.5 / FWHM_PER_SIGMA / spacing_zyx, mode="wrap")
    grain /= grain.std(dtype=np.float64)
    noisy = values + scan.pet_noise * np.sqrt(np.maximum(values, 0.0) * 1.5 + 0.02) * grain
    return replace(clean, array=np.maximum(noisy, 0.0).astype(np.float32))


def lesion_suv_max(image: Image, plan: LesionPlan, pose: Floats, shift_mm: Floats) -> float | None:
    """Highest voxel whose centre lies within 4 mm of the inclusion surface, carried to the visit.

    Parameters
    ----------
    image : Image
        SUVbw, axial.
    plan : LesionPlan
        The lesion; its surface at inclusion counts at all visits (a new lesion's own surface).
    pose : ndarray, shape (4, 4)
        ``world_from_bone`` at the visit.
    shift_mm : ndarray, shape (3,)
        How far the body lay elsewhere during the PET.

    Returns
    -------
    float or None
        None where no voxel centre lies in the region.
    """
    world = pose.copy()
    world[:3, 3] += shift_mm
    index_from_bone = np.linalg.inv(image.mm_from_index) @ world
    centre, radius = bounding_sphere(plan.lobes)
    shape = image.array.shape
    first, last = index_range(
        index_from_bone, centre, np.full(3, radius + REGION_MM + 1), (shape[0], shape[1], shape[2])
    )
    if (first >= last).any():
        return None
    grid = np.stack(
        np.meshgrid(*(np.arange(a, b) for a, b in zip(first, last, strict=True)), indexing="ij"), -1
    ).reshape(-1, 3)
    bone_from_index = np.asarray(np.linalg.inv(index_from_bone), dtype=np.float64)
    points = apply(bone_from_index, grid.astype(np.float64))
    inside = np.array([lesion_distance(plan.lobes, *p) for p in points]) <= REGION_MM
    if not inside.any():
        return None
    chosen = grid[inside]
    return float(image.array[chosen[:, 2], chosen[:, 1], chosen[:, 0]].max())
