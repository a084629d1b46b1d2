"""Spongy bone's texture where the scan hides or blurs it, from what it shows nearby.

Texture goes together over a millimetre or more, noise hardly does: a Gaussian field with the
texture's own covariance, given the voxels that show it (kriging). It smooths noise away where
bone is seen and continues pockets and dense patches a little way under a lesion's edge.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse.linalg import LinearOperator, cg

from lesionscore.lesions.noise import EDGE_PATCH_MM

Singles = npt.NDArray[np.float32]

CORRELATION_MM = (0.5, 2.0)
TOLERANCE, MOST_STEPS = 1e-2, 30
TRUNCATE = 3.0
MOST_CONTRAST = 1e5
KEPT_SD = 0.2
"""Of the share of a texture that another scan shows again, before looking."""
KEPT_SHARED, KEPT_LIMIT, LEAST_KEPT_VOXELS = 4.0, 3.0, 50
"""How many voxels that differ together count as one; how many SDs a voxel may differ by; and how
many voxels say anything."""
WELL_SEEN = 0.5
"""Of the highest precision; where a voxel has less, what is known comes from its neighbours."""


def correlation_mm(shared: float, voxel_mm3: float) -> float:
    """SD of the Gaussian that makes such a texture of white noise, mm.

    Parameters
    ----------
    shared : float
        How much neighbouring voxels share the texture (see `Noise.shared`).
    voxel_mm3 : float
        Volume of a voxel.

    Returns
    -------
    float
        Within `CORRELATION_MM`.

    Notes
    -----
    White noise smoothed with an SD of l has the correlation ``exp(-d**2 / (4 * l**2))``; summed
    over all lags with the weights of `Noise.shared`, ``exp(-d**2 / (4 * e**2))``, it gives
    ``(4 * pi / (l**-2 + e**-2))**1.5`` per voxel.
    """
    squared = (max(shared, 1.0) * voxel_mm3) ** (2.0 / 3.0) / (4.0 * np.pi)
    inverse = 1.0 / squared - EDGE_PATCH_MM**-2.0
    low, high = CORRELATION_MM
    return float(np.clip(max(inverse, high**-2.0) ** -0.5, low, high))


def conditional_texture(
    seen_hu: Singles,
    seen_variance: Singles,
    sd_hu: Singles,
    reach_mm: float,
    spacing_zyx_mm: tuple[float, float, float],
) -> tuple[Singles, Singles]:
    """Most probable texture and its SD everywhere, given what some voxels show.

    Parameters
    ----------
    seen_hu : ndarray, shape (n_z, n_y, n_x), float32
        Difference from the bone's level.
    seen_variance : ndarray, shape (n_z, n_y, n_x), float32
        Variance of that voxel's noise, HU2; infinite where nothing is seen.
    sd_hu : ndarray, shape (n_z, n_y, n_x), float32
        SD of the texture before looking.
    reach_mm : float
        From `correlation_mm`.
    spacing_zyx_mm : tuple of float
        Voxel spacing.

    Returns
    -------
    tuple of ndarray, shape (n_z, n_y, n_x), float32
        HU. The SD is exact where all voxels around are equally precise; away from the nearest
        such voxel what it tells is lost with the square of the correlation.

    Notes
    -----
    With R the root of the precisions and C the covariance it solves ``(1 + R C R) b = R seen``
    by conjugate gradients, and the texture is ``C R b``; C is a Gaussian filter.
    """
    root = (1.0 / np.sqrt(seen_variance)).astype(np.float32)
    steps = np.asarray(spacing_zyx_mm)
    # of the filter's kernel, so that a texture's covariance with itself is its variance
    cell = float((4.0 * np.pi * reach_mm**2) ** 1.5 / np.prod(steps))
    scale = np.float32(cell**0.5) * sd_hu
    wide = np.sqrt(2.0) * reach_mm / steps

    def covariance(field: Singles) -> Singles:
        smooth = ndimage.gaussian_filter(scale * field, wide, mode="constant", truncate=TRUNCATE)
        return np.asarray(scale * smooth, dtype=np.float32)

    def system(flat: Singles) -> Singles:
        field = np.asarray(flat, dtype=np.float32).reshape(root.shape)
        return (field + root * covariance(root * field)).ravel()

    operator = LinearOperator((root.size, root.size), matvec=system, dtype=np.float32)
    goal = np.where(root > 0.0, root * seen_hu, 0.0).astype(np.float32).ravel()
    solution, _ = cg(operator, goal, rtol=TOLERANCE, maxiter=MOST_STEPS)
    texture = covariance(root * np.asarray(solution, dtype=np.float32).reshape(root.shape))
    near = reach_mm / steps
    known = ndimage.gaussian_filter(root**2, near, mode="constant", truncate=TRUNCATE)
    share = 1.0 - _unknown_share(cell * sd_hu**2 * known)
    well = root**2 > WELL_SEEN * float(root.max()) ** 2
    if not well.any():
        return texture, sd_hu
    away, nearest = ndimage.distance_transform_edt(~well, sampling=steps, return_indices=True)
    share = share[tuple(nearest)] * np.exp(-0.5 * (away / reach_mm) ** 2)
    return texture, (sd_hu * np.sqrt(1.0 - share)).astype(np.float32)


def kept_share(difference_hu: Singles, texture_hu: Singles) -> float:
    """How much of a texture known from one scan another one shows again.

    Parameters
    ----------
    difference_hu : ndarray, shape (n,)
        Of voxels of the other scan from the bone's level.
    texture_hu : ndarray, shape (n,)
        Their most probable texture from the first scan.

    Returns
    -------
    float
        Slope of the one over the other, 0 to 1: 1 of the same bone under the same kernel, 0 where
        nothing is seen again. What few voxels say is drawn towards 1.
    """
    prior = KEPT_SD**-2.0
    if difference_hu.size < LEAST_KEPT_VOXELS:
        return 1.0
    rest = difference_hu - np.median(difference_hu)
    spread = max(1.4826 * float(np.median(np.abs(rest))), 1.0)
    rest = np.clip(rest, -KEPT_LIMIT * spread, KEPT_LIMIT * spread)
    weight = 1.0 / (KEPT_SHARED * spread**2)
    texture = texture_hu - texture_hu.mean()
    slope = (prior + weight * float(texture @ rest)) / (prior + weight * float(texture @ texture))
    return float(np.clip(slope, 0.0, 1.0))


def _unknown_share(contrast: Singles) -> Singles:
    """Share of a texture's variance that noise of its own in every voxel leaves unknown.

    The contrast is the texture's power at the longest waves over that of the noise. Wave by wave
    noise leaves ``1 / (1 / texture + 1 / noise)``; over a Gaussian spectrum that is
    ``-Li(3/2, -contrast) / contrast``, here from its integral.
    """
    table = np.expm1(np.linspace(0.0, np.log1p(MOST_CONTRAST), 200))
    root = np.linspace(0.0, 6.0, 600)  # of the integral's variable, which keeps it smooth
    weight = 4.0 / np.sqrt(np.pi) * root**2
    share = np.trapezoid(weight / (np.exp(root**2) + table[:, None]), root, axis=1)
    return np.asarray(np.interp(contrast, table, share), dtype=np.float32)
