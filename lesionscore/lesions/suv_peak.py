"""SUVpeak: the mean in a sphere of 1 cm3, by two rules that differ in how voxels are counted.

`peak_mean` weighs each voxel by the share of it that lies in the sphere: the value that
lesionscore reports, because it does not jump when the voxel size or the spacing changes a
little. `ibsi_peaks` counts whole voxels whose centre lies in the sphere, as the Image Biomarker
Standardisation Initiative does: the benchmark, and comparison with other programs.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
PEAK_RADIUS_MM = 10.0 * (3.0 / (4.0 * np.pi)) ** (1.0 / 3.0)  # 1 cm3: 6.2035 mm
SUBDIVISIONS = 11  # samples of a voxel along each axis: the sphere's volume is right to 0.1 %


@lru_cache(maxsize=16)
def _sphere_weights(spacing_zyx_mm: tuple[float, float, float]) -> Floats:
    """Share of each voxel in a 1 cm3 sphere around the middle voxel's centre."""
    axes = []
    for spacing in spacing_zyx_mm:
        reach = int(np.ceil(PEAK_RADIUS_MM / spacing - 0.5))
        n = (2 * reach + 1) * SUBDIVISIONS
        axes.append((np.arange(n) - (n - 1) / 2) * spacing / SUBDIVISIONS)
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    inside = z * z + y * y + x * x <= PEAK_RADIUS_MM**2
    shape = [part for axis in axes for part in (len(axis) // SUBDIVISIONS, SUBDIVISIONS)]
    weights = np.asarray(inside.reshape(shape).mean(axis=(1, 3, 5)))
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=16)
def _sphere_centres(spacing_zyx_mm: tuple[float, float, float]) -> Floats:
    """1 for each voxel whose centre lies in a 1 cm3 sphere around the middle voxel's centre."""
    axes = []
    for spacing in spacing_zyx_mm:
        reach = int(np.floor(PEAK_RADIUS_MM / spacing))
        axes.append(np.arange(-reach, reach + 1) * spacing)
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    weights = np.asarray(z * z + y * y + x * x <= PEAK_RADIUS_MM**2, dtype=np.float64)
    weights.setflags(write=False)
    return weights


def _sphere_mean(
    array: npt.NDArray[np.floating], index_zyx: npt.NDArray[np.integer], weights: Floats
) -> tuple[float, bool]:
    """Weighted mean around one voxel, over what the image covers; and whether that is all."""
    reach = np.asarray(weights.shape) // 2
    low, high = index_zyx - reach, index_zyx + reach + 1
    first, last = np.maximum(low, 0), np.minimum(high, array.shape)
    block = array[tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))]
    part = weights[
        tuple(slice(int(a), int(b)) for a, b in zip(first - low, last - low, strict=True))
    ]
    complete = bool(np.isclose(part.sum(), weights.sum()))
    return float((block * part).sum(dtype=np.float64) / part.sum()), complete


def peak_mean(
    array: npt.NDArray[np.floating],
    index_zyx: npt.NDArray[np.integer],
    spacing_zyx_mm: tuple[float, float, float],
) -> tuple[float, bool]:
    """Highest mean in a 1 cm3 sphere around any voxel of a region, voxels counted by their share.

    Parameters
    ----------
    array : ndarray, shape (n_z, n_y, n_x)
        The PET in SUV; the sphere may reach beyond the region.
    index_zyx : ndarray, shape (n, 3), int
        The region's voxels: the centres that are tried.
    spacing_zyx_mm : tuple of float
        Distance between voxel centres, mm.

    Returns
    -------
    suv_peak : float
        The highest mean.
    complete : bool
        False if that sphere reaches beyond the image; the mean is then over what is there.
    """
    weights = _sphere_weights(spacing_zyx_mm)
    return max((_sphere_mean(array, index, weights) for index in index_zyx), key=lambda m: m[0])


def ibsi_peaks(
    array: npt.NDArray[np.floating],
    index_zyx: npt.NDArray[np.integer],
    spacing_zyx_mm: tuple[float, float, float],
) -> tuple[float, float]:
    """Local and global intensity peak by the voxel-centre rule of the IBSI.

    Parameters
    ----------
    array : ndarray, shape (n_z, n_y, n_x)
        The image; spheres may reach beyond the region, but only over voxels that exist.
    index_zyx : ndarray, shape (n, 3), int
        The region's voxels.
    spacing_zyx_mm : tuple of float
        Distance between voxel centres, mm.

    Returns
    -------
    local_peak : float
        Mean in the sphere around the region's highest voxel; the highest such mean if several
        voxels share the maximum.
    global_peak : float
        Highest mean in a sphere around any voxel of the region.

    References
    ----------
    .. [1] IBSI reference manual, local intensity features: local intensity peak (VJGA) and
       global intensity peak (0F91).
    """
    weights = _sphere_centres(spacing_zyx_mm)
    means = np.array([_sphere_mean(array, index, weights)[0] for index in index_zyx])
    values = array[tuple(index_zyx.T)]
    return float(means[values == values.max()].max()), float(means.max())
