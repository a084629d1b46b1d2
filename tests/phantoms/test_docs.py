"""The page on phantoms: every scenario with a small picture, and an example that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from phantoms.scenario import load_scenario, scenario_names, scenario_patient

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "phantoms.md").read_text(encoding="utf-8")
LARGEST_PICTURE = 150_000  # bytes


@pytest.mark.parametrize("name", scenario_names())
def test_a_scenario_has_its_words_and_a_small_picture(name: str) -> None:
    """Title, what it proves, and a file that is there."""
    scenario = load_scenario(name)
    words = " ".join(PAGE.split())
    assert f"### {scenario.title} (`{name}`)" in words
    assert scenario.proves in words
    picture = DOCS / "pictures" / f"{name}.png"
    assert f"![{scenario.title}](pictures/{name}.png)" in PAGE
    assert picture.stat().st_size < LARGEST_PICTURE


def test_the_scenario_of_the_page_can_be_built(tmp_path: Path) -> None:
    """The example is a scenario, and its lesion finds its place."""
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "one_lesion.toml"
    path.write_text(text, encoding="utf-8")
    scenario = load_scenario(path)
    patient = scenario_patient(scenario, scenario.patients[0])
    assert [plan.bone for plan in patient.lesions] == ["L4"]
    assert patient.scans["month_12"].spacing_xyz_mm[2] == 3.0
