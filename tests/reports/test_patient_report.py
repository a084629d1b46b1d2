"""The patient's page: what stands in the tables stands on it, in words and in its place."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from lesionscore.errors import OutputError
from lesionscore.reports import render_patient_report
from tests.reports.fake_output import (
    LESION_ROWS,
    MARKER_VALUES,
    SCAN_ROWS,
    lesion_rows,
    run_json,
    write_csv,
    write_output,
)
from tests.reports.page import Page, read_page


def verdict_cell(page: Page, lesion: str, column: int) -> str:
    """Text of one cell of the verdict table; column 1 is inclusion."""
    return page.in_section("verdicts")[0].row(lesion)[column]


@pytest.mark.parametrize(
    ("lesion", "column", "words"),
    [
        ("L1", 1, ["Reference", "18.2 mm"]),
        ("L1", 2, ["Not healed", "13.7 mm", "−24.7 %", "−4.5 mm", "47 %", "borderline",
                   "depends on the size metric"]),
        ("L1", 3, ["Healed", "by size, sclerosis", "9.6 mm", "−47.3 %", "> 99 %"]),
        ("L1", 4, ["Healed", "by size, sclerosis, complete", "no lesion left", "100 %"]),
        ("L2", 2, ["No CT"]),
        ("L2", 3, ["Not evaluable", "does not reach the lesion", "code_nobody_has_explained"]),
        ("L2", 4, ["Healed", "by size", "too small to measure", "not evaluable: sclerosis"]),
    ],
)  # fmt: skip
def test_the_verdict_table_says_it_in_words(patient_page, lesion, column, words):
    """Every state, limb, change, probability and mark is there without looking at colours."""
    cell = verdict_cell(patient_page, lesion, column)
    for word in words:
        assert word in cell


def test_a_verdict_that_is_clear_is_not_marked_borderline(patient_page):
    """The mark stands only where the table says so."""
    assert "borderline" not in verdict_cell(patient_page, "L1", 3)


def test_colours_of_verdicts_follow_their_words(patient_page):
    """The class that gives the colour is the state's."""
    kinds = [
        a["class"].split()[1] for a in patient_page.all("td") if "verdict" in a.get("class", "")
    ]
    assert kinds == [
        "reference", "not_healed", "healed", "healed",
        "reference", "missing", "not_evaluable", "healed",
    ]  # fmt: skip


def test_visits_stand_in_order_with_dates_and_days(patient_page):
    """The head of the page names every visit."""
    for words in ("Inclusion 2020-01-06 day 0", "3 months 2020-04-06 day 91", "24 months 2022"):
        assert words in " ".join(patient_page.text.split())


def test_every_finding_and_code_is_on_the_page(patient_page):
    """Nothing that a table doubts is lost on the way to the reader."""
    (findings,) = patient_page.in_section("findings")
    told = {(row[0], row[2]) for row in findings.rows}
    labels = {"inclusion": "Inclusion", "month_3": "3 months", "month_12": "12 months"}
    labels["month_24"] = "24 months"
    for row in LESION_ROWS:
        codes = f"{row.get('reason', '')};{row.get('flags', '')}".split(";")
        for code in filter(None, codes):
            assert (labels[row["visit"]], code) in told
    for row in SCAN_ROWS:
        codes = re.findall(r"(?:^|;)([a-z_]+): ", row.get("findings", "") + row.get("reason", ""))
        codes += filter(None, row.get("comparability_reasons", "").split(";"))
        for code in codes:
            assert (labels[row["visit"]], code) in told
    text = " ".join(row[3] for row in findings.rows)
    assert "3 slices came twice; the copies are identical" in text
    assert "Patient's Weight (0010,1030) is missing" in text


def test_a_code_without_explanation_is_shown_as_it_is(patient_page):
    """An unknown code is no reason to hide it."""
    (findings,) = patient_page.in_section("findings")
    row = next(row for row in findings.rows if row[2] == "code_nobody_has_explained")
    assert row[3] == "(no explanation on file)"


def test_a_table_finding_of_another_patient_is_not_on_the_page(patient_page):
    """Each patient's page speaks of that patient."""
    assert "patient P01, lesion L1: label 1 for all" in patient_page.text
    assert "P02" not in patient_page.text


