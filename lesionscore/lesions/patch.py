"""The native voxels around one lesion on one scan, with the scan's blur and noise.

A patch never resamples the image: models of the lesion are brought to its voxels instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.lesions.noise import Noise, soft_tissue_noise
from lesionscore.quantities import PositionMm
from lesionscore.volumes import Grid, Volume

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

IN_PLANE_BLUR_MM = 0.7  # SD of the point spread of common kernels lies at 0.55 to 0.95 mm
ACROSS_BLUR_MM = 0.45  # SD along the slice normal on top of the slice's own box


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """A crop of a CT with what is known of its imaging.

    Parameters
    ----------
    values_hu : ndarray, shape (n_z, n_y, n_x), float32
        Native voxel values.
    grid : Grid
        Their places.
    blur_zyx_mm : tuple of float
        SD of the point spread along the index axes z, y, x.
    noise : Noise
        Noise of one voxel.
    """

    values_hu: Singles
    grid: Grid
    blur_zyx_mm: tuple[float, float, float]
    noise: Noise

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Voxel spacing in array order."""
        x, y, z = self.grid.spacing_xyz_mm
        return (z, y, x)

    def positions_mm(self) -> Floats:
        """Voxel centres, shape (n_z, n_y, n_x, 3), LPS, mm."""
        index = np.stack(
            np.meshgrid(*(np.arange(n) for n in self.grid.shape_zyx), indexing="ij"), axis=-1
        )
        return self.grid.positions_mm(index)


def make_patch(ct: Volume, centre_mm: PositionMm, half_size_mm: float) -> Patch:
    """Cut out the surroundings of a lesion and find out how noisy the scan is there.

    Parameters
    ----------
    ct : Volume
        Whole CT, HU.
    centre_mm : tuple of float
        Middle of the patch, LPS, mm.
    half_size_mm : float
        Half its edge.

    Returns
    -------
    Patch
        The native voxels; where the image ends, so does the patch.

    Raises
    ------
    ValueError
        If the image does not reach the place.
    """
    block = ct.crop(centre_mm, half_size_mm)
    values = np.ascontiguousarray(block.array, dtype=np.float32)
    x, y, z = block.grid.spacing_xyz_mm
    across = float(np.hypot(ACROSS_BLUR_MM, z / np.sqrt(12.0)))
    blur = (across, IN_PLANE_BLUR_MM, IN_PLANE_BLUR_MM)
    return Patch(
        values_hu=values,
        grid=block.grid,
        blur_zyx_mm=blur,
        noise=soft_tissue_noise(values, (z, y, x)),
    )
