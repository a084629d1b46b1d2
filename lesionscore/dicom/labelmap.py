"""Label maps in NIfTI and other image files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from lesionscore.dicom.header import ScanInfo
from lesionscore.dicom.maskgrid import Block, pick_label, place_on_grid
from lesionscore.dicom.policy import Notes
from lesionscore.errors import DicomError, MaskError
from lesionscore.quantities import Quantity
from lesionscore.volumes.grid import Grid
from lesionscore.volumes.volume import Volume, read_image

LARGEST_LABEL = 65_535
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMap:
    """A label map, read once, and the box around each of its labels.

    Parameters
    ----------
    volume : Volume
        Whole numbers, 0 the background; or fractions from 0 to 1.
    boxes : mapping of int to tuple of slice, or None
        Label to the block that holds it; None for fractions.
    """

    volume: Volume
    boxes: Mapping[int, Box] | None

    def read(
        self, label: int | str | None, grid: Grid, ct_info: ScanInfo | None, notes: Notes
    ) -> Block:
        """Read one label onto a scan's grid.

        Parameters
        ----------
        label : int, str or None
            The value; None if there is only one.
        grid : Grid
            The scan's grid.
        ct_info : ScanInfo or None
            Not asked: an image file names no scan.
        notes : Notes
            Takes the findings.

        Returns
        -------
        Block
            bool; float32 for fractions.

        Raises
        ------
        MaskError
            If there is no such label, or it lies outside the scan.
        """
        del ct_info
        values, own = self.volume.array, self.volume.grid
        if self.boxes is None:
            if label is not None:
                raise MaskError(
                    "the mask holds fractions of one lesion and no labels; leave the column label "
                    "empty"
                )
            notes.add("mask_fractional", "the mask holds fractions; they were kept")
            return place_on_grid(values.astype(np.float32), own, grid, notes)
        number = pick_label(label, dict.fromkeys(self.boxes, ""), "label")
        box = self.boxes[number]
        part = values[box] == number
        start = (box[0].start, box[1].start, box[2].start)
        return place_on_grid(part, own.cropped(start, part.shape), grid, notes)


def open_label_map(path: Path) -> LabelMap:
    """Read a label map and find all of its labels in one pass.

    Parameters
    ----------
    path : Path
        A NIfTI file, or another that SimpleITK reads.

    Raises
    ------
    MaskError
        If the file cannot be read, or holds neither labels nor fractions.
    """
    try:
        volume = read_image(path, Quantity.LABEL)
    except (DicomError, ValueError) as exc:
        raise MaskError(str(exc)) from exc
    values = volume.array
    lowest, highest = float(values.min()), float(values.max())
    if not (lowest >= 0 and highest <= LARGEST_LABEL):
        raise MaskError(f"values from {lowest:g} to {highest:g}: this is an image, not a label map")
    if not np.issubdtype(values.dtype, np.integer):
        if not (values == np.rint(values)).all():
            if highest > 1:
                raise MaskError(
                    "values are neither whole labels nor fractions from 0 to 1; a label map is "
                    "accepted"
                )
            return LabelMap(volume=volume, boxes=None)
        values = values.astype(np.uint16)
        volume = Volume(array=values, grid=volume.grid, quantity=Quantity.LABEL)
    found = ndimage.find_objects(values)
    boxes = {number: box for number, box in enumerate(found, 1) if box is not None}
    return LabelMap(volume=volume, boxes=boxes)
