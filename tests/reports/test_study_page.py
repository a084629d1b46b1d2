"""The study's page: every patient in one view, statistics as study.json has them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lesionscore.errors import OutputError
from lesionscore.reports import render_study_page
from tests.reports.fake_output import (
    marker_rows,
    run_json,
    scan_rows,
    write_csv,
    write_output,
)
from tests.reports.page import Page, read_page


def section_text(page: Page, section: str) -> str:
    """All cells of a section's tables."""
    return " ".join(
        cell for table in page.in_section(section) for row in table.rows for cell in row
    )


def test_the_waterfall_is_told_in_words_too(study_page: Page):
    """Each lesion's best change; one that is gone counts as all of it."""
    (alt,) = [a["alt"] for a in study_page.all("img") if a["alt"].startswith("Waterfall")]
    assert "P01 L1 -100 %" in alt
    assert "P02 L1 -100 %" in alt


def test_a_lesion_without_a_change_is_named_not_drawn(study_page: Page):
    """Missing bars do not pass for lesions that were not there."""
    assert "so not drawn: P01 L2, P02 L2" in " ".join(study_page.text.split())


def test_healing_rates_stand_with_counts_and_every_interval(study_page: Page):
    """As study.json has them, or why there is none."""
    table = study_page.in_section("healed")[0]
    columns, row = table.rows[0], table.rows[1]
    found = dict(zip(columns, row, strict=True))
    assert found["Visit"] == "Until month 24"
    assert found["Healed"] == "27 of 64"
    assert found["Share"] == "42.2 %"
    assert found["Protocol's interval"] == "29.9 to 55.2 % (Clopper-Pearson)"
    assert found["Cluster bootstrap"] == "too few"


def test_a_rate_of_nothing_is_no_rate(study_page: Page):
    """None of none is a dash, not 0 percent."""
    table = study_page.in_section("healed")[1]
    assert table.rows[1][2:5] == ["0 of 0", "2", "–"]


def test_changes_stand_with_interval_and_p(study_page: Page):
    """Ratio to inclusion, both tests."""
    text = section_text(study_page, "healed")
    for words in ("×1.12 (×0.94 to ×1.33)", "0.0421", "0.0625", "too few", "2 patients"):
        assert words in text


def test_nothing_of_the_statistics_is_left_out(study_page: Page):
    """A part that the page does not know is laid out as it is."""
    assert "Something new, deep" in study_page.text
    assert "42.5" in section_text(study_page, "healed")
    assert "secondary" in section_text(study_page, "healed")


def test_what_is_missing_is_listed_with_its_reason(study_page: Page):
    """Scans, lesions and markers, each by patient and visit."""
    rows = study_page.in_section("missing")[0].rows
    by_what = {(row[0], row[1], row[2]): row for row in rows[1:]}
    assert "Patient's Weight" in by_what["P01", "24 months", "PET"][4]
    both = by_what["P02", "3 months", "lesion L2, uptake of lesion L2"]
    assert both[3] == "not done"
    markers = by_what["P01", "24 months", "PINP, PINP/CTX, PINP/TRAP5b, composite"]
    assert "missing_component" in markers[4]


def test_lesions_of_a_scan_that_could_not_be_read_are_not_listed_again(tmp_path: Path):
    """One line for the CT says it for all its lesions."""
    out = write_output(tmp_path / "out", strips=False)
    scans = scan_rows("P01")
    scans[2] |= {"status": "not_evaluable", "reason": "ct_refused", "failure": "a gap"}
    write_csv(out / "visits.csv", scans)
    rows = read_page(render_study_page(out)).in_section("missing")[0].rows
    mine = [row for row in rows if row[1] == "3 months"]
    assert [row[2] for row in mine] == ["CT", "uptake of lesion L2"]


def test_patients_are_listed_with_their_report(study_page: Page):
    """Healed of evaluable at each visit, and a link that stays in the folder."""
    table = study_page.in_section("patients")[0]
    assert table.row("P01")[1:4] == ["0 of 1", "1 of 1", "2 of 2"]
    assert "patients/P01/report.html" in [a["href"] for a in study_page.all("a")]


def test_a_patient_that_failed_entirely_is_listed(tmp_path: Path):
    """Although no table has a row of it."""
    out = write_output(tmp_path / "out", strips=False)
    run = run_json(["P01", "P07"])
    run["patients"][1] |= {"status": "failed", "reason": "P07: no inclusion CT"}
    (out / "run.json").write_text(json.dumps(run, sort_keys=True), encoding="utf-8")
    page = read_page(render_study_page(out))
    assert "P07: no inclusion CT" in page.in_section("missing")[0].row("P07")[4]
    assert "failed" in page.in_section("patients")[0].row("P07")[4]


def test_a_visit_after_leaving_the_protocol_does_not_count_as_best(tmp_path: Path):
    """The primary window ends when the patient leaves."""
    out = write_output(tmp_path / "out", strips=False)
    patient = {"patient_id": "P01", "month_12_counts": True, "month_24_counts": False}
    write_csv(out / "patients.csv", [patient])
    page = read_page(render_study_page(out))
    (alt,) = [a["alt"] for a in page.all("img") if a["alt"].startswith("Waterfall")]
    assert "P01 L1 -47 %" in alt


def test_without_statistics_the_page_says_so(tmp_path: Path):
    """And does not make them up."""
    out = write_output(tmp_path / "out", strips=False)
    (out / "study.json").unlink()
    text = " ".join(read_page(render_study_page(out)).text.split())
    assert "no study.json, so there are no study-level estimates or intervals" in text


def test_markers_alone_give_a_page(tmp_path: Path):
    """A folder of markers only has no lesions to show."""
    (tmp_path / "out").mkdir()
    write_csv(tmp_path / "out" / "markers.csv", marker_rows("P01"))
    page = read_page(render_study_page(tmp_path / "out"))
    assert "The tables hold no change of a lesion" in page.text
    assert any("bALP/CTX" in a["alt"] for a in page.all("img"))


def test_an_empty_folder_is_an_error(tmp_path: Path):
    """The message says which folder to name."""
    with pytest.raises(OutputError, match="no table of an evaluation; name a folder"):
        render_study_page(tmp_path)


def test_nothing_is_loaded_from_anywhere(study_page: Page):
    """Every picture and style is within the page; there is no script."""
    assert all(re.match(r"(data:|#)", address) for address in study_page.loads())
    assert not study_page.all("script")
    assert not re.search(r"https?:", study_page.source)
    assert study_page.unclosed == []
