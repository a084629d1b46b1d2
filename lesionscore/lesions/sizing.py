"""Size of a lesion with its uncertainty, from the most probable surface and draws around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lesionscore.lesions.measure import (
    axial_sizes,
    half_sphere_directions,
    measure_surface,
)
from lesionscore.lesions.records import LesionSize
from lesionscore.lesions.surface import Surface

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
DRAWS = 120
AXIAL_DRAWS = 40
LEAST_SD_MM = 0.05
MODEL_SD_MM = 0.15
"""What the surface's patterns and the model of the scan leave out, on phantoms."""


def drawn_longest_mm(draws: Floats, parts: Indices | None = None) -> Floats:
    """Longest diameter of each drawn surface, shape (n_draws,), mm.

    Parameters
    ----------
    draws : ndarray, shape (n_draws, n_vertices, 3)
        Vertices of surfaces drawn from the posterior.
    parts : ndarray, shape (n_vertices,), int, optional
        Closed part that each vertex belongs to; the longest part counts.
    """
    if parts is not None and parts.max() > 0:
        every = [drawn_longest_mm(draws[:, parts == part]) for part in range(parts.max() + 1)]
        return np.asarray(np.max(every, axis=0))
    directions = half_sphere_directions(500).astype(np.float32)
    offsets = (draws - draws.mean(axis=(0, 1))).astype(np.float32)
    longest = np.empty(len(draws))
    for number, vertices in enumerate(offsets):
        along = vertices @ directions.T
        longest[number] = (along.max(axis=0) - along.min(axis=0)).max()
    return longest


def drawn_volumes_ml(draws: Floats, faces: npt.NDArray[np.int64]) -> Floats:
    """Volume of each drawn surface, shape (n_draws,), ml."""
    middle = draws.mean(axis=(0, 1))
    corners = (draws - middle)[:, faces]
    products = np.einsum(
        "dfj,dfj->d", corners[:, :, 0], np.cross(corners[:, :, 1], corners[:, :, 2])
    )
    return np.asarray(products / 6000.0)


def lesion_size(
    surface: Surface,
    draws: Floats,
    *,
    outlined: bool,
    extra_sd_mm: float = 0.0,
    correlation: float = 0.0,
) -> LesionSize:
    """Measure a surface and how uncertain its sizes are.

    Parameters
    ----------
    surface : Surface
        Most probable surface.
    draws : ndarray, shape (n_draws, n_vertices, 3)
        Surfaces drawn around it, with the same triangles.
    outlined : bool
        The surface comes from a reader's outline.
    extra_sd_mm : float
        Further SD of every diameter, added in squares.
    correlation : float
        Correlation of the error of the longest diameter with that at inclusion.

    Returns
    -------
    LesionSize
        Diameters and areas, expected ones for a point; volume of the most probable surface.

    Notes
    -----
    A longest diameter is a maximum, and the most probable surface from a point is smoother than
    any likely one: its own diameter is too short, by 0.2 mm. What is stated is the mean over the
    draws. A surface from an outline is uneven enough, and the volume has no such bias.
    """
    size = measure_surface(surface)
    parts = surface.vertex_parts()
    # draws are looked at more coarsely: what counts is the difference to the same look here
    longest = drawn_longest_mm(draws, parts)
    axial = np.array([axial_sizes(v, surface.faces, 1.0) for v in draws[:AXIAL_DRAWS]])
    more_mm, more = 0.0, np.zeros(3)
    if not outlined:
        more_mm = longest.mean() - drawn_longest_mm(surface.vertices_mm[None], parts)[0]
        more = axial.mean(axis=0) - axial_sizes(surface.vertices_mm, surface.faces, 1.0)
    longest_mm = size.longest_diameter_mm + float(more_mm)
    area_mm2 = size.axial_area_mm2 + float(more[2])
    extra_sd_mm = float(np.hypot(extra_sd_mm, MODEL_SD_MM))
    relative = extra_sd_mm / max(longest_mm, 1e-6)
    axial_sd, _, drawn_area_sd = axial.std(axis=0)
    area_sd = float(np.hypot(drawn_area_sd, 2.0 * relative * area_mm2))
    drawn_volume_sd = drawn_volumes_ml(draws, surface.faces).std()
    volume_sd = float(np.hypot(drawn_volume_sd, 3.0 * relative * size.volume_ml))
    axial_mm = min(size.axial_diameter_mm + float(more[0]), longest_mm)
    return LesionSize(
        longest_diameter_mm=longest_mm,
        longest_diameter_sd_mm=max(float(np.hypot(longest.std(), extra_sd_mm)), LEAST_SD_MM),
        axial_diameter_mm=axial_mm,
        axial_diameter_sd_mm=max(float(np.hypot(axial_sd, extra_sd_mm)), LEAST_SD_MM),
        short_axis_mm=min(size.short_axis_mm + float(more[1]), axial_mm),
        axial_area_mm2=area_mm2,
        axial_area_sd_mm2=max(area_sd, 2.0 * LEAST_SD_MM * axial_mm),
        volume_ml=size.volume_ml,
        volume_sd_ml=max(volume_sd, 3.0 * LEAST_SD_MM / longest_mm * size.volume_ml),
        inclusion_correlation=correlation,
        longest_ends_mm=size.longest_ends_mm,
    )
