"""The plainest possible reading of DICOM, against which the written series are held.

Only pydicom, and formulas as the Standard prints them; nothing of the code under test.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from phantoms.image import Image

LN2 = math.log(2.0)


def read_all(files: Iterable[Path]) -> list[Dataset]:
    """Read the files of a series."""
    return [pydicom.dcmread(path) for path in files]


def rescaled(ds: Dataset) -> NDArray[np.float64]:
    """Stored values times slope plus intercept."""
    return ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)


def positions_mm(ds: Dataset) -> NDArray[np.float64]:
    """Position of every pixel centre, shape (n_y, n_x, 3) (PS3.3 C.7.6.2.1.1)."""
    origin = np.array(ds.ImagePositionPatient, dtype=float)
    along_row = np.array(ds.ImageOrientationPatient[:3], dtype=float)
    along_column = np.array(ds.ImageOrientationPatient[3:], dtype=float)
    between_rows, between_columns = (float(value) for value in ds.PixelSpacing)
    i = np.arange(ds.Columns)[None, :, None] * between_columns
    j = np.arange(ds.Rows)[:, None, None] * between_rows
    return origin + i * along_row + j * along_column


def expected_plane(ds: Dataset, image: Image) -> NDArray[np.float64]:
    """Values that the image has at the positions of a slice's pixels, which must be voxels."""
    index = image.index_of(positions_mm(ds))
    nearest = np.rint(index).astype(int)
    assert np.abs(index - nearest).max() < 0.02
    x, y, z = np.moveaxis(nearest, -1, 0)
    return image.array[z, y, x].astype(np.float64)


def largest_difference(
    datasets: Iterable[Dataset], image: Image, factors: dict[str, float]
) -> float:
    """Largest difference of any voxel from the image, after scaling by each instance's factor."""
    return max(
        float(
            np.abs(
                rescaled(ds) * factors.get(str(ds.SOPInstanceUID), 1.0) - expected_plane(ds, image)
            ).max()
        )
        for ds in datasets
    )


def moment(date: str, time: str) -> dt.datetime:
    """DA and TM as one moment."""
    text = f"{date}{time}"
    return dt.datetime.strptime(text, "%Y%m%d%H%M%S.%f" if "." in text else "%Y%m%d%H%M%S")


def datetime_of(text: str, local_zone: str = "") -> dt.datetime:
    """DT as local time."""
    offset = dt.timedelta(0)
    if text[-5] in "+-":
        offset = _zone(local_zone) - _zone(text[-5:])
        text = text[:-5]
    text = f"{text}00.0" if len(text) == len("202103160933") else text
    return dt.datetime.strptime(text, "%Y%m%d%H%M%S.%f") + offset


def _zone(text: str) -> dt.timedelta:
    sign = -1 if text.startswith("-") else 1
    return sign * dt.timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))


def private(ds: Dataset, group: int, creator: str, offset: int) -> str | None:
    """A private element by its creator, as text."""
    if creator not in ds.private_creators(group):
        return None
    block = ds.private_block(group, creator)
    if offset not in block:
        return None
    value = block[offset].value
    return value.decode().strip() if isinstance(value, bytes) else str(value)


def average_time_s(duration_s: float, half_life_s: float) -> float:
    """Time at which the activity equals the frame's average."""
    x = LN2 / half_life_s * duration_s
    return half_life_s / LN2 * math.log(x / (1.0 - math.exp(-x)))


def reference_time(ds: Dataset) -> dt.datetime:
    """What a START-corrected image is corrected to: private, or worked back from the frame."""
    siemens = private(ds, 0x0071, "SIEMENS MED PT", 0x22)
    ge = private(ds, 0x0009, "GEMS_PETD_01", 0x0D)
    if siemens or ge:
        return datetime_of(str(siemens or ge))
    acquired = moment(ds.AcquisitionDate, ds.AcquisitionTime)
    item = ds.RadiopharmaceuticalInformationSequence[0]
    average = average_time_s(ds.ActualFrameDuration / 1000.0, float(item.RadionuclideHalfLife))
    if ds.get("FrameReferenceTime") is None or float(ds.FrameReferenceTime) == 0.0:
        back = math.log(float(ds.DecayFactor)) * float(item.RadionuclideHalfLife) / LN2
        return acquired + dt.timedelta(seconds=average - back)
    back = float(ds.FrameReferenceTime) / 1000.0
    average = 0.0 if str(ds.Manufacturer).startswith("GE") else average
    return acquired + dt.timedelta(seconds=average - back)


