"""Three-valued states of a limb, and comparisons with limits that are inclusive in decimals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

TOLERANCE = 1e-9
"""Relative; far below any measurement, far above the rounding of binary fractions."""


class LimbState(StrEnum):
    """What a limb of the healing definition says."""

    MET = "met"
    NOT_MET = "not_met"
    NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limb:
    """One limb: its state, and why it is not evaluable."""

    state: LimbState
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def met_if(fulfilled: bool) -> LimbState:
    """State of a limb that can be decided."""
    return LimbState.MET if fulfilled else LimbState.NOT_MET


def any_of(states: Iterable[LimbState]) -> LimbState:
    """Join limbs by OR.

    Parameters
    ----------
    states : iterable of LimbState
        The limbs.

    Returns
    -------
    LimbState
        `MET` if any is met; `NOT_MET` if there are limbs and all are not met; else
        `NOT_EVALUABLE`.

    Examples
    --------
    >>> any_of([LimbState.NOT_EVALUABLE, LimbState.MET]).value
    'met'
    >>> any_of([LimbState.NOT_EVALUABLE, LimbState.NOT_MET]).value
    'not_evaluable'
    """
    listed = list(states)
    if LimbState.MET in listed:
        return LimbState.MET
    if listed and all(state is LimbState.NOT_MET for state in listed):
        return LimbState.NOT_MET
    return LimbState.NOT_EVALUABLE


def reaches(value: float, limit: float) -> bool:
    """Whether a value is at or above a limit, as decimals would say.

    Parameters
    ----------
    value, limit : float
        In one unit.

    Examples
    --------
    >>> reaches(5.1 - 3.1, 2.0), 5.1 - 3.1 >= 2.0
    (True, False)
    """
    return value >= limit - TOLERANCE * max(1.0, abs(limit))