def test_the_numbers_of_a_lesion_stand_with_their_deviations(patient_page):
    """Size, change, density and uptake of every visit, each with its sign or SD."""
    numbers = patient_page.in_section("lesion-1")[1]
    assert numbers.row("Longest diameter")[1:] == ["18.2 ± 0.21", "13.7 ± 0.25", "9.6 ± 0.30", "–"]
    assert numbers.row("change mm")[1:] == ["–", "−4.5", "−8.6", "–"]
    assert numbers.row("SUVmax")[1:] == ["12.4", "17.1", "10.1", "–"]
    assert numbers.row("Lesion")[1:] == ["present", "present", "present", "none left"]
    assert numbers.row("Alignment error")[2] == "0.31"


def test_a_quantity_that_nobody_measured_has_no_line(patient_page):
    """L2 has no infill and no rim change; empty lines would only hide the others."""
    numbers = patient_page.in_section("lesion-2")[1]
    assert not [row for row in numbers.rows if row[0].startswith("Infill")]
    assert [row for row in numbers.rows if row[0].startswith("Volume")]


def test_each_picture_says_what_it_shows(patient_page):
    """Three planes of CT, PET and difference at each visit, named for those who cannot see."""
    names = [a["aria-label"] for a in patient_page.all("svg")]
    for plane in ("Axial", "Coronal", "Sagittal"):
        for visit in ("Inclusion", "3 months", "12 months", "24 months"):
            assert f"{plane} CT of lesion L1 at {visit}" in names
        assert f"{plane} PET on CT of lesion L1 at 12 months" in names
        assert f"{plane} CT minus inclusion CT of lesion L1 at 24 months" in names
        assert f"{plane} PET on CT of lesion L1 at 24 months" not in names
    assert all(image.get("alt") is not None for image in patient_page.all("img"))


def test_a_visit_without_a_picture_says_why(patient_page):
    """Words stand where a picture is missing."""
    strip = patient_page.in_section("lesion-2")[0]
    axial = [row for row in strip.rows if row[0] == "Axial"]
    assert [row[2] for row in axial] == ["no CT at this visit"] * 3
    assert "no PET here" in axial[1]
    coronal = [row for row in strip.rows if row[0] == "Coronal"]
    assert "outside the scan" in coronal[0][3]


def test_contour_and_diameter_are_drawn_over_the_picture(patient_page):
    """L1 is outlined at three visits, has a line, and the inclusion outline at the later ones."""
    paths = [a for a in patient_page.all("path") if a.get("class") == "own"]
    assert len(paths) >= 3 * 3 + 3
    assert all(re.fullmatch(r"[MLZ\d.,e-]+", a["d"]) for a in paths)
    assert len([a for a in patient_page.all("line") if a["class"] == "diameter"]) == 3 * 3 + 3


def test_an_outline_is_drawn_only_where_one_was_measured(tmp_path: Path):
    """A lesion that could not be read shows the inclusion outline, not one of its own."""
    out = write_output(tmp_path / "out")
    rows = lesion_rows("P01")
    rows[1] |= {"ct_status": "not_evaluable", "healed": "not_evaluable"}
    write_csv(out / "lesions.csv", rows)
    page = read_page(render_patient_report(out, "P01"))
    before = read_page(render_patient_report(write_output(tmp_path / "other"), "P01"))
    outlines = [
        [sum(a.get("class") == kind for a in one.all("path")) for kind in ("own", "reference")]
        for one in (before, page)
    ]
    planes_and_blocks = 9
    assert outlines[0][0] - outlines[1][0] == planes_and_blocks
    assert outlines[0][1] == outlines[1][1]


def test_markers_stand_with_value_unit_and_change(patient_page):
    """Formation, degradation, six ratios and the composite, in the protocol's order."""
    (table,) = patient_page.in_section("markers")
    assert [row[0] for row in table.rows[1:]] == list(MARKER_VALUES)
    assert "61 ug/L" in table.row("PINP")[4]
    assert "×1.45 +45.2 %" in table.row("PINP")[4]
    assert "missing_component" in table.row("composite")[5]
    assert table.row("CTX")[1] == "degradation"


