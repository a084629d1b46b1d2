"""How each `PetFault` changes the elements of a PET."""

from __future__ import annotations

import copy
import datetime as dt
import math
from collections.abc import Callable, Collection

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from phantoms.dicom.deidentify import deidentify
from phantoms.dicom.headers import PetHeader, Tracer
from phantoms.dicom.pet_faults import PetFault
from phantoms.dicom.pet_times import decay_per_s
from phantoms.dicom.private import (
    GE_CREATOR,
    GE_SCAN_DATETIME,
    PHILIPS_CREATOR,
    PHILIPS_SUV_FACTOR,
    SIEMENS_CREATOR,
    SIEMENS_DECAY_CORRECTION_DATETIME,
)
from phantoms.dicom.tracers import name_tracer
from phantoms.dicom.uids import decimal_string

HALF_LIFE_GA68_S = 4057.7
TEN_MINUTES_S = 600.0
Change = Callable[[Dataset, PetHeader], None]


def change_pet_template(ds: Dataset, header: PetHeader, faults: Collection[str]) -> None:
    """Change the elements that all images share.

    Parameters
    ----------
    ds : Dataset
        Changed in place.
    header : PetHeader
        The truth.
    faults : collection
        Those that are no `PetFault` are passed over.
    """
    for fault, change in _TEMPLATE_CHANGES.items():
        if fault in faults:
            change(ds, header)


def change_pet_image(ds: Dataset, header: PetHeader, faults: Collection[str]) -> None:
    """Change the elements of one finished image; see `change_pet_template`."""
    for fault, change in _IMAGE_CHANGES.items():
        if fault in faults:
            change(ds, header)


def _injection(ds: Dataset) -> Dataset:
    """Get the item of the Radiopharmaceutical Information Sequence."""
    item: Dataset = ds.RadiopharmaceuticalInformationSequence[0]
    return item


def _remove(keyword: str) -> Change:
    def change(ds: Dataset, _: PetHeader) -> None:
        if keyword in ds:
            delattr(ds, keyword)

    return change


def _set(keyword: str, value: object) -> Change:
    return lambda ds, _: setattr(ds, keyword, value)


def _remove_from_injection(*keywords: str) -> Change:
    def change(ds: Dataset, _: PetHeader) -> None:
        for keyword in keywords:
            if keyword in _injection(ds):
                delattr(_injection(ds), keyword)

    return change


def _set_in_injection(keyword: str, value: Callable[[PetHeader], str]) -> Change:
    return lambda ds, header: setattr(_injection(ds), keyword, value(header))


def _move_start(ds: Dataset, days: int = 0, minutes: float = 0.0) -> None:
    """Move Start DateTime by so many days; Start Time only by the minutes."""
    item = _injection(ds)
    if "RadiopharmaceuticalStartDateTime" in item:
        text = str(item.RadiopharmaceuticalStartDateTime)
        moment = dt.datetime.strptime(text[:14], "%Y%m%d%H%M%S")
        moment += dt.timedelta(days=days, minutes=minutes)
        item.RadiopharmaceuticalStartDateTime = f"{moment:%Y%m%d%H%M%S}{text[14:]}"
    if "RadiopharmaceuticalStartTime" in item and minutes:
        clock = dt.datetime.strptime(str(item.RadiopharmaceuticalStartTime)[:6], "%H%M%S")
        item.RadiopharmaceuticalStartTime = f"{clock + dt.timedelta(minutes=minutes):%H%M%S}"


def _drop_correction(name: str) -> Change:
    def change(ds: Dataset, _: PetHeader) -> None:
        ds.CorrectedImage = [entry for entry in ds.CorrectedImage if entry != name]

    return change


def _two_injections(ds: Dataset, header: PetHeader) -> None:
    second = copy.deepcopy(_injection(ds))
    second.RadionuclideTotalDose = decimal_string(0.4 * header.injected_dose_bq)
    ds.RadiopharmaceuticalInformationSequence.append(second)


def _unnamed_tracer(ds: Dataset, _: PetHeader) -> None:
    item = _injection(ds)
    item.Radiopharmaceutical = ""
    del item.RadiopharmaceuticalCodeSequence


def _shift_private_date(ds: Dataset, _: PetHeader) -> None:
    """Move the vendor's decay reference a day back."""
    for group, creator, offset in (
        (0x0009, GE_CREATOR, GE_SCAN_DATETIME),
        (0x0071, SIEMENS_CREATOR, SIEMENS_DECAY_CORRECTION_DATETIME),
    ):
        if any(creator == block for block in ds.private_creators(group)):
            element = ds.private_block(group, creator)[offset]
            text = str(element.value)
            moment = dt.datetime.strptime(text[:14], "%Y%m%d%H%M%S") - dt.timedelta(days=1)
            ds.private_block(group, creator).add_new(
                offset, "DT", f"{moment:%Y%m%d%H%M%S}{text[14:]}"
            )


def _philips_suv_factor(factor: float) -> Change:
    def change(ds: Dataset, _: PetHeader) -> None:
        block = ds.private_block(0x7053, PHILIPS_CREATOR)
        value = float(block[PHILIPS_SUV_FACTOR].value) * factor
        block.add_new(PHILIPS_SUV_FACTOR, "DS", decimal_string(value))

    return change


