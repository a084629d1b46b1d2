"""Alignment of each lesion's bone between two scans of one patient: the public door.

One coarse alignment of the two bodies, then for every lesion rigid fits of ever smaller and
finer surroundings, with the lesion's own voxels left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from lesionscore.protocol.rules import AlignmentRule
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
        skeleton = align_skeleton(fixed, moving, places, threads)
        if skeleton is None:
            return {region.lesion_id: _no_common_bone(region.lesion_id) for region in regions}
        nodes = list(skeleton.nodes)
        found = ordered_map(
            lambda i: _align_lesion(fixed, moving, regions, i, nodes, rule),
            range(len(regions)),
            threads,
        )
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
    """Transforms of the lesion's own node and of those around it, without near repeats."""
    centre = nodes[i].centre_mm
    near = sorted(
        range(len(nodes)), key=lambda k: float(np.linalg.norm(nodes[k].centre_mm - centre))
    )
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
    own = own_bone(fixed, regions[i], regions)
    fit = align_locally(fixed, moving, own, _starts(nodes, i))
    return judge(own, fit, nodes[i].matrix, (fixed, moving), rule)
