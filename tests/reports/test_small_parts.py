"""Findings taken apart, codes explained, the run's record read, examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import lesionscore.reports
from lesionscore.lesions.strip import LesionStrip, Plane, StripPlane, write_strip
from lesionscore.reports.codes import EXPLANATIONS, meaning
from lesionscore.reports.formats import fixed, percent, signed
from lesionscore.reports.methods import method_sentences
from lesionscore.reports.run_info import TableFinding, read_run
from lesionscore.reports.scan_view import split_findings
from lesionscore.reports.strip_figures import lesion_pictures
from tests.reports.fake_output import run_json

MODULES = [name for _, name, _ in pkgutil.iter_modules(lesionscore.reports.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str):
    """Every example of the package gives what it says."""
    module = importlib.import_module(f"lesionscore.reports.{name}")
    assert doctest.testmod(module, extraglobs={"np": np}).failed == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("gap: 3 mm between 4 and 5", [("gap", "3 mm between 4 and 5")]),
        ("a: one; two; b_2: three", [("a", "one; two"), ("b_2", "three")]),
        ("a: one;b: two", [("a", "one"), ("b", "two")]),
        ("pet_not_done", [("pet_not_done", "There is no PET at this visit.")]),
        ("metal;strange", [("metal", "Metal lies beside the lesion."), ("strange", "")]),
        ("Series 4: gap; send it again", [("", "Series 4: gap; send it again")]),
    ],
)  # fmt: skip
def test_findings_are_taken_apart(text: str, found):
    """Codes with sentences, bare codes, and sentences without a code; nothing is lost."""
    assert [(doubt.code, doubt.text) for doubt in split_findings(text)] == found


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("metal", "Metal lies beside"),
        ("metal (3)", "Metal lies beside"),
        ("degradation_no_sample", "degradation: there is no sample"),
        ("degradation_baseline_below_limit", "degradation: baseline: the value is below"),
        ("baseline_below_limit", "baseline: the value is below"),
        ("baseline_missing", "There is no baseline"),
    ],
)
def test_codes_are_explained_also_with_an_owner_or_a_count(code: str, words: str):
    """A ratio's reason names the marker; a patient's counts its lesions."""
    assert meaning(code).startswith(words)


def test_explanations_are_sentences():
    """Each begins with a capital and ends with a full stop."""
    for code, text in EXPLANATIONS.items():
        assert text[0].isupper(), code
        assert text.endswith("."), code


@pytest.mark.parametrize(
    ("message", "is_about"),
    [
        ("patient P1, month_3: day 200", True),
        ("patient P12, month_3: day 200", False),
        ("patient P1 has no lesions", True),
        ("no markers.csv", True),
    ],
)
def test_a_finding_of_the_tables_belongs_to_its_patient(message: str, is_about: bool):
    """P1 is not P12; what names nobody is for all."""
    assert TableFinding(code="x", message=message).is_about("P1") is is_about


def test_a_run_record_may_have_other_shapes(tmp_path: Path):
    """Open questions by topic, visits by id, parts missing or of another kind."""
    record = {
        "protocol": {
            "values": {"visits": {"month_3": {"label": "M3", "day": 91}}, "a": {"b": [1, 2]}},
            "open_questions": {"size": {"question": "Of what?", "choice": "x", "why": "y"}},
        },
        "versions": ["not", "an", "object"],
        "patients": ["P1", {"patient_id": "P2", "status": "done", "reason": None}],
        "seconds_per_stage": None,
    }
    (tmp_path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    run = read_run(tmp_path)
    assert [entry["id"] for entry in run.entries("visits")] == ["month_3"]
    assert run.open_questions[0].question == "Of what?"
    assert run.limits("a", "b") == (1.0, 2.0)
    assert run.number("a", "b") is None
    assert run.value("a", "b", "c") is None
    assert dict(run.patients) == {"P2": ("done", "")}
    assert run.versions == ()


def test_methods_leave_out_what_the_run_does_not_tell(tmp_path: Path):
    """No number stands there that did not come from the run."""
    silent = " ".join(method_sentences(read_run(tmp_path)))
    (tmp_path / "run.json").write_text(json.dumps(run_json(["P1"])), encoding="utf-8")
    told = " ".join(method_sentences(read_run(tmp_path)))
    assert not [word for word in silent.split() if word.isdigit() and word not in ("3", "95")]
    assert len(told) > len(silent)


def test_another_limit_in_the_protocol_changes_the_words(tmp_path: Path):
    """The methods follow the protocol in effect."""
    run = run_json(["P1"])
    run["protocol"]["values"]["size"] |= {"reduction_percent": 30.0, "metric": "volume"}
    (tmp_path / "run.json").write_text(json.dumps(run, sort_keys=True), encoding="utf-8")
    told = " ".join(method_sentences(read_run(tmp_path)))
    assert "at least 30 %" in told
    assert "Size is taken to be the volume" in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [(fixed(2.25, 1), "2.2"), (signed(-0.0), "0.0"), (signed(0.04), "0.0"), (signed(None), "–"),
     (percent(0.0), "0 %"), (percent(0.995), "> 99 %"), (percent(None), "–")],
)  # fmt: skip
def test_numbers_as_they_stand_on_a_page(text: str, expected: str):
    """No minus zero, no sign before nothing, no certainty that is not there."""
    assert text == expected


def plain_strip(level: int, *, half_width_mm: float = 36.0, centre=(0.0, 0.0, 0.0)) -> LesionStrip:
    """A strip of one grey."""
    planes = [StripPlane(plane=plane, ct_hu=np.full((8, 8), level, np.int16)) for plane in Plane]
    return LesionStrip(
        centre_mm=centre, half_width_mm=half_width_mm, planes=(planes[0], planes[1], planes[2])
    )


@pytest.mark.parametrize(
    "changes", [{"half_width_mm": 40.0}, {"centre": (0.0, 0.0, 1.0)}], ids=["width", "centre"]
)
def test_pictures_of_another_view_are_never_subtracted(tmp_path: Path, changes):
    """A strip left over from another run does not show a change that is none."""
    write_strip(tmp_path / "L1_inclusion.npz", plain_strip(100))
    write_strip(tmp_path / "L1_month_3.npz", plain_strip(100, **changes))
    write_strip(tmp_path / "L1_month_12.npz", plain_strip(300))
    visits = ["inclusion", "month_3", "month_12"]
    pictures = lesion_pictures(tmp_path, "L1", visits, [], "l1")
    assert pictures is not None
    assert not any(tile.difference for tile in pictures.visits["month_3"].tiles)
    assert all(tile.difference for tile in pictures.visits["month_12"].tiles)


def test_without_inclusion_pictures_nothing_is_subtracted(tmp_path: Path):
    """The first visit there is does not become the reference."""
    write_strip(tmp_path / "L1_month_3.npz", plain_strip(100))
    write_strip(tmp_path / "L1_month_12.npz", plain_strip(300))
    pictures = lesion_pictures(tmp_path, "L1", ["inclusion", "month_3", "month_12"], [], "l1")
    assert pictures is not None
    assert not pictures.has_difference


@pytest.mark.parametrize("lesion_id", ["../L1", "a/b", ""])
def test_a_lesion_id_never_leads_out_of_the_folder(tmp_path: Path, lesion_id: str):
    """An id with a slash has no pictures."""
    (tmp_path / "strips").mkdir()
    write_strip(tmp_path / "L1_inclusion.npz", plain_strip(100))
    assert lesion_pictures(tmp_path / "strips", lesion_id, ["inclusion"], [], "l1") is None


@pytest.mark.parametrize(("highest", "scale"), [(17.1, 20.0), (20.0, 20.0), (6.3, 8.0), (0.9, 1.0)])
def test_the_colour_scale_is_round_and_holds_every_maximum(tmp_path: Path, highest, scale):
    """The same for all visits of a lesion."""
    write_strip(tmp_path / "L1_inclusion.npz", plain_strip(100))
    pictures = lesion_pictures(tmp_path, "L1", ["inclusion"], [None, 0.5, highest], "l1")
    assert pictures is not None
    assert pictures.scale_suv == pytest.approx(scale)


def documented_codes() -> list[str]:
    """Codes of lesions and markers that the documentation lists."""
    page = (Path(__file__).parents[2] / "docs" / "codes.md").read_text(encoding="utf-8")
    rows = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `"))
    mine = (row[0] for row in rows if re.search(r"`(lesions|markers|patients)\.", row[-1]))
    return sorted({code for cell in mine for code in re.findall(r"`([a-z0-9_]+)`", cell)})


@pytest.mark.parametrize("code", documented_codes())
def test_every_documented_code_has_words_on_the_page(code: str):
    """What docs/codes.md explains, the report explains too (reports/codes.py)."""
    assert meaning(code)
