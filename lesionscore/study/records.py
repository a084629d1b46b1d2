"""The rows of a study folder, checked, and the study that they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from lesionscore.errors import Finding
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.quantities import PositionMm
from lesionscore.study.faults import StudyFault


class Censoring(StrEnum):
    """Whether a laboratory value is a value or a limit."""

    EXACT = "exact"
    BELOW = "below"
    """Below the limit of quantification."""
    ABOVE = "above"


class Call(StrEnum):
    """A reader's answer."""

    YES = "yes"
    NO = "no"
    NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRow:
    """One visit of one patient; a scan that was not done is None.

    ``ct_exists`` and ``pet_exists`` tell a path that leads nowhere, where such are kept.
    ``ct_series`` and ``pet_series`` name the series in the folder that is meant, where the table
    says so; else it is chosen by rules.
    """

    patient_id: str
    visit: str
    date: date
    ct: Path | None
    pet: Path | None
    pet_unit: str | None
    row: int
    ct_exists: bool = True
    pet_exists: bool = True
    ct_series: str | None = None
    pet_series: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionRow:
    """One lesion: where it is on the inclusion CT.

    Parameters
    ----------
    patient_id, lesion_id, site : str
        Which lesion.
    position_mm : tuple of float or None
        A point inside it, LPS, mm; None where only a mask is given.
    mask : Path or None
        File with its mask.
    mask_label : int or None
        Its label in the mask, where given.
    label : int
        Its label in everything written; unique within the patient. `mask_label` where that is
        unique, else the next that is free.
    mask_exists : bool
        False where the mask's path leads nowhere and such are kept.
    """

    patient_id: str
    lesion_id: str
    site: str
    position_mm: PositionMm | None
    mask: Path | None
    mask_label: int | None
    label: int
    row: int
    mask_exists: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerRow:
    """One laboratory value, as the table has it.

    Parameters
    ----------
    amount : Decimal or None
        The number, in `unit`; None for a sample that gave none.
    censoring : Censoring
        Whether `amount` is the value or a limit of it.
    unit : str
        As written.
    confounders : tuple of (str, str)
        The protocol's confounder columns that the table has, with their text.
    """

    patient_id: str
    visit: str
    date: date
    marker: str
    amount: Decimal | None
    censoring: Censoring
    unit: str
    confounders: tuple[tuple[str, str], ...]
    row: int

    def confounder(self, name: str) -> str:
        """Text of a confounder column; empty if the table has none."""
        return dict(self.confounders).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRow:
    """What is known of a patient beside the scans."""

    patient_id: str
    inclusion_date: date | None
    off_protocol_date: date | None
    off_protocol_reason: str
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRow:
    """What a reader reported of one lesion at one visit, in place of images.

    ``longest_diameter_mm`` is None where not read; ``below_mm`` stands for a lesion that is too
    small to measure (written as ``<5``).
    """

    patient_id: str
    lesion_id: str
    visit: str
    reader: str
    longest_diameter_mm: float | None
    below_mm: float | None
    axial_diameter_mm: float | None
    short_axis_mm: float | None
    axial_area_mm2: float | None
    volume_ml: float | None
    sclerosis: Call | None
    complete: Call | None
    suv_max: float | None
    suv_peak: float | None
    suv_mean: float | None
    event: str
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study folder, read and checked.

    Rows are in canonical order (patient, then the protocol's visits, lesion, marker), whatever
    the order in the files.

    Parameters
    ----------
    folder : Path
        The study folder.
    protocol : Protocol
        With the folder's overrides.
    visits, lesions, markers, patients, reads : tuple
        The rows.
    hashes : tuple of (str, str)
        SHA-256, in hex, of each table read, by file name.
    findings : tuple of Finding
        Doubts that are no faults.
    scan_faults : tuple of StudyFault
        Paths that lead nowhere and lesions without inclusion CT, where `read_study` was asked to
        keep such.
    """

    folder: Path
    protocol: Protocol
    visits: tuple[VisitRow, ...]
    lesions: tuple[LesionRow, ...]
    markers: tuple[MarkerRow, ...] = ()
    patients: tuple[PatientRow, ...] = ()
    reads: tuple[ReadRow, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    scan_faults: tuple[StudyFault, ...] = ()

    @property
    def patient_ids(self) -> tuple[str, ...]:
        """Every patient that any table names, sorted."""
        names = {row.patient_id for row in self.visits} | {row.patient_id for row in self.lesions}
        names |= {row.patient_id for row in self.markers} | {row.patient_id for row in self.reads}
        return tuple(sorted(names | {row.patient_id for row in self.patients}))

    def visits_of(self, patient_id: str) -> tuple[VisitRow, ...]:
        """Visits of a patient in the protocol's order."""
        return tuple(row for row in self.visits if row.patient_id == patient_id)

    def visit_of(self, patient_id: str, visit: str) -> VisitRow | None:
        """One visit of a patient, None if there was none."""
        rows = (row for row in self.visits_of(patient_id) if row.visit == visit)
        return next(rows, None)

    def lesions_of(self, patient_id: str) -> tuple[LesionRow, ...]:
        """Lesions of a patient."""
        return tuple(row for row in self.lesions if row.patient_id == patient_id)

    def markers_of(self, patient_id: str) -> tuple[MarkerRow, ...]:
        """Marker rows of a patient."""
        return tuple(row for row in self.markers if row.patient_id == patient_id)

    def reads_of(self, patient_id: str) -> tuple[ReadRow, ...]:
        """Reader's rows of a patient."""
        return tuple(row for row in self.reads if row.patient_id == patient_id)

    def patient(self, patient_id: str) -> PatientRow | None:
        """Row of ``patients.csv``, None if there is none."""
        return next((row for row in self.patients if row.patient_id == patient_id), None)

    def inclusion_date(self, patient_id: str) -> date | None:
        """Day 0: of ``patients.csv``, else of the inclusion visit, else None."""
        patient = self.patient(patient_id)
        if patient is not None and patient.inclusion_date is not None:
            return patient.inclusion_date
        visit = self.visit_of(patient_id, INCLUSION)
        return None if visit is None else visit.date

    def days_from_inclusion(self, patient_id: str, day: date) -> int | None:
        """Whole days from inclusion, None if the patient has no inclusion date."""
        start = self.inclusion_date(patient_id)
        return None if start is None else (day - start).days

    def off_protocol_day(self, patient_id: str) -> int | None:
        """Day from inclusion on which the patient left the protocol, None if not known to."""
        patient = self.patient(patient_id)
        if patient is None or patient.off_protocol_date is None:
            return None
        return self.days_from_inclusion(patient_id, patient.off_protocol_date)
