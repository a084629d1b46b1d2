"""How a bone would look with no hole in its cortex: as it does nearby at the same depth.

Where a lesion took both a cortex and what lay behind it, no level continued from the surroundings
says what was there and what healing brings back: of a rib it would be a mixture of cortex and
marrow. What the bone shows elsewhere as deep below its outline, facing the same way, does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from lesionscore.lesions.background import AIR_HU, LEAST_TEXTURE_HU, BoneMap
from lesionscore.lesions.patch import Patch

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

DEEPEST_MM = 6.0
"""Deeper nothing shows of the cortex; spongy bone continues as its surroundings do."""
EXAMPLES_WITHIN_MM = 12.0
EXAMPLES = 16
LEAST_EXAMPLES = 100
DEPTH_SMOOTHING_MM = 1.2
"""The outline is one of whole voxels."""
ALIKE_DEPTH_MM, ALIKE_NORMAL, ALIKE_PLACE_MM = 0.3, 0.5, 8.0
"""How far alike voxels differ, one SD; chosen on the bone around 53 lesions, each voxel predicted
from what lies more than 4 mm away."""
NO_SIDE_MM = 5.0
"""So deep, the outline that is nearest does not matter any more."""
OWN_SPREAD = 0.85
"""Share of the examples' SD that is left when their common density is known apart: 0.85 in
synthetic bones, 0.93 over all of these 53."""

GROWN_BACK_SHARED = 4.0
"""See `Noise.shared`; where a cortex is thicker than elsewhere, it is so over some millimetres."""
LEAST_DENSE_PERCENT = 10.0
"""Level in a lesion's place that is the bone behind the cortex."""


def grown_back(patch: Patch, bone: BoneMap) -> BoneMap:
    """Expect in a lesion's place what the bone shows nearby at the same depth.

    Parameters
    ----------
    patch : Patch
        Native voxels of the scan that `bone` was estimated from.
    bone : BoneMap
        Bone around the lesion, with its outline run on over the lesion.

    Returns
    -------
    BoneMap
        With other `expected_hu` and `spread_hu` where the lesion may be, up to 6 mm below the
        outline; the same bone where too little of it is seen.

    Notes
    -----
    A weighted mean over the most alike voxels (depth below the outline, direction towards it,
    place), and their weighted SD without noise: bone is its own model.
    """
    spacing = np.asarray(patch.spacing_zyx_mm)
    depth = _depth_mm(bone.blurred, spacing)
    near = ndimage.distance_transform_edt(~bone.lesion, sampling=spacing) < EXAMPLES_WITHIN_MM
    shallow = bone.inside & (depth < DEEPEST_MM)
    place = bone.lesion & shallow
    examples = ~bone.lesion & shallow & near & (patch.values_hu > AIR_HU)
    if not place.any() or int(examples.sum()) < LEAST_EXAMPLES:
        return bone
    likeness = _likeness(depth, spacing)
    apart, alike = cKDTree(likeness[examples]).query(likeness[place], k=EXAMPLES)
    weights = np.exp(-0.5 * (apart**2 - apart[:, :1] ** 2))
    weights /= weights.sum(axis=1, keepdims=True)
    values = patch.values_hu[examples][alike].astype(np.float64)
    mean = (weights * values).sum(axis=1)
    count = 1.0 / (weights**2).sum(axis=1)  # of examples that count fully
    variance = (weights * (values - mean[:, None]) ** 2).sum(axis=1)
    variance *= (count + 1.0) / np.maximum(count - 1.0, 1.0)
    own = OWN_SPREAD * np.sqrt(np.maximum(variance - patch.noise.sd_hu**2, 0.0))
    expected, spread = bone.expected_hu.copy(), bone.spread_hu.copy()
    expected[place] = mean
    spread[place] = np.maximum(own, LEAST_TEXTURE_HU)
    modelled = bone.modelled | place
    return replace(bone, expected_hu=expected, spread_hu=spread, modelled=modelled)


def new_cortex_hu(expected_hu: Singles, place: Flags) -> Singles | None:
    """By how much bone expected in a lesion's place exceeds the least dense there, HU.

    Parameters
    ----------
    expected_hu : ndarray, shape (n_z, n_y, n_x)
        Of `grown_back`, perhaps carried to another scan.
    place : ndarray, shape (n_z, n_y, n_x), bool
        Where the lesion may be, within the bone's outline.

    Returns
    -------
    ndarray or None
        For `Evidence.new_cortex_hu`, 0 elsewhere; None without a place.
    """
    if not place.any():
        return None
    least = np.float32(np.percentile(expected_hu[place], LEAST_DENSE_PERCENT))
    return np.where(place, np.maximum(expected_hu - least, 0.0), 0.0).astype(np.float32)


def _depth_mm(inside: Flags, spacing: Floats) -> Floats:
    """Depth below a bone's outline, negative outside it."""
    within = ndimage.distance_transform_edt(inside, sampling=spacing)
    beyond = ndimage.distance_transform_edt(~inside, sampling=spacing)
    return np.asarray(ndimage.gaussian_filter(within - beyond, DEPTH_SMOOTHING_MM / spacing))


def _likeness(depth_mm: Floats, spacing: Floats) -> Floats:
    """What makes voxels alike, each in its own SD, shape (n_z, n_y, n_x, 7)."""
    inward = np.stack([np.gradient(depth_mm, step, axis=k) for k, step in enumerate(spacing)], -1)
    inward /= np.maximum(np.linalg.norm(inward, axis=-1, keepdims=True), 1e-6)
    inward *= np.clip(1.0 - depth_mm / NO_SIDE_MM, 0.0, 1.0)[..., None]
    place = np.moveaxis(np.indices(depth_mm.shape), 0, -1) * spacing
    parts = (depth_mm[..., None] / ALIKE_DEPTH_MM, inward / ALIKE_NORMAL, place / ALIKE_PLACE_MM)
    return np.concatenate(parts, axis=-1)
