"""Alignment of each lesion's bone between two scans of one patient: the public door.

One coarse alignment of the two bodies, then for every lesion rigid fits of ever smaller and
finer surroundings, with the lesion's own voxels left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lesionscore.protocol.rules import AlignmentRule
from lesionscore.registration.body import align_bodies
from lesionscore.registration.field import FieldNode, align_skeleton
from lesionscore.registration.local import align_locally
from lesionscore.registration.quality import AlignmentReason, AlignmentVerdict, LesionAlignment
from lesionscore.registration.regions import LesionRegion, own_bone
from lesionscore.registration.scan import PreparedScan, prepare_scan
from lesionscore.registration.transform import RigidTransform

__all__ = ["LesionRegion", "PreparedScan", "align_lesions", "prepare_scan"]

Floats = npt.NDArray[np.float64]


def align_lesions(
    fixed: PreparedScan,
    moving: PreparedScan,
    regions: Sequence[LesionRegion],
    rule: AlignmentRule,
) -> dict[str, LesionAlignment]:
    """Align the bone of every lesion from the fixed scan (inclusion) to the moving scan (visit).

    Parameters
    ----------
    fixed, moving : PreparedScan
        The two scans, from `prepare_scan`.
    regions : sequence of LesionRegion
        The lesions, on the fixed scan.
    rule : AlignmentRule
        Stated errors above which an alignment is doubtful or failed.

    Returns
    -------
    dict of str to LesionAlignment
        One result per lesion, by lesion id, in the order of `regions`.
    """
    if not regions:
        return {}
    body = align_bodies(fixed, moving)[0]
    places = np.asarray([region.centre_mm for region in regions])
    nodes = align_skeleton(fixed, moving, body.matrix, places)
    return {
        region.lesion_id: _align_lesion(fixed, moving, regions, i, nodes, rule)
        for i, region in enumerate(regions)
    }


def _starts(nodes: list[FieldNode], i: int) -> list[Floats]:
    """Transforms of the lesion's own node and of those around it, without near repeats."""
    centre = nodes[i].centre_mm
    near = sorted(range(len(nodes)), key=lambda k: float(np.linalg.norm(nodes[k].centre_mm - centre)))
    starts: list[Floats] = []
    for k in [i, *near[:8]]:
        if np.linalg.norm(nodes[k].centre_mm - centre) > 60.0:
            continue
        place = (nodes[k].matrix @ np.append(centre, 1.0))[:3]
        if all(np.linalg.norm((s @ np.append(centre, 1.0))[:3] - place) > 1.0 for s in starts):
            starts.append(nodes[k].matrix)
    return starts[:6]


def _align_lesion(
    fixed: PreparedScan,
    moving: PreparedScan,
    regions: Sequence[LesionRegion],
    i: int,
    nodes: list[FieldNode],
    rule: AlignmentRule,
) -> LesionAlignment:
    """Zoom in on one lesion and judge the result."""
    region = regions[i]
    own = own_bone(fixed, region, regions)
    fit = align_locally(fixed, moving, own, _starts(nodes, i))
    transform = _rigid(nodes[i].matrix if fit is None else fit.matrix)
    there = moving.ct.grid.contains(transform.apply(region.centre_mm), region.radius_mm + 2.0)
    if not there:
        return _failed(region, transform, AlignmentReason.NOT_COVERED)
    if fit is None:
        return _failed(region, transform, AlignmentReason.TOO_LITTLE_BONE)
    error = float(np.sqrt(np.trace(fit.covariance[3:, 3:]) + 0.05**2 + fit.inverse_gap_mm**2))
    verdict = AlignmentVerdict.USABLE
    if error > rule.failed_mm:
        verdict = AlignmentVerdict.FAILED
    elif error > rule.doubtful_mm:
        verdict = AlignmentVerdict.DOUBTFUL
    uncertain = verdict is not AlignmentVerdict.USABLE
    return LesionAlignment(
        lesion_id=region.lesion_id,
        moving_from_fixed=transform,
        error_mm=error,
        verdict=verdict,
        reasons=(AlignmentReason.ALIGNMENT_UNCERTAIN,) if uncertain else (),
        flags=("%.2f %.2f core %.2f (%.0f) lead %.2f cov %.2f corr %.2f agree %.2f n %.0f nf %.2f"%(np.sqrt(np.trace(fit.covariance[3:, 3:])),fit.inverse_gap_mm,fit.core_gap_mm,fit.core_mm,fit.lead,fit.covered,fit.correlation,fit.agreeing,fit.points,fit.noise_factor),),
    )


def _rigid(matrix: Floats) -> RigidTransform:
    """Check and wrap a matrix, its rotation made exact."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    exact = matrix.copy()
    exact[:3, :3] = left @ right
    return RigidTransform(exact)


def _failed(
    region: LesionRegion, transform: RigidTransform, reason: AlignmentReason
) -> LesionAlignment:
    """Result without a trusted transform."""
    return LesionAlignment(
        lesion_id=region.lesion_id,
        moving_from_fixed=transform,
        error_mm=None,
        verdict=AlignmentVerdict.FAILED,
        reasons=(reason,),
    )
