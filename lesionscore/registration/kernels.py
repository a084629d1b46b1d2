"""The inner loops of the alignment, compiled: averaging, sampling, normal equations.

Every sum runs in one fixed order on one thread, so results do not depend on the number of
threads. Nothing here knows what a lesion or a scan is.
"""

from __future__ import annotations

import numba
import numpy as np

from lesionscore.registration.spline_kernels import sample_values


@numba.njit(cache=True, nogil=True)
def block_average(array, factors, low, high, out):  # type: ignore[no-untyped-def]
    """Mean of blocks of voxels, each clipped to [low, high] before; unknown ones count as low.

    `out` has a voxel for every whole block; a rest at the end is cut.
    """
    fz, fy, fx = factors
    nz, ny, nx = out.shape
    scale = np.float32(1.0 / (fz * fy * fx))
    least, most = np.float32(low), np.float32(high)
    columns = np.empty(nx * fx, np.float32)
    for z in range(nz):
        for y in range(ny):
            columns[:] = 0.0
            for dz in range(fz):
                for dy in range(fy):
                    row = array[z * fz + dz, y * fy + dy]
                    for x in range(nx * fx):
                        value = np.float32(row[x])
                        value = value if value > least else least
                        columns[x] += value if value < most else most
            for x in range(nx):
                total = np.float32(0.0)
                for dx in range(fx):
                    total += columns[x * fx + dx]
                out[z, y, x] = total * scale


@numba.njit(cache=True, nogil=True)
def normal_equations(offsets, fixed, gradients, moving, weights):  # type: ignore[no-untyped-def]
    """Weighted normal equations of ``moving = gain * fixed + level + gradient . motion``.

    The eight unknowns are gain, level, three turns (about the origin of `offsets`) and three
    shifts; points whose moving value is NaN do not count. Returns the matrix (8, 8) and the
    right side (8,).
    """
    matrix = np.zeros((8, 8))
    right = np.zeros(8)
    row = np.empty(8)
    for i in range(offsets.shape[0]):
        w, m = weights[i], moving[i]
        if not w > 0.0 or np.isnan(m):
            continue
        x, y, z = offsets[i, 0], offsets[i, 1], offsets[i, 2]
        gx, gy, gz = gradients[i, 0], gradients[i, 1], gradients[i, 2]
        row[0], row[1] = fixed[i], 1.0
        row[2], row[3], row[4] = y * gz - z * gy, z * gx - x * gz, x * gy - y * gx
        row[5], row[6], row[7] = gx, gy, gz
        for a in range(8):
            wa = w * row[a]
            right[a] += wa * m
            for b in range(a + 1):
                matrix[a, b] += wa * row[b]
    for a in range(8):
        for b in range(a):
            matrix[b, a] = matrix[a, b]
    return matrix, right


@numba.njit(cache=True, nogil=True)
def _solve_8(matrix, right):  # type: ignore[no-untyped-def]
    """Solve a positive definite system of eight unknowns by Cholesky, in place."""
    n = 8
    for j in range(n):
        for k in range(j):
            matrix[j, j] -= matrix[j, k] * matrix[j, k]
        matrix[j, j] = max(matrix[j, j], 1e-12) ** 0.5
        for i in range(j + 1, n):
            for k in range(j):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            matrix[i, j] /= matrix[j, j]
    for i in range(n):
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            right[i] -= matrix[k, i] * right[k]
        right[i] /= matrix[i, i]
    return right


@numba.njit(cache=True, nogil=True)
def turn_matrix(turn):  # type: ignore[no-untyped-def]
    """Rotation matrix (3, 3) of a turn vector in radians (Rodrigues)."""
    x, y, z = turn[0], turn[1], turn[2]
    angle2 = x * x + y * y + z * z
    angle = angle2**0.5
    if angle < 1e-4:
        a, b = 1.0 - angle2 / 6.0, 0.5 - angle2 / 24.0
    else:
        a, b = np.sin(angle) / angle, (1.0 - np.cos(angle)) / angle2
    out = np.empty((3, 3))
    out[0, 0], out[0, 1], out[0, 2] = 1 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y
    out[1, 0], out[1, 1], out[1, 2] = b * x * y + a * z, 1 - b * (x * x + z * z), b * y * z - a * x
    out[2, 0], out[2, 1], out[2, 2] = b * x * z - a * y, b * y * z + a * x, 1 - b * (x * x + y * y)
    return out


