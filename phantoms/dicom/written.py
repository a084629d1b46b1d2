"""What was written, and what a right reader makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms.dicom.expected import Expected, Outcome, strictest
from phantoms.image import Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrittenSeries:
    """One series on disk with its truth.

    Parameters
    ----------
    folder : Path
        Where the files are.
    files : tuple of Path
        One per image, in the order of writing.
    series_uid : str
        Series Instance UID.
    image : Image
        Voxels and geometry that a right reader gives; an arrangement of the slices other than
        this one is as right, if every voxel is at its position.

    expected : tuple of Expected
        What a right reader does with the dialect and with each fault.
    voxel_step : float
        Largest rounding of a voxel by the stored integers, in the image's unit.
    suv_per_unit : tuple of float
        SUVbw of a rescaled value of 1, by slice of the image's array; empty for a CT.
    padded : ndarray, shape (n_y, n_x), bool, optional
        Pixels of every slice that hold the padding value: no HU of the image is there.
    """

    folder: Path
    files: tuple[Path, ...]
    series_uid: str
    image: Image
    expected: tuple[Expected, ...] = ()
    voxel_step: float = 0.5
    suv_per_unit: tuple[float, ...] = ()
    padded: NDArray[np.bool_] | None = None

    @property
    def outcome(self) -> Outcome:
        """What a right reader does: the strictest of `expected`."""
        return strictest(self.expected)
