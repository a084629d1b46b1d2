"""From a folder (or a NIfTI file) to one volume: CT in HU, PET in SUV by body weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lesionscore.dicom import tags
from lesionscore.dicom.choose import longer_refused, pick
from lesionscore.dicom.classify import Kind
from lesionscore.dicom.find import FoundSeries, SeriesSummary, find_all, scanner_name
from lesionscore.dicom.header import ScanInfo
from lesionscore.dicom.policy import DEFAULT_POLICY, Notes, SuvPolicy
from lesionscore.dicom.rescale import check_hounsfield, check_suv, hounsfield, suv_values
from lesionscore.dicom.slices import Slice
from lesionscore.dicom.suv import SuvResult, compute_suv
from lesionscore.dicom.times import acquisition_start
from lesionscore.dicom.tracer import NAF
from lesionscore.errors import DicomError, Finding, SeriesError
from lesionscore.quantities import Quantity
from lesionscore.volumes.volume import Volume, read_image

NIFTI_ENDINGS = (".nii", ".nii.gz")
OTHER_IMAGES = (".nrrd", ".mha", ".mhd", ".hdr")


class UnknownSeriesError(SeriesError):
    """The series that was asked for is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CtScan:
    """A CT as measured: the volume, how it was made, what was doubtful, what was passed over."""

    volume: Volume
    info: ScanInfo
    findings: tuple[Finding, ...] = ()
    passed_over: tuple[SeriesSummary, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PetScan:
    """A PET as measured, in SUV by body weight; `suv` says how it became that."""

    volume: Volume
    info: ScanInfo
    suv: SuvResult
    findings: tuple[Finding, ...] = ()
    passed_over: tuple[SeriesSummary, ...] = ()


def read_ct(path: Path, *, series: str | None = None) -> CtScan:
    """Read the CT of a visit.

    Parameters
    ----------
    path : Path
        A folder with one or several series, a file, a zip archive, or a NIfTI file in HU.
    series : str, optional
        Series Instance UID to take instead of choosing, with ``#2`` for its second stack.

    Returns
    -------
    CtScan
        Volume in HU: int16 where slope and intercept are whole numbers, else float32.

    Raises
    ------
    DicomError
        If nothing there can be measured; the message says why for each series.
    """
    if is_plain_image(path):
        volume = read_image(path, Quantity.HU)
        return CtScan(volume=volume, info=plain_info("CT", volume))
    found, findings = find_all(path)
    chosen, why = select(found, Kind.CT, series, path)
    longer = longer_refused(found, chosen) if series is None else ()
    stack = chosen.stack
    assert stack is not None
    notes = Notes()
    array = hounsfield(stack.slices, notes)
    check_hounsfield(array, notes)
    return CtScan(
        volume=Volume(array=array, grid=stack.grid, quantity=Quantity.HU),
        info=scan_info(chosen, why),
        findings=once(*findings, *longer, *chosen.summary.findings, *notes.findings),
        passed_over=tuple(one.summary for one in found if one is not chosen),
    )


def read_pet(
    path: Path,
    *,
    policy: SuvPolicy = DEFAULT_POLICY,
    pet_unit: str | None = None,
    tracer: str = NAF,
    series: str | None = None,
) -> PetScan:
    """Read the PET of a visit in SUV by body weight.

    Parameters
    ----------
    path : Path
        A folder with one or several series, a file, a zip archive, or a NIfTI file.
    policy : SuvPolicy
        Whose rules turn the header into SUV.
    pet_unit : str, optional
        What a NIfTI file's numbers mean; ``suvbw`` is accepted.
    tracer : str
        The tracer that the protocol needs, as ``NaF``; another one is a finding. "" for any.
    series : str, optional
        Series Instance UID to take instead of choosing.

    Returns
    -------
    PetScan
        Volume in SUVbw, float32, with the rule that made it.

    Raises
    ------
    SuvError
        If the header does not say how stored values become SUV.
    DicomError
        If nothing there can be measured.
    """
    if is_plain_image(path):
        return _plain_pet(path, policy, pet_unit)
    found, findings = find_all(path, policy=policy)
    chosen, why = select(found, Kind.PET, series, path)
    longer = longer_refused(found, chosen) if series is None else ()
    stack = chosen.stack
    assert stack is not None
    suv = compute_suv(stack.slices, policy, tracer)
    notes = Notes(policy=policy)
    array = suv_values(stack.slices, suv.factors, notes)
    check_suv(array, notes)
    return PetScan(
        volume=Volume(array=array, grid=stack.grid, quantity=Quantity.SUVBW),
        info=scan_info(chosen, why, suv),
        suv=suv,
        findings=once(*findings, *longer, *chosen.summary.findings, *suv.findings, *notes.findings),
        passed_over=tuple(one.summary for one in found if one is not chosen),
    )


def once(*findings: Finding) -> tuple[Finding, ...]:
    """Give each finding once, in the order of its first appearance."""
    return tuple(dict.fromkeys(findings))


def _plain_pet(path: Path, policy: SuvPolicy, pet_unit: str | None) -> PetScan:
    """Give a PET from an image file whose unit the study's table gives."""
    if (pet_unit or "").strip().lower() != "suvbw":
        raise DicomError(
            f"{path.name}: an image file does not say what its numbers mean; pet_unit is "
            f"{pet_unit or 'missing'}, suvbw is accepted"
        )
    volume = read_image(path, Quantity.SUVBW)
    values = volume.array.astype(np.float32, copy=False)
    ones = (1.0,) * values.shape[0]
    suv = SuvResult(
        rule="suvbw as given",
        factor=1.0,
        factors=ones,
        reference_time=None,
        uptake_min=None,
        policy=policy,
    )
    volume = Volume(array=values, grid=volume.grid, quantity=Quantity.SUVBW)
    return PetScan(volume=volume, info=plain_info("PT", volume), suv=suv)


def is_plain_image(path: Path) -> bool:
    """Tell a NIfTI file (or another image without a patient) by its name."""
    return path.is_file() and path.name.lower().endswith(NIFTI_ENDINGS + OTHER_IMAGES)


def plain_info(modality: str, volume: Volume) -> ScanInfo:
    """Tell what is known of an image file: its spacing."""
    return ScanInfo(
        modality=modality,
        series_uid="",
        slice_spacing_mm=volume.grid.spacing_xyz_mm[2],
        choice="the image file named in the table",
    )


def select(
    found: Sequence[FoundSeries], kind: Kind, series: str | None, path: Path
) -> tuple[FoundSeries, str]:
    """Give the series that was asked for, or the best by the rules."""
    if series is not None:
        asked = [one for one in found if is_named(one.summary, series)]
        if not asked:
            own = sorted({one.summary.series_uid for one in found if one.kind is kind} - {""})
            there = ", ".join(own) or "none"
            raise UnknownSeriesError(
                f"{path.name}: no series {series}; {kind.upper()} there: {there}"
            )
        found = asked
    try:
        chosen, why = pick(found, kind)
    except DicomError as exc:
        raise type(exc)(f"{path}: {exc}") from exc
    return chosen, why if series is None else "named in the table"


def is_named(summary: SeriesSummary, series: str) -> bool:
    """Tell whether a series is the one that is asked for: its UID, with ``#2`` for one stack."""
    uid, _, stack = series.partition("#")
    return summary.series_uid == uid and stack in ("", str(summary.stack))


def scan_info(chosen: FoundSeries, why: str, suv: SuvResult | None = None) -> ScanInfo:
    """Keep of a header what says how the scan was made."""
    first = chosen.slices[0]
    header = first.header
    starts = [acquisition_start(one.header) for one in chosen.slices]
    weight = header.number(tags.PATIENT_WEIGHT)
    stack = chosen.stack
    return ScanInfo(
        modality=chosen.summary.modality,
        series_uid=chosen.summary.series_uid,
        stack=chosen.summary.stack,
        series_number=chosen.summary.series_number,
        series_description=chosen.summary.series_description,
        scanner=scanner_name(first),
        software=" ".join(header.texts(tags.SOFTWARE_VERSIONS)),
        kernel=chosen.summary.kernel,
        kvp=header.number(tags.KVP),
        reconstruction=reconstruction_of(first),
        slice_thickness_mm=chosen.summary.slice_thickness_mm,
        slice_spacing_mm=stack.grid.spacing_xyz_mm[2] if stack is not None else None,
        frame_of_reference_uid=header.text(tags.FRAME_OF_REFERENCE_UID) or "",
        acquired=min((start for start in starts if start is not None), default=None),
        weight_kg=weight if weight is not None and weight > 0 else None,
        injected_dose_bq=suv.dose_bq if suv is not None else None,
        uptake_min=suv.uptake_min if suv is not None else None,
        tracer=suv.tracer if suv is not None else "",
        choice=why,
        instance_uids=tuple(one.instance_uid for one in chosen.slices),
    )


def reconstruction_of(one: Slice) -> str:
    """How a PET was reconstructed, in the header's words."""
    return (
        one.header.text(tags.RECONSTRUCTION_METHOD)
        or one.header.text(tags.RECONSTRUCTION_TYPE)
        or ""
    )
