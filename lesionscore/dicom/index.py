"""The rows of ``visits.csv`` from any pile of DICOM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from lesionscore.dicom.choose import longer_refused, pick
from lesionscore.dicom.classify import Kind
from lesionscore.dicom.find import FoundSeries, find_all
from lesionscore.errors import DicomError, Finding, Severity
from lesionscore.protocol.visits import VisitWindow, assign_visit, nearest_to_target


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRow:
    """One row of ``visits.csv``.

    Parameters
    ----------
    patient_id : str
        Patient ID (0010,0020) as in the headers.
    visit : str
        The protocol's id.
    date : date
        The CT's day, else the PET's.
    ct, pet : Path or None
        Folder (or archive) that holds the series.
    ct_series, pet_series : str
        Series Instance UID (``#2`` behind it for its second stack), for `read_ct` and
        `read_pet`; "" where the folder holds nothing else that could be meant.
    """

    patient_id: str
    visit: str
    date: date
    ct: Path | None
    pet: Path | None
    ct_series: str = ""
    pet_series: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitIndex:
    """The rows, in order of patient and visit, and what was doubtful or left out."""

    rows: tuple[VisitRow, ...]
    findings: tuple[Finding, ...]


def index_visits(
    path: Path,
    visits: Sequence[VisitWindow],
    inclusion_dates: Mapping[str, date] | None = None,
) -> VisitIndex:
    """Sort a pile of DICOM into patients and visits.

    Parameters
    ----------
    path : Path
        A folder, nested as it likes, a zip archive or a DICOMDIR.
    visits : sequence of VisitWindow
        The protocol's visits.
    inclusion_dates : mapping, optional
        Patient ID to the day of inclusion; without it the patient's first measurable scan is
        the inclusion, which is recorded.

    Returns
    -------
    VisitIndex
        At most one row per patient and visit: the scans nearest to the visit's target day, the
        series chosen by the rules of `choose.pick`.

    Raises
    ------
    DicomError
        If the path leads nowhere.
    """
    found, findings = find_all(path)
    notes = list(findings)
    rows: list[VisitRow] = []
    for patient_id in sorted({one.patient_id for one in found}):
        own = [one for one in found if one.patient_id == patient_id]
        rows.extend(_rows_of(patient_id, own, found, visits, inclusion_dates or {}, notes))
    notes.extend(_refused(found))
    return VisitIndex(rows=tuple(rows), findings=tuple(notes))


def _note(notes: list[Finding], code: str, message: str, severity: Severity) -> None:
    """Append a finding."""
    notes.append(Finding(code=code, message=message, severity=severity))


def _rows_of(
    patient_id: str,
    own: Sequence[FoundSeries],
    everything: Sequence[FoundSeries],
    visits: Sequence[VisitWindow],
    inclusion_dates: Mapping[str, date],
    notes: list[Finding],
) -> list[VisitRow]:
    """Give the rows of one patient."""
    usable = [one for one in own if one.summary.measurable and one.day is not None]
    if not patient_id and usable:
        _note(notes, "no_patient_id", "series without Patient ID (0010,0020)", Severity.WARNING)
    if not usable:
        return []
    start = inclusion_dates.get(patient_id)
    if start is None:
        start = min(one.day for one in usable if one.day is not None)
        _note(
            notes,
            "inclusion_is_first_scan",
            f"{patient_id}: the first scan, {start}, was taken for the inclusion",
            Severity.INFO,
        )
    chosen: dict[str, dict[Kind, FoundSeries]] = {}
    for kind in (Kind.CT, Kind.PET):
        by_visit = _by_visit([one for one in usable if one.kind is kind], start, visits)
        for visit, days in by_visit.items():
            series = _choose_day(own, kind, days, visit, notes)
            if series is not None:
                chosen.setdefault(visit.visit, {})[kind] = series
    order = [window.visit for window in visits]
    return [
        _row(patient_id, visit, chosen[visit], everything) for visit in order if visit in chosen
    ]


def _by_visit(
    series: Sequence[FoundSeries], start: date, visits: Sequence[VisitWindow]
) -> dict[VisitWindow, dict[int, list[FoundSeries]]]:
    """Series by visit and day from inclusion."""
    windows = {window.visit: window for window in visits}
    found: dict[VisitWindow, dict[int, list[FoundSeries]]] = {}
    for one in series:
        assert one.day is not None
        day = (one.day - start).days
        window = windows[assign_visit(day, visits).visit]
        found.setdefault(window, {}).setdefault(day, []).append(one)
    return found


def _choose_day(
    own: Sequence[FoundSeries],
    kind: Kind,
    days: Mapping[int, list[FoundSeries]],
    window: VisitWindow,
    notes: list[Finding],
) -> FoundSeries | None:
    """Give the series of a visit: of the day nearest to the target, the best by the rules."""
    day = nearest_to_target(days, window)
    where = f"{own[0].patient_id}, {window.visit}, {kind.upper()}"
    if not window.contains(day):
        _note(
            notes,
            "outside_visit_window",
            f"{where}: day {day} lies outside days {window.first_day} to {window.last_day}",
            Severity.WARNING,
        )
    others = sorted(set(days) - {day})
    if others:
        listed = ", ".join(str(other) for other in others)
        _note(
            notes,
            "several_scans_in_window",
            f"{where}: the scan of day {day} was taken, those of day {listed} were not",
            Severity.WARNING,
        )
    try:
        series, why = pick(days[day], kind)
        same_day = [one for one in own if one.day == series.day]
        notes.extend(
            replace(finding, message=f"{where}: {finding.message}")
            for finding in longer_refused(same_day, series)
        )
    except DicomError as exc:
        _note(notes, "no_series_chosen", f"{where}: {exc}", Severity.REFUSAL)
        return None
    if len(days[day]) > 1:
        _note(notes, "series_chosen", f"{where}: {why}", Severity.INFO)
    return series


def _row(
    patient_id: str,
    visit: str,
    chosen: Mapping[Kind, FoundSeries],
    everything: Sequence[FoundSeries],
) -> VisitRow:
    """One row, from the series of a visit."""
    ct, pet = chosen.get(Kind.CT), chosen.get(Kind.PET)
    first = ct or pet
    assert first is not None
    assert first.day is not None
    ct_path, ct_series = place_of(ct, everything)
    pet_path, pet_series = place_of(pet, everything)
    return VisitRow(
        patient_id=patient_id,
        visit=visit,
        date=first.day,
        ct=ct_path,
        pet=pet_path,
        ct_series=ct_series,
        pet_series=pet_series,
    )


def place_of(
    series: FoundSeries | None, everything: Sequence[FoundSeries]
) -> tuple[Path | None, str]:
    """Folder that holds a whole series, and its UID where other series of its kind lie there."""
    if series is None:
        return None, ""
    folder = common_folder(series)
    rivals = [
        one
        for one in everything
        if one is not series
        and one.kind is series.kind
        and any(_lies_in(source.source.path, folder) for source in one.slices)
    ]
    if not rivals:
        return folder, ""
    uid, stack = series.summary.series_uid, series.summary.stack
    split = any(one.summary.series_uid == uid for one in rivals)
    return folder, f"{uid}#{stack}" if split else uid


def common_folder(series: FoundSeries) -> Path:
    """Give the deepest folder, or the archive, that holds all files of a series."""
    paths = {one.source.path for one in series.slices}
    if all(one.source.entry is not None for one in series.slices) and len(paths) == 1:
        return next(iter(paths))
    parts = [path.parent.parts for path in paths]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return Path(*shared)


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder, at any depth, or is it."""
    return path == folder or folder in path.parents


def _refused(found: Sequence[FoundSeries]) -> list[Finding]:
    """Give Findings for every CT or PET that cannot be measured, or has no date."""
    notes: list[Finding] = []
    for one in found:
        if one.kind not in (Kind.CT, Kind.PET):
            continue
        where = f"{one.summary.folder} series {one.summary.series_number}"
        if not one.summary.measurable:
            message = f"{where}: {one.summary.why_not}"
            notes.append(Finding(code="series_refused", message=message, severity=Severity.REFUSAL))
        elif one.day is None:
            message = f"{where}: no date in the header; it belongs to no visit"
            notes.append(
                Finding(code="series_without_date", message=message, severity=Severity.REFUSAL)
            )
    return notes
