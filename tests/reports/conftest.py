"""Output folders and pages that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from lesionscore.reports import render_patient_report, render_study_page
from tests.reports.fake_output import write_output
from tests.reports.page import Page, read_page


@pytest.fixture(scope="session")
def fake_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder of two patients with their pages; tests only read it."""
    out = write_output(tmp_path_factory.mktemp("fake") / "out", ("P01", "P02"))
    for patient_id in ("P01", "P02"):
        render_patient_report(out, patient_id)
    render_study_page(out)
    return out


@pytest.fixture(scope="session")
def patient_page(fake_out: Path) -> Page:
    """The first patient's page."""
    return read_page(fake_out / "patients" / "P01" / "report.html")


@pytest.fixture(scope="session")
def study_page(fake_out: Path) -> Page:
    """The study's page."""
    return read_page(fake_out / "report.html")
