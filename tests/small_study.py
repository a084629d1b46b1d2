"""A study so small that it is evaluated in a second: one block of bone with two round lesions.

Written as NIfTI, so that no test of tables, batches or commands waits for DICOM.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from lesionscore.quantities import Quantity
from lesionscore.volumes import Grid, Volume
from lesionscore.volumes.volume import write_image

CT_GRID = Grid(shape_zyx=(60, 80, 80), spacing_xyz_mm=(1.0, 1.0, 1.5), origin_mm=(-40, -40, 0))
PET_GRID = Grid(shape_zyx=(30, 20, 20), spacing_xyz_mm=(4.0, 4.0, 3.0), origin_mm=(-38, -38, 1.5))
CENTRES_MM = {"L1": np.array([-10.0, 0.0, 40.0]), "L2": np.array([11.0, 2.0, 48.0])}
RADII_MM = {
    "inclusion": {"L1": 7.0, "L2": 6.0},
    "month_3": {"L1": 7.0, "L2": 4.2},
    "month_12": {"L1": 7.0, "L2": 3.6},
    "month_24": {"L1": 7.0, "L2": 3.6},
}
DATES = {
    "inclusion": "2024-01-10",
    "month_3": "2024-04-10",
    "month_12": "2025-01-10",
    "month_24": "2026-01-10",
}


def bone_block(positions: np.ndarray) -> np.ndarray:
    """HU of a bone of uneven outline in soft tissue, without lesions."""
    x, y, z = positions[..., 0], positions[..., 1], positions[..., 2]
    outline = 1 - (
        (x / (26 + 2 * np.sin(z / 9))) ** 4
        + ((y - 1) / (18 + 1.5 * np.cos(x / 6))) ** 4
        + ((z - 44 - 0.1 * x) / 24) ** 6
    )
    inside = outline > 0
    cortex = inside & (outline < 0.35)
    return np.where(cortex, 900.0, np.where(inside, 220.0, 45.0))


@cache
def texture(seed: int) -> np.ndarray:
    """Trabecular texture that belongs to the bone, 30 HU."""
    field = np.random.default_rng(seed).normal(size=CT_GRID.shape_zyx)
    field = ndimage.gaussian_filter(field, [1.2 / 1.5, 1.2, 1.2])
    return 30.0 * field / field.std()


def ct_of(visit: str, seed: int) -> Volume:
    """CT of a visit, with noise of its own."""
    positions = CT_GRID.positions_mm(np.stack(np.mgrid[:60, :80, :80], axis=-1))
    hu = bone_block(positions)
    hu = hu + np.where(hu == 220.0, texture(seed), 0.0)
    for name, radius in RADII_MM[visit].items():
        away = np.linalg.norm(positions - CENTRES_MM[name], axis=-1)
        share = np.clip(radius - away + 0.5, 0, 1)
        hu = hu * (1 - share) + 40.0 * share
    hu = ndimage.gaussian_filter(hu, [0.5, 0.7, 0.7])
    noise = np.random.default_rng([seed, list(RADII_MM).index(visit)])
    hu = hu + noise.normal(0, 15, hu.shape)
    return Volume(array=hu.astype(np.int16), grid=CT_GRID, quantity=Quantity.HU)


def pet_of(visit: str, seed: int) -> Volume:
    """PET of a visit: bone at 5, lesions at 12."""
    n_z, n_y, n_x = PET_GRID.shape_zyx
    positions = PET_GRID.positions_mm(np.stack(np.mgrid[:n_z, :n_y, :n_x], axis=-1))
    suv = np.where(bone_block(positions) > 100, 5.0, 0.6)
    for name in CENTRES_MM:
        suv[np.linalg.norm(positions - CENTRES_MM[name], axis=-1) < 7] = 12.0
    suv = ndimage.gaussian_filter(suv, 0.6)
    suv *= 1 + 0.03 * np.random.default_rng([seed, 9]).normal(size=suv.shape)
    return Volume(array=suv.astype(np.float32), grid=PET_GRID, quantity=Quantity.SUVBW)


def write_small_study(
    folder: Path, *, patients: int = 1, visits: tuple[str, ...] = ("inclusion", "month_3")
) -> Path:
    """Write the study folder and return it."""
    rows, lesions, markers = [], [], []
    for number in range(1, patients + 1):
        patient = f"P{number:02d}"
        (folder / patient).mkdir(parents=True)
        for visit in visits:
            write_image(ct_of(visit, number), folder / patient / f"{visit}_ct.nii")
            write_image(pet_of(visit, number), folder / patient / f"{visit}_pet.nii")
            paths = f"{patient}/{visit}_ct.nii,{patient}/{visit}_pet.nii"
            rows.append(f"{patient},{visit},{DATES[visit]},{paths},suvbw")
            for marker, value, unit in (("PINP", 45 + number, "ug/L"), ("CTX", 0.4, "ug/L")):
                markers.append(f"{patient},{visit},{DATES[visit]},{marker},{value},{unit}")
        for name, (x, y, z) in CENTRES_MM.items():
            lesions.append(f"{patient},{name},block,{x + 1},{y - 1},{z + 1},,")
    write_rows(folder / "visits.csv", "patient_id,visit,date,ct,pet,pet_unit", rows)
    write_rows(
        folder / "lesions.csv", "patient_id,lesion_id,site,x_mm,y_mm,z_mm,mask,label", lesions
    )
    write_rows(folder / "markers.csv", "patient_id,visit,date,marker,value,unit", markers)
    return folder


def write_rows(path: Path, header: str, rows: list[str]) -> None:
    """Write one table."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
