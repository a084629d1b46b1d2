"""Sizes of a surface: longest diameter, axial diameter and its perpendicular, area, volume.

All from the triangles themselves, never from principal axes or voxel centres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import ConvexHull, QhullError

from lesionscore.lesions.surface import Surface
from lesionscore.quantities import PositionMm

Floats = npt.NDArray[np.float64]
PLANE_STEP_MM = 0.5  # axial sections are looked at this densely
SECTION_DIRECTIONS = 90  # 2 degrees apart: a width is low by less than 0.02 %
SPACE_DIRECTIONS = 1500  # about 3.5 degrees apart


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceSize:
    """Sizes of one surface, in mm, mm2 and ml."""

    longest_diameter_mm: float
    axial_diameter_mm: float
    short_axis_mm: float
    axial_area_mm2: float
    volume_ml: float
    longest_ends_mm: tuple[PositionMm, PositionMm]


def longest_diameter(surface: Surface) -> tuple[float, tuple[PositionMm, PositionMm]]:
    """Distance and positions of the two vertices that lie farthest apart.

    Parameters
    ----------
    surface : Surface
        A closed surface; of several parts, the longest counts, not the span of all.

    Returns
    -------
    tuple
        Distance in mm; the two ends, LPS, mm.
    """
    parts = surface.vertex_parts()
    found = [_farthest_pair(surface.vertices_mm[parts == part]) for part in range(parts.max() + 1)]
    return max(found, key=lambda each: each[0])


def _farthest_pair(points: Floats) -> tuple[float, tuple[PositionMm, PositionMm]]:
    """Distance and positions of the two points that lie farthest apart."""
    try:
        points = points[ConvexHull(points).vertices]
    except QhullError:  # flat or degenerate: all points are looked at
        points = points[:: max(1, len(points) // 2000)]
    offsets = points - points.mean(axis=0)
    squared = (offsets**2).sum(axis=1)
    squared = squared[:, None] + squared[None, :] - 2.0 * (offsets @ offsets.T)
    first, second = np.unravel_index(int(squared.argmax()), squared.shape)
    ends = (_position(points[first]), _position(points[second]))
    return float(np.linalg.norm(points[first] - points[second])), ends


def measure_surface(surface: Surface) -> SurfaceSize:
    """Measure one surface.

    Parameters
    ----------
    surface : Surface
        A closed surface on one scan; axial planes are planes of constant z (LPS).

    Returns
    -------
    SurfaceSize
        The axial diameter is the longest in any one axial plane, the short axis the extent
        perpendicular to it in that plane, the area the largest axial cross-section.
    """
    longest, ends = longest_diameter(surface)
    axial, short, area = axial_sizes(surface.vertices_mm, surface.faces)
    return SurfaceSize(
        longest_diameter_mm=longest,
        axial_diameter_mm=axial,
        short_axis_mm=short,
        axial_area_mm2=area,
        volume_ml=surface.volume_ml,
        longest_ends_mm=ends,
    )


def axial_sizes(
    vertices_mm: Floats, faces: npt.NDArray[np.int64], step_mm: float = PLANE_STEP_MM
) -> tuple[float, float, float]:
    """Longest axial diameter, its perpendicular (mm), largest axial area (mm2) of a mesh.

    Parameters
    ----------
    vertices_mm : ndarray, shape (n, 3)
        Vertex positions, LPS.
    faces : ndarray, shape (m, 3)
        Triangles.
    step_mm : float
        Distance between the planes that are looked at.

    Returns
    -------
    tuple of float
        Diameter, perpendicular extent, area.
    """
    angles = np.arange(SECTION_DIRECTIONS) * (np.pi / SECTION_DIRECTIONS)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    low, high = float(vertices_mm[:, 2].min()), float(vertices_mm[:, 2].max())
    count = max(3, int(np.ceil((high - low) / step_mm)))
    planes = low + (np.arange(count) + 0.5) * (high - low) / count
    diameter, short, area = _scan_planes(
        np.ascontiguousarray(vertices_mm), np.ascontiguousarray(faces), planes, directions
    )
    return float(diameter), float(short), float(area)


def half_sphere_directions(count: int = SPACE_DIRECTIONS) -> Floats:
    """Unit vectors spread evenly over a half sphere, shape (count, 3) (Fibonacci lattice)."""
    index = np.arange(count) + 0.5
    height = index / count
    turn = index * np.pi * (3.0 - np.sqrt(5.0))
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _scan_planes(
    vertices: Floats, faces: npt.NDArray[np.int64], planes: Floats, directions: Floats
) -> tuple[float, float, float]:
    """Cut a mesh with planes of constant z; largest width, its perpendicular, largest area."""
    n_dir = directions.shape[0]
    low = np.empty((planes.size, n_dir))
    high = np.empty((planes.size, n_dir))
    low[:] = 1e30
    high[:] = -1e30
    areas = np.zeros(planes.size)
    step = planes[1] - planes[0] if planes.size > 1 else 1.0
    point = np.empty((2, 2))
    for f in range(faces.shape[0]):
        z0 = vertices[faces[f, 0], 2]
        z1 = vertices[faces[f, 1], 2]
        z2 = vertices[faces[f, 2], 2]
        bottom = min(z0, z1, z2)
        top = max(z0, z1, z2)
        first = max(0, int(np.ceil((bottom - planes[0]) / step)) - 1)
        for p in range(first, planes.size):
            z = planes[p]
            if z > top:
                break
            if z <= bottom:
                continue
            found = 0
            for corner in range(3):
                a = faces[f, corner]
                b = faces[f, (corner + 1) % 3]
                za = vertices[a, 2]
                zb = vertices[b, 2]
                if (za < z) != (zb < z) and found < 2:
                    share = (z - za) / (zb - za)
                    # crossing downwards is stored first: the outline keeps one sense of turning
                    slot = 0 if za < z else 1
                    point[slot, 0] = vertices[a, 0] + share * (vertices[b, 0] - vertices[a, 0])
                    point[slot, 1] = vertices[a, 1] + share * (vertices[b, 1] - vertices[a, 1])
                    found += 1
            if found < 2:
                continue
            areas[p] += 0.5 * (point[0, 0] * point[1, 1] - point[1, 0] * point[0, 1])
            for k in range(n_dir):
                for slot in range(2):
                    value = point[slot, 0] * directions[k, 0] + point[slot, 1] * directions[k, 1]
                    low[p, k] = min(low[p, k], value)
                    high[p, k] = max(high[p, k], value)
    best = 0.0
    best_plane = 0
    best_direction = 0
    area = 0.0
    for p in range(planes.size):
        area = max(area, abs(areas[p]))
        for k in range(n_dir):
            if high[p, k] - low[p, k] > best:
                best = high[p, k] - low[p, k]
                best_plane = p
                best_direction = k
    across = (best_direction + n_dir // 2) % n_dir
    short = max(0.0, high[best_plane, across] - low[best_plane, across])
    return best, short, area


def _position(point: Floats) -> PositionMm:
    """Three plain numbers of an array."""
    return (float(point[0]), float(point[1]), float(point[2]))
