"""Pictures: the right grey, the right colour, nothing where there is nothing."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lesionscore.lesions.strip import OUTSIDE_HU
from lesionscore.reports.pictures import (
    DIFFERENCE_LIMIT_HU,
    WINDOW_LEVEL_HU,
    WINDOW_WIDTH_HU,
    colour_bar,
    ct_picture,
    difference_picture,
    pet_picture,
)


def pixels(uri: str):
    """Red, green, blue and opacity of a data URI's picture."""
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(BytesIO(content)).convert("RGBA")).astype(int)


def hu(*values: float, size: int = 4):
    """A picture whose pixels repeat some values."""
    return np.resize(np.array(values, dtype=np.int16), (size, size))


def test_the_window_runs_from_black_to_white():
    """Ends, middle, and what lies beyond them."""
    low, high = WINDOW_LEVEL_HU - WINDOW_WIDTH_HU / 2, WINDOW_LEVEL_HU + WINDOW_WIDTH_HU / 2
    grey = pixels(ct_picture(hu(low - 900, low, WINDOW_LEVEL_HU, high, high + 2000, 0)))[..., 0]
    assert grey.ravel()[:5].tolist() == [0, 0, 128, 255, 255]


def test_what_lies_outside_the_scan_is_transparent():
    """Not black: black is air."""
    picture = pixels(ct_picture(hu(-1000, OUTSIDE_HU)))
    assert picture[..., 3].ravel()[:4].tolist() == [255, 0, 255, 0]


def test_more_uptake_is_never_less_visible():
    """Opacity rises with SUV up to a share that lets the bone through."""
    suv = np.linspace(0, 20, 64, dtype=np.float32).reshape(8, 8)
    opacity = pixels(pet_picture(suv, 10.0))[..., 3].ravel()
    assert opacity[0] == 0
    assert (np.diff(opacity) >= 0).all()
    assert 180 <= opacity[-1] <= 220


def test_a_pet_that_does_not_reach_is_transparent():
    """NaN is neither 0 nor the highest."""
    suv = np.full((4, 4), np.nan, dtype=np.float32)
    assert (pixels(pet_picture(suv, 10.0))[..., 3] == 0).all()


def test_negative_uptake_is_no_uptake():
    """Noise below zero stays unseen."""
    assert (pixels(pet_picture(np.full((4, 4), -3, np.float32), 10.0))[..., 3] == 0).all()


@pytest.mark.parametrize(("change", "channel"), [(200, 0), (-200, 2)])
def test_denser_is_red_and_less_dense_is_blue(change: int, channel: int):
    """As the legend says."""
    red, _, blue = pixels(difference_picture(hu(100 + change), hu(100)))[0, 0, :3]
    assert (red > blue) == (channel == 0)


def test_no_change_is_nearly_white():
    """The eye is drawn to change alone."""
    assert pixels(difference_picture(hu(300), hu(300)))[..., :3].min() > 235


def test_a_difference_needs_both_scans():
    """A pixel outside either scan is transparent."""
    here, gone = hu(0), hu(OUTSIDE_HU)
    assert (pixels(difference_picture(here, gone))[..., 3] == 0).all()
    assert (pixels(difference_picture(gone, here))[..., 3] == 0).all()


def test_the_scale_of_a_difference_ends_at_its_limit():
    """Twice the limit looks like the limit."""
    limit = int(DIFFERENCE_LIMIT_HU)
    one = pixels(difference_picture(hu(limit), hu(0)))
    assert (one == pixels(difference_picture(hu(2 * limit), hu(0)))).all()
    assert (one != pixels(difference_picture(hu(limit // 2), hu(0)))).any()


def test_a_difference_averages_two_by_two_pixels():
    """Noise that cancels is not shown."""
    noisy = np.tile(np.array([[150, -150], [-150, 150]], dtype=np.int16), (2, 2))
    assert (
        pixels(difference_picture(noisy, hu(0))) == pixels(difference_picture(hu(0), hu(0)))
    ).all()


def test_a_colour_bar_runs_through_the_scale():
    """Blue at its left end, red at its right."""
    bar = pixels(colour_bar("RdBu_r"))[0]
    assert bar[0, 2] > bar[0, 0]
    assert bar[-1, 0] > bar[-1, 2]
