"""A lesion that has come apart at a visit: both pieces are found, and measured."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from lesionscore.lesions.aligned import AlignedScan
from lesionscore.lesions.follow import follow_lesion
from lesionscore.lesions.records import Presence
from lesionscore.protocol import load_protocol
from lesionscore.registration.transform import RigidTransform
from tests.lesions.test_clicked_lobes import bone_with, clicked

WHOLE = np.array([0.0, 0.0, 0.0, 9.5])  # x, y, z and radius, mm
PIECES = [np.array([-4.0, 1.0, 4.0, 3.0]), np.array([3.0, 0.5, -5.0, 2.6])]


@pytest.mark.parametrize("seed", [21, 22])
def test_two_pieces_of_a_lesion_are_both_found(seed: int) -> None:
    """One alone was found; a piece of 4 % of a large lesion had even passed for nothing."""
    before = bone_with([WHOLE], seed)
    visit = AlignedScan(
        visit="month_12",
        ct=bone_with(PIECES, seed, noise_seed=seed + 100),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    with threadpool_limits(1, user_api="blas"):
        course = follow_lesion(clicked(before, (0.5, 0.0, 0.0)), before, [visit], load_protocol())
    reading = course.readings["month_12"]
    assert reading.presence is Presence.PRESENT
    assert "lesion_split" in reading.flags
    assert reading.size is not None
    assert abs(reading.size.longest_diameter_mm - 2.0 * PIECES[0][3]) < 1.2
    truth_ml = sum(4.0 / 3000.0 * np.pi * piece[3] ** 3 for piece in PIECES)
    assert abs(reading.size.volume_ml - truth_ml) < 0.35 * truth_ml
