"""What the pipeline hands on for one patient: records for the tables, no voxels, no paths.

`tables` turns these into rows; reports read the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from lesionscore.lesions.records import CtReading, PetReading, ReadingStatus
from lesionscore.scoring.healing import LesionVerdict
from lesionscore.scoring.uptake import UptakeChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRecord:
    """One scan of one visit: what was chosen, how it can be read, and every doubt about it.

    Parameters
    ----------
    patient_id, visit, modality : str
        Whose scan this is; the modality is ``CT`` or ``PET``.
    status : ReadingStatus
        Evaluable, not evaluable (with a reason), or missing.
    reasons : tuple of str
        Stable codes.
    failure : str
        The message of the refusal in words; empty when the scan was read.
    findings : tuple of str
        Doubts that did not stop the reading, each as ``code: sentence``.
    """

    patient_id: str
    visit: str
    modality: str
    status: ReadingStatus
    date: date | None = None
    days_from_inclusion: int | None = None
    reasons: tuple[str, ...] = ()
    failure: str = ""
    series_uid: str = ""
    series_description: str = ""
    series_choice: str = ""
    passed_over: tuple[str, ...] = ()
    spacing_xyz_mm: tuple[float, float, float] | None = None
    slice_thickness_mm: float | None = None
    kernel: str = ""
    kvp: float | None = None
    scanner: str = ""
    reconstruction: str = ""
    uptake_min: float | None = None
    suv_rule: str = ""
    suv_factor: float | None = None
    drift_hu: float | None = None
    comparable: bool | None = None
    comparability_reasons: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionVisit:
    """One lesion at one visit: the readings and what the protocol makes of them."""

    patient_id: str
    lesion_id: str
    label: int
    site: str
    visit: str
    days_from_inclusion: int | None
    ct: CtReading
    pet: PetReading
    verdict: LesionVerdict
    uptake: UptakeChange


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientResult:
    """Everything that one patient's evaluation gives to the tables.

    ``failures`` are sentences that name a visit or series that failed or was refused; with at
    least one, the run ends with exit code 1. ``trace`` holds the traceback of an error that
    nobody foresaw.
    """

    patient_id: str
    scans: tuple[ScanRecord, ...] = ()
    lesions: tuple[LesionVisit, ...] = ()
    failures: tuple[str, ...] = ()
    trace: str = ""
    seconds_per_stage: dict[str, float] = field(default_factory=dict)
