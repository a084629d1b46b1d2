"""Every series in a pile of files: what it is, whether it can be measured, and why not."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lesionscore.dicom import tags
from lesionscore.dicom.classify import MEASURED, Kind, is_reformat, kind_of
from lesionscore.dicom.decode import check_reversible, compression_fault
from lesionscore.dicom.geometry import Stack, build_stack
from lesionscore.dicom.pile import read_pile
from lesionscore.dicom.policy import DEFAULT_POLICY, Notes, SuvPolicy
from lesionscore.dicom.rescale import check_slices
from lesionscore.dicom.slices import Slice
from lesionscore.dicom.sources import Source
from lesionscore.dicom.stacks import Part, separate
from lesionscore.dicom.suv import compute_suv
from lesionscore.dicom.times import scan_date
from lesionscore.errors import DicomError, Finding, SeriesError, Severity

AXIAL = 0.8
"""Smallest share of the slice normal along the body for a stack to be called axial."""
UIDS = {
    tags.STUDY_INSTANCE_UID: "Study Instance UID (0020,000D)",
    tags.SERIES_INSTANCE_UID: "Series Instance UID (0020,000E)",
    tags.FRAME_OF_REFERENCE_UID: "Frame of Reference UID (0020,0052)",
    tags.SOP_INSTANCE_UID: "SOP Instance UID (0008,0018)",
}
SETTINGS = {
    tags.KVP: "KVP (0018,0060)",
    tags.CONVOLUTION_KERNEL: "Convolution Kernel (0018,1210)",
    tags.SLICE_THICKNESS: "Slice Thickness (0018,0050)",
    tags.RECONSTRUCTION_METHOD: "Reconstruction Method (0054,1103)",
}
GAP_FACTOR = 1.2
"""Slices this many times farther apart than they are thick leave gaps."""
WHY_NOT = {
    Kind.LOCALIZER: "a scout, not a stack of slices",
    Kind.PROJECTION: "a projection, not slices",
    Kind.PET_UNCORRECTED: "not attenuation corrected",
    Kind.CAPTURE: "a screenshot or a dose page",
    Kind.REPORT: "a structured report",
    Kind.SEGMENTATION: "a mask (DICOM SEG); give it as a lesion's mask",
    Kind.STRUCTURES: "contours (RTSTRUCT); give them as a lesion's mask",
    Kind.OTHER: "neither CT nor PET",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """One series as `inspect` shows it; no name, birth date or number of a patient.

    Parameters
    ----------
    kind : str
        A value of `Kind`.
    measurable : bool
        Whether it can be measured.
    why_not : str
        The reason if it cannot; else "".
    patient, stack : int
        Running numbers: which patient of the pile, which stack of the series.
    """

    kind: str
    measurable: bool
    why_not: str
    modality: str
    series_uid: str
    stack: int
    series_number: int | None
    series_description: str
    patient: int
    date: str
    slices: int
    spacing_xyz_mm: tuple[float, float, float] | None
    slice_thickness_mm: float | None
    kernel: str
    scanner: str
    transfer_syntax: str
    folder: str
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSeries:
    """A series with its slices: for reading, not for showing.

    Parameters
    ----------
    patient_id : str
        Patient ID (0010,0020) as in the header; for `index` alone.
    """

    summary: SeriesSummary
    slices: tuple[Slice, ...]
    kind: Kind
    patient_id: str
    day: date | None
    stack: Stack | None
    error: DicomError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesListing:
    """What a pile of files holds.

    Parameters
    ----------
    series : tuple of SeriesSummary
        Every series, in order of patient, date, number.
    findings : tuple of Finding
        Files that are no DICOM, or are damaged.
    """

    series: tuple[SeriesSummary, ...]
    findings: tuple[Finding, ...]


def find_series(path: Path, *, policy: SuvPolicy = DEFAULT_POLICY) -> SeriesListing:
    """List every series under a path from the headers alone.

    Parameters
    ----------
    path : Path
        A folder, file, zip archive or DICOMDIR.
    policy : SuvPolicy
        Whose SUV rules decide whether a PET can be measured.

    Returns
    -------
    SeriesListing
        All series, measurable or not, and what else lay there.

    Raises
    ------
    DicomError
        If the path leads nowhere.
    """
    found, findings = find_all(path, policy=policy)
    return SeriesListing(series=tuple(one.summary for one in found), findings=findings)


def find_all(
    path: Path, *, policy: SuvPolicy = DEFAULT_POLICY
) -> tuple[list[FoundSeries], tuple[Finding, ...]]:
    """List every series under a path, with its slices.

    Raises
    ------
    DicomError
        If the path leads nowhere.
    """
    slices, findings = read_pile(path)
    groups: dict[Hashable, list[Slice]] = {}
    for one in slices:
        groups.setdefault(series_key(one), []).append(one)
    numbers: dict[str, int] = {}
    found = []
    for group in groups.values():
        patient = group[0].header.text(tags.PATIENT_ID) or ""
        number = numbers.setdefault(patient, len(numbers) + 1)
        for stack, part in enumerate(separate(group), 1):
            found.append(summarise(part, patient, number, stack, path, policy))
    found.sort(
        key=lambda one: (
            one.summary.patient,
            one.summary.date,
            one.summary.series_number or 0,
            one.summary.series_uid,
            one.summary.stack,
        )
    )
    return found, findings


def series_key(one: Slice) -> Hashable:
    """Tell what makes slices one series: patient, day, UID; more where the UID is empty.

    The study's UID is not asked: writers that make a new one for every slice exist.
    """
    header = one.header
    uid = header.text(tags.SERIES_INSTANCE_UID) or ""
    key = (
        header.text(tags.PATIENT_ID) or "",
        header.text(tags.STUDY_DATE) or "",
        header.code(tags.MODALITY),
        uid,
    )
    if uid:
        return key
    return (
        *key,
        header.text(tags.STUDY_INSTANCE_UID) or "",
        one.source.folder,
        header.text(tags.SERIES_NUMBER),
        header.text(tags.SERIES_DESCRIPTION),
    )


def summarise(
    part: Part, patient_id: str, patient: int, stack_number: int, root: Path, policy: SuvPolicy
) -> FoundSeries:
    """Say what a stack is and whether it can be measured."""
    first = part.slices[0]
    header = first.header
    kind = kind_of(first)
    findings = list(part.findings)
    why_not, stack, error = WHY_NOT.get(kind, ""), None, None
    if not why_not:
        try:
            stack = check_measurable(part, kind, policy, findings)
        except DicomError as exc:
            why_not, error = str(exc), exc
    if kind in MEASURED:
        findings.extend(oddities(part.slices))
    day = scan_date(header)
    summary = SeriesSummary(
        kind=kind.value,
        measurable=not why_not,
        why_not=why_not,
        modality=header.code(tags.MODALITY),
        series_uid=header.text(tags.SERIES_INSTANCE_UID) or "",
        stack=stack_number,
        series_number=header.integer(tags.SERIES_NUMBER),
        series_description=header.text(tags.SERIES_DESCRIPTION) or "",
        patient=patient,
        date=day.isoformat() if day is not None else "",
        slices=len(part.slices),
        spacing_xyz_mm=stack.grid.spacing_xyz_mm if stack is not None else None,
        slice_thickness_mm=header.number(tags.SLICE_THICKNESS),
        kernel=" ".join(header.texts(tags.CONVOLUTION_KERNEL)),
        scanner=scanner_name(first),
        transfer_syntax=first.file.transfer_syntax,
        folder=_relative(first.source, root),
        findings=tuple(findings),
    )
    return FoundSeries(
        summary=summary,
        slices=stack.slices if stack is not None else part.slices,
        kind=kind,
        patient_id=patient_id,
        day=day,
        stack=stack,
        error=error,
    )


def oddities(slices: Sequence[Slice]) -> list[Finding]:
    """Doubts about a CT or PET that its geometry and units do not show."""
    header = slices[0].header
    found = []
    missing = [name for tag, name in UIDS.items() if not header.text(tag)]
    if missing:
        found.append(
            Finding(
                code="empty_uid",
                message=f"{', '.join(missing)} empty or missing; what belongs together was told by "
                "patient, folder and number",
            )
        )
    uids = {one.instance_uid for one in slices}
    if len(uids) < len({one.source for one in slices}) and "" not in uids:
        found.append(
            Finding(
                code="duplicate_uid",
                message=f"{len(slices)} slices share {len(uids)} SOP Instance UIDs (0008,0018)",
            )
        )
    if is_reformat(header):
        types = "\\".join(header.texts(tags.IMAGE_TYPE))
        found.append(
            Finding(
                code="derived_image",
                message=f"Image Type (0008,0008) is {types}: not what the scanner first made",
                severity=Severity.INFO,
            )
        )
    stated = header.integer(tags.NUMBER_OF_SLICES)
    if stated is not None and stated > len(slices):
        found.append(
            Finding(
                code="fewer_slices_than_stated",
                message=f"Number of Slices (0054,0081) is {stated}, {len(slices)} are here",
            )
        )
    if slices[0].orientation is not None and abs(slices[0].normal[2]) < AXIAL:
        found.append(Finding(code="not_axial", message="the slices are not axial"))
    found.extend(mixed_settings(slices))
    moving = {"DYNAMIC", "GATED"} & set(header.codes(tags.SERIES_TYPE))
    if moving:
        message = f"Series Type (0054,1000) is {moving.pop()}: one part of a longer acquisition"
        found.append(Finding(code="not_static", message=message))
    return found


def mixed_settings(slices: Sequence[Slice]) -> list[Finding]:
    """Name the settings of the scanner that change within one stack."""
    mixed = [
        name for tag, name in SETTINGS.items() if len({one.header.codes(tag) for one in slices}) > 1
    ]
    if not mixed:
        return []
    message = f"{', '.join(mixed)} change within the stack: its slices are not alike"
    return [Finding(code="mixed_settings", message=message)]


def gap_between(stack: Stack) -> list[Finding]:
    """Name slices that are thinner than the way from one to the next."""
    thickness = stack.slices[0].header.number(tags.SLICE_THICKNESS) or 0.0
    spacing = stack.grid.spacing_xyz_mm[2]
    if len(stack.slices) < 2 or not 0 < thickness * GAP_FACTOR < spacing:
        return []
    message = (
        f"slices of {thickness:g} mm lie {spacing:.3g} mm apart: what lies between was not "
        "imaged, or slices are missing throughout"
    )
    return [Finding(code="gaps_between_slices", message=message)]


def check_measurable(part: Part, kind: Kind, policy: SuvPolicy, findings: list[Finding]) -> Stack:
    """Build the stack of a CT or PET, after every check that needs no pixels.

    Raises
    ------
    DicomError
        If it cannot be measured: a `SuvError` for what concerns SUV, else a `SeriesError`.
    """
    for one in part.slices:
        fault = compression_fault(one)
        if fault is not None:
            raise SeriesError(fault)
    stack = build_stack(part.slices)
    check_reversible(stack.slices[0])
    findings.extend((*stack.findings, *gap_between(stack)))
    notes = Notes(policy=policy)
    check_slices(stack.slices, notes, is_pet=kind is Kind.PET)
    findings.extend(notes.findings)
    if kind is Kind.PET:
        findings.extend(compute_suv(stack.slices, policy).findings)
    return stack


def scanner_name(one: Slice) -> str:
    """Manufacturer and model."""
    parts = (
        one.header.text(tags.MANUFACTURER) or "",
        one.header.text(tags.MANUFACTURER_MODEL_NAME) or "",
    )
    return " ".join(part for part in parts if part)


def _relative(source: Source, root: Path) -> str:
    """Folder of a file below the path that was searched."""
    try:
        return str(source.folder.relative_to(root if root.is_dir() else root.parent))
    except ValueError:
        return str(source.folder)
