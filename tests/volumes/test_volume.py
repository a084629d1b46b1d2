"""Volumes: blocks, NIfTI with the right axes, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from lesionscore.errors import DicomError
from lesionscore.quantities import Quantity
from lesionscore.volumes import Grid, Volume
from lesionscore.volumes.volume import read_image, write_image
from tests.strategies import grids


def ramp(grid: Grid) -> Volume:
    """Volume whose every voxel has another value."""
    array = np.arange(np.prod(grid.shape_zyx), dtype=np.int16).reshape(grid.shape_zyx)
    return Volume(array=array, grid=grid, quantity=Quantity.HU)


@given(grids())
def test_itk_and_back_is_identity(grid: Grid) -> None:
    """Values and geometry survive the way to SimpleITK."""
    volume = ramp(grid)
    back = Volume.from_itk(volume.to_itk(), Quantity.HU)
    assert (back.array == volume.array).all()
    assert np.allclose(back.grid.affine, grid.affine)


def test_a_block_holds_the_voxels_around_the_point() -> None:
    """10 mm around a voxel on a 2 mm grid is 11 voxels; at the border, fewer."""
    grid = Grid(shape_zyx=(40, 40, 40), spacing_xyz_mm=(2, 2, 2), origin_mm=(-40, -40, 5))
    volume = ramp(grid)
    block = volume.crop((0.0, 0.0, 45.0), 10.0)
    assert block.array.shape == (11, 11, 11)
    assert block.array[5, 5, 5] == volume.array[20, 20, 20]
    assert volume.crop((-40.0, 0.0, 45.0), 10.0).array.shape == (11, 11, 6)


def test_a_block_outside_the_image_is_refused() -> None:
    """No voxel, no block."""
    grid = Grid(shape_zyx=(4, 4, 4), spacing_xyz_mm=(1, 1, 1), origin_mm=(0, 0, 0))
    with pytest.raises(ValueError, match="does not reach 2"):
        ramp(grid).crop((100.0, 0.0, 0.0), 2)


def test_nifti_keeps_positions_in_lps(tmp_path: Path) -> None:
    """What is written comes back in the same place, NIfTI's RAS notwithstanding."""
    grid = Grid(
        shape_zyx=(3, 4, 5),
        spacing_xyz_mm=(0.9, 1.1, 2.5),
        origin_mm=(-12.0, 7.0, 100.0),
        direction=(0, 1, 0, 1, 0, 0, 0, 0, -1),
    )
    write_image(ramp(grid), tmp_path / "ramp.nii.gz")
    back = read_image(tmp_path / "ramp.nii.gz", Quantity.HU)
    assert (back.array == ramp(grid).array).all()
    assert np.allclose(back.grid.affine, grid.affine, atol=1e-4)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    """The error names the file."""
    path = tmp_path / "notes.nii"
    path.write_text("not an image")
    with pytest.raises(DicomError, match=r"notes\.nii"):
        read_image(path, Quantity.HU)


def test_an_array_of_another_shape_is_refused() -> None:
    """Array and grid agree."""
    grid = Grid(shape_zyx=(3, 4, 5), spacing_xyz_mm=(1, 1, 1), origin_mm=(0, 0, 0))
    with pytest.raises(ValueError, match="on a grid of shape"):
        Volume(array=np.zeros((5, 4, 3)), grid=grid, quantity=Quantity.HU)
