"""What lies around the bones: the body's outline, and the lungs or the brain within it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from benchmarks.real_bones.anatomy import REGIONS
from benchmarks.real_bones.bones import Bone
from benchmarks.real_bones.geometry import Block
from benchmarks.real_bones.painting import Body

CAVITY_STEP_MM = 3.0
LUNG_HU, BRAIN_HU = -850.0, 37.0


def make_body(region: str, bones: Mapping[str, Bone]) -> Body:
    """Put soft tissue around the bones of a region; no part of it is drawn by chance."""
    scanned = REGIONS[region]
    points = np.vstack([bone.some_points_mm() for bone in bones.values()])
    points = points[np.abs(points[:, 2]) < scanned.half_z_mm]
    low, high = points.min(axis=0), points.max(axis=0)
    middle, size = (low + high) / 2, (high - low) / 2 + scanned.flesh_mm
    if region == "spine":  # the trunk is far wider than its scanned bones
        size[:2] = max(size[0], 165.0), max(size[1], 115.0)
        middle[1] = high[1] + 25.0 - size[1]
    if region == "pelvis":
        size[1] = max(size[1], 110.0)
    cavity, cavity_hu = _cavity(region, bones)
    return Body(
        low_mm=np.array([*(middle - size * 1.05)[:2], -scanned.half_z_mm]),
        high_mm=np.array([*(middle + size * 1.05)[:2], scanned.half_z_mm]),
        x_mm=float(middle[0]),
        y_mm=float(middle[1]),
        half_x_mm=float(1.12 * size[0]),
        half_y_mm=float(1.12 * size[1]),
        half_z_mm=float(high[2] + scanned.flesh_mm) if region == "skull" else 0.0,
        skin_fat_mm=scanned.skin_fat_mm,
        cavity=cavity.grid(),
        cavity_hu=cavity_hu,
    )


def _cavity(region: str, bones: Mapping[str, Bone]) -> tuple[Block, float]:
    """Lungs within the ribs, or the brain within the skull, and their density."""
    if region not in ("chest", "skull"):
        nothing = np.zeros((2, 2, 2), dtype=np.float32)
        return Block(samples=nothing, origin_mm=np.zeros(3), step_mm=CAVITY_STEP_MM), 0.0
    walls = ("rib", "thoracic", "sternum", "skull")
    points = np.vstack([b.some_points_mm() for name, b in bones.items() if name.startswith(walls)])
    low, high = points.min(axis=0) - 6, points.max(axis=0) + 6
    shape = np.ceil((high - low) / CAVITY_STEP_MM).astype(int)[::-1] + 1
    empty = np.zeros(shape, dtype=np.float32)
    grid = Block(samples=empty, origin_mm=low, step_mm=CAVITY_STEP_MM)
    where = grid.positions_mm().reshape(-1, 3)
    hull = ConvexHull(points[:: max(1, len(points) // 20000)])
    depth = np.full(len(where), 1e3)
    for row in hull.equations:
        depth = np.minimum(depth, -(where @ row[:3] + row[3]))
    depth = depth.reshape(shape)
    if region == "skull":
        depth, hu = depth - 5.5, BRAIN_HU
    else:
        wall = np.zeros(shape, dtype=bool)
        index = np.round((points - low) / CAVITY_STEP_MM).astype(int)
        wall[index[:, 2], index[:, 1], index[:, 0]] = True
        away = ndimage.distance_transform_edt(~wall) * CAVITY_STEP_MM
        mediastinum = np.abs(where[:, 0]).reshape(shape) - 22.0
        depth = np.minimum(np.minimum(depth - 13.0, away - 8.0), mediastinum)
        depth, hu = ndimage.gaussian_filter(depth, 1.0), LUNG_HU
    share = np.clip(0.5 + depth / CAVITY_STEP_MM, 0, 1).astype(np.float32)
    return Block(samples=share, origin_mm=low, step_mm=CAVITY_STEP_MM), hu
