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

from lesionscore.registration.pieces import PieceRule, Pieces, fit_pieces
from lesionscore.registration.rigid import FitRule
from lesionscore.registration.scan import SplineImage
from lesionscore.registration.threads import ordered_map

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

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
SHARE = 64  # pieces that a thread takes at a time


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
    pieces: Pieces, target: SplineImage, body: Floats, threads: int = 1
) -> list[FieldNode]:
    """Accept the best fitting piece, hand its transform to its neighbours, and so on.

    Parameters
    ----------
    pieces : Pieces
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
    everyone = np.arange(len(pieces))
    shares = [everyone[i : i + SHARE] for i in range(0, len(pieces), SHARE)]
    tried = ordered_map(
        lambda share: _attempts(pieces, share, target, body, FROM_BODY), shares, threads
    )
    first = [node for nodes in tried for node in nodes]
    best = [_with_consent(first, pieces.neighbours[i], i) for i in range(len(pieces))]
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
        open_ = np.array([j for j in pieces.neighbours[i] if j not in done], np.int64)
        candidates = _attempts(pieces, open_, target, best[i].matrix, trust)
        for j, candidate in zip(open_.tolist(), candidates, strict=True):
            if candidate.quality > best[j].quality:
                best[j] = candidate
                heapq.heappush(queue, (-candidate.quality, serial, j))
                serial += 1
    return [done[i] for i in range(len(pieces))]


def _with_consent(first: list[FieldNode], neighbours: tuple[int, ...], i: int) -> FieldNode:
    """Trust what the body's transform gave only as far as the neighbours' fits agree."""
    node = first[i]
    if not neighbours:
        return replace(node, quality=node.quality * 0.5)
    gaps = np.array([first[j].matrix for j in neighbours]) - node.matrix
    moved = gaps[:, :3] @ np.append(node.centre_mm, 1.0)
    consent = float(np.mean(np.sqrt((moved**2).sum(axis=1)) < CONSENT_MM))
    return replace(node, quality=node.quality * (0.5 + 0.5 * consent))


def _attempts(
    pieces: Pieces, chosen: Integers, target: SplineImage, start: Floats, trust: float
) -> list[FieldNode]:
    """Fit some pieces from a start; where the target does not cover one, keep the start."""
    fits = fit_pieces(pieces, chosen, target, start, FIELD)
    centres = pieces.centres_mm[chosen]
    return [
        FieldNode(centre, start, FROM_UNCOVERED * trust, False)
        if quality < 0
        else FieldNode(centre, matrix, trust * quality, True)
        for centre, matrix, quality in zip(
            centres, fits.matrices, fits.qualities.tolist(), strict=True
        )
    ]
