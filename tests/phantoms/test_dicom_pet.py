"""Every PET dialect, read by plain formulas from its own headers, gives the painted SUV."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from phantoms.dicom import (
    GE_DISCOVERY,
    PET_DIALECTS,
    PHILIPS_GEMINI,
    DecayCorrection,
    Layout,
    Outcome,
    PatientHeader,
    PetFault,
    PetHeader,
    PetUnits,
    PhilipsFactors,
    Sex,
    SuvType,
    TimeConvention,
    VisitHeader,
    write_pet_series,
)
from phantoms.image import Image
from tests.phantoms import plain_dicom as plain
from tests.phantoms.small_images import BASE, make_map

RELATIVE = 2e-7
"""Left by times to the microsecond and decimal strings of 16 characters."""
SINGLE_FRAME = sorted(
    name
    for name, dialect in PET_DIALECTS.items()
    if dialect.outcome is not Outcome.REFUSED and dialect.header().layout is Layout.SINGLE_FRAME
)


@pytest.mark.parametrize("name", SINGLE_FRAME)
def test_a_dialect_read_by_the_plain_formula_gives_the_painted_suv(
    name: str, tmp_path: Path
) -> None:
    """Rescaled value times factor equals the map, to half a step of each slice's integers."""
    image = make_map()
    dialect = PET_DIALECTS[name]
    base = BASE if "bed_step_mm" not in dialect.options else PetHeader()
    written = write_pet_series(tmp_path, image, dialect.header(base))
    datasets = plain.read_all(written.files)
    allowed = written.voxel_step + RELATIVE * float(image.array.max())
    assert plain.largest_difference(datasets, image, plain.suv_factors(datasets)) <= allowed
    assert written.voxel_step < 0.001
    told = {
        round((float(ds.ImagePositionPatient[2]) - image.origin_mm[2]) / 5.0): plain.suv_factor(ds)
        for ds in datasets
    }
    assert [told[index] for index in range(12)] == pytest.approx(written.suv_per_unit, rel=1e-8)


def test_all_slices_but_the_empty_one_have_slopes_of_their_own(tmp_path: Path) -> None:
    """Real scanners scale each slice to its maximum."""
    written = write_pet_series(tmp_path, make_map(), BASE)
    slopes = [float(ds.RescaleSlope) for ds in plain.read_all(written.files)]
    assert len(set(slopes)) == len(slopes)


def test_beds_are_acquired_from_the_feet_up(tmp_path: Path) -> None:
    """Later beds lie higher, have later times, and are corrected back by more."""
    datasets = plain.read_all(write_pet_series(tmp_path, make_map(), BASE).files)
    datasets.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    times = [ds.AcquisitionTime for ds in datasets]
    raised = [float(ds.DecayFactor) for ds in datasets]
    assert times == sorted(times)
    assert len(set(times)) == 3
    assert raised == sorted(raised)


@pytest.mark.parametrize("scanner", ["siemens", "ge", "philips", "uih"])
def test_decay_factor_tells_the_reference(scanner: str, tmp_path: Path) -> None:
    """Decay Factor raises the frame's average activity to the reference, for every vendor."""
    header = PET_DIALECTS[f"bqml_start_{scanner}"].header(BASE)
    for ds in plain.read_all(write_pet_series(tmp_path, make_map(), header).files):
        item = ds.RadiopharmaceuticalInformationSequence[0]
        half_life_s = float(item.RadionuclideHalfLife)
        average = plain.average_time_s(ds.ActualFrameDuration / 1000.0, half_life_s)
        acquired = plain.moment(ds.AcquisitionDate, ds.AcquisitionTime)
        since = (acquired - header.scan_start).total_seconds() + average
        assert float(ds.DecayFactor) == pytest.approx(2.0 ** (since / half_life_s), rel=1e-9)


def test_a_real_scanner_writes_the_same_decay_factor() -> None:
    """GE, F-18 at 6588 s, a frame of 240 s at the reference: 1.01268 in a public series."""
    average = plain.average_time_s(240.0, 6588.0)
    assert round(2.0 ** (average / 6588.0), 5) == 1.01268


def test_series_time_follows_the_convention(tmp_path: Path) -> None:
    """Rewritten Series Time is later than every acquisition, otherwise it is the first's."""
    for convention in TimeConvention:
        header = replace(BASE, times=convention)
        files = write_pet_series(tmp_path / convention.value, make_map(), header).files
        datasets = plain.read_all(files)
        series = plain.moment(datasets[0].SeriesDate, datasets[0].SeriesTime)
        acquired = [plain.moment(ds.AcquisitionDate, ds.AcquisitionTime) for ds in datasets]
        if convention is TimeConvention.REWRITTEN:
            assert series > max(acquired)
        else:
            assert series == min(acquired)
        assert (len(set(acquired)) == 1) == (convention is TimeConvention.ONE_TIME)


