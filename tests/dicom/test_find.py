"""Any pile of files: series found, named, chosen; nothing of the patient shown."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from lesionscore.dicom import SeriesSummary, find_series, read_ct, read_pet
from lesionscore.errors import DicomError, SeriesError
from phantoms.dicom import (
    Arrangement,
    Companion,
    CtHeader,
    FileFault,
    PatientHeader,
    PetHeader,
    PetUnits,
    SeriesFault,
    Tracer,
    VisitHeader,
    WrittenVisit,
    write_ct_series,
    write_pet_series,
    write_visit,
)
from tests.dicom.phantom_scans import ct_image, pet_image


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> WrittenVisit:
    """All that a scanner sends of one visit: the scans and everything beside them."""
    folder = tmp_path_factory.mktemp("visit")
    return write_visit(folder, ct_image(20, (24, 26)), pet_image(), companions=tuple(Companion))


def by_description(series: tuple[SeriesSummary, ...]) -> dict[str, SeriesSummary]:
    """Series by what they are called."""
    return {one.series_description: one for one in series}


def test_every_companion_is_told_from_the_scans(visit: WrittenVisit) -> None:
    """Scout, projection, NAC, dose report and screenshot are found, and not measurable."""
    kinds = {}
    for one in find_series(visit.folder).series:
        kinds.setdefault(one.kind, []).append(one.measurable)
    assert kinds["localizer"] == [False]
    assert kinds["projection"] == [False]
    assert kinds["pet_not_attenuation_corrected"] == [False]
    assert kinds["report"] == [False]
    assert kinds["secondary_capture"] == [False]
    assert all(kinds["pet"])
    assert all(kinds["ct"])


def test_the_right_series_is_measured(visit: WrittenVisit) -> None:
    """Thin bone kernel of the whole body; attenuation-corrected PET; the rest passed over."""
    ct, pet = read_ct(visit.folder), read_pet(visit.folder)
    assert ct.info.series_uid == visit.ct.series_uid
    assert pet.info.series_uid == visit.pet.series_uid
    assert "measurable CT series" in ct.info.choice
    passed = {one.kind for one in ct.passed_over}
    assert {"localizer", "ct", "pet", "report"} <= passed
    assert len(ct.passed_over) == len(find_series(visit.folder).series) - 1


def test_a_listing_is_plain_json_without_the_patient(visit: WrittenVisit) -> None:
    """What `inspect --json` prints."""
    text = json.dumps([one.as_dict() for one in find_series(visit.folder).series])
    patient = PatientHeader()
    assert patient.patient_id not in text.replace(str(visit.folder), "")
    assert str(patient.name).split("^", maxsplit=1)[0] not in text


def test_a_zip_archive_is_read_like_its_folder(visit: WrittenVisit, tmp_path: Path) -> None:
    """Nothing is unpacked to disk."""
    archive = Path(shutil.make_archive(str(tmp_path / "scans"), "zip", visit.folder))
    plain, packed = find_series(visit.folder).series, find_series(archive).series
    keys = [(one.kind, one.series_uid, one.slices, one.measurable) for one in plain]
    assert [(one.kind, one.series_uid, one.slices, one.measurable) for one in packed] == keys
    assert (read_ct(archive).volume.array == read_ct(visit.folder).volume.array).all()
    assert [path.name for path in tmp_path.iterdir()] == ["scans.zip"]


def test_a_dicomdir_leads_to_its_files(tmp_path: Path) -> None:
    """Given the DICOMDIR itself; files that it names and that are gone are said."""
    written = write_ct_series(tmp_path / "ct", ct_image(), faults=[FileFault.DICOMDIR])
    directory = next((tmp_path / "ct").rglob("DICOMDIR"))
    assert read_ct(directory).volume.array.shape == written.image.array.shape
    written.files[-1].unlink()
    codes = {finding.code for finding in find_series(directory).findings}
    assert "dicomdir_names_absent_files" in codes


def test_strangers_between_the_files_are_named(tmp_path: Path) -> None:
    """Text, pictures and empty files are findings, not errors."""
    write_ct_series(tmp_path / "ct", ct_image(), faults=[FileFault.FOREIGN_FILES])
    listing = find_series(tmp_path / "ct")
    assert [series.measurable for series in listing.series] == [True]
    assert {"not_dicom", "empty_files"} <= {finding.code for finding in listing.findings}


def test_a_broken_archive_is_a_stranger(tmp_path: Path) -> None:
    """A file that only begins like a zip."""
    write_ct_series(tmp_path / "ct", ct_image())
    (tmp_path / "ct" / "broken.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    listing = find_series(tmp_path / "ct")
    assert [series.measurable for series in listing.series] == [True]
    assert "not_dicom" in {finding.code for finding in listing.findings}


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A member of a gigabyte of zeros in a megabyte."""
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.dcm", bytes(64_000_000))
    listing = find_series(tmp_path / "bomb.zip")
    assert "unreadable_files" in {finding.code for finding in listing.findings}


