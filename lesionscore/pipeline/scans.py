"""Reading one visit's scans: a volume with its record, or a record of why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lesionscore.dicom.comparability import check_same_visit, compare_scans
from lesionscore.dicom.find import SeriesSummary
from lesionscore.dicom.header import ScanInfo
from lesionscore.dicom.series import CtScan, PetScan, UnknownSeriesError, read_ct, read_pet
from lesionscore.errors import Finding, LesionscoreError
from lesionscore.lesions.records import ReadingStatus
from lesionscore.results import ScanRecord
from lesionscore.volumes import Grid

NOT_DONE = "not_done"  # these three are written with the modality before them
PATH_NOT_FOUND = "path_not_found"
REFUSED = "refused"
UPTAKE_OUTSIDE_WINDOW = "uptake_outside_window"
UPTAKE_UNKNOWN = "uptake_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPlan:
    """One visit of one patient as the study tables have it; paths are whole, None = not done.

    ``ct_series`` and ``pet_series`` name the series where the table does; ``row`` is its line.
    """

    visit: str
    date: date | None
    days_from_inclusion: int | None
    ct: Path | None
    pet: Path | None
    pet_unit: str | None = None
    ct_series: str | None = None
    pet_series: str | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitCt:
    """A visit's CT and its record; no scan where the record says why."""

    record: ScanRecord
    scan: CtScan | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitPet:
    """A visit's PET and its record; no scan where the record says why."""

    record: ScanRecord
    scan: PetScan | None


def read_visit_ct(patient_id: str, plan: VisitPlan, inclusion: ScanInfo | None) -> VisitCt:
    """Read a visit's CT; a refusal becomes a record, not an error.

    Parameters
    ----------
    patient_id : str
        For the record.
    plan : VisitPlan
        Where the CT lies.
    inclusion : ScanInfo or None
        The inclusion CT, which comparability is judged against; None at inclusion.

    Returns
    -------
    VisitCt
        The scan, or none with the reason in its record.
    """
    empty = _empty_record(patient_id, plan, "CT", plan.ct)
    if plan.ct is None or empty.reasons:
        return VisitCt(record=empty, scan=None)
    try:
        scan = read_ct(plan.ct, series=plan.ct_series)
    except LesionscoreError as exc:
        return VisitCt(record=_refused(empty, exc, plan.row), scan=None)
    record = _described(empty, scan.info, scan.volume.grid, scan.findings, inclusion)
    record = dataclasses.replace(record, passed_over=_passed_over(scan.passed_over))
    return VisitCt(record=record, scan=scan)


def read_visit_pet(
    patient_id: str,
    plan: VisitPlan,
    inclusion: ScanInfo | None,
    window_min: tuple[float, float],
    tracer: str,
    ct: ScanInfo | None = None,
) -> VisitPet:
    """Read a visit's PET in SUV by body weight; a refusal becomes a record, not an error.

    Parameters
    ----------
    patient_id : str
        For the record.
    plan : VisitPlan
        Where the PET lies.
    inclusion : ScanInfo or None
        The inclusion PET, which comparability is judged against; None at inclusion.
    window_min : tuple of float
        First and last minute after infusion that the protocol accepts, inclusive.
    tracer : str
        The protocol's tracer; another one is a finding.
    ct : ScanInfo, optional
        The visit's CT: both should give one weight and one frame of reference.

    Returns
    -------
    VisitPet
        The scan, or none with the reason in its record.
    """
    empty = _empty_record(patient_id, plan, "PET", plan.pet)
    if plan.pet is None or empty.reasons:
        return VisitPet(record=empty, scan=None)
    try:
        scan = read_pet(plan.pet, pet_unit=plan.pet_unit, tracer=tracer, series=plan.pet_series)
    except LesionscoreError as exc:
        return VisitPet(record=_refused(empty, exc, plan.row), scan=None)
    findings = (*scan.findings, *(() if ct is None else check_same_visit(ct, scan.info)))
    record = _described(empty, scan.info, scan.volume.grid, findings, inclusion)
    uptake_min = scan.suv.uptake_min
    return VisitPet(
        record=dataclasses.replace(
            record,
            passed_over=_passed_over(scan.passed_over),
            uptake_min=uptake_min,
            suv_rule=scan.suv.rule,
            suv_factor=scan.suv.factor,
            reasons=_uptake_reasons(uptake_min, window_min),
        ),
        scan=scan,
    )


