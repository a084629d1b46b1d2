"""Sizes of implicit surfaces against closed formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phantoms.anatomy.shapes import Shape, rotation
from phantoms.lesions.measure import measure, measure_in_bone
from phantoms.lesions.plan import draw_surface, sized
from phantoms.lesions.surface import lesion_distance, lesion_value, lobe, scaled, surface_points

NO_TERMS = np.zeros((0, 5))


def ellipsoid(a: float, b: float, c: float, turn: np.ndarray | None = None) -> np.ndarray:
    """An ellipsoid as one lobe."""
    frame = np.eye(3) if turn is None else turn
    return lobe(np.array([3.0, -2.0, 1.0]), frame, np.array([a, b, c]), 1.0, NO_TERMS)[None]


@pytest.mark.parametrize("axes", [(3.0, 3.0, 3.0), (5.0, 3.0, 2.0), (15.0, 10.0, 5.0), (20, 8, 8)])
def test_ellipsoids_have_the_diameter_and_volume_of_the_formula(axes: tuple[float, ...]) -> None:
    """2a, and 4/3 pi abc."""
    found = measure(ellipsoid(*axes), np.eye(3))
    assert found.longest_diameter_mm == pytest.approx(2 * axes[0], abs=0.02)
    assert found.axial_diameter_mm == pytest.approx(2 * axes[0], abs=0.02)
    assert found.short_axis_mm == pytest.approx(2 * axes[1], abs=0.02)
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * np.prod(axes) / 1000, rel=0.002)
    assert found.parts == 1


def test_the_axial_diameter_depends_on_how_the_bone_lies_and_the_longest_does_not() -> None:
    """A rod along z seen upright, lying, and at 30 degrees."""
    rod = ellipsoid(3.0, 3.0, 9.0)
    upright = measure(rod, np.eye(3))
    lying = measure(rod, rotation(90.0))
    tilted = measure(rod, rotation(30.0))
    assert upright.axial_diameter_mm == pytest.approx(6.0, abs=0.02)
    assert lying.axial_diameter_mm == pytest.approx(18.0, abs=0.02)
    # a section of the ellipsoid through its centre by a plane tilted by 30 degrees
    section = 2 / np.sqrt((np.cos(np.pi / 6) / 3) ** 2 + (np.sin(np.pi / 6) / 9) ** 2)
    assert tilted.axial_diameter_mm == pytest.approx(section, abs=0.02)
    for found in (upright, lying, tilted):
        assert found.longest_diameter_mm == pytest.approx(18.0, abs=0.02)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.4, 1.3), lobes=st.integers(1, 3))
def test_a_scaled_surface_has_scaled_lengths_and_volumes(
    seed: int, factor: float, lobes: int
) -> None:
    """Similarity is exact: s for lengths, s cubed for volumes, about any point."""
    surface = sized(draw_surface(np.random.default_rng(seed), np.zeros(3), 12.0, lobes), 12.0)
    small = scaled(surface, factor, np.array([4.0, 0.0, -2.0]), np.array([1.0, 2.0, 3.0]))
    axes = rotation(12.0, -5.0, 30.0)
    before, after = measure(surface, axes), measure(small, axes)
    assert before.longest_diameter_mm == pytest.approx(12.0, abs=0.03)
    assert after.longest_diameter_mm == pytest.approx(factor * before.longest_diameter_mm, abs=0.03)
    assert after.axial_diameter_mm == pytest.approx(factor * before.axial_diameter_mm, abs=0.04)
    assert after.volume_ml == pytest.approx(factor**3 * before.volume_ml, rel=0.01)


def test_the_volume_of_a_harmonic_surface_is_its_integral_over_directions() -> None:
    """The integral of r cubed over the sphere, divided by three, by quadrature."""
    rng = np.random.default_rng(5)
    surface = sized(draw_surface(rng, np.zeros(3), 15.0), 15.0)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    turn = (np.arange(120) + 0.5) * 2 * np.pi / 120
    ring = np.sqrt(1 - nodes**2)
    total = 0.0
    for z, r, w in zip(nodes, ring, weights, strict=True):
        for t in turn:
            ray = np.array([r * np.cos(t), r * np.sin(t), z])
            low, high = 0.0, 20.0
            for _ in range(40):
                middle = (low + high) / 2
                inside = lesion_value(surface, *(ray * middle)) < 0
                low, high = (middle, high) if inside else (low, middle)
            total += w * low**3 * 2 * np.pi / 120 / 3
    assert measure(surface, np.eye(3)).volume_ml == pytest.approx(total / 1000, rel=0.003)


def test_two_parts_are_counted_and_the_largest_gives_the_diameter() -> None:
    """Spheres of 8 and 5 mm, 20 mm apart."""
    far = lobe(np.array([20.0, 0, 0]), np.eye(3), np.ones(3), 2.5, NO_TERMS)
    near = lobe(np.zeros(3), np.eye(3), np.ones(3), 4.0, NO_TERMS)
    found = measure(np.array([near, far]), np.eye(3))
    assert found.parts == 2
    assert found.longest_diameter_mm == pytest.approx(8.0, abs=0.02)
    assert found.span_mm == pytest.approx(20 + 4 + 2.5, abs=0.03)
    assert found.sum_of_parts_mm == pytest.approx(13.0, abs=0.04)


def test_the_part_in_the_bone_ends_at_the_bone() -> None:
    """Half of a sphere lies in a wide block."""
    block = Shape()
    block.box((0, 0, -30), (30, 30, 30), 1.0)
    ball = lobe(np.zeros(3), np.eye(3), np.ones(3), 6.0, NO_TERMS)[None]
    longest, volume = measure_in_bone(ball, block)
    assert longest == pytest.approx(12.0, abs=0.1)
    assert volume == pytest.approx(2 / 3 * np.pi * 216 / 1000, rel=0.03)


def test_distance_is_a_distance_near_the_surface() -> None:
    """Along the normal of an irregular surface, 1 mm out is 1 mm within 12 %."""
    surface = draw_surface(np.random.default_rng(2), np.zeros(3), 14.0)
    step = 1e-3 * np.eye(3)
    for point in surface_points(surface, 60):
        slope = np.array(
            [
                lesion_value(surface, *(point + s)) - lesion_value(surface, *(point - s))
                for s in step
            ]
        )
        outwards = point + slope / np.linalg.norm(slope)
        assert lesion_distance(surface, *outwards) == pytest.approx(1.0, abs=0.12)