def injection_time(ds: Dataset, reference: dt.datetime) -> dt.datetime:
    """Start of the injection; a time alone is the last such time before the reference."""
    item = ds.RadiopharmaceuticalInformationSequence[0]
    if "RadiopharmaceuticalStartDateTime" in item:
        text = str(item.RadiopharmaceuticalStartDateTime)
        return datetime_of(text, str(ds.get("TimezoneOffsetFromUTC", "")))
    start = moment(f"{reference:%Y%m%d}", str(item.RadiopharmaceuticalStartTime))
    return start if start <= reference else start - dt.timedelta(days=1)


def suv_per_bq_ml(ds: Dataset) -> float:
    """SUVbw of 1 Bq/mL by the header."""
    item = ds.RadiopharmaceuticalInformationSequence[0]
    dose_bq, half_life_s = float(item.RadionuclideTotalDose), float(item.RadionuclideHalfLife)
    grams = float(ds.PatientWeight) * 1000.0
    if ds.DecayCorrection == "ADMIN":
        return grams / dose_bq
    if ds.DecayCorrection == "START":
        reference = reference_time(ds)
        passed_s = (reference - injection_time(ds, reference)).total_seconds()
        return grams / (dose_bq * 2.0 ** (-passed_s / half_life_s))
    acquired = moment(ds.AcquisitionDate, ds.AcquisitionTime)
    passed_s = (acquired - injection_time(ds, acquired)).total_seconds()
    passed_s += average_time_s(ds.ActualFrameDuration / 1000.0, half_life_s)
    return grams / (dose_bq * 2.0 ** (-passed_s / half_life_s))


def lean_mass_kg(kind: str, sex: str, weight: float, height: float) -> float:
    """James (120 and 128) and Janmahasatian lean mass, and ideal weight; sex O is the mean."""
    if sex == "O":
        return (
            lean_mass_kg(kind, "M", weight, height) + lean_mass_kg(kind, "F", weight, height)
        ) / 2
    male, bmi, cm = sex == "M", weight / height**2, 100.0 * height
    if kind == "LBMJANMA":
        return 9270 * weight / (6680 + 216 * bmi) if male else 9270 * weight / (8780 + 244 * bmi)
    if kind == "IBW":
        return 48.0 + 1.06 * (cm - 152) if male else 45.5 + 0.91 * (cm - 152)
    if male:
        return 1.10 * weight - (120 if kind == "LBM" else 128) * (weight / cm) ** 2
    return 1.07 * weight - 148 * (weight / cm) ** 2


def suv_factor(ds: Dataset) -> float:
    """SUVbw per unit of the rescaled value of one single-frame PET image."""
    if ds.Units == "BQML":
        return suv_per_bq_ml(ds)
    weight, height = float(ds.PatientWeight), float(ds.PatientSize)
    if ds.Units == "GML":
        kind = str(ds.get("SUVType", "BW"))
        if kind == "BW":
            return 1.0
        return weight / lean_mass_kg(kind, str(ds.PatientSex), weight, height)
    if ds.Units == "CM2ML":
        surface = 0.007184 * weight**0.425 * (100.0 * height) ** 0.725
        return weight / (surface * 10.0)
    assert ds.Units == "CNTS"
    suv = private(ds, 0x7053, "Philips PET Private Group", 0x00)
    if suv is not None and float(suv) != 0.0:
        return float(suv)
    activity = private(ds, 0x7053, "Philips PET Private Group", 0x09)
    assert activity is not None
    return float(activity) * suv_per_bq_ml(ds)


def suv_factors(datasets: Iterable[Dataset]) -> dict[str, float]:
    """SUVbw per unit of the rescaled value, by SOP Instance UID."""
    return {str(ds.SOPInstanceUID): suv_factor(ds) for ds in datasets}
