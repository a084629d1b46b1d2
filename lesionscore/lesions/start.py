"""Where the search for a lesion's surface begins: a reader's mask, or rays from a point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from lesionscore.errors import MeasurementError
from lesionscore.lesions.fit import Evidence, fit_surface
from lesionscore.lesions.meshing import cube_grid, mesh_step_mm, remeshed, surface_of_voxels
from lesionscore.lesions.noise import Noise
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.shape import Smoothness
from lesionscore.lesions.surface import Surface
from lesionscore.quantities import PositionMm
from lesionscore.volumes import Volume

Floats = npt.NDArray[np.float64]

RAYS = 400
RAY_STEP_MM = 0.5
LONGEST_RAY_MM = 32.0
SMOOTH_MM = 0.9
LEAST_CONTRAST_HU = 40.0
MASK_SPREAD = 0.3  # of a 0 or 1 voxel around the blurred share that it stands for
MASK_BLUR = 0.4  # in voxels
MASK_SMOOTHING = 0.2  # of the radius, before the fit


def surface_from_mask(mask: Volume) -> Surface:
    """Smooth sub-voxel surface that a reader's mask stands for.

    Parameters
    ----------
    mask : Volume
        Non-zero (or above one half, for fractions) inside.

    Returns
    -------
    Surface
        The smooth surface whose voxels are most like the mask's.

    Raises
    ------
    MeasurementError
        If the mask is empty.
    """
    block = _trimmed(mask)
    share = np.clip(np.asarray(block.array, dtype=np.float32), 0.0, 1.0)
    inside = share >= 0.5
    count = int(inside.sum())
    if count == 0:
        raise MeasurementError("the mask holds no voxel; give a point, or a mask with its label")
    radius = float((3.0 * count * block.grid.voxel_volume_ml * 1000.0 / (4.0 * np.pi)) ** (1 / 3))
    rough = surface_of_voxels(inside, block.grid, mesh_step_mm(radius))
    # steps of the voxels would make the farthest pair of points too far apart
    rough = remeshed(rough, smooth_mm=MASK_SMOOTHING * radius)
    x, y, z = block.grid.spacing_xyz_mm
    patch = Patch(
        values_hu=share,
        grid=block.grid,
        blur_zyx_mm=(MASK_BLUR * z, MASK_BLUR * y, MASK_BLUR * x),
        noise=Noise(sd_hu=MASK_SPREAD, shared=1.0),
    )
    outside = np.zeros(share.shape, dtype=np.float32)
    evidence = Evidence(
        patch=patch,
        bone_hu=outside,
        bone_sd_hu=outside,
        bone_shared=1.0,
        noise=patch.noise,
        lesion_hu=1.0,
        lesion_sd_hu=1e-3,
    )
    smoothness = Smoothness(
        components=(
            (1.0, np.inf),
            (0.15 * radius, 0.9 * radius),
            (0.04 * radius, max(2.5, 0.45 * radius)),
        )
    )
    return fit_surface(rough, evidence, smoothness).surface


def surface_from_point(patch: Patch, point_mm: PositionMm) -> tuple[Surface, float, float]:
    """Rough surface of the lesion that a point lies in, from rays to the nearest edge.

    Parameters
    ----------
    patch : Patch
        Native voxels around the point.
    point_mm : tuple of float
        A point inside the lesion, LPS, mm.

    Returns
    -------
    Surface
        Star-shaped; where rays meet no edge it is continued from their neighbours.
    float
        Level of the lesion, HU.
    float
        Share of the rays that met an edge.

    Raises
    ------
    MeasurementError
        If no edge is found around the point.
    """
    spacing = patch.spacing_zyx_mm
    smooth = ndimage.gaussian_filter(patch.values_hu, [SMOOTH_MM / step for step in spacing])
    positions = patch.positions_mm()
    away = np.linalg.norm(positions - np.asarray(point_mm), axis=-1)
    near = away < max(2.0, 1.1 * max(spacing))
    level = float(np.median(patch.values_hu[near]))
    wide = (away < 25.0) & (smooth > level + 2.0 * LEAST_CONTRAST_HU) & (smooth < 450.0)
    bone = float(np.median(smooth[wide])) if wide.any() else level + 150.0
    rise = max(0.5 * (bone - level), LEAST_CONTRAST_HU)
    directions = _directions()
    tree = cKDTree(directions)
    centre = np.asarray(point_mm, dtype=np.float64)
    radii = np.full(RAYS, 5.0)
    seen = np.zeros(RAYS, dtype=bool)
    for _ in range(3):
        radii = _ray_lengths(smooth, patch, centre, directions, level, rise)
        radii, seen = _cleaned(radii, directions, tree)
        points = centre + directions * radii[:, None]
        weights = radii**3
        centre = (
            centre + ((0.75 * radii * weights)[:, None] * directions).sum(axis=0) / weights.sum()
        )
    if not seen.any():
        raise MeasurementError("no edge of a lesion was found around the point")
    radii = _ray_lengths(smooth, patch, centre, directions, level, rise)
    radii, seen = _cleaned(radii, directions, tree)
    points = centre + directions * radii[:, None]
    step = mesh_step_mm(float(np.median(radii)))
    margin = 4.0 * step
    grid = cube_grid(points.min(axis=0) - margin, points.max(axis=0) + margin, step)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape_zyx), indexing="ij"), axis=-1)
    offset = grid.positions_mm(index) - centre
    distance = np.linalg.norm(offset, axis=-1)
    unit = offset / np.maximum(distance, 1e-6)[..., None]
    gaps, nearest = tree.query(unit.reshape(-1, 3), k=6)
    share = np.exp(-0.5 * (gaps / 0.12) ** 2) + 1e-9
    edge = (share * radii[nearest]).sum(axis=1) / share.sum(axis=1)
    field = distance - edge.reshape(distance.shape)
    return remeshed(Surface.from_level_set(field, grid), smooth_mm=0.8), level, float(seen.mean())


def _ray_lengths(
    smooth: npt.NDArray[np.float32],
    patch: Patch,
    centre: Floats,
    directions: Floats,
    level: float,
    rise: float,
) -> Floats:
    """Length of each ray until the image leaves the lesion's level; NaN without an edge."""
    lengths = np.arange(1.0, LONGEST_RAY_MM, RAY_STEP_MM)
    points = centre + directions[:, None, :] * lengths[None, :, None]
    at = np.moveaxis(patch.grid.index_zyx(points), -1, 0)
    values = ndimage.map_coordinates(smooth, at, order=1, mode="nearest")
    outside = (values > level + rise) | (values < level - rise - 20.0)
    # two samples in a row: a single speck is noise
    outside[:, :-1] &= outside[:, 1:]
    first = outside.argmax(axis=1)
    found = outside.any(axis=1)
    return np.where(found, lengths[first] - 0.25 * RAY_STEP_MM, np.nan)


