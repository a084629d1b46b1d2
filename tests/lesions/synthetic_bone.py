"""Blocks of spongy bone with an ellipsoidal lesion: small scans whose truth is a formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.quantities import Quantity
from lesionscore.volumes import Grid, Volume

SPACING_XYZ_MM = (1.0, 1.0, 1.5)
HALF_MM = 26.0
CENTRE_MM = (3.0, -2.0, 5.0)
FINE = 3  # parts of a voxel along each axis
BONE_HU, LESION_HU, TEXTURE_HU, NOISE_HU = 210.0, 40.0, 30.0, 25.0
POINT_SPREAD_MM = 0.65


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """An ellipsoid with its half axes in mm, and a shell of denser bone around it."""

    half_axes_mm: tuple[float, float, float]
    centre_mm: tuple[float, float, float] = CENTRE_MM
    rim_hu: float = 0.0
    rim_mm: float = 2.0
    level_hu: float | None = None

    @property
    def longest_mm(self) -> float:
        """Longest diameter."""
        return 2.0 * max(self.half_axes_mm)

    @property
    def volume_ml(self) -> float:
        """Volume."""
        return float(4.0 / 3.0 * np.pi * np.prod(self.half_axes_mm) / 1000.0)


def grid() -> Grid:
    """The block's grid."""
    count = [2 * round(HALF_MM / step) + 1 for step in SPACING_XYZ_MM]
    return Grid(
        shape_zyx=(count[2], count[1], count[0]),
        spacing_xyz_mm=SPACING_XYZ_MM,
        origin_mm=(-HALF_MM, -HALF_MM, -HALF_MM),
    )


def scan(
    *lesions: Lesion | None,
    noise_seed: int,
    drift_hu: float = 0.0,
    texture_seed: int = 0,
    texture_hu: float = TEXTURE_HU,
) -> Volume:
    """CT of the block with its lesions: the same texture in every scan, noise of its own."""
    place = grid()
    shape = tuple(n * FINE for n in place.shape_zyx)
    step = np.array(SPACING_XYZ_MM[::-1]) / FINE
    first = -HALF_MM - 0.5 * np.array(SPACING_XYZ_MM[::-1]) + 0.5 * step
    axes = [first[k] + step[k] * np.arange(shape[k]) for k in range(3)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    texture = np.random.default_rng(texture_seed).standard_normal(place.shape_zyx)
    texture = ndimage.gaussian_filter(texture, [0.8, 1.2, 1.2])
    texture *= texture_hu / texture.std()
    fine = np.full(shape, BONE_HU) + texture.repeat(FINE, 0).repeat(FINE, 1).repeat(FINE, 2)
    for lesion in filter(None, lesions):
        a, b, c = lesion.half_axes_mm
        cx, cy, cz = lesion.centre_mm
        inside = ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 + ((z - cz) / c) ** 2
        wide = lesion.rim_mm
        outer = (
            ((x - cx) / (a + wide)) ** 2
            + ((y - cy) / (b + wide)) ** 2
            + ((z - cz) / (c + wide)) ** 2
        )
        fine[(outer <= 1) & (inside > 1)] += lesion.rim_hu
        fine[inside <= 1] = LESION_HU if lesion.level_hu is None else lesion.level_hu
    blurred = ndimage.gaussian_filter(fine, POINT_SPREAD_MM / step)
    z_n, y_n, x_n = place.shape_zyx
    native = blurred.reshape(z_n, FINE, y_n, FINE, x_n, FINE).mean(axis=(1, 3, 5))
    noise = np.random.default_rng(noise_seed).standard_normal(native.shape)
    values = native + NOISE_HU * noise + drift_hu
    return Volume(array=np.round(values).astype(np.int16), grid=place, quantity=Quantity.HU)


def mask(lesion: Lesion) -> Volume:
    """A reader's mask: the voxels whose centres lie inside."""
    place = grid()
    index = np.moveaxis(np.indices(place.shape_zyx), 0, -1)
    offset = place.positions_mm(index) - np.asarray(lesion.centre_mm)
    inside: npt.NDArray[np.bool_] = ((offset / lesion.half_axes_mm) ** 2).sum(axis=-1) <= 1
    return Volume(array=inside.astype(np.uint8), grid=place, quantity=Quantity.LABEL)
