"""A small output folder made by hand: two lesions at four visits, with every state of a report.

The numbers stand here, so that tests can look for them on the page; the pictures are of a round
bone with a hole in it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skimage.measure import marching_cubes

from lesionscore.lesions.strip import make_strip, write_strip
from lesionscore.protocol.protocol import load_protocol
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid, Volume

VISITS = ("inclusion", "month_3", "month_12", "month_24")
DAYS = {"inclusion": 0, "month_3": 91, "month_12": 370, "month_24": 731}
DATES = {
    "inclusion": "2020-01-06",
    "month_3": "2020-04-06",
    "month_12": "2021-01-10",
    "month_24": "2022-01-06",
}
CENTRE = (20.0, -35.0, 410.0)

Rows = list[dict[str, Any]]

# fmt: off
LESION_ROWS: Rows = [
    # L1: shrinks (borderline), is healed by size and sclerosis, then is gone
    {"lesion_id": "L1", "visit": "inclusion", "ct_status": "evaluable", "presence": "present",
     "longest_diameter_mm": 18.2, "longest_diameter_sd_mm": 0.21, "axial_diameter_mm": 16.9,
     "short_axis_mm": 13.0, "volume_ml": 2.41, "mean_hu": 32.0, "rim_hu": 212.0,
     "registration_error_mm": 0.0, "pet_status": "evaluable", "suv_max": 12.4, "suv_peak": 9.9,
     "suv_mean": 6.8, "x_mm": 20.0, "y_mm": -35.0, "z_mm": 410.0},
    {"lesion_id": "L1", "visit": "month_3", "ct_status": "evaluable", "presence": "present",
     "longest_diameter_mm": 13.7, "longest_diameter_sd_mm": 0.25, "axial_diameter_mm": 13.1,
     "short_axis_mm": 10.2, "volume_ml": 1.13, "mean_hu": 41.0, "rim_hu": 240.0,
     "longest_diameter_change_mm": -4.5, "longest_diameter_change_percent": -24.7,
     "rim_hu_change": 22.0, "rim_z": 0.8, "size_limb": "not_met", "sclerosis_limb": "not_met",
     "complete_limb": "not_met", "healed": "not_met", "healing_probability": 0.47,
     "borderline": True, "verdict_depends_on_size_metric": True, "registration_error_mm": 0.31,
     "pet_status": "evaluable", "suv_max": 17.1, "suv_max_change": 4.7,
     "suv_max_change_percent": 37.9, "suv_max_beyond_repeatability": True, "suv_peak": 13.0,
     "suv_mean": 8.8, "flags": "metal_near;spill_in"},
    {"lesion_id": "L1", "visit": "month_12", "ct_status": "evaluable", "presence": "present",
     "longest_diameter_mm": 9.6, "longest_diameter_sd_mm": 0.3, "axial_diameter_mm": 9.1,
     "short_axis_mm": 7.2, "volume_ml": 0.39, "mean_hu": 60.0, "rim_hu": 395.0,
     "longest_diameter_change_mm": -8.6, "longest_diameter_change_percent": -47.3,
     "rim_hu_change": 175.0, "rim_z": 6.1, "size_limb": "met", "sclerosis_limb": "met",
     "complete_limb": "not_met", "healed": "met", "healing_probability": 0.9996,
     "borderline": False, "verdict_depends_on_size_metric": False,
     "registration_error_mm": 0.28, "pet_status": "evaluable", "suv_max": 10.1,
     "suv_max_change": None, "suv_peak": 8.0, "suv_mean": 5.0, "flags": "uptake_outside_window"},
    {"lesion_id": "L1", "visit": "month_24", "ct_status": "evaluable", "presence": "absent",
     "rim_hu": 402.0, "size_limb": "met", "sclerosis_limb": "met", "complete_limb": "met",
     "healed": "met", "healing_probability": 1.0, "borderline": False,
     "registration_error_mm": 0.4, "infill_percent": 100.0, "pet_status": "missing",
     "reason": "pet_not_done"},
    # L2: stable, then no CT, then not covered, then something too small
    {"lesion_id": "L2", "visit": "inclusion", "ct_status": "evaluable", "presence": "present",
     "longest_diameter_mm": 8.1, "longest_diameter_sd_mm": 0.35, "axial_diameter_mm": 8.0,
     "short_axis_mm": 6.6, "volume_ml": 0.22, "mean_hu": 20.0, "rim_hu": 180.0,
     "registration_error_mm": 0.0, "pet_status": "evaluable", "suv_max": 6.3, "suv_peak": 5.1,
     "suv_mean": 3.9},
    {"lesion_id": "L2", "visit": "month_3", "ct_status": "missing", "healed": "not_evaluable",
     "size_limb": "not_evaluable", "sclerosis_limb": "not_evaluable",
     "complete_limb": "not_evaluable", "pet_status": "missing",
     "reason": "ct_not_done;pet_not_done"},
    {"lesion_id": "L2", "visit": "month_12", "ct_status": "not_evaluable",
     "healed": "not_evaluable", "size_limb": "not_evaluable", "sclerosis_limb": "not_evaluable",
     "complete_limb": "not_evaluable", "pet_status": "not_evaluable",
     "reason": "not_covered;code_nobody_has_explained"},
    {"lesion_id": "L2", "visit": "month_24", "ct_status": "evaluable", "presence": "too_small",
     "size_limb": "met", "sclerosis_limb": "not_evaluable", "complete_limb": "not_met",
     "healed": "met", "healing_probability": 0.97, "borderline": False,
     "registration_error_mm": 0.9, "pet_status": "evaluable", "suv_max": 4.2,
     "suv_max_change": -2.1, "suv_max_change_percent": -33.3,
     "suv_max_beyond_repeatability": True, "reason": "edge_not_measured",
     "flags": "alignment_uncertain"},
]

SCAN_ROWS: Rows = [
    {"visit": "inclusion", "modality": "CT", "status": "evaluable", "scanner": "Vendor A Model 1",
     "kernel": "B70f", "kvp": 120.0, "series_description": "WB thin bone",
     "series_choice": "thinnest slices, bone kernel", "passed_over": "5 mm soft;scout"},
    {"visit": "inclusion", "modality": "PET", "status": "evaluable", "uptake_min": 45.2,
     "suv_rule": "bqml_start", "suv_factor": 0.000465, "scanner": "Vendor A Model 1"},
    {"visit": "month_3", "modality": "CT", "status": "evaluable", "kernel": "B70f", "kvp": 120.0,
     "comparable": True, "drift_hu": -6.4,
     "findings": "slices_repeated: 3 slices came twice; the copies are identical;"
                 "uid_reused: the study UID is that of another visit"},
    {"visit": "month_3", "modality": "PET", "status": "evaluable", "uptake_min": 47.0,
     "suv_rule": "bqml_start", "comparable": True},
    {"visit": "month_12", "modality": "CT", "status": "evaluable", "kernel": "B30f",
     "kvp": 100.0, "comparable": False, "comparability_reasons": "kernel_differs;kvp_differs"},
    {"visit": "month_12", "modality": "PET", "status": "evaluable", "uptake_min": 61.0,
     "suv_rule": "bqml_start", "comparable": False,
     "findings": "uptake_outside_window: 61 minutes after infusion, 40 to 50 are asked for"},
    {"visit": "month_24", "modality": "CT", "status": "evaluable", "kernel": "B70f",
     "kvp": 120.0, "comparable": True},
    {"visit": "month_24", "modality": "PET", "status": "not_evaluable",
     "reason": "suv_refused: Patient's Weight (0010,1030) is missing"},
]

MARKER_VALUES = {
    "bALP": ("ug/L", (11.0, 13.2, 15.5, 14.0)),
    "PINP": ("ug/L", (42.0, 55.0, 61.0, None)),
    "OC": ("ug/L", (14.0, 15.0, 17.5, 16.0)),
    "CTX": ("ng/L", (310.0, 250.0, 205.0, 190.0)),
    "TRAP5b": ("U/L", (3.1, 2.8, 2.6, 2.9)),
    "bALP/CTX": ("", (0.0355, 0.0528, 0.0756, 0.0737)),
    "bALP/TRAP5b": ("", (3.55, 4.71, 5.96, 4.83)),
    "PINP/CTX": ("", (0.135, 0.22, 0.298, None)),
    "PINP/TRAP5b": ("", (13.5, 19.6, 23.5, None)),
    "OC/CTX": ("", (0.0452, 0.06, 0.0854, 0.0842)),
    "OC/TRAP5b": ("", (4.52, 5.36, 6.73, 5.52)),
    "composite": ("", (1.0, 1.35, 1.88, None)),
}
# fmt: on

PATIENT_ROW = {
    "lesions": 2,
    "healed_best": "met",
    "healed_last": "not_evaluable",
    "proportion_healed_best_percent": 100.0,
    "month_3_lesions_healed": 0,
    "month_3_reason": "no_ct (1)",
    "month_12_lesions_healed": 1,
    "month_12_coupling": "anabolic",
    "month_24_lesions_healed": 2,
}

STUDY = {
    "choices": {"interval": "clopper_pearson", "size": "longest_diameter"},
    "healing_of_lesions": [
        {
            "analysis": "primary",
            "visit": "until_month_24",
            "evaluable": 64,
            "healed": 27,
            "not_evaluable": 3,
            "proportion": 0.421875,
            "low": 0.299,
            "high": 0.552,
            "interval_method": "clopper_pearson",
            "clopper_pearson": {"state": "estimated", "low": 0.299, "high": 0.552},
            "cluster_bootstrap": {"state": "too_few", "low": None, "high": None},
            "gee": None,
        }
    ],
    "healing_of_patients": [
        {
            "analysis": "primary",
            "visit": "month_12",
            "evaluable": 0,
            "healed": 0,
            "not_evaluable": 2,
            "proportion": None,
            "low": None,
            "high": None,
            "interval_method": "clopper_pearson",
            "clopper_pearson": {"state": "no_data"},
        }
    ],
    "changes": [
        {
            "endpoint": "suv_max",
            "visit": "month_3",
            "values": 9,
            "patients": 4,
            "not_evaluable": 1,
            "median_change": 1.25,
            "median_change_percent": 12.5,
            "paired": {
                "state": "estimated",
                "ratio": 1.12,
                "ratio_low": 0.94,
                "ratio_high": 1.33,
                "p_t": 0.0421,
                "p_wilcoxon": 0.0625,
            },
        }
    ],
    "models": [{"endpoint": "PINP", "mixed": {"state": "too_few", "detail": "2 patients"}}],
    "tests": [{"family": "secondary", "endpoint": "suv_max", "p": 0.0421, "significant": False}],
    "something_new": {"deep": {"answer": 42.5}},
}

SITES = {"L1": "L3 vertebral body", "L2": "left ilium"}


def lesion_rows(patient_id: str) -> Rows:
    """Rows of ``lesions`` of one patient, with every column of the first."""
    common = {"patient_id": patient_id}
    return [
        {
            **common,
            "label": int(row["lesion_id"][1:]),
            "site": SITES[row["lesion_id"]],
            "days_from_inclusion": DAYS[row["visit"]],
            **row,
        }
        for row in LESION_ROWS
    ]


def scan_rows(patient_id: str) -> Rows:
    """Rows of ``visits`` of one patient."""
    ct = {"spacing_x_mm": 0.977, "spacing_y_mm": 0.977, "spacing_z_mm": 1.5}
    return [
        {
            "patient_id": patient_id,
            "date": DATES[row["visit"]],
            "days_from_inclusion": DAYS[row["visit"]],
            **(ct if row["modality"] == "CT" else {}),
            **row,
        }
        for row in SCAN_ROWS
    ]


def marker_rows(patient_id: str) -> Rows:
    """Rows of ``markers`` of one patient."""
    rows = []
    for marker, (unit, values) in MARKER_VALUES.items():
        for visit, value in zip(VISITS, values, strict=True):
            row: dict[str, Any] = {"patient_id": patient_id, "visit": visit, "marker": marker}
            row |= {"unit": unit, "days_from_inclusion": DAYS[visit], "value": value}
            if value is None:
                row |= {"status": "not_evaluable", "reason": "missing_component"}
            else:
                row |= {"status": "evaluable", "inclusion_value": values[0]}
            if value is not None and visit != "inclusion":
                fold = value / values[0]
                row |= {"fold_change": fold, "change_percent": 100.0 * (fold - 1.0)}
            rows.append(row)
    return rows


def run_json(patients: Sequence[str]) -> dict[str, Any]:
    """A ``run.json`` with the packaged protocol."""
    protocol = load_protocol()
    questions = [
        {"topic": q.topic, "question": q.question, "choice": q.choice, "why": q.why}
        for q in protocol.open_questions
    ]
    return {
        "lesionscore_version": "0.1.0",
        "python_version": "3.11.7",
        "created": "2022-02-01T10:00:00+00:00",
        "study_tables": {"visits.csv": "ab" * 32, "lesions.csv": "cd" * 32},
        "protocol": {
            "name": "ninlaro",
            "hash": protocol.hash,
            "values": protocol.values(),
            "open_questions": questions,
        },
        "findings": [
            {"code": "label_changed", "message": f"patient {p}, lesion L1: label 1 for all"}
            for p in patients
        ],
        "seconds_per_stage": {"read": 3.1, "align": 2.0},
        "patients": [{"patient_id": p, "status": "done", "reason": ""} for p in patients],
        "versions": {"numpy": "2.0.0", "SimpleITK": "2.5.0"},
    }


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as the tables do: all columns, empty where there is nothing, true and false."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _plain(row.get(key)) for key in columns})


def _plain(value: Any) -> Any:
    """A cell's text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def write_output(out: Path, patients: Sequence[str] = ("P01",), *, strips: bool = True) -> Path:
    """Write the whole folder."""
    out.mkdir(parents=True, exist_ok=True)
    for name, rows_of in (
        ("lesions", lesion_rows),
        ("visits", scan_rows),
        ("markers", marker_rows),
    ):
        write_csv(out / f"{name}.csv", [row for p in patients for row in rows_of(p)])
    write_csv(out / "patients.csv", [{"patient_id": p, **PATIENT_ROW} for p in patients])
    (out / "study.json").write_text(json.dumps(STUDY, sort_keys=True), encoding="utf-8")
    (out / "run.json").write_text(json.dumps(run_json(patients), sort_keys=True), encoding="utf-8")
    for patient_id in patients if strips else ():
        write_strips(out / "patients" / patient_id / "strips")
    return out


