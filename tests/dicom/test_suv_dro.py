"""The digital reference objects of IBSI-SUV, and the headers that the list has beyond them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lesionscore.dicom import SuvPolicy, read_mask, read_pet
from lesionscore.errors import SuvError

EXPECTED = (0.20, 1.00, 4.00)
TWO_DECIMALS = 0.005
DECAYED_BQ = 368_080_000.0 * 2 ** (-3600 / 6586.2)  # what the published dose is at the scan
GIVEN = ("0_0", "2_0", "2_1", "2_3", "2_4", "3_1", "3_3", "4_0", "4_1")
COARSE = {"2_3": 0.038}


def in_mask(folder: Path, array: np.ndarray) -> tuple[float, float, float]:
    """Lowest, median and highest value inside an object's mask."""
    mask = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / "mask/DRO_mask.nii.gz")))
    values = array[mask > 0]
    return float(values.min()), float(np.median(values)), float(values.max())


@pytest.mark.parametrize("name", GIVEN)
def test_a_published_object_is_right(name: str, suv_dro: Path) -> None:
    """Minimum, median and maximum to two decimals; one object stores coarser than that."""
    folder = suv_dro / f"DRO_{name}"
    found = in_mask(folder, read_pet(folder / "PT").volume.array)
    step = COARSE.get(name, 0.0)
    for value, expected in zip(found, EXPECTED, strict=True):
        assert abs(value - expected) <= TWO_DECIMALS + step / 2


@pytest.mark.parametrize("name", ["0_0", "3_3"])
def test_its_contours_hold_the_same_values(name: str, suv_dro: Path) -> None:
    """The RTSTRUCT of an object lies where its mask lies."""
    folder = suv_dro / f"DRO_{name}"
    scan = read_pet(folder / "PT")
    mask = read_mask(folder / "RS", None, scan.volume.grid, scan.info)
    values = scan.volume.array[mask.array]
    assert values.min() == pytest.approx(0.2, abs=TWO_DECIMALS)
    assert values.max() == pytest.approx(4.0, abs=TWO_DECIMALS)


def _injection(ds: Dataset) -> Dataset:
    return ds.RadiopharmaceuticalInformationSequence[0]


def _dose_for(ds: Dataset, elapsed_s: float, half_life_s: float = 6586.2) -> None:
    """Set the dose that leaves the published activity after some time."""
    _injection(ds).RadionuclideHalfLife = half_life_s
    _injection(ds).RadionuclideTotalDose = DECAYED_BQ * 2 ** (elapsed_s / half_life_s)


def _at(ds: Dataset, series: str, acquired: str, frame_reference_ms: float) -> None:
    ds.SeriesTime, ds.AcquisitionTime = series, acquired
    ds.FrameReferenceTime = frame_reference_ms


@dataclass(frozen=True)
class Variant:
    """A header of the published list that is not among the sample, made from one that is."""

    change: Callable[[Dataset, int], None]
    policy: SuvPolicy = SuvPolicy.IBSI


def _two_slopes(ds: Dataset, index: int) -> None:
    if index % 2:
        ds.PixelData = (ds.pixel_array * 2).astype(np.int16).tobytes()
        ds.RescaleSlope = 0.5


def _activity_factor(ds: Dataset, index: int) -> None:
    del index
    ds.Manufacturer, ds.Units = "Philips Medical Systems", "CNTS"
    block = ds.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x09, "DS", "2.0")
    ds.RescaleSlope = 0.5


def _mbq(ds: Dataset, index: int) -> None:
    del index
    _injection(ds).RadionuclideTotalDose = 368.08


def _late_series(maker: str, back_ms: float) -> Callable[[Dataset, int], None]:
    def change(ds: Dataset, index: int) -> None:
        del index
        ds.Manufacturer = maker
        _at(ds, "113000", "110000", back_ms)

    return change


