"""Points, rigid moves and regular grids, in LPS mm: points are x-y-z, arrays z-y-x.

What the points are points of (bones, lesions, scans) is not known here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]


class Grid(NamedTuple):
    """A grid for compiled code: samples (z-y-x), first point and steps (x-y-z, mm)."""

    samples: Floats32
    origin: Floats
    step: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Block:
    """Values, shape (n_z, n_y, n_x), on a grid with the same step along all axes."""

    samples: Floats32
    origin_mm: Floats
    step_mm: float

    def at(self, points_mm: Floats) -> Floats:
        """Linear values at positions, shape (n, 3); outside, those of the nearest edge."""
        index = ((points_mm - self.origin_mm) / self.step_mm).T[::-1]
        found = ndimage.map_coordinates(self.samples, index, order=1, mode="nearest")
        return np.asarray(found, dtype=float)

    def grid(self) -> Grid:
        """The same for compiled code."""
        return Grid(self.samples, self.origin_mm, np.full(3, self.step_mm))

    def positions_mm(self) -> Floats:
        """Positions of all grid points, shape (n_z, n_y, n_x, 3)."""
        axes = [np.arange(n) * self.step_mm for n in self.samples.shape]
        z, y, x = np.meshgrid(*axes, indexing="ij")
        return np.stack([x, y, z], axis=-1) + self.origin_mm

    def steepness(self) -> Floats32:
        """Length of the values' gradient, per mm, at all grid points."""
        slopes = np.gradient(self.samples, self.step_mm)
        return np.asarray(np.sqrt(sum(slope**2 for slope in slopes)))

    @property
    def corners_mm(self) -> Floats:
        """The eight corners, shape (8, 3), the lowest first and the highest last."""
        size = (np.array(self.samples.shape[::-1]) - 1) * self.step_mm
        picks = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
        return np.asarray(self.origin_mm + picks * size)


def unit(vector: Floats) -> Floats:
    """Direction of a vector of shape (3,)."""
    return np.asarray(vector / np.linalg.norm(vector))


def turn(rng: np.random.Generator, degrees: float) -> Floats:
    """Rotate by an angle about a random axis, as a matrix of shape (3, 3)."""
    x, y, z = unit(rng.standard_normal(3))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = math.radians(degrees)
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def about(joint_mm: Floats, rotation: Floats, shift_mm: Floats) -> Floats:
    """Rotate about a point, then shift, as a matrix of shape (4, 4)."""
    out = np.eye(4)
    out[:3, :3] = rotation
    out[:3, 3] = joint_mm - rotation @ joint_mm + shift_mm
    return out


def apply(matrix: Floats, points_mm: Floats) -> Floats:
    """Carry points, shape (n, 3) or (3,), by a matrix of shape (4, 4)."""
    return np.asarray(points_mm @ matrix[:3, :3].T + matrix[:3, 3])
