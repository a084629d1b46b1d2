"""Which bone a place belongs to: distance travelled through bone, not through the air.

Going through dense bone costs its length, through soft tissue several times that. So the
neighbour across a joint is far away even where it is near, and one threshold too high or too
low changes little. Steps lead through the faces of voxels only: along a diagonal a way would slip
through a joint gap of one voxel. A narrow gap between two cortices is blurred to the level of
spongy bone; as a valley between two ridges it counts as soft all the same.
"""

from __future__ import annotations

from itertools import product

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

DENSE_HU, SOFT_HU = 250.0, 60.0
SOFT_COST = 20.0  # a millimetre of soft tissue counts as this many of bone
VALLEY_HU = 150.0  # below both sides: texture and noise are not so deep, twice as deep is a gap
HIGHEST_GAP_HU = 700.0
VALLEY_REACH_MM = 3.0
BUCKET_MM = 0.25
FAR_MM = np.float32(1e6)


@numba.njit(cache=True, nogil=True)
def _spread(cost, spacing, seeds, limit_mm, bucket_mm):  # type: ignore[no-untyped-def]
    """Shortest way through `cost` from any seed to every voxel within the limit (Dial)."""
    nz, ny, nx = cost.shape
    distance = np.full(nz * ny * nx, np.float32(1e6))
    buckets = int(limit_mm / bucket_mm) + 1
    head = np.full(buckets, -1, np.int64)
    after = np.full(nz * ny * nx, -1, np.int64)
    before = np.full(nz * ny * nx, -1, np.int64)
    flat = cost.ravel()
    half = (0.5 * spacing).astype(np.float32)
    for k in range(seeds.shape[0]):
        voxel = (seeds[k, 0] * ny + seeds[k, 1]) * nx + seeds[k, 2]
        if distance[voxel] > 0.0:
            distance[voxel] = 0.0
            if head[0] >= 0:
                before[head[0]] = voxel
            after[voxel] = head[0]
            head[0] = voxel
    for bucket in range(buckets):
        while head[bucket] >= 0:
            voxel = head[bucket]
            head[bucket] = after[voxel]
            if head[bucket] >= 0:
                before[head[bucket]] = -1
            after[voxel] = -2
            z, y, x = voxel // (ny * nx), voxel // nx % ny, voxel % nx
            for k in range(6):
                side = 2 * (k % 2) - 1
                a, b, c = z, y, x
                if k < 2:
                    a += side
                elif k < 4:
                    b += side
                else:
                    c += side
                if not (0 <= a < nz and 0 <= b < ny and 0 <= c < nx):
                    continue
                other = (a * ny + b) * nx + c
                if after[other] == -2:
                    continue
                way = distance[voxel] + half[k // 2] * (flat[voxel] + flat[other])
                if way >= distance[other] or way > limit_mm:
                    continue
                if distance[other] < 1e5:
                    old = int(distance[other] / bucket_mm)
                    if before[other] >= 0:
                        after[before[other]] = after[other]
                    else:
                        head[old] = after[other]
                    if after[other] >= 0:
                        before[after[other]] = before[other]
                distance[other] = way
                new = max(int(way / bucket_mm), bucket)
                before[other] = -1
                after[other] = head[new]
                if head[new] >= 0:
                    before[head[new]] = other
                head[new] = other
    return distance.reshape(cost.shape)


@numba.njit(cache=True, nogil=True)
def _valley_depth(values, ways, steps, lowest, highest, least):  # type: ignore[no-untyped-def]
    """How far each voxel between two levels lies below the lower of its two sides, at most."""
    nz, ny, nx = values.shape
    depth = np.zeros(values.shape, np.float32)
    rim = steps.max()  # nothing is high beyond the array
    padded = np.full((nz + 2 * rim, ny + 2 * rim, nx + 2 * rim), np.float32(-1e6))
    padded[rim : nz + rim, rim : ny + rim, rim : nx + rim] = values
    flat = padded.ravel()
    strides = (ways[:, 0] * (ny + 2 * rim) + ways[:, 1]) * (nx + 2 * rim) + ways[:, 2]
    for z in range(nz):
        for y in range(ny):
            first = ((z + rim) * (ny + 2 * rim) + y + rim) * (nx + 2 * rim) + rim
            for x in range(nx):
                value = values[z, y, x]
                if value < lowest or value > highest:
                    continue
                deepest = least
                for w in range(ways.shape[0]):
                    lower = _highest(flat, first + x, strides[w], steps[w])
                    if lower - value <= deepest:
                        continue
                    other = _highest(flat, first + x, -strides[w], steps[w])
                    lower = other if other < lower else lower
                    deepest = lower - value if lower - value > deepest else deepest
                if deepest > least:
                    depth[z, y, x] = deepest
    return depth


@numba.njit(cache=True, nogil=True)
def _highest(flat, k, stride, steps):  # type: ignore[no-untyped-def]
    """Highest of the next values, `stride` apart, after the one at `k`."""
    highest = flat[np.uint64(k + stride)]
    for step in range(2, steps + 1):
        value = flat[np.uint64(k + step * stride)]
        highest = value if value > highest else highest
    return highest


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _cost(values, depth, dense, soft, soft_cost, valley, out):  # type: ignore[no-untyped-def]
    """Cost of a millimetre from the values and the depth of the valleys in them."""
    for k in range(values.size):
        softness = (dense - values[k]) / (dense - soft)
        softness = max(softness, depth[k] / valley - np.float32(1.0))
        if softness <= 0.0:
            out[k] = 1.0
        elif softness >= 1.0:
            out[k] = soft_cost
        else:
            out[k] = soft_cost**softness


def valley_depth(
    array: Singles,
    spacing_zyx_mm: tuple[float, float, float],
    levels_hu: tuple[float, float],
    least_hu: float = 0.0,
) -> Singles:
    """Depth of the gap that a voxel lies in: below the highest values on both sides of it.

    Parameters
    ----------
    array : ndarray, shape (n_z, n_y, n_x), float32
        HU.
    spacing_zyx_mm : tuple of float
        Voxel spacing.
    levels_hu : tuple of float
        Voxels below the first are soft and above the second bone in any case; their depth is 0.
    least_hu : float
        A depth up to this is given as 0.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), float32
        HU; of thirteen directions the one with the deepest valley within `VALLEY_REACH_MM`.
    """
    ways = np.array([way for way in product((-1, 0, 1), repeat=3) if way > (0, 0, 0)])
    lengths = np.linalg.norm(ways * np.asarray(spacing_zyx_mm), axis=1)
    steps = np.maximum(np.rint(VALLEY_REACH_MM / lengths), 1).astype(np.int64)
    values = np.ascontiguousarray(array, np.float32)
    lowest, highest, least = (np.float32(level) for level in (*levels_hu, least_hu))
    return np.asarray(_valley_depth(values, ways, steps, lowest, highest, least))


def travel_cost(array: Singles, spacing_zyx_mm: tuple[float, float, float]) -> Singles:
    """Cost of a millimetre: 1 in dense bone, rising to `SOFT_COST` in soft tissue and gaps."""
    depth = valley_depth(array, spacing_zyx_mm, (SOFT_HU, HIGHEST_GAP_HU), VALLEY_HU)
    cost = np.empty(array.shape, np.float32)
    levels = (np.float32(hu) for hu in (DENSE_HU, SOFT_HU, SOFT_COST, VALLEY_HU))
    _cost(np.ascontiguousarray(array, np.float32).ravel(), depth.ravel(), *levels, cost.ravel())
    return cost


def shortest_way(
    cost: Singles,
    spacing_zyx_mm: tuple[float, float, float],
    seeds_zyx: npt.NDArray[np.int64],
    limit_mm: float,
) -> Singles:
    """Length of the cheapest way from the nearest seed, through the faces of voxels.

    Parameters
    ----------
    cost : ndarray, shape (n_z, n_y, n_x), float32
        Cost of a millimetre in each voxel.
    spacing_zyx_mm : tuple of float
        Voxel spacing.
    seeds_zyx : ndarray, shape (n, 3), int
        Voxels at distance 0.
    limit_mm : float
        Voxels farther than this stay at a million.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), float32
        The lengths.
    """
    seeds = np.ascontiguousarray(seeds_zyx, np.int64)
    return np.asarray(_spread(cost, np.asarray(spacing_zyx_mm), seeds, limit_mm, BUCKET_MM))
