"""A scan made ready for alignment: coarse levels built once, fine blocks cut where needed.

Levels are averages of whole blocks of native voxels, so they lie on the scan's own axes; a
`SplineImage` is a block of a level, or of the scan itself, that can be sampled between voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.quantities import PositionMm
from lesionscore.registration.kernels import block_average
from lesionscore.registration.spline_kernels import sample_gradients, sample_values
from lesionscore.registration.threads import available_threads, ordered_map
from lesionscore.volumes import Grid, Volume
from lesionscore.volumes.blur import blurred

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

WINDOW_HU = (-150.0, 1500.0)  # air and metal say nothing about where a bone is
BONE_FLOOR_HU, BONE_FLOOR_WIDTH_HU = 90.0, 30.0
COARSE_MM, MIDDLE_MM = 6.0, 3.0
SLAB_SLICES = 64
SLAB_VOXELS = 50_000  # what steps in between leave behind stays in the processor's cache
SPLINE_SIGMA = 3.0**-0.5  # a cubic B-spline blurs by this many voxels where it only smooths
BOX_SIGMA = 12.0**-0.5  # a voxel averages over its own width
ALIAS_SIGMA = 0.65  # in voxels; with less, thin oblique bone locks to the slices' stair steps


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A scan, or a block of it, at one resolution: windowed HU as float32 on its grid."""

    array: Singles
    grid: Grid

    def crop(self, centre_mm: npt.ArrayLike, half_size_mm: float) -> Level | None:
        """Block of voxels around a point, as a view; None if there are fewer than 3 slices."""
        middle = self.grid.index_zyx(centre_mm)
        reach = half_size_mm * _reach_per_mm(self.grid)
        start = np.maximum(np.ceil(middle - reach), 0).astype(int)
        stop = np.minimum(np.floor(middle + reach) + 1, self.grid.shape_zyx).astype(int)
        if (stop - start < 3).any():
            return None
        (z, y, x), (nz, ny, nx) = start.tolist(), (stop - start).tolist()
        block = self.array[z : z + nz, y : y + ny, x : x + nx]
        return Level(block, self.grid.cropped((z, y, x), (nz, ny, nx)))


@dataclass(frozen=True, slots=True, eq=False)
class PreparedScan:
    """A CT with the levels that alignment needs; the native voxels are shared, not copied."""

    ct: Volume
    middle: Level
    """About 3 mm."""
    coarse: Level
    """About 6 mm."""

    def fine(self, centre_mm: PositionMm, half_size_mm: float, spacing_mm: float) -> Level | None:
        """Block around a point at about `spacing_mm`, or native where that is coarser."""
        try:
            block = self.ct.crop(centre_mm, half_size_mm)
        except ValueError:
            return None
        return averaged(Level(block.array, block.grid), spacing_mm)


@dataclass(frozen=True, slots=True, eq=False)
class SplineImage:
    """Spline coefficients on a grid, to be sampled at LPS positions."""

    coefficients: Singles
    grid: Grid
    index_from_mm: Floats
    """Map (3, 4) from LPS mm to array index (z, y, x)."""

    def values(self, positions_mm: Floats, moved_by: Floats | None = None) -> Floats:
        """Values at positions (n, 3), moved by a 4 x 4 matrix before; NaN outside."""
        values = np.empty(len(positions_mm))
        matrix = self.index_from_mm if moved_by is None else self.index_from_mm @ moved_by
        sample_values(self.coefficients, matrix, positions_mm, values)
        return values

    def values_and_gradients(self, positions_mm: Floats) -> tuple[Floats, Floats]:
        """Values and gradients per mm along x, y, z at positions (n, 3)."""
        values = np.empty(len(positions_mm))
        gradients = np.empty((len(positions_mm), 3))
        sample_gradients(self.coefficients, self.index_from_mm, positions_mm, values, gradients)
        return values, gradients


