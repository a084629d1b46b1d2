"""A click in a lesion with bumps: a surface as smooth as most others would cut them off."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from lesionscore.lesions import refine
from lesionscore.lesions.measure import half_sphere_directions
from tests.lesions.test_clicked_lobes import bone_with, clicked

SEEDS = (4, 5, 9, 10)
BUMPS = 5


def bumpy(seed: int) -> list[npt.NDArray[np.float64]]:
    """A ball with smaller ones half-way in it: x, y, z and radius of each, mm."""
    rng = np.random.default_rng(seed)
    core = rng.uniform(3.2, 5.0)
    balls = [np.array([0.0, 0.0, 0.0, core])]
    for _ in range(BUMPS):
        towards = rng.standard_normal(3)
        towards /= np.linalg.norm(towards)
        radius = rng.uniform(0.45, 0.65) * core
        balls.append(np.array([*(towards * core * rng.uniform(0.8, 1.0)), radius]))
    return balls


def true_longest_mm(balls: list[npt.NDArray[np.float64]]) -> float:
    """Longest diameter of balls together."""
    half = half_sphere_directions(2000)
    every = np.concatenate([half, -half])
    points = np.concatenate([ball[:3] + ball[3] * every for ball in balls])
    return float(pdist(points[ConvexHull(points).vertices]).max())


def error_mm(seed: int) -> float:
    """Of the longest diameter read from a click near the middle."""
    balls = bumpy(seed)
    lesion = clicked(bone_with(balls, seed), (0.3, 0.2, -0.4))
    assert lesion.reading.size is not None
    return lesion.reading.size.longest_diameter_mm - true_longest_mm(balls)


def test_bumps_are_measured() -> None:
    """They were cut off: 1.1 mm too short on average."""
    errors = [error_mm(seed) for seed in SEEDS]
    assert abs(np.mean(errors)) < 0.75
    assert max(np.abs(errors)) < 1.2


def test_bumps_are_cut_off_where_even_shapes_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above can fail."""
    monkeypatch.setattr(refine, "UNEVEN_COST", -1e9)
    assert np.mean([error_mm(seed) for seed in SEEDS]) < -0.75