def write_strips(folder: Path) -> None:
    """Write strips of every visit that has a CT; L2 at month 12 lies at the end of the scan."""
    folder.mkdir(parents=True)
    radii = {
        "L1": {"inclusion": 9.1, "month_3": 6.85, "month_12": 4.8, "month_24": 0.0},
        "L2": {"inclusion": 4.05, "month_12": 4.05, "month_24": 1.5},
    }
    for number, (lesion_id, of_visit) in enumerate(radii.items()):
        for visit, radius in of_visit.items():
            seed = 10 * number + VISITS.index(visit)
            cut = lesion_id == "L2" and visit == "month_12"
            write_strip(
                folder / f"{lesion_id}_{visit}.npz",
                bone_strip(radius, seed=seed, is_cut=cut, has_pet=visit != "month_24"),
            )


def bone_strip(radius_mm: float, *, seed: int, is_cut: bool, has_pet: bool):
    """A strip of a bone with a round hole of `radius_mm`."""
    ct, pet = _scans(radius_mm, seed, is_cut)
    vertices, faces, ends = None, None, None
    if radius_mm >= 2.0 and not is_cut:
        steps = np.arange(-radius_mm - 1, radius_mm + 1.1, 0.8)
        z, y, x = np.meshgrid(steps, steps, steps, indexing="ij")
        vertices, faces, _, _ = marching_cubes(np.sqrt(x * x + y * y + z * z), radius_mm)
        vertices = (vertices * 0.8 + steps[0])[:, ::-1] + np.asarray(CENTRE)
        slant = np.array([0.9, 0.42, 0.1]) * radius_mm
        ends = (tuple(np.subtract(CENTRE, slant)), tuple(np.add(CENTRE, slant)))
    return make_strip(
        ct=ct,
        pet=pet if has_pet else None,
        visit_from_inclusion=RigidTransform.identity(),
        pet_from_ct=None,
        centre_mm=CENTRE,
        surface_vertices=vertices,
        surface_faces=faces,
        ends_mm=ends,
        half_width_mm=36.0,
    )


