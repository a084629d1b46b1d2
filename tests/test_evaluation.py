"""A study from tables to tables: columns, order, failures, the same bytes whatever the way."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner, Result

from lesionscore.cli.app import app
from lesionscore.pipeline import inclusion, patient
from lesionscore.tables.lesions import CONTRACT
from tests.small_study import CENTRES_MM, write_small_study

TABLES = ("lesions", "patients", "markers", "visits")


def evaluate(study: Path, out: Path, *options: str) -> Result:
    """Run the command as a user would."""
    return CliRunner().invoke(app, ["evaluate", str(study), "-o", str(out), *options])


def table_bytes(out: Path) -> dict[str, bytes]:
    """All tables as they lie on the disk."""
    names = [f"{name}.{ending}" for name in TABLES for ending in ("csv", "parquet")]
    return {name: (out / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two patients, two visits."""
    return write_small_study(tmp_path_factory.mktemp("study"), patients=2)


@pytest.fixture(scope="module")
def done(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of one plain run."""
    out = tmp_path_factory.mktemp("out")
    result = evaluate(study, out)
    assert result.exit_code == 0, result.output
    return out


def test_the_lesions_table_has_the_contract_columns_first(done: Path) -> None:
    """Others' scripts rely on names and order."""
    assert list(pd.read_csv(done / "lesions.csv").columns)[: len(CONTRACT)] == list(CONTRACT)


def test_there_is_a_row_for_every_lesion_and_visit(done: Path) -> None:
    """Visits that were not done are rows that say so."""
    lesions = pd.read_csv(done / "lesions.csv")
    assert len(lesions) == 2 * 2 * 4
    later = lesions[lesions["visit"] == "month_12"]
    assert set(later["ct_status"]) == {"missing"}
    assert later["longest_diameter_mm"].isna().all()
    assert set(later["healed"]) == {"not_evaluable"}


def test_the_lesion_that_shrank_is_healed_and_the_other_is_not(done: Path) -> None:
    """12 mm to 8.4 mm is 30 % and 3.6 mm."""
    lesions = pd.read_csv(done / "lesions.csv").set_index(["lesion_id", "visit"])
    assert set(lesions.loc[("L2", "month_3"), "size_limb"]) == {"met"}
    assert set(lesions.loc[("L1", "month_3"), "healed"]) == {"not_met"}


def test_csv_and_parquet_say_the_same(done: Path) -> None:
    """Both forms of a table hold the same rows, columns and numbers."""
    for name in TABLES:
        text = pd.read_csv(done / f"{name}.csv", dtype=str, keep_default_na=False)
        binary = pd.read_parquet(done / f"{name}.parquet")
        assert list(text.columns) == list(binary.columns)
        for column in binary.columns:
            if binary[column].dtype == "Float64":
                numbers = pd.to_numeric(text[column].replace("", None))
                pd.testing.assert_series_equal(
                    numbers.astype("Float64"), binary[column], check_exact=False, rtol=1e-9
                )


def test_booleans_are_written_as_true_and_false(done: Path) -> None:
    """As the contract says."""
    text = pd.read_csv(done / "lesions.csv", dtype=str, keep_default_na=False)
    assert set(text["suv_max_beyond_repeatability"]) <= {"true", "false", ""}


def test_running_again_in_processes_and_with_shuffled_rows_gives_the_same_bytes(
    study: Path, done: Path, tmp_path: Path
) -> None:
    """Neither the number of processes nor the order of the input matters."""
    for table in ("visits", "lesions", "markers"):
        header, *rows = (study / f"{table}.csv").read_text().splitlines()
        random.Random(5).shuffle(rows)
        (study / f"{table}.csv").write_text("\n".join([header, *rows]) + "\n")
    result = evaluate(study, tmp_path / "out", "--jobs", "2")
    assert result.exit_code == 0, result.output
    assert table_bytes(tmp_path / "out") == table_bytes(done)


def test_one_patient_again_keeps_the_rows_of_the_others(
    study: Path, done: Path, tmp_path: Path
) -> None:
    """Nothing written is lost when one patient is evaluated again."""
    out = shutil.copytree(done, tmp_path / "out")
    before = table_bytes(out)
    assert evaluate(study, out, "--patient", "P02").exit_code == 0
    assert table_bytes(out) == before


def test_masks_transforms_and_reports_lie_where_they_should(study: Path, done: Path) -> None:
    """The label map lies on the visit's grid; the transform maps inclusion to visit."""
    patient = done / "patients" / "P01"
    labels = sitk.ReadImage(str(patient / "masks" / "month_3.nii.gz"))
    ct = sitk.ReadImage(str(study / "P01" / "month_3_ct.nii"))
    assert labels.GetSize() == ct.GetSize()
    assert labels.GetOrigin() == ct.GetOrigin()
    for label, centre in enumerate(CENTRES_MM.values(), 1):
        assert labels[labels.TransformPhysicalPointToIndex(centre.tolist())] == label
    transform = sitk.ReadTransform(str(patient / "transforms" / "L1_month_3.tfm"))
    point = CENTRES_MM["L1"].tolist()
    assert transform.TransformPoint(point) == pytest.approx(point, abs=0.5)
    assert (patient / "report.html").stat().st_size > 1000
    run = json.loads((done / "run.json").read_text())
    note = f"protocol {run['protocol']['hash']}"
    assert labels.GetMetaData("descrip") == note
    assert note in (patient / "transforms" / "L1_month_3.tfm").read_text()
    assert set(run["study_tables"]) == {"visits.csv", "lesions.csv", "markers.csv"}


def test_what_fails_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    """A PET that is gone and a CT that is no image stop their visit, nothing else; exit code 1."""
    study = write_small_study(tmp_path / "study", patients=2)
    (study / "P01" / "month_3_pet.nii").unlink()
    (study / "P02" / "month_3_ct.nii").write_bytes(b"no image")
    result = evaluate(study, tmp_path / "out")
    assert result.exit_code == 1
    assert "visits.csv, row 3, column pet" in result.stderr
    assert "P02, month_3, CT" in result.stderr
    lesions = pd.read_csv(tmp_path / "out" / "lesions.csv").set_index(["patient_id", "visit"])
    first, second = lesions.loc[("P01", "month_3")], lesions.loc[("P02", "month_3")]
    assert set(first["ct_status"]) == {"evaluable"}
    assert set(first["pet_status"]) == {"not_evaluable"}
    assert set(second["ct_status"]) == {"not_evaluable"}
    assert second["reason"].str.contains("ct_refused").all()
    assert set(lesions.loc[("P02", "inclusion"), "pet_status"]) == {"evaluable"}


def test_a_missing_visit_never_changes_another(tmp_path: Path, done: Path) -> None:
    """Blanking month 3 of one patient leaves inclusion and the other patient as they were."""
    study = write_small_study(tmp_path / "study", patients=2)
    text = (study / "visits.csv").read_text()
    (study / "visits.csv").write_text(text.replace("P01/month_3_ct.nii", ""))
    assert evaluate(study, tmp_path / "out").exit_code == 0
    before, after = (pd.read_csv(out / "lesions.csv") for out in (done, tmp_path / "out"))
    touched = (before["patient_id"] == "P01") & (before["visit"] == "month_3")
    pd.testing.assert_frame_equal(before[~touched], after[~touched])
    assert set(after[touched]["ct_status"]) == {"missing"}


@pytest.mark.parametrize(
    ("table", "old", "new", "named"),
    [
        ("markers", ",46,", ",4x6,", "markers.csv, row 2, column value"),
        ("visits", "month_3", "month_4", "column visit"),
        ("lesions", "lesion_id", "lesion", "lesion_id"),
    ],
)
def test_a_malformed_table_is_refused_and_nothing_is_written(
    tmp_path: Path, table: str, old: str, new: str, named: str
) -> None:
    """Exit code 2, the fault by file, row and column, no output folder."""
    study = write_small_study(tmp_path / "study")
    path = study / f"{table}.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    result = evaluate(study, tmp_path / "out")
    assert result.exit_code == 2
    assert named in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_patient_who_fails_unforeseen_leaves_the_others_untouched(
    study: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw becomes rows with a reason and a trace; exit code 1."""
    import lesionscore.batch as batch

    evaluate_patient = batch.evaluate_patient

    def broken(case, *arguments):
        if case.patient_id == "P01":
            raise ZeroDivisionError("unforeseen")
        return evaluate_patient(case, *arguments)

    monkeypatch.setattr(batch, "evaluate_patient", broken)
    result = evaluate(study, tmp_path / "out")
    assert result.exit_code == 1
    assert "patient P01: ZeroDivisionError" in result.stderr
    before, after = (pd.read_csv(out / "lesions.csv") for out in (done, tmp_path / "out"))
    kept = before["patient_id"] == "P02"
    pd.testing.assert_frame_equal(before[kept], after[kept])
    assert after[~kept]["reason"].str.contains("patient_failed").all()
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert "ZeroDivisionError" in run["patients"][0]["trace"]


def fail_at_inclusion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first lesion stop with an error where it is found."""
    original = inclusion.segment_inclusion

    def broken(ct, seed, *arguments, **options):
        if seed.lesion_id == "L1":
            raise ZeroDivisionError("unforeseen")
        return original(ct, seed, *arguments, **options)

    monkeypatch.setattr(inclusion, "segment_inclusion", broken)


def fail_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first lesion stop with an error where it is followed."""
    original = patient.follow_lesion

    def broken(lesion, *arguments):
        if lesion.lesion_id == "L1":
            raise ZeroDivisionError("unforeseen")
        return original(lesion, *arguments)

    monkeypatch.setattr(patient, "follow_lesion", broken)


@pytest.mark.parametrize("fail", [fail_at_inclusion, fail_later])
def test_a_lesion_that_fails_unforeseen_leaves_the_others_untouched(
    study: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable
) -> None:
    """Its rows have the reason, standard error the words; exit code 1."""
    fail(monkeypatch)
    result = evaluate(study, tmp_path / "out", "--patient", "P02")
    assert result.exit_code == 1
    assert "patient P02, lesion L1: ZeroDivisionError: unforeseen (" in result.stderr
    before, after = (pd.read_csv(out / "lesions.csv") for out in (done, tmp_path / "out"))
    before = before[before["patient_id"] == "P02"].reset_index(drop=True)
    kept = before["lesion_id"] != "L1"
    columns = ["lesion_id", "visit", "ct_status", "reason", "suv_max"]
    pd.testing.assert_frame_equal(before.loc[kept, columns], after.loc[kept, columns])
    later = after[~kept & (after["visit"] == "month_3")]
    assert len(later) == 1
    assert later["reason"].str.contains("lesion_failed").all()


def test_an_unknown_patient_is_refused(study: Path, tmp_path: Path) -> None:
    """The message says who is known."""
    result = evaluate(study, tmp_path / "out", "--patient", "P09")
    assert result.exit_code == 2
    assert "P01, P02" in result.stderr
