"""Size of a lesion whose scan allows several surfaces: the mean over them, and their spread.

Where a lesion has withdrawn in part behind bone that looks much like it, a smaller one at the
lesion's old level and a larger, paler one explain the scan nearly as well. The most probable
alone would be wrong by millimetres now and then, and sure of itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lesionscore.lesions.measure import measure_surface
from lesionscore.lesions.records import LesionSize
from lesionscore.lesions.surface_fit import SurfaceFit

SIZE_AMBIGUOUS = "size_ambiguous"
AMBIGUOUS_MM = 1.0
"""SD between the surfaces' longest diameters; a reader's own is about as large."""
TEMPERATURE = 3.0
"""Costs differ by so many times more than they should: no model of bone is that exact."""
LEAST_WEIGHT = 0.02
"""Relative to the most probable surface."""


def averaged_size(size: LesionSize, likely: list[SurfaceFit]) -> tuple[LesionSize, tuple[str, ...]]:
    """Average a size over the surfaces that a scan allows.

    Parameters
    ----------
    size : LesionSize
        Of the most probable surface.
    likely : list of SurfaceFit
        The most probable surface first.

    Returns
    -------
    size : LesionSize
        Expected sizes; the spread between the surfaces is in their SD. The ends of the longest
        diameter stay those of the most probable surface.
    flags : tuple of str
        ``size_ambiguous`` where the longest diameters of the surfaces differ much.
    """
    costs = np.array([fit.cost for fit in likely])
    weights = np.exp((costs[0] - costs) / TEMPERATURE)
    kept = [k for k, weight in enumerate(weights) if k == 0 or weight >= LEAST_WEIGHT]
    if len(kept) == 1:
        return size, ()
    weights = weights[kept] / weights[kept].sum()
    sizes = [measure_surface(likely[k].surface) for k in kept]

    def moments(name: str) -> tuple[float, float]:
        """How much the mean exceeds the most probable surface's size, and SD between surfaces."""
        values = np.array([getattr(each, name) for each in sizes], dtype=np.float64)
        mean = float(weights @ values)
        return mean - float(values[0]), float(np.sqrt(weights @ (values - mean) ** 2))

    longest, longest_sd = moments("longest_diameter_mm")
    axial, axial_sd = moments("axial_diameter_mm")
    area, area_sd = moments("axial_area_mm2")
    volume, volume_sd = moments("volume_ml")
    longest_mm = size.longest_diameter_mm + longest
    axial_mm = min(size.axial_diameter_mm + axial, longest_mm)
    averaged = replace(
        size,
        longest_diameter_mm=longest_mm,
        longest_diameter_sd_mm=float(np.hypot(size.longest_diameter_sd_mm, longest_sd)),
        axial_diameter_mm=axial_mm,
        axial_diameter_sd_mm=float(np.hypot(size.axial_diameter_sd_mm, axial_sd)),
        short_axis_mm=min(size.short_axis_mm + moments("short_axis_mm")[0], axial_mm),
        axial_area_mm2=size.axial_area_mm2 + area,
        axial_area_sd_mm2=float(np.hypot(size.axial_area_sd_mm2, area_sd)),
        volume_ml=size.volume_ml + volume,
        volume_sd_ml=float(np.hypot(size.volume_sd_ml, volume_sd)),
    )
    return averaged, (SIZE_AMBIGUOUS,) if longest_sd > AMBIGUOUS_MM else ()
