"""How much higher or lower a whole scan reads than inclusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lesionscore.lesions.expected import REFERENCE_MM, ExpectedBone, steepness
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.surface import Surface

FLAT_HU_PER_MM = 40.0  # steeper places show the alignment's error, not the scanner's drift
BODY_HU = (-150.0, 700.0)
LEAST_REFERENCE_VOXELS = 40
TISSUE_MM3 = 125.0  # volume of a piece of tissue whose change is one of its own
USUAL_DRIFT_HU = 10.0
LARGEST_DRIFT_HU = 40.0
LOCAL_DRIFT_HU = 4.0  # of one place of a scan against the whole scan


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
    chosen &= steepness(expected.level_hu, patch.spacing_zyx_mm) < FLAT_HU_PER_MM
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
