"""A lesion found and followed in blocks of spongy bone: sizes, edge, healing, drift."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage
from threadpoolctl import threadpool_limits

from lesionscore.errors import MeasurementError
from lesionscore.lesions.aligned import AlignedScan
from lesionscore.lesions.alternatives import averaged_size
from lesionscore.lesions.drift import NO_DRIFT, Drift, scan_drift
from lesionscore.lesions.fit import LARGEST_BLUR_CHANGE
from lesionscore.lesions.follow import LesionCourse, drift_at_lesion, follow_lesion
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.records import Presence
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import InclusionLesion, segment_inclusion
from lesionscore.lesions.sizing import lesion_size
from lesionscore.lesions.surface import Surface
from lesionscore.protocol import load_protocol
from lesionscore.registration.transform import RigidTransform
from tests.lesions import synthetic_bone
from tests.lesions.synthetic_bone import CENTRE_MM, Lesion, mask, scan

PROTOCOL = load_protocol()
START = Lesion(half_axes_mm=(7.0, 5.0, 6.0))
COURSES = {
    "stable": START,
    "smaller": Lesion(half_axes_mm=(4.5, 3.6, 4.0)),
    "rim": Lesion(half_axes_mm=(7.0, 5.0, 6.0), rim_hu=150.0),
    "one_sided": Lesion(half_axes_mm=(4.5, 5.0, 6.0), centre_mm=(5.5, -2.0, 5.0)),
    "growing": Lesion(half_axes_mm=(9.0, 6.4, 7.7)),
    "filling": Lesion(half_axes_mm=(7.0, 5.0, 6.0), level_hu=100.0),
    "filled_dense": Lesion(half_axes_mm=(10.0, 7.5, 9.0), rim_hu=270.0, level_hu=460.0),
    "gone": None,
}


@pytest.fixture(autouse=True)
def _one_thread():
    """Keep linear algebra from fighting the other test processes for processors."""
    with threadpool_limits(1, user_api="blas"):
        yield


@cache
def found(kind: str) -> InclusionLesion:
    """The lesion at inclusion, from a mask or from a click 2 mm off its centre."""
    x, y, z = CENTRE_MM
    seed = LesionSeed(
        lesion_id="L1",
        label=1,
        position_mm=(x + 1.5, y - 1.0, z + 1.0),
        mask=mask(START) if kind == "mask" else None,
    )
    return segment_inclusion(scan(START, noise_seed=1), seed, (), PROTOCOL)


@cache
def followed(course: str, drift_hu: float = 0.0) -> LesionCourse:
    """The lesion at one later visit."""
    visit = AlignedScan(
        visit="month_12",
        ct=scan(COURSES[course], noise_seed=7, drift_hu=drift_hu),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    around = drift_at_lesion(found("mask"), visit)
    visit = AlignedScan(
        visit=visit.visit,
        ct=visit.ct,
        visit_from_inclusion=visit.visit_from_inclusion,
        registration_error_mm=0.1,
        drift=scan_drift([around]),
    )
    return follow_lesion(found("mask"), scan(START, noise_seed=1), [visit], PROTOCOL)


@pytest.mark.parametrize(("kind", "limit_mm"), [("mask", 0.6), ("click", 1.0)])
def test_inclusion_is_measured_below_the_voxel(kind: str, limit_mm: float) -> None:
    """Longest diameter and volume of an ellipsoid, from a mask and from a click."""
    lesion = found(kind)
    size = lesion.reading.size
    assert size is not None
    assert abs(size.longest_diameter_mm - START.longest_mm) < limit_mm
    assert size.volume_ml == pytest.approx(START.volume_ml, rel=0.12)
    assert lesion.unreadable is None
    assert lesion.reading.flags == ()
    assert np.linalg.norm(np.subtract(lesion.surface.centre_mm, CENTRE_MM)) < 0.4


@pytest.mark.parametrize("course", ["stable", "smaller", "rim", "one_sided", "growing", "filling"])
def test_size_at_a_visit(course: str) -> None:
    """The visit's own size, whatever happened to the edge."""
    truth = COURSES[course]
    assert truth is not None
    reading = followed(course).readings["month_12"]
    assert reading.presence is Presence.PRESENT
    assert reading.size is not None
    error = reading.size.longest_diameter_mm - truth.longest_mm
    assert abs(error) < 0.8
    assert abs(error) < 3.0 * reading.size.longest_diameter_sd_mm


