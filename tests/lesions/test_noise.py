"""How much neighbouring voxels share of their noise, against what the noise was made with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from lesionscore.lesions.noise import EDGE_PATCH_MM, LAG_MM, soft_tissue_noise

SPACING_ZYX_MM = (2.0, 1.2, 1.2)


def grain(
    sigma_voxels: tuple[float, float, float], seed: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Noise of SD 1 whose neighbours go together."""
    white = np.random.default_rng(seed).standard_normal(shape)
    noise = ndimage.gaussian_filter(white, sigma_voxels, mode="wrap")
    return noise / noise.std()


def shared(sigma_voxels: tuple[float, float, float]) -> float:
    """Sum of the autocorrelation over a piece of edge, from much noise without borders."""
    noise = grain(sigma_voxels, 9, (60, 90, 90))
    correlation = np.fft.ifftn(np.abs(np.fft.fftn(noise)) ** 2).real
    lags = [np.fft.fftfreq(n) * n * s for n, s in zip(noise.shape, SPACING_ZYX_MM, strict=True)]
    squared = sum(lag**2 for lag in np.meshgrid(*lags, indexing="ij"))
    weight = np.where(squared <= LAG_MM**2, np.exp(-squared / (4 * EDGE_PATCH_MM**2)), 0.0)
    return float((correlation * weight).sum() / correlation.flat[0])


@pytest.mark.parametrize("columns", [60, 26])
@pytest.mark.parametrize("sigma_voxels", [(0, 0, 0), (0.35, 0.6, 0.6), (0.35, 1.0, 1.0)])
def test_what_neighbours_share_is_found(
    sigma_voxels: tuple[float, float, float], columns: int
) -> None:
    """The local level takes away what it follows, the more the less tissue there is."""
    wanted = shared(sigma_voxels)
    found = []
    for seed in range(4):
        values = 45.0 + 30.0 * grain(sigma_voxels, seed, (40, 60, 60))
        values[:, :, columns:] = 300.0
        noise = soft_tissue_noise(values.astype(np.float32), SPACING_ZYX_MM)
        assert noise.sd_hu == pytest.approx(30.0, rel=0.05)
        found.append(noise.shared)
    assert float(np.mean(found)) == pytest.approx(wanted, rel=0.05)