def test_ge_counts_the_frame_reference_to_the_start_of_the_bed(tmp_path: Path) -> None:
    """GE's first bed says 0, the others' says the frame's average: 59.9 s of 120 s."""
    for scanner, expected_ms in ((GE_DISCOVERY, 0.0), (PHILIPS_GEMINI, 59936.9)):
        header = replace(BASE, scanner=scanner)
        files = write_pet_series(tmp_path / scanner.model, make_map(), header).files
        lowest = min(plain.read_all(files), key=lambda ds: float(ds.ImagePositionPatient[2]))
        assert float(lowest.FrameReferenceTime) == pytest.approx(expected_ms, abs=1.0)


def test_activities_match_an_oracle_worked_by_hand(tmp_path: Path) -> None:
    """5000 Bq/mL, 70 kg, 200 MBq, 45 minutes, 6586.2 s is SUV 2.32512."""
    visit = VisitHeader(patient=PatientHeader(weight_kg=70.0))
    header = PetHeader(visit=visit, injected_dose_bq=200e6, bed_step_mm=None)
    image = Image(
        array=np.full((3, 4, 4), 2.3251164, np.float32),
        spacing_xyz_mm=(4.0, 4.0, 4.0),
        origin_mm=(0.0, 0.0, 0.0),
    )
    (ds, *_) = plain.read_all(write_pet_series(tmp_path, image, header).files)
    assert plain.rescaled(ds) == pytest.approx(5000.0, rel=2e-6)


@pytest.mark.parametrize(
    ("kind", "sex", "kg"),
    [
        (SuvType.LBM, Sex.MALE, 64.2963),
        (SuvType.LBMJAMES128, Sex.MALE, 62.7160),
        (SuvType.LBM, Sex.FEMALE, 56.3654),
        (SuvType.LBMJANMA, Sex.MALE, 61.7314),
        (SuvType.LBMJANMA, Sex.FEMALE, 50.0922),
        (SuvType.IBW, Sex.MALE, 77.68),
        (SuvType.IBW, Sex.FEMALE, 70.98),
    ],
)
def test_lean_masses_are_the_published_ones(
    kind: SuvType, sex: Sex, kg: float, tmp_path: Path
) -> None:
    """An SUVbw of 1 at 80 kg and 1.80 m is stored as mass over weight."""
    patient = PatientHeader(sex=sex, weight_kg=80.0, size_m=1.80)
    header = PetHeader(
        visit=VisitHeader(patient=patient), units=PetUnits.GML, suv_type=kind, bed_step_mm=None
    )
    image = replace(make_map(), array=np.ones((2, 4, 4), np.float32))
    (ds, *_) = plain.read_all(write_pet_series(tmp_path, image, header).files)
    assert float(plain.rescaled(ds).max()) == pytest.approx(kg / 80.0, rel=1e-6)


def test_body_surface_is_du_bois(tmp_path: Path) -> None:
    """80 kg and 1.80 m have 1.996421 square metres."""
    patient = PatientHeader(weight_kg=80.0, size_m=1.80)
    header = PetHeader(visit=VisitHeader(patient=patient), units=PetUnits.CM2ML)
    image = replace(make_map(), array=np.ones((2, 4, 4), np.float32))
    (ds, *_) = plain.read_all(write_pet_series(tmp_path, image, header).files)
    assert float(plain.rescaled(ds).max()) == pytest.approx(1.996421 * 10.0 / 80.0, rel=1e-6)


def test_philips_writes_the_factors_asked_for(tmp_path: Path) -> None:
    """Both, one or none of (7053,xx00) and (7053,xx09)."""
    present = {
        PhilipsFactors.BOTH: (True, True),
        PhilipsFactors.SUV_ONLY: (True, False),
        PhilipsFactors.ACTIVITY_ONLY: (False, True),
        PhilipsFactors.NEITHER: (False, False),
    }
    for factors_, wanted in present.items():
        header = replace(
            BASE, scanner=PHILIPS_GEMINI, units=PetUnits.CNTS, philips_factors=factors_
        )
        files = write_pet_series(tmp_path / factors_.value, make_map(), header).files
        ds = pydicom.dcmread(files[0])
        creator = "Philips PET Private Group"
        found = tuple(plain.private(ds, 0x7053, creator, tag) is not None for tag in (0x00, 0x09))
        assert found == wanted


def test_uncorrected_series_do_not_claim_decay_correction(tmp_path: Path) -> None:
    """Decay Correction NONE goes without DECY and without Decay Factor."""
    header = replace(BASE, decay_correction=DecayCorrection.NONE)
    ds = pydicom.dcmread(write_pet_series(tmp_path, make_map(), header).files[0])
    assert "DECY" not in ds.CorrectedImage
    assert "DecayFactor" not in ds


