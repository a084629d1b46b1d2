"""Each fault of a stack does to the files what its name says, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from phantoms.dicom import (
    FAULTS,
    Arrangement,
    CtFault,
    Expected,
    FileFault,
    Outcome,
    PetFault,
    SeriesFault,
    fault_named,
    strictest,
    write_ct_series,
)
from phantoms.dicom.series_changes import TILT_DEGREES
from tests.phantoms import plain_dicom as plain
from tests.phantoms.small_images import make_ct

SLICES = 7


def _z_of(ds: Dataset) -> float:
    return float(ds.ImagePositionPatient[2])


def steps(datasets: list[Dataset]) -> np.ndarray:
    """Distances between successive slices along the first slice's normal."""
    cosines = np.array(datasets[0].ImageOrientationPatient, dtype=float)
    normal = np.cross(cosines[:3], cosines[3:])
    along = sorted(float(np.dot(ds.ImagePositionPatient, normal)) for ds in datasets)
    return np.diff(along)


def _positions(datasets: list[Dataset]) -> Counter[tuple[float, ...]]:
    return Counter(tuple(float(v) for v in ds.ImagePositionPatient) for ds in datasets)


def _pairs_at_one_position(datasets: list[Dataset]) -> list[tuple[Dataset, Dataset]]:
    twice = [place for place, count in _positions(datasets).items() if count == 2]
    at = [
        [ds for ds in datasets if tuple(float(v) for v in ds.ImagePositionPatient) == place]
        for place in twice
    ]
    return [(first, second) for first, second in at]


def _is_identical_duplicate(datasets: list[Dataset]) -> bool:
    ((first, second),) = _pairs_at_one_position(datasets)
    return bool(first == second)


def _is_resent_duplicate(datasets: list[Dataset]) -> bool:
    ((first, second),) = _pairs_at_one_position(datasets)
    same_pixels = first.PixelData == second.PixelData
    return same_pixels and first.SOPInstanceUID != second.SOPInstanceUID


def _is_conflicting_duplicate(datasets: list[Dataset]) -> bool:
    ((first, second),) = _pairs_at_one_position(datasets)
    other_pixels = first.PixelData != second.PixelData
    return other_pixels and first.SOPInstanceUID != second.SOPInstanceUID


def _is_same_uid_conflict(datasets: list[Dataset]) -> bool:
    ((first, second),) = _pairs_at_one_position(datasets)
    other_pixels = first.PixelData != second.PixelData
    return other_pixels and first.SOPInstanceUID == second.SOPInstanceUID


def _is_missing_slice(datasets: list[Dataset]) -> bool:
    return len(datasets) == SLICES - 1 and sorted(np.round(steps(datasets), 6)) == [1.5] * 4 + [3.0]


def _is_uneven(datasets: list[Dataset]) -> bool:
    return set(np.round(steps(datasets), 6)) == {1.5, 1.875}


def _is_jittered(datasets: list[Dataset]) -> bool:
    off = np.abs(steps(datasets) - 1.5)
    return 0.001 < off.max() < 0.021


def _is_tilted(stated: float) -> Callable[[list[Dataset]], bool]:
    def check(datasets: list[Dataset]) -> bool:
        cosine = float(datasets[0].ImageOrientationPatient[4])
        leaning = np.isclose(cosine, np.cos(np.radians(TILT_DEGREES)))
        table = {tuple(ds.ImagePositionPatient[:2]) for ds in datasets}
        return bool(
            leaning
            and len(table) == 1
            and np.allclose(steps(datasets), 1.5 * cosine)
            and {float(ds.GantryDetectorTilt) for ds in datasets} == {stated}
        )

    return check


def _has_four_everywhere(datasets: list[Dataset]) -> bool:
    uids = {ds.SOPInstanceUID for ds in datasets}
    return set(_positions(datasets).values()) == {4} and len(uids) == 4 * SLICES


def _has_two(keyword: str) -> Callable[[list[Dataset]], bool]:
    """Check that three slices say one thing, and the other four another."""

    def check(datasets: list[Dataset]) -> bool:
        counts = Counter(str(ds[keyword].value) for ds in datasets)
        return sorted(counts.values()) == [3, 4]

    return check


def _has_two_stacks(datasets: list[Dataset]) -> bool:
    gaps = np.round(steps(datasets), 6)
    return max(gaps) > 80.0 and min(gaps) == 1.5 and 3.0 in gaps


