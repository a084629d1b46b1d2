"""Commands on images: ``inspect, suv, index``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lesionscore.cli.exits import Exit, finish, refusals
from lesionscore.cli.show import say, say_error, show_table
from lesionscore.dicom.classify import Kind
from lesionscore.dicom.find import SeriesSummary, find_series
from lesionscore.dicom.series import read_pet
from lesionscore.errors import Severity
from lesionscore.index import write_visits
from lesionscore.protocol import load_protocol
from lesionscore.volumes.volume import write_image

MEASURED_KINDS = (Kind.CT, Kind.PET)
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


def inspect(
    path: Annotated[Path, typer.Argument(help="Folder, file, zip archive or DICOMDIR.")],
    as_json: AsJson = False,
) -> None:
    """List every series: what it is, whether it can be measured, and why not."""
    with refusals():
        listing = find_series(path)
    findings = [finding for series in listing.series for finding in series.findings]
    if as_json:
        plain = {
            "series": [series.as_dict() for series in listing.series],
            "findings": [dataclasses.asdict(finding) for finding in listing.findings],
        }
        typer.echo(json.dumps(plain, indent=2))
    else:
        columns = ["patient", "date", "no.", "kind", "description", "slices", "spacing mm"]
        show_table(
            str(path),
            [*columns, "kernel", "measurable"],
            [_series_cells(series) for series in listing.series],
            numeric=("patient", "no.", "slices"),
        )
        for finding in (*listing.findings, *findings):
            say(f"{finding.code}: {finding.message}")
    if not listing.series:
        say_error(f"{path}: no DICOM series found")
        raise typer.Exit(Exit.NOTHING_DONE)
    finish(
        f"series {series.series_number} ({series.kind}): {series.why_not}"
        for series in listing.series
        if series.kind in MEASURED_KINDS and not series.measurable
    )


def suv(
    pet_dir: Annotated[Path, typer.Argument(help="Folder of one PET series.")],
    as_json: AsJson = False,
    nifti: Annotated[
        Path | None, typer.Option(help="Write the SUV volume to this NIfTI file.")
    ] = None,
) -> None:
    """Compute the SUV of one PET series, and say by which rule."""
    with refusals():
        scan = read_pet(pet_dir)
        if nifti is not None:
            write_image(scan.volume, nifti)
    result = scan.suv
    reference = None if result.reference_time is None else result.reference_time.isoformat()
    values = {
        "suv_max": float(np.nanmax(scan.volume.array)),
        "factor": result.factor,
        "rule": result.rule,
        "reference_time": reference,
        "uptake_min": result.uptake_min,
    }
    if as_json:
        findings = [dataclasses.asdict(finding) for finding in scan.findings]
        typer.echo(json.dumps(values | {"findings": findings}, indent=2))
        return
    for name, value in values.items():
        say(f"{name}: {'not known' if value is None else value}")
    for finding in scan.findings:
        say(f"{finding.severity} {finding.code}: {finding.message}")


def index(
    dicom_dir: Annotated[Path, typer.Argument(help="Any pile of DICOM.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Study folder to write into.")],
    overwrite: Annotated[bool, typer.Option(help="Replace a visits.csv that differs.")] = False,
) -> None:
    """Make visits.csv from any pile of DICOM."""
    with refusals():
        written = write_visits(dicom_dir, out, load_protocol(), overwrite=overwrite)
    columns = ("patient", "visit", "date", "ct", "pet")
    rows = [
        (row.patient_id, row.visit, row.date.isoformat(), str(row.ct or ""), str(row.pet or ""))
        for row in written.rows
    ]
    show_table("Visits", columns, rows)
    refused = []
    for finding in written.findings:
        words = f"{finding.code}: {finding.message}"
        if finding.severity is Severity.REFUSAL:
            refused.append(words)
        else:
            say(words)
    say(f"visits: {out / 'visits.csv'}")
    finish(refused)


def _series_cells(series: SeriesSummary) -> list[str]:
    """One line of the list of series."""
    spacing = series.spacing_xyz_mm
    return [
        str(series.patient),
        series.date,
        "" if series.series_number is None else str(series.series_number),
        series.kind,
        series.series_description,
        str(series.slices),
        "" if spacing is None else " x ".join(f"{step:.3g}" for step in spacing),
        series.kernel,
        "yes" if series.measurable else f"no: {series.why_not}",
    ]
