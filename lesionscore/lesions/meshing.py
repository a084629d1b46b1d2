"""Meshes of even density: from label voxels, from another surface, from a ball."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.errors import MeasurementError
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.surface import Surface
from lesionscore.quantities import PositionMm
from lesionscore.volumes import Grid

Singles = npt.NDArray[np.float32]
LARGEST_STEP_MM = 2.5


def mesh_step_mm(radius_mm: float) -> float:
    """Edge length of triangles for a lesion of a given radius: about 1000 to 8000 of them."""
    return float(np.clip(radius_mm / 7.0, 0.7, LARGEST_STEP_MM))


def cube_grid(low_mm: npt.ArrayLike, high_mm: npt.ArrayLike, step_mm: float) -> Grid:
    """Isotropic grid along the patient's axes between two corners."""
    low = np.asarray(low_mm, dtype=np.float64)
    count = np.ceil((np.asarray(high_mm) - low) / step_mm).astype(int) + 1
    return Grid(
        shape_zyx=(int(count[2]), int(count[1]), int(count[0])),
        spacing_xyz_mm=(step_mm, step_mm, step_mm),
        origin_mm=(float(low[0]), float(low[1]), float(low[2])),
    )


def remeshed(surface: Surface, step_mm: float | None = None, smooth_mm: float = 0.0) -> Surface:
    """The same surface with an even mesh, optionally smoothed.

    Parameters
    ----------
    surface : Surface
        Any closed surface with triangles not much longer than 1.5 mm.
    step_mm : float, optional
        Edge of the new triangles; by default chosen from the size.
    smooth_mm : float
        SD of a smoothing of the signed distance; the volume is kept.

    Returns
    -------
    Surface
        New triangles.

    Raises
    ------
    MeasurementError
        If nothing is left.
    """
    step = mesh_step_mm(surface.radius_mm) if step_mm is None else step_mm
    margin = 3.0 * step + 2.0 * smooth_mm
    vertices = surface.vertices_mm
    grid = cube_grid(vertices.min(axis=0) - margin, vertices.max(axis=0) + margin, step)
    band = max(3.0, 2.5 * step + 3.0 * smooth_mm)
    distance = signed_distance(surface, grid, band_mm=band)
    if not (distance < 0).any():
        raise MeasurementError("a surface smaller than its mesh cannot be meshed again")
    if smooth_mm <= 0:
        return Surface.from_level_set(distance, grid)
    share = float((distance < 0).mean())
    smooth = ndimage.gaussian_filter(distance, smooth_mm / step, mode="nearest")
    level = float(np.quantile(smooth, share))
    return Surface.from_level_set(smooth, grid, level)


def surface_of_voxels(inside: npt.NDArray[np.bool_], grid: Grid, step_mm: float) -> Surface:
    """Smooth surface around the voxels of a mask, with an even mesh.

    Parameters
    ----------
    inside : ndarray, shape (n_z, n_y, n_x), bool
        The voxels.
    grid : Grid
        Their places.
    step_mm : float
        Edge of the triangles.

    Returns
    -------
    Surface
        Half-way level of the mask, smoothed over about one voxel, volume kept.

    Raises
    ------
    MeasurementError
        If the mask is empty.
    """
    if not inside.any():
        raise MeasurementError("the mask holds no voxel")
    corners = np.argwhere(inside)
    margin = 3
    low = corners.min(axis=0) - margin
    high = corners.max(axis=0) + margin + 1
    padded = np.zeros(tuple(high - low), dtype=np.float32)
    padded[tuple((corners - low).T)] = 1.0
    smooth = ndimage.gaussian_filter(padded, 0.7, mode="nearest")
    start = grid.positions_mm(low)
    block = Grid(
        shape_zyx=(int(padded.shape[0]), int(padded.shape[1]), int(padded.shape[2])),
        spacing_xyz_mm=grid.spacing_xyz_mm,
        origin_mm=(float(start[0]), float(start[1]), float(start[2])),
        direction=grid.direction,
    )
    ends = block.positions_mm(
        [
            [i, j, k]
            for i in (0, padded.shape[0] - 1)
            for j in (0, padded.shape[1] - 1)
            for k in (0, padded.shape[2] - 1)
        ]
    )
    fine = cube_grid(ends.min(axis=0), ends.max(axis=0), step_mm)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in fine.shape_zyx), indexing="ij"), axis=-1)
    at = block.index_zyx(fine.positions_mm(index))
    field = ndimage.map_coordinates(smooth, np.moveaxis(at, -1, 0), order=1, mode="nearest")
    wanted = float(padded.sum()) * grid.voxel_volume_ml / fine.voxel_volume_ml
    share = min(max(wanted / field.size, 1.0 / field.size), 0.9)
    level = float(np.clip(np.quantile(field, 1.0 - share), 0.05, 0.95))
    return Surface.from_level_set(-field, fine, -level)


def ball(centre_mm: PositionMm, radius_mm: float, step_mm: float = 0.8) -> Surface:
    """Mesh of a ball."""
    centre = np.asarray(centre_mm, dtype=np.float64)
    reach = radius_mm + 3.0 * step_mm
    grid = cube_grid(centre - reach, centre + reach, step_mm)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape_zyx), indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid.positions_mm(index) - centre, axis=-1) - radius_mm
    return Surface.from_level_set(distance, grid)
