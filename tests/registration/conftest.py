"""Two whole scans of one phantom patient, rendered once for all tests of alignment."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lesionscore.registration.scan import PreparedScan, prepare_scan
from lesionscore.volumes import Volume
from phantoms import Patient, make_patient
from tests.registration.phantom_volume import volume

SEED = 640


@dataclass(frozen=True)
class Scans:
    """A patient's scans at inclusion and month 12, as read and prepared."""

    patient: Patient
    fixed: Volume
    moving: Volume
    fixed_scan: PreparedScan
    moving_scan: PreparedScan


@pytest.fixture(scope="session")
def scans() -> Scans:
    """Of a small patient."""
    patient = make_patient(SEED, "small")
    fixed, moving = (volume(patient.render_ct(v)) for v in ("inclusion", "month_12"))
    return Scans(patient, fixed, moving, prepare_scan(fixed), prepare_scan(moving))
