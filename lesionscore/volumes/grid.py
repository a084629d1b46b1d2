"""The geometry of an image: where each voxel's centre lies in the patient.

The only place where array order (z, y, x) and patient order (x, y, z) meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
IDENTITY_DIRECTION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
ORTHONORMAL_TOLERANCE = 1e-4  # decimal strings of an orientation carry about six digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A regular grid of voxel centres in patient space.

    Parameters
    ----------
    shape_zyx : tuple of int
        Number of slices, rows and columns: the shape of the array.
    spacing_xyz_mm : tuple of float
        Distance between voxel centres along columns' index x, rows' index y, slices' index z.
    origin_mm : tuple of float
        Centre of voxel (0, 0, 0), LPS, mm.
    direction : tuple of float
        ITK's direction matrix, row by row: column *k* is the unit vector of index axis *k*.

    Raises
    ------
    ValueError
        If a size or spacing is not positive, or the direction is not orthonormal.
    """

    shape_zyx: tuple[int, int, int]
    spacing_xyz_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: tuple[float, ...] = IDENTITY_DIRECTION

    def __post_init__(self) -> None:
        if len(self.shape_zyx) != 3 or min(self.shape_zyx) < 1:
            raise ValueError(f"a grid needs three sizes of at least 1, found {self.shape_zyx}")
        if len(self.spacing_xyz_mm) != 3 or not min(self.spacing_xyz_mm) > 0:
            raise ValueError(f"a grid needs three spacings above 0 mm, found {self.spacing_xyz_mm}")
        if len(self.direction) != 9:
            raise ValueError(f"a direction has nine numbers, found {len(self.direction)}")
        matrix = self.direction_matrix
        if not np.allclose(matrix.T @ matrix, np.eye(3), atol=ORTHONORMAL_TOLERANCE):
            raise ValueError(f"the direction is not orthonormal: {self.direction}")

    @property
    def direction_matrix(self) -> Floats:
        """Unit vectors of the index axes x, y, z as columns, shape (3, 3)."""
        return np.asarray(self.direction, dtype=np.float64).reshape(3, 3)

    @property
    def mm_from_index_xyz(self) -> Floats:
        """Matrix, shape (3, 3), that turns an index step (x, y, z) into mm."""
        return np.asarray(self.direction_matrix * np.asarray(self.spacing_xyz_mm))

    @property
    def affine(self) -> Floats:
        """Homogeneous matrix, shape (4, 4), from index (x, y, z) to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.mm_from_index_xyz
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in ml."""
        return float(np.prod(self.spacing_xyz_mm)) / 1000.0

    def positions_mm(self, index_zyx: npt.ArrayLike) -> Floats:
        """Patient positions of array indices.

        Parameters
        ----------
        index_zyx : array_like, shape (..., 3)
            Array indices (z, y, x); fractions are allowed.

        Returns
        -------
        ndarray, shape (..., 3)
            LPS positions (x, y, z) in mm.
        """
        index_xyz = np.asarray(index_zyx, dtype=np.float64)[..., ::-1]
        return np.asarray(index_xyz @ self.mm_from_index_xyz.T + np.asarray(self.origin_mm))

    def index_zyx(self, positions_mm: npt.ArrayLike) -> Floats:
        """Array indices of patient positions; the inverse of `positions_mm`.

        Parameters
        ----------
        positions_mm : array_like, shape (..., 3)
            LPS positions (x, y, z) in mm.

        Returns
        -------
        ndarray, shape (..., 3)
            Fractional array indices (z, y, x); they may lie outside the array.
        """
        offset = np.asarray(positions_mm, dtype=np.float64) - np.asarray(self.origin_mm)
        return np.asarray((offset @ np.linalg.inv(self.mm_from_index_xyz).T)[..., ::-1])

    def contains(
        self, positions_mm: npt.ArrayLike, margin_mm: float = 0.0
    ) -> npt.NDArray[np.bool_]:
        """Tell which positions lie between the outermost voxel centres, `margin_mm` inside them.

        Parameters
        ----------
        positions_mm : array_like, shape (..., 3)
            LPS positions (x, y, z) in mm.
        margin_mm : float
            Distance that must be left to the outermost voxel centres.

        Returns
        -------
        ndarray, shape (...), bool
            True where the image covers the position.
        """
        index = self.index_zyx(positions_mm)
        margin = margin_mm / np.asarray(self.spacing_xyz_mm)[::-1]
        last = np.asarray(self.shape_zyx) - 1.0
        return np.asarray(((index >= margin) & (index <= last - margin)).all(axis=-1))

    def cropped(self, start_zyx: tuple[int, int, int], shape_zyx: tuple[int, int, int]) -> Grid:
        """Grid of the block that begins at `start_zyx` and has `shape_zyx` voxels."""
        origin = self.positions_mm(start_zyx)
        return Grid(
            shape_zyx=shape_zyx,
            spacing_xyz_mm=self.spacing_xyz_mm,
            origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
            direction=self.direction,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "shape_zyx": list(self.shape_zyx),
            "spacing_xyz_mm": list(self.spacing_xyz_mm),
            "origin_mm": list(self.origin_mm),
            "direction": list(self.direction),
        }