def test_nothing_left_is_told_from_something_small() -> None:
    """Normal bone where the lesion was: absent, with confidence, and no size."""
    reading = followed("gone").readings["month_12"]
    assert reading.presence is Presence.ABSENT
    assert reading.size is None
    assert reading.complete_probability is not None
    assert reading.complete_probability > 0.95


def test_only_a_new_rim_is_sclerosis() -> None:
    """150 HU in a 2 mm rim trips the limb; shrinkage by normal bone does not."""
    rule = PROTOCOL.edge
    for course, dense in [("rim", True), ("stable", False), ("smaller", False), ("gone", False)]:
        edge = followed(course).readings["month_12"].edge
        assert edge is not None
        assert edge.sclerosis_change_hu is not None
        assert (edge.sclerosis_change_hu >= rule.increase_hu) is dense, course


def test_a_rim_that_was_there_at_inclusion_is_no_news() -> None:
    """The lesion keeps its size beside it, and nothing has become denser."""
    old = Lesion(half_axes_mm=(7.0, 5.0, 6.0), rim_hu=150.0)
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=CENTRE_MM, mask=mask(old))
    before = scan(old, noise_seed=1)
    lesion = segment_inclusion(before, seed, (), PROTOCOL)
    visit = AlignedScan(
        visit="month_12",
        ct=scan(old, noise_seed=7),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    reading = follow_lesion(lesion, before, [visit], PROTOCOL).readings["month_12"]
    assert reading.size is not None
    assert abs(reading.size.longest_diameter_mm - old.longest_mm) < 0.4
    assert reading.edge is not None
    assert reading.edge.sclerosis_change_hu is not None
    assert abs(reading.edge.sclerosis_change_hu) < 25.0


@pytest.mark.parametrize(
    ("half_axes_mm", "rim_hu", "dense"),
    [
        ((8.6, 6.5, 7.5), 200.0, False),
        ((5.0, 3.6, 4.3), 200.0, False),
        ((5.0, 3.6, 4.3), 400.0, True),
    ],
    ids=["grown", "shrunk", "shrunk and denser"],
)
def test_a_rim_that_moves_with_the_edge_is_no_increase(
    half_axes_mm: tuple[float, float, float], rim_hu: float, dense: bool
) -> None:
    """Bone at the new edge is denser than it was there; the lesion's edge is not."""
    rimmed = replace(START, rim_hu=200.0)
    ct = scan(rimmed, noise_seed=1)
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=CENTRE_MM, mask=mask(rimmed))
    lesion = segment_inclusion(ct, seed, (), PROTOCOL)
    assert lesion.rimless is not None
    visit = AlignedScan(
        visit="month_12",
        ct=scan(Lesion(half_axes_mm=half_axes_mm, rim_hu=rim_hu), noise_seed=7),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    reading = follow_lesion(lesion, ct, [visit], PROTOCOL).readings["month_12"]
    assert reading.edge is not None
    change_hu = reading.edge.sclerosis_change_hu
    assert change_hu is not None
    assert (change_hu > 100.0) if dense else (abs(change_hu) < 45.0)


def test_a_rim_that_has_gone_with_its_lesion_leaves_no_lesion() -> None:
    """Normal bone in a former rim's place is less dense than before, and no lesion for that."""
    rimmed = replace(START, rim_hu=240.0)
    ct = scan(rimmed, noise_seed=1)
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=CENTRE_MM, mask=mask(rimmed))
    lesion = segment_inclusion(ct, seed, (), PROTOCOL)
    assert lesion.rimless is not None
    away = signed_distance(lesion.surface, lesion.patch.grid)
    rim = (away > 0.5) & (away < 1.5)
    kept, gone = (np.median(bone.expected_hu[rim]) for bone in (lesion.bone, lesion.rimless))
    assert kept > synthetic_bone.BONE_HU + 60.0
    assert gone == pytest.approx(synthetic_bone.BONE_HU, abs=25.0)
    visit = AlignedScan(
        visit="month_12",
        ct=scan(None, noise_seed=2),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    reading = follow_lesion(lesion, ct, [visit], PROTOCOL).readings["month_12"]
    assert reading.presence is Presence.ABSENT


def test_a_click_finds_both_lobes() -> None:
    """Rays from one lobe do not see around the corner; what hangs together is one lesion."""
    x, y, z = CENTRE_MM
    lobes = (
        Lesion(half_axes_mm=(6.0, 5.0, 5.5)),
        Lesion(half_axes_mm=(4.5, 4.0, 4.5), centre_mm=(x + 7.5, y + 4.0, z)),
    )
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=(x - 1.5, y - 1.0, z + 1.0))
    lesion = segment_inclusion(scan(*lobes, noise_seed=1), seed, (), PROTOCOL)
    size = lesion.reading.size
    assert size is not None
    # from the far end of one lobe, through both centres, to the far end of the other
    assert size.longest_diameter_mm == pytest.approx(18.75, abs=1.0)


