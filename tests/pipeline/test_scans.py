"""What a visit's record says of its scans beside one another and beside inclusion's."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

from lesionscore.pipeline.scans import VisitPlan, read_visit_ct, read_visit_pet
from phantoms.dicom import (
    CtHeader,
    PatientHeader,
    PetHeader,
    VisitHeader,
    write_ct_series,
    write_pet_series,
)
from tests.dicom.phantom_scans import ct_image, pet_image

WINDOW = (40.0, 50.0)


def codes(findings: tuple[str, ...]) -> set[str]:
    """Codes of a record's findings."""
    return {finding.split(":")[0] for finding in findings}


def write_scans(folder: Path, ct: VisitHeader, pet: VisitHeader) -> VisitPlan:
    """Write a CT and a PET; give the visit as the tables have it."""
    write_ct_series(folder / "ct", ct_image(6), CtHeader(visit=ct))
    write_pet_series(folder / "pet", pet_image(6), PetHeader(visit=pet))
    return VisitPlan(
        visit="month_3", date=None, days_from_inclusion=90, ct=folder / "ct", pet=folder / "pet"
    )


def test_a_weight_of_another_visit_is_said(tmp_path: Path) -> None:
    """The same weight as at inclusion, and another than in the CT's header of the day."""
    at_inclusion = VisitHeader(patient=PatientHeader(weight_kg=72.0))
    later = replace(at_inclusion, seed="later", started=dt.datetime(2021, 6, 16, 10, 14))
    weighed = replace(later, patient=PatientHeader(weight_kg=64.5))
    first = read_visit_pet(
        "P", write_scans(tmp_path / "a", at_inclusion, at_inclusion), None, WINDOW, "NaF"
    )
    assert first.scan is not None
    plan = write_scans(tmp_path / "b", weighed, later)
    ct = read_visit_ct("P", plan, None)
    assert ct.scan is not None
    pet = read_visit_pet("P", plan, first.scan.info, WINDOW, "NaF", ct.scan.info)
    assert pet.record.comparable
    assert {"weight_unchanged", "weight_differs_within_visit"} <= codes(pet.record.findings)


def test_a_difference_is_a_reason_and_said_once(tmp_path: Path) -> None:
    """Reasons of the verdict are not repeated among the findings."""
    visit = VisitHeader()
    plan = write_scans(tmp_path, visit, visit)
    info = read_visit_ct("P", plan, None).scan
    assert info is not None
    record = read_visit_ct("P", plan, replace(info.info, kernel="B30f")).record
    assert record.comparable is False
    assert record.comparability_reasons == ("kernel_differs",)
    assert "kernel_differs" not in codes(record.findings)
