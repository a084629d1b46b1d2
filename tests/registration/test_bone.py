"""Which bone a place belongs to: ways through bone, and gaps that blur has filled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from lesionscore.quantities import Quantity
from lesionscore.registration.align import LesionRegion, prepare_scan
from lesionscore.registration.bone import valley_depth
from lesionscore.registration.regions import own_bone
from lesionscore.registration.scan import Level
from lesionscore.volumes import Grid, Volume

SPACING_MM = (1.2, 1.2, 1.2)
SPONGY_HU, CORTEX_HU, SOFT_HU, BLUR_MM = 190.0, 950.0, 50.0, 0.7
HEAD_MM, GAP_MM, CORTEX_MM = 22.0, 2.4, 1.2


def positions(grid: Grid) -> npt.NDArray[np.float64]:
    """Positions of all voxels, shape (n_z, n_y, n_x, 3)."""
    return grid.positions_mm(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))


def hip(gap_mm: float = GAP_MM) -> tuple[Level, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """A ball with a neck in a hemispherical socket: HU, which voxels are head, which socket."""
    grid = Grid(
        shape_zyx=(72, 60, 72),
        spacing_xyz_mm=SPACING_MM,
        origin_mm=(-42.6, -35.4, -42.6),
    )
    place = positions(grid)
    away = np.linalg.norm(place, axis=-1)
    neck = (np.hypot(place[..., 1], place[..., 2]) < 12) & (place[..., 0] < 0)
    head_depth = np.maximum(
        HEAD_MM - away, np.where(neck, 12 - np.hypot(place[..., 1], place[..., 2]), -9.0)
    )
    inner = HEAD_MM + gap_mm
    socket_depth = np.minimum(away - inner, inner + 10.0 - away)
    socket_depth = np.where(place[..., 0] > -4, socket_depth, -9.0)
    hu = np.full(grid.shape_zyx, SOFT_HU)
    for depth in (head_depth, socket_depth):
        hu = np.where(depth > 0, np.where(depth < CORTEX_MM, CORTEX_HU, SPONGY_HU), hu)
    blurred = ndimage.gaussian_filter(hu, BLUR_MM / 1.2).astype(np.float32)
    return Level(blurred, grid), head_depth > 0, socket_depth > 0


def test_a_blurred_gap_is_deep_and_spongy_bone_is_not() -> None:
    """The joint shows the level of spongy bone, yet lies far below both cortices."""
    level, head, socket = hip()
    depth = valley_depth(level.array, SPACING_MM, (60.0, 700.0))
    place = positions(level.grid)
    ahead = (np.abs(place[..., 1]) < 8) & (np.abs(place[..., 2]) < 8) & (place[..., 0] > 0)
    gap = ahead & ~head & ~socket & (np.linalg.norm(place, axis=-1) < HEAD_MM + GAP_MM)
    assert np.median(level.array[gap]) > 0.9 * SPONGY_HU
    assert np.median(depth[gap]) > 250.0
    core = ndimage.binary_erosion(head, iterations=4)
    assert depth[core].max() < 20.0


@pytest.mark.parametrize("gap_mm", [2.0, 3.0, 4.0])
def test_a_lesion_at_the_top_of_the_head_owns_the_head(gap_mm: float) -> None:
    """Its ways begin at the head's bone although the socket's cortex is 2 mm from its edge."""
    level, head, socket = hip(gap_mm)
    place = positions(level.grid)
    centre = (HEAD_MM - 5.0, 0.0, 0.0)
    lesion = np.linalg.norm(place - np.array(centre), axis=-1) < 5.0
    hu = np.where(lesion, 50.0, level.array).astype(np.float32)
    grown = ndimage.distance_transform_edt(~lesion, sampling=1.2) < 2.0
    scan = prepare_scan(Volume(array=hu, grid=level.grid, quantity=Quantity.HU))
    region = LesionRegion(
        lesion_id="L01",
        centre_mm=centre,
        radius_mm=5.0,
        exclusion=Volume(array=grown.astype(np.uint8), grid=level.grid, quantity=Quantity.LABEL),
    )
    own = own_bone(scan, region, [region])
    away = np.linalg.norm(place - np.array(centre), axis=-1)
    near = (away > 8.0) & (away < 16.0)  # as far from the lesion, straight through the joint
    to_head = own.away_mm(place[near & ndimage.binary_erosion(head, iterations=2)])
    to_socket = own.away_mm(place[near & ndimage.binary_erosion(socket, iterations=2)])
    assert np.median(to_head) < 12.0
    assert np.quantile(to_socket, 0.05) > (15.0 if gap_mm < 3.0 else 30.0)
