"""How noisy a scan is near a lesion, and how much neighbouring voxels share their noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

SOFT_TISSUE_HU = (-20.0, 110.0)
LEAST_NOISE_HU = 5.0
USUAL_NOISE_HU = 30.0
EDGE_PATCH_MM = 1.3  # SD of the piece of edge whose place is one unknown
LAG_MM = 4.0
LEAST_PAIRS = 150
LEVEL_MM = 4.0
MOST_TAKEN, MOST_SHARED = 0.6, 40.0
MOST_NOISE_SHARED = 8.0
"""In soft tissue: what goes together more widely is no noise but the tissue itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Noise of one voxel, and of what an edge's place is read from.

    Parameters
    ----------
    sd_hu : float
        SD of a voxel.
    shared : float
        Variance of a weighted mean over a piece of edge, relative to independent voxels: above 1
        when neighbours go together, below 1 for the noise of sharp kernels.
    """

    sd_hu: float
    shared: float

    @property
    def effective_variance(self) -> float:
        """Variance of independent voxels that would do as much harm, HU2."""
        return self.sd_hu**2 * self.shared


def soft_tissue_noise(values: Singles, spacing_zyx_mm: tuple[float, float, float]) -> Noise:
    """Noise in homogeneous soft tissue.

    Parameters
    ----------
    values : ndarray, shape (n_z, n_y, n_x), float32
        HU.
    spacing_zyx_mm : tuple of float
        Voxel spacing.

    Returns
    -------
    Noise
        A usual value where nothing homogeneous is in view.
    """
    smooth = ndimage.gaussian_filter(values, 1.6)
    soft = (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    soft = ndimage.binary_erosion(soft, np.ones((1, 5, 5), bool))
    if int(soft.sum()) < LEAST_PAIRS:
        return Noise(sd_hu=USUAL_NOISE_HU, shared=1.0)
    level = _local_level(values, soft, spacing_zyx_mm, LEVEL_MM)
    noise = residual_noise(values - level, soft, spacing_zyx_mm, LEVEL_MM)
    return replace(noise, shared=min(noise.shared, MOST_NOISE_SHARED))


def residual_noise(
    residual: Singles,
    chosen: Flags,
    spacing_zyx_mm: tuple[float, float, float],
    level_mm: float,
) -> Noise:
    """SD of residuals in chosen voxels, and how much neighbours share.

    Parameters
    ----------
    residual : ndarray, shape (n_z, n_y, n_x)
        Difference from a local level, HU.
    chosen : ndarray, shape (n_z, n_y, n_x), bool
        Voxels that count.
    spacing_zyx_mm : tuple of float
        Voxel spacing.
    level_mm : float
        SD of the Gaussian that the local level is a mean with.

    Returns
    -------
    Noise
        Robust SD, and the share from the autocorrelation.

    Notes
    -----
    A local level follows the noise that neighbours share. It takes ``2 K - K * K`` times their sum
    from the autocorrelation at every lag, K its kernel, which is all the more where few voxels
    count; summed over the lags that is a share of the sum which is put back.
    """
    pool = residual[chosen]
    if pool.size < LEAST_PAIRS:
        return Noise(sd_hu=USUAL_NOISE_HU, shared=1.0)
    middle = float(np.median(pool))
    spread = max(1.4826 * float(np.median(np.abs(pool - middle))), LEAST_NOISE_HU)
    scaled = np.where(chosen, np.clip((residual - middle) / spread, -3.0, 3.0), 0.0)
    variance = float((scaled[chosen] ** 2).mean())
    shared, seen = 1.0, 1.0
    reach = [int(LAG_MM // step) for step in spacing_zyx_mm]
    for dz in range(reach[0] + 1):
        for dy in range(-reach[1], reach[1] + 1):
            for dx in range(-reach[2], reach[2] + 1):
                if (dz, dy, dx) <= (0, 0, 0):
                    continue
                squared = sum(
                    (lag * step) ** 2
                    for lag, step in zip((dz, dy, dx), spacing_zyx_mm, strict=True)
                )
                if squared > LAG_MM**2:
                    continue
                here, there = shifted(dz, dy, dx)
                both = chosen[here] & chosen[there]
                count = int(both.sum())
                if count < LEAST_PAIRS:
                    continue
                product = float((scaled[here] * scaled[there])[both].mean()) / variance
                weight = 2.0 * float(np.exp(-squared / (4.0 * EDGE_PATCH_MM**2)))
                shared += weight * product
                seen += weight * float(np.exp(-squared / (2.0 * level_mm**2)))
    shared /= 1.0 - min(seen * _taken(chosen, spacing_zyx_mm, level_mm), MOST_TAKEN)
    return Noise(sd_hu=spread, shared=float(np.clip(shared, 0.25, MOST_SHARED)))


def _taken(chosen: Flags, spacing: tuple[float, float, float], level_mm: float) -> float:
    """Share of the autocorrelation's sum that a local level takes from it at a lag of 0."""
    sigma = [level_mm / step for step in spacing]
    filled = ndimage.gaussian_filter(chosen.astype(np.float32), sigma)[chosen]
    voxels = (2.0 * np.pi) ** 1.5 * float(np.prod(sigma))
    # K * K is K over 2 to the power of 3/2, in its middle
    usual = float(np.mean(1.0 / np.maximum(filled, 0.05)) / voxels)
    return usual * (2.0 - 0.5 * math.sqrt(0.5))


def shifted(dz: int, dy: int, dx: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of an array and of itself moved by a lag."""
    here, there = [], []
    for lag in (dz, dy, dx):
        here.append(slice(max(0, -lag), -lag if lag > 0 else None))
        there.append(slice(max(0, lag), lag if lag < 0 else None))
    return tuple(here), tuple(there)


def _local_level(
    values: Singles, chosen: Flags, spacing: tuple[float, float, float], scale_mm: float
) -> Singles:
    """Mean of chosen voxels around each voxel."""
    sigma = [scale_mm / step for step in spacing]
    weight = ndimage.gaussian_filter(chosen.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(chosen, values, 0.0).astype(np.float32), sigma)
    return np.asarray(total / np.maximum(weight, 1e-3))
