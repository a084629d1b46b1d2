"""Each fault of a PET's header does what it _says, and leaves the voxels right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from phantoms.dicom import (
    GE_DISCOVERY,
    PHILIPS_GEMINI,
    DecayCorrection,
    Outcome,
    PetFault,
    PetHeader,
    PetUnits,
    SuvType,
    TimeConvention,
    expected_of_pet,
    write_pet_series,
)
from phantoms.dicom.expected import Fault
from tests.phantoms import plain_dicom as plain
from tests.phantoms.small_images import BASE, make_map

PHILIPS = replace(BASE, scanner=PHILIPS_GEMINI, units=PetUnits.CNTS)
PHILIPS_ONLY = {PetFault.PHILIPS_FACTORS_DISAGREE, PetFault.PHILIPS_SUV_FACTOR_ZERO}


def _injection(ds: Dataset) -> Dataset:
    item: Dataset = ds.RadiopharmaceuticalInformationSequence[0]
    return item


def _lacks(keyword: str) -> Callable[[Dataset], bool]:
    return lambda ds: keyword not in ds


def _injection_lacks(*keywords: str) -> Callable[[Dataset], bool]:
    return lambda ds: not any(keyword in _injection(ds) for keyword in keywords)


def _says(keyword: str, value: float) -> Callable[[Dataset], bool]:
    return lambda ds: float(ds[keyword].value) == pytest.approx(value)


def _injection_says(keyword: str, value: float) -> Callable[[Dataset], bool]:
    return lambda ds: float(_injection(ds)[keyword].value) == pytest.approx(value)


def _starts_to_the_minute(ds: Dataset) -> bool:
    item = _injection(ds)
    start = (item.RadiopharmaceuticalStartTime, item.RadiopharmaceuticalStartDateTime)
    return start == ("0933", "202103160933")


def _hours_before_series(ds: Dataset) -> float:
    start = plain.datetime_of(str(_injection(ds).RadiopharmaceuticalStartDateTime))
    return (plain.moment(ds.SeriesDate, ds.SeriesTime) - start).total_seconds() / 3600.0


def _private_day_is_early(ds: Dataset) -> bool:
    return plain.reference_time(ds).day == plain.moment(ds.SeriesDate, ds.SeriesTime).day - 1


def _names_fdg(ds: Dataset) -> bool:
    item = _injection(ds)
    concept = item.RadiopharmaceuticalCodeSequence[0].CodeValue
    return "Fluorodeoxyglucose" in item.Radiopharmaceutical and concept == "35321007"


def suv_factor_ratio(ds: Dataset) -> float:
    """SUV factor over the one that the activity factor gives."""
    suv = plain.private(ds, 0x7053, "Philips PET Private Group", 0x00)
    activity = plain.private(ds, 0x7053, "Philips PET Private Group", 0x09)
    assert suv is not None
    assert activity is not None
    return float(suv) / (float(activity) * plain.suv_per_bq_ml(ds))


def _decay_factor_is_ten_minutes_off(ds: Dataset) -> bool:
    half_life_s = float(_injection(ds).RadionuclideHalfLife)
    average = plain.average_time_s(ds.ActualFrameDuration / 1000.0, half_life_s)
    acquired = plain.moment(ds.AcquisitionDate, ds.AcquisitionTime)
    since = (acquired - plain.reference_time(ds)).total_seconds() + average
    right = 2.0 ** (since / half_life_s)
    return float(ds.DecayFactor) / right == pytest.approx(2.0 ** (600.0 / half_life_s))


REMOVED_BY_BASIC_PROFILE = [
    "PatientWeight",
    "PatientSize",
    "SeriesTime",
    "AcquisitionTime",
    "SeriesDate",
    "AcquisitionDate",
    "PatientAge",
]


def _is_stripped(ds: Dataset) -> bool:
    applied = {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}
    no_times = _injection_lacks("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime")
    gone = not any(keyword in ds for keyword in REMOVED_BY_BASIC_PROFILE)
    no_private = not any(element.tag.is_private for element in ds)
    return applied == {"113100"} and gone and no_private and no_times(ds) and not ds.PatientName


def _is_carefully_stripped(ds: Dataset) -> bool:
    applied = {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}
    kept = all(keyword in ds for keyword in REMOVED_BY_BASIC_PROFILE)
    private = any(element.tag.is_private for element in ds)
    return "113108" in applied and "113106" in applied and kept and private and not ds.PatientName


CHECKS: dict[PetFault, Callable[[Dataset], bool]] = {
    PetFault.MISSING_WEIGHT: _lacks("PatientWeight"),
    PetFault.ZERO_WEIGHT: _says("PatientWeight", 0.0),
    PetFault.WEIGHT_IN_GRAMS: _says("PatientWeight", 72000.0),
    PetFault.WEIGHT_WITH_COMMA: lambda ds: ds.get_item("PatientWeight").value == b"72,0",
    PetFault.MISSING_SIZE: _lacks("PatientSize"),
    PetFault.MISSING_SEX: lambda ds: ds.PatientSex == "",
    PetFault.DOSE_IN_MBQ: _injection_says("RadionuclideTotalDose", 198.4),
    PetFault.MISSING_DOSE: _injection_lacks("RadionuclideTotalDose"),
    PetFault.NEGATIVE_DOSE: _injection_says("RadionuclideTotalDose", -1.0),
    PetFault.MISSING_HALF_LIFE: _injection_lacks("RadionuclideHalfLife"),
    PetFault.HALF_LIFE_IN_MINUTES: _injection_says("RadionuclideHalfLife", 109.77),
    PetFault.HALF_LIFE_OF_GALLIUM: _injection_says("RadionuclideHalfLife", 4057.7),
    PetFault.MISSING_START: _injection_lacks(
        "RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime"
    ),
    PetFault.SHORT_START: _starts_to_the_minute,
    PetFault.START_DATE_SHIFTED: lambda ds: _hours_before_series(ds) == pytest.approx(0.75 - 24),
    PetFault.START_YEARS_OFF: lambda ds: _hours_before_series(ds) > 24 * 5000,
    PetFault.INJECTION_AFTER_SCAN: lambda ds: _hours_before_series(ds) == pytest.approx(-1 / 3),
    PetFault.PRIVATE_DATE_SHIFTED: _private_day_is_early,
    PetFault.FDG_TRACER: _names_fdg,
    PetFault.UNNAMED_TRACER: _injection_lacks("RadiopharmaceuticalCodeSequence"),
    PetFault.NOT_ATTENUATION_CORRECTED: lambda ds: "ATTN" not in ds.CorrectedImage,
    PetFault.DECAY_CONTRADICTION: lambda ds: "DECY" not in ds.CorrectedImage,
    PetFault.MISSING_DECAY_CORRECTION: _lacks("DecayCorrection"),
    PetFault.MISSING_UNITS: _lacks("Units"),
    PetFault.INTERCEPT: lambda ds: float(ds.RescaleIntercept) < 0.0,
    PetFault.MISSING_FRAME_DURATION: _lacks("ActualFrameDuration"),
    PetFault.MISSING_INJECTION: _lacks("RadiopharmaceuticalInformationSequence"),
    PetFault.EMPTY_INJECTION: lambda ds: len(ds.RadiopharmaceuticalInformationSequence) == 0,
    PetFault.MISSING_SERIES_TIME: _lacks("SeriesTime"),
    PetFault.TWO_INJECTIONS: lambda ds: len(ds.RadiopharmaceuticalInformationSequence) == 2,
    PetFault.WRONG_DECAY_FACTOR: _decay_factor_is_ten_minutes_off,
    PetFault.PHILIPS_FACTORS_DISAGREE: lambda ds: suv_factor_ratio(ds) == pytest.approx(1.15),
    PetFault.PHILIPS_SUV_FACTOR_ZERO: lambda ds: suv_factor_ratio(ds) == 0.0,
    PetFault.BASIC_DEIDENTIFICATION: _is_stripped,
    PetFault.CAREFUL_DEIDENTIFICATION: _is_carefully_stripped,
}


def _written_with(fault: PetFault | None, folder: Path) -> list[Dataset]:
    header = PHILIPS if fault in PHILIPS_ONLY else BASE
    faults = [] if fault is None else [fault]
    return plain.read_all(write_pet_series(folder, make_map(6), header, faults).files)


@pytest.mark.parametrize("fault", list(PetFault))
def test_a_fault_is_in_every_image_with_uptake(fault: PetFault, tmp_path: Path) -> None:
    """All images show it (an empty slice has no intercept to show)."""
    datasets = [ds for ds in _written_with(fault, tmp_path) if ds.pixel_array.any()]
    assert all(CHECKS[fault](ds) for ds in datasets)


@pytest.mark.parametrize("fault", sorted(set(PetFault) - PHILIPS_ONLY))
def test_a_plain_pet_shows_no_fault(fault: PetFault, tmp_path: Path) -> None:
    """The checks of this file can fail."""
    for ds in _written_with(None, tmp_path):
        ds.setdefault("DeidentificationMethodCodeSequence", [])
        assert not CHECKS[fault](ds)


@pytest.mark.parametrize(
    "fault",
    [
        fault
        for fault in PetFault
        if fault.outcome in (Outcome.MEASURED, Outcome.FOUND)
        and fault is not PetFault.MISSING_SIZE
        and fault is not PetFault.MISSING_FRAME_DURATION
    ],
)
def test_what_must_be_measured_is_right_by_the_plain_formula(
    fault: PetFault, tmp_path: Path
) -> None:
    """Where a reader must measure, the header still gives the painted SUV."""
    image = make_map(6)
    datasets = _written_with(fault, tmp_path)
    assert plain.largest_difference(datasets, image, plain.suv_factors(datasets)) < 0.001


def test_careful_deidentification_keeps_no_identifier(tmp_path: Path) -> None:
    """No secret of the patient is left in any element."""
    secrets = BASE.visit.patient.secrets
    for fault in (PetFault.BASIC_DEIDENTIFICATION, PetFault.CAREFUL_DEIDENTIFICATION):
        for path in write_pet_series(tmp_path / fault.value, make_map(6), BASE, [fault]).files:
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets)


@pytest.mark.parametrize(
    "fault", [PetFault.BASIC_DEIDENTIFICATION, PetFault.CAREFUL_DEIDENTIFICATION]
)
def test_deidentified_images_are_still_one_series(fault: PetFault, tmp_path: Path) -> None:
    """UIDs are replaced alike in all images, and instances stay different."""
    datasets = _written_with(fault, tmp_path)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        (uid,) = {str(ds[keyword].value) for ds in datasets}
        assert uid != str(_written_with(None, tmp_path / "plain")[0][keyword].value)
    assert len({ds.SOPInstanceUID for ds in datasets}) == len(datasets)


def test_ge_has_a_private_date_to_shift_too(tmp_path: Path) -> None:
    """The fault finds the vendor's element by its creator."""
    header = replace(BASE, scanner=GE_DISCOVERY)
    files = write_pet_series(tmp_path, make_map(6), header, [PetFault.PRIVATE_DATE_SHIFTED]).files
    assert all(_private_day_is_early(ds) for ds in plain.read_all(files))


