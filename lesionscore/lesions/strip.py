"""Pictures of one lesion's bone at one visit, in the inclusion scan's frame.

Three planes through the inclusion lesion, the same at every visit, so that the same bone can be
looked at side by side. A strip is for eyes: nothing is ever measured on these resampled images.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from lesionscore.errors import MeasurementError
from lesionscore.lesions.plane_contours import plane_contours
from lesionscore.lesions.strip_file import read_strip, write_strip
from lesionscore.lesions.strip_planes import OUTSIDE_HU, LesionStrip, Plane, StripPlane
from lesionscore.quantities import PositionMm, Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume

__all__ = [
    "OUTSIDE_HU",
    "LesionStrip",
    "Plane",
    "StripPlane",
    "make_strip",
    "read_strip",
    "strip_half_width_mm",
    "write_strip",
]

Floats = npt.NDArray[np.float64]

PIXEL_MM = 0.6  # near the pixel of a whole-body CT; the PET is sampled at twice this
SMALLEST_HALF_WIDTH_MM = 36.0
LARGEST_HALF_WIDTH_MM = 75.0
DIAMETERS_SHOWN = 2.5  # width of the picture in longest diameters, between the two limits
INDEX_TOLERANCE = 1e-6  # a point on the outermost voxel centre may land this far outside it


def strip_half_width_mm(longest_diameter_mm: float | None) -> float:
    """Half the width that shows a lesion with enough of its bone around it.

    Parameters
    ----------
    longest_diameter_mm : float or None
        Longest diameter at inclusion; None where it is not known.

    Returns
    -------
    float
        Half the edge of the picture in mm.
    """
    wanted = DIAMETERS_SHOWN / 2.0 * (longest_diameter_mm or 0.0)
    return min(max(wanted, SMALLEST_HALF_WIDTH_MM), LARGEST_HALF_WIDTH_MM)


def make_strip(
    *,
    ct: Volume,
    pet: Volume | None,
    visit_from_inclusion: RigidTransform,
    pet_from_ct: RigidTransform | None,
    centre_mm: PositionMm,
    surface_vertices: npt.ArrayLike | None,
    surface_faces: npt.ArrayLike | None,
    ends_mm: tuple[PositionMm, PositionMm] | None,
    half_width_mm: float,
) -> LesionStrip:
    """Cut the three planes of one lesion out of one visit's scans.

    Parameters
    ----------
    ct : Volume
        The visit's CT on its native grid, HU.
    pet : Volume or None
        The visit's PET on its native grid, SUVbw.
    visit_from_inclusion : RigidTransform
        Maps points of the inclusion CT to the visit's CT; the identity at inclusion.
    pet_from_ct : RigidTransform or None
        Maps points of the visit's CT to its PET; None where the two share their frame.
    centre_mm : tuple of float
        Centre of the lesion on the inclusion CT, LPS, mm.
    surface_vertices : array_like, shape (n, 3), or None
        The lesion's surface on the visit's CT, LPS, mm; None where there is none.
    surface_faces : array_like, shape (m, 3), or None
        Its triangles, as rows of vertex numbers.
    ends_mm : tuple of two positions or None
        Ends of the longest diameter on the visit's CT, LPS, mm.
    half_width_mm : float
        Half the edge of the square to show, mm.

    Returns
    -------
    LesionStrip
        Pictures, contours and diameter line, all in the inclusion frame.

    Raises
    ------
    MeasurementError
        If a volume does not hold what it should, or the width is not positive.
    """
    _check(ct, pet, half_width_mm)
    inclusion_from_visit = visit_from_inclusion.inverse()
    vertices = _points(surface_vertices, inclusion_from_visit)
    faces = np.asarray(() if surface_faces is None else surface_faces, dtype=np.int64)
    ends = _points(ends_mm, inclusion_from_visit)
    to_pet = visit_from_inclusion if pet_from_ct is None else pet_from_ct @ visit_from_inclusion
    n = 2 * max(1, round(half_width_mm / PIXEL_MM))
    planes = []
    for plane in Plane:
        ct_points = _plane_points(plane, centre_mm, half_width_mm, n)
        pet_points = _plane_points(plane, centre_mm, half_width_mm, n // 2)
        offset, depth = _project(ends, plane, centre_mm)
        planes.append(
            StripPlane(
                plane=plane,
                ct_hu=_as_hu(_sample(ct, visit_from_inclusion.apply(ct_points))),
                suv=None
                if pet is None
                else _sample(pet, to_pet.apply(pet_points)).astype(np.float32),
                contours_mm=plane_contours(
                    vertices - np.asarray(centre_mm), faces.reshape(-1, 3), plane.right, plane.down
                ),
                ends_mm=offset if len(ends) == 2 else None,
                ends_depth_mm=(float(depth[0]), float(depth[1])) if len(ends) == 2 else None,
            )
        )
    return LesionStrip(
        centre_mm=centre_mm, half_width_mm=half_width_mm, planes=(planes[0], planes[1], planes[2])
    )


def _check(ct: Volume, pet: Volume | None, half_width_mm: float) -> None:
    """Refuse volumes of another quantity: their grey values would look right and be wrong."""
    if ct.quantity is not Quantity.HU:
        raise MeasurementError(f"a strip needs a CT in {Quantity.HU}, found {ct.quantity}")
    if pet is not None and pet.quantity is not Quantity.SUVBW:
        raise MeasurementError(f"a strip needs a PET in {Quantity.SUVBW}, found {pet.quantity}")
    if not half_width_mm > 0:
        raise MeasurementError(f"a strip needs a width above 0 mm, found {2 * half_width_mm} mm")


def _points(positions_mm: Any, to_inclusion: RigidTransform) -> Floats:
    """Positions on the visit's CT carried to the inclusion frame, shape (n, 3); none if None."""
    points = np.asarray(() if positions_mm is None else positions_mm, dtype=np.float64)
    return to_inclusion.apply(points.reshape(-1, 3))


