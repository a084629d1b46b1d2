"""How exactly a bone's outline runs on over a lesion that broke it, for faces of known shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import erf

from lesionscore.lesions.outline import FACE_MM, outline
from lesionscore.lesions.run_on import outside_mm

Floats = npt.NDArray[np.float64]
Spacing = tuple[float, float, float]
THIN, THICK = (1.5, 0.9, 0.9), (3.0, 0.9, 0.9)
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
    (plane, np.inf, 0.2),
    (slab, 6.0, 0.2),
    (skull_outside, 6.0, 0.3),
    (skull_inside, 6.0, 0.3),
    (shaft, 12.0, 0.3),
    (hollow_corner, 7.0, 0.6),
]


def places(spacing_zyx_mm: Spacing) -> Floats:
    """Positions of voxels, mm, about the middle of the grid."""
    axes = [np.arange(-HALF_MM, HALF_MM, step) for step in spacing_zyx_mm]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def blurred_hu(depth_mm: Floats) -> Floats:
    """What a scan shows across the face of a bone, above the level half-way."""
    return 300.0 * erf(depth_mm / 1.4)


@pytest.mark.parametrize(("shape", "thickness_mm", "allowed_mm"), SHAPES)
@pytest.mark.parametrize("radius_mm", [4.0, 6.5])
@pytest.mark.parametrize("spacing_zyx_mm", [THIN, THICK], ids=["thin", "thick"])
def test_the_outline_runs_on(
    shape: Callable[[Floats], Floats],
    thickness_mm: float,
    allowed_mm: float,
    radius_mm: float,
    spacing_zyx_mm: Spacing,
) -> None:
    """The bone found in a hole ends where the face would, on average over the hole.

    Where the face is curved one way, however the bone lies to the voxels.
    """
    offsets = offsets_mm(shape, thickness_mm, radius_mm, spacing_zyx_mm)
    assert abs(np.mean(offsets)) < allowed_mm
    assert np.abs(offsets).max() < allowed_mm + 0.3


@pytest.mark.parametrize(("shape", "thickness_mm", "allowed_mm"), SHAPES[1:5])
def test_a_bone_has_no_face_where_only_the_look_at_it_ends(
    shape: Callable[[Floats], Floats], thickness_mm: float, allowed_mm: float
) -> None:
    """Bone that runs on beyond what is looked at changes little; taken for a face it would."""
    offsets = offsets_mm(shape, thickness_mm, 6.5, THIN, seen_mm=13.0)
    assert abs(np.mean(offsets)) < allowed_mm
    assert np.abs(offsets).max() < allowed_mm + 0.3


def offsets_mm(
    shape: Callable[[Floats], Floats],
    thickness_mm: float,
    radius_mm: float,
    spacing_zyx_mm: Spacing,
    *,
    seen_mm: float = np.inf,
) -> list[float]:
    """How far off an outline runs on over a round hole, for three turns of a bone."""
    offsets = []
    for seed in range(3):
        turned = places(spacing_zyx_mm) @ Rotation.random(random_state=seed).as_matrix()
        depth = shape(turned)
        away = np.linalg.norm(np.add(turned, [1.0, 0.0, 0.0]), axis=-1)
        above_hu = np.minimum(blurred_hu(depth), blurred_hu(away - radius_mm))
        lesion = away < radius_mm + MARGIN_MM
        found, _ = outline((above_hu > 0.0) & (away < seen_mm), above_hu, lesion, spacing_zyx_mm)
        this_face = turned[..., 0] > -0.5 * thickness_mm
        zone = lesion & this_face & (depth > -6.0)
        hole = this_face & (np.abs(depth) < 0.45) & lesion
        surplus_voxels = int(found[zone].sum()) - int((depth > 0.0)[zone].sum())
        offsets.append(0.9 * surplus_voxels / int(hole.sum()) + FACE_MM)
    return offsets


@pytest.mark.parametrize(("in_bone", "expected_mm"), [(True, -np.inf), (False, np.inf)])
def test_without_an_outline_near_all_is_inside_or_nothing(
    in_bone: bool, expected_mm: float
) -> None:
    """Deep in a bone, and in soft tissue."""
    away = np.linalg.norm(places(THIN), axis=-1)
    bone = (away > 6.0) & in_bone
    outside = outside_mm(bone, np.where(bone, 100.0, -100.0), away <= 6.0, THIN)
    assert len(outside) == (away <= 6.0).sum()
    assert (outside == expected_mm).all()
