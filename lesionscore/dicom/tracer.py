"""Which nuclide and which tracer a PET header names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header
from lesionscore.dicom.policy import Notes
from lesionscore.errors import Severity

NAF = "18F-NaF"
FDG = "18F-FDG"
OTHER = "other"
TRACER_CODES = {
    "129501009": NAF,
    "C-B1032": NAF,
    "35321007": FDG,
    "C-B1031": FDG,
}
"""SNOMED CT and SNOMED RT codes of CID 4021 (PS3.16)."""
TRACER_WORDS = (
    (NAF, re.compile(r"\bNAF\b|18F-?NAF|NA-?F\b|NA18F|FLUORID|SODIUM\W*FLUO", re.IGNORECASE)),
    (FDG, re.compile(r"FDG|FLU[DO]\w*DEOXY|FLUDEOXY|GLUCOSE", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuclide:
    """A positron emitter and its physical half-life.

    Parameters
    ----------
    name : str
        As in ``18F``.
    half_life_s : float
        Seconds.
    codes : tuple of str
        SNOMED CT and SNOMED RT codes of CID 4020 (PS3.16).
    """

    name: str
    half_life_s: float
    codes: tuple[str, ...]


NUCLIDES = (
    Nuclide(name="18F", half_life_s=6586.2, codes=("77004003", "C-111A1")),  # 109.77 min
    Nuclide(name="11C", half_life_s=1221.8, codes=("40565003", "C-105A1")),
    Nuclide(name="13N", half_life_s=597.9, codes=("21576001", "C-107A1")),
    Nuclide(name="15O", half_life_s=122.24, codes=("129504001", "C-B1038")),
    Nuclide(name="68Ga", half_life_s=4062.6, codes=("35337001", "C-131A3")),
    Nuclide(name="64Cu", half_life_s=45721.0, codes=("3932008", "C-127A2")),
    Nuclide(name="82Rb", half_life_s=75.5, codes=("79197006", "C-159A2")),
    Nuclide(name="86Y", half_life_s=53064.0, codes=("10738001", "C-162A3")),
    Nuclide(name="89Zr", half_life_s=282276.0, codes=("63360001", "C-168A4")),
    Nuclide(name="124I", half_life_s=360806.0, codes=("40937006", "C-114A5")),
)
ELEMENTS = {
    "F": "18F",
    "FLUORINE": "18F",
    "C": "11C",
    "CARBON": "11C",
    "N": "13N",
    "NITROGEN": "13N",
    "O": "15O",
    "OXYGEN": "15O",
    "GA": "68Ga",
    "GALLIUM": "68Ga",
    "CU": "64Cu",
    "COPPER": "64Cu",
    "RB": "82Rb",
    "RUBIDIUM": "82Rb",
    "Y": "86Y",
    "YTTRIUM": "86Y",
    "ZR": "89Zr",
    "ZIRCONIUM": "89Zr",
    "I": "124I",
    "IODINE": "124I",
}
HALF_LIFE_TOLERANCE = 0.005  # headers of 18F say 6586.2 or 6588 s; 6570 to 6610 is accepted
MINUTES, HOURS = 60.0, 3600.0


def nuclide_of(radiopharmaceutical: Header) -> Nuclide | None:
    """Give the nuclide that an item of (0054,0016) names; None if unknown.

    By code, in words, or where neither is there by a tracer that is only made with one nuclide.
    """
    item = radiopharmaceutical.first_item(tags.RADIONUCLIDE_CODE_SEQUENCE)
    code = item.code(tags.CODE_VALUE)
    by_name = {nuclide.name: nuclide for nuclide in NUCLIDES}
    for nuclide in NUCLIDES:
        if code in nuclide.codes:
            return nuclide
    letters = re.findall(r"[A-Z]+", item.code(tags.CODE_MEANING))
    mass = re.findall(r"\d+", item.code(tags.CODE_MEANING))
    for word in letters:
        name = ELEMENTS.get(word)
        if name is not None and mass and name.startswith(mass[0]):
            return by_name[name]
    if not code and not letters and tracer_of(radiopharmaceutical) in (NAF, FDG):
        return by_name["18F"]
    return None


def tracer_of(radiopharmaceutical: Header) -> str:
    """Give the tracer that an item of (0054,0016) names: a constant of this module, or ""."""
    item = radiopharmaceutical.first_item(tags.RADIOPHARMACEUTICAL_CODE_SEQUENCE)
    coded = TRACER_CODES.get(item.code(tags.CODE_VALUE))
    if coded is not None:
        return coded
    words = (
        item.text(tags.CODE_MEANING) or "",
        radiopharmaceutical.text(tags.RADIOPHARMACEUTICAL) or "",
    )
    for name, pattern in TRACER_WORDS:
        if any(pattern.search(word) for word in words):
            return name
    return OTHER if any(words) else ""


def check_tracer(radiopharmaceutical: Header, wanted: str, notes: Notes) -> str:
    """Name the tracer, and record where it is not the one that the study needs.

    Parameters
    ----------
    radiopharmaceutical : Header
        Item of Radiopharmaceutical Information Sequence (0054,0016).
    wanted : str
        The protocol's tracer, as ``NaF``; "" for any.
    notes : Notes
        Takes the finding ``tracer_not_naf`` (or ``tracer_not_as_planned``), or ``tracer_unknown``.
    """
    tracer = tracer_of(radiopharmaceutical)
    if not wanted.strip():
        return tracer
    wanted = next((name for name, words in TRACER_WORDS if words.search(wanted)), wanted)
    if not tracer:
        notes.add("tracer_unknown", "the header does not name the tracer", Severity.INFO)
    elif tracer != wanted:
        code = "tracer_not_naf" if wanted == NAF else "tracer_not_as_planned"
        named = tracer if tracer != OTHER else "another tracer"
        notes.add(code, f"the header names {named}; the protocol needs {wanted}")
    return tracer


def unit_of_half_life(half_life_s: float, nuclide: Nuclide) -> str | None:
    """Say whether a half-life is the nuclide's in minutes or hours; None if it is neither."""
    for unit, seconds in (("minutes", MINUTES), ("hours", HOURS)):
        if abs(half_life_s * seconds / nuclide.half_life_s - 1) < 0.02:
            return unit
    return None
