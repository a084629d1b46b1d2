"""What the numbers of a PET file mean: units, and the type of SUV where they are SUV."""

from __future__ import annotations

import re

from lesionscore.dicom import tags
from lesionscore.dicom.body import SuvType
from lesionscore.dicom.header import Header
from lesionscore.dicom.policy import Notes
from lesionscore.errors import SuvError

SAME_FRACTION = 1e-4  # decimal strings of 16 characters against doubles
UCUM_UNITS = {
    "BQ/ML": "BQML",
    "BQML": "BQML",
    "G/ML{SUVBW}": "GML BW",
    "{SUVBW}G/ML": "GML BW",
    "G/ML{SUVLBM}": "GML LBM",
    "{SUVLBM}G/ML": "GML LBM",
    "G/ML{SUVLBM(JAMES128)}": "GML LBMJAMES128",
    "{SUVLBM(JAMES128)}G/ML": "GML LBMJAMES128",
    "G/ML{SUVLBM(JANMA)}": "GML LBMJANMA",
    "{SUVLBM(JANMA)}G/ML": "GML LBMJANMA",
    "G/ML{SUVIBW}": "GML IBW",
    "{SUVIBW}G/ML": "GML IBW",
    "CM2/ML{SUVBSA}": "CM2ML BSA",
    "{SUVBSA}CM2/ML": "CM2ML BSA",
    "CM2ML": "CM2ML BSA",
    "G/ML": "GML",
    "SUVBW": "GML BW",
    "GML": "GML",
    "CNTS": "CNTS",
}
"""Units (0054,1001), or the UCUM code of an enhanced PET (CID 85), as units and SUV type."""
MULTI_FRAME_PET = frozenset({"1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1"})
"""Only here does Rescale Type tell the units: other PET keeps words like ``SUV`` there."""


def _known(named: str) -> str | None:
    """Give units and SUV type of a word for them; None if it is none that is read."""
    return UCUM_UNITS.get(re.sub(r"\s", "", named))


def units_of(header: Header) -> tuple[str, str]:
    """Units and SUV type of a PET, from (0054,1001), else from the rescale type of enhanced PET.

    Raises
    ------
    SuvError
        If the units are missing or none that this reader knows.
    """
    named = header.code(tags.UNITS)
    suv_type = header.code(tags.SUV_TYPE)
    source = "Units (0054,1001)"
    if not named and header.text(tags.SOP_CLASS_UID) in MULTI_FRAME_PET:
        source = "Rescale Type (0028,1054), with no Units (0054,1001) and no real world value map,"
        named = header.code(tags.RESCALE_TYPE)
        if _known(named) is None:
            named = mapped_unit(header) or named
    known = _known(named)
    if known is None:
        raise SuvError(
            f"{source} is {named or 'missing'}; BQML, GML, CM2ML and Philips CNTS are accepted"
        )
    units, _, implied = known.partition(" ")
    return units, suv_type or implied


def mapped_unit(header: Header) -> str:
    """Give the unit of the real world value map that does what slope and intercept do.

    Raises
    ------
    SuvError
        If every map has another slope: its unit is not that of the rescaled values.

    Notes
    -----
    A map without slope, or with 1 and 0 beside a rescale that has others, only names the unit.
    """
    units = []
    rescale = header.number(tags.RESCALE_SLOPE), header.number(tags.RESCALE_INTERCEPT) or 0.0
    for item in header.items(tags.REAL_WORLD_VALUE_MAPPING_SEQUENCE):
        unit = item.first_item(tags.MEASUREMENT_UNITS_CODE_SEQUENCE).code(tags.CODE_VALUE)
        slope = item.number(tags.REAL_WORLD_VALUE_SLOPE)
        intercept = item.number(tags.REAL_WORLD_VALUE_INTERCEPT) or 0.0
        if slope is None or (slope, intercept) == (1.0, 0.0) or _is_same(rescale, slope, intercept):
            return unit
        units.append(f"{unit} with slope {slope:g}")
    if units:
        raise SuvError(
            f"the real world value map (0040,9096) gives {', '.join(units)}, but Rescale Slope "
            f"(0028,1053) is {header.said(tags.RESCALE_SLOPE)}: the unit of the rescaled values is "
            "not known"
        )
    return ""


def _is_same(rescale: tuple[float | None, float], slope: float, intercept: float) -> bool:
    """Whether a map turns stored values into the same numbers as the rescale."""
    if rescale[0] is None:
        return False
    near = SAME_FRACTION * abs(slope)
    return abs(rescale[0] - slope) <= near and abs(rescale[1] - intercept) <= max(near, 1e-9)


def stored_suv_type(units: str, suv_type: str, notes: Notes) -> SuvType:
    """Which SUV a file holds whose units say SUV.

    Raises
    ------
    SuvError
        If units and type contradict each other, or the policy knows body weight alone.
    """
    expected = "BSA" if units == "CM2ML" else "BW"
    named = suv_type or expected
    if named not in SuvType.__members__ or (units == "CM2ML") != (named == "BSA"):
        raise SuvError(
            f"Units (0054,1001) are {units} and SUV Type (0054,1006) is {named}; GML goes with BW, "
            "LBM, LBMJAMES128, LBMJANMA or IBW, and CM2ML with BSA"
        )
    if notes.is_strict and named != "BW":
        raise SuvError(
            f"SUV Type (0054,1006) is {named}; the policy qiba knows body weight alone. Use the "
            "policy ibsi"
        )
    return SuvType(named)
