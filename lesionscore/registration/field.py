"""How the skeleton moved: rigid fits of many overlapping pieces, each begun from a neighbour.

The body's transform is right somewhere and wrong elsewhere. Pieces of bone that it fits well
come first; from them the alignment is carried outward along the bones, piece by piece, so that
a step never has to bridge more than a few millimetres and cannot jump to the next vertebra or
rib. Accuracy here is a millimetre or two; the lesions' own fits do the rest.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lesionscore.registration.pieces import Piece, PieceRule, fit_piece
from lesionscore.registration.rigid import FitRule
from lesionscore.registration.scan import SplineImage
from lesionscore.registration.threads import ordered_map

Floats = npt.NDArray[np.float64]

FIELD = PieceRule(
    cell_mm=30.0,
    reach_mm=42.0,
    limit_mm=50.0,
    fall_mm=28.0,
    points=450,
    expected_mm=6.0,
    fit=FitRule(
        noise_hu=40.0,
        slack_mm=0.8,
        shift_sd_mm=5.0,
        turn_sd_rad=0.12,
        max_step_mm=4.0,
        iterations=15,
        tolerance_mm=0.1,
    ),
)
FROM_BODY, FROM_UNCOVERED = 0.6, 0.05  # trust in the body's transform; in mere prediction
CONSENT_MM = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class FieldNode:
    """A piece with the transform it got; quality near 0 where that is only a prediction."""

    centre_mm: Floats
    matrix: Floats
    quality: float
    covered: bool


def field_quality(nodes: list[FieldNode]) -> float:
    """Mean quality of the pieces that the moving scan covers; 0 if there are none."""
    known = [node.quality for node in nodes if node.covered]
    return float(np.mean(known)) if known else 0.0


def propagate(
    pieces: list[Piece], target: SplineImage, body: Floats, threads: int = 1
) -> list[FieldNode]:
    """Accept the best fitting piece, hand its transform to its neighbours, and so on.

    Parameters
    ----------
    pieces : list of Piece
        Pieces of the fixed scan.
    target : SplineImage
        The moving scan at the same resolution.
    body : ndarray, shape (4, 4)
        Transform of the whole body.

    Returns
    -------
    list of FieldNode
        In the order of `pieces`.
    """
    first = ordered_map(lambda piece: _attempt(piece, target, body, FROM_BODY), pieces, threads)
    best = [_with_consent(first, pieces[i], i) for i in range(len(pieces))]
    done: dict[int, FieldNode] = {}
    queue = [(-node.quality, serial, serial) for serial, node in enumerate(best)]
    heapq.heapify(queue)
    serial = len(queue)
    while queue:
        _, _, i = heapq.heappop(queue)
        if i in done:
            continue
        done[i] = best[i]
        trust = 1.0 if best[i].covered else best[i].quality
        for j in pieces[i].neighbours:
            if j in done:
                continue
            candidate = _attempt(pieces[j], target, best[i].matrix, trust)
            if candidate.quality > best[j].quality:
                best[j] = candidate
                heapq.heappush(queue, (-candidate.quality, serial, j))
                serial += 1
    return [done[i] for i in range(len(pieces))]


def _with_consent(first: list[FieldNode], piece: Piece, i: int) -> FieldNode:
    """Trust what the body's transform gave only as far as the neighbours' fits agree."""
    node = first[i]
    here = np.append(piece.centre_mm, 1.0)
    gaps = [((first[j].matrix - node.matrix) @ here)[:3] for j in piece.neighbours]
    consent = sum(float(np.linalg.norm(gap)) < CONSENT_MM for gap in gaps) / max(len(gaps), 1)
    return replace(node, quality=node.quality * (0.5 + 0.5 * consent))


def _attempt(piece: Piece, target: SplineImage, start: Floats, trust: float) -> FieldNode:
    """Fit a piece from a start; where the target does not cover it, keep the start."""
    quality, fit = fit_piece(piece, target, start, FIELD)
    if quality < 0:
        return FieldNode(piece.centre_mm, start, FROM_UNCOVERED * trust, False)
    return FieldNode(piece.centre_mm, fit.matrix, trust * quality, True)
