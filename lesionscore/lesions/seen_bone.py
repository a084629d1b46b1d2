"""The bone that one scan shows, for the others: its own texture, as far as the lesion lets it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.background import AIR_HU, LEAST_TEXTURE_HU, MOST_MIXED, BoneMap
from lesionscore.lesions.fit import WIDE
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import FineInside
from lesionscore.lesions.surface_fit import SurfaceFit
from lesionscore.lesions.texture import conditional_texture, correlation_mm

Singles = npt.NDArray[np.float32]

SIGMA_MM = 0.5  # what is smoothed away of cortex is noise more than detail
CLEARLY_SHARP = 1.5  # noise SDs that a voxel must differ by to be taken without smoothing
SMOOTHED_NOISE = 0.4  # share of a voxel's noise variance that this smoothing leaves
EDGE_SD_MM = 0.25
"""Of a surface's place, beyond what its fit says."""
EDGE_SHARED = 4.0
"""Voxels beside a misplaced piece of edge are wrong together."""
LEAST_NOISE_SHARED = 0.5
FARTHEST_SD = 3.0
"""What differs by more from the bone around is no texture, and counts as if by so many SDs."""
LEAST_SPREAD_HU = 8.0
"""Of bone that is seen: another scan's kernel shows another texture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenBone:
    """Bone with its own texture where the scan shows it, continued where the lesion hides it.

    Parameters
    ----------
    level_hu, spread_hu : ndarray, shape (n_z, n_y, n_x), float32
        Most probable HU without noise, and SD.
    texture_hu, texture_sd_hu : ndarray, shape (n_z, n_y, n_x), float32
        What of the level is spongy bone's texture, and how much larger its SD (in squares) is
        for one who does not see it; 0 elsewhere.
    """

    level_hu: Singles
    spread_hu: Singles
    texture_hu: Singles
    texture_sd_hu: Singles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixture:
    """How much of each voxel's signal is a lesion's.

    Parameters
    ----------
    share, share_sd : ndarray, shape (n_z, n_y, n_x), float32
        0 to 1, and SD for the surface's uncertain place.
    lesion_hu : float
        Its level.
    """

    share: Singles
    share_sd: Singles
    lesion_hu: float

    @classmethod
    def of(cls, fit: SurfaceFit, patch: Patch) -> Mixture:
        """What a fitted surface takes of each voxel, with the blur and the kernel found with it."""
        moves = fit.displacement_sd_mm()
        sd_mm = float(np.sqrt((moves**2).mean() + EDGE_SD_MM**2))
        z, y, x = (fit.blur_factor * sd for sd in patch.blur_zyx_mm)
        wide = (z, WIDE * y, WIDE * x)

        def share(by_mm: float) -> Singles:
            moved = fit.surface.displaced(np.full(len(fit.surface.vertices_mm), by_mm))
            inside = FineInside.of(moved, patch.grid, wide)
            narrow = inside.blurred((z, y, x))
            return narrow + np.float32(fit.sharpening) * (narrow - inside.blurred(wide))

        return cls(
            share=np.clip(share(0.0), 0.0, 1.0),
            share_sd=0.5 * np.abs(share(sd_mm) - share(-sd_mm)),
            lesion_hu=fit.lesion_hu,
        )


def seen_bone(patch: Patch, bone: BoneMap, mixture: Mixture, *, broken: bool) -> SeenBone:
    """Take the texture that one scan shows as known for the others.

    Parameters
    ----------
    patch : Patch
        Native voxels that `bone` was estimated from.
    bone : BoneMap
        Expected bone, where that is a model, and which voxels do not show it.
    mixture : Mixture
        What the lesion takes of the voxels; the bone's part of a voxel at its edge is what is
        left.
    broken : bool
        The lesion has broken the cortex: what is left of its cut edge is not taken for bone.

    Returns
    -------
    SeenBone
        Of spongy bone the texture given what is seen of it; of what the bone map takes as seen,
        cortex above all, the voxel's own value, drawn towards what is expected there by as much
        as noise explains.
    """
    level, level_sd = _sharp(patch, bone)
    rest = 1.0 - np.minimum(mixture.share, MOST_MIXED)
    shown = bone.modelled & ~bone.hidden & (mixture.share < MOST_MIXED)
    shown &= patch.values_hu > AIR_HU
    own_sd = bone.spread_hu
    if broken:
        shown &= ~bone.lesion
        # what a new cortex will be like has nothing to do with the texture beside it
        own_sd = np.minimum(own_sd, np.float32(bone.texture_hu))
    unmixed = (patch.values_hu - (1.0 - rest) * mixture.lesion_hu) / rest
    unsure = mixture.share_sd * (bone.expected_hu - mixture.lesion_hu)
    noise2 = patch.noise.sd_hu**2 / rest**2
    alone2 = noise2 * max(patch.noise.shared, LEAST_NOISE_SHARED)
    alone2 = alone2 + EDGE_SHARED * (unsure / rest) ** 2
    farthest = FARTHEST_SD * np.sqrt(bone.spread_hu**2 + noise2)
    difference = np.clip(unmixed - bone.expected_hu, -farthest, farthest)
    texture, sd = conditional_texture(
        difference.astype(np.float32),
        np.where(shown, alone2, np.inf).astype(np.float32),
        own_sd,
        correlation_mm(bone.texture_shared, float(np.prod(patch.spacing_zyx_mm))),
        patch.spacing_zyx_mm,
    )
    spread = np.sqrt(sd**2 + LEAST_SPREAD_HU**2 + bone.spread_hu**2 - own_sd**2)
    spread = np.minimum(spread, bone.spread_hu)
    return SeenBone(
        level_hu=np.where(bone.modelled, bone.expected_hu + texture, level),
        spread_hu=np.where(bone.modelled, spread, level_sd),
        texture_hu=np.where(bone.modelled, texture, np.float32(0.0)),
        texture_sd_hu=np.where(
            bone.modelled, np.sqrt(bone.spread_hu**2 - spread**2), np.float32(0.0)
        ),
    )


def _sharp(patch: Patch, bone: BoneMap) -> tuple[Singles, Singles]:
    """Level and SD of what is no spongy bone: next to its own value, with its edges sharp."""
    smooth = ndimage.gaussian_filter(
        patch.values_hu, [SIGMA_MM / step for step in patch.spacing_zyx_mm]
    )
    texture2, noise2 = bone.spread_hu**2, SMOOTHED_NOISE * patch.noise.sd_hu**2
    share = np.where(bone.lesion, 0.0, texture2 / (texture2 + noise2))
    # what differs by far more than noise keeps its sharp edges: a cortex
    detail = bone.spread_hu**4 / (bone.spread_hu**4 + (CLEARLY_SHARP * patch.noise.sd_hu) ** 4)
    kept = smooth + detail * (patch.values_hu - smooth)
    level = bone.expected_hu + share * (kept - bone.expected_hu)
    spread = np.sqrt(texture2 * (1.0 - share) + LEAST_TEXTURE_HU**2 * share)
    return level.astype(np.float32), spread.astype(np.float32)
