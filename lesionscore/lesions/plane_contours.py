"""Where a triangle mesh cuts a plane, as lines to draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def plane_contours(
    vertices_mm: Floats, faces: Ints, right: Floats, down: Floats
) -> tuple[Floats, ...]:
    """Cut a mesh with a plane through the origin.

    Parameters
    ----------
    vertices_mm : ndarray, shape (n, 3)
        Vertices relative to a point of the plane, mm.
    faces : ndarray, shape (m, 3)
        Triangles as rows of vertex numbers.
    right, down : ndarray, shape (3,)
        Orthogonal unit vectors that span the plane: the picture's axes.

    Returns
    -------
    tuple of ndarray, shape (k, 2)
        Lines as places (right, down) in mm, the longest first. A closed line repeats its first
        point; a mesh with a hole also gives open ones.

    Notes
    -----
    A vertex that lies exactly on the plane counts as in front of it, so that every triangle is
    cut in two edges or in none.
    """
    if len(vertices_mm) == 0 or len(faces) == 0:
        return ()
    depth = vertices_mm @ np.cross(right, down)
    front = depth >= 0
    cut = faces[(front[faces].any(axis=1)) & (~front[faces].all(axis=1))]
    if len(cut) == 0:
        return ()
    edges = np.sort(np.stack([cut, np.roll(cut, -1, axis=1)], axis=-1), axis=-1)  # (k, 3, 2)
    crossed = front[edges[..., 0]] != front[edges[..., 1]]  # two of the three edges
    unique, number = np.unique(edges[crossed], axis=0, return_inverse=True)
    a, b = unique[:, 0], unique[:, 1]
    share = depth[a] / (depth[a] - depth[b])
    points = vertices_mm[a] + share[:, None] * (vertices_mm[b] - vertices_mm[a])
    places = points @ np.stack([right, down], axis=1)
    lines = [places[chain] for chain in _chains(number.reshape(-1, 2))]
    return tuple(sorted(lines, key=len, reverse=True))


def _chains(segments: Ints) -> list[list[int]]:
    """Join segments (pairs of point numbers) end to end; a closed chain repeats its first."""
    neighbours: dict[int, list[int]] = {}
    for first, second in segments.tolist():
        neighbours.setdefault(first, []).append(second)
        neighbours.setdefault(second, []).append(first)
    # open ends first, so that an open line is walked from one end to the other
    order = sorted(neighbours, key=lambda point: (len(neighbours[point]) != 1, point))
    chains = []
    for start in order:
        while neighbours[start]:
            chain = [start]
            while neighbours[chain[-1]]:
                here = chain[-1]
                there = neighbours[here].pop()
                neighbours[there].remove(here)
                chain.append(there)
            chains.append(chain)
    return chains
