"""A study without images, from tables to tables: the reader's values go through the same rules."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from lesionscore.evaluation import evaluate_study
from lesionscore.protocol import load_protocol
from lesionscore.study import read_study
from tests.reads_study import write_reads_study

TABLES = ("lesions", "patients", "markers", "visits")


def evaluated(folder: Path, protocol: str = "") -> Path:
    """Evaluate the study by a protocol and return the output folder."""
    study = read_study(write_reads_study(folder / "study", protocol))
    assert not evaluate_study(study, folder / "out").failures
    return folder / "out"


def healed(out: Path, visit: str) -> dict[str, str]:
    """Verdict of every lesion at a visit."""
    rows = pd.read_csv(out / "lesions.csv").query("visit == @visit")
    names = rows["patient_id"] + " " + rows["lesion_id"]
    return dict(zip(names, rows["healed"], strict=True))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output by the packaged protocol."""
    return evaluated(tmp_path_factory.mktemp("reads"))


def test_the_readers_diameters_and_calls_decide(out: Path) -> None:
    """8.0 to 6.0 mm; 7.2 to 5.4 mm; 12.0 to 9.9 mm; a call of sclerosis; gone."""
    assert healed(out, "month_3") == {
        "P01 L1": "met",
        "P01 L2": "not_met",
        "P01 L3": "not_met",
        "P01 N1": "not_evaluable",
        "P02 L1": "met",
    }
    assert healed(out, "month_24")["P01 L3"] == "met"


def test_the_readers_values_stand_in_the_table(out: Path) -> None:
    """Sizes and uptake as read, changes beside them, marked as a reader's."""
    rows = pd.read_csv(out / "lesions.csv").set_index(["patient_id", "lesion_id", "visit"])
    row = rows.loc[("P01", "L1", "month_3")]
    assert (row["longest_diameter_mm"], row["axial_diameter_mm"]) == (6.0, 6.9)
    assert (row["axial_area_mm2"], row["volume_ml"], row["suv_max"]) == (37.0, 0.19, 14.0)
    assert row["longest_diameter_change_percent"] == -25.0
    assert "reader_read" in row["flags"]
    assert pd.isna(row["longest_diameter_sd_mm"])
    assert pd.isna(row["healing_probability"])


def test_new_and_growing_lesions_and_late_visits_are_told(out: Path) -> None:
    """Beside the verdict, not in it."""
    rows = pd.read_csv(out / "lesions.csv").set_index(["patient_id", "lesion_id", "visit"])
    assert "new_lesion" in rows.loc[("P01", "N1", "month_12"), "flags"]
    assert rows.loc[("P01", "N1", "month_3"), "reason"] == "not_there_yet;not_read"
    late = rows.loc[("P02", "L1", "month_12"), "flags"].split(";")
    assert {"growing", "visit_out_of_window"} <= set(late)
    patients = pd.read_csv(out / "patients.csv").set_index("patient_id")
    assert patients.loc["P01", ["lesions", "lesions_counted"]].tolist() == [4, 3]
    assert patients.loc["P01", "month_12_new_lesions"] == 1
    assert patients.loc["P02", "month_12_growing"] == 1


def test_what_comes_after_leaving_does_not_count(out: Path) -> None:
    """The lesion that grew again after its patient left stays visible, its last verdict is kept."""
    patients = pd.read_csv(out / "patients.csv").set_index("patient_id")
    left = patients.loc["P02"]
    assert (left["last_visit"], left["healed_last"]) == ("month_3", "met")
    assert not left["month_12_counts"]
    assert "after_off_protocol" in left["month_12_reason"]
    assert left["month_12_lesions_evaluable"] == 1


def test_scans_are_told_as_read_by_a_reader(out: Path) -> None:
    """A visit that nobody read is not read, not read by a reader."""
    scans = pd.read_csv(out / "visits.csv").set_index(["patient_id", "visit", "modality"])
    assert scans.loc[("P02", "month_12", "CT"), "reason"] == "read_by_reader"
    assert scans.loc[("P02", "month_24", "CT"), "reason"] == "not_read"


@pytest.mark.parametrize(
    ("metric", "by_it"),
    [
        ("axial_diameter", {"P01 L1": "not_met", "P01 L2": "not_met", "P01 L3": "not_met"}),
        ("area", {"P01 L1": "not_met", "P01 L2": "not_met", "P01 L3": "met"}),
        ("volume", {"P01 L1": "not_met", "P01 L2": "not_met", "P01 L3": "met"}),
    ],
)
def test_one_line_changes_what_size_means(
    out: Path, tmp_path: Path, metric: str, by_it: dict[str, str]
) -> None:
    """The verdicts follow; those that depend on the choice say so under either choice."""
    other = evaluated(tmp_path, f'[size]\nmetric = "{metric}"\n')
    found = healed(other, "month_3")
    assert {name: found[name] for name in by_it} == by_it
    for folder in (out, other):
        rows = pd.read_csv(folder / "lesions.csv").query("visit == 'month_3'")
        depends = rows[rows["verdict_depends_on_size_metric"].eq(True)]
        assert set(depends["lesion_id"]) == {"L1", "L3"}
    # the other metric's verdict was in the table all along
    before, after = (pd.read_csv(folder / "lesions.csv") for folder in (out, other))
    assert before[f"healed_by_{metric}"].tolist() == after["healed"].tolist()
    study = json.loads((other / "study.json").read_text())
    assert study["choices"]["size"] == metric
    names = {one["analysis"] for one in study["sensitivity_of_lesions"]}
    assert "size_metric: longest_diameter" in names
    assert f"size_metric: {metric}" not in names


def test_every_output_names_the_rules_it_was_made_by(out: Path, tmp_path: Path) -> None:
    """The protocol's hash, in every table, record and page; another protocol, another hash."""
    packaged = load_protocol().hash
    for folder, known in ((out, True), (evaluated(tmp_path, "[size]\nreduction_mm = 3\n"), False)):
        hashes = set()
        for name in TABLES:
            for frame in (
                pd.read_csv(folder / f"{name}.csv"),
                pd.read_parquet(folder / f"{name}.parquet"),
            ):
                hashes |= set(frame["protocol_hash"])
        hashes.add(json.loads((folder / "run.json").read_text())["protocol"]["hash"])
        hashes.add(json.loads((folder / "study.json").read_text())["protocol_hash"])
        (one,) = hashes
        assert (one == packaged) is known
        pages = [folder / "report.html", *folder.glob("patients/*/report.html")]
        assert len(pages) == 3
        assert all(one in page.read_text(encoding="utf-8") for page in pages)
