"""Label maps in NIfTI and other image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lesionscore.dicom.maskgrid import Array, pick_label, place_on_grid
from lesionscore.dicom.policy import Notes
from lesionscore.errors import DicomError, MaskError
from lesionscore.quantities import Quantity
from lesionscore.volumes.grid import Grid
from lesionscore.volumes.volume import read_image

MOST_LABELS = 10_000


def read_label_map(path: Path, label: int | str | None, grid: Grid, notes: Notes) -> Array:
    """Read one label of a label map onto a scan's grid.

    Parameters
    ----------
    path : Path
        A NIfTI file whose values are labels, 0 the background; or fractions from 0 to 1.
    label : int, str or None
        The value; None if there is only one.
    grid : Grid
        The scan's grid.
    notes : Notes
        Takes the findings.

    Returns
    -------
    ndarray, shape of `grid`
        bool; float32 for fractions.

    Raises
    ------
    MaskError
        If the file cannot be read, has no such label, or lies outside the scan.
    """
    try:
        volume = read_image(path, Quantity.LABEL)
    except (DicomError, ValueError) as exc:
        raise MaskError(str(exc)) from exc
    values = volume.array
    whole = np.issubdtype(values.dtype, np.integer) or bool((values == np.rint(values)).all())
    if not whole:
        if label is not None or values.min() < 0 or values.max() > 1:
            raise MaskError(
                "values are neither whole labels nor fractions from 0 to 1; a label map is accepted"
            )
        notes.add("mask_fractional", "the mask holds fractions; they were kept")
        return place_on_grid(values.astype(np.float32), volume.grid, grid, notes)
    present = np.unique(values)
    if len(present) > MOST_LABELS:
        raise MaskError(f"{len(present)} different values; this is an image, not a label map")
    numbers = {int(value): "" for value in present if value != 0}
    number = pick_label(label, numbers, "label")
    return place_on_grid(values == number, volume.grid, grid, notes)
