"""What a lesion's alignment is worth: its stated error, and why it may not be trusted.

The weights of the error's parts were set on phantoms and on a real CT with moved bones, so that
the true error is below twice the stated one in at least 95 % (docs/alignment.md has the numbers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.protocol.rules import AlignmentRule
from lesionscore.registration.local import LocalFit
from lesionscore.registration.quality import AlignmentReason, AlignmentVerdict, LesionAlignment
from lesionscore.registration.regions import LesionRegion, OwnBone
from lesionscore.registration.scan import PreparedScan
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume

Floats = npt.NDArray[np.float64]

FLOOR_MM = 0.12  # interpolation, slice profile: what no comparison within the pair can see
COVARIANCE_WEIGHT, INVERSE_WEIGHT, CORE_WEIGHT, NEAR_WEIGHT = 3.0, 0.7, 0.8, 0.8
RIVAL_WEIGHT, LEAST_RIVAL_MM = 0.7, 0.5
EDGE_MM = 2.0
METAL_HU, METAL_ML = 2800.0, 0.03
METAL_BESIDE_MM, METAL_NEAR_MM = 8.0, 30.0
LEAST_BONE_ML, LEAST_ENCLOSED, LEAST_RIM = 0.3, 0.45, 0.03
LEAST_CORRELATION, DOUBTFUL_CORRELATION = 0.75, 0.85
LEAST_LEAD, DOUBTFUL_LEAD = 0.01, 0.04
LEAST_COVERED = 0.35
CONTRADICTION_MM = 0.8
MOST_APART = 0.09  # of the bone around a lesion; on phantoms 0.06 at most where all was well
FIELD_GAP_MM = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A reason, and whether it makes the alignment fail or only doubtful."""

    reason: AlignmentReason
    fatal: bool


def stated_error_mm(fit: LocalFit) -> float:
    """Root mean square error expected at the lesion's centre, mm."""
    parts = (
        FLOOR_MM,
        COVARIANCE_WEIGHT * float(np.trace(fit.growth.covariance[3:, 3:])) ** 0.5,
        INVERSE_WEIGHT * fit.inverse_gap_mm,
        CORE_WEIGHT * fit.core_gap_mm,
        NEAR_WEIGHT * fit.growth.near_shift_mm,
        RIVAL_WEIGHT * fit.rival_gap_mm if fit.rival_gap_mm > LEAST_RIVAL_MM else 0.0,
        fit.growth.apart_mm if fit.growth.apart_share > MOST_APART else 0.0,
    )
    return float(np.sqrt(sum(part**2 for part in parts)))


def judge(
    own: OwnBone,
    fit: LocalFit | None,
    starts: list[Floats],
    scans: tuple[PreparedScan, PreparedScan],
    rule: AlignmentRule,
) -> LesionAlignment:
    """Turn a fit into a result with verdict, reasons and stated error.

    Parameters
    ----------
    own : OwnBone
        The lesion's bone on the fixed scan.
    fit : LocalFit or None
        The fit; None where there was too little to fit.
    starts : list of ndarray, shape (4, 4)
        What the skeleton's transforms offered, its own at the lesion first: for comparison and
        as the last resort.
    scans : tuple of PreparedScan
        Fixed and moving.
    rule : AlignmentRule
        The protocol's limits.
    """
    region = own.region
    transform = rigid(starts[0] if fit is None else fit.matrix)
    doubts = coverage_doubts(region, transform, scans[1])
    if not doubts:
        doubts += metal_doubts(region, transform, scans)
        doubts += bone_doubts(own)
        doubts += [] if fit is None else fit_doubts(own, fit, starts)
    error = None if fit is None else stated_error_mm(fit)
    if error is not None and not doubts and error > rule.doubtful_mm:
        doubts.append(Doubt(reason=AlignmentReason.ALIGNMENT_UNCERTAIN, fatal=False))
    fatal = any(doubt.fatal for doubt in doubts) or error is None or error > rule.failed_mm
    verdict = AlignmentVerdict.FAILED if fatal else AlignmentVerdict.DOUBTFUL
    reasons = dict.fromkeys(doubt.reason.value for doubt in doubts if doubt.fatal or not fatal)
    if fatal and not reasons:
        reasons = dict.fromkeys([AlignmentReason.ALIGNMENT_UNCERTAIN.value])
    return LesionAlignment(
        lesion_id=region.lesion_id,
        moving_from_fixed=transform,
        error_mm=error,
        verdict=verdict if doubts or fatal else AlignmentVerdict.USABLE,
        reasons=tuple(reasons),
        flags=tuple(metal_flags(region, transform, scans)),
    )


