"""A scan of one visit: soft tissue and bones, each blurred exactly, then the scanner's faults."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from benchmarks.real_bones.bones import Bone
from benchmarks.real_bones.definition import VISITS
from benchmarks.real_bones.geometry import Floats, Floats32, Grid, apply
from benchmarks.real_bones.lesions import Lesion
from benchmarks.real_bones.painting import LESION, LesionTable, lattice, paint_bone, paint_soft
from benchmarks.real_bones.patient import Patient

FWHM_PER_SIGMA = 2.3548200450309493  # 2 sqrt(2 ln 2)
FINE_MM = 0.5  # bones are drawn this fine before they are blurred


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scan:
    """A scan in HU, shape (n_z, n_y, n_x); its axes are the patient's."""

    array: Floats
    origin_mm: Floats
    spacing_xyz_mm: Floats


def render(patient: Patient, visit: str) -> Scan:
    """Scan one visit, with blur, sharpening, an error of the scale and noise."""
    scanner = patient.scanners[visit]
    rng = np.random.default_rng([patient.seed, VISITS.index(visit), 77])
    soft = _soft_tissue(patient, visit, rng)
    spacing = soft.step
    widths = np.array([scanner.fwhm_mm, scanner.fwhm_mm, scanner.fwhm_z_mm]) / FWHM_PER_SIGMA
    total = soft.samples
    for axis, (width, step) in enumerate(zip(widths, spacing, strict=True)):
        total = ndimage.convolve1d(total, _soft_kernel(width, step), axis=2 - axis, mode="nearest")
    for bone in patient.bones.values():
        _add_bone(total, patient, bone, visit, soft, widths)
    signal = total * scanner.gain + (total > -500) * scanner.offset_hu
    if scanner.sharpening:
        sigma = (0.0, 1.2 / spacing[1], 1.2 / spacing[0])
        signal += scanner.sharpening * (signal - ndimage.gaussian_filter(signal, sigma))
    grain = rng.standard_normal(signal.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(grain, (0.35, 0.6, 0.6))
    grain *= scanner.noise_hu / grain.std()
    signal += grain * np.where(soft.samples < -500, 0.6, 1.0)  # there is less of it in air
    return Scan(array=np.clip(signal, -1024, 3000), origin_mm=soft.origin, spacing_xyz_mm=spacing)


def _soft_tissue(patient: Patient, visit: str, rng: np.random.Generator) -> Grid:
    """Soft tissue of a visit on the scan's own grid, not yet blurred."""
    body, scanner = patient.body, patient.scanners[visit]
    pose = patient.poses[visit].world_from_body
    spacing = np.array(scanner.spacing_xyz_mm)
    centre = apply(pose, (body.high_mm + body.low_mm) / 2)
    size = np.ceil((body.high_mm - body.low_mm) / spacing).astype(int)
    origin = np.round(centre - (size - 1) / 2 * spacing + rng.uniform(-1, 1, 3), 3)
    scan = Grid(np.zeros(size[::-1], dtype=np.float32), origin, spacing)
    # muscles stay much the same from visit to visit, but not quite
    pattern = math.sqrt(0.4) * lattice(patient.seed, 72, 2.0)
    pattern = pattern + math.sqrt(0.6) * lattice(int(rng.integers(2**31)), 72, 2.0)
    from_world = np.linalg.inv(pose)
    paint_soft(scan, from_world, body, scanner.muscle_hu, scanner.marbling, pattern)
    return scan


def _soft_kernel(width_mm: float, step_mm: float) -> Floats32:
    """Weights that blur soft tissue just as bones are blurred: between voxels it is linear."""
    reach = math.ceil(4 * width_mm / step_mm) + 1
    at = np.linspace(-5 * width_mm, 5 * width_mm, 401)
    bell = np.exp(-0.5 * (at / width_mm) ** 2)
    steps = np.arange(-reach, reach + 1) * step_mm
    tents = np.maximum(0.0, 1.0 - np.abs(at[None] - steps[:, None]) / step_mm)
    weights = tents @ bell
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _add_bone(
    total: Floats32, patient: Patient, bone: Bone, visit: str, soft: Grid, widths: Floats
) -> None:
    """Add one blurred bone with its lesions to a scan."""
    lesions = [lesion for lesion in patient.lesions if lesion.bone == bone.name]
    pose = patient.poses[visit].world_from_bone[bone.name]
    boxes = [bone.surface, *(lesion.blocks[visit] for lesion in lesions)]
    corners = apply(pose, np.vstack([box.corners_mm for box in boxes]))
    origin, spacing = soft.origin, soft.step
    size = np.array(total.shape[::-1])
    reach = 3.5 * widths
    low = np.maximum(corners.min(axis=0), origin - reach - 1)
    high = np.minimum(corners.max(axis=0), origin + (size - 1) * spacing + reach + 1)
    if (low >= high).any():
        return
    counts = np.ceil((high - low) / FINE_MM).astype(int) + 1
    fine = np.zeros(counts[::-1], dtype=np.float32)
    paint_bone(
        Grid(fine, low, np.full(3, FINE_MM)),
        np.linalg.inv(pose),
        bone.surface.grid(),
        bone.material,
        _lesion_table(lesions, visit),
        soft,
    )
    weights, windows = [], []
    for axis in (2, 1, 0):
        first = max(0, math.ceil((low[axis] - reach[axis] - origin[axis]) / spacing[axis]))
        last = math.floor((high[axis] + reach[axis] - origin[axis]) / spacing[axis])
        last = min(int(size[axis]) - 1, last)
        voxels = origin[axis] + np.arange(first, last + 1) * spacing[axis]
        points = low[axis] + np.arange(counts[axis]) * FINE_MM
        away = (voxels[:, None] - points[None]) / widths[axis]
        weight = np.exp(-0.5 * away**2) * FINE_MM / (widths[axis] * math.sqrt(2 * math.pi))
        weights.append(weight.astype(np.float32))
        windows.append(slice(first, last + 1))
    blurred = (weights[0] @ fine.reshape(fine.shape[0], -1)).reshape(-1, *fine.shape[1:])
    total[tuple(windows)] += np.matmul(np.matmul(weights[1], blurred), weights[2].T)


def _lesion_table(lesions: Sequence[Lesion], visit: str) -> LesionTable:
    """Everything about the lesions of one bone at one visit as flat arrays."""
    before, now = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]  # also without lesions
    rows, start = [], 0
    for lesion in lesions:
        state, block = lesion.states[visit], lesion.blocks[visit]
        before.append(lesion.blocks[VISITS[0]].samples.ravel())
        now.append(block.samples.ravel())
        tissue = (lesion.level_hu, lesion.texture_hu, state.rim_hu, state.scar_hu)
        place = (*block.origin_mm, block.step_mm)
        rows.append(
            (*place, *tissue, lesion.fat_plane_mm, bool(state.stars), start, *block.samples.shape)
        )
        start += block.samples.size
    return LesionTable(np.concatenate(before), np.concatenate(now), np.array(rows, dtype=LESION))
