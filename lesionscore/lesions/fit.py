"""Fit a surface to the native voxels of one scan, blur and noise included (Gauss-Newton).

Model of a voxel: ``c * lesion + (1 - c) * (bone + field) + q * rim`` with ``c`` the share of its
signal that comes from inside the surface, ``q`` the share of a shell outside it, ``field`` and
``rim`` smooth unknowns. Unknown besides: the surface's displacement (few smooth patterns), the
lesion's level, the scan's blur. The posterior is taken as normal (Laplace).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.lesions.boundary import boundary_integral
from lesionscore.lesions.evidence import SHELL_MM, Arena, Evidence, arena_around
from lesionscore.lesions.rasterise import FineInside
from lesionscore.lesions.shape import ShapeBasis
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.surface_fit import SurfaceFit

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

HUBER = 2.5
STEPS = 8
LARGEST_STEP_MM = 1.5
BLUR_PROBE = 0.08
LARGEST_BLUR_CHANGE = 0.35  # of the logarithm, three SDs; voxels and kernel leave no room for more
WIDE = 2.0  # width of the part that a sharp kernel takes away, relative to its point spread
LEAST_GAIN = 0.05
SCLEROSIS_SD_HU = 150.0


def fit_surface(
    start: ShapeBasis, evidence: Evidence, arena: Arena | None = None, *, steps: int = STEPS
) -> SurfaceFit:
    """Find the most probable surface near a start.

    Parameters
    ----------
    start : ShapeBasis
        Where to begin, also the middle of the prior, and how far the surface may move.
    evidence : Evidence
        The scan.
    arena : Arena, optional
        Its voxels are explained, instead of those around the start.
    steps : int
        Gauss-Newton steps at most.

    Returns
    -------
    SurfaceFit
        The surface, its covariance, and how good it is.
    """
    problem = _Problem.make(start, evidence, arena or arena_around(start.surface, evidence))
    current = problem.evaluate(np.zeros(problem.size))
    damping = 1e-3
    for _ in range(steps):
        system, gradient = problem.normal_equations(current)
        gain = 0.0
        for _ in range(5):
            damped = system + damping * np.diag(np.diag(system))
            step = problem.limited(np.asarray(np.linalg.solve(damped, gradient), dtype=np.float64))
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
    return problem.result(current, np.asarray(np.linalg.inv(system), dtype=np.float64))


def cost_without_lesion(evidence: Evidence, arena: Arena) -> float:
    """Minus logarithm of the probability of what is seen if no lesion is there.

    Parameters
    ----------
    evidence : Evidence
        The scan.
    arena : Arena
        The place that is explained, as in `fit_surface`.

    Returns
    -------
    float
        To be compared with `SurfaceFit.cost` of a fit on the same arena and evidence.
    """
    problem = _Problem.make(ShapeBasis.fixed(arena.surface), evidence, arena)
    filled = problem.cover(arena.surface, 1.0)[:, None]
    patterns = np.concatenate([arena.field, filled], axis=1)
    prior = (
        np.r_[np.full(arena.field.shape[1], max(evidence.field_sd_hu, 1e-3)), SCLEROSIS_SD_HU]
        ** -2.0
    )
    costs = []
    for count in (len(prior) - 1, len(prior)):  # normal bone, or bone denser than before
        used, weight = patterns[:, :count], np.zeros(count)
        system = np.diag(prior[:count])
        for _ in range(4):
            trial = problem.without_lesion(used @ weight.astype(np.float32))
            weighted = used * trial.precision[:, None]
            system = (used.T @ weighted).astype(np.float64)
            system[np.diag_indices(count)] += prior[:count]
            gradient = (weighted.T @ trial.residual).astype(np.float64) - prior[:count] * weight
            weight += np.linalg.solve(system, gradient)
            if count == len(prior):
                weight[-1] = max(weight[-1], 0.0)  # less dense would be a lesion
        trial = problem.without_lesion(used @ weight.astype(np.float32))
        penalty = 0.5 * float((prior[:count] * weight**2).sum())
        costs.append(trial.surprise + penalty + _occam(system, prior[:count]))
    return min(costs)


def _occam(system: Floats, prior: Floats) -> float:
    """Half the logarithm of how much narrower the posterior is than the prior."""
    return 0.5 * float(np.linalg.slogdet(system)[1] - np.log(prior).sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trial:
    """Unknowns with all that follows from them, on the problem's voxels."""

    unknowns: Floats
    surface: Surface
    inside: FineInside | None
    narrow: Singles
    wide: Singles
    cover: Singles
    shell: Singles
    residual: Singles
    precision: Singles
    surprise: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """Voxels, patterns and priors of one fit.

    Unknowns, in order: patterns, lesion, blur, kernel, field, rim.
    """

    start: ShapeBasis
    evidence: Evidence
    arena: Arena
    values: Singles
    bone: Singles
    texture: Singles
    prior_precision: Floats

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.prior_precision)

    @property
    def count(self) -> int:
        """Number of patterns of displacement."""
        return int(self.start.patterns_mm.shape[1])

    @classmethod
    def make(cls, start: ShapeBasis, evidence: Evidence, arena: Arena) -> _Problem:
        """Gather the voxels' values and what is known before looking at them."""
        spreads = [1.0] * start.patterns_mm.shape[1]
        spreads += [evidence.lesion_sd_hu, max(evidence.blur_sd, 1e-3)]
        spreads += [max(evidence.sharpening_sd, 1e-3)]
        spreads += [evidence.field_sd_hu] * arena.field.shape[1]
        spreads += [evidence.rim_sd_hu] * arena.rim.shape[1]
        return cls(
            start=start,
            evidence=evidence,
            arena=arena,
            values=evidence.patch.values_hu.ravel()[arena.rows],
            bone=evidence.bone_hu.ravel()[arena.rows],
            texture=evidence.bone_sd_hu.ravel()[arena.rows],
            prior_precision=np.asarray(spreads) ** -2.0,
        )

    def precisions(self, unknowns: Floats) -> Floats:
        """Prior precision of each unknown: a rim's depends on its sign."""
        loss_sd, rims = self.evidence.rim_loss_sd_hu, self.arena.rim.shape[1]
        if loss_sd is None or rims == 0:
            return self.prior_precision
        precision = self.prior_precision.copy()
        lost = self.evidence.rim_hu + unknowns[-rims:] < 0.0
        precision[-rims:][lost] = loss_sd**-2.0
        return precision

    def split(self, unknowns: Floats) -> tuple[Floats, float, float, Singles, Singles]:
        """Displacement weights, lesion level, blur factor, bone level and rim of the voxels."""
        n, k = self.count, self.arena.field.shape[1]
        level = self.evidence.lesion_hu + float(unknowns[n])
        factor = float(np.exp(np.clip(unknowns[n + 1], -LARGEST_BLUR_CHANGE, LARGEST_BLUR_CHANGE)))
        bone = self.bone + self.arena.field @ unknowns[n + 3 : n + 3 + k].astype(np.float32)
        rim = self.evidence.rim_hu + self.arena.rim @ unknowns[n + 3 + k :].astype(np.float32)
        return unknowns[:n], level, factor, bone, rim

    def cover(self, surface: Surface, factor: float) -> Singles:
        """Share of the lesion in the voxels, with a Gaussian point spread."""
        blur = self.blur(factor)
        return self.blurred(FineInside.of(surface, self.evidence.patch.grid, blur), blur)

    def blurred(self, inside: FineInside, blur: tuple[float, float, float]) -> Singles:
        """Share of a rasterised surface in the voxels."""
        return np.asarray(inside.blurred(blur).ravel()[self.arena.rows])

    def blur(self, factor: float, in_plane: float = 1.0) -> tuple[float, float, float]:
        """SD of the point spread along z, y, x, mm."""
        z, y, x = (factor * sd for sd in self.evidence.patch.blur_zyx_mm)
        return z, in_plane * y, in_plane * x

    @property
    def has_kernel(self) -> bool:
        """Whether the kernel's edge enhancement is modelled."""
        return self.evidence.sharpening_sd > 0 or self.evidence.sharpening != 0

    def evaluate(self, unknowns: Floats) -> _Trial:
        """Model and misfit."""
        weights, level, factor, bone, rim = self.split(unknowns)
        surface = self.start.displaced(weights)
        room = self.blur(factor * (1.0 + BLUR_PROBE), WIDE if self.has_kernel else 1.0)
        inside = FineInside.of(surface, self.evidence.patch.grid, room)
        narrow = wide = cover = self.blurred(inside, self.blur(factor))
        if self.has_kernel:
            wide = self.blurred(inside, self.blur(factor, WIDE))
            sharpening = self.evidence.sharpening + float(unknowns[self.count + 2])
            cover = narrow + np.float32(sharpening) * (narrow - wide)
        shell = np.zeros_like(cover)
        model = bone + (level - bone) * cover
        if self.arena.rim.shape[1]:
            outer = surface.displaced(np.full(len(surface.vertices_mm), SHELL_MM))
            shell = np.clip(self.cover(outer, factor) - cover, 0.0, 1.0)
            model = model + shell * rim
        return self.trial(unknowns, surface, inside, narrow, wide, cover, shell, model)

    def without_lesion(self, added_hu: Singles) -> _Trial:
        """Model and misfit with bone everywhere, by so much denser than expected."""
        none = np.zeros_like(self.bone)
        unknowns = np.zeros(self.size)
        model = self.bone + added_hu
        return self.trial(unknowns, self.start.surface, None, none, none, none, none, model)

    def trial(
        self,
        unknowns: Floats,
        surface: Surface,
        inside: FineInside | None,
        narrow: Singles,
        wide: Singles,
        cover: Singles,
        shell: Singles,
        model: Singles,
    ) -> _Trial:
        """Weigh the voxels by noise and by the texture that the model leaves open."""
        residual = self.values - model
        noise = self.evidence.noise
        texture = (np.clip(1.0 - cover, 0.0, 1.0) * self.texture) ** 2
        variance = noise.sd_hu**2 + texture
        scaled = np.abs(residual) / np.sqrt(variance)
        effective = noise.effective_variance + self.evidence.bone_shared * texture
        precision = 1.0 / (effective * np.maximum(scaled / HUBER, 1.0))
        return _Trial(
            unknowns=unknowns,
            surface=surface,
            inside=inside,
            narrow=narrow,
            wide=wide,
            cover=cover,
            shell=shell,
            residual=residual,
            precision=precision.astype(np.float32),
            surprise=self.surprise(scaled, variance),
        )

    def surprise(self, scaled: Singles, variance: Singles) -> float:
        """Minus logarithm of the probability of the residuals, by the noise alone as unit.

        A voxel counts by how much of it is independent of its neighbours, the same in every
        model, so that models compare.
        """
        noise, texture = self.evidence.noise, self.texture**2
        shared = max(noise.shared, 1.0) * noise.sd_hu**2 + self.evidence.bone_shared * texture
        independent = (noise.sd_hu**2 + texture) / shared
        loss = np.where(scaled < HUBER, 0.5 * scaled**2, HUBER * (scaled - 0.5 * HUBER))
        loss = loss + 0.5 * np.log(variance / noise.sd_hu**2)
        return float((np.minimum(independent, 1.0) * loss).sum(dtype=np.float64))

    def misfit(self, trial: _Trial, weigher: _Trial) -> float:
        """Half the weighted sum of squares, with the weights that another trial gives."""
        data = float((weigher.precision * trial.residual**2).sum(dtype=np.float64))
        return 0.5 * (data + float((self.precisions(trial.unknowns) * trial.unknowns**2).sum()))

    def normal_equations(self, trial: _Trial) -> tuple[Floats, Floats]:
        """Gauss-Newton matrix and right-hand side."""
        n, k = self.count, self.arena.field.shape[1]
        _, level, factor, bone, rim = self.split(trial.unknowns)
        patch = self.evidence.patch
        turned, areas = trial.surface.vertex_normals()
        facing = areas * np.maximum((turned * self.start.normals).sum(axis=1), 0.0)
        jacobian = np.zeros((len(self.values), self.size), dtype=np.float32)
        boundary_integral(
            patch.grid.index_zyx(trial.surface.vertices_mm),
            facing,
            self.start.patterns_mm,
            patch.spacing_zyx_mm,
            tuple(factor * sd for sd in patch.blur_zyx_mm),
            self.arena.row_of,
            jacobian,
        )
        # all scaled by the voxels' weights, so that the matrix is a product with itself
        weight = np.sqrt(trial.precision)
        step = (level - bone - rim) * weight
        jacobian[:, :n] *= step[:, None]
        jacobian[:, n] = trial.cover * weight
        if self.evidence.blur_sd > 0 and trial.inside is not None:
            wider = self.blurred(trial.inside, self.blur(factor * (1.0 + BLUR_PROBE)))
            slope = (wider - trial.narrow) / np.log1p(BLUR_PROBE)
            jacobian[:, n + 1] = slope * step
        if self.evidence.sharpening_sd > 0:
            # cover = narrow + a * (narrow - wide)
            sharpening = self.evidence.sharpening + float(trial.unknowns[n + 2])
            change = (trial.cover - trial.wide) / np.float32(1.0 + sharpening)
            jacobian[:, n + 2] = change * step
        outside = ((1.0 - trial.cover) * weight)[:, None]
        np.multiply(outside, self.arena.field, out=jacobian[:, n + 3 : n + 3 + k])
        shell = (trial.shell * weight)[:, None]
        np.multiply(shell, self.arena.rim, out=jacobian[:, n + 3 + k :])
        system = (jacobian.T @ jacobian).astype(np.float64)
        gradient = (jacobian.T @ (trial.residual * weight)).astype(np.float64)
        prior = self.precisions(trial.unknowns)
        system[np.diag_indices(self.size)] += prior
        gradient -= prior * trial.unknowns
        return system, gradient

    def limited(self, step: Floats) -> Floats:
        """Shorten a step that would move a vertex too far at once."""
        moves = self.start.patterns_mm @ step[: self.count]
        farthest = float(np.abs(moves).max()) if moves.size else 0.0
        return step * min(1.0, LARGEST_STEP_MM / max(farthest, 1e-9))

    def result(self, trial: _Trial, covariance: Floats) -> SurfaceFit:
        """The fit as others see it."""
        n = self.count
        weights, level, factor, _, rim = self.split(trial.unknowns)
        heavy = trial.shell > 0.3
        return SurfaceFit(
            surface=trial.surface,
            basis=self.start,
            weights=weights,
            covariance=covariance[:n, :n],
            lesion_hu=level,
            lesion_sd_hu=float(np.sqrt(covariance[n, n])),
            blur_factor=factor,
            sharpening=self.evidence.sharpening + float(trial.unknowns[n + 2]),
            misfit=self.misfit(trial, trial),
            cost=trial.surprise
            + 0.5 * float((self.precisions(trial.unknowns) * trial.unknowns**2).sum())
            + _occam(
                np.asarray(np.linalg.inv(covariance), dtype=np.float64),
                self.precisions(trial.unknowns),
            ),
            rim_prior_hu=self.evidence.rim_hu,
            rim_hu=float(rim[heavy].mean()) if heavy.any() else 0.0,
        )
