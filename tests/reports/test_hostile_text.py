"""Text from tables and headers is text: it never becomes a tag, a template or a formula."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lesionscore.reports import render_patient_report, render_study_page
from tests.reports.fake_output import (
    STUDY,
    lesion_rows,
    marker_rows,
    run_json,
    scan_rows,
    write_csv,
    write_strips,
)
from tests.reports.page import Page, read_page

HOSTILE = "<b>&\"'</script><script>alert(1)</script>{{7*7}}{% raw %}$\\frac{1}{2}$<!--\x01"
PATIENT = "<b>&\"' {{7*7}} $x^2$ <img src=x onerror=alert(1)>"
READABLE = HOSTILE.replace("\x01", " ").strip()


@pytest.fixture(scope="module")
def hostile_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder where every text is hostile, with both pages."""
    out = tmp_path_factory.mktemp("hostile") / "out"
    out.mkdir()
    lesions = lesion_rows(PATIENT)
    for row in lesions:
        row |= {"site": HOSTILE, "reason": HOSTILE.replace(";", ""), "flags": HOSTILE}
        row["lesion_id"] = row["lesion_id"] + '<u>&"{{7*7}}'
    scans = scan_rows(PATIENT)
    for row in scans:
        row |= dict.fromkeys(
            ("scanner", "kernel", "series_description", "series_choice", "passed_over", "reason",
             "suv_rule", "failure", "comparability_reasons", "findings"), HOSTILE,
        )  # fmt: skip
    markers = marker_rows(PATIENT)
    for row in markers:
        row |= {"marker": row["marker"] + HOSTILE, "unit": HOSTILE, "reason": HOSTILE}
    write_csv(out / "lesions.csv", lesions)
    write_csv(out / "visits.csv", scans)
    write_csv(out / "markers.csv", markers)
    write_csv(out / "patients.csv", [{"patient_id": PATIENT, HOSTILE: HOSTILE}])
    run = run_json([PATIENT])
    run |= {"lesionscore_version": HOSTILE, "created": HOSTILE, "versions": {HOSTILE: HOSTILE}}
    run["protocol"]["name"] = HOSTILE
    run["protocol"]["values"]["study"]["name"] = HOSTILE
    run["protocol"]["values"]["visits"][1]["label"] = HOSTILE
    run["protocol"]["open_questions"] = [{"question": HOSTILE, "choice": HOSTILE, "why": HOSTILE}]
    run["findings"] = [{"code": HOSTILE, "message": HOSTILE}]
    run["patients"][0] |= {"status": "failed", "reason": HOSTILE}
    (out / "run.json").write_text(json.dumps(run, sort_keys=True), encoding="utf-8")
    study = {**STUDY, HOSTILE: {HOSTILE: HOSTILE}, "tests": [{HOSTILE: HOSTILE}]}
    (out / "study.json").write_text(json.dumps(study), encoding="utf-8")
    folder = out / "patients" / PATIENT / "strips"
    write_strips(folder)
    for strip in folder.glob("L1_*.npz"):
        strip.rename(folder / strip.name.replace("L1_", 'L1<u>&"{{7*7}}_'))
    render_patient_report(out, PATIENT)
    render_study_page(out)
    return out


@pytest.fixture(params=["patient", "study"])
def hostile_page(request: pytest.FixtureRequest, hostile_out: Path) -> Page:
    """Each of the two pages."""
    patient = hostile_out / "patients" / PATIENT / "report.html"
    return read_page(patient if request.param == "patient" else hostile_out / "report.html")


def test_no_tag_comes_out_of_a_table(hostile_page: Page):
    """No script, no picture from elsewhere, no tag of the hostile text."""
    tags = {tag for tag, _ in hostile_page.tags}
    assert not tags & {"script", "u", "iframe", "object"}
    assert all(not name.startswith("on") for _, a in hostile_page.tags for name in a)
    assert all(image["src"].startswith("data:") for image in hostile_page.all("img"))


def test_no_template_and_no_formula_comes_out_of_a_table(hostile_page: Page):
    """Braces and dollars are shown as they are."""
    assert "{{7*7}}" in hostile_page.text
    assert "{% raw %}" in hostile_page.text
    assert READABLE in hostile_page.text


def test_pages_stay_well_formed(hostile_page: Page):
    """Attributes too: an alternative text with quotes does not end its attribute."""
    assert hostile_page.unclosed == []
    ids = hostile_page.ids()
    assert len(ids) == len(set(ids))


def test_drawings_stay_well_formed(hostile_page: Page):
    """A marker's name within a figure is text there as well."""
    drawings = hostile_page.drawings()
    assert drawings
    for drawing in drawings:
        tags = {element.tag.split("}")[-1] for element in ET.fromstring(drawing).iter()}
        assert not tags & {"script", "b", "image", "a", "foreignObject"}
    said = "".join("".join(ET.fromstring(drawing).itertext()) for drawing in drawings)
    assert "</script><script>alert(1)</script>{{7*7}}{% raw %}$\\frac{1}{2}$" in said


def test_pictures_of_a_hostile_id_are_found_and_named(hostile_out: Path):
    """An odd lesion id that can be a file name has its pictures, its name escaped in them."""
    page = read_page(hostile_out / "patients" / PATIENT / "report.html")
    names = [svg["aria-label"] for svg in page.all("svg")]
    assert any('lesion L1<u>&"{{7*7}} at' in name for name in names)


def test_a_link_to_a_patient_is_quoted(hostile_out: Path):
    """An odd patient id leads to its folder and to nowhere else."""
    page = read_page(hostile_out / "report.html")
    (link,) = [a["href"] for a in page.all("a") if a["href"].startswith("patients/")]
    assert link.startswith("patients/%3Cb%3E%26%22")
    assert link.endswith("/report.html")
    assert link.count("/") == 2
