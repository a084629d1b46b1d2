"""What SD a diameter gets by what the reader gave, and by how far the scan decides the shape."""

from __future__ import annotations

import numpy as np
import pytest

from lesionscore.lesions.freedom import (
    POINT_SD_SHARE,
    READER_SD_MM,
    UNEVEN_SD_SHARE,
    given_sd_mm,
    unevenness,
)
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.shape import ShapeBasis
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.surface_fit import SurfaceFit
from lesionscore.quantities import Quantity
from lesionscore.volumes import Grid, Volume
from tests.lesions.test_surface import ellipsoid

POINT = LesionSeed(lesion_id="L1", label=1, position_mm=(0.0, 0.0, 0.0))
GRID = Grid(shape_zyx=(2, 2, 2), spacing_xyz_mm=(1.0, 1.0, 1.0), origin_mm=(0.0, 0.0, 0.0))
MASK = Volume(array=np.ones((2, 2, 2), np.uint8), grid=GRID, quantity=Quantity.LABEL)
OUTLINE = LesionSeed(lesion_id="L1", label=1, position_mm=None, mask=MASK)


def fit(surface: Surface, open_share: float) -> SurfaceFit:
    """A fit of which the scan left so much of the freedom open."""
    return SurfaceFit(
        surface=surface,
        basis=ShapeBasis.fixed(surface),
        weights=np.zeros(5),
        covariance=open_share**2 * np.eye(5),
        lesion_hu=40.0,
        lesion_sd_hu=5.0,
        blur_factor=1.0,
        sharpening=0.0,
        misfit=0.0,
        cost=0.0,
    )


@pytest.mark.parametrize(("open_share", "expected_mm"), [(0.6, 0.6), (0.3, 0.0375), (0.0, 0.0)])
def test_a_points_shape_is_less_certain_where_the_scan_leaves_it_open(
    open_share: float, expected_mm: float
) -> None:
    """3 % of 20 mm at a share of 0.6, by its fourth power less below."""
    surface = ellipsoid(10.0, 10.0, 10.0)
    found = given_sd_mm(POINT, fit(surface, open_share), surface, 1.0)
    assert found == pytest.approx(expected_mm, rel=0.01, abs=1e-9)
    assert POINT_SD_SHARE == 0.03


def test_an_uneven_outline_is_less_certain_than_a_ball() -> None:
    """Whatever the scan leaves open; what lies without bone beside it comes on top."""
    even, long = ellipsoid(8.0, 8.0, 8.0), ellipsoid(16.0, 8.0, 4.0)
    assert given_sd_mm(OUTLINE, fit(even, 0.9), even, 1.0) < 0.01
    uneven_mm = given_sd_mm(OUTLINE, fit(long, 0.2), long, 1.0)
    assert unevenness(long) > 0.2
    assert uneven_mm == pytest.approx(UNEVEN_SD_SHARE * 16.0 * unevenness(long) ** 2, rel=0.02)
    whole_mm = given_sd_mm(OUTLINE, fit(long, 0.2), long, 0.5)
    assert whole_mm == pytest.approx(np.hypot(uneven_mm, 0.5 * READER_SD_MM))


def test_a_visits_surface_counts_by_its_own_size() -> None:
    """What is wrong with the shape at inclusion shrinks with the lesion."""
    first, later = ellipsoid(10.0, 10.0, 10.0), ellipsoid(5.0, 5.0, 5.0)
    start = fit(first, 0.7)
    whole, half = (given_sd_mm(POINT, start, surface, 1.0) for surface in (first, later))
    assert half == pytest.approx(0.5 * whole, rel=0.02)
