"""Rows of visits.csv from a pile: patients, visits by their windows, one scan of each kind."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from lesionscore.dicom import read_ct, read_pet
from lesionscore.dicom.index import VisitIndex, index_visits
from lesionscore.protocol import load_protocol
from phantoms.dicom import (
    CtHeader,
    PatientHeader,
    PetHeader,
    VisitHeader,
    write_ct_series,
    write_pet_series,
)
from tests.dicom.phantom_scans import ct_image, pet_image

START = dt.datetime(2021, 3, 16, 10, 14)
VISITS = load_protocol().visits


def write_pair(folder: Path, patient_id: str, day: int, *, kernel: str = "") -> None:
    """CT and PET of a patient, some days after the first scan, all files in one folder."""
    visit = VisitHeader(
        seed=f"{patient_id}/{day}/{kernel}",
        patient=PatientHeader(patient_id=patient_id),
        started=START + dt.timedelta(days=day),
    )
    write_ct_series(folder / f"{patient_id}c{day}{kernel}", ct_image(4), CtHeader(visit=visit))
    write_pet_series(folder / f"{patient_id}p{day}{kernel}", pet_image(4), PetHeader(visit=visit))


def codes(index: VisitIndex) -> set[str]:
    """Codes of what was doubtful."""
    return {finding.code for finding in index.findings}


def test_patients_and_visits_are_sorted_out(tmp_path: Path) -> None:
    """Three patients, visits within and outside their windows, one row each."""
    for patient, day in (("P01", 0), ("P01", 95), ("P01", 370), ("P02", 0), ("P02", 200)):
        write_pair(tmp_path, patient, day)
    index = index_visits(tmp_path, VISITS)
    rows = [(row.patient_id, row.visit, row.date.isoformat()) for row in index.rows]
    assert rows[:4] == [
        ("P01", "inclusion", "2021-03-16"),
        ("P01", "month_3", "2021-06-19"),
        ("P01", "month_12", "2022-03-21"),
        ("P02", "inclusion", "2021-03-16"),
    ]
    assert all(row.ct is not None and row.pet is not None for row in index.rows)
    assert {"inclusion_is_first_scan", "outside_visit_window"} <= codes(index)


def test_the_row_leads_back_to_the_scan(tmp_path: Path) -> None:
    """Folder and series of a row give the scan of that visit."""
    write_pair(tmp_path, "P01", 0)
    write_pair(tmp_path, "P01", 95)
    for row in index_visits(tmp_path, VISITS).rows:
        assert row.ct is not None
        assert row.pet is not None
        ct = read_ct(row.ct, series=row.ct_series or None)
        pet = read_pet(row.pet, series=row.pet_series or None)
        assert ct.info.acquired is not None
        assert pet.info.acquired is not None
        assert ct.info.acquired.date() == pet.info.acquired.date() == row.date


def test_scans_in_one_heap_are_named_by_series(tmp_path: Path) -> None:
    """All files of two visits in one folder: the row names the series."""
    write_pair(tmp_path / "in", "P01", 0)
    write_pair(tmp_path / "in", "P01", 95)
    heap = tmp_path / "heap"
    heap.mkdir()
    for number, path in enumerate(sorted((tmp_path / "in").rglob("*.dcm"))):
        path.rename(heap / f"{(37 * number) % 101:03d}{number}")
    rows = index_visits(heap, VISITS).rows
    assert [row.visit for row in rows] == ["inclusion", "month_3"]
    assert all(row.ct == heap and row.ct_series and row.pet_series for row in rows)
    days = {
        read_ct(heap, series=row.ct_series).info.acquired.date()  # type: ignore[union-attr]
        for row in rows
    }
    assert days == {row.date for row in rows}


def test_a_repeated_scan_is_said(tmp_path: Path) -> None:
    """Two scans in one window: the one nearer to the target day, the other named."""
    for day in (0, 70, 92):
        write_pair(tmp_path, "P01", day)
    index = index_visits(tmp_path, VISITS)
    assert [row.date for row in index.rows] == [
        START.date(),
        START.date() + dt.timedelta(days=92),
    ]
    assert "several_scans_in_window" in codes(index)


def test_a_stated_inclusion_decides_the_visits(tmp_path: Path) -> None:
    """Without an inclusion scan, the first scan may be that of month 3."""
    write_pair(tmp_path, "P01", 0)
    inclusion = START.date() - dt.timedelta(days=91)
    index = index_visits(tmp_path, VISITS, {"P01": inclusion})
    assert [row.visit for row in index.rows] == ["month_3"]
    assert "inclusion_is_first_scan" not in codes(index)


def test_a_scan_that_cannot_be_measured_is_named(tmp_path: Path) -> None:
    """A refused series is in the findings, not silently missing."""
    write_ct_series(tmp_path / "ct", ct_image(4))
    write_pet_series(tmp_path / "pet", pet_image(4), PetHeader(attenuation_corrected=False))
    files = sorted((tmp_path / "ct").iterdir())
    files[1].unlink()
    index = index_visits(tmp_path, VISITS)
    assert index.rows == ()
    refused = [f.message for f in index.findings if f.code == "series_refused"]
    assert any("apart except between" in message or "uneven" in message for message in refused)


@pytest.mark.parametrize("shuffle", [1, 7])
def test_the_order_of_files_changes_nothing(shuffle: int, tmp_path: Path) -> None:
    """Names and folders do not decide."""
    write_pair(tmp_path, "P01", 0)
    first = index_visits(tmp_path, VISITS)
    for number, path in enumerate(sorted(tmp_path.rglob("*.dcm"))):
        path.rename(path.with_name(f"{(shuffle * number) % 11}{number}.dcm"))
    second = index_visits(tmp_path, VISITS)
    assert [(r.patient_id, r.visit, r.date) for r in first.rows] == [
        (r.patient_id, r.visit, r.date) for r in second.rows
    ]
