"""Grids: index to patient position and back, cropping, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from lesionscore.volumes import Grid
from tests.strategies import grids


@given(grids(), st.tuples(*[st.floats(-20, 20)] * 3))
def test_index_to_position_and_back_is_identity(
    grid: Grid, index: tuple[float, float, float]
) -> None:
    """The two directions are inverse for any orientation."""
    assert np.allclose(grid.index_zyx(grid.positions_mm(index)), index, atol=1e-6)


@given(grids())
def test_positions_agree_with_itk(grid: Grid) -> None:
    """SimpleITK puts the same voxel in the same place."""
    image = sitk.Image(list(grid.shape_zyx[::-1]), sitk.sitkUInt8)
    image.SetSpacing(grid.spacing_xyz_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    last = [n - 1 for n in grid.shape_zyx]
    expected = image.TransformIndexToPhysicalPoint(last[::-1])
    assert np.allclose(grid.positions_mm(last), expected, atol=1e-6)


@given(grids(), st.data())
def test_a_crop_keeps_every_voxel_where_it_was(grid: Grid, data: st.DataObject) -> None:
    """Voxel (0, 0, 0) of the block lies where the block began."""
    start = tuple(data.draw(st.integers(0, n - 1)) for n in grid.shape_zyx)
    block = grid.cropped((start[0], start[1], start[2]), (1, 1, 1))
    assert np.allclose(block.positions_mm((0, 0, 0)), grid.positions_mm(start))


def test_contains_leaves_the_margin_free() -> None:
    """A point 2 mm from the outermost voxel centre is inside by 2 mm, not by 3."""
    grid = Grid(shape_zyx=(11, 11, 11), spacing_xyz_mm=(1, 1, 1), origin_mm=(0, 0, 0))
    assert grid.contains((2, 5, 5), margin_mm=2)
    assert not grid.contains((2, 5, 5), margin_mm=3)
    assert not grid.contains((10.5, 5, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape_zyx": (0, 1, 1)}, "three sizes"),
        ({"spacing_xyz_mm": (1.0, 0.0, 1.0)}, "spacings above 0"),
        ({"direction": (1.0, 0, 0, 0, 1, 0, 0, 0, 2)}, "not orthonormal"),
        ({"direction": (1.0, 0, 0)}, "nine numbers"),
    ],
)
def test_a_grid_that_is_none_is_refused(change: dict[str, object], message: str) -> None:
    """Sizes, spacings and directions are checked on construction."""
    values: dict[str, object] = {
        "shape_zyx": (2, 2, 2),
        "spacing_xyz_mm": (1.0, 1.0, 1.0),
        "origin_mm": (0.0, 0.0, 0.0),
    }
    with pytest.raises(ValueError, match=message):
        Grid(**(values | change))  # type: ignore[arg-type]
