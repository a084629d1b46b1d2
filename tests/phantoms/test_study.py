"""Study folders: tables, truth, DICOM, and the same bytes from the same seed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from phantoms import Patient, make_patient, write_patients, write_study
from phantoms.anatomy.bone import apply
from phantoms.files import VisitFiles
from phantoms.lesions.courses import VISITS
from phantoms.scanner.blur import Kernel
from phantoms.study_tables import MATRIX

NO_LAST_PET = {("P01", "month_24"): VisitFiles(has_pet=False)}


def coarse_patient() -> Patient:
    """A whole patient of whom little is scanned, on few voxels."""
    patient = make_patient(11, "small")
    patient.scans = {v: patient.around("L01", v, 40.0, 2.5, Kernel.BONE) for v in VISITS}
    return patient


def digest(folder: Path) -> str:
    """Hash of all names and bytes under a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(path.relative_to(folder).as_posix().encode())
            total.update(path.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Patient]:
    """One coarse patient, written."""
    folder = tmp_path_factory.mktemp("study")
    patient = coarse_patient()
    told: list[tuple[int, int, str]] = []
    write_patients(
        folder,
        [patient],
        files=NO_LAST_PET,
        jobs=3,
        progress=lambda done, total, what: told.append((done, total, what)),
    )
    assert told == [(n, 4, f"P01 {visit}") for n, visit in enumerate(VISITS, start=1)]
    return folder, patient


def test_tables_have_the_columns_and_rows_of_the_contract(study: tuple[Path, Patient]) -> None:
    """Visits, lesions, patients, markers; paths lead somewhere."""
    folder, patient = study
    visits = pd.read_csv(folder / "visits.csv")
    assert list(visits.columns) == ["patient_id", "visit", "date", "ct", "pet"]
    assert list(visits["visit"]) == list(VISITS)
    for path in [*visits["ct"], *visits["pet"].dropna()]:
        assert any((folder / path).rglob("*")), path
    assert visits["pet"].isna().tolist() == [False, False, False, True]
    lesions = pd.read_csv(folder / "lesions.csv")
    columns = ["patient_id", "lesion_id", "site", "x_mm", "y_mm", "z_mm", "mask", "label"]
    assert list(lesions.columns) == columns
    assert len(lesions) == sum(p.is_at_inclusion for p in patient.lesions)
    assert lesions["mask"].notna().sum() == (len(lesions) + 1) // 2
    markers = pd.read_csv(folder / "markers.csv")
    assert set(markers["marker"]) == {"bALP", "PINP", "OC", "CTX", "TRAP5b"}


def test_visits_lie_in_the_windows_of_the_protocol(study: tuple[Path, Patient]) -> None:
    """61 to 121, 305 to 425 and 670 to 790 days."""
    folder, _ = study
    dates = pd.to_datetime(pd.read_csv(folder / "visits.csv")["date"])
    days = (dates - dates[0]).dt.days.tolist()
    assert days[0] == 0
    for day, (low, high) in zip(days[1:], [(61, 121), (305, 425), (670, 790)], strict=True):
        assert low <= day <= high


def test_every_point_lies_inside_its_lesion(study: tuple[Path, Patient]) -> None:
    """On the inclusion CT, in LPS."""
    folder, patient = study
    truth = pd.read_csv(folder / "truth" / "lesions.csv").query("visit == 'inclusion'")
    lesions = pd.read_csv(folder / "lesions.csv").merge(truth, on=["patient_id", "lesion_id"])
    for row in lesions.itertuples():
        away = np.hypot(
            np.hypot(row.x_mm_x - row.x_mm_y, row.y_mm_x - row.y_mm_y), row.z_mm_x - row.z_mm_y
        )
        assert away < 0.5 * row.longest_diameter_mm
    assert patient.lesions


def test_truth_transforms_carry_the_lesions_from_inclusion(study: tuple[Path, Patient]) -> None:
    """Centres at month 24 of stable lesions are the moved centres of inclusion."""
    folder, _ = study
    truth = pd.read_csv(folder / "truth" / "lesions.csv")
    moves = pd.read_csv(folder / "truth" / "transforms.csv").set_index(["bone", "visit"])
    for name, rows in truth[truth["course"].isin(["stable", "rim_sclerosis"])].groupby("lesion_id"):
        rows = rows.set_index("visit")
        start = rows.loc["inclusion", ["x_mm", "y_mm", "z_mm"]].to_numpy(dtype=float)
        matrix = moves.loc[(rows["bone"].iloc[0], "month_24"), list(MATRIX)]
        end = rows.loc["month_24", ["x_mm", "y_mm", "z_mm"]].to_numpy(dtype=float)
        moved = apply(matrix.to_numpy(dtype=float).reshape(4, 4), start)
        assert moved == pytest.approx(end, abs=0.06), name


def test_truth_says_how_everything_was_made(study: tuple[Path, Patient]) -> None:
    """Series with outcome, scans with their settings."""
    folder, patient = study
    made = json.loads((folder / "truth" / "truth.json").read_text())
    assert made["patients"]["P01"]["build"]["age"] == patient.build.age
    assert set(made["patients"]["P01"]["scans"]) == set(VISITS)
    series = pd.read_csv(folder / "truth" / "series.csv")
    assert len(series) == 7
    assert set(series["outcome"]) <= {"measured", "found"}


def test_voxels_on_disk_are_those_rendered(study: tuple[Path, Patient]) -> None:
    """HU and SUV by a plain formula from the headers, at the right place."""
    folder, patient = study
    ct_folder = folder / "dicom" / "P01" / "inclusion" / "ct"
    slices = [pydicom.dcmread(path) for path in sorted(ct_folder.rglob("*.dcm"))]
    slices.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    image = patient.render_ct("inclusion")
    hu = np.stack(
        [d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in slices]
    )
    assert np.array_equal(np.rint(hu), np.clip(image.array, -1024, 3071))
    assert [float(v) for v in slices[0].ImagePositionPatient] == pytest.approx(image.origin_mm)


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads(
    study: tuple[Path, Patient], tmp_path: Path
) -> None:
    """A patient made anew and written by one thread."""
    folder, _ = study
    write_patients(tmp_path / "again", [coarse_patient()], files=NO_LAST_PET, jobs=1)
    assert digest(tmp_path / "again") == digest(folder)


@pytest.mark.slow
def test_a_random_study_is_the_same_twice(tmp_path: Path) -> None:
    """The whole writer, small preset."""
    for name in ("a", "b"):
        write_study(tmp_path / name, patients=1, seed=3, preset="small")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_an_unknown_kind_of_masks_is_refused(tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(ValueError, match="some"):
        write_study(tmp_path / "x", patients=1, seed=1, preset="small", masks="some")
    assert not (tmp_path / "x").exists()


def test_slices_of_an_earlier_phantom_do_not_stay(tmp_path: Path) -> None:
    """Another seed in the same folder: nothing of the first is left, not even half a run's."""
    folder = tmp_path / "study"
    write_patients(folder, [])
    stale = folder / "dicom" / "P01" / "inclusion" / "ct" / "old.dcm"
    stale.parent.mkdir(parents=True)
    stale.touch()
    write_patients(folder, [])
    assert not stale.exists()
    assert (folder / "truth" / "truth.json").stat().st_size > 3


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written beside what is no phantom's, and nothing taken away."""
    mine = tmp_path / "dicom" / "mine.dcm"
    mine.parent.mkdir()
    mine.touch()
    with pytest.raises(FileExistsError, match="something else"):
        write_patients(tmp_path, [])
    assert [path.name for path in tmp_path.rglob("*")] == ["dicom", "mine.dcm"]
