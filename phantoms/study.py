"""A study folder of synthetic patients: tables, DICOM, masks, and the truth beside them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from errno import EEXIST
from pathlib import Path

import SimpleITK as sitk

from phantoms.files import VisitFiles, drawn_files, write_files
from phantoms.image import Image
from phantoms.lesions.courses import VISITS
from phantoms.markers import MarkerOptions
from phantoms.patient import Patient, make_patient
from phantoms.study_tables import (
    Masks,
    VisitTruth,
    write_marker_tables,
    write_tables,
    write_truth,
)

Progress = Callable[[int, int, str], None]
FilesOf = Mapping[tuple[str, str], VisitFiles]


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
    files: FilesOf | None = None,
    markers: MarkerOptions | None = None,
    masks: Masks = Masks.MIXED,
    jobs: int = 2,
    progress: Progress | None = None,
    about: Mapping[str, object] | None = None,
) -> None:
    """Write a study folder of given patients; see `write_study`.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; an earlier phantom in it is replaced.
    patients : sequence of Patient
        Ids must differ.
    files : mapping, optional
        How visits arrive, by patient id and visit; drawn where nothing is said.
    markers : MarkerOptions, optional
        What happens to the samples.
    masks, jobs, progress
        As in `write_study`.
    about : mapping, optional
        Goes into ``truth/truth.json``: seed, preset, scenario.

    Raises
    ------
    FileExistsError
        If the folder holds something else than a phantom.
    """
    _make_room(folder)
    total = len(patients) * len(VISITS)
    written: dict[tuple[str, str], VisitTruth] = {}
    for patient in patients:
        patient.prepare()
        plans = {
            v: drawn_files(patient, v, (files or {}).get((patient.patient_id, v))) for v in VISITS
        }
        with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            work = {v: pool.submit(_write_visit, folder, patient, v, plans[v]) for v in VISITS}
            for visit, future in work.items():
                written[patient.patient_id, visit] = future.result()
                if progress is not None:
                    progress(len(written), total, f"{patient.patient_id} {visit}")
        mask = patient.render_mask(VISITS[0])
        write_mask(folder / "masks" / f"{patient.patient_id}.nii.gz", mask)
        patient.forget()
    seed = patients[0].build.seed if patients else 0
    write_tables(folder, patients, written, masks)
    write_marker_tables(folder, patients, seed, markers)
    write_truth(folder, patients, written, about or {})


def _make_room(folder: Path) -> None:
    """Make the study folder; slices of an earlier phantom would become part of its series."""
    truth = folder / "truth" / "truth.json"
    if folder.is_dir() and any(folder.iterdir()) and not truth.exists():
        raise FileExistsError(EEXIST, "the folder holds something else than a phantom", str(folder))
    for part in ("dicom", "masks", "truth"):
        shutil.rmtree(folder / part, ignore_errors=True)
    (folder / "masks").mkdir(parents=True)
    truth.parent.mkdir()
    truth.write_text("{}\n")  # filled at the end; until then it says whose folder this is


def _write_visit(folder: Path, patient: Patient, visit: str, files: VisitFiles) -> VisitTruth:
    """Render and write one visit."""
    ct = patient.render_ct(visit) if files.has_ct else None
    clean = patient.render_pet(visit, noise=False)
    noisy = patient.noisy_pet(visit, clean)
    found = write_files(folder, patient, visit, files, ct, noisy if files.has_pet else None)
    return VisitTruth(
        files=found,
        suv_max_noise_free=patient.suv_max(visit, clean),
        suv_max=patient.suv_max(visit, noisy),
    )


def write_mask(path: Path, image: Image) -> None:
    """Write a label map as NIfTI."""
    out = sitk.GetImageFromArray(image.array)
    out.SetSpacing(image.spacing_xyz_mm)
    out.SetOrigin(image.origin_mm)
    out.SetDirection(image.direction)
    sitk.WriteImage(out, str(path), useCompression=True)
