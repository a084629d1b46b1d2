"""Stars: closed outlines with one radius along each of many directions from a centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from lesionscore.lesions.meshing import cube_grid, mesh_step_mm
from lesionscore.lesions.surface import Surface

Floats = npt.NDArray[np.float64]

RAYS = 400
ALIKE = 0.12
"""Directions so far apart, as chords of the unit sphere, share their radius; one SD."""


def _even_directions() -> Floats:
    """Unit vectors spread evenly over the sphere, shape (RAYS, 3)."""
    index = np.arange(RAYS) + 0.5
    height = 1.0 - 2.0 * index / RAYS
    turn = index * np.pi * (3.0 - np.sqrt(5.0))
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)


DIRECTIONS = _even_directions()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Star:
    """An outline around a centre.

    Parameters
    ----------
    centre_mm : ndarray, shape (3,)
        LPS.
    radii_mm : ndarray, shape (RAYS,)
        Along `DIRECTIONS`.
    """

    centre_mm: Floats
    radii_mm: Floats

    @property
    def points_mm(self) -> Floats:
        """Where the directions meet the outline, shape (RAYS, 3)."""
        return self.centre_mm + DIRECTIONS * self.radii_mm[:, None]

    def centroid_mm(self) -> Floats:
        """Middle of what the outline holds, shape (3,)."""
        weighted = 0.75 * self.radii_mm**4 @ DIRECTIONS
        return np.asarray(self.centre_mm + weighted / (self.radii_mm**3).sum())

    def depth_mm(self, point_mm: Floats) -> float:
        """How deep in the outline a point lies along its direction, negative outside."""
        towards = point_mm - self.centre_mm
        radius = self.radii_mm[int((DIRECTIONS @ towards).argmax())]
        return float(radius - np.linalg.norm(towards))

    def outside_mm(self, places_mm: Floats) -> Floats:
        """How far outside places lie along their directions, shape (...) of places (..., 3)."""
        offset = places_mm - self.centre_mm
        distance = np.linalg.norm(offset, axis=-1)
        unit = offset / np.maximum(distance, 1e-6)[..., None]
        gaps, nearest = cKDTree(DIRECTIONS).query(unit.reshape(-1, 3), k=6)
        share = np.exp(-0.5 * (gaps / ALIKE) ** 2) + 1e-9
        edge = (share * self.radii_mm[nearest]).sum(axis=1) / share.sum(axis=1)
        return np.asarray(distance - edge.reshape(distance.shape))


def surface_around(stars: Sequence[Star]) -> Surface:
    """Closed surface around all stars together.

    Parameters
    ----------
    stars : sequence of Star
        One or more, which overlap.
    """
    points = np.concatenate([star.points_mm for star in stars])
    step = mesh_step_mm(min(float(np.median(star.radii_mm)) for star in stars))
    margin = 4.0 * step
    grid = cube_grid(points.min(axis=0) - margin, points.max(axis=0) + margin, step)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape_zyx), indexing="ij"), axis=-1)
    places = grid.positions_mm(index)
    return Surface.from_level_set(
        np.minimum.reduce([star.outside_mm(places) for star in stars]), grid
    )