def test_a_lesion_filled_with_dense_bone_is_gone() -> None:
    """However well a surface of dense bone explains the scan: it is no lesion any more."""
    reading = followed("filled_dense").readings["month_12"]
    assert reading.presence is Presence.ABSENT
    assert reading.edge is not None
    assert reading.edge.sclerosis_change_hu is not None
    assert reading.edge.sclerosis_change_hu > PROTOCOL.edge.increase_hu


def test_what_is_left_within_dense_bone_is_measured() -> None:
    """A lesion that heals by sclerosis from its edge inwards is neither gone nor too large."""
    dense = Lesion(half_axes_mm=(9.0, 7.0, 8.0), level_hu=430.0)
    left = Lesion(half_axes_mm=(4.2, 3.2, 3.6))
    visit = AlignedScan(
        visit="month_12",
        ct=scan(dense, left, noise_seed=7),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    before = scan(START, noise_seed=1)
    reading = follow_lesion(found("mask"), before, [visit], PROTOCOL).readings["month_12"]
    assert reading.presence is Presence.PRESENT
    assert reading.size is not None
    assert abs(reading.size.longest_diameter_mm - left.longest_mm) < 0.5
    assert reading.size.volume_ml == pytest.approx(left.volume_ml, rel=0.15)
    assert reading.edge is not None
    assert reading.edge.sclerosis_change_hu is not None
    assert reading.edge.sclerosis_change_hu > PROTOCOL.edge.increase_hu


def test_sparse_bone_is_bone() -> None:
    """A lesion deep in bone hardly denser than muscle has not broken a cortex."""
    ct = scan(START, noise_seed=1, drift_hu=-85.0)
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=CENTRE_MM, mask=mask(START))
    lesion = segment_inclusion(ct, seed, (), PROTOCOL)
    assert lesion.contact > 0.97
    assert not lesion.cortex_broken


def test_sizes_of_likely_surfaces_are_averaged() -> None:
    """Equally likely surfaces share the size, and their distance is doubt; unlikely ones do not."""
    fit = found("mask").fit
    size = lesion_size(fit.surface, fit.draw(20, 1), outlined=True)
    smaller = Surface(vertices_mm=0.8 * fit.surface.vertices_mm, faces=fit.surface.faces)
    alike, unlike = (replace(fit, surface=smaller, cost=fit.cost + more) for more in (0.0, 50.0))
    assert averaged_size(size, [fit, unlike]) == (size, ())
    both, flags = averaged_size(size, [fit, alike])
    assert flags == ("size_ambiguous",)
    assert both.longest_diameter_mm == pytest.approx(0.9 * size.longest_diameter_mm, rel=0.01)
    assert both.volume_ml == pytest.approx(0.5 * (1.0 + 0.8**3) * size.volume_ml, rel=0.01)
    spread = 0.1 * size.longest_diameter_mm
    assert both.longest_diameter_sd_mm == pytest.approx(
        np.hypot(size.longest_diameter_sd_mm, spread), rel=0.05
    )


