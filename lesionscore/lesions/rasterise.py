"""From surfaces to grids: signed distances, blurred coverage, label maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from numba import njit

from lesionscore.lesions.patch import Patch
from lesionscore.lesions.surface import Surface
from lesionscore.volumes import Grid
from lesionscore.volumes.blur import blurred

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
FINE_STEP_MM = 0.65  # a voxel is divided until its parts are no longer than this
BAND_MM = 3.0
LEAST_BAND_MM = 1.0
CUT_SIGMAS = 3.5
MAXIMAL_DIVISION = 9
STRONGEST_BEND = 0.5  # 1/mm; a stronger bend of the mesh is noise


def signed_distance(surface: Surface, grid: Grid, band_mm: float = BAND_MM) -> Singles:
    """Signed distance of a grid's points to a surface, negative inside, cut at the band.

    Parameters
    ----------
    surface : Surface
        Closed surface; its triangles should not be much longer than 1.5 mm.
    grid : Grid
        Where the distance is wanted.
    band_mm : float
        Beyond this the value is plus or minus the band.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), float32
        Distance in mm.
    """
    normals, areas = surface.vertex_normals()
    curvatures = surface.vertex_curvatures(normals)
    keep = areas > 0
    x, y, z = grid.spacing_xyz_mm
    # along the grid's own axes a distance is a sum of three parts
    field, known = _splat(
        grid.index_zyx(surface.vertices_mm[keep]),
        np.ascontiguousarray((normals[keep] @ grid.direction_matrix)[:, ::-1]),
        np.clip(curvatures[keep], -STRONGEST_BEND, STRONGEST_BEND),
        np.array([z, y, x]),
        np.asarray(grid.shape_zyx),
        band_mm,
    )
    _fill(field, known, band_mm)
    return np.asarray(np.clip(field, -band_mm, band_mm), dtype=np.float32)


def coverage(surface: Surface, patch: Patch) -> Singles:
    """Share of each native voxel's signal that comes from inside a surface, scan's blur included.

    Parameters
    ----------
    surface : Surface
        Closed surface on the patch's scan.
    patch : Patch
        Native voxels with their point spread.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), float32
        0 outside to 1 inside; one half on a plane surface.
    """
    return FineInside.of(surface, patch.grid, patch.blur_zyx_mm).blurred(patch.blur_zyx_mm)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FineInside:
    """Indicator of a surface's inside on a part of a grid, finer than the grid.

    Parameters
    ----------
    inside : ndarray, shape (n_z, n_y, n_x), float32
        0 outside to 1 inside, on the fine grid.
    low, high : ndarray, shape (3,)
        First and one-past-last index of the part, along z, y, x.
    division : ndarray, shape (3,)
        Fine steps in a voxel, odd.
    spacing_zyx_mm : ndarray, shape (3,)
        Of the fine grid.
    shape_zyx : tuple of int
        Of the whole grid.
    """

    inside: Singles
    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    division: npt.NDArray[np.int64]
    spacing_zyx_mm: Floats
    shape_zyx: tuple[int, int, int]

    @classmethod
    def of(cls, surface: Surface, grid: Grid, blur_zyx_mm: tuple[float, float, float]) -> Self:
        """Rasterise a surface, with room for a blur up to the given SD along z, y, x."""
        x, y, z = grid.spacing_xyz_mm
        spacing = np.array([z, y, x])
        low, high = _bounds(surface, grid, 4.0 * np.asarray(blur_zyx_mm) / spacing + 1.0)
        division = np.minimum(2 * np.floor(spacing / FINE_STEP_MM / 2.0) + 1, MAXIMAL_DIVISION)
        division = division.astype(np.int64)
        fine_spacing = spacing / division
        shape = np.maximum((high - low - 1) * division + 1, 0)
        if (high <= low).any():
            inside = np.zeros(0, dtype=np.float32)
        else:
            fine = Grid(
                shape_zyx=(int(shape[0]), int(shape[1]), int(shape[2])),
                spacing_xyz_mm=_triple(fine_spacing[::-1]),
                origin_mm=_triple(grid.positions_mm(low)),
                direction=grid.direction,
            )
            widest = float(fine_spacing.max())
            # the band must hold every triangle's middle
            edge = float(np.sqrt(2.3 * surface.area_mm2 / len(surface.faces)))
            band = max(1.5 * widest, 1.2 * edge, LEAST_BAND_MM)
            distance = signed_distance(surface, fine, band_mm=band)
            inside = np.clip(0.5 - distance / widest, 0.0, 1.0)
        return cls(
            inside=inside,
            low=low,
            high=high,
            division=division,
            spacing_zyx_mm=fine_spacing,
            shape_zyx=grid.shape_zyx,
        )

    def blurred(self, blur_zyx_mm: tuple[float, float, float]) -> Singles:
        """Blurred indicator at the grid's points, 0 to 1, shape (n_z, n_y, n_x), float32."""
        result = np.zeros(self.shape_zyx, dtype=np.float32)
        if self.inside.size == 0:
            return result
        block = self.inside
        for axis in range(3):
            block = blurred(
                block,
                blur_zyx_mm[axis] / self.spacing_zyx_mm[axis],
                axis,
                cut_sigmas=CUT_SIGMAS,
                step=int(self.division[axis]),
            )
        result[tuple(slice(int(a), int(b)) for a, b in zip(self.low, self.high, strict=True))] = (
            block
        )
        return result


