"""How a visit arrives on disk: vendor, dialect, other series beside it, faults, gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from phantoms.dicom import (
    GE_DISCOVERY,
    PET_DIALECTS,
    PHILIPS_GEMINI,
    SIEMENS_BIOGRAPH,
    UIH_UMI,
    Companion,
    CtFault,
    CtHeader,
    PatientHeader,
    PetFault,
    PetHeader,
    Scanner,
    Sex,
    VisitHeader,
    WrittenSeries,
    write_ct_series,
    write_pet_series,
)
from phantoms.dicom.catalogue import fault_named
from phantoms.dicom.companions import write_companion
from phantoms.image import Image
from phantoms.lesions.courses import VISITS
from phantoms.patient import Patient
from phantoms.scanner.blur import Kernel
from phantoms.scanner.plan import ScanPlan

TARGET_DAYS = {"inclusion": 0, "month_3": 91, "month_12": 365, "month_24": 730}
USUAL_DIALECTS: tuple[tuple[Scanner, str], ...] = (
    (SIEMENS_BIOGRAPH, "bqml_start_siemens"),
    (GE_DISCOVERY, "bqml_start_ge"),
    (PHILIPS_GEMINI, "cnts_both"),
    (UIH_UMI, "bqml_start_uih"),
)
USUAL_COMPANIONS = (Companion.SCOUT, Companion.NOT_CORRECTED, Companion.DOSE_REPORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFiles:
    """How one visit is written; None is drawn from the seed.

    Parameters
    ----------
    has_ct, has_pet : bool
        False: not done; the table's cell is empty.
    pet_dialect : str or None
        A name of `phantoms.dicom.PET_DIALECTS`; the patient's usual scanner's when None.
    companions : tuple of Companion or None
        Other series in the visit's folder, which the table then names as a whole.
    ct_faults, pet_faults : tuple of str
        Names of faults.
    uptake_min : float or None
        Minutes from injection to scan.
    """

    has_ct: bool = True
    has_pet: bool = True
    pet_dialect: str | None = None
    companions: tuple[Companion, ...] | None = None
    ct_faults: tuple[str, ...] = ()
    pet_faults: tuple[str, ...] = ()
    uptake_min: float | None = None

    def __post_init__(self) -> None:
        if self.pet_dialect is not None and self.pet_dialect not in PET_DIALECTS:
            known = ", ".join(PET_DIALECTS)
            raise ValueError(f"no PET dialect {self.pet_dialect!r}; there are {known}")
        for name, other in (
            *((n, PetFault) for n in self.ct_faults),
            *((n, CtFault) for n in self.pet_faults),
        ):
            if fault_named(name) in tuple(other):
                raise ValueError(f"{name!r} is not a fault of this modality")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrittenFiles:
    """Where a visit's CT and PET are (as in the table), and what a right reader does with them."""

    ct: str | None
    pet: str | None
    rows: tuple[dict[str, object], ...]


def visit_date(patient: Patient, visit: str) -> dt.date:
    """Day of a visit, some days off its target but within the protocol's window."""
    start = int(patient.build.rng("inclusion").integers(700))
    late = int(patient.build.rng("date", visit).integers(-12, 13)) if TARGET_DAYS[visit] else 0
    return dt.date(2020, 1, 6) + dt.timedelta(days=start + TARGET_DAYS[visit] + late)


def drawn_files(patient: Patient, visit: str, files: VisitFiles | None) -> VisitFiles:
    """Fill in by chance what is not fixed: now and then there are other series in the folder."""
    files = files or VisitFiles()
    rng = patient.build.rng("files", visit)
    beside = USUAL_COMPANIONS if rng.random() < 0.25 else ()
    return replace(
        files,
        companions=beside if files.companions is None else files.companions,
        uptake_min=files.uptake_min or round(float(rng.uniform(41.0, 49.0)), 1),
    )