def rigid(matrix: Floats) -> RigidTransform:
    """Wrap a matrix, its rotation made exact."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    exact = matrix.copy()
    exact[:3, :3] = left @ right
    return RigidTransform(exact)


def coverage_doubts(
    region: LesionRegion, transform: RigidTransform, moving: PreparedScan
) -> list[Doubt]:
    """Not covered: the place lies outside the scan, too near its end, or in its padding."""
    doubt = Doubt(reason=AlignmentReason.NOT_COVERED, fatal=True)
    place = transform.apply(region.centre_mm)
    if not moving.ct.grid.contains(place, region.radius_mm + EDGE_MM):
        return [doubt]
    block = moving.ct.crop((place[0], place[1], place[2]), region.radius_mm + 1.0).array
    return [doubt] if float(np.mean(block < -990)) > 0.9 else []


def metal_ml(ct: Volume, position_mm: Floats, reach_mm: float) -> float:
    """Volume of metal within a cube around a position."""
    x, y, z = position_mm.tolist()
    try:
        block = ct.crop((x, y, z), reach_mm)
    except ValueError:
        return 0.0
    return float(np.count_nonzero(block.array > METAL_HU)) * ct.grid.voxel_volume_ml


def metal_doubts(
    region: LesionRegion, transform: RigidTransform, scans: tuple[PreparedScan, PreparedScan]
) -> list[Doubt]:
    """Metal right beside the lesion on either scan: its streaks are all that could be read."""
    places = (np.asarray(region.centre_mm), transform.apply(region.centre_mm))
    reach = region.radius_mm + METAL_BESIDE_MM
    worst = max(metal_ml(scan.ct, p, reach) for scan, p in zip(scans, places, strict=True))
    return [Doubt(reason=AlignmentReason.METAL, fatal=True)] if worst > METAL_ML else []


def metal_flags(
    region: LesionRegion, transform: RigidTransform, scans: tuple[PreparedScan, PreparedScan]
) -> tuple[str, ...]:
    """Metal near enough for streaks to reach the lesion."""
    places = (np.asarray(region.centre_mm), transform.apply(region.centre_mm))
    reach = region.radius_mm + METAL_NEAR_MM
    worst = max(metal_ml(scan.ct, p, reach) for scan, p in zip(scans, places, strict=True))
    return ("metal_near",) if worst > METAL_ML else ()


def bone_doubts(own: OwnBone) -> list[Doubt]:
    """Too little bone around the place to align by."""
    enough = own.bone_ml(30.0) >= LEAST_BONE_ML
    in_bone = own.enclosed >= LEAST_ENCLOSED or own.rim_bone_share >= LEAST_RIM
    if enough and in_bone:
        return []
    return [Doubt(reason=AlignmentReason.TOO_LITTLE_BONE, fatal=True)]


def fit_doubts(own: OwnBone, fit: LocalFit, starts: list[Floats]) -> list[Doubt]:
    """Doubts that the fit itself raises."""
    doubts = []
    growth = fit.growth
    uncertain = AlignmentReason.ALIGNMENT_UNCERTAIN
    centre = np.append(own.region.centre_mm, 1.0)
    gap = min(float(np.linalg.norm(((fit.matrix - one) @ centre)[:3])) for one in starts)
    if growth.near_spread_mm > CONTRADICTION_MM:
        doubts.append(Doubt(reason=AlignmentReason.BONE_NOT_RIGID, fatal=True))
    if growth.apart_share > MOST_APART:
        doubts.append(Doubt(reason=uncertain, fatal=False))
    if growth.fit.correlation < DOUBTFUL_CORRELATION:
        fatal = growth.fit.correlation < LEAST_CORRELATION
        doubts.append(Doubt(reason=uncertain, fatal=fatal))
    if fit.lead < DOUBTFUL_LEAD:
        doubts.append(Doubt(reason=uncertain, fatal=fit.lead < LEAST_LEAD))
    if gap > FIELD_GAP_MM or growth.fit.covered < LEAST_COVERED:
        doubts.append(Doubt(reason=uncertain, fatal=True))
    return doubts
