"""Which images a series consists of, before any pixel is touched: one `SlicePlan` per file.

Faults of the stack (a slice missing, sent twice, somewhere else) are changes to this list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from phantoms.image import Image

REMOVED = None
"""Value of an override that takes the element away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicePlan:
    """One image to be written: which slice, where it says it is, and what is odd about it."""

    index: int
    """Slice of the image's array."""
    instance_number: int
    position_mm: tuple[float, float, float]
    orientation: tuple[float, ...]
    key: str
    """Makes the SOP Instance UID; two plans with one key are two files of one instance."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Elements by keyword that differ in this image; `REMOVED` takes one away."""
    offset: float = 0.0
    """Added to the voxel values (HU or SUVbw)."""
    crop_columns: int = 0
    """Columns left out at the right side."""
    delay: dt.timedelta = dt.timedelta(0)
    """Added to the acquisition time that the header gives."""
    file_stem: str = ""

    def with_overrides(self, **elements: Any) -> SlicePlan:
        """Copy with further elements overridden."""
        return replace(self, overrides={**self.overrides, **elements})

    def moved(self, shift_mm: tuple[float, float, float]) -> SlicePlan:
        """Copy whose position is `shift_mm` further on."""
        x, y, z = (p + s for p, s in zip(self.position_mm, shift_mm, strict=True))
        return replace(self, position_mm=(x, y, z))


def plan_slices(image: Image, *, head_first_order: bool = True) -> list[SlicePlan]:
    """List the images of a plain series.

    Parameters
    ----------
    image : Image
        Volume to be written.
    head_first_order : bool
        Whether instance 1 is the last slice of the array: scanners number from the head down,
        arrays count from the feet up.

    Returns
    -------
    list of SlicePlan
        In the order of the instance numbers.
    """
    matrix = image.mm_from_index
    direction = np.asarray(image.direction, dtype=float).reshape(3, 3)
    orientation = tuple(float(value) for value in (*direction[:, 0], *direction[:, 1]))
    order = range(image.array.shape[0])
    plans = []
    for number, index in enumerate(reversed(order) if head_first_order else order, start=1):
        x, y, z = (float(value) for value in matrix[:3, 3] + index * matrix[:3, 2])
        plans.append(
            SlicePlan(
                index=index,
                instance_number=number,
                position_mm=(x, y, z),
                orientation=orientation,
                key=f"slice {index}",
                file_stem=f"{number:04d}",
            )
        )
    return plans