def averaged(level: Level, spacing_mm: float, threads: int = 1) -> Level:
    """Average whole blocks of voxels so that the spacing comes near `spacing_mm`.

    A block has at least one voxel, so an axis that is coarser already stays as it is.
    """
    x, y, z = level.grid.spacing_xyz_mm
    wanted = [max(1, round(spacing_mm / size)) for size in (z, y, x)]
    sizes = zip(wanted, level.grid.shape_zyx, strict=True)
    fz, fy, fx = (max(1, min(factor, size // 3)) for factor, size in sizes)
    nz, ny, nx = level.grid.shape_zyx
    array = np.empty((nz // fz, ny // fy, nx // fx), np.float32)
    step = max(1, SLAB_SLICES // fz)

    def average_slab(first: int) -> None:
        out = array[first : first + step]
        slab = level.array[first * fz : (first + len(out)) * fz]
        block_average(np.ascontiguousarray(slab), (fz, fy, fx), *WINDOW_HU, out)

    ordered_map(average_slab, range(0, len(array), step), threads)
    return Level(array, _block_grid(level.grid, (fz, fy, fx), array.shape))


def windowed(level: Level, threads: int = 1) -> Level:
    """Flatten everything softer than bone, smoothly, so that muscle, fat and lung do not pull."""
    array = np.empty(level.array.shape, np.float32)
    step = max(1, SLAB_VOXELS // array[0].size)

    def flatten_slab(first: int) -> None:
        _flatten(level.array[first : first + step], array[first : first + step])

    ordered_map(flatten_slab, range(0, len(array), step), threads)
    return Level(array, level.grid)


def _flatten(array: Singles, out: Singles) -> None:
    """Log(1 + exp(x)) above the floor, from functions that are fast in single precision."""
    excess = (array - np.float32(BONE_FLOOR_HU)) / np.float32(BONE_FLOOR_WIDTH_HU)
    np.abs(excess, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    out += np.float32(1)
    np.log(out, out=out)
    np.maximum(excess, np.float32(0), out=excess)
    out += excess
    out *= np.float32(BONE_FLOOR_WIDTH_HU)


def spline_image(level: Level, extra_sigma_zyx_mm: npt.ArrayLike) -> SplineImage:
    """Make a block sampleable, smoothed by a Gaussian of the given width on each array axis.

    Where the width exceeds the smoothing that a spline through unfiltered voxels brings of
    itself, the rest is done by a Gaussian; else the spline passes through the voxels.
    """
    spacing = np.asarray(level.grid.spacing_xyz_mm)[::-1]
    array = level.array
    for axis, sigma in enumerate(np.asarray(extra_sigma_zyx_mm) / spacing):
        if sigma >= SPLINE_SIGMA:
            rest = float(np.sqrt(sigma**2 - SPLINE_SIGMA**2))
            if rest > 0.2:
                array = blurred(array, rest, axis)
        else:
            array = ndimage.spline_filter1d(array, 3, axis, np.float32, mode="nearest")
    index_from_mm = np.asarray(np.linalg.inv(level.grid.affine)[[2, 1, 0]], np.float64)
    return SplineImage(np.ascontiguousarray(array, np.float32), level.grid, index_from_mm)


def common_sigmas(
    fixed: Grid, moving: Grid, sigma_mm: float, rotation: Floats
) -> tuple[Floats, Floats]:
    """Smoothing on each array axis (z, y, x) that brings two grids to one resolution.

    Each voxel is taken to average over its own width. Every direction of the result is at
    least as blurred as `sigma_mm` and as either grid has it of itself.
    """
    spacing = [np.asarray(g.spacing_xyz_mm)[::-1] for g in (fixed, moving)]
    turns = np.abs(moving.direction_matrix.T @ rotation @ fixed.direction_matrix)[::-1, ::-1]
    partner = turns.argmax(axis=0)  # the moving axis most parallel to each fixed axis
    target_fixed = np.maximum(spacing[0], spacing[1][partner])
    target_moving = spacing[1].copy()
    np.maximum.at(target_moving, partner, target_fixed)
    return (
        _extra_sigma(np.maximum(ALIAS_SIGMA * target_fixed, sigma_mm), spacing[0]),
        _extra_sigma(np.maximum(ALIAS_SIGMA * target_moving, sigma_mm), spacing[1]),
    )


def _extra_sigma(target_mm: Floats, spacing_mm: Floats) -> Floats:
    """Gaussian that widens the average over a voxel to the target."""
    return np.sqrt(np.maximum(target_mm**2 - (BOX_SIGMA * spacing_mm) ** 2, 0.0))


def prepare_scan(ct: Volume) -> PreparedScan:
    """Build the coarse levels of a CT, once per scan.

    Parameters
    ----------
    ct : Volume
        The CT in HU on its native grid; its array is kept, not copied.

    Returns
    -------
    PreparedScan
        What `align_lesions` takes.
    """
    middle = averaged(Level(ct.array, ct.grid), MIDDLE_MM, available_threads())
    return PreparedScan(ct, middle, averaged(middle, COARSE_MM))


def _reach_per_mm(grid: Grid) -> Floats:
    """Voxels along z, y, x that a millimetre can span."""
    return np.asarray(1.0 / np.asarray(grid.spacing_xyz_mm)[::-1])


def _block_grid(grid: Grid, factors: tuple[int, int, int], shape: tuple[int, ...]) -> Grid:
    """Grid of the blocks' centres."""
    origin = grid.positions_mm([(factor - 1) / 2 for factor in factors])
    x, y, z = grid.spacing_xyz_mm
    return Grid(
        shape_zyx=(shape[0], shape[1], shape[2]),
        spacing_xyz_mm=(x * factors[2], y * factors[1], z * factors[0]),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=grid.direction,
    )
