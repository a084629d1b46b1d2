"""A whole study: evaluate its patients, write tables, reports and the run's record."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lesionscore.batch import Progress, plan_study, run
from lesionscore.errors import OutputError
from lesionscore.markers import MarkerResult, evaluate_markers, turnover_folds
from lesionscore.pipeline.reads import score_reads
from lesionscore.protocol.protocol import Protocol
from lesionscore.reports.render import render_patient_report, render_study_page
from lesionscore.results import PatientResult
from lesionscore.run_record import RunRecord, write_json, write_run_record
from lesionscore.scoring.endpoints import summarise_study
from lesionscore.scoring.patient import summarise_patient
from lesionscore.scoring.patient_columns import patient_cells
from lesionscore.study import Study, read_markers
from lesionscore.tables import Table, read_table, write_table
from lesionscore.tables.lesions import lesion_row, lesions_table
from lesionscore.tables.markers import marker_row, markers_table
from lesionscore.tables.patients import patients_table
from lesionscore.tables.visits import visit_row, visits_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a run gave: the lesions' table, where the pages are, and what failed."""

    lesions: pd.DataFrame
    reports: tuple[Path, ...]
    failures: tuple[str, ...]


def evaluate_study(
    study: Study,
    out: Path,
    *,
    patient_id: str | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a study and write everything that comes out of it.

    Parameters
    ----------
    study : Study
        The tables, checked.
    out : Path
        The output folder; made when it is not there.
    patient_id : str, optional
        Evaluate this patient only; the rows of others that `out` holds are kept.
    jobs : int
        Number of processes.
    cluster : str, optional
        Address of a Dask scheduler in place of local processes.
    progress : callable, optional
        Told what is running.

    Returns
    -------
    Evaluation
        Tables, reports and failures.

    Raises
    ------
    StudyError
        If the patient asked for is in no table.
    OutputError
        If `out` cannot be written, or holds results of another protocol beside one patient's.
    """
    cases = plan_study(study, patient_id)
    kept = None if patient_id is None else _kept_rows(study, out, patient_id)
    make_folder(out)
    by_reader = [case for case in cases if study.reads_of(case.patient_id)]
    by_image = [case for case in cases if case not in by_reader]
    results = run(by_image, study.protocol, out, jobs=jobs, cluster=cluster, progress=progress)
    results += [
        score_reads(case, study.reads_of(case.patient_id), study.protocol) for case in by_reader
    ]
    results.sort(key=lambda result: result.patient_id)
    begin = time.perf_counter()
    frames = _frames(study, results)
    if kept is not None:
        frames = {name: _joined(study, kept[name], frame, name) for name, frame in frames.items()}
    for name, frame in frames.items():
        write_table(frame, out, name)
    summary = summarise_study(
        frames["lesions"], frames["patients"], frames["markers"], study.protocol
    )
    write_json(out / "study.json", summary.as_dict())
    record = RunRecord.of(study, results, seconds_writing=time.perf_counter() - begin)
    write_run_record(out, record)
    begin = time.perf_counter()
    reports = [render_patient_report(out, result.patient_id) for result in results]
    reports.append(render_study_page(out))
    write_run_record(out, record.with_seconds("report", time.perf_counter() - begin))
    failures = [fault.message for fault in study.scan_faults]
    failures += [failure for result in results for failure in result.failures]
    return Evaluation(
        lesions=lesions_table(study.protocol).frame(
            lesion_row(one, study.protocol) for result in results for one in result.lesions
        ),
        reports=tuple(reports),
        failures=tuple(failures),
    )


def evaluate_markers_file(table: Path, out: Path, protocol: Protocol) -> pd.DataFrame:
    """Evaluate a table of bone markers alone and write the table ``markers``.

    Parameters
    ----------
    table : Path
        A ``markers.csv``.
    out : Path
        The output folder; made when it is not there.
    protocol : Protocol
        The study definition.

    Returns
    -------
    DataFrame
        What was written.

    Raises
    ------
    StudyError
        If the table is wrong; nothing is written then.
    OutputError
        If `out` cannot be written.
    """
    results = evaluate_markers(read_markers(table, protocol), protocol)
    make_folder(out)
    frame = markers_table(protocol).frame(marker_row(result) for result in results)
    write_table(frame, out, "markers")
    return frame


def render_reports(out: Path, patient_id: str | None = None) -> tuple[Path, ...]:
    """Make the pages again from the tables of an output folder.

    Parameters
    ----------
    out : Path
        Folder that an evaluation wrote.
    patient_id : str, optional
        Only this patient's page.

    Returns
    -------
    tuple of Path
        The pages; the study's own comes last.

    Raises
    ------
    OutputError
        If the tables are not there, or have no such patient.
    """
    known = [str(one) for one in read_table(out, "patients")["patient_id"]]
    if patient_id is not None and patient_id not in known:
        raise OutputError(f"{out}: no patient {patient_id!r}; there are {', '.join(known)}")
    chosen = known if patient_id is None else [patient_id]
    pages = [render_patient_report(out, one) for one in chosen]
    if patient_id is None:
        pages.append(render_study_page(out))
    return tuple(pages)


def make_folder(out: Path) -> None:
    """Make the output folder.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"{out}: the folder cannot be made ({exc.strerror})") from exc


