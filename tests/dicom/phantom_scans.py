"""Small images to be written as DICOM, and the comparison of a reading with its truth."""

from __future__ import annotations

import numpy as np

from lesionscore.volumes import Volume
from phantoms.dicom import Outcome
from phantoms.image import Image

SLICE_MM = 8.0


def pet_image(slices: int = 23, size: tuple[int, int] = (6, 7)) -> Image:
    """A smooth map of SUV with one hot voxel, long enough for two beds."""
    z, y, x = np.mgrid[:slices, : size[0], : size[1]]
    values = (1.5 + 0.5 * np.sin(z / 3) + 0.3 * np.cos(y) + 0.2 * np.sin(x)).astype(np.float32)
    values[slices // 2, 4, 3] = 8.0
    return Image(array=values, spacing_xyz_mm=(4.0, 4.0, SLICE_MM), origin_mm=(-30.0, -28.0, 100.0))


def ct_image(slices: int = 8, size: tuple[int, int] = (24, 26), seed: int = 1) -> Image:
    """Noise of HU that every way of storing can hold."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-1000, 1000, (slices, *size)).astype(np.int16)
    return Image(array=values, spacing_xyz_mm=(1.5, 1.25, 2.0), origin_mm=(-30.0, -28.0, 100.0))


def largest_error(volume: Volume, image: Image, keep: np.ndarray | None = None) -> float:
    """Largest difference of a volume and the truth, voxel by voxel at its patient position.

    Parameters
    ----------
    volume : Volume
        What was read, its axes in any order.
    image : Image
        The truth.
    keep : ndarray, shape (n_y, n_x), bool, optional
        Pixels to compare in each slice of the truth.
    """
    index = np.stack(np.mgrid[tuple(slice(n) for n in image.array.shape)], axis=-1)
    matrix = np.asarray(image.direction).reshape(3, 3) * np.asarray(image.spacing_xyz_mm)
    positions = index[..., ::-1] @ matrix.T + np.asarray(image.origin_mm)
    found = volume.grid.index_zyx(positions)
    whole = np.rint(found).astype(int)
    assert np.abs(found - whole).max() < 0.05, "voxels lie beside the truth's"
    assert volume.array.size == image.array.size
    values = volume.array[whole[..., 0], whole[..., 1], whole[..., 2]].astype(np.float64)
    error = np.abs(values - image.array)
    return float(error.max() if keep is None else error[:, keep].max())


def responds_rightly(outcome: Outcome, *, refused: bool, right: bool, said: bool) -> bool:
    """Whether a reader's response is the one that a phantom calls for."""
    if refused:
        return outcome in (Outcome.REFUSED, Outcome.FOUND_OR_REFUSED, Outcome.NOT_SILENT)
    return {
        Outcome.MEASURED: right,
        Outcome.FOUND: right and said,
        Outcome.FOUND_OR_REFUSED: right and said,
        Outcome.NOT_SILENT: said,
        Outcome.REFUSED: False,
    }[outcome]
