"""Lean, ideal and surface measures of the body, by which some scanners normalise uptake.

Formulas of PS3.3 C.8.9.1.1.3 and the papers it names. For sex "O" the mean of the male and the
female formula is taken; there is no consensus.
"""

from __future__ import annotations

from phantoms.dicom.headers import SuvType
from phantoms.dicom.people import PatientHeader, Sex

_MALE_FEMALE = {
    SuvType.LBM: ("james_120", "james_female"),
    SuvType.LBMJAMES128: ("james_128", "james_female"),
    SuvType.LBMJANMA: ("janma_male", "janma_female"),
    SuvType.IBW: ("ideal_male", "ideal_female"),
}


def _formula(name: str, weight_kg: float, size_m: float) -> float:
    """One published formula: kg from kg and m."""
    size_cm = size_m * 100.0
    bmi = weight_kg / size_m**2
    ratio_squared = (weight_kg / size_cm) ** 2
    return {
        "james_120": 1.10 * weight_kg - 120.0 * ratio_squared,
        "james_128": 1.10 * weight_kg - 128.0 * ratio_squared,
        "james_female": 1.07 * weight_kg - 148.0 * ratio_squared,
        "janma_male": 9270.0 * weight_kg / (6680.0 + 216.0 * bmi),
        "janma_female": 9270.0 * weight_kg / (8780.0 + 244.0 * bmi),
        "ideal_male": 48.0 + 1.06 * (size_cm - 152.0),
        "ideal_female": 45.5 + 0.91 * (size_cm - 152.0),
    }[name]


def normalising_mass_kg(kind: SuvType, patient: PatientHeader) -> float:
    """Mass that stands in for the body weight in one kind of SUV.

    Parameters
    ----------
    kind : SuvType
        Any but BSA, which is an area.
    patient : PatientHeader
        Weight, size and sex.

    Returns
    -------
    float
        kg; the weight itself for BW and an absent SUV Type.
    """
    if kind in (SuvType.ABSENT, SuvType.BW):
        return patient.weight_kg
    names = _MALE_FEMALE[kind]
    male, female = (_formula(name, patient.weight_kg, patient.size_m) for name in names)
    return {Sex.MALE: male, Sex.FEMALE: female, Sex.OTHER: (male + female) / 2.0}[patient.sex]


def body_surface_m2(patient: PatientHeader) -> float:
    """Body surface by Du Bois, in square metres."""
    size_cm = patient.size_m * 100.0
    return float(0.007184 * patient.weight_kg**0.425 * size_cm**0.725)
