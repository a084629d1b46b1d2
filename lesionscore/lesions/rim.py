"""The lesion's edge: density of shells around its surface, and what has become denser.

Sclerosis is judged voxel by voxel against what the same bone showed at inclusion, the scanner's
drift and kernel removed, so neither shrinkage by normal bone nor another scanner can pass for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.drift import BODY_HU, LEAST_REFERENCE_VOXELS
from lesionscore.lesions.expected import REFERENCE_MM, ExpectedBone, steepness
from lesionscore.lesions.kernel import SAME_KERNEL, KernelChange
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import coverage, signed_distance
from lesionscore.lesions.records import LesionEdge
from lesionscore.lesions.surface import Surface
from lesionscore.protocol.rules import EdgeRule

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

LEAST_SHELL_VOXELS = 12
PLACE_SD_HU = 20.0  # of a shell's mean from one place and scan to the next, on phantoms
SHARED_VOXELS_MM3 = 8.0  # volume over which trabecular texture goes together
LEAST_SHARE = 0.25
UNSHARPNESS_MM = 0.3  # of a steep place's own slope: another kernel, or a shift unseen
GONE_REACH_MM = 1.5  # around the place of a lesion that is gone
CORTEX_MM = 3.5  # cortex and its blur, where a lesion beside it may have hidden it
OUTLINE_MM = 1.5  # below the outline: the blurred side of the cortex, which shows no sclerosis
FORMER_MARGIN_MM = 0.7
SPONGY_PERCENT = 10.0  # of the levels in a shell: bone without cortex
COMPACT_HU = 900.0  # bone so dense that sclerosis does not show in it
LEAST_COMPACT_HU = 100.0  # above spongy bone


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EdgeView:
    """A lesion's edge on one scan, and the bone that it is compared with.

    Parameters
    ----------
    patch : Patch
        The scan's voxels.
    carried : Surface
        The inclusion surface on the scan.
    current : Surface or None
        What is left of the lesion; None where nothing is.
    lesion_hu : float
        Level of what is left.
    bone : ExpectedBone
        The inclusion's bone on the scan's voxels, a cut cortex grown back.
    drift_hu : float
        Of the scan near the lesion.
    kernel : KernelChange
        How else the scan shows the same bone.
    cortex_broken : bool
        The lesion had broken the cortex at inclusion.
    """

    patch: Patch
    carried: Surface
    current: Surface | None
    lesion_hu: float
    bone: ExpectedBone
    drift_hu: float = 0.0
    kernel: KernelChange = SAME_KERNEL
    cortex_broken: bool = False


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
    view: EdgeView,
    inclusion: LesionEdge | None,
    rule: EdgeRule,
    *,
    before: ShellExcess | None = None,
    compact_sd_hu: float = 0.0,
) -> LesionEdge | None:
    """Edge of a lesion at a visit against inclusion.

    Parameters
    ----------
    view : EdgeView
        The edge at the visit.
    inclusion : LesionEdge or None
        The edge at inclusion.
    rule : EdgeRule
        Thickness of the shells.
    before : ShellExcess, optional
        Of inclusion, where the bone in `view` is a model of the lesion's surroundings and not
        these themselves: a rim that moves along with the edge is no increase, nor is what the
        model misses.
    compact_sd_hu : float
        SD of a compact bone, where any of its densities may come back in a healing lesion.

    Returns
    -------
    LesionEdge or None
        None where too little of the shell is bone.
    """
    shells = measure_shells(view.patch, view.carried, view.bone.is_bone, rule)
    edge = inclusion_edge(shells)
    if edge is None or inclusion is None:
        return edge
    excess = shell_excess(view, rule)
    if excess is None:
        return edge
    first = ShellExcess(hu=0.0, sd_hu=0.0) if before is None else before
    change_sd = math.hypot(excess.sd_hu, first.sd_hu, PLACE_SD_HU, compact_sd_hu)
    rim_change = shells.rim_hu - inclusion.rim_hu - view.drift_hu
    return LesionEdge(
        rim_hu=shells.rim_hu,
        inner_hu=shells.inner_hu,
        reference_hu=shells.reference_hu,
        reference_sd_hu=shells.reference_sd_hu,
        drift_hu=view.drift_hu,
        rim_hu_change=rim_change,
        rim_z=rim_change / change_sd,
        sclerosis_hu=edge.sclerosis_hu,
        sclerosis_change_hu=excess.hu - first.hu,
        sclerosis_change_sd_hu=change_sd,
    )


def shell_excess(view: EdgeView, rule: EdgeRule) -> ShellExcess | None:
    """How much denser than expected the shell around a lesion is.

    Parameters
    ----------
    view : EdgeView
        The edge; at inclusion `carried` and `current` are the lesion's own surface.
    rule : EdgeRule
        Thickness of the shells.

    Returns
    -------
    ShellExcess or None
        None where too little of the shell is bone.

    Notes
    -----
    A voxel with a share *c* of lesion and *k* of cortex shows
    ``c * lesion + (1 - c) * (bone + (1 - k) * sclerosis)``: what is as dense as cortex does not
    become denser. The sclerosis of the shell is the weighted least-squares value over its voxels.
    Steep places count little, as another kernel or a small shift alone changes what is seen there,
    and over the outer half of the shell voxels count ever less: a rim sits next to the lesion. The
    shell is that around what is left; of a lesion that is gone, its whole place and what is next
    to it.
    """
    patch, bone, current = view.patch, view.bone, view.current
    reach_mm = rule.outer_shell_mm if current is not None else GONE_REACH_MM
    away = signed_distance(
        view.carried if current is None else current, patch.grid, band_mm=reach_mm + 2.0
    )
    share = np.zeros_like(patch.values_hu) if current is None else coverage(current, patch)
    chosen = (away <= reach_mm) & (share < 1.0 - LEAST_SHARE) & _where_sclerosis_shows(view)
    if int(chosen.sum()) < LEAST_SHELL_VOXELS:
        return None
    rest = (1.0 - share)[chosen]
    expected = view.kernel.shown(bone.level_hu, patch)[chosen] + view.drift_hu
    excess = patch.values_hu[chosen] - share[chosen] * view.lesion_hu - rest * expected
    steep = steepness(bone.level_hu, patch.spacing_zyx_mm)[chosen]
    spread2 = bone.spread_hu[chosen] ** 2 + (UNSHARPNESS_MM * steep) ** 2
    fade_mm = reach_mm if current is None else 0.5 * reach_mm
    near = np.clip((reach_mm - away[chosen]) / fade_mm, 0.0, 1.0)
    shows = rest * (1.0 - _cortex_share(bone.level_hu[chosen]))
    weight = near * shows / (patch.noise.sd_hu**2 + spread2)
    information = weight * shows
    total = float(information.sum())
    if total <= 0.0:
        return None
    counted = total**2 / float((information**2).sum())
    spread2_mean = float((information * spread2).sum()) / total
    shown = total / float(weight.sum())
    return ShellExcess(
        hu=float((weight * excess).sum()) / total,
        sd_hu=view.kernel.misfit * _mean_sd(patch, spread2_mean, counted) / shown,
    )


def _where_sclerosis_shows(view: EdgeView) -> Flags:
    """Bone that is no cortex as far as its place says.

    Of a whole bone a cortex beside the lesion may have been hidden, and is taken for spongy bone;
    where the cortex was cut the expected bone has it, and only its outer side does not count.
    """
    inside, spacing = view.bone.is_bone, view.patch.spacing_zyx_mm
    depth = ndimage.distance_transform_edt(inside, sampling=spacing)
    if view.cortex_broken:
        return np.asarray(inside & (depth > OUTLINE_MM))
    former = signed_distance(view.carried, view.patch.grid) < FORMER_MARGIN_MM
    return np.asarray(inside & ~(former & (depth < CORTEX_MM)))


def _cortex_share(level_hu: Singles) -> Singles:
    """Share of cortex in bone of these levels, the least dense of which are spongy."""
    spongy_hu = float(np.percentile(level_hu, SPONGY_PERCENT))
    above = max(COMPACT_HU - spongy_hu, LEAST_COMPACT_HU)
    return np.asarray(np.clip((level_hu - spongy_hu) / above, 0.0, 1.0))


def _mean_sd(patch: Patch, spread2: float, n_voxels: float) -> float:
    """SD of a mean over a shell: noise, and texture that is not known."""
    voxel_mm3 = float(np.prod(patch.spacing_zyx_mm))
    textures = max(n_voxels * voxel_mm3 / SHARED_VOXELS_MM3, 1.0)
    texture2 = spread2 / textures
    noise2 = patch.noise.effective_variance / max(n_voxels, 1.0)
    return float(np.sqrt(noise2 + texture2))
