"""Series named in ``visits.csv``: written by `index`, checked, and taken by the pipeline."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lesionscore.cli.app import app
from lesionscore.dicom import find_series
from lesionscore.errors import StudyError
from lesionscore.pipeline.scans import VisitPlan, read_visit_ct, read_visit_pet
from lesionscore.pipeline.series import unknown_series
from lesionscore.study import Study, read_study
from phantoms.dicom import CtHeader, PetHeader, write_ct_series, write_pet_series
from tests.dicom.phantom_scans import ct_image, pet_image

LESIONS = "patient_id,lesion_id,site,x_mm,y_mm,z_mm,mask,label\n"


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    """Two CTs and two PETs of one day in one folder."""
    ct, pet = CtHeader(), PetHeader()
    write_ct_series(tmp_path / "pile/a", ct_image(6), ct)
    write_ct_series(tmp_path / "pile/b", ct_image(6), replace(ct, series_number=9, kernel="B30f"))
    write_pet_series(tmp_path / "pile/c", pet_image(6), pet)
    write_pet_series(tmp_path / "pile/d", pet_image(6), replace(pet, series_number=10))
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted((tmp_path / "pile").rglob("*.dcm"))):
        path.rename(flat / f"{number}")
    return flat


def write_study(pile: Path, folder: Path, **cells: str) -> Path:
    """Write a study of one visit; cells replace those that `index` writes."""
    assert CliRunner().invoke(app, ["index", str(pile), "-o", str(folder)]).exit_code == 0
    with (folder / "visits.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    row |= cells
    with (folder / "visits.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(row))
        table.writeheader()
        table.writerow(row)
    lesion = f"{row['patient_id']},L1,T7,0,0,104,,\n"
    (folder / "lesions.csv").write_text(LESIONS + lesion, encoding="utf-8")
    return folder


def plan_of(study: Study) -> VisitPlan:
    """The one visit as the pipeline gets it."""
    (row,) = study.visits
    return VisitPlan(
        visit=row.visit,
        date=row.date,
        days_from_inclusion=0,
        ct=row.ct,
        pet=row.pet,
        ct_series=row.ct_series,
        pet_series=row.pet_series,
        row=row.row,
    )


def test_what_index_chose_is_what_is_read(pile: Path, tmp_path: Path) -> None:
    """The columns go through the study into the reading."""
    study = read_study(write_study(pile, tmp_path / "study"))
    plan = plan_of(study)
    assert plan.ct_series
    assert plan.pet_series
    assert unknown_series(study) == ()
    ct = read_visit_ct("P", plan, None)
    pet = read_visit_pet("P", plan, None, (40, 50), "NaF")
    assert (ct.record.series_uid, pet.record.series_uid) == (plan.ct_series, plan.pet_series)
    assert ct.record.series_choice == "named in the table"


def test_another_series_can_be_named(pile: Path, tmp_path: Path) -> None:
    """The table overrules the rules."""
    (soft,) = [s for s in find_series(pile).series if s.kernel == "B30f"]
    study = read_study(write_study(pile, tmp_path / "study", ct_series=soft.series_uid))
    assert read_visit_ct("P", plan_of(study), None).record.series_uid == soft.series_uid


def test_an_unknown_series_is_a_fault_with_its_place(pile: Path, tmp_path: Path) -> None:
    """File, row and column, in the check and in the refusal of the visit."""
    folder = write_study(pile, tmp_path / "study", ct_series="1.2.3")
    study = read_study(folder)
    (fault,) = unknown_series(study)
    where = "visits.csv, row 2, column ct_series: "
    assert fault.message.startswith(f"{where}found '1.2.3', which flat does not hold")
    record = read_visit_ct("P", plan_of(study), None).record
    assert record.failure.startswith(f"{where}flat: no series 1.2.3; CT there: ")
    result = CliRunner().invoke(app, ["check", str(folder)])
    assert result.exit_code == 2
    assert where in result.output


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        ({"ct_series": "not a uid"}, "column ct_series: found 'not a uid'"),
        ({"pet_series": "1.2.3#x"}, "column pet_series: found '1.2.3#x'"),
        ({"pet_series": "1.2.3", "pet": ""}, "beside an empty cell in pet"),
    ],
)
def test_a_malformed_series_is_a_fault(
    cells: dict[str, str], match: str, pile: Path, tmp_path: Path
) -> None:
    """Before anything is read."""
    with pytest.raises(StudyError, match=match):
        read_study(write_study(pile, tmp_path / "study", **cells))