def _project(points: Floats, plane: Plane, centre_mm: PositionMm) -> tuple[Floats, Floats]:
    """Places (right, down) in the picture, shape (n, 2), and depths (n,), all in mm."""
    offset = points - np.asarray(centre_mm)
    return offset @ np.stack([plane.right, plane.down], axis=1), offset @ plane.normal


def _plane_points(plane: Plane, centre_mm: PositionMm, half_width_mm: float, n: int) -> Floats:
    """Positions of n x n pixel centres that fill the square exactly, shape (n, n, 3)."""
    steps = (np.arange(n) + 0.5) * (2.0 * half_width_mm / n) - half_width_mm
    across = steps[None, :, None] * plane.right
    return np.asarray(np.asarray(centre_mm) + across + steps[:, None, None] * plane.down)


def _sample(volume: Volume, positions_mm: Floats) -> Floats:
    """Trilinear values at positions; NaN beyond the outermost voxel centres."""
    index = volume.grid.index_zyx(positions_mm)
    last = np.asarray(volume.grid.shape_zyx) - 1.0
    inside = ((index >= -INDEX_TOLERANCE) & (index <= last + INDEX_TOLERANCE)).all(axis=-1)
    values = np.full(inside.shape, np.nan)
    if not inside.any():
        return values
    wanted = np.clip(index[inside], 0.0, last)
    start = np.floor(wanted.min(axis=0)).astype(int)
    stop = np.ceil(wanted.max(axis=0)).astype(int) + 1
    block = volume.array[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    values[inside] = map_coordinates(
        block.astype(np.float64), (wanted - start).T, order=1, mode="nearest"
    )
    return values


def _as_hu(values: Floats) -> npt.NDArray[np.int16]:
    """Whole CT numbers, with `OUTSIDE_HU` where there is none."""
    limits = np.iinfo(np.int16)
    whole = np.clip(np.rint(np.nan_to_num(values, nan=0.0)), limits.min + 1, limits.max)
    return np.where(np.isfinite(values), whole, OUTSIDE_HU).astype(np.int16)
