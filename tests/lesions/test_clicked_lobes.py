"""A click in a lesion of two lobes, of which rays from one hardly see the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from threadpoolctl import threadpool_limits

from lesionscore.lesions import segment
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rays import RoughLesion, surface_from_point
from lesionscore.lesions.records import ReadingStatus
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import segment_inclusion
from lesionscore.protocol import load_protocol
from lesionscore.quantities import PositionMm
from lesionscore.volumes import Volume
from tests.lesions.test_broken import Axes, scanned
from tests.repeats import seeds

BONE_MM, CORTEX_MM = 16.0, 1.3
OUTER = np.array([12.5, 0.0, 0.0, 5.5])  # x, y, z and radius, mm: 2 mm bulge out of the bone
INNER = np.array([6.0, 6.0, 3.0, 4.5])
ROUND = np.array([0.0, 0.0, 0.0, 8.0])
BUD = np.array([8.0, 6.5, 0.0, 3.2])  # touches it
TEXTURE_HU, TEXTURE_MM = 25.0, 0.8


def bone_with(
    lobes: list[npt.NDArray[np.float64]], seed: int, noise_seed: int | None = None
) -> Volume:
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

    return scanned(hu_at, seed if noise_seed is None else noise_seed)


def clicked(ct: Volume, point_mm: PositionMm) -> segment.InclusionLesion:
    """What is found from a click."""
    click = LesionSeed(lesion_id="L01", label=1, position_mm=point_mm)
    with threadpool_limits(1, user_api="blas"):
        return segment_inclusion(ct, click, [], load_protocol())


def longest_mm(lobes: list[npt.NDArray[np.float64]], seed: int) -> float:
    """Longest diameter read from a click in the outer lobe."""
    lesion = clicked(bone_with(lobes, seed), (12.0, 0.0, 0.0))
    assert lesion.unreadable is None
    assert lesion.cortex_broken
    assert lesion.reading.size is not None
    return lesion.reading.size.longest_diameter_mm


@pytest.mark.parametrize("seed", seeds([1, 2, 3, 4]))
def test_a_lobe_that_rays_do_not_see_is_measured(seed: int) -> None:
    """Only the outer lobe was, 12 mm of 19, because it has no bone beside its outer side."""
    truth_mm = float(np.linalg.norm(OUTER[:3] - INNER[:3]) + OUTER[3] + INNER[3])
    assert abs(longest_mm([OUTER, INNER], seed) - truth_mm) < 1.5


@pytest.mark.parametrize("seed", seeds([1, 2, 3, 4]))
def test_texture_beside_one_lobe_is_none(seed: int) -> None:
    """Pockets of spongy bone are not joined to it."""
    assert abs(longest_mm([OUTER], seed) - 2.0 * OUTER[3]) < 2.0


@pytest.mark.parametrize("seed", [11, 12])
def test_a_dark_place_that_touches_the_lesion_is_no_lobe(seed: int) -> None:
    """A ball of less than half its width made a lesion 4 to 5 mm longer."""
    lesion = clicked(bone_with([ROUND, BUD], seed), (1.0, 0.0, 0.0))
    assert lesion.unreadable is None
    assert lesion.reading.size is not None
    assert abs(lesion.reading.size.longest_diameter_mm - 2.0 * ROUND[3]) < 1.2


@pytest.mark.parametrize("seed", seeds(range(5, 11)))
def test_a_click_in_a_small_lobe_measures_both(seed: int) -> None:
    """Rays were drawn off into the large one, and it alone was read, 3 to 4 mm too short."""
    rng = np.random.default_rng(seed)
    small, large = rng.uniform(2.0, 3.0), rng.uniform(4.5, 6.5)
    towards = rng.standard_normal(3)
    towards /= np.linalg.norm(towards)
    middle = towards * (large + rng.uniform(0.3, 0.7) * small)
    click = middle + 0.3 * small * towards
    ct = bone_with([np.array([0.0, 0.0, 0.0, large]), np.array([*middle, small])], seed)
    lesion = clicked(ct, (float(click[0]), float(click[1]), float(click[2])))
    truth_mm = float(large + np.linalg.norm(middle) + small)
    assert lesion.unreadable is None
    assert lesion.reading.size is not None
    assert abs(lesion.reading.size.longest_diameter_mm - truth_mm) < 1.2


def test_what_does_not_hold_its_point_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be another place than the reader meant."""

    def elsewhere(
        patch: Patch, point_mm: PositionMm, foreign: npt.NDArray[np.bool_]
    ) -> RoughLesion:
        return surface_from_point(patch, (0.0, 0.0, 0.0), foreign)

    monkeypatch.setattr(segment, "surface_from_point", elsewhere)
    lesion = clicked(bone_with([np.array([0.0, 0.0, 0.0, 4.5])], 1), (7.5, 0.0, 0.0))
    assert lesion.unreadable == "point_outside_outline"
    assert lesion.reading.status is ReadingStatus.NOT_EVALUABLE
    assert lesion.reading.size is None


def test_a_click_in_spongy_bone_that_leaks_is_not_read() -> None:
    """A lesion of 33 mm was read beside one of 9 mm: bone hardly darker than bone, and muscle."""
    lesion = clicked(bone_with([np.array([0.0, 0.0, 0.0, 4.5])], 2), (9.0, 0.0, 0.0))
    assert lesion.unreadable == "no_outline"
    assert lesion.reading.size is None
