"""A click in a lesion of two lobes, one of which broke the cortex and hides the other from it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from threadpoolctl import threadpool_limits

from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import segment_inclusion
from lesionscore.protocol import load_protocol
from lesionscore.volumes import Volume
from tests.lesions.test_broken import Axes, scanned

BONE_MM, CORTEX_MM = 16.0, 1.3
OUTER = np.array([12.5, 0.0, 0.0, 5.5])  # x, y, z and radius, mm: 2 mm bulge out of the bone
INNER = np.array([6.0, 6.0, 3.0, 4.5])
TEXTURE_HU, TEXTURE_MM = 25.0, 0.8


def bone_with(lobes: list[npt.NDArray[np.float64]], seed: int) -> Volume:
    """CT of a round bone along z, its spongy bone with a texture, and balls of lesion in it."""

    def hu_at(axes: Axes) -> npt.NDArray[np.float64]:
        z, y, x = axes
        out = np.hypot(y, x) + 0.0 * z
        waves = np.random.default_rng(seed + 50).standard_normal(out.shape)
        waves = ndimage.gaussian_filter(waves, 2.0 * TEXTURE_MM)
        spongy = 180.0 + TEXTURE_HU * waves / waves.std()
        bone = np.select([out < BONE_MM - CORTEX_MM, out < BONE_MM], [spongy, 750.0], 45.0)
        for lobe in lobes:
            away = (x - lobe[0]) ** 2 + (y - lobe[1]) ** 2 + (z - lobe[2]) ** 2
            bone = np.where(away < lobe[3] ** 2, 35.0, bone)
        return bone

    return scanned(hu_at, seed)


def longest_mm(lobes: list[npt.NDArray[np.float64]], seed: int) -> float:
    """Longest diameter read from a click in the outer lobe."""
    click = LesionSeed(lesion_id="L01", label=1, position_mm=(12.0, 0.0, 0.0))
    with threadpool_limits(1, user_api="blas"):
        lesion = segment_inclusion(bone_with(lobes, seed), click, [], load_protocol())
    assert lesion.unreadable is None
    assert lesion.cortex_broken
    assert lesion.reading.size is not None
    return lesion.reading.size.longest_diameter_mm


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_lobe_that_rays_do_not_see_is_measured(seed: int) -> None:
    """Only the outer lobe was, 12 mm of 19, because it has no bone beside its outer side."""
    truth_mm = float(np.linalg.norm(OUTER[:3] - INNER[:3]) + OUTER[3] + INNER[3])
    assert abs(longest_mm([OUTER, INNER], seed) - truth_mm) < 1.5


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_texture_beside_one_lobe_is_none(seed: int) -> None:
    """Pockets of spongy bone are not joined to it."""
    assert abs(longest_mm([OUTER], seed) - 2.0 * OUTER[3]) < 2.0
