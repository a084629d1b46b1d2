"""How a visit was scanned: grid, slices, kernel, drift, dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats
from phantoms.scanner.blur import Kernel

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlan:
    """CT and PET acquisition of one visit.

    ``thickness_mm`` is the nominal slice thickness, ``drift_hu`` what the scanner adds to every
    tissue but air, ``noise_hu`` the standard deviation at the middle of an average body, and
    ``pet_shift_mm`` how far the body lay elsewhere during the PET.
    """

    shape_zyx: tuple[int, int, int]
    spacing_xyz_mm: Three
    origin_mm: Three
    thickness_mm: float
    kernel: Kernel
    kvp: float = 120.0
    drift_hu: float = 0.0
    noise_hu: float = 30.0
    pet_spacing_xyz_mm: Three = (4.07283, 4.07283, 3.0)
    pet_fwhm_mm: float = 5.5
    pet_noise: float = 0.10
    pet_shift_mm: Three = (0.0, 0.0, 0.0)


def plan_scan(build: Build, preset: str, visit: str, low_mm: Floats, high_mm: Floats) -> ScanPlan:
    """Draw how a visit is scanned.

    Parameters
    ----------
    build : Build
        The patient.
    preset : str
        ``small`` or ``full``.
    visit : str
        Name of the visit; grids differ between visits.
    low_mm, high_mm : ndarray, shape (3,)
        Corners of what must be covered, world of the visit.

    Returns
    -------
    ScanPlan
        Grid that covers the box, at random spacing.
    """
    rng = build.rng("scan", visit)
    if preset == "full":
        in_plane = float(np.round(rng.choice([0.9766, 0.9766, 0.8984]), 4))
        slices, columns, rows = 1.5, 512, 512
    else:
        in_plane = float(rng.choice([1.15, 1.2, 1.25]))
        slices, columns, rows = float(rng.choice([2.0, 2.0, 2.1])), 320, 256
    middle = (low_mm + high_mm) / 2
    count = int(np.ceil((high_mm[2] - low_mm[2]) / slices))
    origin = (
        round(float(middle[0] - in_plane * (columns - 1) / 2 + rng.uniform(-4, 4)), 3),
        round(float(middle[1] - in_plane * (rows - 1) / 2 + rng.uniform(-3, 3)), 3),
        round(float(low_mm[2] + rng.uniform(-0.5, 0.5) * slices), 3),
    )
    return ScanPlan(
        shape_zyx=(count, rows, columns),
        spacing_xyz_mm=(in_plane, in_plane, slices),
        origin_mm=origin,
        thickness_mm=slices,
        kernel=Kernel.BONE,
        drift_hu=round(float(rng.uniform(-8, 8)), 1),
        noise_hu=round(float(rng.uniform(26, 38)), 1),
    )
