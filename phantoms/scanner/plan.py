"""How a visit was scanned: grid, slices, kernel, drift, dose."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats
from phantoms.scanner.blur import Kernel

Three = tuple[float, float, float]

# in-plane and slice spacing (mm) of about 20 million voxels on a small patient
SMALL_GRIDS = (
    (1.15, 2.0),
    (1.2, 2.0),
    (1.3, 1.5),
    (1.25, 2.1),
    (1.0, 2.5),
    (0.9, 3.0),
    (1.4, 1.5),
)
FULL_GRIDS = ((0.9766, 1.5), (0.9766, 1.6), (0.8984, 1.5))
SMALL_FIELD_MM = (368.0, 294.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlan:
    """CT and PET acquisition of one visit.

    ``thickness_mm`` is the nominal slice thickness, ``drift_hu`` what the scanner adds to every
    tissue but air, ``noise_hu`` the standard deviation at the middle of an average body,
    ``metal`` whether a hip prosthesis throws streaks, and ``pet_shift_mm`` how far the body lay
    elsewhere during the PET.
    """

    shape_zyx: tuple[int, int, int]
    spacing_xyz_mm: Three
    origin_mm: Three
    thickness_mm: float
    kernel: Kernel
    kvp: float = 120.0
    drift_hu: float = 0.0
    noise_hu: float = 30.0
    metal: bool = False
    pet_spacing_xyz_mm: Three = (4.07283, 4.07283, 3.0)
    pet_fwhm_mm: float = 5.5
    pet_noise: float = 0.10
    pet_shift_mm: Three = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanChoice:
    """What is fixed about a visit's scan; None is drawn from the seed."""

    spacing_mm: float | None = None
    slice_mm: float | None = None
    kernel: Kernel | None = None
    kvp: float | None = None
    drift_hu: float | None = None
    noise_hu: float | None = None
    metal: bool = False
    pet_fwhm_mm: float | None = None
    pet_shift_mm: Three | None = None


def plan_scan(
    build: Build,
    preset: str,
    visit: str,
    low_mm: Floats,
    high_mm: Floats,
    choice: ScanChoice | None = None,
) -> ScanPlan:
    """Draw how a visit is scanned.

    Parameters
    ----------
    build : Build
        The patient.
    preset : str
        ``small`` or ``full``.
    visit : str
        Name of the visit; most follow the patient's usual protocol, some do not.
    low_mm, high_mm : ndarray, shape (3,)
        Corners of what must be covered, world of the visit.
    choice : ScanChoice, optional
        What is not left to chance.

    Returns
    -------
    ScanPlan
        Grid over the box; it starts at a fraction of a slice of its own.
    """
    choice = choice or ScanChoice()
    rng = build.rng("scan", visit)
    in_plane, slices = _spacing(build, preset, visit, choice)
    if preset == "full":
        columns, rows = 512, 512
    else:
        columns, rows = (int(4 * np.ceil(f / in_plane / 4)) for f in SMALL_FIELD_MM)
    middle = (low_mm + high_mm) / 2
    count = int(np.ceil((high_mm[2] - low_mm[2]) / slices))
    origin = (
        round(float(middle[0] - in_plane * (columns - 1) / 2 + rng.uniform(-4, 4)), 3),
        round(float(middle[1] - in_plane * (rows - 1) / 2 + rng.uniform(-3, 3)), 3),
        round(float(low_mm[2] + rng.uniform(-0.5, 0.5) * slices), 3),
    )
    grid = ScanPlan(
        shape_zyx=(count, rows, columns),
        spacing_xyz_mm=(in_plane, in_plane, slices),
        origin_mm=origin,
        thickness_mm=slices,
        kernel=Kernel.BONE,
        metal=choice.metal,
    )
    return _with_settings(grid, build, visit, choice)


def _spacing(build: Build, preset: str, visit: str, choice: ScanChoice) -> tuple[float, float]:
    """In-plane and slice spacing: the patient's usual one, at a third of visits another."""
    grids = FULL_GRIDS if preset == "full" else SMALL_GRIDS
    usual = build.rng("protocol").integers(3)
    rng = build.rng("grid", visit)
    other = int(rng.integers(len(grids)))
    unusual = visit != "inclusion" and rng.random() < 0.35
    in_plane, slices = grids[other if unusual else int(usual)]
    return choice.spacing_mm or in_plane, choice.slice_mm or slices


def _with_settings(grid: ScanPlan, build: Build, visit: str, choice: ScanChoice) -> ScanPlan:
    """Draw kernel, tube voltage, drift, noise, and the PET's blur and shift."""
    rng = build.rng("settings", visit)
    changed = visit != "inclusion" and rng.random() < 0.10
    kernel = Kernel.STANDARD if changed else Kernel.BONE
    kvp = 100.0 if visit != "inclusion" and rng.random() < 0.07 else 120.0
    strong = rng.random() < 0.12
    drift = float(rng.uniform(15, 25) * rng.choice([-1, 1])) if strong else float(rng.normal(0, 5))
    noise = float(rng.uniform(26, 38))
    moved = rng.random() < 0.15
    shift = rng.normal(0, 1, size=3)
    shift *= (float(rng.uniform(3, 6)) if moved else 0.8) / float(np.linalg.norm(shift))
    fwhm = float(build.rng("protocol", "pet").uniform(4.5, 6.5))
    x, y, z = (round(float(v), 2) for v in shift)
    return replace(
        grid,
        kernel=choice.kernel or kernel,
        kvp=choice.kvp or kvp,
        drift_hu=round(drift, 1) if choice.drift_hu is None else choice.drift_hu,
        noise_hu=round(noise, 1) if choice.noise_hu is None else choice.noise_hu,
        pet_fwhm_mm=choice.pet_fwhm_mm or round(fwhm, 2),
        pet_shift_mm=(x, y, z) if choice.pet_shift_mm is None else choice.pet_shift_mm,
    )