@numba.njit(cache=True, nogil=True)
def turn_vector(rotation):  # type: ignore[no-untyped-def]
    """Turn vector in radians of a rotation by less than half a turn."""
    x = rotation[2, 1] - rotation[1, 2]
    y = rotation[0, 2] - rotation[2, 0]
    z = rotation[1, 0] - rotation[0, 1]
    twice_sine = (x * x + y * y + z * z) ** 0.5
    twice_cosine = rotation[0, 0] + rotation[1, 1] + rotation[2, 2] - 1.0
    angle = np.arctan2(twice_sine, twice_cosine)
    scale = 0.5 if twice_sine < 1e-9 else angle / twice_sine
    return np.array([x * scale, y * scale, z * scale])


@numba.njit(cache=True, nogil=True)
def motion_so_far(start, matrix, centre):  # type: ignore[no-untyped-def]
    """Turn vector and shift, at the centre, that lead from `start` to `matrix` (both 3 x 4)."""
    between = np.zeros((3, 4))
    for a in range(3):
        for b in range(4):
            for c in range(3):
                extra = start[c, 3] if b == 3 else 0.0
                between[a, b] += start[c, a] * (matrix[c, b] - extra)
    out = np.empty(6)
    out[:3] = turn_vector(between)
    for a in range(3):
        out[3 + a] = between[a, 3] - centre[a]
        for c in range(3):
            out[3 + a] += between[a, c] * centre[c]
    return out


@numba.njit(cache=True, nogil=True)
def _composed(left, right, out):  # type: ignore[no-untyped-def]
    """Product of two affine maps, (3, 4) each."""
    for a in range(3):
        for b in range(4):
            total = left[a, 3] if b == 3 else 0.0
            for c in range(3):
                total += left[a, c] * right[c, b]
            out[a, b] = total


@numba.njit(cache=True, nogil=True)
def robust_weights(moving, fixed, gradient2, brightness, model, weights, out):  # type: ignore[no-untyped-def]
    """Weights of the points by what their residuals say; returns the noise factor.

    `brightness` is (gain, level), `model` is (noise_hu, slack_mm, outlier). The variance of a
    point is the model's times the factor squared; a residual beyond `outlier` deviations loses
    its weight smoothly (Geman-McClure).
    """
    n = moving.shape[0]
    noise2, slack2, outlier = model[0] ** 2, model[1] ** 2, model[2]
    scaled = np.empty(n)
    known = 0
    for i in range(n):
        if weights[i] > 0.0 and not np.isnan(moving[i]):
            residual = moving[i] - brightness[0] * fixed[i] - brightness[1]
            scaled[known] = abs(residual) / (noise2 + slack2 * gradient2[i]) ** 0.5
            known += 1
    if known == 0:
        out[:] = 0.0
        return 1.0
    factor = max(1.4826 * np.median(scaled[:known]), 0.2)
    known = 0
    for i in range(n):
        out[i] = 0.0
        if weights[i] > 0.0 and not np.isnan(moving[i]):
            ratio = scaled[known] / (outlier * factor)
            known += 1
            robust = 1.0 / (1.0 + ratio * ratio)
            variance = (noise2 + slack2 * gradient2[i]) * factor * factor
            out[i] = weights[i] * robust * robust / variance
    return factor


