"""The surface of a lesion: a closed triangulated mesh in patient space, and its geometry.

What is measured on it lives in ``measure``; how it is found lives in ``segment`` and ``follow``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from lesionscore.errors import MeasurementError
from lesionscore.lesions import mesh_kernels
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """A closed surface made of triangles; several closed parts are allowed.

    Parameters
    ----------
    vertices_mm : ndarray, shape (n, 3), float
        Vertex positions, LPS (x, y, z), mm, on the scan that the surface belongs to.
    faces : ndarray, shape (m, 3), int
        Vertex indices of each triangle, counter-clockwise seen from outside.

    Raises
    ------
    MeasurementError
        If there are no triangles, or an array has the wrong shape.
    """

    vertices_mm: Floats
    faces: Indices

    def __post_init__(self) -> None:
        if self.vertices_mm.ndim != 2 or self.vertices_mm.shape[1:] != (3,):
            raise MeasurementError(
                f"a surface needs vertices of shape (n, 3), found {self.vertices_mm.shape}"
            )
        if self.faces.ndim != 2 or self.faces.shape[1:] != (3,) or len(self.faces) < 4:
            raise MeasurementError(
                f"a closed surface needs at least four triangles, found {self.faces.shape}"
            )

    @property
    def _arrays(self) -> tuple[Floats, Indices]:
        """Vertices and triangles as the compiled loops take them."""
        vertices = np.ascontiguousarray(self.vertices_mm, dtype=np.float64)
        return vertices, np.ascontiguousarray(self.faces, dtype=np.int64)

    @property
    def face_vectors_mm2(self) -> Floats:
        """Outward normal of each triangle times its area, shape (m, 3), mm2."""
        return np.asarray(mesh_kernels.face_vectors(*self._arrays))

    @property
    def area_mm2(self) -> float:
        """Area of the whole surface, mm2."""
        return float(np.linalg.norm(self.face_vectors_mm2, axis=1).sum())

    @property
    def volume_ml(self) -> float:
        """Volume inside the surface, ml (divergence theorem)."""
        middle = self.vertices_mm.mean(axis=0)
        first = self.vertices_mm[self.faces].mean(axis=1) - middle
        return float((first * self.face_vectors_mm2).sum() / 3.0) / 1000.0

    @property
    def centre_mm(self) -> tuple[float, float, float]:
        """Centre of the volume inside the surface, LPS, mm."""
        middle = self.vertices_mm.mean(axis=0)
        corners = self.vertices_mm[self.faces] - middle
        six_volumes = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
        total = six_volumes.sum()
        if total <= 0:
            return (float(middle[0]), float(middle[1]), float(middle[2]))
        centre = middle + (corners.sum(axis=1) / 4.0 * six_volumes[:, None]).sum(axis=0) / total
        return (float(centre[0]), float(centre[1]), float(centre[2]))

    @property
    def radius_mm(self) -> float:
        """Radius of a ball of the same volume, mm."""
        return float(max(3000.0 * self.volume_ml / (4.0 * np.pi), 0.0) ** (1.0 / 3.0))

    def vertex_normals(self) -> tuple[Floats, Floats]:
        """Outward unit normals, shape (n, 3), and areas, shape (n,), mm2, of the vertices."""
        normals, areas = mesh_kernels.vertex_normals(*self._arrays)
        return np.asarray(normals), np.asarray(areas)

    def vertex_curvatures(self, normals: Floats) -> Floats:
        """Mean curvature at the vertices, shape (n,), 1/mm; positive where convex."""
        return np.asarray(mesh_kernels.vertex_curvatures(*self._arrays, normals))

    def vertex_parts(self) -> Indices:
        """Number of the closed part that each vertex belongs to, shape (n,), from 0."""
        count = len(self.vertices_mm)
        first = np.concatenate([self.faces[:, 0], self.faces[:, 1]])
        second = np.concatenate([self.faces[:, 1], self.faces[:, 2]])
        links = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), (count, count))
        return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)

    def moved(self, transform: RigidTransform) -> Surface:
        """The same surface on another scan of the same bone."""
        return Surface(vertices_mm=transform.apply(self.vertices_mm), faces=self.faces)

    def displaced(self, along_normals_mm: Floats) -> Surface:
        """Surface whose vertices have moved outward by the given amounts, shape (n,), mm."""
        normals, _ = self.vertex_normals()
        return Surface(
            vertices_mm=self.vertices_mm + normals * along_normals_mm[:, None], faces=self.faces
        )

    @classmethod
    def from_level_set(cls, values: npt.NDArray[Any], grid: Grid, level: float = 0.0) -> Surface:
        """Surface where a field on a grid crosses a level; inside is below the level.

        Parameters
        ----------
        values : ndarray, shape (n_z, n_y, n_x)
            Field on the grid, for instance a signed distance.
        grid : Grid
            Where its values lie.
        level : float
            The value on the surface.

        Returns
        -------
        Surface
            Closed: the field is taken to be outside beyond the grid.

        Raises
        ------
        MeasurementError
            If the field does not cross the level.
        """
        outside = float(max(np.max(values), level)) + abs(float(np.ptp(values))) + 1.0
        padded = np.pad(np.asarray(values, dtype=np.float32), 1, constant_values=outside)
        if not (padded < level).any():
            raise MeasurementError("the field has no inside: no surface can be drawn")
        # the step at the border must not put the surface far outside the grid
        padded = np.minimum(padded, level + abs(float(np.min(values)) - level) + 1.0)
        index, faces, _, _ = marching_cubes(padded, level, gradient_direction="ascent")
        surface = cls(
            vertices_mm=grid.positions_mm(index.astype(np.float64) - 1.0),
            faces=faces.astype(np.int64),
        )
        if surface.volume_ml < 0:
            surface = cls(vertices_mm=surface.vertices_mm, faces=surface.faces[:, ::-1].copy())
        return surface


def union(parts: list[Surface]) -> Surface:
    """One surface of several closed parts."""
    offsets = np.cumsum([0] + [len(part.vertices_mm) for part in parts[:-1]])
    return Surface(
        vertices_mm=np.concatenate([part.vertices_mm for part in parts]),
        faces=np.concatenate(
            [part.faces + offset for part, offset in zip(parts, offsets, strict=True)]
        ),
    )