def _wrong_decay_factor(ds: Dataset, header: PetHeader) -> None:
    if "DecayFactor" in ds:
        raised = float(ds.DecayFactor) * math.exp(decay_per_s(header) * TEN_MINUTES_S)
        ds.DecayFactor = decimal_string(raised)


def _short_start(ds: Dataset, header: PetHeader) -> None:
    """Write the start to the minute, as far as its elements are there."""
    if header.administered.second or header.administered.microsecond:
        raise ValueError("only an injection at a full minute can be written without seconds")
    item = _injection(ds)
    if "RadiopharmaceuticalStartTime" in item:
        item.RadiopharmaceuticalStartTime = f"{header.administered:%H%M}"
    if "RadiopharmaceuticalStartDateTime" in item:
        item.RadiopharmaceuticalStartDateTime = f"{header.administered:%Y%m%d%H%M}"


def _comma(ds: Dataset, header: PetHeader) -> None:
    """Write the weight as bytes that pydicom would refuse to make."""
    text = f"{header.visit.patient.weight_kg:.1f}".replace(".", ",").encode()
    tag = Tag("PatientWeight")
    text += b" " * (len(text) % 2)
    ds[tag] = RawDataElement(tag, "DS", len(text), text, 0, False, True)


def _no_series_time(ds: Dataset, _: PetHeader) -> None:
    del ds.SeriesDate, ds.SeriesTime


_TEMPLATE_CHANGES: dict[PetFault, Change] = {
    PetFault.MISSING_WEIGHT: _remove("PatientWeight"),
    PetFault.ZERO_WEIGHT: _set("PatientWeight", "0"),
    PetFault.WEIGHT_IN_GRAMS: lambda ds, header: setattr(
        ds, "PatientWeight", decimal_string(1000.0 * header.visit.patient.weight_kg)
    ),
    PetFault.MISSING_SIZE: _remove("PatientSize"),
    PetFault.MISSING_SEX: _set("PatientSex", ""),
    PetFault.DOSE_IN_MBQ: _set_in_injection(
        "RadionuclideTotalDose", lambda header: decimal_string(header.injected_dose_bq / 1e6)
    ),
    PetFault.MISSING_DOSE: _remove_from_injection("RadionuclideTotalDose"),
    PetFault.NEGATIVE_DOSE: _set_in_injection("RadionuclideTotalDose", lambda _: "-1"),
    PetFault.MISSING_HALF_LIFE: _remove_from_injection("RadionuclideHalfLife"),
    PetFault.HALF_LIFE_IN_MINUTES: _set_in_injection(
        "RadionuclideHalfLife", lambda header: decimal_string(round(header.half_life_s / 60.0, 2))
    ),
    PetFault.HALF_LIFE_OF_GALLIUM: _set_in_injection(
        "RadionuclideHalfLife", lambda _: decimal_string(HALF_LIFE_GA68_S)
    ),
    PetFault.MISSING_START: _remove_from_injection(
        "RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime"
    ),
    PetFault.SHORT_START: _short_start,
    PetFault.START_DATE_SHIFTED: lambda ds, _: _move_start(ds, days=1),
    PetFault.START_YEARS_OFF: lambda ds, _: _move_start(ds, days=-5113),
    PetFault.INJECTION_AFTER_SCAN: lambda ds, header: _move_start(
        ds, minutes=header.uptake_min + 20.0
    ),
    PetFault.FDG_TRACER: lambda ds, _: name_tracer(_injection(ds), Tracer.FDG),
    PetFault.UNNAMED_TRACER: _unnamed_tracer,
    PetFault.NOT_ATTENUATION_CORRECTED: _drop_correction("ATTN"),
    PetFault.DECAY_CONTRADICTION: _drop_correction("DECY"),
    PetFault.MISSING_DECAY_CORRECTION: _remove("DecayCorrection"),
    PetFault.MISSING_UNITS: _remove("Units"),
    PetFault.MISSING_FRAME_DURATION: _remove("ActualFrameDuration"),
    PetFault.MISSING_INJECTION: _remove("RadiopharmaceuticalInformationSequence"),
    PetFault.EMPTY_INJECTION: _set("RadiopharmaceuticalInformationSequence", []),
    PetFault.MISSING_SERIES_TIME: _no_series_time,
    PetFault.TWO_INJECTIONS: _two_injections,
}
_IMAGE_CHANGES: dict[PetFault, Change] = {
    PetFault.WEIGHT_WITH_COMMA: _comma,
    PetFault.WRONG_DECAY_FACTOR: _wrong_decay_factor,
    PetFault.PRIVATE_DATE_SHIFTED: _shift_private_date,
    PetFault.PHILIPS_FACTORS_DISAGREE: _philips_suv_factor(1.15),
    PetFault.PHILIPS_SUV_FACTOR_ZERO: _philips_suv_factor(0.0),
    PetFault.BASIC_DEIDENTIFICATION: lambda ds, _: deidentify(ds, keep=False),
    PetFault.CAREFUL_DEIDENTIFICATION: lambda ds, _: deidentify(ds, keep=True),
}
