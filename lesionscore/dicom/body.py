"""Body size: what SUV by lean mass, ideal weight or surface must be turned back with."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from lesionscore.dicom import tags
from lesionscore.dicom.deidentification import explain
from lesionscore.dicom.header import Header
from lesionscore.dicom.policy import Notes
from lesionscore.errors import SuvError

GRAMS_ABOVE_KG = 1000.0
LIGHTEST_KG, HEAVIEST_KG = 1.0, 500.0
PLAUSIBLE_WEIGHT_KG = (20.0, 300.0)
SHORTEST_M, TALLEST_M = 0.2, 3.0
TALLEST_CM = 260.0


class SuvType(StrEnum):
    """SUV Type (0054,1006): what the activity was divided by."""

    BW = "BW"
    """Body weight."""
    LBM = "LBM"
    """Lean body mass, James with 120 (Morgan's correction)."""
    LBMJAMES128 = "LBMJAMES128"
    """Lean body mass, James with 128."""
    LBMJANMA = "LBMJANMA"
    """Lean body mass, Janmahasatian."""
    IBW = "IBW"
    """Ideal body weight."""
    BSA = "BSA"
    """Body surface area, Du Bois."""


def weight_kg(header: Header, notes: Notes) -> float:
    """Patient's Weight (0010,1030) in kg.

    Raises
    ------
    SuvError
        If it is missing, not above 0, or above 1000 under the policy ``qiba``.
    """
    weight = header.number(tags.PATIENT_WEIGHT)
    if weight is None or not weight > 0:
        raise SuvError(
            f"Patient's Weight (0010,1030) is {header.said(tags.PATIENT_WEIGHT)}; "
            "SUV by body weight needs it in kg, as in 72.5." + explain(header, tags.PATIENT_WEIGHT)
        )
    if weight > GRAMS_ABOVE_KG:
        if notes.is_strict:
            raise SuvError(f"Patient's Weight (0010,1030) is {weight:g}; kg is accepted")
        notes.add("weight_in_grams", f"the weight {weight:g} was read as grams")
        weight /= 1000.0
    if not LIGHTEST_KG <= weight <= HEAVIEST_KG:
        raise SuvError(f"Patient's Weight (0010,1030) is {weight:g} kg, which nobody weighs")
    low, high = PLAUSIBLE_WEIGHT_KG
    if not low <= weight <= high:
        notes.add("weight_implausible", f"the header gives a weight of {weight:g} kg")
    return weight


def size_cm(header: Header, notes: Notes) -> float:
    """Patient's Size (0010,1020), in cm.

    Raises
    ------
    SuvError
        If it is missing, not above 0, or no size of a person.
    """
    size = header.number(tags.PATIENT_SIZE)
    if size is None or not size > 0:
        raise SuvError(
            f"Patient's Size (0010,1020) is {header.said(tags.PATIENT_SIZE)}; "
            "this SUV type needs it in metres." + explain(header, tags.PATIENT_SIZE)
        )
    if SHORTEST_M <= size <= TALLEST_M:
        return size * 100.0
    if not TALLEST_M < size <= TALLEST_CM or notes.is_strict:
        raise SuvError(f"Patient's Size (0010,1020) is {size:g}; metres are accepted")
    notes.add("size_in_centimetres", f"the size {size:g} was read as centimetres")
    return size


def lean_mass_james_kg(weight_kg: float, size_cm: float, sex: str, male_factor: float) -> float:
    """Lean body mass after James; `male_factor` is 120 (Morgan) or 128, in kg."""
    ratio = (weight_kg / size_cm) ** 2
    if sex == "M":
        return 1.10 * weight_kg - male_factor * ratio
    return 1.07 * weight_kg - 148.0 * ratio


def lean_mass_janmahasatian_kg(weight_kg: float, size_cm: float, sex: str) -> float:
    """Lean body mass after Janmahasatian 2005, in kg."""
    bmi = weight_kg / (size_cm / 100.0) ** 2
    low, slope = (6680.0, 216.0) if sex == "M" else (8780.0, 244.0)
    return 9270.0 * weight_kg / (low + slope * bmi)


def ideal_weight_kg(size_cm: float, sex: str) -> float:
    """Ideal body weight in kg, not capped at the actual weight."""
    if sex == "M":
        return 48.0 + 1.06 * (size_cm - 152.0)
    return 45.5 + 0.91 * (size_cm - 152.0)


def surface_m2(weight_kg: float, size_cm: float) -> float:
    """Body surface area after Du Bois, in square metres."""
    return float(0.007184 * weight_kg**0.425 * size_cm**0.725)


def suvbw_per_unit(suv_type: SuvType, header: Header, notes: Notes) -> float:
    """Factor that turns a SUV of another type into SUV by body weight.

    Parameters
    ----------
    suv_type : SuvType
        What the stored SUV was divided by.
    header : Header
        Weight, and where the type needs them, size and sex.
    notes : Notes
        Takes the findings.

    Returns
    -------
    float
        SUVbw per unit; for BSA, per cm2/ml.

    Raises
    ------
    SuvError
        If weight, size or sex is missing or unusable.

    Notes
    -----
    For sex "O" the mean of the male and the female formula is taken: there is no consensus,
    and this is IBSI-SUV's choice.
    """
    if suv_type is SuvType.BW:
        return 1.0
    weight = weight_kg(header, notes)
    size = size_cm(header, notes)
    if suv_type is SuvType.BSA:
        return weight / (surface_m2(weight, size) * 10.0)
    formulas: dict[SuvType, Callable[[str], float]] = {
        SuvType.LBM: lambda sex: lean_mass_james_kg(weight, size, sex, 120.0),
        SuvType.LBMJAMES128: lambda sex: lean_mass_james_kg(weight, size, sex, 128.0),
        SuvType.LBMJANMA: lambda sex: lean_mass_janmahasatian_kg(weight, size, sex),
        SuvType.IBW: lambda sex: ideal_weight_kg(size, sex),
    }
    sexes = _sexes(header, notes)
    mass = sum(formulas[suv_type](sex) for sex in sexes) / len(sexes)
    if not mass > 0:
        raise SuvError(
            f"{suv_type} of {weight:g} kg and {size:g} cm is {mass:.1f} kg: weight (0010,1030) or "
            "size (0010,1020) is wrong"
        )
    return weight / mass


def _sexes(header: Header, notes: Notes) -> tuple[str, ...]:
    """Give the formulas that Patient's Sex (0010,0040) asks for."""
    sex = header.code(tags.PATIENT_SEX)
    if sex in ("M", "F"):
        return (sex,)
    if sex == "O":
        notes.add(
            "sex_other",
            "the header's sex is O: the mean of the male and the female formula was taken",
        )
        return ("M", "F")
    raise SuvError(
        f"Patient's Sex (0010,0040) is {sex or 'missing'}; this SUV type needs M, F or O."
        + explain(header, tags.PATIENT_SEX)
    )
