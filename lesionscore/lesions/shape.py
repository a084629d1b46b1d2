"""What shapes are likely: smooth outward displacements of a surface, as a Gaussian process.

A displacement is a sum of few smooth patterns, each with a standard normal weight. Patterns
come from the covariance between points of the surface: near points with like normals move
together. Nothing here assumes that a lesion is star-shaped, or in one piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from lesionscore.lesions.surface import Surface

Floats = npt.NDArray[np.float64]
Points = tuple[Floats, Floats, Floats]
"""Positions and normals, shape (n, 3), and freedom of waves, shape (n,)."""
CONTROL_POINTS = (80, 320)
PATTERNS = 90
KEPT_VARIANCE = 0.995


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothness:
    """How far, and over what length, a surface may depart from its start.

    Each component is a standard deviation and a length, both in mm; a length of infinity is a
    shift of the whole surface along its normals.
    """

    components: tuple[tuple[float, float], ...]

    def scaled(self, factor: float) -> Smoothness:
        """Same lengths, other amplitudes."""
        return Smoothness(components=tuple((sd * factor, ell) for sd, ell in self.components))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapeBasis:
    """A surface and the ways it may move: patterns of displacement along its normals.

    Parameters
    ----------
    surface : Surface
        Not displaced.
    normals : ndarray, shape (n_vertices, 3)
        Its outward unit normals.
    patterns_mm : ndarray, shape (n_vertices, n_patterns)
        Outward displacement of every vertex for a weight of one.
    prior_sd_mm : ndarray, shape (n_vertices,)
        SD of the displacement before any image is looked at.
    """

    surface: Surface
    normals: Floats
    patterns_mm: Floats
    prior_sd_mm: Floats

    @classmethod
    def fixed(cls, surface: Surface) -> ShapeBasis:
        """A surface that does not move."""
        count = len(surface.vertices_mm)
        return cls(
            surface=surface,
            normals=surface.vertex_normals()[0],
            patterns_mm=np.zeros((count, 0)),
            prior_sd_mm=np.zeros(count),
        )

    def displaced(self, weights: Floats) -> Surface:
        """Surface for the patterns' weights, shape (n_patterns,)."""
        moves = self.patterns_mm @ weights
        return Surface(
            vertices_mm=self.surface.vertices_mm + self.normals * moves[:, None],
            faces=self.surface.faces,
        )


def shape_basis(
    surface: Surface, smoothness: Smoothness, freedom: Floats | None = None
) -> ShapeBasis:
    """Patterns of a surface's displacement under a Gaussian process.

    Parameters
    ----------
    surface : Surface
        The surface that is displaced along its normals.
    smoothness : Smoothness
        Amplitudes and lengths.
    freedom : ndarray, shape (n_vertices,), optional
        What every vertex' waves are multiplied by; a shift of the whole surface is not.

    Returns
    -------
    ShapeBasis
        At most `PATTERNS` patterns, the strongest first.
    """
    normals, _ = surface.vertex_normals()
    points = np.ascontiguousarray(surface.vertices_mm)
    chosen = _farthest_points(points, _control_points(surface, smoothness))
    free = np.ones(len(points)) if freedom is None else freedom
    all_of_it, few = (points, normals, free), (points[chosen], normals[chosen], free[chosen])
    within = _covariance(few, few, smoothness)
    values, vectors = np.linalg.eigh(within)
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    share = np.cumsum(np.maximum(values, 0)) / max(np.maximum(values, 0).sum(), 1e-12)
    count = int(min(np.searchsorted(share, KEPT_VARIANCE) + 1, PATTERNS, (values > 1e-9).sum()))
    towards = _covariance(all_of_it, few, smoothness)
    patterns = towards @ (vectors[:, :count] / np.sqrt(values[:count]))
    return ShapeBasis(
        surface=surface,
        normals=normals,
        patterns_mm=patterns,
        prior_sd_mm=np.sqrt((patterns**2).sum(axis=1)),
    )


def _control_points(surface: Surface, smoothness: Smoothness) -> int:
    """As many points as lie half the shortest length apart."""
    shortest_mm = min(length for _, length in smoothness.components)
    wanted = 0.0
    if np.isfinite(shortest_mm):
        wanted = surface.area_mm2 / (np.sqrt(0.75) * (0.5 * shortest_mm) ** 2)
    return min(int(np.clip(wanted, *CONTROL_POINTS)), len(surface.vertices_mm))


def _covariance(one: Points, other: Points, smoothness: Smoothness) -> Floats:
    """Covariance of displacements between two sets of points; opposite walls move freely."""
    (a, normals_a, free_a), (b, normals_b, free_b) = one, other
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * (a @ b.T)
    squared = np.maximum(squared, 0.0)
    alike = 0.5 * (1.0 + normals_a @ normals_b.T) * np.outer(free_a, free_b)
    total = np.zeros_like(squared)
    for deviation, length in smoothness.components:
        if np.isinf(length):
            total += deviation**2
        else:
            total += deviation**2 * np.exp(-0.5 * squared / length**2) * alike
    return np.asarray(total)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _farthest_points(points: Floats, count: int) -> npt.NDArray[np.int64]:
    """Points spread evenly over a set: each is the farthest from those before it."""
    n = points.shape[0]
    chosen = np.empty(count, dtype=np.int64)
    nearest = np.full(n, 1e30)
    current = 0
    for k in range(count):
        chosen[k] = current
        best = -1.0
        following = 0
        for i in range(n):
            d = (
                (points[i, 0] - points[current, 0]) ** 2
                + (points[i, 1] - points[current, 1]) ** 2
                + (points[i, 2] - points[current, 2]) ** 2
            )
            nearest[i] = min(nearest[i], d)
            if nearest[i] > best:
                best = nearest[i]
                following = i
        current = following
    return chosen
