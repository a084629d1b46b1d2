"""How another scan's kernel shows the same bone: its edges sharper or softer than at inclusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.background import AIR_HU
from lesionscore.lesions.expected import REFERENCE_MM, ExpectedBone
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.surface import Surface

Singles = npt.NDArray[np.float32]

DETAIL_MM = 0.6
"""SD of the Gaussian that takes away the detail of which another kernel shows more or less."""
SHARE_SD = 0.5
MOST_SHARE = 1.5
BESIDE_BONE_MM = 1.0
LEAST_VOXELS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelChange:
    """How a scan differs from inclusion in bone that is the same.

    Parameters
    ----------
    detail_share : float
        How much of inclusion's detail the scan shows more (sharper) or, negative, less.
    misfit : float
        RMS of what this leaves of the difference, in SDs of what is expected; 1 at least. More
        than that and the scan is not aligned, or the bone has changed.
    """

    detail_share: float
    misfit: float

    def shown(self, level_hu: Singles, patch: Patch) -> Singles:
        """HU at inclusion, on the scan's voxels, as the scan's kernel shows them."""
        return level_hu + np.float32(self.detail_share) * _detail(level_hu, patch)


SAME_KERNEL = KernelChange(detail_share=0.0, misfit=1.0)


def kernel_change(
    patch: Patch, carried: Surface, expected: ExpectedBone, drift_hu: float
) -> KernelChange:
    """Compare a scan with inclusion in the bone around a lesion.

    Parameters
    ----------
    patch : Patch
        The visit's voxels.
    carried : Surface
        The inclusion surface on the visit.
    expected : ExpectedBone
        The inclusion's values on the visit's voxels.
    drift_hu : float
        Of the scan near the lesion.

    Returns
    -------
    KernelChange
        The weighted least-squares share, drawn towards none; `SAME_KERNEL` where too little bone
        is in view.
    """
    away = signed_distance(carried, patch.grid, band_mm=REFERENCE_MM[1] + 1.0)
    beside = ndimage.distance_transform_edt(~expected.is_bone, sampling=patch.spacing_zyx_mm)
    chosen = (away > REFERENCE_MM[0]) & (away < REFERENCE_MM[1]) & (beside < BESIDE_BONE_MM)
    chosen &= np.minimum(patch.values_hu, expected.level_hu) > AIR_HU
    if int(chosen.sum()) < LEAST_VOXELS:
        return SAME_KERNEL
    precision = 1.0 / (patch.noise.sd_hu**2 + expected.spread_hu[chosen].astype(np.float64) ** 2)
    difference = (patch.values_hu - expected.level_hu)[chosen] - drift_hu
    detail = _detail(expected.level_hu, patch)[chosen]
    detail = detail - np.average(detail, weights=precision)
    share = (precision * detail * difference).sum()
    share /= (precision * detail**2).sum() + SHARE_SD**-2
    share = float(np.clip(share, -MOST_SHARE, MOST_SHARE))
    left = np.sqrt((precision * (difference - share * detail) ** 2).mean())
    return KernelChange(detail_share=share, misfit=max(float(left), 1.0))


def _detail(level_hu: Singles, patch: Patch) -> Singles:
    """What of a level is finer than `DETAIL_MM`."""
    sigmas = [DETAIL_MM / step for step in patch.spacing_zyx_mm]
    return np.asarray(level_hu - ndimage.gaussian_filter(level_hu, sigmas))
