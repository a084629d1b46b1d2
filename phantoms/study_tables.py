"""The tables of a study folder, and the truth beside them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from phantoms.files import WrittenFiles, visit_date
from phantoms.lesions.courses import VISITS
from phantoms.lesions.truth import LesionTruth
from phantoms.markers import MarkerOptions, MarkerRow, MarkerTruth, make_markers
from phantoms.patient import Patient
from phantoms.tables import write_records, write_table

VERSION = "1"  # raised whenever the same seed gives other bytes
MATRIX = tuple(f"m{row}{column}" for row in range(4) for column in range(4))
SERIES_COLUMNS = (
    "patient_id",
    "visit",
    "modality",
    "series_uid",
    "files",
    "dialect",
    "faults",
    "outcome",
    "codes",
    "voxel_step",
)


class Masks(StrEnum):
    """Which lesions come with the reader's mask beside the point."""

    ALL = "all"
    NONE = "none"
    MIXED = "mixed"
    """Every second lesion."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitTruth:
    """What was written of one visit, and SUVmax of each lesion on it."""

    files: WrittenFiles
    suv_max_noise_free: Mapping[str, float | None]
    suv_max: Mapping[str, float | None]


Written = Mapping[tuple[str, str], VisitTruth]


def write_tables(folder: Path, patients: Sequence[Patient], written: Written, masks: Masks) -> None:
    """Write ``visits.csv``, ``lesions.csv`` and ``patients.csv``.

    Parameters
    ----------
    folder : Path
        The study folder.
    patients : sequence of Patient
        In the order of the tables.
    written : mapping
        By patient id and visit.
    masks : Masks
        Which lesions come with a mask; every lesion has its point.
    """
    visits, lesions, people = [], [], []
    for patient in patients:
        name = patient.patient_id
        people.append({"patient_id": name, "inclusion_date": visit_date(patient, VISITS[0])})
        for visit in VISITS:
            files = written[name, visit].files
            day = visit_date(patient, visit)
            visits.append(
                {"patient_id": name, "visit": visit, "date": day, "ct": files.ct, "pet": files.pet}
            )
        lesions += _lesion_rows(patient, masks)
    write_table(folder / "visits.csv", ("patient_id", "visit", "date", "ct", "pet"), visits)
    columns = ("patient_id", "lesion_id", "site", "x_mm", "y_mm", "z_mm", "mask", "label")
    write_table(folder / "lesions.csv", columns, lesions)
    ends = ("off_protocol_date", "off_protocol_reason")
    write_table(folder / "patients.csv", ("patient_id", "inclusion_date", *ends), people)


def _lesion_rows(patient: Patient, masks: Masks) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number, plan in enumerate(p for p in patient.lesions if p.is_at_inclusion):
        x, y, z = (round(float(v), 2) for v in patient.click_mm(plan.lesion_id))
        masked = masks is Masks.ALL or (masks is Masks.MIXED and number % 2 == 0)
        rows.append(
            {
                "patient_id": patient.patient_id,
                "lesion_id": plan.lesion_id,
                "site": f"{plan.bone} {plan.site}".replace("_", " "),
                "x_mm": x,
                "y_mm": y,
                "z_mm": z,
                "mask": f"masks/{patient.patient_id}.nii.gz" if masked else None,
                "label": plan.label if masked else None,
            }
        )
    return rows


def write_marker_tables(
    folder: Path, patients: Sequence[Patient], seed: int, options: MarkerOptions | None
) -> None:
    """Write ``markers.csv`` and its truth."""
    dates = {p.patient_id: {v: visit_date(p, v) for v in VISITS} for p in patients}
    courses = make_markers(seed, list(dates), dates, options=options)
    write_records(folder / "markers.csv", MarkerRow, courses.rows)
    write_records(folder / "truth" / "markers.csv", MarkerTruth, courses.truth)


def write_truth(
    folder: Path, patients: Sequence[Patient], written: Written, about: Mapping[str, object]
) -> None:
    """Write ``truth/``: lesions, transforms, series, and how everything was made.

    Parameters
    ----------
    folder : Path
        The study folder.
    patients : sequence of Patient
        In the order of the tables.
    written : mapping
        By patient id and visit.
    about : mapping
        Seed, preset, scenario.
    """
    truth = folder / "truth"
    rows: list[LesionTruth] = []
    for patient in patients:
        for row in patient.lesion_truth():
            visit = written[patient.patient_id, row.visit]
            clean, noisy = visit.suv_max_noise_free[row.lesion_id], visit.suv_max[row.lesion_id]
            rows.append(replace(row, suv_max_noise_free=clean, suv_max=noisy))
    write_records(truth / "lesions.csv", LesionTruth, rows)
    columns = ("patient_id", "bone", "visit", *MATRIX)
    write_table(truth / "transforms.csv", columns, _transform_rows(patients), digits=10)
    series = [row for visit in written.values() for row in visit.files.rows]
    write_table(truth / "series.csv", SERIES_COLUMNS, series)
    made = {
        "phantom_version": VERSION,
        **about,
        "patients": {p.patient_id: _patient_facts(p) for p in patients},
    }
    text = json.dumps(made, indent=1, sort_keys=True)
    (truth / "truth.json").write_text(text + "\n", encoding="utf-8")


def _transform_rows(patients: Sequence[Patient]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for patient in patients:
        for bone in patient.bones:
            for visit in VISITS:
                numbers = patient.bone_transform(bone, visit).ravel().tolist()
                cells = dict(zip(MATRIX, numbers, strict=True))
                rows.append(
                    {"patient_id": patient.patient_id, "bone": bone, "visit": visit, **cells}
                )
    return rows


def _patient_facts(patient: Patient) -> dict[str, object]:
    """How a patient and its scans were made, as plain values."""
    build = dataclasses.asdict(patient.build)
    scans = {visit: dataclasses.asdict(scan) for visit, scan in patient.scans.items()}
    beside = [{"kind": c.kind.value, "bone": c.bone, "near": c.near} for c in patient.confounders]
    return {"preset": patient.preset, "build": build, "scans": scans, "confounders": beside}
