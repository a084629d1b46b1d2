"""Lesions' bones on two whole phantom scans: exact, honest, the same on any number of threads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from lesionscore.protocol import load_protocol
from lesionscore.quantities import Quantity
from lesionscore.registration import align
from lesionscore.registration.align import LesionRegion, align_lesions, prepare_scan
from lesionscore.registration.quality import AlignmentVerdict, LesionAlignment
from lesionscore.volumes import Grid, Volume
from tests.registration.conftest import Scans

RULE = load_protocol().alignment


@dataclass(frozen=True)
class Pair:
    """Two scans of one patient, and where each lesion's centre lies on both."""

    fixed: Volume
    moving: Volume
    regions: list[LesionRegion]
    goals_mm: dict[str, npt.NDArray[np.float64]]

    def errors_mm(self, found: dict[str, LesionAlignment]) -> dict[str, float]:
        """Distance between carried and true centre of every lesion not given up."""
        errors = {}
        for region in self.regions:
            alignment = found[region.lesion_id]
            if alignment.verdict is AlignmentVerdict.FAILED:
                continue
            assert alignment.moving_from_fixed is not None
            carried = alignment.moving_from_fixed.apply(region.centre_mm)
            errors[region.lesion_id] = float(
                np.linalg.norm(carried - self.goals_mm[region.lesion_id])
            )
        return errors


@pytest.fixture(scope="module")
def pair(scans: Scans) -> Pair:
    """Inclusion and a later visit; lesions as balls, which is harder than with outlines."""
    patient = scans.patient
    regions, goals = [], {}
    for truth in patient.lesion_truth():
        if truth.visit != "inclusion" or truth.longest_diameter_mm <= 0:
            continue
        centre = (truth.x_mm, truth.y_mm, truth.z_mm)
        radius = truth.longest_diameter_mm / 2 + 2.0
        regions.append(LesionRegion(lesion_id=truth.lesion_id, centre_mm=centre, radius_mm=radius))
        matrix = patient.visit_from_inclusion(truth.lesion_id, "month_12")
        goals[truth.lesion_id] = (matrix @ [*centre, 1.0])[:3]
    return Pair(scans.fixed, scans.moving, regions, goals)


@pytest.fixture(scope="module")
def found(pair: Pair, scans: Scans) -> dict[str, LesionAlignment]:
    """All lesions of the pair aligned."""
    return align_lesions(scans.fixed_scan, scans.moving_scan, pair.regions, RULE)


def test_every_lesion_is_found_again_within_half_a_millimetre(
    pair: Pair, found: dict[str, LesionAlignment]
) -> None:
    """None on a wrong bone, none given up, and none worse than twice what is stated."""
    errors = pair.errors_mm(found)
    assert len(errors) == len(pair.regions)
    assert np.median(list(errors.values())) < 0.2
    assert max(errors.values()) < 0.7
    for lesion_id, error in errors.items():
        stated = found[lesion_id].error_mm
        assert stated is not None
        assert error < 2 * stated


def test_threads_change_no_digit(
    pair: Pair, found: dict[str, LesionAlignment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread and several give the same transforms to the last digit."""
    monkeypatch.setattr(align, "available_threads", lambda: 1)
    alone = align_lesions(prepare_scan(pair.fixed), prepare_scan(pair.moving), pair.regions, RULE)
    for lesion_id, alignment in found.items():
        mine, other = alignment.moving_from_fixed, alone[lesion_id].moving_from_fixed
        assert mine is not None
        assert other is not None
        assert np.array_equal(mine.matrix, other.matrix)
        assert alignment.error_mm == alone[lesion_id].error_mm


def test_a_scan_of_the_upper_half_says_what_it_does_not_cover(pair: Pair, scans: Scans) -> None:
    """Lesions within the shorter scan are found as well; the others are not covered."""
    half = pair.moving.array.shape[0] // 2
    upper = Volume(
        array=pair.moving.array[half:],
        grid=pair.moving.grid.cropped((half, 0, 0), pair.moving.array[half:].shape),
        quantity=Quantity.HU,
    )
    found = align_lesions(scans.fixed_scan, prepare_scan(upper), pair.regions, RULE)
    left_out = followed = 0
    for region in pair.regions:
        goal = pair.goals_mm[region.lesion_id]
        below = float(upper.grid.index_zyx(goal)[0])
        depth_mm = below * upper.grid.spacing_xyz_mm[2]
        alignment = found[region.lesion_id]
        if depth_mm < 0:
            left_out += 1
            assert alignment.verdict is AlignmentVerdict.FAILED
            assert "not_covered" in alignment.reasons
        elif depth_mm > 40:
            followed += 1
            assert alignment.moving_from_fixed is not None
            carried = alignment.moving_from_fixed.apply(region.centre_mm)
            assert np.linalg.norm(carried - goal) < 1.0
    assert left_out > 0
    assert followed > 0


def test_scans_without_common_bone_are_given_up() -> None:
    """Water only: every lesion fails with a reason, nothing crashes."""
    water = Volume(
        array=np.zeros((40, 40, 40), dtype=np.int16),
        grid=Grid(
            shape_zyx=(40, 40, 40), spacing_xyz_mm=(2.0, 2.0, 2.0), origin_mm=(0.0, 0.0, 0.0)
        ),
        quantity=Quantity.HU,
    )
    region = LesionRegion(lesion_id="L1", centre_mm=(40.0, 40.0, 40.0), radius_mm=5.0)
    scan = prepare_scan(water)
    result = align_lesions(scan, scan, [region], RULE)["L1"]
    assert result.verdict is AlignmentVerdict.FAILED
    assert result.reasons == ("too_little_bone",)
    assert result.moving_from_fixed is None
