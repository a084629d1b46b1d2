"""Commands on a study folder and its results: ``check, evaluate, markers, report``."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from lesionscore.cli.exits import finish, refusals
from lesionscore.cli.show import progress_bar, say, show_table
from lesionscore.evaluation import Evaluation, evaluate_markers_file, evaluate_study, render_reports
from lesionscore.pipeline.series import unknown_series
from lesionscore.protocol import load_protocol
from lesionscore.study import Study, read_study
from lesionscore.study.faults import StudyTablesError

OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Output folder.")]
PatientId = Annotated[str | None, typer.Option("--patient", help="Only this patient.")]


def check(
    study: Annotated[Path, typer.Argument(help="Study folder with visits.csv and lesions.csv.")],
) -> None:
    """Validate the tables and paths of a study without reading pixels."""
    with refusals():
        read = read_study(study)
        faults = unknown_series(read)
        if faults:
            raise StudyTablesError(str(study), faults)
    for finding in read.findings:
        say(f"{finding.code}: {finding.message}")
    say(
        f"{study}: {len(read.patient_ids)} patients, {len(read.visits)} visits, "
        f"{len(read.lesions)} lesions, {len(read.markers)} marker values; no fault found"
    )


def evaluate(
    study: Annotated[Path, typer.Argument(help="Study folder with visits.csv and lesions.csv.")],
    out: OutFolder,
    patient: PatientId = None,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, in place of processes.")
    ] = None,
) -> None:
    """Score every lesion of a study at every visit."""
    with refusals():
        read = read_study(study, keep_scan_faults=True)
        evaluation = run_evaluation(read, out, patient=patient, jobs=jobs, cluster=cluster)
    show_verdicts(evaluation)
    finish(evaluation.failures)


def markers(
    table: Annotated[Path, typer.Argument(metavar="MARKERS.CSV", help="Table of bone markers.")],
    out: OutFolder,
    protocol: Annotated[
        Path | None, typer.Option(help="A protocol.toml that overrides the Ninlaro protocol.")
    ] = None,
) -> None:
    """Evaluate bone markers and their ratios alone."""
    with refusals():
        frame = evaluate_markers_file(table, out, load_protocol(protocol))
    say(f"{len(frame)} rows: {out / 'markers.csv'}")


def report(
    out: Annotated[Path, typer.Argument(help="Folder that `evaluate -o` wrote.")],
    patient: PatientId = None,
) -> None:
    """Make the report pages again, from the tables."""
    with refusals():
        for page in render_reports(out, patient):
            say(str(page))


def run_evaluation(
    study: Study, out: Path, *, patient: str | None, jobs: int, cluster: str | None
) -> Evaluation:
    """Evaluate with a progress bar."""
    n_patients = 1 if patient is not None else len(study.patient_ids)
    with progress_bar(n_patients, "patients") as told:
        return evaluate_study(
            study, out, patient_id=patient, jobs=jobs, cluster=cluster, progress=told
        )


def show_verdicts(evaluation: Evaluation) -> None:
    """Print the verdict of every lesion and visit, and where the report is."""
    columns = [
        "patient",
        "lesion",
        "site",
        "visit",
        "longest mm",
        "change",
        "SUVmax",
        "healed",
        "because",
        "p",
    ]
    rows = [_verdict_cells(row) for row in evaluation.lesions.to_dict("records")]
    show_table("Lesions", columns, rows, numeric=("longest mm", "change", "SUVmax", "p"))
    for page in evaluation.reports:
        say(f"report: {page}")


def _verdict_cells(row: dict[Hashable, Any]) -> list[str]:
    """One line of the verdict table."""
    limbs = [name for name in ("size", "sclerosis", "complete") if row[f"{name}_limb"] == "met"]
    healed = str(row["healed"])
    because = " + ".join(limbs)
    if healed == "not_evaluable" and not pd.isna(row["reason"]):
        because = str(row["reason"])
    if row["borderline"] is True:
        because = f"{because} (borderline)".strip()
    return [
        str(row["patient_id"]),
        str(row["lesion_id"]),
        "" if pd.isna(row["site"]) else str(row["site"]),
        str(row["visit"]),
        _number(row["longest_diameter_mm"], "{:.1f}"),
        _number(row["longest_diameter_change_percent"], "{:+.0f} %"),
        _number(row["suv_max"], "{:.1f}"),
        healed,
        because,
        _number(row["healing_probability"], "{:.2f}"),
    ]


def _number(value: Any, form: str) -> str:
    """A number in words, nothing where there is none."""
    return "" if value is None or pd.isna(value) else form.format(value)
