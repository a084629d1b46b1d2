"""The smooth surface that a reader's mask stands for."""

from __future__ import annotations

import numpy as np

from lesionscore.errors import MeasurementError
from lesionscore.lesions.evidence import Evidence
from lesionscore.lesions.fit import fit_surface
from lesionscore.lesions.meshing import mesh_step_mm, remeshed, surface_of_voxels
from lesionscore.lesions.noise import Noise
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.shape import Smoothness, shape_basis
from lesionscore.lesions.surface import Surface
from lesionscore.volumes import Volume

MASK_SPREAD = 0.3  # of a 0 or 1 voxel around the blurred share that it stands for
MASK_BLUR = 0.4  # in voxels
MASK_SMOOTHING = 0.2  # of the radius, before the fit


def surface_from_mask(mask: Volume) -> Surface:
    """Smooth sub-voxel surface that a reader's mask stands for.

    Parameters
    ----------
    mask : Volume
        Non-zero (or above one half, for fractions) inside.

    Returns
    -------
    Surface
        The smooth surface whose voxels are most like the mask's.

    Raises
    ------
    MeasurementError
        If the mask is empty.
    """
    block = _trimmed(mask)
    share = np.clip(np.asarray(block.array, dtype=np.float32), 0.0, 1.0)
    inside = share >= 0.5
    count = int(inside.sum())
    if count == 0:
        raise MeasurementError("the mask holds no voxel; give a point, or a mask with its label")
    radius = float((3.0 * count * block.grid.voxel_volume_ml * 1000.0 / (4.0 * np.pi)) ** (1 / 3))
    rough = surface_of_voxels(inside, block.grid, mesh_step_mm(radius))
    # steps of the voxels would make the farthest pair of points too far apart
    rough = remeshed(rough, smooth_mm=MASK_SMOOTHING * radius)
    x, y, z = block.grid.spacing_xyz_mm
    patch = Patch(
        values_hu=share,
        grid=block.grid,
        blur_zyx_mm=(MASK_BLUR * z, MASK_BLUR * y, MASK_BLUR * x),
        noise=Noise(sd_hu=MASK_SPREAD, shared=1.0),
    )
    outside = np.zeros(share.shape, dtype=np.float32)
    evidence = Evidence(
        patch=patch,
        bone_hu=outside,
        bone_sd_hu=outside,
        bone_shared=1.0,
        noise=patch.noise,
        votes=np.ones(share.shape, dtype=np.bool_),
        lesion_hu=1.0,
        lesion_sd_hu=1e-3,
    )
    smoothness = Smoothness(
        components=(
            (1.0, np.inf),
            (0.15 * radius, 0.9 * radius),
            (0.04 * radius, max(2.5, 0.45 * radius)),
        )
    )
    return fit_surface(shape_basis(rough, smoothness), evidence).surface


def _trimmed(mask: Volume, margin: int = 4) -> Volume:
    """Block of a mask around its non-zero voxels, with a margin of empty voxels all round."""
    array = mask.array
    if not array.any():
        raise MeasurementError("the mask holds no voxel; give a point, or a mask with its label")
    block, start = [], []
    for axis in range(3):
        hit = np.flatnonzero(array.any(axis=tuple(a for a in range(3) if a != axis)))
        block.append(slice(int(hit[0]), int(hit[-1]) + 1))
        start.append(int(hit[0]) - margin)
    padded = np.pad(array[tuple(block)], margin)
    grid = mask.grid.cropped((start[0], start[1], start[2]), padded.shape)
    return Volume(array=padded, grid=grid, quantity=mask.quantity)
