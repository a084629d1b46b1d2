"""The skeleton's alignment: which of the bodies' candidates is right, carried to every piece.

One vertebra looks like the next, so a body can fit one level too high. All of the skeleton never
fits as well there: candidates that come near one another are compared after the articulated fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.registration.body import align_bodies
from lesionscore.registration.field import FIELD, FieldNode, field_quality, propagate
from lesionscore.registration.pieces import make_pieces
from lesionscore.registration.scan import PreparedScan, common_sigmas, spline_image, windowed

Floats = npt.NDArray[np.float64]

SURE_QUALITY = 0.88
MOST_CANDIDATES = 4
SCORE_GAP = 0.25


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SkeletonAlignment:
    """Transforms of all pieces of the fixed scan's bone.

    Parameters
    ----------
    nodes : tuple of FieldNode
        First one for each place asked for, in order; then the rest of the skeleton.
    quality : float
        Mean quality of the covered pieces, 0 to 1.
    lead : float
        Lead in quality over the best other place of the body that was tried; 1 if none was.
    """

    nodes: tuple[FieldNode, ...]
    quality: float
    lead: float


def align_skeleton(
    fixed: PreparedScan, moving: PreparedScan, places_mm: Floats, threads: int = 1
) -> SkeletonAlignment | None:
    """Align the skeletons; None if the fixed scan shows no bone.

    Parameters
    ----------
    fixed, moving : PreparedScan
        The two scans.
    places_mm : ndarray, shape (n, 3)
        Places that need a node of their own, LPS on the fixed scan.
    """
    bodies = align_bodies(fixed, moving, threads)
    if not bodies:
        return None
    sigmas = common_sigmas(fixed.middle.grid, moving.middle.grid, 2.0, np.eye(3))
    image = spline_image(windowed(fixed.middle, threads), sigmas[0])
    target = spline_image(windowed(moving.middle, threads), sigmas[1])
    pieces = make_pieces(fixed.middle, image, FIELD, places_mm, threads)
    if pieces is None:
        return None
    tried: list[tuple[float, list[FieldNode]]] = []
    for body in bodies[:MOST_CANDIDATES]:
        if body.score < bodies[0].score - SCORE_GAP:
            break
        nodes = propagate(pieces, target, body.matrix, threads)
        tried.append((field_quality(nodes), nodes))
        if tried[-1][0] >= SURE_QUALITY:
            break
    tried.sort(key=lambda pair: -pair[0])
    lead = tried[0][0] - tried[1][0] if len(tried) > 1 else 1.0
    return SkeletonAlignment(nodes=tuple(tried[0][1]), quality=tried[0][0], lead=lead)
