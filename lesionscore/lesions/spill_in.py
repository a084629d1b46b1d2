"""Whether a region's highest voxel is its own, or the slope of something hotter outside.

Bladder, joints, osteophytes, fractures and other lesions blur into a neighbour's region. A
voxel-by-voxel look at the border would be fooled by noise both ways; asked is instead whether
one can walk from the maximum to a clearly hotter place outside *without going down* by more than
noise explains: then the region has no peak of its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.uptake_region import UptakeRegion
from lesionscore.volumes import Volume

REACH_MM = 15.0
"""How far a source can be whose blur still makes the maximum: about two widths of a PET's blur."""
DIP_FRACTION = 0.05
"""A valley shallower than this share of the maximum is noise, not a border between two peaks."""
RISE_FRACTION = 0.15
"""The source must be higher than the maximum by this share of it."""


def is_spill_in(pet: Volume, region: UptakeRegion, hottest_zyx: npt.NDArray[np.integer]) -> bool:
    """Tell whether the highest voxel of a region belongs to a hotter source outside it.

    Parameters
    ----------
    pet : Volume
        The PET, native grid.
    region : UptakeRegion
        The lesion's voxels, all inside the image.
    hottest_zyx : ndarray, shape (3,), int
        Array index of the region's highest voxel.

    Returns
    -------
    bool
        True if a voxel outside the region, within `REACH_MM` of the maximum and at least
        `RISE_FRACTION` above it, can be reached from it over voxels (faces, edges and corners
        touching) that are nowhere lower than the maximum by more than `DIP_FRACTION`.
    """
    spacing = np.asarray(pet.grid.spacing_xyz_mm)[::-1]
    reach = np.ceil(REACH_MM / spacing).astype(int)
    low = np.maximum(hottest_zyx - reach, 0)
    high = np.minimum(hottest_zyx + reach + 1, pet.grid.shape_zyx)
    block = pet.array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    suv_max = float(pet.array[tuple(hottest_zyx)])
    start = hottest_zyx - low
    offset = np.indices(block.shape).transpose(1, 2, 3, 0) - start
    near = ((offset * spacing) ** 2).sum(axis=-1) <= REACH_MM**2
    walkable = near & (block >= suv_max * (1.0 - DIP_FRACTION))
    pieces, _ = ndimage.label(walkable, structure=np.ones((3, 3, 3)))
    reached = pieces == pieces[tuple(start)]
    return bool((block[reached] >= suv_max * (1.0 + RISE_FRACTION)).any())