def test_a_path_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    """Not an empty listing."""
    with pytest.raises(DicomError, match="no such file or folder"):
        find_series(tmp_path / "gone")
    with pytest.raises(SeriesError, match="no DICOM images were found"):
        read_ct(tmp_path)


def write_patient(folder: Path, patient_id: str, day: int, seed: int) -> None:
    """A small CT of a patient on a day of March."""
    visit = VisitHeader(
        seed=f"{patient_id}/{day}",
        patient=PatientHeader(patient_id=patient_id),
        started=VisitHeader().started.replace(day=day),
    )
    write_ct_series(folder, ct_image(4, seed=seed), CtHeader(visit=visit))


def test_a_folder_of_two_patients_is_refused_unless_one_series_is_named(tmp_path: Path) -> None:
    """The choice between patients is not the program's; the message names no patient."""
    write_patient(tmp_path / "a", "P01", 1, 1)
    write_patient(tmp_path / "b", "P02", 1, 2)
    with pytest.raises(SeriesError, match="mixes 2 patients") as caught:
        read_ct(tmp_path)
    assert "P02" not in str(caught.value)
    series = read_ct(tmp_path / "b").info.series_uid
    assert read_ct(tmp_path, series=series).info.choice == "named in the table"
    with pytest.raises(SeriesError, match=r"no series 1\.2\.3; CT there: "):
        read_ct(tmp_path, series="1.2.3")


def test_a_folder_of_two_visits_is_refused(tmp_path: Path) -> None:
    """Two scans months apart are two visits."""
    write_patient(tmp_path / "a", "P01", 1, 1)
    write_patient(tmp_path / "b", "P01", 20, 2)
    with pytest.raises(SeriesError, match="mixes scans of 2 days"):
        read_ct(tmp_path)


def test_a_naf_scan_is_taken_before_another_tracer(tmp_path: Path) -> None:
    """Two corrected PETs of a day: the protocol's tracer decides."""
    fdg = PetHeader(tracer=Tracer.FDG, series_number=3, series_description="PET FDG AC")
    write_pet_series(tmp_path / "fdg", pet_image(), fdg)
    write_pet_series(tmp_path / "naf", pet_image())
    scan = read_pet(tmp_path)
    assert scan.info.tracer == "18F-NaF"
    assert "18F-NaF" in scan.info.choice


def test_nothing_measurable_says_why_for_each(visit: WrittenVisit, tmp_path: Path) -> None:
    """The error lists every series of the kind with its reason."""
    write_pet_series(tmp_path / "pet", pet_image(), PetHeader(units=PetUnits.PROPCNTS))
    with pytest.raises(DicomError, match="PROPCNTS"):
        read_pet(tmp_path)
    with pytest.raises(SeriesError, match=r"no (measurable )?CT series"):
        read_ct(tmp_path)


def test_a_nifti_ct_and_pet_are_read(tmp_path: Path) -> None:
    """Images without a header: HU as they are; SUV only where the table says so."""
    write_ct_series(tmp_path / "ct", ct_image())
    from lesionscore.volumes.volume import write_image

    volume = read_ct(tmp_path / "ct").volume
    write_image(volume, tmp_path / "ct.nii.gz")
    again = read_ct(tmp_path / "ct.nii.gz")
    assert (again.volume.array == volume.array).all()
    assert again.volume.grid.origin_mm == pytest.approx(volume.grid.origin_mm, abs=1e-4)
    assert read_pet(tmp_path / "ct.nii.gz", pet_unit="suvbw").suv.factor == 1.0
    with pytest.raises(DicomError, match="pet_unit is missing, suvbw is accepted"):
        read_pet(tmp_path / "ct.nii.gz")


