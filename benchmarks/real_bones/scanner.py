"""How one visit is scanned: a low-dose CT of a scanner of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """Settings of one scan.

    Blur is the full width of a point at half its height, in a slice and across slices; sharpening
    the weight of the edges that an image filter adds; gain and offset are errors of the scale;
    above the value ``marbling`` of a pattern there is fat in muscle.
    """

    spacing_xyz_mm: tuple[float, float, float]
    fwhm_mm: float
    fwhm_z_mm: float
    sharpening: float
    gain: float
    offset_hu: float
    noise_hu: float
    muscle_hu: float
    marbling: float


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw the settings of one scan."""
    pixel = float(np.round(rng.uniform(0.9, 1.4), 3))
    slices = float(np.round(rng.uniform(1.0, 3.0), 1))
    return Scanner(
        spacing_xyz_mm=(pixel, pixel, slices),
        fwhm_mm=float(rng.uniform(1.2, 2.0)),
        fwhm_z_mm=slices * float(rng.uniform(0.8, 1.0)),
        sharpening=float(rng.uniform(0.3, 0.8)) if rng.random() < 0.3 else 0.0,
        gain=float(rng.uniform(0.95, 1.08)),
        offset_hu=float(rng.uniform(-15, 15)),
        noise_hu=float(rng.uniform(25, 55)),
        muscle_hu=float(rng.uniform(45, 62)),
        marbling=float(rng.uniform(0.3, 0.9)),
    )
