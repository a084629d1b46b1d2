"""Alignment of each lesion's bone between two scans of one patient: the public door.

One coarse alignment of the two bodies, then for every lesion rigid fits of ever smaller and
finer surroundings, with the lesion's own voxels left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from lesionscore.protocol.rules import AlignmentRule
from lesionscore.registration.companions import Zoomed, with_companions
from lesionscore.registration.field import FieldNode
from lesionscore.registration.judge import judge
from lesionscore.registration.local import align_locally
from lesionscore.registration.quality import (
    AlignmentReason,
    AlignmentVerdict,
    LesionAlignment,
)
from lesionscore.registration.regions import LesionRegion, own_bone
from lesionscore.registration.scan import PreparedScan, prepare_scan
from lesionscore.registration.skeleton import align_skeleton
from lesionscore.registration.threads import available_threads, ordered_map

__all__ = ["LesionRegion", "PreparedScan", "align_lesions", "prepare_scan"]

Floats = npt.NDArray[np.float64]
NEAR_MM, NEAR_NODES, NEAR_STARTS, NEAR_APART_MM = 60.0, 8, 6, 1.2
FAR_MM, FAR_NODES, FAR_APART_MM = 200.0, 4, 8.0
AROUND_MM = 20.0


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
    places = np.asarray([region.centre_mm for region in regions])
    threads = available_threads()
    # small products in own threads: a linear algebra library's threads would fight them
    with threadpool_limits(limits=1, user_api="blas"):
        with ThreadPoolExecutor(max_workers=threads) as pool:
            # fills the processors where the skeleton has to wait for itself
            finding = [pool.submit(own_bone, fixed, region, regions) for region in regions]
            skeleton = align_skeleton(fixed, moving, places, threads)
            own = [one.result() for one in finding]
        if skeleton is None:
            return {region.lesion_id: _no_common_bone(region.lesion_id) for region in regions}
        nodes = list(skeleton.nodes)
        starts = [_starts(nodes, i) for i in range(len(regions))]

        def zoomed(i: int) -> Zoomed:
            return Zoomed(own[i], align_locally(fixed, moving, own[i], starts[i]))

        lesions = ordered_map(zoomed, range(len(regions)), threads)

        def judged(i: int) -> LesionAlignment:
            fit = with_companions(fixed, moving, lesions, i)
            return judge(lesions[i].own, fit, starts[i], (fixed, moving), rule)

        found = ordered_map(judged, range(len(regions)), threads)
    return {alignment.lesion_id: alignment for alignment in found}


def _no_common_bone(lesion_id: str) -> LesionAlignment:
    """What is said of a lesion when the two scans show no bone in common."""
    return LesionAlignment(
        lesion_id=lesion_id,
        moving_from_fixed=None,
        error_mm=None,
        verdict=AlignmentVerdict.FAILED,
        reasons=(AlignmentReason.TOO_LITTLE_BONE,),
    )


def _starts(nodes: list[FieldNode], i: int) -> list[Floats]:
    """Transforms that the lesion's bone may have, without near repeats.

    Those of its own node and of the nodes around it, on both sides of a joint; and of the surest
    nodes farther off, for a whole rib cage may have slipped by one rib where the spine has not.
    """
    centre = nodes[i].centre_mm
    away = [float(np.linalg.norm(node.centre_mm - centre)) for node in nodes]
    near = [k for k in np.argsort(away, kind="stable") if away[k] <= NEAR_MM][: NEAR_NODES + 1]
    far = [k for k in range(len(nodes)) if NEAR_MM < away[k] <= FAR_MM and nodes[k].covered]
    far = sorted(far, key=lambda k: -nodes[k].quality)[:FAR_NODES]
    starts = _apart([nodes[k].matrix for k in [i, *near]], centre, NEAR_APART_MM)[:NEAR_STARTS]
    return _apart([*starts, *(nodes[k].matrix for k in far)], centre, FAR_APART_MM, len(starts))


def _apart(matrices: list[Floats], centre: Floats, apart_mm: float, sure: int = 1) -> list[Floats]:
    """Keep the first ones and of the rest what moves some place around a centre differently."""
    around = np.vstack([np.zeros(3), AROUND_MM * np.eye(3), -AROUND_MM * np.eye(3)])
    points = np.column_stack([centre + around, np.ones(len(around))])
    kept = matrices[:sure]
    for matrix in matrices[sure:]:
        gaps = [np.linalg.norm(points @ (matrix - other)[:3].T, axis=1).max() for other in kept]
        if min(gaps) > apart_mm:
            kept.append(matrix)
    return kept
