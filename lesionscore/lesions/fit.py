"""Fit a surface to the native voxels of one scan, blur and noise included (Gauss-Newton).

Model of a voxel: ``c * lesion + (1 - c) * (bone + field) + q * rim`` with ``c`` the share of its
signal that comes from inside the surface, ``q`` the share of a shell outside it, ``field`` and
``rim`` smooth unknowns. Unknown besides: the surface's displacement (few smooth patterns), the
lesion's level, the scan's blur. The posterior is taken as normal (Laplace).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lesionscore.lesions.boundary import boundary_integral
from lesionscore.lesions.fields import field_around
from lesionscore.lesions.noise import Noise
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import blurred_inside, signed_distance
from lesionscore.lesions.shape import ShapeBasis, Smoothness, shape_basis
from lesionscore.lesions.surface import Surface

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

HUBER = 2.5
STEPS = 8
LARGEST_STEP_MM = 1.5
OUTER_REACH_MM = 6.0
SHELL_MM = 2.0
BLUR_PROBE = 0.08
LEAST_GAIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What one scan says about a lesion's surface.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    bone_hu, bone_sd_hu : ndarray, shape (n_z, n_y, n_x)
        Expected values without the lesion, and the SD of their fine texture.
    bone_shared : float
        How much neighbours share that texture (see `Noise.shared`).
    noise : Noise
        Of the scan.
    lesion_hu, lesion_sd_hu : float
        Level of the lesion before looking at this scan, and its SD.
    field_sd_hu : float
        SD of the slowly varying error of the expected bone.
    rim_sd_hu : float
        SD of a layer of other density next to the surface; 0 leaves it out.
    blur_sd : float
        SD of the logarithm of the scan's blur; 0 keeps it.
    """

    patch: Patch
    bone_hu: Singles
    bone_sd_hu: Singles
    bone_shared: float
    noise: Noise
    lesion_hu: float
    lesion_sd_hu: float
    field_sd_hu: float = 0.0
    rim_sd_hu: float = 0.0
    blur_sd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceFit:
    """The most probable surface and how well it is known.

    Parameters
    ----------
    surface : Surface
        Most probable surface.
    base : Surface
        The start that `basis` displaces.
    basis : ShapeBasis
        Patterns of displacement.
    weights, covariance : ndarray, shape (n_patterns,) and (n_patterns, n_patterns)
        Most probable weights of the patterns and their covariance, all else integrated out.
    lesion_hu, lesion_sd_hu : float
        Fitted level.
    blur_factor : float
        Fitted blur relative to the patch's.
    misfit : float
        Minus logarithm of the posterior, up to a constant.
    """

    surface: Surface
    base: Surface
    basis: ShapeBasis
    weights: Floats
    covariance: Floats
    lesion_hu: float
    lesion_sd_hu: float
    blur_factor: float
    misfit: float
    rim_hu: float = 0.0

    def displacement_sd_mm(self) -> Floats:
        """SD of each vertex along its normal after the scan was looked at, shape (n,)."""
        patterns = self.basis.patterns_mm
        return np.sqrt(np.maximum(((patterns @ self.covariance) * patterns).sum(axis=1), 0.0))

    def draw(self, count: int, seed: int) -> Floats:
        """Vertices of surfaces drawn from the posterior, shape (count, n_vertices, 3), LPS."""
        rng = np.random.default_rng(seed)
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        steps = rng.standard_normal((count, len(values))) @ root.T
        normals, _ = self.base.vertex_normals()
        moves = steps @ self.basis.patterns_mm.T
        return np.asarray(self.surface.vertices_mm[None] + moves[:, :, None] * normals[None])