def headers_of(patient: Patient, visit: str, files: VisitFiles) -> tuple[CtHeader, PetHeader]:
    """Make the headers of a visit's CT and PET; weight and dose are the visit's own."""
    build, scan = patient.build, patient.scans[visit]
    rng = build.rng("header", visit)
    clock = dt.datetime.combine(visit_date(patient, visit), dt.time(8, 0))
    change = 0.0 if visit == VISITS[0] else float(rng.normal(0, 1.5))
    study = VisitHeader(
        seed=f"phantom/{build.seed}/{patient.preset}/{patient.patient_id}/{visit}",
        patient=PatientHeader(
            patient_id=patient.patient_id,
            sex=Sex(build.sex),
            weight_kg=round(build.weight_kg + change, 1),
            size_m=build.height_m,
        ),
        started=clock + dt.timedelta(minutes=int(rng.integers(0, 420))),
    )
    scanner, dialect = USUAL_DIALECTS[int(build.rng("scanner").integers(len(USUAL_DIALECTS)))]
    pet = PetHeader(
        visit=study,
        injected_dose_bq=round(float(rng.uniform(170, 230)), 1) * 1e6,
        uptake_min=files.uptake_min or 45.0,
    )
    pet = PET_DIALECTS[files.pet_dialect or dialect].header(pet)
    scanner = pet.scanner if files.pet_dialect else scanner
    ct = CtHeader(
        visit=pet.visit,
        scanner=scanner,
        kvp=scan.kvp,
        slice_thickness_mm=scan.thickness_mm,
        kernel=_kernel_name(scanner, scan),
        series_description=f"WB LOW DOSE CT {scan.thickness_mm:.1f} {scan.kernel.value.upper()}",
    )
    return ct, pet


def _kernel_name(scanner: Scanner, scan: ScanPlan) -> str:
    return scanner.bone_kernel if scan.kernel is Kernel.BONE else scanner.soft_kernel


def write_files(
    folder: Path,
    patient: Patient,
    visit: str,
    files: VisitFiles,
    ct: Image | None,
    pet: Image | None,
) -> WrittenFiles:
    """Write the series of a visit into ``dicom/<patient>/<visit>`` of a study folder.

    Parameters
    ----------
    folder : Path
        The study folder.
    patient, visit : Patient, str
        Whose visit.
    files : VisitFiles
        How it arrives; see `drawn_files`.
    ct, pet : Image or None
        HU and SUVbw; None where not done.

    Returns
    -------
    WrittenFiles
        Paths for the table, and one row of truth for each series to be measured.
    """
    base = f"dicom/{patient.patient_id}/{visit}"
    ct_header, pet_header = headers_of(patient, visit, files)
    rows: list[dict[str, object]] = []
    paths: dict[str, str | None] = {"CT": None, "PET": None}
    whole = bool(files.companions) and ct is not None
    if ct is not None:
        for companion in files.companions or ():
            target = folder / base / companion.value
            write_companion(companion, target, ct, pet, ct_header, pet_header)
        ct_faults = [f for f in map(fault_named, files.ct_faults) if not isinstance(f, PetFault)]
        written = write_ct_series(folder / base / "ct", ct, ct_header, ct_faults)
        paths["CT"] = base if whole else f"{base}/ct"
        rows.append(_row(patient, visit, "CT", written, files.ct_faults, ""))
    if pet is not None:
        pet_faults = [f for f in map(fault_named, files.pet_faults) if not isinstance(f, CtFault)]
        written = write_pet_series(folder / base / "pet", pet, pet_header, pet_faults)
        paths["PET"] = base if whole else f"{base}/pet"
        rows.append(
            _row(patient, visit, "PET", written, files.pet_faults, files.pet_dialect or "usual")
        )
    return WrittenFiles(ct=paths["CT"], pet=paths["PET"], rows=tuple(rows))


def _row(
    patient: Patient,
    visit: str,
    modality: str,
    written: WrittenSeries,
    faults: Sequence[str],
    dialect: str,
) -> dict[str, object]:
    """Truth of one series: what it is, and what a right reader does with it."""
    return {
        "patient_id": patient.patient_id,
        "visit": visit,
        "modality": modality,
        "series_uid": written.series_uid,
        "files": len(written.files),
        "dialect": dialect,
        "faults": ";".join(faults),
        "outcome": written.outcome.value,
        "codes": ";".join(dict.fromkeys(e.code for e in written.expected if e.code)),
        "voxel_step": written.voxel_step,
    }
