"""Whether a region's highest voxel is its own, or that of something hotter beside it.

Bladder, joints, osteophytes, fractures and other lesions blur into a neighbour's region. Two things
give them away. The maximum lies on a *slope*: a few millimetres on it is clearly hotter, with no
valley between. Or it lies on the *flank of a larger hot body*: what stands out around the maximum
is nearly all outside the region. A hot neighbour that leaves the region's own peak alone does
neither.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.uptake_region import UptakeRegion
from lesionscore.volumes import Volume

Booleans = npt.NDArray[np.bool_]

REACH_MM = 15.0
"""What is looked at around the maximum: about two widths of a PET's blur."""
SLOPE_MM = 5.0
"""A slope that makes the maximum rises within this."""
DIP_FRACTION = 0.05
"""A valley shallower than this share of the maximum is noise, not a border between two peaks."""
RISE_FRACTION = 0.2
"""The slope must lead to a voxel higher than the maximum by this share of it."""
BODY_FRACTION = 0.6
"""What is at least this share of the maximum belongs to the same hot body."""
OUTSIDE_SHARE = 0.8
"""So much of a foreign body lies outside the region."""


def is_spill_in(pet: Volume, region: UptakeRegion, hottest_zyx: npt.NDArray[np.integer]) -> bool:
    """Tell whether the highest voxel of a region belongs to a source outside it.

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
        True if a voxel within `SLOPE_MM` of the maximum (or one voxel, where voxels are larger) is
        at least `RISE_FRACTION` above it and is reached over voxels (faces, edges and corners
        touching) nowhere lower than the maximum by more than `DIP_FRACTION`; or if of the voxels
        within `REACH_MM` that hang together with the maximum and have at least `BODY_FRACTION` of
        it, more than `OUTSIDE_SHARE` lie outside the region, their centre, weighted by uptake,
        among them.
    """
    spacing = np.asarray(pet.grid.spacing_xyz_mm)[::-1]
    reach = np.ceil(REACH_MM / spacing).astype(int)
    low = np.maximum(hottest_zyx - reach, 0)
    high = np.minimum(hottest_zyx + reach + 1, pet.grid.shape_zyx)
    block = pet.array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    start = hottest_zyx - low
    offset = np.indices(block.shape).transpose(1, 2, 3, 0) - start
    away_mm = np.sqrt(((offset * spacing) ** 2).sum(axis=-1))
    suv_max = float(pet.array[tuple(hottest_zyx)])

    slope_mm = max(SLOPE_MM, float(spacing.max()))
    walkable = (away_mm <= slope_mm) & (block >= suv_max * (1.0 - DIP_FRACTION))
    slope = _piece(walkable, start)
    if bool((block[slope] >= suv_max * (1.0 + RISE_FRACTION)).any()):
        return True
    body = _piece((away_mm <= REACH_MM) & (block >= suv_max * BODY_FRACTION), start)
    inside = _within_block(region, low, block.shape)
    if float((body & ~inside).sum()) <= OUTSIDE_SHARE * float(body.sum()):
        return False
    centre = np.rint(ndimage.center_of_mass(np.where(body, block, 0.0))).astype(int)
    return not bool(inside[tuple(centre)])


def _piece(flags: Booleans, start: npt.NDArray[np.integer]) -> Booleans:
    """The flagged voxels that hang together with one of them."""
    pieces, _ = ndimage.label(flags, structure=np.ones((3, 3, 3)))
    return np.asarray(pieces == pieces[tuple(start)])


def _within_block(
    region: UptakeRegion, low: npt.NDArray[np.integer], shape: tuple[int, ...]
) -> Booleans:
    """A region's voxels in a block of the PET that begins at an index."""
    inside = np.zeros(shape, dtype=bool)
    index = region.index_zyx() - low
    index = index[((index >= 0) & (index < shape)).all(axis=1)]
    inside[tuple(index.T)] = True
    return inside