def _passed_over(series: Iterable[SeriesSummary]) -> tuple[str, ...]:
    """Name the series that lay there and were not measured, each with what it is."""
    return tuple(
        " ".join(
            str(part)
            for part in (one.kind, one.series_number, one.series_description, one.kernel)
            if part not in (None, "")
        )
        for one in series
    )


def _uptake_reasons(uptake_min: float | None, window_min: tuple[float, float]) -> tuple[str, ...]:
    """Say whether the PET began within the protocol's minutes."""
    if uptake_min is None:
        return (UPTAKE_UNKNOWN,)
    inside = window_min[0] <= uptake_min <= window_min[1]
    return () if inside else (UPTAKE_OUTSIDE_WINDOW,)


def _empty_record(patient_id: str, plan: VisitPlan, modality: str, path: Path | None) -> ScanRecord:
    """Record of a scan before it is read."""
    record = ScanRecord(
        patient_id=patient_id,
        visit=plan.visit,
        modality=modality,
        status=ReadingStatus.MISSING,
        date=plan.date,
        days_from_inclusion=plan.days_from_inclusion,
    )
    if path is None:
        return dataclasses.replace(record, reasons=(_code(modality, NOT_DONE),))
    if not path.exists():
        return dataclasses.replace(
            record,
            status=ReadingStatus.NOT_EVALUABLE,
            reasons=(_code(modality, PATH_NOT_FOUND),),
            failure=f"{path.name}: no such file or folder",
        )
    return record


def _refused(record: ScanRecord, error: LesionscoreError, row: int | None) -> ScanRecord:
    """Record of a scan that was refused, with the refusal's own words.

    Where the table names a series that is not there, the table's place comes first.
    """
    where = ""
    if isinstance(error, UnknownSeriesError) and row is not None:
        where = f"visits.csv, row {row}, column {record.modality.lower()}_series: "
    return dataclasses.replace(
        record,
        status=ReadingStatus.NOT_EVALUABLE,
        reasons=(_code(record.modality, REFUSED),),
        failure=f"{where}{error}",
    )


def _code(modality: str, what: str) -> str:
    """Code of what happened to a scan: CT and PET of a visit stand in one row."""
    return f"{modality.lower()}_{what}"


def _described(
    record: ScanRecord,
    info: ScanInfo,
    grid: Grid,
    findings: Iterable[Finding],
    inclusion: ScanInfo | None,
) -> ScanRecord:
    """Record of a scan that was read."""
    comparability = None if inclusion is None else compare_scans(inclusion, info)
    doubts = () if comparability is None else comparability.findings
    differences = () if comparability is None else comparability.reasons
    findings = (*findings, *(one for one in doubts if one.code not in differences))
    return dataclasses.replace(
        record,
        status=ReadingStatus.EVALUABLE,
        series_uid=info.series_uid,
        series_description=info.series_description,
        series_choice=info.choice,
        spacing_xyz_mm=grid.spacing_xyz_mm,
        slice_thickness_mm=info.slice_thickness_mm,
        kernel=info.kernel,
        kvp=info.kvp,
        scanner=info.scanner,
        reconstruction=info.reconstruction,
        comparable=None if comparability is None else comparability.comparable,
        comparability_reasons=tuple(differences),
        findings=tuple(f"{finding.code}: {finding.message}" for finding in findings),
    )