def fit_surface(
    start: Surface, evidence: Evidence, smoothness: Smoothness, steps: int = STEPS
) -> SurfaceFit:
    """Find the most probable surface near a start.

    Parameters
    ----------
    start : Surface
        Where to begin; also the middle of the prior.
    evidence : Evidence
        The scan.
    smoothness : Smoothness
        How far the surface may move, over what length.
    steps : int
        Gauss-Newton steps at most.

    Returns
    -------
    SurfaceFit
        The surface, its covariance, and how good it is.
    """
    problem = _Problem.make(start, evidence, smoothness)
    current = problem.evaluate(np.zeros(problem.size))
    damping = 1e-3
    for _ in range(steps):
        system, gradient = problem.normal_equations(current)
        gain = 0.0
        for _ in range(5):
            damped = system + damping * np.diag(np.diag(system))
            step = problem.limited(np.linalg.solve(damped, gradient))
            trial = problem.evaluate(current.unknowns + step)
            gain = problem.misfit(current, current) - problem.misfit(trial, current)
            if gain > 0:
                current = trial
                damping = max(damping / 4.0, 1e-6)
                break
            damping = max(damping * 8.0, 1e-2)
        if gain < LEAST_GAIN:
            break
    system, _ = problem.normal_equations(current)
    return problem.result(current, np.linalg.inv(system))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trial:
    """Unknowns with all that follows from them, on the problem's voxels."""

    unknowns: Floats
    surface: Surface
    cover: Singles
    shell: Singles
    residual: Singles
    precision: Singles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """Voxels, patterns and priors of one fit. Unknowns: patterns, lesion, blur, field, rim."""

    start: Surface
    normals: Floats
    basis: ShapeBasis
    evidence: Evidence
    rows: Indices
    values: Singles
    bone: Singles
    texture: Singles
    field: Singles
    rim: Singles
    prior_precision: Floats

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.prior_precision)

    @property
    def count(self) -> int:
        """Number of patterns of displacement."""
        return self.basis.patterns_mm.shape[1]

    @classmethod
    def make(cls, start: Surface, evidence: Evidence, smoothness: Smoothness) -> _Problem:
        """Choose voxels and patterns."""
        basis = shape_basis(start, smoothness)
        patch = evidence.patch
        reach = OUTER_REACH_MM if evidence.field_sd_hu > 0 else 3.5 * max(patch.blur_zyx_mm)
        distance = signed_distance(start, patch.grid, band_mm=reach + 0.5)
        rows = np.flatnonzero(distance.ravel() < reach)
        index = np.stack(np.unravel_index(rows, patch.grid.shape_zyx), axis=-1)
        positions = patch.grid.positions_mm(index)
        none = np.zeros((len(rows), 0), dtype=np.float32)
        field, rim = none, none
        near = distance.ravel()[rows] > -2.0
        if evidence.field_sd_hu > 0:
            field = field_around(positions[near]).patterns(positions)
        if evidence.rim_sd_hu > 0:
            close = near & (distance.ravel()[rows] < SHELL_MM + 1.0)
            rim = field_around(positions[close]).patterns(positions)
        spreads = [1.0] * basis.patterns_mm.shape[1]
        spreads += [evidence.lesion_sd_hu, max(evidence.blur_sd, 1e-3)]
        spreads += [evidence.field_sd_hu] * field.shape[1] + [evidence.rim_sd_hu] * rim.shape[1]
        return cls(
            start=start,
            normals=start.vertex_normals()[0],
            basis=basis,
            evidence=evidence,
            rows=rows,
            values=patch.values_hu.ravel()[rows],
            bone=evidence.bone_hu.ravel()[rows],
            texture=evidence.bone_sd_hu.ravel()[rows],
            field=field,
            rim=rim,
            prior_precision=np.asarray(spreads) ** -2.0,
        )

    def split(self, unknowns: Floats) -> tuple[Floats, float, float, Singles, Singles]:
        """Displacement weights, lesion level, blur factor, bone level and rim of the voxels."""
        n, k = self.count, self.field.shape[1]
        level = self.evidence.lesion_hu + float(unknowns[n])
        factor = float(np.exp(np.clip(unknowns[n + 1], -1.0, 1.0)))
        bone = self.bone + self.field @ unknowns[n + 2 : n + 2 + k].astype(np.float32)
        rim = self.rim @ unknowns[n + 2 + k :].astype(np.float32)
        return unknowns[:n], level, factor, bone, rim

    def cover(self, surface: Surface, factor: float) -> Singles:
        """Share of the lesion in the voxels."""
        patch = self.evidence.patch
        blur = tuple(factor * sd for sd in patch.blur_zyx_mm)
        everywhere = blurred_inside(surface, patch.grid, (blur[0], blur[1], blur[2]))
        return np.asarray(everywhere.ravel()[self.rows])

    def evaluate(self, unknowns: Floats) -> _Trial:
        """Model and misfit."""
        weights, level, factor, bone, rim = self.split(unknowns)
        moves = self.basis.patterns_mm @ weights
        surface = Surface(
            vertices_mm=self.start.vertices_mm + self.normals * moves[:, None],
            faces=self.start.faces,
        )
        cover = self.cover(surface, factor)
        shell = np.zeros_like(cover)
        model = bone + (level - bone) * cover
        if self.rim.shape[1]:
            outer = surface.displaced(np.full(len(moves), SHELL_MM))
            shell = np.maximum(self.cover(outer, factor) - cover, 0.0)
            model = model + shell * rim
        residual = self.values - model
        noise = self.evidence.noise
        texture = ((1.0 - cover) * self.texture) ** 2
        scaled = np.abs(residual) / np.sqrt(noise.sd_hu**2 + texture)
        effective = noise.effective_variance + self.evidence.bone_shared * texture
        precision = 1.0 / (effective * np.maximum(scaled / HUBER, 1.0))
        return _Trial(
            unknowns=unknowns,
            surface=surface,
            cover=cover,
            shell=shell,
            residual=residual,
            precision=precision.astype(np.float32),
        )

    def misfit(self, trial: _Trial, weigher: _Trial) -> float:
        """Half the weighted sum of squares, with the weights that another trial gives."""
        data = float((weigher.precision * trial.residual**2).sum(dtype=np.float64))
        return 0.5 * (data + float((self.prior_precision * trial.unknowns**2).sum()))

    def normal_equations(self, trial: _Trial) -> tuple[Floats, Floats]:
        """Gauss-Newton matrix and right-hand side."""
        n, k = self.count, self.field.shape[1]
        _, level, factor, bone, rim = self.split(trial.unknowns)
        patch = self.evidence.patch
        turned, areas = trial.surface.vertex_normals()
        facing = areas * np.maximum((turned * self.normals).sum(axis=1), 0.0)
        jacobian = np.zeros((len(self.rows), self.size), dtype=np.float32)
        row_of = np.full(int(np.prod(patch.grid.shape_zyx)), -1, dtype=np.int64)
        row_of[self.rows] = np.arange(len(self.rows))
        boundary_integral(
            patch.grid.index_zyx(trial.surface.vertices_mm),
            facing,
            self.basis.patterns_mm,
            patch.spacing_zyx_mm,
            tuple(factor * sd for sd in patch.blur_zyx_mm),
            row_of.reshape(patch.grid.shape_zyx),
            jacobian,
        )
        jacobian[:, :n] *= (level - bone - rim)[:, None]
        jacobian[:, n] = trial.cover
        if self.evidence.blur_sd > 0:
            wider = self.cover(trial.surface, factor * (1.0 + BLUR_PROBE))
            slope = (wider - trial.cover) / np.log1p(BLUR_PROBE)
            jacobian[:, n + 1] = slope * (level - bone - rim)
        jacobian[:, n + 2 : n + 2 + k] = (1.0 - trial.cover)[:, None] * self.field
        jacobian[:, n + 2 + k :] = trial.shell[:, None] * self.rim
        weighted = jacobian * trial.precision[:, None]
        system = (jacobian.T @ weighted).astype(np.float64)
        gradient = (weighted.T @ trial.residual).astype(np.float64)
        system[np.diag_indices(self.size)] += self.prior_precision
        gradient -= self.prior_precision * trial.unknowns
        return system, gradient

    def limited(self, step: Floats) -> Floats:
        """Shorten a step that would move a vertex too far at once."""
        moves = self.basis.patterns_mm @ step[: self.count]
        farthest = float(np.abs(moves).max()) if moves.size else 0.0
        return step * min(1.0, LARGEST_STEP_MM / max(farthest, 1e-9))

    def result(self, trial: _Trial, covariance: Floats) -> SurfaceFit:
        """The fit as others see it."""
        n = self.count
        weights, level, factor, _, rim = self.split(trial.unknowns)
        heavy = trial.shell > 0.3
        return SurfaceFit(
            surface=trial.surface,
            base=self.start,
            basis=self.basis,
            weights=weights,
            covariance=covariance[:n, :n],
            lesion_hu=level,
            lesion_sd_hu=float(np.sqrt(covariance[n, n])),
            blur_factor=factor,
            misfit=self.misfit(trial, trial),
            rim_hu=float(rim[heavy].mean()) if heavy.any() else 0.0,
        )


__all__ = ["Evidence", "SurfaceFit", "fit_surface", "replace"]