def _has_two_time_points(datasets: list[Dataset]) -> bool:
    times = {ds.AcquisitionTime for ds in datasets}
    return set(_positions(datasets).values()) == {2} and len(times) == 2


def _has_scout(datasets: list[Dataset]) -> bool:
    scouts = [ds for ds in datasets if "LOCALIZER" in ds.ImageType]
    return len(scouts) == 1 and float(scouts[0].ImageOrientationPatient[5]) == -1.0


def _all_are(keyword: str, value: object) -> Callable[[list[Dataset]], bool]:
    return lambda datasets: all(ds.get(keyword) == value for ds in datasets)


def _is_thick(datasets: list[Dataset]) -> bool:
    claimed = {
        (float(ds.SliceThickness), float(ds.get("SpacingBetweenSlices", 0.0))) for ds in datasets
    }
    return claimed == {(4.5, 4.5)} and np.allclose(steps(datasets), 1.5)


def _one_lacks_position(datasets: list[Dataset]) -> bool:
    return sum("ImagePositionPatient" not in ds for ds in datasets) == 1


def _is_jittered_in_orientation(datasets: list[Dataset]) -> bool:
    cosines = np.array([ds.ImageOrientationPatient for ds in datasets], dtype=float)
    return bool(0.0 < np.ptp(cosines, axis=0).max() < 1e-5)


def _has_rounded_spacing(datasets: list[Dataset]) -> bool:
    spacing = np.array([ds.PixelSpacing for ds in datasets], dtype=float)
    return bool(0.0 < np.ptp(spacing, axis=0).max() < 1e-6)


CHECKS: dict[SeriesFault, Callable[[list[Dataset]], bool]] = {
    SeriesFault.IDENTICAL_DUPLICATE: _is_identical_duplicate,
    SeriesFault.RESENT_DUPLICATE: _is_resent_duplicate,
    SeriesFault.CONFLICTING_DUPLICATE: _is_conflicting_duplicate,
    SeriesFault.SAME_UID_CONFLICT: _is_same_uid_conflict,
    SeriesFault.MISSING_SLICE: _is_missing_slice,
    SeriesFault.UNEVEN_SPACING: _is_uneven,
    SeriesFault.JITTERED_POSITIONS: _is_jittered,
    SeriesFault.JITTERED_ORIENTATION: _is_jittered_in_orientation,
    SeriesFault.ROUNDED_SPACING: _has_rounded_spacing,
    SeriesFault.GANTRY_TILT: _is_tilted(TILT_DEGREES),
    SeriesFault.UNSTATED_TILT: _is_tilted(0.0),
    SeriesFault.FOUR_AT_ONE_POSITION: _has_four_everywhere,
    SeriesFault.MIXED_ORIENTATION: _has_two("ImageOrientationPatient"),
    SeriesFault.MIXED_FRAME_OF_REFERENCE: _has_two("FrameOfReferenceUID"),
    SeriesFault.MIXED_PIXEL_SPACING: _has_two("PixelSpacing"),
    SeriesFault.MIXED_MATRIX: _has_two("Columns"),
    SeriesFault.TWO_STACKS: _has_two_stacks,
    SeriesFault.TWO_TIME_POINTS: _has_two_time_points,
    SeriesFault.TWO_ACQUISITIONS: _has_two("AcquisitionNumber"),
    SeriesFault.VARYING_IMAGE_TYPE: _has_two("ImageType"),
    SeriesFault.MIXED_PATIENTS: _has_two("PatientID"),
    SeriesFault.SCOUT_INSIDE: _has_scout,
    SeriesFault.SINGLE_SLICE: lambda datasets: len(datasets) == 1,
    SeriesFault.MISSING_POSITION: _one_lacks_position,
    SeriesFault.MISSING_PIXEL_SPACING: _all_are("PixelSpacing", None),
    SeriesFault.EMPTY_UIDS: _all_are("FrameOfReferenceUID", ""),
    SeriesFault.EMPTY_SERIES_UID: _all_are("SeriesInstanceUID", ""),
    SeriesFault.ONE_UID_FOR_ALL: lambda datasets: len({d.SOPInstanceUID for d in datasets}) == 1,
    SeriesFault.MISSING_FRAME_OF_REFERENCE: _all_are("FrameOfReferenceUID", None),
    SeriesFault.USELESS_NUMBERS: _all_are("InstanceNumber", 1),
    SeriesFault.MISSING_NUMBERS: _all_are("InstanceNumber", None),
    SeriesFault.THICKNESS_NOT_SPACING: _is_thick,
    SeriesFault.LOSSY_FLAG: _all_are("LossyImageCompression", "01"),
    SeriesFault.DERIVED_TYPE: _all_are("ImageType", ["DERIVED", "SECONDARY"]),
    SeriesFault.PROJECTION: _all_are("ImageType", ["DERIVED", "SECONDARY", "MIP"]),
}


