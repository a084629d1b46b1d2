"""A study folder of synthetic patients: tables, DICOM, masks, and the truth beside them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import SimpleITK as sitk

from phantoms.dicom import CtHeader, PatientHeader, PetHeader, Sex, VisitHeader
from phantoms.dicom import write_ct_series, write_pet_series
from phantoms.image import Image
from phantoms.lesions.courses import VISITS
from phantoms.lesions.truth import LesionTruth
from phantoms.patient import Patient, make_patient
from phantoms.tables import write_records, write_table

Progress = Callable[[int, int, str], None]
TARGET_DAYS = {"inclusion": 0, "month_3": 91, "month_12": 365, "month_24": 730}
VERSION = "1"  # raised whenever the same seed gives other bytes
MATRIX = tuple(f"m{row}{column}" for row in range(4) for column in range(4))


class Masks(StrEnum):
    """Which lesions come with the reader's mask beside the point."""

    ALL = "all"
    NONE = "none"
    MIXED = "mixed"
    """Every second lesion."""


def write_study(
    folder: Path,
    *,
    patients: int,
    seed: int,
    preset: str,
    masks: Masks | str = Masks.MIXED,
    jobs: int = 2,
    progress: Progress | None = None,
) -> None:
    """Write a study folder with random patients and its truth.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    patients : int
        Number of patients, ``P01`` onwards.
    seed : int
        The same seed gives the same bytes, whatever `jobs` is.
    preset : str
        ``small`` or ``full``.
    masks : Masks
        Which lesions come with a mask.
    jobs : int
        Visits that are rendered at the same time, in threads.
    progress : callable, optional
        Called with visits done, visits in all, and the one that was finished.

    Raises
    ------
    ValueError
        If the preset or the choice of masks is unknown.
    """
    ids = [f"P{number:02d}" for number in range(1, patients + 1)]
    write_patients(
        folder,
        [make_patient(seed, preset, patient_id) for patient_id in ids],
        masks=Masks(masks),
        jobs=jobs,
        progress=progress,
        about={"seed": seed, "preset": preset},
    )


def write_patients(
    folder: Path,
    patients: Sequence[Patient],
    *,
    masks: Masks = Masks.MIXED,
    jobs: int = 2,
    progress: Progress | None = None,
    about: dict[str, object] | None = None,
) -> None:
    """Write a study folder of given patients; see `write_study`."""
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    (folder / "truth").mkdir(exist_ok=True)
    total = len(patients) * len(VISITS)
    done = 0
    truths: list[LesionTruth] = []
    for patient in patients:
        _ = patient.bricks, patient.texture, patient.pattern  # made once, before the threads ask for them
        with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            found = pool.map(lambda visit, p=patient: _write_visit(folder, p, visit), VISITS)
            suv: dict[str, dict[str, tuple[float | None, float | None]]] = {}
            for visit, values in zip(VISITS, found, strict=True):
                suv[visit] = values
                done += 1
                if progress is not None:
                    progress(done, total, f"{patient.patient_id} {visit}")
        write_mask(folder / "masks" / f"{patient.patient_id}.nii.gz", patient.render_mask("inclusion"))
        truths += [
            replace(row, suv_max_noise_free=clean, suv_max=noisy)
            for row in patient.lesion_truth()
            for clean, noisy in [suv[row.visit][row.lesion_id]]
        ]
    _write_tables(folder, patients, masks)
    _write_truth(folder, patients, truths, about or {})


def visit_date(patient: Patient, visit: str) -> dt.date:
    """Day of a visit, some days off its target but within the protocol's window."""
    first = dt.date(2020, 1, 6) + dt.timedelta(days=int(patient.build.rng("inclusion").integers(700)))
    late = int(patient.build.rng("date", visit).integers(-12, 13)) if TARGET_DAYS[visit] else 0
    return first + dt.timedelta(days=TARGET_DAYS[visit] + late)


def _write_visit(
    folder: Path, patient: Patient, visit: str
) -> dict[str, tuple[float | None, float | None]]:
    """Write CT and PET of one visit; give SUVmax of each lesion, noise-free and noisy."""
    base = folder / "dicom" / patient.patient_id / visit
    header = visit_header(patient, visit)
    scan = patient.scans[visit]
    write_ct_series(
        base / "ct",
        patient.render_ct(visit),
        CtHeader(visit=header, kvp=scan.kvp, slice_thickness_mm=scan.thickness_mm),
    )
    noisy = patient.render_pet(visit)
    write_pet_series(base / "pet", noisy, PetHeader(visit=header))
    clean = patient.suv_max(visit, patient.render_pet(visit, noise=False))
    measured = patient.suv_max(visit, noisy)
    return {name: (clean[name], measured[name]) for name in clean}