def test_a_pipe_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    """What is no file is not opened: reading a pipe would never end."""
    write_ct_series(tmp_path / "ct", ct_image())
    os.mkfifo(tmp_path / "ct" / "pipe")
    assert [series.measurable for series in find_series(tmp_path / "ct").series] == [True]


def test_reformats_of_a_longer_extent_do_not_win(tmp_path: Path) -> None:
    """Coverage is from foot to head: a deep coronal stack covers no more body."""
    write_ct_series(tmp_path / "axial", ct_image(8, (60, 20)))
    header = CtHeader(series_number=9, series_description="CORONAL")
    coronal = ct_image(8, (60, 20))
    write_ct_series(tmp_path / "coronal", coronal, header, [Arrangement.CORONAL_SLICES])
    listing = find_series(tmp_path)
    assert [series.measurable for series in listing.series] == [True, True]
    assert read_ct(tmp_path).info.series_description != "CORONAL"


def test_fewer_slices_than_stated_is_said(tmp_path: Path) -> None:
    """A PET whose Number of Slices is larger than what was sent."""
    written = write_pet_series(tmp_path / "pet", pet_image())
    ds = pydicom.dcmread(written.files[0])
    assert ds.NumberOfSlices == 23
    sorted(written.files)[0].unlink()
    codes = {finding.code for finding in read_pet(tmp_path / "pet").findings}
    assert "fewer_slices_than_stated" in codes


def test_a_part_of_a_damaged_series_is_not_measured(tmp_path: Path) -> None:
    """One slice of another study date is no scan of its own; the refusal is that of the rest."""
    files = write_ct_series(tmp_path / "ct", ct_image(8)).files
    ds = pydicom.dcmread(files[3])
    ds.StudyDate = "20200101"
    ds.save_as(files[3])
    with pytest.raises(SeriesError, match="1 of its slices make a volume, the other 7 cannot"):
        read_ct(tmp_path)


def test_a_slice_of_another_patient_is_not_passed_over(tmp_path: Path) -> None:
    """Whether or not the patient's own slices then make a volume."""
    files = write_ct_series(tmp_path / "ct", ct_image(8)).files
    ds = pydicom.dcmread(files[3])
    ds.PatientID = "P99"
    ds.save_as(files[3])
    with pytest.raises(SeriesError, match="mixes 2 patients"):
        read_ct(tmp_path)


def test_a_longer_series_that_was_refused_is_said(tmp_path: Path) -> None:
    """The scan that is measured does not cover what the refused one covers."""
    write_ct_series(tmp_path / "short", ct_image(4))
    whole = replace(CtHeader(), series_number=7)
    write_ct_series(tmp_path / "whole", ct_image(12), whole, [SeriesFault.MISSING_SLICE])
    scan = read_ct(tmp_path)
    assert scan.volume.array.shape[0] == 4
    assert "longer_series_refused" in {finding.code for finding in scan.findings}


def test_a_chosen_series_carries_no_findings_of_the_others(tmp_path: Path) -> None:
    """A coronal reformat beside the CT is passed over with its own doubts."""
    write_visit(tmp_path, ct_image(8), pet_image(8), mixed=True)
    for scan in (read_ct(tmp_path), read_pet(tmp_path)):
        assert scan.findings == ()
        passed = {finding.code for one in scan.passed_over for finding in one.findings}
        assert {"not_axial", "derived_image"} <= passed


def test_settings_that_change_and_gaps_are_said(tmp_path: Path) -> None:
    """Two kernels in one even stack; thin slices far apart."""
    files = write_ct_series(tmp_path / "mixed", ct_image(8)).files
    for path in files[:4]:
        ds = pydicom.dcmread(path)
        ds.ConvolutionKernel = "B30f"
        ds.save_as(path)
    assert "mixed_settings" in {finding.code for finding in read_ct(tmp_path / "mixed").findings}
    for path in write_ct_series(tmp_path / "gaps", ct_image(16)).files[::2]:
        path.unlink()
    assert {finding.code for finding in read_ct(tmp_path / "gaps").findings} == {
        "gaps_between_slices"
    }
