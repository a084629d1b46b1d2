"""An image with its place in the patient: what every phantom renderer returns.

The phantoms carry their own small type, because they may not import the code under test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """A regular volume in DICOM patient coordinates (LPS, mm).

    Parameters
    ----------
    array : ndarray, shape (n_z, n_y, n_x)
        Values: HU (int16 or float32), SUVbw (float32) or labels (uint8).
    spacing_xyz_mm : tuple of 3 float
        Distance between voxel centres along the columns' (x), rows' (y) and slices' (z) axis.
    origin_mm : tuple of 3 float
        Position of the centre of voxel (0, 0, 0).
    direction : tuple of 9 float
        Row-major 3 x 3 matrix whose columns are the directions of the x, y and z index axes,
        as in ITK.

    Raises
    ------
    ValueError
        If the array is not three-dimensional or the geometry is not one of a regular grid.
    """

    array: NDArray[np.generic]
    spacing_xyz_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: tuple[float, ...] = AXIAL

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise ValueError(f"an Image needs an array (z, y, x); found shape {self.array.shape}")
        if len(self.spacing_xyz_mm) != 3 or min(self.spacing_xyz_mm) <= 0:
            raise ValueError(f"spacing must be three positive mm; found {self.spacing_xyz_mm}")
        if len(self.origin_mm) != 3 or len(self.direction) != 9:
            raise ValueError("origin needs 3 and direction 9 numbers")
        matrix = np.asarray(self.direction, dtype=float).reshape(3, 3)
        if not np.allclose(matrix.T @ matrix, np.eye(3), atol=1e-6):
            raise ValueError(f"direction is not orthonormal: {self.direction}")

    @property
    def mm_from_index(self) -> NDArray[np.float64]:
        """4 x 4 matrix from index (x, y, z, 1) to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction, dtype=float).reshape(3, 3) * self.spacing_xyz_mm
        matrix[:3, 3] = self.origin_mm
        return matrix

    def index_of(self, position_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Continuous index (x, y, z) of positions in LPS mm.

        Parameters
        ----------
        position_mm : ndarray, shape (..., 3)
            Positions.

        Returns
        -------
        ndarray, shape (..., 3)
            Continuous voxel indices, voxel centres at integers.
        """
        matrix = self.mm_from_index
        offset = np.asarray(position_mm, dtype=float) - matrix[:3, 3]
        return np.asarray(offset @ np.linalg.inv(matrix[:3, :3]).T)
