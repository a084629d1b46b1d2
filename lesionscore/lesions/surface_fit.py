"""The most probable surface of a lesion on one scan, and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.lesions.shape import ShapeBasis
from lesionscore.lesions.surface import Surface

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceFit:
    """The most probable surface and how well it is known.

    Parameters
    ----------
    surface : Surface
        Most probable surface.
    basis : ShapeBasis
        The start and its patterns of displacement.
    weights, covariance : ndarray, shape (n_patterns,) and (n_patterns, n_patterns)
        Most probable weights of the patterns and their covariance, all else integrated out.
    lesion_hu, lesion_sd_hu : float
        Fitted level.
    blur_factor, sharpening : float
        Fitted blur relative to the patch's, and edge enhancement.
    misfit : float
        Minus logarithm of the posterior, up to a constant.
    cost : float
        Minus logarithm of the probability of what is seen (Laplace), up to a constant that all
        fits on the same arena and evidence share.
    """

    surface: Surface
    basis: ShapeBasis
    weights: Floats
    covariance: Floats
    lesion_hu: float
    lesion_sd_hu: float
    blur_factor: float
    sharpening: float
    misfit: float
    cost: float
    rim_hu: float = 0.0
    rim_prior_hu: float = 0.0

    @property
    def open_share(self) -> float:
        """How much of the freedom that its patterns had the scan left open, 0 to 1."""
        left = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        return float(left.mean()) if left.size else 0.0

    def displacement_sd_mm(self) -> Floats:
        """SD of each vertex along its normal after the scan was looked at, shape (n,)."""
        patterns = self.basis.patterns_mm
        variance = ((patterns @ self.covariance) * patterns).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def draw(self, count: int, seed: int) -> Floats:
        """Vertices of surfaces drawn from the posterior, shape (count, n_vertices, 3), LPS."""
        rng = np.random.default_rng(seed)
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        steps = rng.standard_normal((count, len(values))) @ root.T
        moves = steps @ self.basis.patterns_mm.T
        return np.asarray(
            self.surface.vertices_mm[None] + moves[:, :, None] * self.basis.normals[None]
        )
