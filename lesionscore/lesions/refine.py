"""Fit a lesion's surface on the inclusion CT together with the bone that it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.background import BoneMap, bone_map
from lesionscore.lesions.bone import bone_beside, bone_contact, open_side
from lesionscore.lesions.evidence import OUTER_REACH_MM, SHELL_MM, Evidence, arena_around
from lesionscore.lesions.fit import fit_surface
from lesionscore.lesions.freedom import BROKEN_BELOW, free_smoothness, unseen_freedom
from lesionscore.lesions.grown_back import GROWN_BACK_SHARED, grown_back, new_cortex_hu
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import coverage, signed_distance
from lesionscore.lesions.shape import Smoothness, shape_basis
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.surface_fit import SurfaceFit

Flags = npt.NDArray[np.bool_]

FIELD_SD_HU = 20.0
RIM_SD_HU = 25.0
LAYER_MM = (0.3, 2.0)  # where a sclerotic rim is looked for, outside the surface
ELSEWHERE_MM = (4.0, 12.0)  # from the surface: bone that a rim does not reach
DEPTH_STEP_MM, DEPTH_STEPS, LEAST_ALIKE = 0.8, 6, 12
LEAST_RIM_HU = 55.0  # the median of texture and noise over the layer stays far below
RIM_SEEN = 0.75  # share of a rim's density that the blur leaves
RIM_SPREAD = 0.4
KEPT_RIM = 0.6  # of the density found: a visit's fit adds to a rim more freely than it takes away
RIM_COST = 100.0
"""Most that a rim may cost (minus logarithm) against bone that was there anyway: -100 to 97 in
clicks on nine lesions with one, in a rough fit of one of them 117; from 119 on at first where it
was the cortex of a small vertebra. Next to a hole in the cortex of a thin bone all costs a lot,
and a surface that begins too small must be let grow."""
UNEVEN_COST = 5.0
"""Minus logarithm of the prior odds of an even shape: lesions are uneven, and smooth ones do not
mind. Of 71 smooth lesions clicked in whole bones the scan is against an uneven shape by more
than that in 65, of 44 uneven ones in 13."""
WIDEST_MARGIN_MM = 1.5
COMPARED_MARGIN_MM = 1.2
COMPARED_FREEDOM = 0.5  # of a first segmentation's: both surfaces are nearly where they belong
BLUR_SD = 0.2
SHARPENING = 0.1
SHARPENING_SD = 0.12


def refine(
    start: Surface,
    patch: Patch,
    foreign: Flags,
    lesion_hu: float,
    smoothness: Smoothness,
    margins: Sequence[float],
    *,
    uneven: Smoothness | None = None,
    open_ended: bool,
    doubt_rims: bool,
) -> tuple[SurfaceFit, BoneMap]:
    """Alternate between the bone around the surface and the surface in the bone.

    Parameters
    ----------
    start : Surface
        Where every fit begins: a surface must not creep from stage to stage.
    patch : Patch
        The inclusion's voxels.
    foreign : ndarray, shape (n_z, n_y, n_x), bool
        Voxels of other lesions, which do not vote.
    lesion_hu : float
        Level of the lesion before the first fit.
    smoothness : Smoothness
        How far the surface may move.
    margins : sequence of float
        mm around the surface that may be lesion yet, one fit each.
    uneven : Smoothness, optional
        How far it may move if it is uneven; taken in the last fit if the scan is not clearly
        against it.
    open_ended : bool
        Where the surface has no bone beside it, what lies beyond does not vote.
    doubt_rims : bool
        In whole bone a rim must be worth its cost.

    Returns
    -------
    fit : SurfaceFit
        The surface.
    bone : BoneMap
        The bone around it.
    """
    surface, level = start, lesion_hu
    whole_basis = shape_basis(start, smoothness)
    fit: SurfaceFit | None = None
    for margin in margins:
        bone = _bone_around(surface, patch, margin, level)
        evidence, basis = _evidence(patch, bone, foreign, level), whole_basis
        free: npt.NDArray[np.float64] | None = None
        beside = bone_beside(patch, surface, level, bone)
        broken = bone_contact(surface, beside) < BROKEN_BELOW
        if broken:
            evidence = _with_cortex(evidence, bone)
            free = unseen_freedom(start, bone_beside(patch, start, level, bone))
            basis = shape_basis(start, smoothness, free)
            if open_ended:
                beyond = open_side(patch, surface, beside, OUTER_REACH_MM)
                evidence = replace(evidence, votes=evidence.votes & ~beyond)
        fit = fit_surface(basis, evidence)
        if uneven is not None and margin == margins[-1]:
            other_basis = shape_basis(start, uneven, free)
            other = fit_surface(other_basis, evidence)
            if other.cost < fit.cost + UNEVEN_COST:
                fit, basis = other, other_basis
        rough = open_ended and margin != margins[-1]
        rim_hu = _dense_layer_hu(patch, fit.surface, bone, rough=rough)
        if rim_hu > LEAST_RIM_HU:
            rimmed = fit_surface(basis, _with_rim(evidence, fit.surface, bone, rim_hu))
            if broken or not doubt_rims or rimmed.cost < fit.cost + RIM_COST:
                fit = rimmed
        surface, level = fit.surface, fit.lesion_hu
    assert fit is not None
    bone = _bone_around(surface, patch, margins[-1], level)
    return fit, _keeping_rim(bone, patch, fit) if fit.rim_prior_hu > 0.0 else bone


def contact_at(surface: Surface, patch: Patch, lesion_hu: float) -> float:
    """Share of a surface that has bone beside it, before anything is fitted.

    Parameters
    ----------
    surface : Surface
        A reader's outline.
    patch : Patch
        The inclusion's voxels.
    lesion_hu : float
        Level inside.

    Returns
    -------
    float
        Share of the area, 0 to 1 (see `bone_beside`).
    """
    dense = bone_contact(surface, bone_beside(patch, surface, lesion_hu))
    if dense == 1.0:
        return dense
    bone = _bone_around(surface, patch, WIDEST_MARGIN_MM, lesion_hu)
    return bone_contact(surface, bone_beside(patch, surface, lesion_hu, bone))


def gain(first: SurfaceFit, second: SurfaceFit, patch: Patch, foreign: Flags) -> float:
    """How much better a second surface explains the scan than a first one.

    Parameters
    ----------
    first, second : SurfaceFit
        From `refine`; the bone around the second is taken for both.
    patch : Patch
        The inclusion's voxels, enough for the larger of the two.
    foreign : ndarray, shape (n_z, n_y, n_x), bool
        Voxels of other lesions, which do not vote.

    Returns
    -------
    float
        Logarithm of the ratio of the probabilities of what is seen.
    """
    bone = _bone_around(second.surface, patch, COMPARED_MARGIN_MM, second.lesion_hu)
    evidence = _evidence(patch, bone, foreign, second.lesion_hu)
    arena = arena_around(second.surface, evidence)

    def cost(surface: Surface) -> float:
        basis = shape_basis(surface, free_smoothness(surface.radius_mm).scaled(COMPARED_FREEDOM))
        return fit_surface(basis, evidence, arena).cost

    return cost(first.surface) - cost(second.surface)


def _dense_layer_hu(patch: Patch, surface: Surface, bone: BoneMap, *, rough: bool) -> float:
    """How much denser than the bone elsewhere most of a layer around a surface is, HU.

    Elsewhere is as deep below the bone's outline: most of the layer around a lesion in a thin bone
    is its cortex. A `rough` surface may lie well within the lesion yet, and a cortex beside it is
    no bound: the layer is compared with spongy bone, and the surface may grow.
    """
    distance = signed_distance(surface, patch.grid, band_mm=ELSEWHERE_MM[1] + 0.5)
    layer = (distance > LAYER_MM[0]) & (distance < LAYER_MM[1])
    if not layer.any():
        return 0.0
    usual = bone.spongy_hu[layer]
    if rough:
        return float(np.median(patch.values_hu[layer] - usual))
    depth = ndimage.distance_transform_edt(bone.inside, sampling=patch.spacing_zyx_mm)
    step = np.minimum(depth / DEPTH_STEP_MM, DEPTH_STEPS).astype(int)
    elsewhere = bone.inside & (distance > ELSEWHERE_MM[0]) & (distance < ELSEWHERE_MM[1])
    for k in range(DEPTH_STEPS + 1):
        alike = patch.values_hu[elsewhere & (step == k)]
        if alike.size >= LEAST_ALIKE:
            there = step[layer] == k
            usual[there] = np.maximum(usual[there], np.median(alike))
    return float(np.median(patch.values_hu[layer] - usual))


def _with_cortex(evidence: Evidence, bone: BoneMap) -> Evidence:
    """Expect the cortex that a lesion took, whatever of it is seen beside the surface.

    Taken as seen, a cortex would never let a surface that begins too small grow to its hole.
    """
    back = grown_back(evidence.patch, bone)
    return replace(
        evidence,
        bone_hu=back.expected_hu,
        bone_sd_hu=back.spread_hu,
        bone_shared=max(evidence.bone_shared, GROWN_BACK_SHARED),
        new_cortex_hu=new_cortex_hu(back.expected_hu, bone.lesion & bone.inside),
    )


def _with_rim(evidence: Evidence, surface: Surface, bone: BoneMap, rim_hu: float) -> Evidence:
    """Explain what is dense close to a surface by a rim, not by bone that was there anyway."""
    near = np.abs(signed_distance(surface, evidence.patch.grid)) < LAYER_MM[1] + 0.5
    return replace(
        evidence,
        bone_hu=np.where(near & bone.inside, bone.spongy_hu, evidence.bone_hu),
        bone_sd_hu=np.where(near & bone.inside, bone.texture_hu, evidence.bone_sd_hu),
        new_cortex_hu=None,
        rim_hu=rim_hu / RIM_SEEN,
        rim_sd_hu=RIM_SPREAD * rim_hu,
    )


def without_rim(bone: BoneMap, patch: Patch, surface: Surface) -> BoneMap:
    """Bone as it would be if a sclerotic rim had gone with the lesion's edge.

    Parameters
    ----------
    bone : BoneMap
        From `refine`, with a rim.
    patch : Patch
        The inclusion's voxels.
    surface : Surface
        Of the lesion.

    Returns
    -------
    BoneMap
        With spongy bone in the rim's place, whatever is seen there at inclusion.
    """
    place = (signed_distance(surface, patch.grid) < LAYER_MM[1] + 0.5) & bone.inside
    return replace(
        bone,
        expected_hu=np.where(place, bone.spongy_hu, bone.expected_hu),
        spread_hu=np.where(place, np.float32(bone.texture_hu), bone.spread_hu),
        modelled=bone.modelled | place,
        hidden=bone.hidden | place,
        lesion=bone.lesion | place,
    )


def _keeping_rim(bone: BoneMap, patch: Patch, fit: SurfaceFit) -> BoneMap:
    """Bone map with the rim that the fit found: it is bone, and will be seen again."""
    outer = fit.surface.displaced(np.full(len(fit.surface.vertices_mm), SHELL_MM))
    share = coverage(fit.surface, patch)
    rim = np.clip((coverage(outer, patch) - share) / np.maximum(1.0 - share, 0.05), 0.0, 1.0)
    added = np.where(bone.lesion & bone.inside, rim * KEPT_RIM * fit.rim_hu, 0.0)
    level = np.where(
        added > 0.0, np.maximum(bone.expected_hu, bone.spongy_hu + added), bone.expected_hu
    )
    return replace(
        bone,
        expected_hu=level.astype(np.float32),
        spread_hu=np.hypot(bone.spread_hu, RIM_SPREAD * added).astype(np.float32),
    )


def _evidence(patch: Patch, bone: BoneMap, foreign: Flags, lesion_hu: float) -> Evidence:
    """What the inclusion CT says, given the bone around the lesion."""
    return Evidence(
        patch=patch,
        bone_hu=bone.expected_hu,
        bone_sd_hu=bone.spread_hu,
        bone_shared=bone.texture_shared,
        noise=patch.noise,
        votes=(bone.inside | ~bone.lesion) & ~foreign,
        lesion_hu=lesion_hu,
        lesion_sd_hu=25.0,
        field_sd_hu=FIELD_SD_HU,
        rim_sd_hu=RIM_SD_HU,
        blur_sd=BLUR_SD,
        sharpening=SHARPENING,
        sharpening_sd=SHARPENING_SD,
    )


def _bone_around(surface: Surface, patch: Patch, margin_mm: float, level: float) -> BoneMap:
    """Bone map outside a surface and a margin."""
    larger = surface.displaced(np.full(len(surface.vertices_mm), margin_mm))
    return bone_map(patch, coverage(larger, patch) > 0.04, level, coverage(surface, patch))