def test_drift_of_the_scanner_is_no_sclerosis() -> None:
    """25 HU more everywhere is found as drift and taken off."""
    edge = followed("stable", 25.0).readings["month_12"].edge
    assert edge is not None
    assert edge.drift_hu == pytest.approx(25.0, abs=5.0)
    assert edge.sclerosis_change_hu is not None
    assert abs(edge.sclerosis_change_hu) < 15.0


def test_a_visit_does_not_depend_on_later_visits() -> None:
    """The same reading with and without a later visit."""
    visits = [
        AlignedScan(
            visit=name,
            ct=scan(COURSES[course], noise_seed=seed),
            visit_from_inclusion=RigidTransform.identity(),
            registration_error_mm=0.1,
        )
        for name, course, seed in [("month_3", "stable", 3), ("month_12", "smaller", 4)]
    ]
    ct = scan(START, noise_seed=1)
    alone = follow_lesion(found("mask"), ct, visits[:1], PROTOCOL).readings["month_3"]
    both = follow_lesion(found("mask"), ct, visits, PROTOCOL).readings["month_3"]
    assert alone == both


def test_a_point_off_the_scan_is_refused() -> None:
    """The message says what was found and what is accepted."""
    seed = LesionSeed(lesion_id="L9", label=9, position_mm=(900.0, 0.0, 0.0))
    with pytest.raises(MeasurementError, match=r"L9.*outside the CT.*LPS"):
        segment_inclusion(scan(START, noise_seed=1), seed, (), PROTOCOL)


def test_an_empty_mask_is_refused() -> None:
    """A label that is not in the mask."""
    empty = mask(START)
    empty.array[...] = 0
    seed = LesionSeed(lesion_id="L9", label=9, mask=empty)
    with pytest.raises(MeasurementError, match="no voxel"):
        segment_inclusion(scan(START, noise_seed=1), seed, (), PROTOCOL)


def test_one_odd_place_does_not_move_the_scans_drift() -> None:
    """The muscle beside a rib moved; the other bones say what the scanner did."""
    around = [Drift(hu=value, sd_hu=5.0) for value in (-12.0, -10.0, 53.0, -11.0, -13.0)]
    pooled = scan_drift([*around, None])
    assert pooled.hu == pytest.approx(-11.0, abs=1.5)
    assert scan_drift([None]) == NO_DRIFT


@pytest.mark.parametrize(
    ("level_hu", "unreadable", "flagged"),
    [(60.0, None, False), (145.0, None, True), (205.0, "not_in_bone", False)],
)
def test_an_outline_where_no_lesion_shows_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
    level_hu: float,
    unreadable: str | None,
    flagged: bool,
) -> None:
    """As dense as the bone: no size at any visit; nearly so: flagged."""
    monkeypatch.setattr(synthetic_bone, "LESION_HU", level_hu)
    seed = LesionSeed(lesion_id="L01", label=1, mask=mask(START))
    lesion = segment_inclusion(scan(START, noise_seed=1), seed, [], PROTOCOL)
    assert lesion.unreadable == unreadable
    assert ("little_contrast" in lesion.reading.flags) == flagged
    assert (lesion.reading.size is None) == (unreadable is not None)


def test_a_scan_that_looks_blurred_is_not_explained_by_a_blur_no_kernel_has() -> None:
    """A lesion whose own edge fades over 5 mm: the fit may not call its bone blurred instead."""
    sharp = scan(START, noise_seed=1)
    voxel_mm = sharp.grid.spacing_xyz_mm[::-1]
    faded = ndimage.gaussian_filter(sharp.array.astype(np.float32), [2.0 / mm for mm in voxel_mm])
    noise = np.random.default_rng(2).normal(0.0, synthetic_bone.NOISE_HU, faded.shape)
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=CENTRE_MM, mask=mask(START))
    lesion = segment_inclusion(
        replace(sharp, array=np.round(faded + noise).astype(np.int16)), seed, (), PROTOCOL
    )
    assert abs(np.log(lesion.fit.blur_factor)) <= LARGEST_BLUR_CHANGE + 1e-6
    assert lesion.fit.blur_factor > 1.2  # the image asked for more