def _late_series_second_bed(ds: Dataset, index: int) -> None:
    ds.Manufacturer = "SIEMENS"
    later_s = 300 if index >= 10 else 0
    _at(ds, "113000", "110500" if later_s else "110000", 149_605 + 1000 * later_s)


def _siemens_private(ds: Dataset, index: int) -> None:
    del index
    ds.Manufacturer = "SIEMENS"
    _at(ds, "113000", "111500", 0)
    ds.add_new(0x00711022, "DT", "20250101110000.000000")


def _siemens_private_in_another_block(ds: Dataset, index: int) -> None:
    _siemens_private(ds, index)
    del ds[0x00711022]
    ds.private_block(0x0071, "SOMEBODY ELSE", create=True).add_new(0x22, "DT", "20250101093000")
    block = ds.private_block(0x0071, "SIEMENS MED PT", create=True)
    block.add_new(0x22, "DT", "20250101110000.00")


def _none(maker: str) -> Callable[[Dataset, int], None]:
    def change(ds: Dataset, index: int) -> None:
        ds.Manufacturer, ds.DecayCorrection = maker, "NONE"
        ds.CorrectedImage = [word for word in ds.CorrectedImage if word != "DECY"]
        later_s = 600 if index >= 10 else 0
        _at(ds, "110000", "111000" if later_s else "110000", 0)
        decay = np.log(2) / 6586.2
        x = decay * 300
        mean = np.exp(-decay * later_s) * (1 - np.exp(-x)) / x
        ds.PixelData = np.rint(ds.pixel_array * 0.9 * mean).astype(np.int16).tobytes()
        ds.RescaleSlope = 1 / 0.9

    return change


def _midnight(ds: Dataset, index: int) -> None:
    del index
    _at(ds, "003000", "003000", 150_000)
    ds.SeriesDate = ds.AcquisitionDate = "20250102"
    _injection(ds).RadiopharmaceuticalStartTime = "233000"
    del _injection(ds).RadiopharmaceuticalStartDateTime


def _midnight_whole(ds: Dataset, index: int) -> None:
    _midnight(ds, index)
    _injection(ds).RadiopharmaceuticalStartDateTime = "20250101233000"


def _midnight_anonymised(ds: Dataset, index: int) -> None:
    _midnight_whole(ds, index)
    ds.AcquisitionDate = "19000101"


def _midnight_without_dates(ds: Dataset, index: int) -> None:
    _midnight(ds, index)
    for keyword in ("SeriesDate", "AcquisitionDate", "StudyDate"):
        delattr(ds, keyword)


def _zirconium(ds: Dataset, index: int) -> None:
    del index
    half_life = 282_276.0
    _dose_for(ds, 3 * 86_400 + 3600, half_life)
    injection = _injection(ds)
    injection.RadiopharmaceuticalStartDateTime = "20241229100000"
    injection.RadionuclideCodeSequence[0].CodeValue = "C-168A4"
    injection.RadionuclideCodeSequence[0].CodeMeaning = "^89^Zirconium"


def _gallium(ds: Dataset, index: int) -> None:
    del index
    _dose_for(ds, 3600, 4062.6)
    _injection(ds).RadionuclideCodeSequence[0].CodeValue = "C-131A3"


def _gml(kind: str, sex: str, mass_kg: float) -> Callable[[Dataset, int], None]:
    def change(ds: Dataset, index: int) -> None:
        del index
        ds.Units, ds.SUVType, ds.PatientSex = "GML", kind, sex
        ds.PixelData = np.rint(ds.pixel_array * 2.0).astype(np.int16).tobytes()
        ds.RescaleSlope = mass_kg / 70.0 / 7200.0

    return change


JAMES_M, JAMES_F = 1.10 * 70 - 128 * 0.16, 1.07 * 70 - 148 * 0.16
BMI = 70 / 1.75**2
JANMA_M, JANMA_F = 9270 * 70 / (6680 + 216 * BMI), 9270 * 70 / (8780 + 244 * BMI)
IDEAL_M, IDEAL_F = 48.0 + 1.06 * 23, 45.5 + 0.91 * 23