@numba.njit(cache=True, nogil=True)
def agreement(fixed, moving, weights):  # type: ignore[no-untyped-def]
    """Weighted correlation where both are known, and the share of the weight where they are."""
    total = known = sum_f = sum_m = 0.0
    for i in range(fixed.shape[0]):
        total += weights[i]
        if not np.isnan(moving[i]):
            known += weights[i]
            sum_f += weights[i] * fixed[i]
            sum_m += weights[i] * moving[i]
    if known <= 0.0:
        return 0.0, 0.0
    mean_f, mean_m = sum_f / known, sum_m / known
    power_f = power_m = product = 0.0
    for i in range(fixed.shape[0]):
        if not np.isnan(moving[i]):
            f, m = fixed[i] - mean_f, moving[i] - mean_m
            power_f += weights[i] * f * f
            power_m += weights[i] * m * m
            product += weights[i] * f * m
    power = power_f * power_m
    return (product / power**0.5 if power > 0.0 else 0.0), known / total


@numba.njit(cache=True, nogil=True)
def fit(  # type: ignore[no-untyped-def]
    coefficients, index_from_mm, positions, fixed, gradients, weights, centre, start, model, rule
):
    """Gauss-Newton fit of gain, level and a rigid motion; see `rigid.fit_rigid`.

    `model` as in `robust_weights`; `rule` is (turn_sd_rad, shift_sd_mm, max_step_mm, iterations,
    tolerance_mm). Returns the map (3, 4), (gain, level, noise factor, converged, correlation,
    covered share), and the moving values and final weights of the points.
    """
    n = positions.shape[0]
    offsets = positions - centre
    gradient2 = np.empty(n)
    reach2 = total = 0.0
    for i in range(n):
        gx, gy, gz = gradients[i, 0], gradients[i, 1], gradients[i, 2]
        gradient2[i] = gx * gx + gy * gy + gz * gz
        x, y, z = offsets[i, 0], offsets[i, 1], offsets[i, 2]
        reach2 += weights[i] * (x * x + y * y + z * z)
        total += weights[i]
    reach = (reach2 / max(total, 1e-9)) ** 0.5
    precision = np.empty(6)
    precision[:3], precision[3:] = rule[0] ** -2.0, rule[1] ** -2.0
    matrix = start.copy()
    index = np.empty((3, 4))
    moving, final = np.empty(n), np.empty(n)
    brightness = np.array([1.0, 0.0])
    converged = 0.0
    factor = 1.0
    for _ in range(int(rule[3]) + 1):
        _composed(index_from_mm, matrix, index)
        sample_values(coefficients, index, positions, moving)
        factor = robust_weights(moving, fixed, gradient2, brightness, model, weights, final)
        if converged > 0.0:
            break
        lhs, rhs = normal_equations(offsets, fixed, gradients, moving, final)
        so_far = motion_so_far(start, matrix, centre)
        for a in range(6):
            lhs[2 + a, 2 + a] += precision[a]
            rhs[2 + a] += brightness[0] * precision[a] * so_far[a]
        lhs[0, 0] += 1e-6
        rhs[0] += 1e-6
        lhs[1, 1] += 1e-9
        solution = _solve_8(lhs, rhs)
        brightness[0] = min(max(solution[0], 0.6), 1.6)
        brightness[1] = min(max(solution[1], -200.0), 200.0)
        step = solution[2:] / brightness[0]
        turned = (step[0] ** 2 + step[1] ** 2 + step[2] ** 2) ** 0.5
        shifted = (step[3] ** 2 + step[4] ** 2 + step[5] ** 2) ** 0.5
        size = shifted + reach * turned
        step *= min(1.0, rule[2] / max(size, 1e-12))
        inverse = np.empty((3, 4))
        back = turn_matrix(-step[:3])
        for a in range(3):
            inverse[a, 3] = centre[a]
            for c in range(3):
                inverse[a, c] = back[a, c]
                inverse[a, 3] -= back[a, c] * (centre[c] + step[3 + c])
        moved = np.empty((3, 4))
        _composed(matrix, inverse, moved)
        matrix = moved
        if size < rule[4]:
            converged = 1.0
    correlation, covered = agreement(fixed, moving, weights)
    state = np.array([brightness[0], brightness[1], factor, converged, correlation, covered])
    return matrix, state, moving, final


