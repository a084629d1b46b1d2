"""The lesion's edge: density of shells around its surface, and what has become denser.

Sclerosis is judged voxel by voxel against what the same bone showed at inclusion, the scanner's
drift removed, so neither shrinkage by normal bone nor drift can pass for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import coverage, signed_distance
from lesionscore.lesions.records import LesionEdge
from lesionscore.lesions.surface import Surface
from lesionscore.protocol.rules import EdgeRule

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

REFERENCE_MM = (5.0, 13.0)  # distance from the surface: the same bone, beyond any rim
FLAT_HU_PER_MM = 40.0  # steeper places show the alignment's error, not the scanner's drift
BODY_HU = (-150.0, 700.0)
LEAST_REFERENCE_VOXELS = 40
LEAST_SHELL_VOXELS = 12
TISSUE_MM3 = 125.0  # volume of a piece of tissue whose change is one of its own
USUAL_DRIFT_HU = 10.0
LARGEST_DRIFT_HU = 40.0
LOCAL_DRIFT_HU = 4.0  # of one place of a scan against the whole scan
PLACE_SD_HU = 15.0  # of a shell's mean from one place and scan to the next, on phantoms
BROKEN_PLACE_SD_HU = 42.0  # the same where a cut cortex makes up much of the shell
SHARED_VOXELS_MM3 = 8.0  # volume over which trabecular texture goes together
LEAST_SHARE = 0.25
UNSHARPNESS_MM = 0.3  # of a steep place's own slope: another kernel, or a shift unseen
CORTEX_MM = 3.5  # cortex and its blur: dense again where a lesion had broken it, without sclerosis
BROKEN_CORTEX_MM = 7.0
FORMER_MARGIN_MM = 0.7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpectedBone:
    """What a visit's voxels would show if the lesion were gone and nothing else had changed.

    Parameters
    ----------
    level_hu, spread_hu : ndarray, shape (n_z, n_y, n_x), float32
        HU at inclusion carried to the visit, and SD.
    is_bone : ndarray, shape (n_z, n_y, n_x), bool
        Within the bone's own outline.
    """

    level_hu: Singles
    spread_hu: Singles
    is_bone: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Shells:
    """Mean HU of the outer and inner shell and of reference bone on one scan."""

    rim_hu: float
    inner_hu: float | None
    reference_hu: float | None
    reference_sd_hu: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellExcess:
    """How much denser than expected the shell around a lesion is, and SD without its place's."""

    hu: float
    sd_hu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Offset of a scan's HU against inclusion, and its SD."""

    hu: float
    sd_hu: float

    def combined(self, other: Drift) -> Drift:
        """What both say together, each by its certainty."""
        mine, others = self.sd_hu**-2.0, other.sd_hu**-2.0
        total = mine + others
        return Drift(hu=(mine * self.hu + others * other.hu) / total, sd_hu=total**-0.5)


NO_DRIFT = Drift(hu=0.0, sd_hu=USUAL_DRIFT_HU)
"""What is known of a scanner's drift before looking."""


def drift_around(patch: Patch, carried: Surface, expected: ExpectedBone) -> Drift | None:
    """Offset of a scan against inclusion, from the bone around one lesion.

    Parameters
    ----------
    patch : Patch
        The visit's voxels.
    carried : Surface
        The inclusion surface on the visit.
    expected : ExpectedBone
        The inclusion's values on the visit's voxels.

    Returns
    -------
    Drift or None
        Median difference, and how well it is known; None where too little bone is in view.
    """
    away = signed_distance(carried, patch.grid, band_mm=REFERENCE_MM[1] + 1.0)
    chosen = (away > REFERENCE_MM[0]) & (away < REFERENCE_MM[1]) & expected.is_bone
    chosen &= (expected.level_hu > BODY_HU[0]) & (expected.level_hu < BODY_HU[1])
    slopes = np.gradient(expected.level_hu, *patch.spacing_zyx_mm)
    chosen &= np.sqrt(sum(slope**2 for slope in slopes)) < FLAT_HU_PER_MM
    if int(chosen.sum()) < LEAST_REFERENCE_VOXELS:
        return None
    difference = (patch.values_hu - expected.level_hu)[chosen]
    middle = float(np.median(difference))
    spread = 1.4826 * float(np.median(np.abs(difference - middle)))
    tissues = max(float(chosen.sum()) * float(np.prod(patch.spacing_zyx_mm)) / TISSUE_MM3, 1.0)
    return Drift(hu=middle, sd_hu=float(np.hypot(spread / tissues**0.5, LOCAL_DRIFT_HU)))