def _cleaned(
    radii: Floats, directions: Floats, tree: cKDTree
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Replace rays without an edge, and rays that do not fit their neighbours, by those."""
    seen = np.isfinite(radii)
    if not seen.any():
        return np.full(len(radii), 5.0), seen
    middle = float(np.median(radii[seen]))
    good = seen & (radii < 2.2 * middle + 2.0)
    for _ in range(2):
        _, near = tree.query(directions, k=17)
        values = np.where(good[near], radii[near], np.nan)
        counted = np.isfinite(values).sum(axis=1)
        local = np.full(len(radii), middle)
        enough = counted >= 4
        local[enough] = np.nanmedian(values[enough], axis=1)
        good = good & (radii < 1.45 * local + 1.0) & (radii > 0.5 * local - 1.0)
    similarity = directions @ directions.T
    kernel = np.exp((similarity - 1.0) / 0.06) * good[None, :]
    wide = np.exp((similarity - 1.0) / 0.4) * good[None, :]
    kernel = kernel + 1e-3 * wide + 1e-9 * good[None, :]
    filled = (kernel * np.where(good, radii, 0.0)[None, :]).sum(axis=1) / kernel.sum(axis=1)
    return filled, good


def _directions() -> Floats:
    """Unit vectors spread evenly over the sphere, shape (RAYS, 3)."""
    index = np.arange(RAYS) + 0.5
    height = 1.0 - 2.0 * index / RAYS
    turn = index * np.pi * (3.0 - np.sqrt(5.0))
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)


def _trimmed(mask: Volume, margin: int = 4) -> Volume:
    """Block of a mask around its non-zero voxels, with a margin of empty voxels all round."""
    array = mask.array
    if not array.any():
        raise MeasurementError("the mask holds no voxel; give a point, or a mask with its label")
    block, start = [], []
    for axis in range(3):
        hit = np.flatnonzero(array.any(axis=tuple(a for a in range(3) if a != axis)))
        block.append(slice(int(hit[0]), int(hit[-1]) + 1))
        start.append(int(hit[0]) - margin)
    padded = np.pad(array[tuple(block)], margin)
    grid = mask.grid.cropped((start[0], start[1], start[2]), padded.shape)
    return Volume(array=padded, grid=grid, quantity=mask.quantity)