def _tables(protocol: Protocol) -> dict[str, Table]:
    """All tables by name."""
    return {
        "lesions": lesions_table(protocol),
        "patients": patients_table(protocol),
        "markers": markers_table(protocol),
        "visits": visits_table(protocol),
    }


def _frames(study: Study, results: Sequence[PatientResult]) -> dict[str, pd.DataFrame]:
    """Rows of every table."""
    protocol = study.protocol
    patients = [result.patient_id for result in results]
    markers = _marker_results(study, patients)
    folds = turnover_folds(markers, protocol)
    outcomes = [
        summarise_patient(
            result.patient_id,
            result.lesions,
            protocol,
            off_protocol_day=study.off_protocol_day(result.patient_id),
            turnover=folds,
        )
        for result in results
    ]
    tables = _tables(protocol)
    return {
        "lesions": tables["lesions"].frame(
            lesion_row(one, protocol) for result in results for one in result.lesions
        ),
        "patients": tables["patients"].frame(patient_cells(outcome) for outcome in outcomes),
        "markers": tables["markers"].frame(marker_row(marker) for marker in markers),
        "visits": tables["visits"].frame(
            visit_row(scan) for result in results for scan in result.scans
        ),
    }


def _marker_results(study: Study, patients: Sequence[str]) -> tuple[MarkerResult, ...]:
    """Markers of the patients at hand."""
    dates = {one: start for one in patients if (start := study.inclusion_date(one)) is not None}
    rows = [row for row in study.markers if row.patient_id in patients]
    return evaluate_markers(rows, study.protocol, dates, patients if study.markers else ())


def _kept_rows(study: Study, out: Path, patient_id: str) -> dict[str, pd.DataFrame] | None:
    """Rows of other patients that an output folder holds already, None where it holds none."""
    if not (out / "run.json").exists():
        return None
    try:
        before = json.loads((out / "run.json").read_text(encoding="utf-8"))["protocol"]["hash"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise OutputError(f"{out / 'run.json'}: not the record of an evaluation ({exc})") from exc
    if before != study.protocol.hash:
        raise OutputError(
            f"{out}: holds results of another protocol (hash {before[:12]}, now "
            f"{study.protocol.hash[:12]}); evaluate all patients again, or choose another folder"
        )
    frames = {name: read_table(out, name) for name in _tables(study.protocol)}
    return {name: frame[frame["patient_id"] != patient_id] for name, frame in frames.items()}


def _joined(study: Study, kept: pd.DataFrame, new: pd.DataFrame, name: str) -> pd.DataFrame:
    """Kept and new rows in the table's order."""
    table = _tables(study.protocol)[name]
    rows = [*kept.to_dict("records"), *new.to_dict("records")]
    return table.frame({str(key): cell for key, cell in row.items()} for row in rows)