def scan_drift(around: Sequence[Drift | None]) -> Drift:
    """Drift of a whole scan from what was seen around each lesion.

    Parameters
    ----------
    around : sequence of Drift or None
        From `drift_around`, one per lesion.

    Returns
    -------
    Drift
        The median over the lesions, drawn towards none by as much as it is uncertain and never
        beyond `LARGEST_DRIFT_HU`; its SD is that of one place of the scan.
    """
    seen = [drift for drift in around if drift is not None]
    if not seen:
        return NO_DRIFT
    middle = float(np.median([drift.hu for drift in seen]))
    typical = float(np.median([drift.sd_hu for drift in seen]))
    pooled = NO_DRIFT.combined(Drift(hu=middle, sd_hu=typical / len(seen) ** 0.5))
    return Drift(
        hu=float(np.clip(pooled.hu, -LARGEST_DRIFT_HU, LARGEST_DRIFT_HU)),
        sd_hu=float(np.hypot(pooled.sd_hu, LOCAL_DRIFT_HU)),
    )


def measure_shells(patch: Patch, carried: Surface, is_bone: Flags, rule: EdgeRule) -> Shells:
    """Mean HU of the shells around the inclusion surface on one scan, as measured.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    carried : Surface
        The inclusion surface on this scan.
    is_bone : ndarray, shape (n_z, n_y, n_x), bool
        Within the bone's outline; soft tissue outside a breach is no rim.
    rule : EdgeRule
        Thickness of the shells.
    """
    away = signed_distance(carried, patch.grid, band_mm=REFERENCE_MM[1] + 1.0)
    outer = (away > 0) & (away <= rule.outer_shell_mm) & is_bone
    inner = (away <= 0) & (away > -rule.inner_shell_mm)
    reference = (away > REFERENCE_MM[0]) & (away < REFERENCE_MM[1]) & is_bone
    spongy = reference & (patch.values_hu < BODY_HU[1])
    enough = int(spongy.sum()) >= LEAST_REFERENCE_VOXELS
    return Shells(
        rim_hu=float(patch.values_hu[outer].mean()) if outer.any() else float("nan"),
        inner_hu=float(patch.values_hu[inner].mean()) if inner.any() else None,
        reference_hu=float(np.median(patch.values_hu[spongy])) if enough else None,
        reference_sd_hu=float(patch.values_hu[spongy].std()) if enough else None,
    )


def inclusion_edge(shells: Shells) -> LesionEdge | None:
    """Edge at inclusion, which later visits are compared with; None without a shell of bone."""
    if not np.isfinite(shells.rim_hu):
        return None
    reference = shells.reference_hu
    return LesionEdge(
        rim_hu=shells.rim_hu,
        inner_hu=shells.inner_hu,
        reference_hu=reference,
        reference_sd_hu=shells.reference_sd_hu,
        drift_hu=0.0,
        sclerosis_hu=None if reference is None else shells.rim_hu - reference,
    )


def visit_edge(
    patch: Patch,
    carried: Surface,
    current: Surface | None,
    lesion_hu: float,
    expected: ExpectedBone,
    drift_hu: float,
    inclusion: LesionEdge | None,
    rule: EdgeRule,
    *,
    cortex_broken: bool = False,
    compact_sd_hu: float = 0.0,
    rim_before_hu: float = 0.0,
) -> LesionEdge | None:
    """Edge of a lesion at a visit against inclusion.

    Parameters
    ----------
    patch : Patch
        The visit's voxels.
    carried : Surface
        The inclusion surface on the visit.
    current : Surface or None
        What is left of the lesion; None where nothing is.
    lesion_hu : float
        Level of what is left.
    expected : ExpectedBone
        The inclusion's bone on the visit's voxels.
    drift_hu : float
        Of the scan near the lesion.
    inclusion : LesionEdge or None
        The edge at inclusion.
    rule : EdgeRule
        Thickness of the shells.
    cortex_broken : bool
        The lesion had broken the cortex at inclusion.
    compact_sd_hu : float
        SD of a compact bone, where any of its densities may come back in a healing lesion.
    rim_before_hu : float
        Excess of the rim that the lesion had at inclusion, where `expected` is bone without it:
        a rim that moves along with the edge is no increase.

    Returns
    -------
    LesionEdge or None
        None where too little of the shell is bone.

    Notes
    -----
    A voxel with a share *c* of lesion shows ``c * lesion + (1 - c) * (bone + sclerosis)``. The
    sclerosis of the shell is the weighted least-squares value over its voxels; beside cortex, where
    another kernel alone changes what is seen, they count little, and over the outer half of the
    shell ever less: a rim sits next to the lesion. The shell is that around what is left; of a
    lesion that is gone, its whole place and the shell around it.
    """
    shells = measure_shells(patch, carried, expected.is_bone, rule)
    edge = inclusion_edge(shells)
    if edge is None or inclusion is None:
        return edge
    excess = shell_excess(
        patch, carried, current, lesion_hu, expected, drift_hu, rule, cortex_broken=cortex_broken
    )
    if excess is None:
        return edge
    place_sd = BROKEN_PLACE_SD_HU if cortex_broken else PLACE_SD_HU
    change_sd = math.sqrt(excess.sd_hu**2 + place_sd**2 + compact_sd_hu**2)
    rim_change = shells.rim_hu - inclusion.rim_hu - drift_hu
    return LesionEdge(
        rim_hu=shells.rim_hu,
        inner_hu=shells.inner_hu,
        reference_hu=shells.reference_hu,
        reference_sd_hu=shells.reference_sd_hu,
        drift_hu=drift_hu,
        rim_hu_change=rim_change,
        rim_z=rim_change / change_sd,
        sclerosis_hu=edge.sclerosis_hu,
        sclerosis_change_hu=excess.hu - rim_before_hu,
        sclerosis_change_sd_hu=change_sd,
    )


