"""Compiled loops over the triangles of a mesh: face vectors, vertex normals, curvatures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
LEAST_LENGTH = 1e-12
LEAST_SQUARE_MM2 = 1e-9


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def face_vectors(vertices: Floats, faces: Indices) -> Floats:
    """Outward normal of each triangle times its area, shape (m, 3).

    Parameters
    ----------
    vertices : ndarray, shape (n, 3)
        Positions, mm.
    faces : ndarray, shape (m, 3)
        Vertex indices, counter-clockwise seen from outside.
    """
    vectors = np.empty((faces.shape[0], 3))
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux = vertices[b, 0] - vertices[a, 0]
        uy = vertices[b, 1] - vertices[a, 1]
        uz = vertices[b, 2] - vertices[a, 2]
        wx = vertices[c, 0] - vertices[a, 0]
        wy = vertices[c, 1] - vertices[a, 1]
        wz = vertices[c, 2] - vertices[a, 2]
        vectors[f, 0] = 0.5 * (uy * wz - uz * wy)
        vectors[f, 1] = 0.5 * (uz * wx - ux * wz)
        vectors[f, 2] = 0.5 * (ux * wy - uy * wx)
    return vectors


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def vertex_normals(vertices: Floats, faces: Indices) -> tuple[Floats, Floats]:
    """Outward unit normals, shape (n, 3), and areas, shape (n,), of the vertices.

    Parameters
    ----------
    vertices, faces : ndarray
        As in `face_vectors`.
    """
    vectors = face_vectors(vertices, faces)
    normals = np.zeros((vertices.shape[0], 3))
    areas = np.zeros(vertices.shape[0])
    for f in range(faces.shape[0]):
        x, y, z = vectors[f, 0], vectors[f, 1], vectors[f, 2]
        third = np.sqrt(x * x + y * y + z * z) / 3.0
        for corner in range(3):
            v = faces[f, corner]
            normals[v, 0] += x
            normals[v, 1] += y
            normals[v, 2] += z
            areas[v] += third
    for v in range(normals.shape[0]):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        length = max(np.sqrt(x * x + y * y + z * z), LEAST_LENGTH)
        normals[v, 0] = x / length
        normals[v, 1] = y / length
        normals[v, 2] = z / length
    return normals, areas


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def vertex_curvatures(vertices: Floats, faces: Indices, normals: Floats) -> Floats:
    """Mean curvature at the vertices, shape (n,), 1/mm; positive where convex.

    Parameters
    ----------
    vertices, faces : ndarray
        As in `face_vectors`.
    normals : ndarray, shape (n, 3)
        Outward unit normals.
    """
    total = np.zeros(vertices.shape[0])
    squares = np.zeros(vertices.shape[0])
    for f in range(faces.shape[0]):
        for corner in range(3):
            a, b = faces[f, corner], faces[f, (corner + 1) % 3]
            bend = 0.0
            square = 0.0
            for axis in range(3):
                along = vertices[b, axis] - vertices[a, axis]
                bend += (normals[b, axis] - normals[a, axis]) * along
                square += along * along
            # weighted by squared length: short edges are noisy
            square = max(square, LEAST_SQUARE_MM2)
            total[a] += bend
            total[b] += bend
            squares[a] += square
            squares[b] += square
    for v in range(total.shape[0]):
        total[v] /= max(squares[v], LEAST_SQUARE_MM2)
    return total
