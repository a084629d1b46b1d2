"""Hypothesis strategies shared by the tests: grids, rotations, transforms."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid

coordinates_mm = st.floats(-500.0, 500.0)
spacings_mm = st.floats(0.4, 5.0)
angles_deg = st.floats(-180.0, 180.0)


@st.composite
def rotations(draw: st.DrawFn) -> np.ndarray:
    """Rotation matrices, shape (3, 3)."""
    angles = [draw(angles_deg) for _ in range(3)]
    return np.asarray(Rotation.from_euler("xyz", angles, degrees=True).as_matrix())


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Small grids of any spacing, origin and orientation."""
    return Grid(
        shape_zyx=(draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 9))),
        spacing_xyz_mm=(draw(spacings_mm), draw(spacings_mm), draw(spacings_mm)),
        origin_mm=(draw(coordinates_mm), draw(coordinates_mm), draw(coordinates_mm)),
        direction=tuple(draw(rotations()).ravel().tolist()),
    )


@st.composite
def rigid_transforms(draw: st.DrawFn) -> RigidTransform:
    """Rotations about a point with a shift."""
    shift = [draw(coordinates_mm) for _ in range(3)]
    centre = [draw(coordinates_mm) for _ in range(3)]
    return RigidTransform.from_rotation_shift(draw(rotations()), shift, centre)
