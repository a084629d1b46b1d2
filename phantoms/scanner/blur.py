"""Point spread in the plane, sensitivity profile along the slices, and the kernels' noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

Floats32 = NDArray[np.float32]
FWHM_PER_SIGMA = 2.3548200450309493


class Kernel(StrEnum):
    """How the scanner's reconstruction trades sharpness for noise."""

    BONE = "bone"
    """Sharp, edges a little enhanced, noise of high frequency."""
    STANDARD = "standard"
    """Medium sharp."""
    SOFT = "soft"
    """Smooth, noise of low frequency."""
    IDEAL = "ideal"
    """No point spread at all: for tests of the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelShape:
    """In-plane sigma (mm), edge enhancement, peak (1/mm) and fall of the noise spectrum."""

    sigma_mm: float
    enhancement: float
    noise_peak_per_mm: float
    noise_gain: float


KERNELS = {
    Kernel.BONE: KernelShape(
        sigma_mm=0.55, enhancement=0.22, noise_peak_per_mm=0.42, noise_gain=1.3
    ),
    Kernel.STANDARD: KernelShape(
        sigma_mm=0.70, enhancement=0.0, noise_peak_per_mm=0.28, noise_gain=1.0
    ),
    Kernel.SOFT: KernelShape(
        sigma_mm=0.95, enhancement=0.0, noise_peak_per_mm=0.18, noise_gain=0.55
    ),
}


def blur(
    image: Floats32,
    spacing_xyz_mm: tuple[float, float, float],
    thickness_mm: float,
    kernel: Kernel,
) -> Floats32:
    """Blur box means of voxels into what the scanner shows.

    The voxel's own box is already in the image: only what is missing to the point spread and to
    the slice thickness (full width at half maximum) is added.

    Parameters
    ----------
    image : ndarray, shape (n_z, n_y, n_x), float32
        Mean of each voxel's box, HU.
    spacing_xyz_mm : tuple of float
        Voxel spacing.
    thickness_mm : float
        Slice thickness.
    kernel : Kernel
        The reconstruction.

    Returns
    -------
    ndarray
        Blurred, float32.
    """
    if kernel is Kernel.IDEAL:
        return image
    shape = KERNELS[kernel]
    sigma_z = (thickness_mm / FWHM_PER_SIGMA) ** 2 - spacing_xyz_mm[2] ** 2 / 12.0
    if sigma_z > 0:
        weights = _gaussian(math.sqrt(sigma_z) / spacing_xyz_mm[2])
        image = _along_slices(image, weights)
    fine = math.sqrt(max(shape.sigma_mm**2 - spacing_xyz_mm[0] ** 2 / 12.0, 0.04))
    sharp = _gaussian(fine / spacing_xyz_mm[0])
    wide = _gaussian(2.0 * shape.sigma_mm / spacing_xyz_mm[0])
    out = np.empty_like(image)
    _in_plane(image, sharp, wide, shape.enhancement, out)
    return out


def _gaussian(sigma: float) -> Floats32:
    """Weights of a Gaussian cut at three sigma, sum 1."""
    reach = max(1, math.ceil(3.0 * sigma))
    at = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (at / sigma) ** 2)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _along_slices(image: Floats32, weights: Floats32) -> Floats32:
    """Convolve along the first axis; the ends repeat."""
    out = np.zeros_like(image)
    reach = weights.size // 2
    for k in range(image.shape[0]):
        for t in range(weights.size):
            source = min(max(k + t - reach, 0), image.shape[0] - 1)
            out[k] += weights[t] * image[source]
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _plane(image: Floats32, weights: Floats32, turned: Floats32, out: Floats32) -> None:
    """Convolve one slice along rows and columns; the ends repeat."""
    reach = weights.size // 2
    n_y, n_x = image.shape
    for j in range(n_y):
        turned[j] = 0.0
        for t in range(weights.size):
            turned[j] += weights[t] * image[min(max(j + t - reach, 0), n_y - 1)]
    for j in range(n_y):
        row, target = turned[j], out[j]
        target[:] = 0.0
        for t in range(weights.size):
            shift = t - reach
            w = weights[t]
            first, last = max(0, -shift), min(n_x, n_x - shift)
            for i in range(first, last):
                target[i] += w * row[i + shift]
            for i in range(first):
                target[i] += w * row[0]
            for i in range(last, n_x):
                target[i] += w * row[n_x - 1]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _in_plane(
    image: Floats32, sharp: Floats32, wide: Floats32, enhancement: float, out: Floats32
) -> None:
    """Blur every slice; with enhancement, some of a wider blur is taken away."""
    turned = np.empty(image.shape[1:], dtype=np.float32)
    soft = np.empty(image.shape[1:], dtype=np.float32)
    more, less = np.float32(1.0 + enhancement), np.float32(enhancement)
    for k in range(image.shape[0]):
        _plane(image[k], sharp, turned, out[k])
        if enhancement > 0.0:
            _plane(image[k], wide, turned, soft)
            out[k] = more * out[k] - less * soft


def noise_slice(
    rng: np.random.Generator,
    shape_yx: tuple[int, int],
    spacing_mm: float,
    kernel: Kernel,
    streak: float,
) -> Floats32:
    """Draw one slice of noise with the kernel's spectrum, standard deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of this slice alone.
    shape_yx : tuple of int
        Rows and columns.
    spacing_mm : float
        In-plane spacing.
    kernel : Kernel
        The spectrum rises with frequency as filtered back-projection makes it, then falls.
    streak : float
        0 to 1: how much of the power lies in lateral streaks (wide hips, shoulders).

    Returns
    -------
    ndarray, shape (n_y, n_x), float32
        Mean 0, standard deviation 1.
    """
    peak = KERNELS[kernel].noise_peak_per_mm
    rows, columns = (fft.next_fast_len(n, real=True) for n in shape_yx)
    white = rng.standard_normal((rows, columns), dtype=np.float32)
    fy = fft.fftfreq(rows, spacing_mm)[:, None]
    fx = fft.rfftfreq(columns, spacing_mm)[None, :]
    f2 = fx * fx + fy * fy
    power = f2 / peak**2 * np.exp(1.0 - f2 / peak**2)
    power = power * (1.0 + 6.0 * streak * np.exp(-((fx / (0.12 * peak + 1e-9)) ** 2)))
    amplitude = np.sqrt(power + 0.01).astype(np.float32)
    noise = fft.irfft2(fft.rfft2(white) * amplitude, s=(rows, columns), overwrite_x=True)
    total = 2 * float((amplitude**2).sum()) - float((amplitude[:, 0] ** 2).sum())
    scale = math.sqrt(total / (rows * columns))
    return np.asarray(noise[: shape_yx[0], : shape_yx[1]] / scale, dtype=np.float32)
