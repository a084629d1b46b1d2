"""Where a lesion's own bone is: discs, neighbours, dark places, noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.background import bone_map
from lesionscore.lesions.outline import outline, own_bone
from lesionscore.lesions.patch import Patch, make_patch
from lesionscore.quantities import Quantity
from lesionscore.volumes import Grid, Volume

Flags = npt.NDArray[np.bool_]
SPONGY_HU, CORTEX_HU, SOFT_HU, LESION_HU = 190.0, 900.0, 55.0, 40.0
TEXTURE_HU, NOISE_HU = 36.0, 50.0
DISC_MM = 4.0


def two_vertebrae(seed: int | None = None) -> tuple[Patch, Flags, Flags, Flags]:
    """Two blocks with a disc between them and a lesion that broke the lower one's upper endplate.

    Returns the patch, the lesion's voxels, the own vertebra and the neighbour.
    """
    grid = Grid(shape_zyx=(44, 52, 52), spacing_xyz_mm=(1.2, 1.2, 1.5), origin_mm=(0.0, 0.0, 0.0))
    z, y, x = (
        n * step for n, step in zip(np.indices(grid.shape_zyx), (1.5, 1.2, 1.2), strict=True)
    )
    wide = (np.abs(x - 30.6) < 19) & (np.abs(y - 30.6) < 15)
    depth = np.minimum(19 - np.abs(x - 30.6), 15 - np.abs(y - 30.6))
    own, other = wide & (z > 8) & (z < 32), wide & (z > 32 + DISC_MM) & (z < 60)
    own_depth = np.minimum(depth, np.minimum(z - 8, 32 - z))
    other_depth = np.minimum(depth, np.minimum(z - 32 - DISC_MM, 60 - z))
    lesion = (x - 30.6) ** 2 + (y - 30.6) ** 2 + (z - 26.5) ** 2 < 7.0**2
    lesion &= own
    spongy = np.full(grid.shape_zyx, SPONGY_HU)
    rng = np.random.default_rng(seed)
    if seed is not None:
        texture = ndimage.gaussian_filter(rng.standard_normal(grid.shape_zyx), 1.0)
        spongy += TEXTURE_HU * texture / texture.std()
    hu = np.full(grid.shape_zyx, SOFT_HU)
    for flags, inside in ((own, own_depth), (other, other_depth)):
        hu = np.where(flags, np.where(inside < 1.5, CORTEX_HU, spongy), hu)
    hu = ndimage.gaussian_filter(np.where(lesion, LESION_HU, hu), 0.5)
    if seed is not None:
        hu = hu + NOISE_HU * rng.standard_normal(grid.shape_zyx)
    volume = Volume(array=hu.astype(np.float32), grid=grid, quantity=Quantity.HU)
    patch = make_patch(volume, (30.6, 30.6, 26.5), 40.0)
    assert patch.grid.shape_zyx == grid.shape_zyx
    return patch, lesion, own, other


def smoothed(patch: Patch) -> npt.NDArray[np.float32]:
    """As `bone_map` smooths it."""
    return ndimage.gaussian_filter(patch.values_hu, [0.8 / step for step in patch.spacing_zyx_mm])


def test_the_neighbour_across_a_disc_is_not_own() -> None:
    """Although the lesion broke the endplate and its margin reaches over the disc."""
    patch, lesion, own, other = two_vertebrae()
    found, above_hu = own_bone(patch, smoothed(patch), lesion, SPONGY_HU, LESION_HU)
    core = ndimage.binary_erosion(own) & ~ndimage.binary_dilation(lesion, iterations=2)
    assert found[core].mean() > 0.95
    neighbour = ndimage.binary_erosion(other, iterations=3)
    assert found[neighbour].mean() < 0.05
    assert (above_hu[neighbour] > 0.0).mean() > 0.95


def test_the_outline_runs_on_over_a_broken_endplate() -> None:
    """The lesion's place is inside the bone, the disc before it is not."""
    patch, lesion, own, _ = two_vertebrae()
    touched = ndimage.binary_dilation(lesion, iterations=2)
    found, above_hu = own_bone(patch, smoothed(patch), lesion, SPONGY_HU, LESION_HU)
    inside, _ = outline(found, above_hu, touched, patch.spacing_zyx_mm)
    assert inside[lesion].mean() > 0.9
    disc = touched & ~own & ~ndimage.binary_dilation(own)
    assert disc.any()
    assert inside[disc].mean() < 0.2


def test_texture_is_told_in_a_noisy_scan_beside_muscle() -> None:
    """At 50 HU of noise much muscle has the level of spongy bone; it does not count."""
    found = []
    for seed in range(4):
        patch, lesion, _, _ = two_vertebrae(seed)
        touched = ndimage.binary_dilation(lesion, iterations=2)
        bone = bone_map(patch, touched, LESION_HU, lesion.astype(np.float32))
        found.append(bone.texture_hu)
        assert abs(bone.normal_hu - SPONGY_HU) < 20.0
    assert 0.65 * TEXTURE_HU < np.mean(found) < 1.35 * TEXTURE_HU
