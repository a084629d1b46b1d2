"""A PET whose slices contradict each other is refused by the element and the slices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from lesionscore.dicom import find_series, read_pet
from lesionscore.errors import SuvError
from phantoms.dicom import write_pet_series
from tests.dicom.phantom_scans import pet_image


def _injection(ds: Dataset) -> Dataset:
    return ds.RadiopharmaceuticalInformationSequence[0]


CHANGES: dict[str, Callable[[Dataset], None]] = {
    "Units": lambda ds: setattr(ds, "Units", "GML"),
    "Decay Correction": lambda ds: setattr(ds, "DecayCorrection", "ADMIN"),
    "Patient's Weight": lambda ds: setattr(ds, "PatientWeight", "90"),
    "Corrected Image": lambda ds: setattr(ds, "CorrectedImage", ["NORM", "ATTN"]),
    "Radionuclide Total Dose": lambda ds: setattr(_injection(ds), "RadionuclideTotalDose", "1e8"),
    "Radionuclide Half Life": lambda ds: setattr(_injection(ds), "RadionuclideHalfLife", "6588"),
    "Radiopharmaceutical Start Time": lambda ds: setattr(
        _injection(ds), "RadiopharmaceuticalStartTime", "090000"
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_slice_that_differs_is_named(name: str, tmp_path: Path) -> None:
    """What belongs to the series cannot change from slice to slice."""
    files = write_pet_series(tmp_path / "pet", pet_image(8)).files
    ds = pydicom.dcmread(files[3])
    CHANGES[name](ds)
    ds.save_as(files[3])
    with pytest.raises(SuvError, match=f"mixed (units|{name} .*): 1 of 8 slices .*: instance"):
        read_pet(tmp_path / "pet")


def test_two_spellings_of_one_value_are_the_same(tmp_path: Path) -> None:
    """72.0 and 72.00 kg."""
    files = write_pet_series(tmp_path / "pet", pet_image(4)).files
    ds = pydicom.dcmread(files[1])
    ds.PatientWeight = "72.00"
    ds.save_as(files[1])
    assert read_pet(tmp_path / "pet").suv.weight_kg == 72.0


def test_a_description_that_contradicts_the_correction_is_said(tmp_path: Path) -> None:
    """Believed is Corrected Image, and where another series is beyond doubt, that is taken."""
    for name, number in (("doubtful", 3), ("plain", 4)):
        for path in write_pet_series(tmp_path / name, pet_image(4)).files:
            ds = pydicom.dcmread(path)
            ds.SeriesNumber = number
            if name == "doubtful":
                ds.SeriesDescription = "PET WB NAC"
                ds.SeriesInstanceUID += ".1"
                ds.SOPInstanceUID += ".1"
            ds.save_as(path)
    codes = {finding.code for finding in read_pet(tmp_path / "doubtful").findings}
    assert "attenuation_correction_contradicts" in codes
    both = read_pet(tmp_path)
    assert both.info.series_number == 4
    assert both.info.choice.endswith("attenuation corrected beyond doubt")


@pytest.mark.parametrize(
    ("element", "kind", "measurable"),
    [
        ({"SeriesType": ["STATIC", "REPROJECTION"]}, "projection", False),
        ({"CountsSource": "TRANSMISSION"}, "other", False),
        ({"SeriesType": ["GATED", "IMAGE"]}, "pet", True),
    ],
)
def test_what_is_no_whole_emission_scan_is_told_apart(
    element: dict[str, object], kind: str, measurable: bool, tmp_path: Path
) -> None:
    """Reprojections and transmission are never measured, a gate with a finding."""
    for path in write_pet_series(tmp_path / "pet", pet_image(4)).files:
        ds = pydicom.dcmread(path)
        for keyword, value in element.items():
            setattr(ds, keyword, value)
        ds.save_as(path)
    (series,) = find_series(tmp_path).series
    assert (series.kind, series.measurable) == (kind, measurable)
    codes = {finding.code for finding in series.findings}
    assert codes == ({"not_static"} if measurable else set())