def _outcome_of(header: PetHeader, fault: PetFault) -> tuple[Outcome, str]:
    response = expected_of_pet(header, [fault])[-1]
    return response.outcome, response.code


@pytest.mark.parametrize(
    ("header", "fault", "outcome", "code"),
    [
        (BASE, PetFault.MISSING_WEIGHT, Outcome.REFUSED, "weight_missing"),
        (
            replace(BASE, units=PetUnits.GML),
            PetFault.MISSING_WEIGHT,
            Outcome.FOUND_OR_REFUSED,
            "weight_missing",
        ),
        (
            replace(BASE, units=PetUnits.GML, suv_type=SuvType.LBM),
            PetFault.MISSING_WEIGHT,
            Outcome.REFUSED,
            "weight_missing",
        ),
        (
            replace(BASE, units=PetUnits.GML, suv_type=SuvType.LBM),
            PetFault.MISSING_SIZE,
            Outcome.REFUSED,
            "size_missing",
        ),
        (
            replace(BASE, units=PetUnits.GML, suv_type=SuvType.IBW),
            PetFault.MISSING_SEX,
            Outcome.REFUSED,
            "sex_missing",
        ),
        (replace(BASE, units=PetUnits.CM2ML), PetFault.MISSING_SEX, Outcome.MEASURED, ""),
        (
            replace(BASE, units=PetUnits.CM2ML),
            PetFault.MISSING_SIZE,
            Outcome.REFUSED,
            "size_missing",
        ),
        (PHILIPS, PetFault.MISSING_DOSE, Outcome.FOUND_OR_REFUSED, "dose_missing"),
        (
            replace(BASE, decay_correction=DecayCorrection.ADMIN),
            PetFault.MISSING_START,
            Outcome.MEASURED,
            "",
        ),
        (
            replace(BASE, decay_correction=DecayCorrection.NONE),
            PetFault.MISSING_FRAME_DURATION,
            Outcome.REFUSED,
            "frame_duration_missing",
        ),
        (
            replace(BASE, scanner=PHILIPS_GEMINI, times=TimeConvention.REWRITTEN),
            PetFault.MISSING_FRAME_DURATION,
            Outcome.REFUSED,
            "frame_duration_missing",
        ),
        (BASE, PetFault.MISSING_FRAME_DURATION, Outcome.MEASURED, ""),
    ],
)
def test_the_right_response_depends_on_the_dialect(
    header: PetHeader, fault: PetFault, outcome: Outcome, code: str
) -> None:
    """What is missing matters only where it is needed."""
    assert _outcome_of(header, fault) == (outcome, code)


def test_a_start_to_the_minute_needs_a_full_minute(tmp_path: Path) -> None:
    """Seconds cannot be left out where there are some."""
    header = replace(BASE, uptake_min=44.5)
    with pytest.raises(ValueError, match="full minute"):
        write_pet_series(tmp_path, make_map(6), header, [PetFault.SHORT_START])


def test_every_fault_names_a_code_unless_harmless() -> None:
    """Each member's response can be built; values are snake_case."""
    for fault in PetFault:
        assert isinstance(fault, Fault)
        assert (fault.expected.code == "") == (fault.outcome is Outcome.MEASURED)
        assert fault.value == fault.name.lower()
