"""Slowly varying unknowns around a lesion: the bone's level, and the density of a rim.

Bone is not the same everywhere, and its level under an edge is never known exactly. A field says
by how much it may be off from place to place; it is fitted together with the surface, so that
an edge is not drawn into a sparse patch of normal bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

KNOT_MM = 6.0
MOST_KNOTS = 110
WIDTH_IN_KNOTS = 0.62  # SD of a knot's Gaussian


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """Knots of a smooth field.

    Parameters
    ----------
    knots_mm : ndarray, shape (n_knots, 3)
        Their places, LPS.
    spacing_mm : float
        Distance between neighbours.
    """

    knots_mm: Floats
    spacing_mm: float

    def patterns(self, positions_mm: Floats) -> Singles:
        """Value of each knot's pattern at positions, shape (n, n_knots).

        Rows are scaled so that knots of SD one give a field of SD one everywhere.
        """
        squared = (
            (positions_mm**2).sum(axis=1)[:, None]
            + (self.knots_mm**2).sum(axis=1)[None, :]
            - 2.0 * positions_mm @ self.knots_mm.T
        )
        width = WIDTH_IN_KNOTS * self.spacing_mm
        value = np.exp(-0.5 * np.maximum(squared, 0.0) / width**2)
        value /= np.sqrt((value**2).sum(axis=1, keepdims=True) + 1e-12)
        return np.asarray(value, dtype=np.float32)


def field_around(positions_mm: Floats, knot_mm: float = KNOT_MM) -> Field:
    """Lattice of knots over a cloud of positions, coarser where there would be too many.

    Parameters
    ----------
    positions_mm : ndarray, shape (n, 3)
        Where the field will be used, LPS.
    knot_mm : float
        Wanted distance between knots.

    Returns
    -------
    Field
        Knots within reach of the positions.
    """
    low, high = positions_mm.min(axis=0), positions_mm.max(axis=0)
    tree = cKDTree(positions_mm[:: max(1, len(positions_mm) // 4000)])
    spacing = knot_mm
    while True:
        counts = np.maximum(np.ceil((high - low) / spacing).astype(int), 1) + 1
        start = 0.5 * (low + high) - 0.5 * (counts - 1) * spacing
        index = np.stack(
            np.meshgrid(*(np.arange(n) for n in counts), indexing="ij"), axis=-1
        ).reshape(-1, 3)
        knots = start + index * spacing
        distance, _ = tree.query(knots)
        kept = knots[distance < 0.75 * spacing]
        if len(kept) <= MOST_KNOTS:
            return Field(knots_mm=kept, spacing_mm=spacing)
        spacing *= 1.15
