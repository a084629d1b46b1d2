"""What the slices of one PET must agree on: one patient, one injection, one unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lesionscore.dicom import tags
from lesionscore.dicom.geometry import names
from lesionscore.dicom.header import Header
from lesionscore.dicom.slices import Slice
from lesionscore.dicom.units import units_of
from lesionscore.errors import SuvError

OF_THE_SERIES = {
    tags.MANUFACTURER: "Manufacturer (0008,0070)",
    tags.UNITS: "Units (0054,1001)",
    tags.SUV_TYPE: "SUV Type (0054,1006)",
    tags.DECAY_CORRECTION: "Decay Correction (0054,1102)",
    tags.DECAY_CORRECTED: "Decay Corrected (0018,9758)",
    tags.CORRECTED_IMAGE: "Corrected Image (0028,0051)",
    tags.PATIENT_WEIGHT: "Patient's Weight (0010,1030)",
    tags.PATIENT_SIZE: "Patient's Size (0010,1020)",
    tags.PATIENT_SEX: "Patient's Sex (0010,0040)",
}
OF_THE_INJECTION = {
    tags.RADIONUCLIDE_TOTAL_DOSE: "Radionuclide Total Dose (0018,1074)",
    tags.RADIONUCLIDE_HALF_LIFE: "Radionuclide Half Life (0018,1075)",
    tags.RADIOPHARMACEUTICAL_START_TIME: "Radiopharmaceutical Start Time (0018,1072)",
    tags.RADIOPHARMACEUTICAL_START_DATETIME: "Radiopharmaceutical Start DateTime (0018,1078)",
}


def check_uniform(slices: Sequence[Slice]) -> None:
    """Refuse a stack whose slices contradict each other in what belongs to the whole series.

    Parameters
    ----------
    slices : sequence of Slice
        The stack.

    Raises
    ------
    SuvError
        Naming the element and the slices that differ from most; or if units are not known.
    """
    injections = [
        one.header.first_item(tags.RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE) for one in slices
    ]
    _check(slices, [units_of(one.header) for one in slices], "units")
    for tag, name in OF_THE_SERIES.items():
        _check(slices, [_said(one.header, tag) for one in slices], name)
    for tag, name in OF_THE_INJECTION.items():
        _check(slices, [_said(item, tag) for item in injections], name)


def _said(header: Header, tag: int) -> object:
    """Give an element so that two spellings of one value are equal."""
    number = header.number(tag)
    return header.codes(tag) if number is None else number


def _check(slices: Sequence[Slice], values: Sequence[object], name: str) -> None:
    """Refuse values that are not all the same."""
    usual, count = Counter(values).most_common(1)[0]
    if count == len(values):
        return
    odd = [one for one, value in zip(slices, values, strict=True) if value != usual]
    raise SuvError(
        f"mixed {name}: {len(odd)} of {len(slices)} slices differ from the others: {names(odd)}. "
        "One scan has one; send the series again."
    )
