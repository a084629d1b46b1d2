"""How exactly a bone's outline runs on over a lesion that broke it, for faces of known shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation

from lesionscore.lesions.outline import outline
from lesionscore.lesions.run_on import outside_mm

Floats = npt.NDArray[np.float64]
SPACING_ZYX_MM = (1.5, 0.9, 0.9)
HALF_MM = 26.0
MARGIN_MM = 1.5


def plane(p: Floats) -> Floats:
    """A flat bone without a far side."""
    return -p[..., 0]


def slab(p: Floats) -> Floats:
    """A flat bone 6 mm thick."""
    return np.minimum(-p[..., 0], p[..., 0] + 6.0)


def skull_outside(p: Floats) -> Floats:
    """A vault 6 mm thick, broken outwards."""
    radius = np.linalg.norm(np.add(p, [75.0, 0.0, 0.0]), axis=-1)
    return np.minimum(75.0 - radius, radius - 69.0)


def skull_inside(p: Floats) -> Floats:
    """The same, broken into the brain: the face is hollow."""
    radius = np.linalg.norm(np.subtract(p, [69.0, 0.0, 0.0]), axis=-1)
    return np.minimum(radius - 69.0, 75.0 - radius)


def shaft(p: Floats) -> Floats:
    """A long bone of 24 mm."""
    return 12.0 - np.hypot(p[..., 0] + 12.0, p[..., 1])


def hollow_corner(p: Floats) -> Floats:
    """Two plates at 110 degrees, the corner between them rounded."""
    lean = np.deg2rad(55.0)
    plates = [-(p[..., 0] * np.sin(lean) + sign * p[..., 1] * np.cos(lean)) for sign in (-1, 1)]
    depth = 3.0 * (np.logaddexp(plates[0] / 3.0, plates[1] / 3.0) - np.log(2.0))
    return np.minimum(depth, 7.0 - depth)


SHAPES: list[tuple[Callable[[Floats], Floats], float, float]] = [
    (plane, np.inf, 0.3),
    (slab, 6.0, 0.5),
    (skull_outside, 6.0, 0.5),
    (skull_inside, 6.0, 0.5),
    (shaft, 12.0, 0.6),
    (hollow_corner, 7.0, 0.5),
]


def places() -> Floats:
    """Positions of voxels, mm, about the middle of the grid."""
    axes = [np.arange(-HALF_MM, HALF_MM, step) for step in SPACING_ZYX_MM]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


@pytest.mark.parametrize(("shape", "thickness_mm", "allowed_mm"), SHAPES)
@pytest.mark.parametrize("radius_mm", [4.0, 6.5])
def test_the_outline_runs_on(
    shape: Callable[[Floats], Floats], thickness_mm: float, allowed_mm: float, radius_mm: float
) -> None:
    """The bone found in a hole ends where the face would, on average over the hole.

    Where the face is curved one way, however the bone lies to the voxels.
    """
    offsets = []
    for seed in range(3):
        turned = places() @ Rotation.random(random_state=seed).as_matrix()
        depth = shape(turned)
        away = np.linalg.norm(np.add(turned, [1.0, 0.0, 0.0]), axis=-1)
        own, lesion = (depth > 0.0) & (away > radius_mm), away < radius_mm + MARGIN_MM
        found = outline(own, lesion, SPACING_ZYX_MM)
        this_face = turned[..., 0] > -0.5 * thickness_mm
        zone = lesion & this_face & (depth > -6.0)
        hole = this_face & (np.abs(depth) < 0.45) & (away < radius_mm)
        surplus_voxels = int(found[zone].sum()) - int((depth > 0.0)[zone].sum())
        offsets.append(0.9 * surplus_voxels / int(hole.sum()))
    assert abs(np.mean(offsets)) < allowed_mm
    assert np.abs(offsets).max() < 1.0


@pytest.mark.parametrize(("in_bone", "expected_mm"), [(True, -np.inf), (False, np.inf)])
def test_without_an_outline_near_all_is_inside_or_nothing(
    in_bone: bool, expected_mm: float
) -> None:
    """Deep in a bone, and in soft tissue."""
    away = np.linalg.norm(places(), axis=-1)
    bone = (away > 6.0) & in_bone
    outside = outside_mm(bone, away <= 6.0, SPACING_ZYX_MM)
    assert len(outside) == (away <= 6.0).sum()
    assert (outside == expected_mm).all()
