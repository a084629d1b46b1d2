"""One rigid fit: sampled points of the fixed scan, a spline image of the moving scan.

Gauss-Newton with fixed gradients (inverse compositional, [1]_), a gain and a level for the
scanners' difference, and weights that fall with the residual, so that what changed or moved
otherwise drops out. Which points there are, and how much each weighs, is decided elsewhere.

References
----------
.. [1] S. Baker, I. Matthews: Lucas-Kanade 20 years on. Int J Comput Vis 56 (2004) 221-255.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lesionscore.registration.kernels import fit
from lesionscore.registration.scan import SplineImage

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Points of the fixed scan that take part in a fit.

    Parameters
    ----------
    positions_mm : ndarray, shape (n, 3)
        LPS positions.
    values : ndarray, shape (n,)
        Windowed HU.
    gradients : ndarray, shape (n, 3)
        HU per mm.
    weights : ndarray, shape (n,)
        How much each point counts, 0 to 1, before its residual is known.
    centre_mm : ndarray, shape (3,)
        The point about which turns are measured.
    """

    positions_mm: Floats
    values: Floats
    gradients: Floats
    weights: Floats
    centre_mm: Floats

    def with_weights(self, weights: Floats) -> Samples:
        """The same points, weighing otherwise."""
        return replace(self, weights=weights)

    def chosen(self, which: npt.NDArray[np.bool_]) -> Samples:
        """Only some of the points."""
        return replace(
            self,
            positions_mm=np.ascontiguousarray(self.positions_mm[which]),
            values=np.ascontiguousarray(self.values[which]),
            gradients=np.ascontiguousarray(self.gradients[which]),
            weights=np.ascontiguousarray(self.weights[which]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRule:
    """How a fit is done.

    ``slack_mm`` is the position error that edges are granted (their residual grows with the
    gradient whatever the noise); ``shift_sd_mm`` and ``turn_sd_rad`` are how far from the start
    the answer is expected.
    """

    noise_hu: float = 30.0
    slack_mm: float = 0.15
    shift_sd_mm: float = 5.0
    turn_sd_rad: float = 0.1
    max_step_mm: float = 4.0
    outlier: float = 3.0
    iterations: int = 30
    tolerance_mm: float = 0.005

    @property
    def noise_model(self) -> Floats:
        """The numbers that residuals are judged by, as the kernel takes them."""
        return np.array([self.noise_hu, self.slack_mm, self.outlier])

    @property
    def limits(self) -> Floats:
        """The numbers that bound the motion, as the kernel takes them."""
        return np.array(
            [
                self.turn_sd_rad,
                self.shift_sd_mm,
                self.max_step_mm,
                self.iterations,
                self.tolerance_mm,
            ]
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RigidFit:
    """Result of a fit.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        ``moving_from_fixed``, LPS, mm.
    correlation : float
        Weighted correlation of the two scans at the samples.
    covered : float
        Share of the samples' weight that lies inside the moving scan.
    gain, level_hu : float
        The moving scan's brightness in terms of the fixed one's.
    noise_factor : float
        Noise found, in units of the rule's model.
    moving_values, final_weights : ndarray, shape (n,)
        Moving scan at the samples, and the weight (in 1/HU^2) each sample ended with.
    converged : bool
        Whether the last step was below the tolerance.
    """

    matrix: Floats
    correlation: float
    covered: float
    gain: float
    level_hu: float
    noise_factor: float
    moving_values: Floats
    final_weights: Floats
    converged: bool


def fit_rigid(samples: Samples, target: SplineImage, start: Floats, rule: FitRule) -> RigidFit:
    """Move the samples rigidly until the target fits, beginning at `start` (4, 4)."""
    matrix, state, moving, final = fit(
        target.coefficients,
        target.index_from_mm,
        samples.positions_mm,
        samples.values,
        samples.gradients,
        samples.weights,
        samples.centre_mm,
        np.ascontiguousarray(start[:3]),
        rule.noise_model,
        rule.limits,
    )
    return RigidFit(
        matrix=np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]]),
        correlation=float(state[4]),
        covered=float(state[5]),
        gain=float(state[0]),
        level_hu=float(state[1]),
        noise_factor=float(state[2]),
        moving_values=moving,
        final_weights=final,
        converged=bool(state[3]),
    )
