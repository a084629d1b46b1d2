"""What anonymisation took away, and the option of the profile that would have kept it."""

from __future__ import annotations

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header

PATIENT_CHARACTERISTICS = ("113108", "Retain Patient Characteristics Option")
FULL_DATES = ("113106", "Retain Longitudinal Temporal Information Full Dates Option")
MODIFIED_DATES = ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
SAFE_PRIVATE = ("113111", "Retain Safe Private Option")

KEPT_BY = {
    tags.PATIENT_WEIGHT: (PATIENT_CHARACTERISTICS,),
    tags.PATIENT_SIZE: (PATIENT_CHARACTERISTICS,),
    tags.PATIENT_SEX: (PATIENT_CHARACTERISTICS,),
    tags.RADIOPHARMACEUTICAL_START_TIME: (FULL_DATES, MODIFIED_DATES),
    tags.RADIOPHARMACEUTICAL_START_DATETIME: (FULL_DATES, MODIFIED_DATES),
    tags.ACQUISITION_TIME: (FULL_DATES, MODIFIED_DATES),
    tags.ACQUISITION_DATE: (FULL_DATES, MODIFIED_DATES),
    tags.SERIES_TIME: (FULL_DATES, MODIFIED_DATES),
}
PRIVATE = -1
"""Stands for any private element in `explain`."""


def is_deidentified(header: Header) -> bool:
    """Tell whether the file says that its patient's identity was removed."""
    return header.code(tags.PATIENT_IDENTITY_REMOVED) == "YES" or bool(options(header))


def options(header: Header) -> frozenset[str]:
    """Codes of De-identification Method Code Sequence (0012,0064), profile and options."""
    items = header.items(tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE)
    return frozenset(item.text(tags.CODE_VALUE) or "" for item in items) - {""}


def explain(header: Header, tag: int) -> str:
    """Say which option would have kept an element that is missing.

    Parameters
    ----------
    header : Header
        A header without the element.
    tag : int
        The element, or `PRIVATE`.

    Returns
    -------
    str
        A sentence to append to a message, with a leading space; "" for an element that is there
        and malformed, which no option would mend.

    References
    ----------
    .. [1] PS3.15 Table E.1-1, Basic Application Level Confidentiality Profile and its options.
    """
    kept_by = (SAFE_PRIVATE,) if tag == PRIVATE else KEPT_BY.get(tag)
    if kept_by is None or header.is_malformed(tag):
        return ""
    named = " or ".join(f"{name} ({code})" for code, name in kept_by)
    used = options(header)
    if used and used & {code for code, _ in kept_by}:
        return ""
    if is_deidentified(header):
        return f" The file was de-identified without the {named}; de-identify it again with it."
    return f" If the file was anonymised: de-identify it with the {named}."
