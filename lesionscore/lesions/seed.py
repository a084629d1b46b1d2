"""What a reader gave to say which lesion is meant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.errors import MeasurementError
from lesionscore.quantities import PositionMm
from lesionscore.volumes import Volume


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionSeed:
    """What a reader gave to say which lesion is meant.

    Parameters
    ----------
    lesion_id : str
        Its name.
    label : int
        Its number in label maps.
    position_mm : tuple of float or None
        A point inside the lesion on the inclusion CT, LPS, mm.
    mask : Volume or None
        Non-zero inside (bool, or a fraction 0 to 1), on any grid in the inclusion CT's space.

    Raises
    ------
    MeasurementError
        If there is neither a point nor a mask.
    """

    lesion_id: str
    label: int
    position_mm: PositionMm | None = None
    mask: Volume | None = None

    def __post_init__(self) -> None:
        if self.position_mm is None and self.mask is None:
            raise MeasurementError(
                f"lesion {self.lesion_id}: neither a point nor a mask; give one of them"
            )

    @property
    def place_mm(self) -> npt.NDArray[np.float64]:
        """A place inside it on the inclusion CT, LPS, mm."""
        if self.position_mm is not None:
            return np.asarray(self.position_mm, dtype=np.float64)
        assert self.mask is not None
        middle = np.argwhere(self.mask.array).mean(axis=0)
        return np.asarray(self.mask.grid.positions_mm(middle), dtype=np.float64)
