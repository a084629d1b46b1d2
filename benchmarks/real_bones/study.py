"""A patient as a study folder, with its truth beside it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from benchmarks.real_bones.definition import DAYS_FROM_INCLUSION, VISITS
from benchmarks.real_bones.patient import Patient
from benchmarks.real_bones.reader import click_mm, reader_mask
from benchmarks.real_bones.scan import Scan, render
from benchmarks.real_bones.truth import COLUMNS, truth_rows
from phantoms.tables import write_table

MASK = "masks/{}.nii.gz"
INCLUSION = dt.date(2021, 3, 1)
MATRIX = tuple(f"m{row}{column}" for row in range(4) for column in range(4))


def write_study(folder: Path, patient: Patient) -> None:
    """Write one patient's study folder and its truth.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; its files are replaced.
    patient : Patient
        Who it is about.
    """
    for part in ("ct", "masks", "truth"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    _write_visits(folder, patient)
    _write_lesions(folder, patient)
    write_table(folder / "truth" / "lesions.csv", COLUMNS, truth_rows(patient))
    _write_transforms(folder / "truth" / "transforms.csv", patient)
    made = {
        "seed": patient.seed,
        "region": patient.region,
        "scans": {visit: asdict(scanner) for visit, scanner in patient.scanners.items()},
    }
    (folder / "truth" / "truth.json").write_text(json.dumps(made, indent=1) + "\n")


def _write_visits(folder: Path, patient: Patient) -> None:
    """Write the scans, the reader's mask, and the table of visits."""
    rows = []
    for visit in VISITS:
        scan = render(patient, visit)
        path = f"ct/{patient.patient_id}_{visit}.nii.gz"
        _write_image(folder / path, np.round(scan.array).astype(np.int16), scan)
        if visit == VISITS[0]:
            _write_image(folder / MASK.format(patient.patient_id), reader_mask(patient, scan), scan)
        date = INCLUSION + dt.timedelta(days=DAYS_FROM_INCLUSION[visit])
        rows.append({"patient_id": patient.patient_id, "visit": visit, "date": date, "ct": path})
    write_table(folder / "visits.csv", ("patient_id", "visit", "date", "ct", "pet"), rows)


def _write_image(path: Path, array: npt.NDArray[np.integer], scan: Scan) -> None:
    """Write an array, shape (n_z, n_y, n_x), on a scan's grid."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(scan.spacing_xyz_mm.tolist())
    image.SetOrigin(scan.origin_mm.tolist())
    sitk.WriteImage(image, str(path), useCompression=True)


def _write_lesions(folder: Path, patient: Patient) -> None:
    """Write the table of lesions: every second one by a mask, the others by a click alone."""
    rows = []
    for lesion in patient.lesions:
        x, y, z = (round(float(v), 2) for v in click_mm(patient, lesion))
        row = {
            "patient_id": patient.patient_id,
            "lesion_id": lesion.lesion_id,
            "site": lesion.bone.replace("_", " "),
            "x_mm": x,
            "y_mm": y,
            "z_mm": z,
        }
        if (lesion.label + patient.seed) % 2 == 1:
            row |= {"mask": MASK.format(patient.patient_id), "label": lesion.label}
        rows.append(row)
    columns = ("patient_id", "lesion_id", "site", "x_mm", "y_mm", "z_mm", "mask", "label")
    write_table(folder / "lesions.csv", columns, rows)


def _write_transforms(path: Path, patient: Patient) -> None:
    """Write how every bone has moved since inclusion, as matrices of shape (4, 4)."""
    rows = []
    for bone in patient.bones:
        bone_from_world = np.linalg.inv(patient.poses[VISITS[0]].world_from_bone[bone])
        for visit in VISITS:
            move = patient.poses[visit].world_from_bone[bone] @ bone_from_world
            row = {"patient_id": patient.patient_id, "bone": bone, "visit": visit}
            rows.append(row | dict(zip(MATRIX, move.ravel().tolist(), strict=True)))
    write_table(path, ("patient_id", "bone", "visit", *MATRIX), rows, digits=10)