@pytest.mark.parametrize("fault", list(SeriesFault))
def test_a_fault_does_what_it_says(fault: SeriesFault, tmp_path: Path) -> None:
    """The faulty series shows it and the plain one does not."""
    faulty = plain.read_all(write_ct_series(tmp_path / "faulty", make_ct(), None, [fault]).files)
    assert CHECKS[fault](faulty)


PAIRED = {
    SeriesFault.IDENTICAL_DUPLICATE,
    SeriesFault.RESENT_DUPLICATE,
    SeriesFault.CONFLICTING_DUPLICATE,
    SeriesFault.SAME_UID_CONFLICT,
}


@pytest.mark.parametrize("fault", sorted(set(SeriesFault) - PAIRED))
def test_a_plain_series_shows_no_fault(fault: SeriesFault, tmp_path: Path) -> None:
    """The checks of this file can fail."""
    datasets = plain.read_all(write_ct_series(tmp_path, make_ct()).files)
    assert not CHECKS[fault](datasets)
    assert _pairs_at_one_position(datasets) == []


@pytest.mark.parametrize(
    "fault", [f for f in SeriesFault if f.outcome in (Outcome.MEASURED, Outcome.FOUND)]
)
def test_series_to_be_measured_still_hold_every_voxel(fault: SeriesFault, tmp_path: Path) -> None:
    """Where a reader must measure, the main stack equals the truth."""
    image = make_ct()
    datasets = plain.read_all(write_ct_series(tmp_path, image, None, [fault]).files)
    parts = (1, 2) if fault is SeriesFault.TWO_ACQUISITIONS else (1,)
    main = [ds for ds in datasets if ds.AcquisitionNumber in parts and not _has_scout([ds])]
    slices = {round((_z_of(ds) - image.origin_mm[2]) / 1.5) for ds in main}
    assert slices == set(range(SLICES))
    assert plain.largest_difference(main, image, {}) == 0.0


def test_faults_combine(tmp_path: Path) -> None:
    """A missing slice among useless numbers is both."""
    faults = [SeriesFault.MISSING_SLICE, SeriesFault.USELESS_NUMBERS]
    written = write_ct_series(tmp_path, make_ct(), None, faults)
    datasets = plain.read_all(written.files)
    assert _is_missing_slice(datasets)
    assert {ds.InstanceNumber for ds in datasets} == {1}
    assert written.outcome is Outcome.REFUSED


def test_the_strictest_outcome_counts() -> None:
    """One refusal among findings is a refusal; nothing at all is measured."""
    found = Expected(outcome=Outcome.FOUND, code="x")
    refused = Expected(outcome=Outcome.REFUSED, code="y")
    assert strictest([found, refused, Expected()]) is Outcome.REFUSED
    assert strictest([]) is Outcome.MEASURED


def test_an_expectation_names_its_code() -> None:
    """What is not simply measured has a code, what is has none."""
    with pytest.raises(ValueError, match="a code goes with every outcome"):
        Expected(outcome=Outcome.REFUSED)
    with pytest.raises(ValueError, match="a code goes with every outcome"):
        Expected(code="x")


def test_members_are_their_values_and_carry_their_response() -> None:
    """A fault can be named by a string, as a scenario file does."""
    fault = SeriesFault("gantry_tilt")
    assert fault is SeriesFault.GANTRY_TILT
    assert fault.expected == Expected(outcome=Outcome.REFUSED, code="gantry_tilt")


def test_all_faults_have_names_of_their_own() -> None:
    """No two enumerations share a value, so a name in a file means one fault."""
    kinds = (Arrangement, SeriesFault, FileFault, CtFault, PetFault)
    assert len(FAULTS) == sum(len(kind) for kind in kinds)
    assert fault_named("missing_slice") is SeriesFault.MISSING_SLICE
    with pytest.raises(ValueError, match="no fault is named 'mising_slice'; there are feet_first"):
        fault_named("mising_slice")