VARIANTS = {
    "1_0 two slopes": Variant(_two_slopes),
    "2_1_1 James F": Variant(_gml("LBMJAMES128", "F", JAMES_F)),
    "2_1_2 James O": Variant(_gml("LBMJAMES128", "O", (JAMES_M + JAMES_F) / 2)),
    "2_2_0 ideal M": Variant(_gml("IBW", "M", IDEAL_M)),
    "2_2_1 ideal F": Variant(_gml("IBW", "F", IDEAL_F)),
    "2_2_2 ideal O": Variant(_gml("IBW", "O", (IDEAL_M + IDEAL_F) / 2)),
    "2_6_0 Janmahasatian M": Variant(_gml("LBMJANMA", "M", JANMA_M)),
    "2_6_1 Janmahasatian F": Variant(_gml("LBMJANMA", "F", JANMA_F)),
    "2_6_2 Janmahasatian O": Variant(_gml("LBMJANMA", "O", (JANMA_M + JANMA_F) / 2)),
    "2_5 activity factor": Variant(_activity_factor),
    "3_0 dose in MBq": Variant(_mbq),
    "3_2_0 late series Siemens": Variant(_late_series("SIEMENS", 149_605)),
    "3_2_1 late series GE": Variant(_late_series("GE MEDICAL SYSTEMS", 0)),
    "3_2_2 late series Philips": Variant(_late_series("Philips Medical Systems", 149_605)),
    "3_2_3 late series other": Variant(_late_series("Synthetic", 150_000)),
    "3_2 second bed": Variant(_late_series_second_bed),
    "3_3_0 Siemens private": Variant(_siemens_private),
    "3_3_0 Siemens private by creator": Variant(_siemens_private_in_another_block),
    "3_4_0 none Siemens": Variant(_none("SIEMENS")),
    "3_4_1 none GE": Variant(_none("GE MEDICAL SYSTEMS")),
    "3_4_3 none other": Variant(_none("Synthetic")),
    "4_2 midnight": Variant(_midnight),
    "4_3 midnight with DateTime": Variant(_midnight_whole),
    "4_4 midnight, date anonymised": Variant(_midnight_anonymised),
    "4_4 midnight, no dates at all": Variant(_midnight_without_dates),
    "4_5 zirconium": Variant(_zirconium),
    "5_0 gallium": Variant(_gallium),
    "qiba late series": Variant(_late_series("Synthetic", 149_605), SuvPolicy.QIBA),
    "qiba midnight": Variant(_midnight, SuvPolicy.QIBA),
}


def write_variant(source: Path, target: Path, change: Callable[[Dataset, int], None]) -> Path:
    """Write an object again with another header."""
    target.mkdir()
    for index, path in enumerate(sorted(source.iterdir())):
        ds = pydicom.dcmread(path)
        change(ds, index)
        ds.save_as(target / path.name)
    return target


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("name", VARIANTS)
def test_another_header_of_the_list_is_right(name: str, suv_dro: Path, tmp_path: Path) -> None:
    """Headers that the list describes, made here; stored integers round by less than 0.1 %."""
    variant = VARIANTS[name]
    folder = write_variant(suv_dro / "DRO_0_0/PT", tmp_path / "PT", variant.change)
    scan = read_pet(folder, policy=variant.policy)
    found = in_mask(suv_dro / "DRO_0_0", scan.volume.array)
    assert found == pytest.approx(EXPECTED, rel=0.001)


def _without(keyword: str) -> Callable[[Dataset, int], None]:
    return lambda ds, _: delattr(ds, keyword)


def _with(**elements: object) -> Callable[[Dataset, int], None]:
    def change(ds: Dataset, index: int) -> None:
        del index
        for keyword, value in elements.items():
            setattr(ds, keyword, value)

    return change


def _in_injection(**elements: object) -> Callable[[Dataset, int], None]:
    def change(ds: Dataset, index: int) -> None:
        del index
        for keyword, value in elements.items():
            if value is None:
                delattr(_injection(ds), keyword)
            else:
                setattr(_injection(ds), keyword, value)

    return change


