"""How far the image may move a lesion's surface, and what SD its bone adds to a diameter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.shape import Smoothness
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.surface_fit import SurfaceFit
from lesionscore.volumes import Volume

BROKEN_BELOW = 0.9  # contact with bone: a lesion inside bone has more
LEAST_TRUST = 0.35
UNSEEN_SD_SHARE = 0.12  # of the diameter, where the least edge shows
POINT_UNSEEN = 1.7  # times as much where there is no outline either
READER_SD_MM = 1.2  # of a diameter, one reading of one reader
POINT_SD_SHARE, USUAL_OPEN, OPEN_POWER = 0.03, 0.6, 4.0
"""Of a point's diameter, what is wrong with its shape; where the scan leaves more of the freedom
open than usual, by that power more. Chosen, as `UNEVEN_SD_SHARE` and `sizing.MODEL_SD_MM`, by the
likelihood of the errors of 743 readings of 33 patients: points from 464 to 444, outlines from 296
to 292 (minus logarithm, Student's t of 4 degrees of freedom)."""
UNEVEN_SD_SHARE = 0.6
"""Of an outline's diameter, times the square of `unevenness`."""
MASK_SD_VOXELS = (0.2, 0.2, 0.15)  # offset, long and short waves of a reader's outline
CORTEX_SD_MM = 0.7  # where the whole surface lies against cortex: its thickness behind is guessed
POINT_CORTEX_SD_MM = 1.8  # where there is no outline either
LEAST_RADIUS_MM = 0.5
LEAST_FREEDOM = 0.4
"""Of the waves where a surface has no bone beside it: what the rest shows does not reach far."""
BESIDE_SHARE = 0.05  # of the surface, around each vertex, that decides whether it has
FREE_SD = (0.1, 0.12, 0.04)  # of the radius: offset, long and short waves
UNEVEN = (1.0, 1.4, 2.0)  # times that, of a lesion of an uneven shape


def mask_smoothness(start: Surface, mask: Volume) -> Smoothness:
    """How far the image may move a reader's outline: about half a voxel."""
    x, y, z = mask.grid.spacing_xyz_mm
    voxel = float((x * y * z) ** (1.0 / 3.0))
    radius = start.radius_mm
    return Smoothness(
        components=(
            (MASK_SD_VOXELS[0] * voxel, np.inf),
            (MASK_SD_VOXELS[1] * voxel, 0.8 * radius),
            (MASK_SD_VOXELS[2] * voxel, max(2.5, 0.4 * radius)),
        )
    )


def edge_trust(contact: float) -> float:
    """How far the image may move a known outline, 0 to 1, by the share that has bone beside it."""
    return float(np.clip((contact - BROKEN_BELOW) / (1.0 - BROKEN_BELOW), LEAST_TRUST, 1.0))


def unseen_sd_mm(surface: Surface, contact: float) -> float:
    """SD that the part of a broken lesion's surface without an edge adds to its diameters, mm."""
    if contact >= BROKEN_BELOW:
        return 0.0
    return UNSEEN_SD_SHARE * 2.0 * surface.radius_mm * (1.0 - edge_trust(contact))


def given_sd_mm(seed: LesionSeed, first: SurfaceFit, surface: Surface, contact: float) -> float:
    """SD of a diameter by what the reader gave, the same error at every visit, mm.

    Of an outline what shows no edge stands as drawn, with a reader's error; of a point it is
    missing.

    Parameters
    ----------
    seed : LesionSeed
        What the reader gave.
    first : SurfaceFit
        What was found at inclusion.
    surface : Surface
        Whose diameter it is.
    contact : float
        Share of the inclusion's surface that has bone beside it.
    """
    diameter_mm = 2.0 * surface.radius_mm
    if seed.mask is not None:
        uneven_mm = UNEVEN_SD_SHARE * diameter_mm * unevenness(first.surface) ** 2
        return float(np.hypot(READER_SD_MM * (1.0 - contact), uneven_mm))
    shape_mm = POINT_SD_SHARE * diameter_mm * (first.open_share / USUAL_OPEN) ** OPEN_POWER
    return float(np.hypot(shape_mm, POINT_UNSEEN * unseen_sd_mm(surface, contact)))


def unevenness(surface: Surface) -> float:
    """By how much a surface exceeds that of a ball of the same volume: 0.2 is 20 %."""
    ball_mm2 = 4.0 * np.pi * max(surface.radius_mm, LEAST_RADIUS_MM) ** 2
    return max(surface.area_mm2 / ball_mm2 - 1.0, 0.0)


def cortex_sd_mm(seed: LesionSeed, cortex_beside: float) -> float:
    """SD of a diameter because cortex lies behind part of the edge, mm.

    The edge lies half-way between the lesion and the bone behind it. How dense a cortex would be
    without the lesion's blur, and how much of it the lesion took, one scan hardly shows.
    """
    return cortex_beside * (CORTEX_SD_MM if seed.mask is not None else POINT_CORTEX_SD_MM)


def free_smoothness(radius_mm: float) -> Smoothness:
    """How far a surface without a reader's outline may move from its start."""
    radius_mm = max(radius_mm, LEAST_RADIUS_MM)  # a fit may have shrunk to nothing
    return Smoothness(
        components=(
            (FREE_SD[0] * radius_mm + 0.3, np.inf),
            (FREE_SD[1] * radius_mm + 0.2, 0.9 * radius_mm),
            (FREE_SD[2] * radius_mm + 0.1, max(2.5, 0.45 * radius_mm)),
        )
    )


def uneven_smoothness(radius_mm: float) -> Smoothness:
    """As `free_smoothness`, for a lesion of an uneven shape."""
    even = free_smoothness(radius_mm).components
    return Smoothness(
        components=tuple((sd * k, ell) for (sd, ell), k in zip(even, UNEVEN, strict=True))
    )


def unseen_freedom(surface: Surface, beside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """How freely the vertices of a surface may move in waves, for `shape_basis`.

    Parameters
    ----------
    surface : Surface
        A first outline.
    beside : ndarray, shape (n_vertices,), bool
        Where it has bone beside it.

    Returns
    -------
    ndarray, shape (n_vertices,)
        1 amid bone, to `LEAST_FREEDOM` amid soft tissue, where a surface would only swing on as
        its edges move.
    """
    count = max(1, int(BESIDE_SHARE * len(beside)))
    _, near = cKDTree(surface.vertices_mm).query(surface.vertices_mm, k=count)
    share = beside[near.reshape(len(beside), -1)].mean(axis=1)
    return np.asarray(LEAST_FREEDOM + (1.0 - LEAST_FREEDOM) * share)