def test_midnight_lies_between_the_beds(tmp_path: Path) -> None:
    """Acquisition Date changes within the series, Series Date does not."""
    header = PET_DIALECTS["midnight_between_beds"].header(BASE)
    datasets = plain.read_all(write_pet_series(tmp_path, make_map(), header).files)
    assert len({ds.AcquisitionDate for ds in datasets}) == 2
    assert len({ds.SeriesDate for ds in datasets}) == 1


def test_every_outcome_of_the_catalogue_is_used() -> None:
    """Dialects are measured, found, doubted and refused."""
    assert {dialect.outcome for dialect in PET_DIALECTS.values()} == set(Outcome)


def test_the_truth_must_be_possible() -> None:
    """A dose of 0 cannot be the truth; a fault can write one."""
    with pytest.raises(ValueError, match="must be above 0"):
        PetHeader(injected_dose_bq=0.0)


def test_faults_of_a_ct_are_refused(tmp_path: Path) -> None:
    """A string that is no fault of a PET is named."""
    with pytest.raises(ValueError, match="not faults of a PET series"):
        write_pet_series(tmp_path, make_map(), BASE, ["zero_slope"])  # type: ignore[list-item]


def test_expected_depends_on_the_units() -> None:
    """A missing dose is refused in Bq/mL and harmless in g/mL."""
    from phantoms.dicom import expected_of_pet

    activity = expected_of_pet(BASE, [PetFault.MISSING_DOSE])
    uptake = expected_of_pet(replace(BASE, units=PetUnits.GML), [PetFault.MISSING_DOSE])
    assert activity[-1].outcome is Outcome.REFUSED
    assert uptake[-1].outcome is Outcome.MEASURED


def frames_of(ds: Dataset) -> list[tuple[Dataset, np.ndarray]]:
    """Groups and rescaled pixels of every frame."""
    stored = ds.pixel_array
    frames = []
    for groups, pixels in zip(ds.PerFrameFunctionalGroupsSequence, stored, strict=True):
        rescale = groups.PixelValueTransformationSequence[0]
        value = pixels * float(rescale.RescaleSlope) + float(rescale.RescaleIntercept)
        frames.append((groups, value))
    return frames


@pytest.mark.parametrize(
    "name", ["enhanced_bqml", "enhanced_admin", "enhanced_none", "enhanced_gml"]
)
def test_enhanced_pet_gives_the_painted_suv(name: str, tmp_path: Path) -> None:
    """Rescaled frames with the decay reference of the enhanced header give the map."""
    image = make_map()
    written = write_pet_series(tmp_path, image, PET_DIALECTS[name].header(BASE))
    (path,) = written.files
    ds = pydicom.dcmread(path)
    item = ds.RadiopharmaceuticalInformationSequence[0]
    injected = plain.datetime_of(str(item.RadiopharmaceuticalStartDateTime))
    dose_bq, half_life_s = float(item.RadionuclideTotalDose), float(item.RadionuclideHalfLife)
    for groups, value in frames_of(ds):
        factor = 1.0
        unit = groups.PixelValueTransformationSequence[0].RescaleType
        if unit == "BQML":
            stated = groups.FrameContentSequence[0].FrameReferenceDateTime
            if ds.DecayCorrected == "YES":
                stated = ds.DecayCorrectionDateTime
            passed_s = (plain.datetime_of(str(stated)) - injected).total_seconds()
            left = dose_bq * 2.0 ** (-passed_s / half_life_s)
            factor = float(ds.PatientWeight) * 1000.0 / left
        z = float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
        index = round((z - image.origin_mm[2]) / image.spacing_xyz_mm[2])
        difference = np.abs(value * factor - image.array[index]).max()
        assert difference <= written.voxel_step + RELATIVE * float(image.array.max())


def test_legacy_converted_pet_holds_the_same_frames(tmp_path: Path) -> None:
    """Conversion keeps every slice's integers and slope."""
    image = make_map()
    single = write_pet_series(tmp_path / "single", image, BASE)
    header = replace(BASE, layout=Layout.LEGACY_CONVERTED)
    (path,) = write_pet_series(tmp_path / "converted", image, header).files
    by_position = {
        float(ds.ImagePositionPatient[2]): plain.rescaled(ds) for ds in plain.read_all(single.files)
    }
    converted = {
        float(groups.PlanePositionSequence[0].ImagePositionPatient[2]): value
        for groups, value in frames_of(pydicom.dcmread(path))
    }
    assert by_position.keys() == converted.keys()
    for z, value in by_position.items():
        np.testing.assert_array_equal(value, converted[z])


def test_the_injection_is_where_the_header_says(tmp_path: Path) -> None:
    """UTC start minus local scan is the true uptake."""
    header = PET_DIALECTS["utc_start"].header(BASE)
    ds = pydicom.dcmread(write_pet_series(tmp_path, make_map(), header).files[-1])
    reference = plain.reference_time(ds)
    uptake = reference - plain.injection_time(ds, reference)
    assert uptake == dt.timedelta(minutes=45)
