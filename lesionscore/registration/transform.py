"""Rigid transforms between two scans, as values; nothing here looks at an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from lesionscore.errors import RegistrationError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RigidTransform:
    """A rotation and a shift that map points of the fixed scan to points of the moving scan.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        Homogeneous matrix on LPS positions (x, y, z, 1) in mm, ``moving_from_fixed``.

    Raises
    ------
    ValueError
        If the upper left block is not a rotation.
    """

    matrix: Floats

    def __post_init__(self) -> None:
        rotation = self.matrix[:3, :3]
        proper = np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-6)
        if self.matrix.shape != (4, 4) or not proper or np.linalg.det(rotation) < 0:
            raise ValueError("a rigid transform needs a 4 x 4 matrix with a rotation in it")

    @classmethod
    def identity(cls) -> RigidTransform:
        """Leave every point where it is."""
        return cls(np.eye(4))

    @classmethod
    def from_rotation_shift(
        cls, rotation: npt.ArrayLike, shift_mm: npt.ArrayLike, centre_mm: npt.ArrayLike = (0, 0, 0)
    ) -> RigidTransform:
        """Rotate about a centre, then shift.

        Parameters
        ----------
        rotation : array_like, shape (3, 3)
            Rotation matrix.
        shift_mm : array_like, shape (3,)
            Shift added after the rotation, mm.
        centre_mm : array_like, shape (3,)
            The point that the rotation leaves in place, LPS, mm.
        """
        turn = np.asarray(rotation, dtype=np.float64)
        centre = np.asarray(centre_mm, dtype=np.float64)
        matrix = np.eye(4)
        matrix[:3, :3] = turn
        matrix[:3, 3] = centre + np.asarray(shift_mm, dtype=np.float64) - turn @ centre
        return cls(matrix)

    def apply(self, positions_mm: npt.ArrayLike) -> Floats:
        """Map positions of the fixed scan, shape (..., 3) LPS mm, to the moving scan."""
        points = np.asarray(positions_mm, dtype=np.float64)
        return np.asarray(points @ self.matrix[:3, :3].T + self.matrix[:3, 3])

    def inverse(self) -> RigidTransform:
        """Transform that maps the moving scan back to the fixed scan."""
        rotation = self.matrix[:3, :3].T
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = -rotation @ self.matrix[:3, 3]
        return RigidTransform(matrix)

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        """``a_from_b @ b_from_c`` is ``a_from_c``."""
        return RigidTransform(self.matrix @ other.matrix)

    def to_itk(self) -> sitk.Euler3DTransform:
        """SimpleITK transform whose ``TransformPoint`` maps fixed points to moving points."""
        transform = sitk.Euler3DTransform()
        transform.SetMatrix(self.matrix[:3, :3].ravel().tolist(), 1e-6)
        transform.SetTranslation(self.matrix[:3, 3].tolist())
        return transform

    def write(self, path: Path) -> None:
        """Write an ITK transform file (``.tfm``).

        Raises
        ------
        RegistrationError
            If the file cannot be written.
        """
        try:
            sitk.WriteTransform(self.to_itk(), str(path))
        except RuntimeError as exc:
            raise RegistrationError(f"{path}: the transform cannot be written ({exc})") from exc