@numba.njit(cache=True, nogil=True)
def fit_each(  # type: ignore[no-untyped-def]
    coefficients,
    index_from_mm,
    positions,
    fixed,
    gradients,
    weights,
    bounds,
    centres,
    chosen,
    start,
    model,
    rule,
):
    """Do `fit` for each of the chosen pieces; piece k has the points bounds[k] to bounds[k + 1].

    Returns the pieces' maps, (n, 3, 4), and states, (n, 6), as `fit` gives them.
    """
    matrices = np.empty((chosen.shape[0], 3, 4))
    states = np.empty((chosen.shape[0], 6))
    for i in range(chosen.shape[0]):
        k = chosen[i]
        a, b = bounds[k], bounds[k + 1]
        matrices[i], states[i], _, _ = fit(
            coefficients,
            index_from_mm,
            positions[a:b],
            fixed[a:b],
            gradients[a:b],
            weights[a:b],
            centres[k],
            start,
            model,
            rule,
        )
    return matrices, states


@numba.njit(cache=True, nogil=True)
def block_motion(blocks, count, gradients, residuals, weights, ridge):  # type: ignore[no-untyped-def]
    """Shift of every block of points that its residuals ask for (Lucas-Kanade), shape (count, 3).

    `weights` are inverse variances (0 = leave out); `ridge` pulls shifts to 0 where a block has
    no edges. The second result, (count,), is how many mm^-2 of information a block has.
    """
    h = np.zeros((count, 6))
    g = np.zeros((count, 3))
    for i in range(blocks.shape[0]):
        w, r, b = weights[i], residuals[i], blocks[i]
        if not w > 0.0 or np.isnan(r):
            continue
        x, y, z = gradients[i, 0], gradients[i, 1], gradients[i, 2]
        h[b, 0] += w * x * x
        h[b, 1] += w * x * y
        h[b, 2] += w * x * z
        h[b, 3] += w * y * y
        h[b, 4] += w * y * z
        h[b, 5] += w * z * z
        g[b, 0] += w * r * x
        g[b, 1] += w * r * y
        g[b, 2] += w * r * z
    shifts = np.zeros((count, 3))
    information = np.zeros(count)
    for b in range(count):
        xx, yy, zz = h[b, 0] + ridge, h[b, 3] + ridge, h[b, 5] + ridge
        xy, xz, yz = h[b, 1], h[b, 2], h[b, 4]
        information[b] = (h[b, 0] + h[b, 3] + h[b, 5]) / 3.0
        cx, cy, cz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
        determinant = xx * cx + xy * cy + xz * cz
        dy, dz, ez = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
        p, q, s = g[b, 0], g[b, 1], g[b, 2]
        shifts[b, 0] = (cx * p + cy * q + cz * s) / determinant
        shifts[b, 1] = (cy * p + dy * q + dz * s) / determinant
        shifts[b, 2] = (cz * p + dz * q + ez * s) / determinant
    return shifts, information


@numba.njit(cache=True, nogil=True)
def block_scores(blocks, count, offsets, gradients, residuals, weights):  # type: ignore[no-untyped-def]
    """Pull of every block on the six parameters of the motion, shape (count, 6)."""
    scores = np.zeros((count, 6))
    for i in range(blocks.shape[0]):
        w, r, b = weights[i], residuals[i], blocks[i]
        if not w > 0.0 or np.isnan(r):
            continue
        x, y, z = offsets[i, 0], offsets[i, 1], offsets[i, 2]
        gx, gy, gz = gradients[i, 0], gradients[i, 1], gradients[i, 2]
        scores[b, 0] += w * r * (y * gz - z * gy)
        scores[b, 1] += w * r * (z * gx - x * gz)
        scores[b, 2] += w * r * (x * gy - y * gx)
        scores[b, 3] += w * r * gx
        scores[b, 4] += w * r * gy
        scores[b, 5] += w * r * gz
    return scores
