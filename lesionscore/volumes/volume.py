"""A volume: an array, where it lies, and what its numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from lesionscore.errors import DicomError, OutputError
from lesionscore.quantities import PositionMm, Quantity
from lesionscore.volumes.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """An image on its native grid.

    Parameters
    ----------
    array : ndarray, shape (n_z, n_y, n_x)
        Voxel values; int16 or float32 for CT, float32 for PET.
    grid : Grid
        Where the voxels lie.
    quantity : Quantity
        What a voxel's number means.

    Raises
    ------
    ValueError
        If the array does not have the grid's shape.
    """

    array: npt.NDArray[Any]
    grid: Grid
    quantity: Quantity

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape_zyx:
            raise ValueError(
                f"array of shape {self.array.shape} on a grid of shape {self.grid.shape_zyx}"
            )

    def crop(self, centre_mm: PositionMm, half_size_mm: float) -> Volume:
        """Block of voxels whose centres lie within `half_size_mm` of a point along each axis.

        The block is a view, not a copy, and ends where the image ends.

        Parameters
        ----------
        centre_mm : tuple of float
            Middle of the block, LPS, mm.
        half_size_mm : float
            Half the edge of the block, along the grid's own axes.

        Returns
        -------
        Volume
            The block on its own grid.

        Raises
        ------
        ValueError
            If the block and the image share no voxel.
        """
        middle = self.grid.index_zyx(centre_mm)
        reach = half_size_mm / np.asarray(self.grid.spacing_xyz_mm)[::-1]
        start = np.maximum(np.ceil(middle - reach), 0).astype(int)
        stop = np.minimum(np.floor(middle + reach) + 1, self.grid.shape_zyx).astype(int)
        if (stop <= start).any():
            raise ValueError(f"the image does not reach {half_size_mm} mm around {centre_mm}")
        block = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
        shape = (int(stop[0] - start[0]), int(stop[1] - start[1]), int(stop[2] - start[2]))
        first = (int(start[0]), int(start[1]), int(start[2]))
        return Volume(
            array=self.array[block], grid=self.grid.cropped(first, shape), quantity=self.quantity
        )

    def to_itk(self) -> sitk.Image:
        """Copy into a SimpleITK image with the same geometry."""
        image = sitk.GetImageFromArray(self.array)
        image.SetSpacing(self.grid.spacing_xyz_mm)
        image.SetOrigin(self.grid.origin_mm)
        image.SetDirection(self.grid.direction)
        return image

    @classmethod
    def from_itk(cls, image: sitk.Image, quantity: Quantity) -> Volume:
        """Copy out of a three-dimensional SimpleITK image."""
        size = image.GetSize()
        grid = Grid(
            shape_zyx=(size[2], size[1], size[0]),
            spacing_xyz_mm=tuple(image.GetSpacing()),
            origin_mm=tuple(image.GetOrigin()),
            direction=tuple(image.GetDirection()),
        )
        return cls(array=sitk.GetArrayFromImage(image), grid=grid, quantity=quantity)


def read_image(path: Path, quantity: Quantity) -> Volume:
    """Read a NIfTI file (or another format that SimpleITK reads) in LPS.

    Parameters
    ----------
    path : Path
        The file; SimpleITK turns NIfTI's RAS axes into LPS.
    quantity : Quantity
        What the file's numbers mean; the file itself does not say.

    Returns
    -------
    Volume
        The image on its native grid.

    Raises
    ------
    DicomError
        If the file cannot be read or is not three-dimensional.
    """
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as exc:
        reason = str(exc).strip().splitlines()[-1]
        raise DicomError(f"{path}: not an image that can be read ({reason})") from exc
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise DicomError(
            f"{path}: {image.GetDimension()} dimensions and "
            f"{image.GetNumberOfComponentsPerPixel()} values a voxel; one 3-D image is accepted"
        )
    return Volume.from_itk(image, quantity)


def write_image(volume: Volume, path: Path, note: str = "") -> None:
    """Write a volume as NIfTI, with an uncompressed or gzip ending as the name says.

    Parameters
    ----------
    volume : Volume
        What to write.
    path : Path
        The file.
    note : str
        Goes into the header's field ``descrip``; at most 79 letters.

    Raises
    ------
    OutputError
        If the file cannot be written, or its ending names no image format.
    """
    image = volume.to_itk()
    if note:
        image.SetMetaData("ITK_FileNotes", note)
    try:
        sitk.WriteImage(image, str(path), useCompression=path.suffix == ".gz")
    except RuntimeError as exc:
        reason = str(exc).strip().splitlines()[-1]
        raise OutputError(f"{path}: cannot be written ({reason})") from exc