def visit_header(patient: Patient, visit: str) -> VisitHeader:
    """Study-level header of a visit."""
    build = patient.build
    rng = build.rng("header", visit)
    day = visit_date(patient, visit)
    started = dt.datetime.combine(day, dt.time(8, 0)) + dt.timedelta(minutes=int(rng.integers(0, 420)))
    weight = build.weight_kg + (float(rng.normal(0, 1.5)) if visit != "inclusion" else 0.0)
    return VisitHeader(
        seed=f"phantom/{build.seed}/{patient.preset}/{patient.patient_id}/{visit}",
        patient=PatientHeader(
            patient_id=patient.patient_id,
            sex=Sex(build.sex),
            weight_kg=round(weight, 1),
            size_m=build.height_m,
        ),
        started=started,
    )


def write_mask(path: Path, image: Image) -> None:
    """Write a label map as NIfTI."""
    out = sitk.GetImageFromArray(image.array)
    out.SetSpacing(image.spacing_xyz_mm)
    out.SetOrigin(image.origin_mm)
    out.SetDirection(image.direction)
    sitk.WriteImage(out, str(path), useCompression=True)


def _write_tables(folder: Path, patients: Sequence[Patient], masks: Masks) -> None:
    visits, lesions, people = [], [], []
    for patient in patients:
        name = patient.patient_id
        people.append({"patient_id": name, "inclusion_date": visit_date(patient, "inclusion")})
        for visit in VISITS:
            base = f"dicom/{name}/{visit}"
            visits.append(
                {
                    "patient_id": name,
                    "visit": visit,
                    "date": visit_date(patient, visit),
                    "ct": f"{base}/ct",
                    "pet": f"{base}/pet",
                }
            )
        for number, plan in enumerate(p for p in patient.lesions if p.is_at_inclusion):
            x, y, z = (round(float(v), 2) for v in patient.click_mm(plan.lesion_id))
            masked = masks is Masks.ALL or (masks is Masks.MIXED and number % 2 == 0)
            lesions.append(
                {
                    "patient_id": name,
                    "lesion_id": plan.lesion_id,
                    "site": f"{plan.bone} {plan.site}".replace("_", " "),
                    "x_mm": x,
                    "y_mm": y,
                    "z_mm": z,
                    "mask": f"masks/{name}.nii.gz" if masked else None,
                    "label": plan.label if masked else None,
                }
            )
    write_table(folder / "visits.csv", ("patient_id", "visit", "date", "ct", "pet"), visits)
    columns = ("patient_id", "lesion_id", "site", "x_mm", "y_mm", "z_mm", "mask", "label")
    write_table(folder / "lesions.csv", columns, lesions)
    columns = ("patient_id", "inclusion_date", "off_protocol_date", "off_protocol_reason")
    write_table(folder / "patients.csv", columns, people)


def _write_truth(
    folder: Path,
    patients: Sequence[Patient],
    truths: Sequence[LesionTruth],
    about: dict[str, object],
) -> None:
    truth = folder / "truth"
    write_records(truth / "lesions.csv", LesionTruth, truths)
    write_table(
        truth / "transforms.csv",
        ("patient_id", "bone", "visit", *MATRIX),
        (
            {
                "patient_id": patient.patient_id,
                "bone": bone,
                "visit": visit,
                **dict(zip(MATRIX, patient.bone_transform(bone, visit).ravel().tolist(), strict=True)),
            }
            for patient in patients
            for bone in patient.bones
            for visit in VISITS
        ),
    )
    scans = {
        patient.patient_id: {
            visit: {
                "spacing_xyz_mm": scan.spacing_xyz_mm,
                "thickness_mm": scan.thickness_mm,
                "kernel": scan.kernel.value,
                "kvp": scan.kvp,
                "drift_hu": scan.drift_hu,
                "noise_hu": scan.noise_hu,
                "pet_fwhm_mm": scan.pet_fwhm_mm,
                "pet_shift_mm": scan.pet_shift_mm,
            }
            for visit, scan in patient.scans.items()
        }
        for patient in patients
    }
    text = json.dumps({"phantom_version": VERSION, **about, "scans": scans}, indent=1, sort_keys=True)
    (truth / "truth.json").write_text(text + "\n", encoding="utf-8")
