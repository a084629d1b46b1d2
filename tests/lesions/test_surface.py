"""Sizes from a surface: balls and ellipsoids, moved, turned and meshed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lesionscore.errors import MeasurementError
from lesionscore.lesions.measure import measure_surface
from lesionscore.lesions.meshing import ball, cube_grid, remeshed
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.surface import Surface, union
from lesionscore.registration.transform import RigidTransform

BALL = ball((0.0, 0.0, 0.0), 6.0)


def ellipsoid(a: float, b: float, c: float) -> Surface:
    """Mesh with the given half axes."""
    return Surface(vertices_mm=BALL.vertices_mm / 6.0 * [a, b, c], faces=BALL.faces)


def test_ball() -> None:
    """Diameter, volume, centre and radius of a ball."""
    size = measure_surface(ball((10.0, -5.0, 3.0), 6.0))
    assert size.longest_diameter_mm == pytest.approx(12.0, abs=0.05)
    assert size.axial_diameter_mm == pytest.approx(12.0, abs=0.1)
    assert size.volume_ml == pytest.approx(
        4 / 3 * np.pi * 0.216, rel=0.015
    )  # triangles cut corners
    assert BALL.radius_mm == pytest.approx(6.0, abs=0.03)
    assert np.allclose(ball((10.0, -5.0, 3.0), 6.0).centre_mm, (10.0, -5.0, 3.0), atol=0.02)


@settings(max_examples=10, deadline=None)
@given(
    turn=st.tuples(*[st.floats(-3.0, 3.0)] * 3),
    shift=st.tuples(*[st.floats(-200.0, 200.0)] * 3),
)
def test_how_the_patient_lies_changes_neither_diameter_nor_volume(
    turn: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    """A rigid motion leaves the longest 3-D diameter and the volume as they are."""
    moved = ellipsoid(9.0, 5.0, 4.0).moved(
        RigidTransform.from_rotation_shift(Rotation.from_rotvec(turn).as_matrix(), shift)
    )
    size = measure_surface(moved)
    assert size.longest_diameter_mm == pytest.approx(18.0, abs=0.08)
    assert size.volume_ml == pytest.approx(
        4 / 3 * np.pi * 0.180, rel=0.015
    )  # triangles cut corners


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(0.4, 1.0))
def test_a_smaller_copy_is_smaller_in_every_size(scale: float) -> None:
    """No size grows when the surface shrinks."""
    whole = ellipsoid(9.0, 5.0, 4.0)
    small = Surface(vertices_mm=scale * whole.vertices_mm, faces=whole.faces)
    before, after = measure_surface(whole), measure_surface(small)
    assert after.longest_diameter_mm == pytest.approx(scale * before.longest_diameter_mm, rel=1e-6)
    assert after.volume_ml == pytest.approx(scale**3 * before.volume_ml, rel=1e-6)
    assert after.axial_diameter_mm <= before.axial_diameter_mm + 0.05


def test_diameter_is_that_of_the_hull_not_of_an_axis() -> None:
    """Two balls apart measured as one surface: the longest part counts, not the gap."""
    two = union([ball((0.0, 0.0, 0.0), 3.0), ball((20.0, 0.0, 0.0), 5.0)])
    assert measure_surface(two).longest_diameter_mm == pytest.approx(10.0, abs=0.1)
    assert two.vertex_parts().max() == 1


def test_meshing_again_keeps_size() -> None:
    """New triangles, the same body."""
    again = measure_surface(remeshed(ellipsoid(8.0, 6.0, 5.0)))
    assert again.longest_diameter_mm == pytest.approx(16.0, abs=0.15)
    assert again.volume_ml == pytest.approx(4 / 3 * np.pi * 0.240, rel=0.02)


def test_signed_distance_of_a_ball() -> None:
    """Negative inside, positive outside, exact to a few hundredths of a millimetre."""
    surface = ball((0.0, 0.0, 0.0), 6.0)
    from tests.lesions.synthetic_bone import grid

    place = grid()
    index = np.moveaxis(np.indices(place.shape_zyx), 0, -1)
    truth = np.linalg.norm(place.positions_mm(index), axis=-1) - 6.0
    near = np.abs(truth) < 2.5
    error = signed_distance(surface, place)[near] - truth[near]
    assert np.abs(error).max() < 0.12


def test_a_folded_corner_does_not_leak_across_the_grid() -> None:
    """A vertex pulled through its neighbours faces inwards; what lies beyond stays outside."""
    vertices = BALL.vertices_mm.copy()
    tip = np.argsort(-vertices[:, 0])[:12]
    vertices[tip[0]] -= [3.0, 0.0, 0.0]  # beyond its neighbours, which face it now
    vertices[tip[1:4]] += [0.6, 0.0, 0.0]
    folded = Surface(vertices_mm=vertices, faces=BALL.faces)
    grid = cube_grid((-14.0, -14.0, -14.0), (14.0, 14.0, 14.0), 0.5)
    distance = signed_distance(folded, grid, band_mm=1.6)
    away = np.linalg.norm(
        grid.positions_mm(np.moveaxis(np.indices(grid.shape_zyx), 0, -1)), axis=-1
    )
    assert (distance[away > 8.0] > 0).all()
    assert (distance[away < 3.0] < 0).all()


def test_an_open_or_empty_surface_is_refused() -> None:
    """Three triangles close nothing."""
    with pytest.raises(MeasurementError, match="four triangles"):
        Surface(vertices_mm=np.zeros((3, 3)), faces=np.zeros((3, 3), dtype=np.int64))