def test_scans_stand_with_what_was_chosen_and_why(patient_page):
    """Series, kernel, kVp, spacing, uptake, SUV rule and factor, drift, comparability."""
    (table,) = patient_page.in_section("scans")
    first, pet, later = table.rows[1], table.rows[2], table.rows[3]
    assert "thinnest slices, bone kernel" in first[5]
    assert "passed over: 5 mm soft; scout" in first[5]
    assert first[8] == "0.98 × 0.98 × 1.50"
    assert "bqml_start (factor 0.000465)" in pet[11]
    assert pet[10] == "45.2"
    assert later[12] == "−6.4"
    assert "kernel_differs" in table.rows[5][13]


def test_methods_give_the_protocols_numbers(patient_page):
    """The rules are told with the numbers that were in effect."""
    text = " ".join(patient_page.text.split())
    for words in ("at least 25 % and by at least 2 mm", "40 to 50 minutes", "1.32 times", "65 HU"):
        assert words in text
    assert "What the protocol leaves open" in text
    assert "size.reduction_percent" in text


def test_provenance_gives_versions_and_hashes(patient_page):
    """A page says what made it, from what."""
    run = run_json(["P01"])
    assert run["protocol"]["hash"] in patient_page.text
    assert "ab" * 32 in patient_page.text
    assert "SimpleITK 2.5.0" in patient_page.text
    assert "Research use; not a medical device" in patient_page.text


def test_nothing_is_loaded_from_anywhere(patient_page):
    """Every picture and style is within the page; there is no script."""
    assert all(re.match(r"(data:|#)", address) for address in patient_page.loads())
    assert not patient_page.all("script")
    outside = re.findall(r"https?://[^\s\"'<]+", patient_page.source)
    assert outside == []
    for drawing in patient_page.drawings():
        names = r"xmlns(:\w+)?=\"https?://[^\"]+\"|<!DOCTYPE[^>]+>"
        assert "http" not in re.sub(names, "", drawing)


def test_the_page_is_well_formed(patient_page):
    """Every tag is closed in turn, every id is there once, every link within leads somewhere."""
    assert patient_page.unclosed == []
    ids = patient_page.ids()
    assert len(ids) == len(set(ids))
    for tag in ("a", "use"):
        assert {a["href"].removeprefix("#") for a in patient_page.all(tag)} <= set(ids)
    assert ("html", {"lang": "en"}) in patient_page.tags


def test_every_table_has_headings(patient_page):
    """Columns and rows are named for screen readers."""
    scopes = [a.get("scope") for a in patient_page.all("th")]
    assert None not in scopes
    assert {"col", "row"} <= set(scopes)


def test_a_lesion_with_four_visits_takes_little_room(patient_page):
    """Ten lesions at four visits stay below 6 MB: two take less than a fifth of it."""
    assert len(patient_page.source) < 6_000_000 / 5


def test_the_same_folder_gives_the_same_page(tmp_path: Path, fake_out: Path):
    """No clock and no order of a set is in a page."""
    shutil.copytree(fake_out, tmp_path / "out")
    again = render_patient_report(tmp_path / "out", "P01")
    assert again.read_bytes() == (fake_out / "patients" / "P01" / "report.html").read_bytes()


def test_parquet_and_csv_give_the_same_page(tmp_path: Path, fake_out: Path):
    """Where both are there Parquet is read; the page is the same."""
    out = tmp_path / "out"
    shutil.copytree(fake_out, out)
    for name in ("lesions", "markers", "visits", "patients"):
        table = pyarrow.csv.read_csv(
            out / f"{name}.csv",
            convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True),
        )
        pyarrow.parquet.write_table(table, out / f"{name}.parquet")
        (out / f"{name}.csv").unlink()
    again = read_page(render_patient_report(out, "P01"))
    first = read_page(fake_out / "patients" / "P01" / "report.html")
    for mine, other in zip(again.tables, first.tables, strict=True):
        if mine.section != "summary":  # a CSV does not say that 100.0 is no whole number
            assert mine.rows == other.rows


