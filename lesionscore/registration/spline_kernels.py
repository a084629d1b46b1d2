"""Sampling of a cubic B-spline at points, compiled.

Where all 64 neighbours of a point lie on the grid, as they nearly always do, they are read without
asking; elsewhere the outermost ones stand in for those beyond.
"""

from __future__ import annotations

import numba
import numpy as np

SIXTH = 1.0 / 6.0
ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)  # unsigned: none counts from the end


@numba.njit(cache=True, nogil=True)
def sample_values(coefficients, index_from_point, points, values):  # type: ignore[no-untyped-def]
    """Evaluate the spline at points (n, 3); NaN outside.

    `index_from_point` is (3, 4) and gives indices in the order z, y, x.
    """
    nz, ny, nx = coefficients.shape
    flat = coefficients.ravel()
    plane, row = np.uint64(ny * nx), np.uint64(nx)
    for i in range(points.shape[0]):
        z, y, x = _index(index_from_point, points[i, 0], points[i, 1], points[i, 2])
        if not (1.0 <= z < nz - 2 and 1.0 <= y < ny - 2 and 1.0 <= x < nx - 2):
            values[i] = _gradient(coefficients, z, y, x)[0]
            continue
        iz, iy, ix = int(z), int(y), int(x)
        wz, wy, wx = _weights(z - iz), _single_weights(y - iy), _single_weights(x - ix)
        k = np.uint64(((iz - 1) * ny + iy - 1) * nx + ix - 1)
        value = wz[0] * _plane_value(flat, k, row, wy, wx)
        value += wz[1] * _plane_value(flat, k + plane, row, wy, wx)
        value += wz[2] * _plane_value(flat, k + TWO * plane, row, wy, wx)
        value += wz[3] * _plane_value(flat, k + THREE * plane, row, wy, wx)
        values[i] = value


@numba.njit(cache=True, nogil=True)
def sample_gradients(  # type: ignore[no-untyped-def]
    coefficients, index_from_point, points, values, gradients
):
    """Evaluate the spline and its slopes along the points' own axes, (n, 3); NaN and 0 outside."""
    m = index_from_point
    for i in range(points.shape[0]):
        z, y, x = _index(m, points[i, 0], points[i, 1], points[i, 2])
        values[i], gz, gy, gx = _gradient(coefficients, z, y, x)
        for c in range(3):
            gradients[i, c] = m[0, c] * gz + m[1, c] * gy + m[2, c] * gx


@numba.njit(cache=True, nogil=True)
def _index(m, px, py, pz):  # type: ignore[no-untyped-def]
    """Index (z, y, x) of a point."""
    z = m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]
    y = m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]
    x = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
    return z, y, x


@numba.njit(cache=True, nogil=True)
def _weights(t):  # type: ignore[no-untyped-def]
    """Weights of the four neighbours at fraction `t`."""
    s = 1.0 - t
    first, last = SIXTH * s * s * s, SIXTH * t * t * t
    second = 2.0 / 3.0 - 0.5 * t * t * (2.0 - t)
    return first, second, 1.0 - first - second - last, last


@numba.njit(cache=True, nogil=True)
def _single_weights(t):  # type: ignore[no-untyped-def]
    """Give the same weights in single precision, which keeps values to 0.0001 HU."""
    a, b, c, d = _weights(t)
    return np.float32(a), np.float32(b), np.float32(c), np.float32(d)


@numba.njit(cache=True, nogil=True)
def _slopes(t):  # type: ignore[no-untyped-def]
    """Slopes of the four weights at fraction `t`."""
    s = 1.0 - t
    return -0.5 * s * s, t * (1.5 * t - 2.0), s * (2.0 - 1.5 * s), 0.5 * t * t


@numba.njit(cache=True, nogil=True)
def _row_value(flat, k, w):  # type: ignore[no-untyped-def]
    """Weighted sum of the four coefficients from `k` on."""
    return w[0] * flat[k] + w[1] * flat[k + ONE] + w[2] * flat[k + TWO] + w[3] * flat[k + THREE]


@numba.njit(cache=True, nogil=True)
def _plane_value(flat, k, row, wy, wx):  # type: ignore[no-untyped-def]
    """Weighted sum of sixteen coefficients of one plane; rows are `row` apart."""
    value = wy[0] * _row_value(flat, k, wx)
    value += wy[1] * _row_value(flat, k + row, wx)
    value += wy[2] * _row_value(flat, k + TWO * row, wx)
    value += wy[3] * _row_value(flat, k + THREE * row, wx)
    return value


@numba.njit(cache=True, nogil=True)
def _is_inside(shape, z, y, x):  # type: ignore[no-untyped-def]
    """Whether an index lies between the outermost voxels, but for rounding."""
    inside = -1e-6 < z < shape[0] - 1 + 1e-6 and -1e-6 < y < shape[1] - 1 + 1e-6
    return inside and -1e-6 < x < shape[2] - 1 + 1e-6


@numba.njit(cache=True, nogil=True)
def _gradient(coefficients, z, y, x):  # type: ignore[no-untyped-def]
    """Value and slopes along z, y, x at an index; NaN and 0 outside."""
    nz, ny, nx = coefficients.shape
    if not _is_inside(coefficients.shape, z, y, x):
        return np.nan, 0.0, 0.0, 0.0
    z, y, x = max(z, 0.0), max(y, 0.0), max(x, 0.0)
    iz, iy, ix = int(z), int(y), int(x)
    wz, wy, wx = _weights(z - iz), _weights(y - iy), _weights(x - ix)
    sz, sy, sx = _slopes(z - iz), _slopes(y - iy), _slopes(x - ix)
    k0, k1 = min(max(ix - 1, 0), nx - 1), min(ix, nx - 1)
    k2, k3 = min(ix + 1, nx - 1), min(ix + 2, nx - 1)
    value = gz = gy = gx = 0.0
    for a in range(4):
        plane = coefficients[min(max(iz + a - 1, 0), nz - 1)]
        plane_value = plane_y = plane_x = 0.0
        for b in range(4):
            row = plane[min(max(iy + b - 1, 0), ny - 1)]
            r0, r1, r2, r3 = row[k0], row[k1], row[k2], row[k3]
            line = wx[0] * r0 + wx[1] * r1 + wx[2] * r2 + wx[3] * r3
            plane_value += wy[b] * line
            plane_y += sy[b] * line
            plane_x += wy[b] * (sx[0] * r0 + sx[1] * r1 + sx[2] * r2 + sx[3] * r3)
        value += wz[a] * plane_value
        gz += sz[a] * plane_value
        gy += wz[a] * plane_y
        gx += wz[a] * plane_x
    return value, gz, gy, gx