def _scans(radius_mm: float, seed: int, is_cut: bool) -> tuple[Volume, Volume]:
    """CT and PET of a barrel of bone in soft tissue, with a hole and uptake around it."""
    random = np.random.default_rng(seed)
    top = 6.0 if is_cut else 40.0

    def sample(spacing, blur):
        shape = (int((40 + top) / spacing[2]), int(80 / spacing[1]), int(80 / spacing[0]))
        origin = (CENTRE[0] - 40, CENTRE[1] - 40, CENTRE[2] - 40)
        grid = Grid(shape_zyx=shape, spacing_xyz_mm=spacing, origin_mm=origin)
        index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
        x, y, z = np.moveaxis(grid.positions_mm(index) - CENTRE, -1, 0)
        x, y = x + 4.0, y - 3.0
        rim = 24.0 + 0.006 * z * z
        barrel = np.maximum(np.hypot(x, y * 1.25) - rim, np.abs(z) - 26.0)
        hole = np.sqrt((x - 4.0) ** 2 + (y + 3.0) ** 2 + z * z) - radius_mm
        return grid, 1 / (1 + np.exp(barrel / blur)), 1 / (1 + np.exp((barrel + 2.5) / blur)), hole

    grid, bone, marrow, hole = sample((0.977, 0.977, 1.5), 0.4)
    texture = 38.0 * np.sin(grid.positions_mm(np.zeros(3))[0]) + random.normal(0, 35, bone.shape)
    hu = 45 + 650 * bone - 480 * marrow + texture
    if radius_mm > 0:
        inside = 1 / (1 + np.exp(hole / 0.5))
        hu += inside * (35 - (45 + 650 * bone - 480 * marrow))
        if radius_mm < 6:
            hu += 180 * np.exp(-(((hole - 1.5) / 1.2) ** 2))
    ct = Volume(array=hu.astype(np.int16), grid=grid, quantity=Quantity.HU)
    grid, bone, _, hole = sample((4.0, 4.0, 3.0), 3.0)
    suv = 0.8 + 4.5 * bone + (7.0 if radius_mm > 0 else 1.0) * np.exp(-((hole / 5.0) ** 2))
    suv += random.normal(0, 0.3, suv.shape)
    return ct, Volume(array=suv.astype(np.float32), grid=grid, quantity=Quantity.SUVBW)