def _ideal(**elements: object) -> Callable[[Dataset, int], None]:
    return (
        _with(Units="GML", SUVType="IBW", PatientSex="M")
        if not elements
        else _with(Units="GML", SUVType="IBW", **{"PatientSex": "M", **elements})
    )


def _no_duration(ds: Dataset, index: int) -> None:
    del index
    _at(ds, "113000", "110000", 150_000)
    del ds.ActualFrameDuration


def _zirconium_without_date(ds: Dataset, index: int) -> None:
    _zirconium(ds, index)
    del _injection(ds).RadiopharmaceuticalStartDateTime


def _zirconium_anonymised(ds: Dataset, index: int) -> None:
    _zirconium(ds, index)
    _injection(ds).RadiopharmaceuticalStartDateTime = "19000101000000"


def _no_injection(ds: Dataset, index: int) -> None:
    del index
    ds.RadiopharmaceuticalInformationSequence = Sequence([])


ERRORS = {
    "2_0 no weight": (_without("PatientWeight"), "Weight.*missing"),
    "2_1 weight 0": (_with(PatientWeight=0), "Weight.*is 0"),
    "2_2 ideal, no sex": (_ideal(PatientSex=""), "Sex.*missing"),
    "2_3 ideal, another sex": (_ideal(PatientSex="X"), "Sex.*is X"),
    "2_4 ideal, no size": (_ideal(PatientSize=None), "Size.*empty"),
    "2_5 ideal, size 0": (_ideal(PatientSize=0), "Size.*is 0"),
    "2_6 counts, no factors": (
        _with(Units="CNTS", Manufacturer="Philips Medical Systems"),
        "neither of Philips' private factors",
    ),
    "2_7 proportional counts": (_with(Units="PROPCNTS"), "PROPCNTS"),
    "3_0 no dose": (_in_injection(RadionuclideTotalDose=None), "Dose.*missing"),
    "3_1 dose negative": (_in_injection(RadionuclideTotalDose=-1.0), "Dose.*-1"),
    "3_2 no duration": (_no_duration, "Frame Duration"),
    "4_0 no start": (
        _in_injection(RadiopharmaceuticalStartTime=None, RadiopharmaceuticalStartDateTime=None),
        "both missing",
    ),
    "4_1 long uptake, no DateTime": (_zirconium_without_date, "date is missing"),
    "4_2 long uptake, anonymised": (_zirconium_anonymised, "does not fit"),
    "5_0 no half-life": (_in_injection(RadionuclideHalfLife=None), "Half Life.*missing"),
    "half-life in minutes": (_in_injection(RadionuclideHalfLife=109.77), "in minutes"),
    "no injection": (_no_injection, r"\(0054,0016\) is missing"),
    "placeholder of an anonymiser": (
        _in_injection(
            RadiopharmaceuticalStartTime=None, RadiopharmaceuticalStartDateTime="19000101000000"
        ),
        "placeholder",
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("name", ERRORS)
def test_an_object_in_error_is_refused(name: str, suv_dro: Path, tmp_path: Path) -> None:
    """Headers that lack what SUV needs are refused, and the message names the element."""
    change, match = ERRORS[name]
    folder = write_variant(suv_dro / "DRO_0_0/PT", tmp_path / "PT", change)
    with pytest.raises(SuvError, match=match):
        read_pet(folder)


def test_the_dose_in_mbq_is_a_refusal_by_qiba(suv_dro: Path, tmp_path: Path) -> None:
    """What one policy interprets, and says so, the other refuses."""
    folder = write_variant(suv_dro / "DRO_0_0/PT", tmp_path / "PT", _mbq)
    assert "dose_in_mbq" in {finding.code for finding in read_pet(folder).findings}
    with pytest.raises(SuvError, match="Bq is accepted"):
        read_pet(folder, policy=SuvPolicy.QIBA)
