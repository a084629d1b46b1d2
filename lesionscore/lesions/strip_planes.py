"""What a strip of pictures is: three planes through one lesion at one visit, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lesionscore.quantities import PositionMm

Floats = npt.NDArray[np.float64]

OUTSIDE_HU = -32768  # what a pixel outside the scan holds; below every CT number


class Plane(StrEnum):
    """The three planes, each looked at as radiologists do."""

    AXIAL = "axial"
    """From the feet: the patient's left is on the right, the back is below."""
    CORONAL = "coronal"
    """From the front: the patient's left is on the right, the head is above."""
    SAGITTAL = "sagittal"
    """From the patient's left: the back is on the right, the head is above."""

    @property
    def right(self) -> Floats:
        """Unit vector (LPS) from left to right of the picture, shape (3,)."""
        return np.array(_PICTURE_AXES[self][0], dtype=np.float64)

    @property
    def down(self) -> Floats:
        """Unit vector (LPS) from the top to the bottom of the picture, shape (3,)."""
        return np.array(_PICTURE_AXES[self][1], dtype=np.float64)

    @property
    def normal(self) -> Floats:
        """Unit vector (LPS) across the picture, shape (3,)."""
        return np.asarray(np.cross(self.right, self.down))


_PICTURE_AXES = {
    Plane.AXIAL: ((1, 0, 0), (0, 1, 0)),
    Plane.CORONAL: ((1, 0, 0), (0, 0, -1)),
    Plane.SAGITTAL: ((0, 1, 0), (0, 0, -1)),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StripPlane:
    """One plane of a strip. Places in the picture are (right, down) in mm from its middle.

    Parameters
    ----------
    plane : Plane
        Which of the three planes.
    ct_hu : ndarray, shape (n, n), int16
        Rows from top to bottom; `OUTSIDE_HU` where the scan does not reach.
    suv : ndarray, shape (n / 2, n / 2), float32, or None
        The same square at twice the pixel; NaN outside the scan. None without a PET.
    contours_mm : tuple of ndarray, shape (k, 2)
        Where the visit's own lesion surface cuts the plane; a closed line repeats its first point.
    ends_mm : ndarray, shape (2, 2), or None
        The two ends of the longest diameter, dropped onto the plane.
    ends_depth_mm : tuple of float or None
        How far the two ends lie in front of (+) or behind (-) the plane, along its normal.

    Raises
    ------
    ValueError
        If a picture is not square, or the PET's is not half as fine as the CT's.
    """

    plane: Plane
    ct_hu: npt.NDArray[np.int16]
    suv: npt.NDArray[np.float32] | None = None
    contours_mm: tuple[Floats, ...] = ()
    ends_mm: Floats | None = None
    ends_depth_mm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        n = self.ct_hu.shape[0]
        if self.ct_hu.shape != (n, n) or n < 2 or n % 2:
            raise ValueError(f"a square picture of an even size is needed, not {self.ct_hu.shape}")
        if self.suv is not None and self.suv.shape != (n // 2, n // 2):
            raise ValueError(f"the PET picture must be half as fine, not {self.suv.shape}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionStrip:
    """One lesion's bone at one visit: three planes through one point of the inclusion scan.

    Parameters
    ----------
    centre_mm : tuple of float
        Middle of every picture, LPS on the inclusion CT, mm.
    half_width_mm : float
        Half the edge of the square that a picture shows.
    planes : tuple of StripPlane
        Axial, coronal, sagittal.
    """

    centre_mm: PositionMm
    half_width_mm: float
    planes: tuple[StripPlane, StripPlane, StripPlane]

    @property
    def pixel_mm(self) -> float:
        """Edge of a CT pixel, mm."""
        return 2.0 * self.half_width_mm / int(self.planes[0].ct_hu.shape[0])

    @property
    def outside_fraction(self) -> float:
        """Share, 0 to 1, of the pixels that lie outside the scan."""
        return float(np.mean([(plane.ct_hu == OUTSIDE_HU).mean() for plane in self.planes]))
