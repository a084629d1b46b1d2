"""Scenario files: all of the package build, and a wrong word is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from phantoms.lesions.courses import Course, Setting
from phantoms.scenario import ScenarioError, load_scenario, scenario_names, scenario_patient

EXPECTED = {
    "breach",
    "demo",
    "dialects",
    "gaps",
    "healing",
    "metal",
    "neighbours",
    "old_bone",
    "scanner_changes",
    "sclerosis",
    "split_merge_new",
    "thresholds",
    "uptake",
    "whole_body",
}
PLAIN = """
title = "One lesion"
proves = "Nothing."
[[patients]]
id = "P01"
says = "One lesion."
lesions = [{ bone = "L3", site = "body", course = "stable", diameter_mm = 12.0 }]
"""


def test_the_package_brings_its_scenarios() -> None:
    """By name."""
    assert set(scenario_names()) == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED - {"whole_body"}))
def test_every_lesion_of_every_scenario_finds_its_place(name: str) -> None:
    """At the size asked for, in the bone asked for."""
    scenario = load_scenario(name)
    assert scenario.proves.endswith(".")
    for spec in scenario.patients:
        patient = scenario_patient(scenario, spec)
        assert [p.lesion_id for p in patient.lesions] == list(spec.lesions)
        for plan in patient.lesions:
            wish = spec.lesions[plan.lesion_id]
            assert (plan.bone, plan.course, plan.setting) == (wish.bone, wish.course, wish.setting)
            assert plan.diameter_mm == wish.diameter_mm
        assert len(patient.confounders) == len(spec.confounders)


def test_the_scenarios_together_hold_every_course_and_setting() -> None:
    """None is left untried."""
    wishes = [
        wish
        for name in scenario_names()
        for spec in load_scenario(name).patients
        for wish in spec.lesions.values()
    ]
    assert {w.course for w in wishes} == set(Course)
    assert {w.setting for w in wishes} == set(Setting)
    sizes = [w.diameter_mm for w in wishes if w.diameter_mm]
    assert min(sizes) < 5.0
    assert max(sizes) == 40.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('course = "stable"', 'course = "shrinks"'), "'shrinks' is none of stable"),
        (('bone = "L3"', 'bones = "L3"'), "unknown key 'bones'"),
        (('title = "One lesion"', 'title = "One'), "scenario mine"),
        (('says = "One lesion."', 'says = "x"\nfiles.month_6 = {}'), "unknown key 'month_6'"),
        (
            ('says = "One lesion."', 'says = "x"\nfiles.month_3 = { ct_faults = ["zero_weight"] }'),
            "not a fault of this modality",
        ),
        (
            ('says = "One lesion."', 'says = "x"\nfiles.month_3 = { pet_dialect = "bq" }'),
            "no PET dialect 'bq'",
        ),
    ],
)
def test_a_wrong_word_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    """With the file and what is accepted."""
    path = tmp_path / "mine.toml"
    path.write_text(PLAIN.replace(*change))
    with pytest.raises(ScenarioError, match=message):
        load_scenario(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('site = "body"', 'site = "tail"'), "L3 has no site 'tail'; there are: body"),
        (('bone = "L3"', 'bone = "L9"'), "no bone 'L9'"),
        (("diameter_mm = 12.0", "diameter_mm = 60.0"), "no central lesion of 60.0 mm fits"),
    ],
)
def test_a_lesion_that_has_no_place_is_named(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    """With what to do."""
    path = tmp_path / "mine.toml"
    path.write_text(PLAIN.replace(*change))
    scenario = load_scenario(path)
    with pytest.raises(ValueError, match=message):
        scenario_patient(scenario, scenario.patients[0])


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    """The message lists them."""
    with pytest.raises(ScenarioError, match="thresholds"):
        load_scenario("nothing")
