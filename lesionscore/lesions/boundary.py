"""How each voxel's share of a lesion changes when the surface moves: a boundary integral."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
REACH_SD = 3.0


def boundary_integral(
    index_zyx: Floats,
    areas_mm2: Floats,
    patterns_mm: Floats,
    spacing_zyx_mm: Sequence[float],
    blur_zyx_mm: Sequence[float],
    row_of: npt.NDArray[np.int64],
    jacobian: Singles,
) -> None:
    """Add up the point spread over a surface, weighted by patterns of displacement.

    Moving a surface element of area A outward by d adds ``A * d * PSF(voxel - element)`` to the
    voxel's share of the lesion.

    Parameters
    ----------
    index_zyx : ndarray, shape (n_vertices, 3)
        Vertices in array indices.
    areas_mm2 : ndarray, shape (n_vertices,)
        Area that each vertex stands for.
    patterns_mm : ndarray, shape (n_vertices, n_patterns)
        Displacement of each vertex for a unit weight.
    spacing_zyx_mm, blur_zyx_mm : sequence of float
        Voxel spacing and SD of the point spread along the index axes.
    row_of : ndarray, shape (n_z, n_y, n_x), int
        Row of each voxel in `jacobian`; -1 leaves it out.
    jacobian : ndarray, shape (n_rows, at least n_patterns), float32
        Changed in place: its first columns are added to.
    """
    _sum_up(
        np.ascontiguousarray(index_zyx),
        np.ascontiguousarray(areas_mm2),
        np.ascontiguousarray(patterns_mm),
        np.asarray(spacing_zyx_mm, dtype=np.float64),
        np.asarray(blur_zyx_mm, dtype=np.float64),
        row_of,
        jacobian,
    )


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sum_up(
    index: Floats,
    areas: Floats,
    patterns: Floats,
    spacing: Floats,
    blur: Floats,
    row_of: npt.NDArray[np.int64],
    jacobian: Singles,
) -> None:
    """Run over vertices and the voxels in their reach."""
    shape = row_of.shape
    count = patterns.shape[1]
    norm = (2.0 * np.pi) ** 1.5 * blur[0] * blur[1] * blur[2]
    low = np.empty(3, dtype=np.int64)
    high = np.empty(3, dtype=np.int64)
    for v in range(index.shape[0]):
        scale = areas[v] / norm
        for axis in range(3):
            reach = REACH_SD * blur[axis] / spacing[axis]
            low[axis] = max(0, int(np.ceil(index[v, axis] - reach)))
            high[axis] = min(shape[axis] - 1, int(np.floor(index[v, axis] + reach)))
        for z in range(low[0], high[0] + 1):
            gz = (z - index[v, 0]) * spacing[0] / blur[0]
            for y in range(low[1], high[1] + 1):
                gy = (y - index[v, 1]) * spacing[1] / blur[1]
                for x in range(low[2], high[2] + 1):
                    row = row_of[z, y, x]
                    gx = (x - index[v, 2]) * spacing[2] / blur[2]
                    square = gz * gz + gy * gy + gx * gx
                    if row < 0 or square > REACH_SD * REACH_SD:
                        continue
                    value = scale * np.exp(-0.5 * square)
                    for k in range(count):
                        jacobian[row, k] += value * patterns[v, k]