def label_map(grid: Grid, surfaces: Mapping[int, Surface]) -> npt.NDArray[np.uint8]:
    """Label map of lesions on a scan's grid: a voxel belongs where its centre lies.

    Parameters
    ----------
    grid : Grid
        The scan's grid.
    surfaces : mapping of int to Surface
        Label, 1 to 255, and surface on that scan. Where two overlap, the deeper one counts.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), uint8
        0 is background.

    Raises
    ------
    ValueError
        If a label does not fit.
    """
    labels = np.zeros(grid.shape_zyx, dtype=np.uint8)
    depth = np.zeros(grid.shape_zyx, dtype=np.float32)
    for label, surface in surfaces.items():
        if not 1 <= label <= 255:
            raise ValueError(f"a label map holds labels 1 to 255, found {label}")
        low, high = _bounds(surface, grid, np.full(3, 2.0))
        if (high <= low).any():
            continue
        shape = (int(high[0] - low[0]), int(high[1] - low[1]), int(high[2] - low[2]))
        part = grid.cropped((int(low[0]), int(low[1]), int(low[2])), shape)
        distance = signed_distance(surface, part, band_mm=max(BAND_MM, max(grid.spacing_xyz_mm)))
        block = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        deeper = (distance < 0) & (distance < depth[block])
        labels[block][deeper] = label
        depth[block][deeper] = distance[deeper]
    return labels


def _bounds(surface: Surface, grid: Grid, margin_zyx: Floats) -> tuple[npt.NDArray[np.int64], ...]:
    """First and one-past-last index of the block of a grid that a surface touches."""
    index = grid.index_zyx(surface.vertices_mm)
    low = np.maximum(np.floor(index.min(axis=0) - margin_zyx), 0).astype(np.int64)
    high = np.minimum(np.ceil(index.max(axis=0) + margin_zyx) + 1, grid.shape_zyx).astype(np.int64)
    return low, high


def _triple(point: Floats) -> tuple[float, float, float]:
    """Three plain numbers."""
    return (float(point[0]), float(point[1]), float(point[2]))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _splat(
    index: Floats,
    normals: Floats,
    curvatures: Floats,
    spacing: Floats,
    shape: npt.NDArray[np.int64],
    band: float,
) -> tuple[Singles, npt.NDArray[np.bool_]]:
    """Distance to the surface near the nearest vertex, in a band around the vertices."""
    sz, sy, sx = spacing[0], spacing[1], spacing[2]
    nearest = np.full((shape[0], shape[1], shape[2]), 1e30, dtype=np.float32)
    field = np.full((shape[0], shape[1], shape[2]), band, dtype=np.float32)
    limit = band * band
    for v in range(index.shape[0]):
        vz, vy, vx = index[v, 0], index[v, 1], index[v, 2]
        z0 = max(0, int(np.ceil(vz - band / sz)))
        z1 = min(shape[0] - 1, int(np.floor(vz + band / sz)))
        for z in range(z0, z1 + 1):
            dz = (z - vz) * sz
            left = max(limit - dz * dz, 0.0)
            reach = np.sqrt(left) / sy
            y0 = max(0, int(np.ceil(vy - reach)))
            y1 = min(shape[1] - 1, int(np.floor(vy + reach)))
            for y in range(y0, y1 + 1):
                dy = (y - vy) * sy
                reach = np.sqrt(max(left - dy * dy, 0.0)) / sx
                x0 = max(0, int(np.ceil(vx - reach)))
                x1 = min(shape[2] - 1, int(np.floor(vx + reach)))
                in_row = dz * dz + dy * dy
                plane_in_row = dz * normals[v, 0] + dy * normals[v, 1]
                for x in range(x0, x1 + 1):
                    dx = (x - vx) * sx
                    squared = in_row + dx * dx
                    if squared < nearest[z, y, x]:
                        nearest[z, y, x] = squared
                        plane = plane_in_row + dx * normals[v, 2]
                        # the surface bends away from the tangent plane
                        field[z, y, x] = plane + 0.5 * curvatures[v] * (squared - plane * plane)
    return field, nearest < 1e29


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(field: Singles, known: npt.NDArray[np.bool_], band: float) -> None:
    """Give the points beyond the band the sign of what they hang together with.

    In each row, a run of points beyond the band takes the sign that most of its ends and of its
    neighbours in the rows before have: a fold of the mesh must not leak across the grid.
    """
    nz, ny, nx = field.shape
    for z in range(nz):
        for y in range(ny):
            x = 0
            while x < nx:
                if known[z, y, x]:
                    x += 1
                    continue
                first = x
                beside = 0
                while x < nx and not known[z, y, x]:
                    if y > 0 and not known[z, y - 1, x]:
                        beside += 1 if field[z, y - 1, x] > 0 else -1
                    if z > 0 and not known[z - 1, y, x]:
                        beside += 1 if field[z - 1, y, x] > 0 else -1
                    x += 1
                votes = 2 if beside > 0 else (-2 if beside < 0 else 0)
                if first > 0:
                    votes += 1 if field[z, y, first - 1] > 0 else -1
                if x < nx:
                    votes += 1 if field[z, y, x] > 0 else -1
                field[z, y, first:x] = band if votes >= 0 else -band
