"""The truth of courses: limbs, margins, and agreement with a rendered scan."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms import LesionTruth
from phantoms.lesions.courses import COURSES, VISITS, Course
from tests.phantoms.shared import half_way_size, lesion_share, scenario_first, small_patient

MET, NOT = "met", "not_met"
# course: size, sclerosis, complete, healed at month 24
AT_MONTH_24 = {
    "stable": (NOT, NOT, NOT, NOT),
    "growing": (NOT, NOT, NOT, NOT),
    "shrink_past": (MET, NOT, NOT, MET),
    "shrink_short": (NOT, NOT, NOT, NOT),
    "shrink_exactly": (MET, NOT, NOT, MET),
    "shrink_under_2_mm": (NOT, NOT, NOT, NOT),
    "shrink_one_sided": (MET, NOT, NOT, MET),
    "shrink_one_sided_short": (NOT, NOT, NOT, NOT),
    "rim_sclerosis": (NOT, MET, NOT, MET),
    "rim_and_shrink": (MET, MET, NOT, MET),
    "old_rim": (NOT, NOT, NOT, NOT),
    "infill": (NOT, NOT, NOT, NOT),
    "heal_normal": (MET, NOT, MET, MET),
    "heal_sclerosis": (MET, MET, MET, MET),
    "split": (MET, NOT, NOT, MET),
    "merge": (NOT, NOT, NOT, NOT),
    "new": ("", "", "", ""),
}
SCENARIOS = ("thresholds", "sclerosis", "healing", "split_merge_new", "breach")


def rows_of(name: str) -> list[LesionTruth]:
    """Truth of the first patient of a scenario."""
    return scenario_first(name).lesion_truth()


def test_every_course_is_in_the_table() -> None:
    """A new course needs its line of truth."""
    assert set(AT_MONTH_24) == {course.value for course in Course}


@pytest.mark.parametrize("name", SCENARIOS)
def test_limbs_at_month_24_are_those_of_the_course(name: str) -> None:
    """Measured limbs equal the table, lesion by lesion."""
    for row in rows_of(name):
        limbs = (row.size_limb, row.sclerosis_limb, row.complete_limb, row.healed)
        expected = AT_MONTH_24[row.course] if row.visit == "month_24" else None
        if row.visit == "inclusion":
            expected = ("", "", "", "")
        if expected is not None:
            assert limbs == expected, (row.lesion_id, row.course, row.visit)


def test_exactly_25_percent_has_a_margin_of_nothing_and_is_met() -> None:
    """16.0 mm to 12.0 mm."""
    row = next(
        r for r in rows_of("thresholds") if r.course == "shrink_exactly" and r.visit == "month_12"
    )
    assert row.longest_diameter_mm == 12.0
    assert row.margin_percent == 0.0
    assert row.margin_mm == 2.0
    assert row.size_limb == MET


def test_under_2_mm_is_past_25_percent_and_still_not_met() -> None:
    """6.4 mm to 4.608 mm."""
    row = next(
        r
        for r in rows_of("thresholds")
        if r.course == "shrink_under_2_mm" and r.visit == "month_24"
    )
    assert row.margin_percent is not None
    assert row.margin_mm is not None
    assert row.margin_percent > 0 > row.margin_mm
    assert row.size_limb == NOT


def test_margins_say_how_far_each_threshold_is() -> None:
    """Reduction less the limit, in mm and in percentage points."""
    rows = rows_of("thresholds")
    first = {r.lesion_id: r.longest_diameter_mm for r in rows if r.visit == "inclusion"}
    for row in rows:
        if row.visit == "inclusion":
            assert row.margin_mm is None
            continue
        reduction = first[row.lesion_id] - row.longest_diameter_mm
        assert row.margin_mm == pytest.approx(reduction - 2, abs=1e-3)
        percent = 100 * reduction / first[row.lesion_id]
        assert row.margin_percent == pytest.approx(percent - 25, abs=1e-2)


def test_a_split_lesion_has_two_parts_inside_the_old_place() -> None:
    """Sum, span and largest part are all stated."""
    rows = [r for r in rows_of("split_merge_new") if r.course == "split"]
    for row in rows:
        assert row.parts == (2 if row.visit in ("month_12", "month_24") else 1)
        if row.parts == 2:
            assert row.longest_diameter_mm < row.sum_of_parts_mm < row.span_mm
            first = next(r for r in rows if r.lesion_id == row.lesion_id and r.visit == "inclusion")
            assert row.span_mm < first.longest_diameter_mm
            assert row.sum_of_parts_mm < 0.75 * first.longest_diameter_mm


def test_a_breach_counts_as_a_whole_and_tells_its_part_in_the_bone() -> None:
    """Some of it lies outside."""
    rows = [r for r in rows_of("breach") if r.setting == "breach" and r.visit == "inclusion"]
    assert max(r.longest_diameter_mm for r in rows) == 40.0
    for row in rows:
        assert 0.3 * row.volume_ml < row.in_bone_volume_ml < 0.99 * row.volume_ml
        assert row.in_bone_longest_diameter_mm <= row.longest_diameter_mm + 0.05


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6, 7, 8])
def test_random_patients_have_lesions_worth_measuring(seed: int) -> None:
    """8 to 15 lesions, at least 6 of 8 mm or more, of many courses, in several bones."""
    patient = small_patient(seed)
    there = [p for p in patient.lesions if p.is_at_inclusion]
    assert 8 <= len(there) <= 15
    assert sum(p.diameter_mm >= 8 for p in there) >= 6
    assert len({p.course for p in there}) >= 6
    assert len({p.bone for p in there}) >= 5
    assert len({p.label for p in patient.lesions}) == len(patient.lesions)


def test_lesions_overlap_only_where_they_merge() -> None:
    """Label maps of all visits hold every voxel of every lesion."""
    for name in ("neighbours", "thresholds"):
        patient = scenario_first(name)
        for visit in VISITS:
            mask = patient.render_mask(visit)
            voxel_ml = float(np.prod(mask.spacing_xyz_mm)) / 1000
            for row in patient.lesion_truth():
                if row.visit == visit and row.volume_ml > 0.4:
                    found = float((mask.array == row.label).sum()) * voxel_ml
                    assert found == pytest.approx(row.volume_ml, rel=0.08), row.lesion_id


CASES = [
    ("thresholds", "L01", "inclusion"),
    ("thresholds", "L02", "month_12"),
    ("thresholds", "L05", "month_3"),
    ("thresholds", "L07", "month_24"),
    ("breach", "L08", "inclusion"),
    ("breach", "L07", "month_24"),
    ("sclerosis", "L02", "month_24"),
    ("sclerosis", "L03", "inclusion"),
    ("healing", "L03", "month_12"),
]


@pytest.mark.parametrize(("name", "lesion_id", "visit"), CASES)
def test_a_noise_free_scan_cut_half_way_gives_diameter_and_volume(
    name: str, lesion_id: str, visit: str
) -> None:
    """Within 0.3 mm and 2 %, by marching cubes on a scan without point spread.

    In trabecular bone, at an endplate, one-sided, with a new rim, an old rim and a scar.
    """
    patient = scenario_first(name)
    row = next(r for r in patient.lesion_truth() if (r.lesion_id, r.visit) == (lesion_id, visit))
    spacing = max(0.4, row.longest_diameter_mm / 28)
    longest, volume = half_way_size(lesion_share(patient, lesion_id, visit, spacing))
    assert longest == pytest.approx(row.longest_diameter_mm, abs=0.3)
    assert volume == pytest.approx(row.volume_ml, rel=0.02)


def test_courses_have_four_visits_and_start_where_they_say() -> None:
    """Factor 1 at inclusion for all but new lesions."""
    for course, numbers in COURSES.items():
        assert len(numbers.factor) == len(VISITS)
        assert numbers.factor[0] == (0.0 if course is Course.NEW else 1.0)
