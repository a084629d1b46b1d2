"""The five bone markers of the phantoms, and the courses that they take over the visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

VISITS = ("inclusion", "month_3", "month_12", "month_24")
INCLUSION = VISITS[0]
SUPPRESSED_FOLD = 0.02


class Course(StrEnum):
    """How a patient's bone turnover develops, against inclusion."""

    STABLE = "stable"
    """Nothing changes but by chance."""
    ANABOLIC = "anabolic"
    """Formation rises, degradation falls: what the treatment hopes for."""
    FLARE = "flare"
    """Formation rises at month 3 and is back at month 12."""
    OSTEOLYSIS = "osteolysis"
    """Degradation rises, and formation does not follow."""
    SUPPRESSED = "suppressed"
    """An antiresorptive drug: CTX falls below what the assay can measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerModel:
    """One marker: its usual level, how it varies, and how it is reported.

    Parameters
    ----------
    name : str
        As in the study's tables.
    is_formation : bool
        Formation or degradation.
    unit : str
        Unit of the truth.
    level : float
        Median between patients, in `unit`.
    cv_between, cv_biological, cv_analytic : float
        Coefficients of variation between patients, between one patient's visits (CVi) and
        between measurements of one sample (CVa), as fractions.
    limit : float
        Limit of quantification, in `unit`.
    units : mapping of str to Decimal
        Units that a laboratory may report in, with the exact number of them in one `unit`.
    """

    name: str
    is_formation: bool
    unit: str
    level: float
    cv_between: float
    cv_biological: float
    cv_analytic: float
    limit: Decimal
    units: Mapping[str, Decimal]


PER_LITRE_MASS = {"ug/L": Decimal(1), "ng/mL": Decimal(1)}
PER_LITRE_TRACE = {
    "ng/L": Decimal(1),
    "pg/mL": Decimal(1),
    "ug/L": Decimal("0.001"),
    "ng/mL": Decimal("0.001"),
}
MODELS = (
    MarkerModel(
        name="bALP",
        is_formation=True,
        unit="ug/L",
        level=13.9,
        cv_between=0.32,
        cv_biological=0.07,
        cv_analytic=0.05,
        limit=Decimal("1"),
        units=PER_LITRE_MASS,
    ),
    MarkerModel(
        name="PINP",
        is_formation=True,
        unit="ug/L",
        level=41.0,
        cv_between=0.35,
        cv_biological=0.09,
        cv_analytic=0.04,
        limit=Decimal("2"),
        units=PER_LITRE_MASS,
    ),
    MarkerModel(
        name="OC",
        is_formation=True,
        unit="ug/L",
        level=16.5,
        cv_between=0.38,
        cv_biological=0.09,
        cv_analytic=0.04,
        limit=Decimal("2"),
        units=PER_LITRE_MASS,
    ),
    MarkerModel(
        name="CTX",
        is_formation=False,
        unit="ng/L",
        level=390.0,
        cv_between=0.45,
        cv_biological=0.11,
        cv_analytic=0.05,
        limit=Decimal("30"),
        units=PER_LITRE_TRACE,
    ),
    MarkerModel(
        name="TRAP5b",
        is_formation=False,
        unit="U/L",
        level=2.6,
        cv_between=0.30,
        cv_biological=0.09,
        cv_analytic=0.05,
        limit=Decimal("0.5"),
        units={"U/L": Decimal(1)},
    ),
)
"""The phantom's markers. Levels of bALP and OC are geometric means of Danish adults; the other
numbers are choices of this phantom, of the size that laboratories see."""


_FOLDS: dict[Course, tuple[tuple[float, ...], tuple[float, ...]]] = {
    Course.STABLE: ((1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0)),
    Course.ANABOLIC: ((1.0, 1.35, 1.55, 1.7), (1.0, 0.8, 0.75, 0.7)),
    Course.FLARE: ((1.0, 1.9, 1.1, 1.05), (1.0, 0.9, 1.0, 1.0)),
    Course.OSTEOLYSIS: ((1.0, 0.95, 0.9, 0.85), (1.0, 1.2, 1.7, 2.3)),
    Course.SUPPRESSED: ((1.0, 0.8, 0.6, 0.55), (1.0, 0.6, 0.5, 0.45)),
}
"""Folds of formation and of degradation at the four visits."""


def fold_of(course: Course, visit: str, model: MarkerModel) -> float:
    """Give the fold of a marker against inclusion in a course.

    Parameters
    ----------
    course : Course
        Of the patient.
    visit : str
        One of `VISITS`.
    model : MarkerModel
        Which marker.

    Returns
    -------
    float
        1 at inclusion.
    """
    if course is Course.SUPPRESSED and model.name == "CTX" and visit in VISITS[1:3]:
        return SUPPRESSED_FOLD
    formation, degradation = _FOLDS[course]
    return (formation if model.is_formation else degradation)[VISITS.index(visit)]
