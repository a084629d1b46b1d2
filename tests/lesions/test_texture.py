"""Texture that is hidden or noisy, from the voxels that show it: against the exact solution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscore.lesions.texture import (
    CORRELATION_MM,
    conditional_texture,
    correlation_mm,
    kept_share,
)

SPACING_ZYX_MM = (2.0, 1.0, 1.0)
SHAPE = (6, 9, 9)
REACH_MM, TEXTURE_HU, NOISE_HU = 1.3, 35.0, 30.0


def covariance() -> np.ndarray:
    """Of the texture between all voxels, from its formula."""
    at = np.moveaxis(np.indices(SHAPE), 0, -1).reshape(-1, 3) * SPACING_ZYX_MM
    squared = ((at[:, None] - at[None]) ** 2).sum(axis=-1)
    return TEXTURE_HU**2 * np.exp(-squared / (4.0 * REACH_MM**2))


def exact(seen: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Conditional mean and SD by solving the whole system."""
    full, known = covariance(), np.isfinite(variance)
    gain = np.linalg.solve(full[np.ix_(known, known)] + np.diag(variance[known]), full[known]).T
    rest = np.diag(full) - (gain * full[:, known]).sum(axis=1)
    return gain @ seen[known], np.sqrt(rest)


def conditioned(seen: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the module says, flat."""
    mean, sd = conditional_texture(
        seen.reshape(SHAPE).astype(np.float32),
        variance.reshape(SHAPE).astype(np.float32),
        np.full(SHAPE, TEXTURE_HU, np.float32),
        REACH_MM,
        SPACING_ZYX_MM,
    )
    return mean.ravel(), sd.ravel()


@pytest.mark.parametrize("wide", [3, 9])
@pytest.mark.parametrize("seed", [1, 2])
def test_texture_is_that_of_the_exact_solution(seed: int, wide: int) -> None:
    """Mean and SD are those of the whole system of equations."""
    rng = np.random.default_rng(seed)
    texture = np.linalg.cholesky(covariance() + 1e-3 * np.eye(np.prod(SHAPE))) @ (
        rng.standard_normal(np.prod(SHAPE))
    )
    variance = np.full(texture.size, NOISE_HU**2)
    hidden = np.zeros(SHAPE, bool)
    hidden[2:4, 3 : 3 + wide, 3 : 3 + wide] = True
    variance[hidden.ravel()] = np.inf
    seen = texture + NOISE_HU * rng.standard_normal(texture.size)
    mean, sd = conditioned(seen, variance)
    wanted, wanted_sd = exact(seen, variance)
    assert np.abs(mean - wanted).max() < 0.05 * TEXTURE_HU
    assert np.sqrt(((mean - texture) ** 2).mean()) < 1.1 * np.sqrt((wanted_sd**2).mean())
    amid = np.zeros(SHAPE, bool)
    amid[1:-1, 1:-1, 1:-1] = True  # the filter knows nothing beyond the border
    shown, away = (amid & ~hidden).ravel(), (amid & hidden).ravel()
    assert sd[shown] == pytest.approx(wanted_sd[shown], rel=0.3)
    assert (sd[away] > 0.95 * wanted_sd[away]).all()
    assert (sd[away] < 1.6 * wanted_sd[away]).all()


def test_nothing_seen_leaves_what_was_known() -> None:
    """Without a voxel that shows it a texture stays unknown."""
    nothing = np.full(np.prod(SHAPE), np.inf)
    mean, sd = conditioned(np.full(nothing.size, 50.0), nothing)
    assert (mean == 0.0).all()
    assert sd == pytest.approx(TEXTURE_HU)


@settings(max_examples=20, deadline=None)
@given(noise_hu=st.floats(5.0, 200.0), level_hu=st.floats(-100.0, 100.0))
def test_texture_lies_between_nothing_and_what_is_seen(noise_hu: float, level_hu: float) -> None:
    """Noise draws what is seen towards nothing, never past it."""
    size = int(np.prod(SHAPE))
    mean, sd = conditioned(np.full(size, level_hu), np.full(size, noise_hu**2))
    middle = np.ravel_multi_index((3, 4, 4), SHAPE)
    assert 0.0 <= mean[middle] * np.sign(level_hu) <= 1.05 * abs(level_hu) + 0.1
    assert (sd <= TEXTURE_HU * 1.0001).all()


@settings(max_examples=30)
@given(reach_mm=st.floats(0.6, 1.9), voxel_mm3=st.floats(0.5, 5.0))
def test_correlation_is_found_again(reach_mm: float, voxel_mm3: float) -> None:
    """The reach of a texture follows from how much of it neighbours share."""
    # the sum over all lags, as the noise's estimate defines it
    shared = (4.0 * np.pi / (reach_mm**-2 + 1.3**-2)) ** 1.5 / voxel_mm3
    found = correlation_mm(shared, voxel_mm3)
    assert CORRELATION_MM[0] <= found <= CORRELATION_MM[1]
    if shared > 1.0:
        assert found == pytest.approx(reach_mm, rel=1e-6)


@pytest.mark.parametrize("wanted", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_share_of_a_texture_that_is_seen_again(wanted: float, seed: int) -> None:
    """Many voxels tell it, few leave it at what was believed."""
    rng = np.random.default_rng(seed)
    texture = 30.0 * rng.standard_normal(8000).astype(np.float32)
    seen = 12.0 + wanted * texture + 40.0 * rng.standard_normal(8000).astype(np.float32)
    assert kept_share(seen, texture) == pytest.approx(wanted, abs=0.05)
    assert kept_share(seen[:2], texture[:2]) > 0.7
    assert kept_share(seen[:0], texture[:0]) == 1.0
