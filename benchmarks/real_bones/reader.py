"""What a reader gives at inclusion: an outline of each lesion, or one click in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.real_bones.definition import VISITS
from benchmarks.real_bones.geometry import Floats, apply
from benchmarks.real_bones.lesions import Lesion
from benchmarks.real_bones.patient import Patient
from benchmarks.real_bones.scan import Scan
from benchmarks.real_bones.stars import draw_waves, wave_values

ERROR_MM = 0.5  # standard deviation of an outline, smooth over the surface


def reader_mask(patient: Patient, scan: Scan) -> npt.NDArray[np.uint8]:
    """Labels, shape (n_z, n_y, n_x), of all lesions at inclusion with a reader's smooth error."""
    labels = np.zeros(scan.array.shape, dtype=np.uint8)
    size = np.array(scan.array.shape[::-1])
    for lesion in patient.lesions:
        rng = np.random.default_rng([patient.seed, lesion.label, 5])
        block, pose = lesion.blocks[VISITS[0]], patient.pose_of(lesion)
        corners = (apply(pose, block.corners_mm) - scan.origin_mm) / scan.spacing_xyz_mm
        first = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, size - 1)
        last = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 1, size)
        axes = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
        index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        points = apply(np.linalg.inv(pose), scan.origin_mm + index * scan.spacing_xyz_mm)
        ways = points - lesion.extents[VISITS[0]].centre_mm
        ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)
        error = wave_values(draw_waves(rng, ERROR_MM, lowest=1), ways)
        picked = index[block.at(points) - error < 0]
        labels[picked[:, 2], picked[:, 1], picked[:, 0]] = lesion.label
    return labels


def click_mm(patient: Patient, lesion: Lesion) -> Floats:
    """A point in a lesion at inclusion, off its middle by up to 30 % of its radius, LPS."""
    rng = np.random.default_rng([patient.seed, lesion.label, 6])
    block = lesion.blocks[VISITS[0]]
    depth = ndimage.distance_transform_edt(block.samples < 0) * block.step_mm
    deepest = np.array(np.unravel_index(int(depth.argmax()), depth.shape))[::-1]
    way = rng.standard_normal(3)
    way *= 0.3 * rng.uniform(0, 1) * float(depth.max()) / np.linalg.norm(way)
    here = block.origin_mm + deepest * block.step_mm + way
    return apply(patient.pose_of(lesion), here[None])[0]