def test_a_folder_without_pictures_or_run_record_still_gives_a_page(tmp_path: Path):
    """Old or partial folders are shown as far as they go, and say what they lack."""
    out = write_output(tmp_path / "out", strips=False)
    for name in ("run.json", "patients.csv", "study.json", "markers.csv"):
        (out / name).unlink()
    page = read_page(render_patient_report(out, "P01"))
    assert "There are no pictures of this lesion" in page.text
    assert "no run.json" in page.text
    assert "no marker of this patient" in page.text
    assert "Not healed" in page.in_section("verdicts")[0].row("L1")[2]


def test_only_the_first_columns_are_enough(tmp_path: Path):
    """A table that lacks columns gives dashes, not an error."""
    tmp_path.joinpath("out").mkdir()
    rows = [{"patient_id": "P01", "lesion_id": "L1", "visit": "inclusion"}]
    write_csv(tmp_path / "out" / "lesions.csv", rows)
    page = read_page(render_patient_report(tmp_path / "out", "P01"))
    assert "Not evaluable" in page.in_section("verdicts")[0].row("L1")[1]


def test_a_patient_that_failed_says_so_at_the_top(tmp_path: Path):
    """The reason of a failure stands before everything else."""
    out = write_output(tmp_path / "out", strips=False)
    run = run_json(["P01"])
    run["patients"][0] |= {"status": "failed", "reason": "P01, month_3: a slice is missing"}
    (out / "run.json").write_text(json.dumps(run, sort_keys=True), encoding="utf-8")
    page = read_page(render_patient_report(out, "P01"))
    alerts = [a for a in page.all("p") if a.get("role") == "alert"]
    assert len(alerts) == 1
    assert page.text.index("a slice is missing") < page.text.index("Verdicts")


def test_a_strip_that_cannot_be_read_is_named(tmp_path: Path):
    """One damaged file does not cost the page."""
    out = write_output(tmp_path / "out")
    (out / "patients" / "P01" / "strips" / "L1_month_3.npz").write_bytes(b"broken")
    page = read_page(render_patient_report(out, "P01"))
    assert "L1_month_3.npz cannot be read" in page.in_section("lesion-1")[0].row("Axial")[2]


def test_a_patient_in_no_table_is_an_error(fake_out: Path):
    """The message names the patient and what to do."""
    with pytest.raises(OutputError, match=r"no table has a patient 'P99'; evaluate"):
        render_patient_report(fake_out, "P99")


@pytest.mark.parametrize("patient_id", ["../P01", "a/b", "..", ".", "", "a\\b", "a\x00b"])
def test_an_id_that_is_no_file_name_never_becomes_a_path(fake_out: Path, patient_id: str):
    """Nothing is written outside the output folder."""
    with pytest.raises(OutputError, match="not a name that a folder can have"):
        render_patient_report(fake_out, patient_id)


def test_a_broken_table_is_named(tmp_path: Path):
    """The message says which file."""
    out = write_output(tmp_path / "out", strips=False)
    (out / "lesions.parquet").write_bytes(b"no parquet")
    with pytest.raises(OutputError, match=r"lesions\.parquet: cannot be read"):
        render_patient_report(out, "P01")


def test_a_broken_run_record_is_named(tmp_path: Path):
    """Also where it is JSON of the wrong kind."""
    out = write_output(tmp_path / "out", strips=False)
    (out / "run.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(OutputError, match=r"run\.json: a JSON object is expected"):
        render_patient_report(out, "P01")


def test_visits_are_ordered_by_the_protocol_not_the_table(tmp_path: Path):
    """Rows in another order give the same columns."""
    out = write_output(tmp_path / "out", strips=False)
    for name in ("lesions", "visits", "markers"):
        with (out / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        order = sorted(rows, key=lambda row: (row.get("lesion_id", ""), row["visit"]))
        write_csv(out / f"{name}.csv", order)
    page = read_page(render_patient_report(out, "P01"))
    heading = page.in_section("verdicts")[0].rows[0]
    assert [cell.split(" day")[0] for cell in heading[1:]] == [
        "Inclusion", "3 months", "12 months", "24 months",
    ]  # fmt: skip
