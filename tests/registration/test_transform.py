"""Rigid transforms: composition, inversion, agreement with ITK, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given

from lesionscore.errors import RegistrationError
from lesionscore.registration.transform import RigidTransform
from tests.strategies import rigid_transforms

POINTS = np.array([[0.0, 0.0, 0.0], [12.5, -7.0, 300.0], [-1.0, 2.0, -3.0]])


@given(rigid_transforms())
def test_there_and_back_is_identity(transform: RigidTransform) -> None:
    """A transform and its inverse leave every point in place."""
    assert np.allclose(transform.inverse().apply(transform.apply(POINTS)), POINTS, atol=1e-6)
    assert np.allclose((transform.inverse() @ transform).matrix, np.eye(4), atol=1e-6)


@given(rigid_transforms(), rigid_transforms())
def test_composition_is_application_in_turn(a: RigidTransform, b: RigidTransform) -> None:
    """``(a @ b)(p)`` is ``a(b(p))``."""
    assert np.allclose((a @ b).apply(POINTS), a.apply(b.apply(POINTS)), atol=1e-6)


@given(rigid_transforms())
def test_itk_maps_points_the_same_way(transform: RigidTransform) -> None:
    """``TransformPoint`` is what `apply` does."""
    itk = transform.to_itk()
    for point in POINTS:
        assert np.allclose(itk.TransformPoint(point.tolist()), transform.apply(point), atol=1e-5)


def test_a_written_transform_reads_back_in_itk(tmp_path: Path) -> None:
    """The file is ITK's own format."""
    turn = RigidTransform.from_rotation_shift(
        [[0, -1, 0], [1, 0, 0], [0, 0, 1]], [1, 2, 3], [10, 0, 0]
    )
    turn.write(tmp_path / "turn.tfm")
    back = sitk.ReadTransform(str(tmp_path / "turn.tfm"))
    assert np.allclose(back.TransformPoint((11.0, 0.0, 0.0)), turn.apply((11.0, 0.0, 0.0)))


def test_a_folder_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    """ITK's own exception does not leak."""
    with pytest.raises(RegistrationError, match="cannot be written"):
        RigidTransform.identity().write(tmp_path / "nowhere" / "x.tfm")


def test_a_mirror_is_no_rigid_transform() -> None:
    """Left must never become right."""
    with pytest.raises(ValueError, match="rotation"):
        RigidTransform(np.diag([-1.0, 1.0, 1.0, 1.0]))