def shell_excess(
    patch: Patch,
    carried: Surface,
    current: Surface | None,
    lesion_hu: float,
    expected: ExpectedBone,
    drift_hu: float,
    rule: EdgeRule,
    *,
    cortex_broken: bool = False,
) -> ShellExcess | None:
    """How much denser than expected the shell around a lesion is, as `visit_edge` describes it.

    Parameters
    ----------
    patch, carried, current, lesion_hu, expected, drift_hu, rule, cortex_broken
        As for `visit_edge`; at inclusion `carried` and `current` are the lesion's own surface.

    Returns
    -------
    ShellExcess or None
        None where too little of the shell is bone.
    """
    surface = carried if current is None else current
    away = signed_distance(surface, patch.grid, band_mm=rule.outer_shell_mm + 2.0)
    share = np.zeros_like(patch.values_hu) if current is None else coverage(current, patch)
    chosen = (away <= rule.outer_shell_mm) & (share < 1.0 - LEAST_SHARE) & expected.is_bone
    chosen &= ~_new_cortex(patch, carried, expected.is_bone, cortex_broken)
    if int(chosen.sum()) < LEAST_SHELL_VOXELS:
        return None
    rest = (1.0 - share)[chosen]
    bone = expected.level_hu[chosen] + drift_hu
    excess = patch.values_hu[chosen] - share[chosen] * lesion_hu - rest * bone
    slopes = np.gradient(expected.level_hu, *patch.spacing_zyx_mm)
    steep = np.sqrt(sum(slope**2 for slope in slopes))[chosen]
    spread2 = expected.spread_hu[chosen] ** 2 + (UNSHARPNESS_MM * steep) ** 2
    near = np.clip((rule.outer_shell_mm - away[chosen]) / (0.5 * rule.outer_shell_mm), 0.0, 1.0)
    weight = near * rest / (patch.noise.sd_hu**2 + spread2)
    total = float((weight * rest).sum())
    counted = float((weight * rest).sum() ** 2 / ((weight * rest) ** 2).sum())
    spread2_mean = float((weight * rest * spread2).sum()) / total
    return ShellExcess(
        hu=float((weight * excess).sum() / total), sd_hu=_mean_sd(patch, spread2_mean, counted)
    )


def _new_cortex(patch: Patch, carried: Surface, is_bone: Flags, cortex_broken: bool) -> Flags:
    """Places of the former lesion where normal cortex may be back, which is no sclerosis."""
    former = signed_distance(carried, patch.grid) < FORMER_MARGIN_MM
    depth = ndimage.distance_transform_edt(is_bone, sampling=patch.spacing_zyx_mm)
    # where a broken outline ran is not well known
    return np.asarray(former & (depth < (BROKEN_CORTEX_MM if cortex_broken else CORTEX_MM)))


def _mean_sd(patch: Patch, spread2: float, n_voxels: float) -> float:
    """SD of a mean over a shell: noise, and texture that is not known."""
    voxel_mm3 = float(np.prod(patch.spacing_zyx_mm))
    textures = max(n_voxels * voxel_mm3 / SHARED_VOXELS_MM3, 1.0)
    texture2 = spread2 / textures
    noise2 = patch.noise.effective_variance / max(n_voxels, 1.0)
    return float(np.sqrt(noise2 + texture2))


def carried_flags(flags: Flags, at: npt.NDArray[np.float64]) -> Flags:
    """Flags at array indices, shape (3, ...), by the nearest voxel; False outside."""
    return np.asarray(
        ndimage.map_coordinates(flags.astype(np.uint8), at, order=0, mode="constant") > 0
    )
