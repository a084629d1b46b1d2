"""Where bone is on a patch: what a cortex encloses, the lesion's own bone, its outline."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.noise import shifted
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.run_on import outside_mm
from lesionscore.registration.bone import SOFT_COST, shortest_way

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

DENSE_HU = 200.0
GAP_MM = 2.0
CLOSING_MM = 4.0
POCKET_MM = 1.5
"""Radius of a dark place within spongy bone that is texture."""
ENCLOSURE_REACH_MM = 25.0
FACE_MM, BLURRED_MM = 0.8, 0.4
"""How far within the outline that runs on a bone ends, and seems to end in the scan's blur.

Beside a cortex bone begins by its level 1.1 to 1.6 mm outside the face (quartiles, 38 lesions
on real shapes). Chosen between nothing and all of it, by readings of 107 such lesions."""
HELD_SMOOTHING_MM = 1.0
LEAST_STEP_HU = 100.0
"""From the lesion to its bone, where they look alike."""
WAY_MM = 25.0
"""Bone that lies farther than this through bone is not the lesion's own."""
WAY_SMOOTHING_MM = 0.5


def enclosed(smooth: Singles, lesion: Flags, spacing: tuple[float, float, float]) -> Flags:
    """Bone and what it encloses: the muscle beside a thin rib is not taken for its marrow.

    Parameters
    ----------
    smooth : ndarray, shape (n_z, n_y, n_x)
        HU, smoothed.
    lesion : ndarray, shape (n_z, n_y, n_x), bool
        Stands in for the bone that it took.
    spacing : tuple of float
        Voxel spacing z, y, x, mm.

    Returns
    -------
    ndarray, shape (n_z, n_y, n_x), bool
        Dense bone without its small gaps, and the holes within it.
    """
    return _filled(closed((smooth > DENSE_HU) | lesion, GAP_MM, spacing))


def _filled(shell: Flags) -> Flags:
    """Fill the holes that two of three planes show closed; the spinal canal is closed in one."""
    votes = np.zeros(shell.shape, dtype=np.uint8)
    for axis in range(3):
        in_plane = ndimage.generate_binary_structure(3, 1)
        in_plane[tuple(slice(None) if k == axis else 1 for k in range(3))] = False
        in_plane[1, 1, 1] = True
        pieces, count = ndimage.label(~shell, structure=in_plane)
        leads_out = np.zeros(count + 1, dtype=bool)
        for side in (k for k in range(3) if k != axis):
            for end in (0, -1):
                leads_out[np.take(pieces, end, axis=side)] = True
        leads_out[0] = False
        votes += ~leads_out[pieces]
    return np.asarray(shell | (votes >= 2))


def own_bone(
    patch: Patch, smooth: Singles, core: Flags, normal: float, lesion_hu: float
) -> tuple[Flags, Singles]:
    """Find the bone that is reached through bone from the lesion's edge.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    smooth : ndarray, shape (n_z, n_y, n_x)
        HU, smoothed.
    core : ndarray, shape (n_z, n_y, n_x), bool
        Voxels that are mostly lesion.
    normal, lesion_hu : float
        Levels of spongy bone and of the lesion.

    Returns
    -------
    own : ndarray, shape (n_z, n_y, n_x), bool
        Bone without the neighbour across a joint or a disc, which moves by itself later.
    above_hu : ndarray, shape (n_z, n_y, n_x), float32
        How far all that is seen is above the level where bone begins.
    """
    alike = normal <= lesion_hu
    above_hu = smooth - (lesion_hu + LEAST_STEP_HU if alike else 0.5 * (normal + lesion_hu))
    bone = above_hu > 0.0
    beside = ndimage.binary_dilation(core) & ~core & bone
    if not beside.any():
        return np.asarray(bone), above_hu
    spacing = patch.spacing_zyx_mm
    full = max(normal, lesion_hu + LEAST_STEP_HU)
    values = ndimage.gaussian_filter(patch.values_hu, [WAY_SMOOTHING_MM / step for step in spacing])
    softness = np.clip((full - values) / (full - lesion_hu), 0.0, 1.0)
    cost = np.where(core, SOFT_COST, SOFT_COST**softness).astype(np.float32)
    way = shortest_way(cost, spacing, np.argwhere(beside), WAY_MM)
    return np.asarray(bone & (way < WAY_MM)), above_hu


def outline(
    own: Flags, above_hu: Singles, lesion: Flags, spacing: tuple[float, float, float]
) -> tuple[Flags, Flags]:
    """Find the inside of a bone as it would be without the lesion.

    Parameters
    ----------
    own, above_hu : ndarray, shape (n_z, n_y, n_x), bool and float32
        From `own_bone`.
    lesion : ndarray, shape (n_z, n_y, n_x), bool
        Voxels that the lesion may touch.
    spacing : tuple of float
        Voxel spacing z, y, x, mm.

    Returns
    -------
    inside : ndarray, shape (n_z, n_y, n_x), bool
        The bone and the dark places within it; where the lesion may be, what the bone's outline
        holds when it runs on over it. Elsewhere what is soft is soft: canal, disc and joint are
        no spongy bone.
    blurred : ndarray, shape (n_z, n_y, n_x), bool
        The same with what the scan's blur adds: where depth below the outline begins.
    """
    around = own & ~lesion
    solid = closed(around, POCKET_MM, spacing)
    bone = _filled(solid)
    outside = outside_mm(bone, above_hu, lesion, spacing)

    def ending(within_mm: float) -> Flags:
        held = _smoothed(bone, outside <= -within_mm, lesion, spacing)
        filled = lesion & closed(around | held, CLOSING_MM, spacing) & (own | held)
        return _filled(solid | filled)

    return ending(FACE_MM), ending(BLURRED_MM)


def _smoothed(
    bone: Flags, held: Flags, lesion: Flags, spacing: tuple[float, float, float]
) -> Flags:
    """Which voxels of a lesion a bone's outline holds, by those around them.

    Where two faces meet single voxels may be given to the other one.
    """
    inside = bone.copy()
    inside[lesion] = held
    smooth = ndimage.gaussian_filter(
        inside.astype(np.float32), [HELD_SMOOTHING_MM / step for step in spacing]
    )
    return np.asarray(lesion & (smooth > 0.5))


def share_enclosed(bone: Flags, spacing: tuple[float, float, float]) -> Singles:
    """Share of the directions from each voxel in which bone lies within reach.

    Within a bone it is nearly one, whatever is hollow there; outside less than one half, unless
    the bone is hollowed out.
    """
    hits = np.zeros(bone.shape, dtype=np.float32)
    total = 0.0
    for dz, dy, dx in product((-1, 0, 1), repeat=3):
        length = float(np.linalg.norm(np.multiply((dz, dy, dx), spacing)))
        if length == 0:
            continue
        here, there = shifted(dz, dy, dx)
        seen = bone.copy()
        for _ in range(int(ENCLOSURE_REACH_MM / length)):
            seen[here] |= seen[there].copy()
        hits += seen
        total += 1.0
    return hits / np.float32(total)


def closed(solid: Flags, reach_mm: float, spacing: tuple[float, float, float]) -> Flags:
    """Morphological closing by a ball."""
    pad = [int(np.ceil(reach_mm / step)) + 1 for step in spacing]
    padded = np.pad(solid, [(n, n) for n in pad])
    grown = ndimage.distance_transform_edt(~padded, sampling=spacing) <= reach_mm
    shrunk = ndimage.distance_transform_edt(grown, sampling=spacing) > reach_mm
    core = tuple(slice(n, -n) for n in pad)
    return np.asarray(shrunk[core] | solid)
