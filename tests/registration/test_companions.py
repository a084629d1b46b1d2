"""What lesions of one bone know about each other's alignment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from lesionscore.registration.companions import Zoomed, with_companions
from lesionscore.registration.local import LocalFit, align_locally
from lesionscore.registration.regions import LesionRegion, own_bone
from lesionscore.registration.scan import PreparedScan
from tests.registration.conftest import Scans

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two scans, and two places in one bone with their fits and the true transform."""

    fixed: PreparedScan
    moving: PreparedScan
    lesions: tuple[Zoomed, Zoomed]
    truth: Floats

    def off_mm(self, fit: LocalFit | None, which: int) -> float:
        """How far a fit carries the centre of a place away from where it went."""
        assert fit is not None
        centre = np.append(self.lesions[which].own.region.centre_mm, 1.0)
        return float(np.linalg.norm(((fit.matrix - self.truth) @ centre)[:3]))


@pytest.fixture(scope="module")
def pair(scans: Scans) -> Pair:
    """A lesion in the roof of the acetabulum, and a place in the bone above it."""
    patient, fixed, moving = scans.patient, scans.fixed_scan, scans.moving_scan
    truth = next(
        t
        for t in patient.lesion_truth()
        if t.visit == "inclusion" and t.site.startswith("acetabular_roof")
    )
    radius = truth.longest_diameter_mm / 2 + 1.0
    x, y, z = truth.x_mm, truth.y_mm, truth.z_mm
    regions = [
        LesionRegion(lesion_id="lesion", centre_mm=(x, y, z), radius_mm=radius),
        LesionRegion(lesion_id="above", centre_mm=(x, y, z + radius + 8.0), radius_mm=3.0),
    ]
    matrix = np.asarray(patient.visit_from_inclusion(truth.lesion_id, "month_12"))
    lesions = []
    for region in regions:
        own = own_bone(fixed, region, regions)
        lesions.append(Zoomed(own, align_locally(fixed, moving, own, [matrix])))
    return Pair(fixed, moving, (lesions[0], lesions[1]), matrix)


def shifted(lesion: Zoomed, shift_mm: float) -> Zoomed:
    """The same bone with a fit that is off along y."""
    assert lesion.fit is not None
    matrix = lesion.fit.matrix.copy()
    matrix[1, 3] += shift_mm
    return Zoomed(lesion.own, replace(lesion.fit, matrix=matrix))


def test_the_fits_are_good_to_begin_with(pair: Pair) -> None:
    """Each by itself, and together: companions that agree change nothing."""
    for i, lesion in enumerate(pair.lesions):
        assert pair.off_mm(lesion.fit, i) < 0.2
        assert with_companions(pair.fixed, pair.moving, pair.lesions, i) is lesion.fit


@pytest.mark.parametrize("shift_mm", [1.0, -4.0])
def test_a_companion_corrects_a_fit_that_went_astray(pair: Pair, shift_mm: float) -> None:
    """The transform of the same bone explains the lesion's rim better and is taken."""
    lesions = (shifted(pair.lesions[0], shift_mm), pair.lesions[1])
    assert pair.off_mm(lesions[0].fit, 0) > 0.8
    assert pair.off_mm(with_companions(pair.fixed, pair.moving, lesions, 0), 0) < 0.3


def test_a_companion_that_went_astray_is_not_believed(pair: Pair) -> None:
    """The lesion's own fit stays."""
    lesions = (pair.lesions[0], shifted(pair.lesions[1], 2.0))
    assert with_companions(pair.fixed, pair.moving, lesions, 0) is lesions[0].fit


def test_a_lesion_without_a_fit_gets_none(pair: Pair) -> None:
    """No image of its own, no answer."""
    lesions = (Zoomed(pair.lesions[0].own, None), pair.lesions[1])
    assert with_companions(pair.fixed, pair.moving, lesions, 0) is None
