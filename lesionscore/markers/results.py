"""What is said of one marker, ratio or composite of one patient at one visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

COMPOSITE = "composite"
"""Name of the composite in the column ``marker``."""


class MarkerStatus(StrEnum):
    """Whether a marker's change against its baseline can be told."""

    EVALUABLE = "evaluable"
    NOT_EVALUABLE = "not_evaluable"
    MISSING = "missing"
    """No sample at this visit, or one without a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One marker of one patient at one visit, in the unit written.

    Parameters
    ----------
    patient_id, visit, marker : str
        Whose value this is.
    value : float or None
        The value in `unit`; None where there is none, with the reasons.
    unit : str
        One of the analyte's units; empty where there is no sample.
    written : str
        The value as the table has it, with its sign and unit.
    reasons, flags : tuple of str
        Why there is no value; doubts that do not stop it.
    confounders : tuple of (str, str)
        Carried through from the table.
    """

    patient_id: str
    visit: str
    marker: str
    date: date | None = None
    value: float | None = None
    unit: str = ""
    written: str = ""
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    confounders: tuple[tuple[str, str], ...] = ()

    def confounder(self, name: str) -> str:
        """Text of a confounder in small letters; empty if the table has none."""
        return dict(self.confounders).get(name, "").casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerResult:
    """A marker, ratio or composite against its baseline: one row of the table ``markers``.

    Parameters
    ----------
    patient_id, visit, marker : str
        Whose result; a ratio is named ``PINP/CTX``, the composite ``composite``.
    value, inclusion_value : float or None
        At the visit and at the baseline, in `unit`.
    unit : str
        Unit of both.
    change, change_percent, fold_change, ln_fold_change : float or None
        Against the baseline: difference in `unit`, percent, ratio, natural logarithm of it.
    status : MarkerStatus
        Whether the change can be told.
    reasons, flags : tuple of str
        Why not; doubts that do not stop it.
    beyond_lsc : bool or None
        Whether the change is larger than the least significant change, where one is known.
    lsc_percent, lsc_source : float or None, str
        The least significant change and where it comes from.
    written : str
        The value as the table has it.
    date : date or None
        Day of the sample.
    days_from_inclusion : int or None
        That day from inclusion, where the inclusion date is known.
    confounders : tuple of (str, str)
        Carried through from the table.
    """

    patient_id: str
    visit: str
    marker: str
    value: float | None
    unit: str
    inclusion_value: float | None
    change: float | None = None
    change_percent: float | None = None
    fold_change: float | None = None
    ln_fold_change: float | None = None
    status: MarkerStatus
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    beyond_lsc: bool | None = None
    lsc_percent: float | None = None
    lsc_source: str = ""
    written: str = ""
    date: date | None = None
    days_from_inclusion: int | None = None
    confounders: tuple[tuple[str, str], ...] = ()
