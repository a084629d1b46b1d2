"""``inspect``, ``suv`` and ``index`` as they are typed: what they print, write and exit with."""

from __future__ import annotations

import csv
import json
import math
import tarfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from typer.testing import CliRunner, Result

from lesionscore.cli.app import app
from lesionscore.quantities import Quantity
from lesionscore.volumes.volume import read_image
from phantoms.dicom import (
    Arrangement,
    CtHeader,
    PetFault,
    PetHeader,
    SeriesFault,
    write_ct_series,
    write_pet_series,
    write_visit,
)
from tests.dicom.phantom_scans import ct_image, largest_error, pet_image

SUV_KEYS = {"suv_max", "factor", "rule", "reference_time", "uptake_min", "findings"}


def run(*words: str | Path) -> Result:
    """Run a command as a user would."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_inspect_lists_every_series(tmp_path: Path) -> None:
    """What each is, whether it can be measured and why not; scouts and reports are no failure."""
    write_visit(tmp_path, ct_image(6), pet_image(6))
    result = run("inspect", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    listing = json.loads(result.stdout)
    series = {(one["kind"], one["measurable"]) for one in listing["series"]}
    assert {("ct", True), ("pet", True), ("localizer", False), ("report", False)} <= series
    assert all(one["why_not"] for one in listing["series"] if not one["measurable"])
    table = run("inspect", tmp_path).stdout
    assert "localizer" in table
    assert "no: a scout" in table


def test_inspect_names_a_series_that_cannot_be_measured(tmp_path: Path) -> None:
    """Exit code 1, the reason on standard error, the rest listed."""
    write_ct_series(tmp_path / "a", ct_image(6), faults=[SeriesFault.MISSING_SLICE])
    write_pet_series(tmp_path / "b", pet_image(6))
    result = run("inspect", tmp_path, "--json")
    assert result.exit_code == 1
    assert "one slice is probably missing" in result.stderr
    assert len(json.loads(result.stdout)["series"]) == 2


def test_inspect_of_nothing(tmp_path: Path) -> None:
    """A path that leads nowhere, and a folder without DICOM."""
    (tmp_path / "note.txt").write_text("no DICOM", encoding="utf-8")
    for path in (tmp_path / "absent", tmp_path):
        result = run("inspect", path)
        assert result.exit_code == 2
        assert result.stderr
    assert run("inspect").exit_code == 2


def test_suv_says_how(tmp_path: Path) -> None:
    """The keys of the contract, and the volume as NIfTI where it lies in the patient."""
    image = pet_image(8)
    written = write_pet_series(tmp_path / "pet", image)
    out = tmp_path / "suv.nii.gz"
    result = run("suv", tmp_path / "pet", "--json", "--nifti", out)
    assert result.exit_code == 0, result.stderr
    values = json.loads(result.stdout)
    assert set(values) == SUV_KEYS
    assert values["suv_max"] == pytest.approx(image.array.max(), abs=1.01 * written.voxel_step)
    assert values["factor"] == pytest.approx(written.suv_per_unit[0], rel=2e-4)
    assert values["rule"].startswith("BQML/START:")
    assert values["uptake_min"] == pytest.approx(45.0, abs=0.02)
    nifti = SimpleITK.ReadImage(str(out))
    assert np.asarray(nifti.GetSpacing()) == pytest.approx(image.spacing_xyz_mm)
    hot = np.unravel_index(image.array.argmax(), image.array.shape)
    place = np.asarray(image.origin_mm) + np.asarray(hot[::-1]) * image.spacing_xyz_mm
    index = nifti.TransformPhysicalPointToIndex(place.tolist())
    assert nifti.GetPixel(*index) == pytest.approx(values["suv_max"], rel=1e-6)


def test_suv_without_json_says_the_same(tmp_path: Path) -> None:
    """Lines for a person, findings with their severity."""
    write_pet_series(tmp_path / "pet", pet_image(6), faults=[PetFault.DOSE_IN_MBQ])
    result = run("suv", tmp_path / "pet")
    assert result.exit_code == 0
    for key in SUV_KEYS - {"findings"}:
        assert f"{key}: " in result.stdout
    assert "warning dose_in_mbq: " in result.stdout


def test_a_refused_suv_writes_nothing(tmp_path: Path) -> None:
    """The one thing asked for: exit code 2, the element named."""
    write_pet_series(tmp_path / "pet", pet_image(6), faults=[PetFault.MISSING_WEIGHT])
    out = tmp_path / "suv.nii.gz"
    result = run("suv", tmp_path / "pet", "--json", "--nifti", out)
    assert result.exit_code == 2
    assert "Patient's Weight (0010,1030) is missing" in result.stderr
    assert result.stdout == ""
    assert not out.exists()


@pytest.mark.parametrize("target", ["absent/suv.nii.gz", "suv.txt"])
def test_a_volume_that_cannot_be_written_is_an_error(target: str, tmp_path: Path) -> None:
    """No folder, no format: a sentence, not a trace."""
    write_pet_series(tmp_path / "pet", pet_image(4))
    result = run("suv", tmp_path / "pet", "--json", "--nifti", tmp_path / target)
    assert result.exit_code == 2
    assert Path(target).name in result.stderr
    assert result.stdout == ""


def test_index_writes_visits(tmp_path: Path) -> None:
    """One row of a visit, paths that lead back, and the same again without complaint."""
    write_visit(tmp_path / "pile", ct_image(6), pet_image(6), CtHeader(), PetHeader(), mixed=True)
    study = tmp_path / "study"
    for _ in range(2):
        result = run("index", tmp_path / "pile", "-o", study)
        assert result.exit_code == 0, result.stderr
    with (study / "visits.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["patient_id"], row["visit"]) == ("P01", "inclusion")
    assert (study / row["ct"]).is_dir()
    assert row["ct_series"]
    assert row["pet_series"]
    result = run("inspect", study / row["pet"], "--json")
    named = [s for s in json.loads(result.stdout)["series"] if s["series_uid"] == row["pet_series"]]
    assert [one["kind"] for one in named] == ["pet"]


def test_index_names_what_it_left_out(tmp_path: Path) -> None:
    """A refused series: exit code 1, the others in the table."""
    write_ct_series(tmp_path / "pile/ct", ct_image(6))
    write_pet_series(tmp_path / "pile/pet", pet_image(6), faults=[PetFault.MISSING_DOSE])
    result = run("index", tmp_path / "pile", "-o", tmp_path / "study")
    assert result.exit_code == 1
    assert "Radionuclide Total Dose (0018,1074) is missing" in result.stderr
    assert (tmp_path / "study/visits.csv").exists()


def test_index_overwrites_nothing_unasked(tmp_path: Path) -> None:
    """Another table is there: exit code 2, and it stays; nothing to write: the same."""
    write_ct_series(tmp_path / "pile/ct", ct_image(4))
    table = tmp_path / "study/visits.csv"
    table.parent.mkdir()
    table.write_text("mine\n", encoding="utf-8")
    assert run("index", tmp_path / "pile", "-o", table.parent).exit_code == 2
    assert table.read_text(encoding="utf-8") == "mine\n"
    assert run("index", tmp_path / "pile", "-o", table.parent, "--overwrite").exit_code == 0
    (tmp_path / "empty").mkdir()
    result = run("index", tmp_path / "empty", "-o", tmp_path / "new")
    assert result.exit_code == 2
    assert not (tmp_path / "new").exists()
    assert run("index", tmp_path / "absent", "-o", tmp_path / "new").exit_code == 2


def test_index_of_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 cannot stand in a table: a sentence, not a trace."""
    folder = tmp_path / "pile" / "caf\udce9"
    try:
        write_ct_series(folder, ct_image(4))
    except (OSError, UnicodeEncodeError):
        pytest.skip("this disk takes no such name")
    result = run("index", tmp_path / "pile", "-o", tmp_path / "study")
    assert result.exit_code == 2
    assert "rename" in result.stderr
    assert not (tmp_path / "study/visits.csv").exists()


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real patients."""
    folder = tmp_path_factory.mktemp("real")
    with tarfile.open(shared_data / "petct_sts/petct_sts_002_008.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return folder


def test_real_scans_through_all_three(real: Path, tmp_path: Path) -> None:
    """Listed, measured and sorted into two patients of one visit each."""
    assert run("inspect", real, "--json").exit_code == 0
    result = run("suv", real / "STS_002/PET/image", "--json")
    values = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (values["rule"], values["factor"]) == ("GML/BW", 1.0)
    assert values["uptake_min"] == pytest.approx(66.98, abs=0.01)
    assert math.isfinite(values["suv_max"])
    assert run("index", real, "-o", tmp_path / "study").exit_code == 0
    with (tmp_path / "study/visits.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["visit"] for row in rows] == ["inclusion"] * 2
    assert all(row["ct"] and row["pet"] for row in rows)


@pytest.mark.parametrize(
    "arrangement", [Arrangement.OBLIQUE, Arrangement.FEET_FIRST, Arrangement.CORONAL_SLICES]
)
def test_the_nifti_has_the_right_axes(arrangement: Arrangement, tmp_path: Path) -> None:
    """Every voxel at its patient position, however the slices lie."""
    written = write_pet_series(tmp_path / "pet", pet_image(8), faults=[arrangement])
    out = tmp_path / "suv.nii.gz"
    assert run("suv", tmp_path / "pet", "--nifti", out).exit_code == 0
    volume = read_image(out, Quantity.SUVBW)
    assert largest_error(volume, written.image) <= 1.01 * written.voxel_step
