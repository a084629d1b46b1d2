"""What a scan would show if the lesion were not there: its own bone, continued inward.

Three kinds of surroundings are told apart. *Spongy bone* has a level that varies slowly and a
texture; it is continued under the lesion. What is *denser* (cortex, a sclerotic rim) and what
lies *outside the bone's outline* is taken as seen: there is no lesion in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.noise import MOST_SHARED, residual_noise
from lesionscore.lesions.outline import enclosed, outline, own_bone
from lesionscore.lesions.patch import Patch

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

SCALES_MM = (4.0, 8.0, 16.0)  # the nearest surroundings count first
SCALE_SHARE = 0.04  # weight of the next wider scale, where the nearer one has seen something
NEAR_MM = 9.0  # surroundings within this distance decide what normal bone is
CORTEX_CLEARANCE_MM = 1.6
DEEP_MM = 2.0  # below the outline, which lies outside a dense cortex by its blur
CORE_SHARE = 0.5
HIGHEST_MUSCLE_HU = 115.0  # muscle, partly mixed with a thin cortex
USUAL_SPONGY_HU = 200.0
LEAST_CONTRAST_HU = 35.0
LEAST_TEXTURE_HU = 14.0
USUAL_TEXTURE_HU = 45.0
AIR_HU = -250.0
METAL_HU = 2500.0
LEAST_SPONGY_VOXELS = 60
DENSE_SPREAD = 0.5  # of what cortex exceeds spongy bone by
MOST_MIXED = 0.6  # of a voxel: what is left of bone in it says too little


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoneMap:
    """Expected HU without the lesion at a patch's voxels, with its standard deviation.

    Parameters
    ----------
    spongy_hu : ndarray, shape (n_z, n_y, n_x), float32
        Level of spongy bone, continued everywhere.
    texture_hu : float
        SD of spongy bone about its level, noise removed.
    texture_shared : float
        How much neighbouring voxels share it (see `Noise.shared`).
    expected_hu, spread_hu : ndarray, shape (n_z, n_y, n_x), float32
        What the voxel would show without the lesion, not using the voxel itself where the
        lesion may be, and SD.
    modelled : ndarray, shape (n_z, n_y, n_x), bool
        Where `expected_hu` is spongy bone's level or another model; elsewhere it is what is seen.
    hidden : ndarray, shape (n_z, n_y, n_x), bool
        Voxels that do not show this bone at all, whatever they show.
    inside : ndarray, shape (n_z, n_y, n_x), bool
        Within the bone's own continued outline.
    blurred : ndarray, shape (n_z, n_y, n_x), bool
        The same with what the scan's blur adds; depth is counted from there.
    lesion : ndarray, shape (n_z, n_y, n_x), bool
        Voxels that the lesion may touch.
    normal_hu : float
        Typical level of spongy bone near the lesion.
    around_hu : float or None
        Median of the own bone near the lesion that is no cortex, whether it looks like the
        lesion or not; None where there is too little.
    compact : bool
        The bone has no spongy part near the lesion: its softer half stands in.
    """

    spongy_hu: Singles
    texture_hu: float
    texture_shared: float
    expected_hu: Singles
    spread_hu: Singles
    modelled: Flags
    hidden: Flags
    inside: Flags
    blurred: Flags
    lesion: Flags
    normal_hu: float
    around_hu: float | None
    compact: bool

    def contrast_hu(self, lesion_hu: float) -> float:
        """How far a level lies below the bone around, HU; the usual one where little is seen."""
        around = self.normal_hu if self.around_hu is None else self.around_hu
        return around - lesion_hu


def bone_map(patch: Patch, lesion: Flags, lesion_hu: float, share: Singles) -> BoneMap:
    """Estimate the bone around and under a lesion.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    lesion : ndarray, shape (n_z, n_y, n_x), bool
        Voxels that the lesion may touch; they are not taken as surroundings.
    lesion_hu : float
        Level of the lesion.
    share : ndarray, shape (n_z, n_y, n_x), float32
        Share of each voxel's signal that is the lesion's, as far as is known.

    Returns
    -------
    BoneMap
        Expected bone and its SD.

    Notes
    -----
    Of a cortex that the lesion has cut, the voxels on the edge show a mixture; what they would
    show without the lesion is ``(seen - share * lesion) / (1 - share)``. Taken as seen they would
    make every such edge look as if bone came back.
    """
    values = patch.values_hu
    spacing = patch.spacing_zyx_mm
    smooth = ndimage.gaussian_filter(values, [0.8 / step for step in spacing])
    away = ndimage.distance_transform_edt(~lesion, sampling=spacing)
    bone = enclosed(smooth, lesion, spacing)
    normal, width = normal_level(smooth, away, lesion_hu, bone)
    own, above_hu = own_bone(patch, smooth, share > CORE_SHARE, normal, lesion_hu)
    inside, blurred = outline(own, above_hu, lesion, spacing)
    # so deep in the bone that nothing shows of what is beside it
    deep = ndimage.distance_transform_edt(inside, sampling=spacing) > DEEP_MM
    spongy, compact = _spongy_voxels(patch, smooth, away, (normal, width), bone, inside, deep)
    level, texture, shared = _continued(patch, spongy, normal)
    dense, unmixed = dense_bone(patch, level, texture, lesion_hu, share)
    # the border of a compact bone is a mixture with what is beside it, at no level of its own
    within = deep if compact else inside
    expected = np.where(dense, unmixed, np.where(within, level, values))
    spread = np.where(dense, np.maximum(texture, DENSE_SPREAD * (unmixed - level)), texture)
    # outside the outline nothing tells lesion from soft tissue: its own value, no trust
    spread = np.where(~within & ~dense, np.maximum(texture, 30.0), spread)
    return BoneMap(
        spongy_hu=level.astype(np.float32),
        texture_hu=texture,
        texture_shared=shared,
        expected_hu=expected.astype(np.float32),
        spread_hu=spread.astype(np.float32),
        modelled=within & ~dense,
        hidden=np.zeros_like(inside),
        inside=inside,
        blurred=blurred,
        lesion=lesion,
        normal_hu=normal,
        compact=compact,
        around_hu=_around(values, away, deep & ~dense),
    )


def dense_bone(
    patch: Patch, level: Singles, texture: float | Singles, lesion_hu: float, share: Singles
) -> tuple[Flags, Singles]:
    """Find bone that is denser than spongy bone, and its density without the lesion's share.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    level : ndarray, shape (n_z, n_y, n_x)
        Of spongy bone.
    texture : float or ndarray
        Its SD.
    lesion_hu : float
        Level of the lesion.
    share : ndarray, shape (n_z, n_y, n_x)
        Share of each voxel's signal that is the lesion's.

    Returns
    -------
    tuple of ndarray
        Which voxels, and HU.
    """
    values = patch.values_hu
    rest = 1.0 - np.where(share < MOST_MIXED, share, 0.0)
    unmixed = (values - (1.0 - rest) * lesion_hu) / rest
    dense = unmixed > level + 2.5 * np.hypot(patch.noise.sd_hu / rest, texture)
    return np.asarray(dense), np.asarray(unmixed, dtype=np.float32)


def highest_near(values: Singles, patch: Patch, reach_mm: float) -> Singles:
    """Highest value within reach of each voxel: the cortex behind a voxel of its blurred edge.

    Parameters
    ----------
    values : ndarray, shape (n_z, n_y, n_x)
        HU on the patch's voxels.
    patch : Patch
        For its spacing.
    reach_mm : float
        Radius of the ball that is looked at.
    """
    spacing = patch.spacing_zyx_mm
    reach = [int(reach_mm / step) for step in spacing]
    offsets = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij")
    squared = sum((o * step) ** 2 for o, step in zip(offsets, spacing, strict=True))
    return np.asarray(ndimage.grey_dilation(values, footprint=squared <= reach_mm**2))


def normal_level(
    smooth: Singles, away: Singles, lesion_hu: float, bone: Flags
) -> tuple[float, float]:
    """Most common level of the surroundings that is not the lesion's, and its half width, HU.

    Parameters
    ----------
    smooth : ndarray, shape (n_z, n_y, n_x)
        HU, smoothed.
    away : ndarray, shape (n_z, n_y, n_x)
        Distance from the lesion, mm; 0 or less inside.
    lesion_hu : float
        Level of the lesion.
    bone : ndarray, shape (n_z, n_y, n_x), bool
        From `enclosed`: tells sparse bone from the muscle beside a thin one.

    Returns
    -------
    tuple of float
        Level and half width of the peak.
    """
    ring = (away > 0) & (away < NEAR_MM) & (smooth > AIR_HU) & (smooth < 700.0)
    ring &= np.abs(smooth - lesion_hu) > LEAST_CONTRAST_HU
    if int(ring.sum()) < LEAST_SPONGY_VOXELS:
        return lesion_hu + 150.0, 60.0
    middle, width = _peak(smooth, away, ring)
    if middle < HIGHEST_MUSCLE_HU:
        alike = ring & (np.abs(smooth - middle) < width)
        if float(bone[alike].mean()) < 0.5:  # muscle beside a thin bone
            ring &= bone
            if int(ring.sum()) < LEAST_SPONGY_VOXELS:
                return USUAL_SPONGY_HU, 60.0
            middle, width = _peak(smooth, away, ring)
            middle = float(np.clip(middle, HIGHEST_MUSCLE_HU, USUAL_SPONGY_HU))
    return middle, width


def _around(values: Singles, away: Singles, spongy: Flags) -> float | None:
    """Median of spongy bone near a lesion, HU."""
    near = values[spongy & (away > 0) & (away < NEAR_MM)]
    return float(np.median(near)) if near.size >= LEAST_SPONGY_VOXELS else None


def _peak(smooth: Singles, away: Singles, ring: Flags) -> tuple[float, float]:
    """Most common value in a ring, the nearest voxels counting most, and its half width."""
    pool = smooth[ring].astype(np.float64)
    weight = 1.0 / (1.0 + (away[ring] / 3.0) ** 2)
    edges = np.arange(AIR_HU, 701.0, 10.0)
    histogram, _ = np.histogram(pool, bins=edges, weights=weight)
    histogram = ndimage.gaussian_filter1d(histogram, 2.5)
    middle = float(edges[int(histogram.argmax())] + 5.0)
    width = 60.0
    for _ in range(6):  # mean shift: the peak, not its neighbours
        near = np.abs(pool - middle) < width
        if near.sum() < 20:
            break
        middle = float(np.average(pool[near], weights=weight[near]))
        deviation = float(np.sqrt(np.average((pool[near] - middle) ** 2, weights=weight[near])))
        width = float(np.clip(2.4 * deviation, 35.0, 90.0))
    return middle, width


def _spongy_voxels(
    patch: Patch,
    smooth: Singles,
    away: Singles,
    peak: tuple[float, float],
    bone: Flags,
    own: Flags,
    deep: Flags,
) -> tuple[Flags, bool]:
    """Voxels of the own spongy bone: near its level, clear of cortex and of soft tissue.

    Noise takes much muscle to near the level of bone: outside the bone's outline nothing counts.
    In a bone that is compact all through, as the skull may be, its softer half; and that it is.
    """
    normal, width = peak
    alike = (np.abs(smooth - normal) < width) & (away > 0)
    dense = smooth > normal + max(1.6 * width, 90.0)
    clear = ndimage.distance_transform_edt(~dense, sampling=patch.spacing_zyx_mm)
    near = alike & (away < NEAR_MM)
    beside_thin_bone = bool(near.any()) and float(bone[near].mean()) < 0.5
    any_value = (patch.values_hu > AIR_HU) & (patch.values_hu < METAL_HU)
    alike &= own
    for chosen in (alike & (clear > CORTEX_CLEARANCE_MM), alike & deep):
        if int(chosen.sum()) >= LEAST_SPONGY_VOXELS:
            return chosen & any_value, False
    solid = deep & (away > 0) & (away < NEAR_MM)
    if int(solid.sum()) >= 2 * LEAST_SPONGY_VOXELS:
        return solid & (smooth <= np.median(smooth[solid])) & any_value, True
    if int(alike.sum()) >= LEAST_SPONGY_VOXELS or beside_thin_bone:
        return alike & any_value, False
    return (away > 0) & (away < NEAR_MM) & (smooth > normal - width) & any_value, False


def _continued(patch: Patch, spongy: Flags, normal: float) -> tuple[Singles, float, float]:
    """Level of spongy bone everywhere, its texture's SD, and how much neighbours share it."""
    weight = spongy.astype(np.float32)
    shifted = (patch.values_hu - normal) * weight
    total = np.zeros_like(weight)
    first = np.zeros_like(weight)
    factor = 1.0
    for scale in SCALES_MM:
        sigma = [scale / step for step in patch.spacing_zyx_mm]
        total += factor * ndimage.gaussian_filter(weight, sigma, mode="constant", truncate=3.0)
        first += factor * ndimage.gaussian_filter(shifted, sigma, mode="constant", truncate=3.0)
        factor *= SCALE_SHARE
    level = np.asarray(first / np.maximum(total, 1e-12) + normal, dtype=np.float32)
    if int(spongy.sum()) < LEAST_SPONGY_VOXELS // 2:
        return level, USUAL_TEXTURE_HU, 2.0
    both = residual_noise(patch.values_hu - level, spongy, patch.spacing_zyx_mm, SCALES_MM[0])
    texture2 = max(both.sd_hu**2 - patch.noise.sd_hu**2, LEAST_TEXTURE_HU**2)
    shared = (both.effective_variance - patch.noise.effective_variance) / texture2
    return level, float(np.sqrt(texture2)), float(np.clip(shared, 0.7, MOST_SHARED))
