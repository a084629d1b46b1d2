"""Other ways in which the same voxels of the same patient can lie in the files."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phantoms.dicom.expected import Fault, Outcome
from phantoms.image import Image

OBLIQUE_X_DEGREES = 17.0
OBLIQUE_Z_DEGREES = 8.0


class Arrangement(Fault):
    """How the patient lay, and how the planes were cut: nothing is wrong with any of these."""

    FEET_FIRST = "feet_first"
    """Feet first: columns run from the patient's left to the right, instance 1 is at the feet."""
    PRONE = "prone"
    """Lying on the belly: rows and columns run the other way."""
    OBLIQUE = "oblique"
    """The whole volume, patient and all, is turned against the axes of the patient system."""
    CORONAL_SLICES = "coronal_slices", Outcome.FOUND_OR_REFUSED, "not_axial"
    """The volume comes as coronal slices, head up."""


def arranged(image: Image, faults: Collection[str]) -> Image:
    """Lay the voxels out as the faults have it.

    Parameters
    ----------
    image : Image
        Axial, rows and columns as for a patient on the back.
    faults : collection
        Those that are no `Arrangement` are passed over.

    Returns
    -------
    Image
        Every voxel at the same position of the patient as before, except for `OBLIQUE`, which
        turns the volume about its centre. Arrays are views.
    """
    if Arrangement.OBLIQUE in faults:
        image = _oblique(image)
    if Arrangement.FEET_FIRST in faults:
        image = _mirrored(image, axes=(2,))
    if Arrangement.PRONE in faults:
        image = _mirrored(image, axes=(1, 2))
    if Arrangement.CORONAL_SLICES in faults:
        image = _coronal(image)
    return image


def patient_position(faults: Collection[str], usual: str) -> str:
    """Patient Position (0018,5100) that goes with the arrangement."""
    feet = "FF" if Arrangement.FEET_FIRST in faults else usual[:2]
    return feet + ("P" if Arrangement.PRONE in faults else usual[2:])


def _columns(image: Image) -> NDArray[np.float64]:
    """Directions of the index axes as columns."""
    return np.asarray(image.direction, dtype=np.float64).reshape(3, 3).copy()


def _mirrored(image: Image, axes: tuple[int, ...]) -> Image:
    """Reverse array axes; the voxels stay where they are."""
    columns, array = _columns(image), image.array
    origin = np.asarray(image.origin_mm, dtype=np.float64)
    for axis in axes:
        column = 2 - axis
        last = array.shape[axis] - 1
        origin = origin + columns[:, column] * image.spacing_xyz_mm[column] * last
        columns[:, column] *= -1.0
        array = np.flip(array, axis)
    return _placed(image, array, origin, columns)


def _oblique(image: Image) -> Image:
    """Turn the volume about its centre."""
    a, b = math.radians(OBLIQUE_X_DEGREES), math.radians(OBLIQUE_Z_DEGREES)
    about_x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    about_z = np.array([[math.cos(b), -math.sin(b), 0], [math.sin(b), math.cos(b), 0], [0, 0, 1]])
    turn = about_x @ about_z
    half = (np.asarray(image.array.shape[::-1]) - 1) / 2.0
    centre = (image.mm_from_index @ np.append(half, 1.0))[:3]
    columns = turn @ _columns(image)
    origin = centre - columns @ (half * np.asarray(image.spacing_xyz_mm))
    return _placed(image, image.array, origin, columns)


def _coronal(image: Image) -> Image:
    """Cut the volume into coronal planes whose first row is at the head."""
    upside_down = _mirrored(image, axes=(0,))
    columns = _columns(upside_down)[:, [0, 2, 1]]
    x, y, z = image.spacing_xyz_mm
    array = np.moveaxis(upside_down.array, 1, 0)
    origin = np.asarray(upside_down.origin_mm)
    return _placed(replace(upside_down, spacing_xyz_mm=(x, z, y)), array, origin, columns)


def _placed(
    image: Image,
    array: NDArray[np.generic],
    origin: NDArray[np.float64],
    columns: NDArray[np.float64],
) -> Image:
    """Copy of the image with another array, origin and direction."""
    return replace(
        image,
        array=array,
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=tuple(float(value) for value in columns.ravel()),
    )
