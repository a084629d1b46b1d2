"""Bone formation against degradation: whether the two stay coupled, and which way they part."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Coupling(StrEnum):
    """Formation and degradation of one visit against the baseline."""

    ANABOLIC = "anabolic"
    """Formation rose against degradation beyond the least significant change."""
    CATABOLIC = "catabolic"
    """Degradation rose against formation beyond it."""
    BOTH_UP = "both_up"
    """Turnover rose, in balance."""
    BOTH_DOWN = "both_down"
    """Turnover fell, in balance."""
    UNCHANGED = "unchanged"
    NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnoverFold:
    """Geometric means of the markers' folds against the baseline at one visit."""

    patient_id: str
    visit: str
    formation_fold: float | None
    degradation_fold: float | None

    @property
    def balance_fold(self) -> float | None:
        """Formation fold over degradation fold: the composite."""
        if self.formation_fold is None or not self.degradation_fold:
            return None
        return self.formation_fold / self.degradation_fold


def coupling(fold: TurnoverFold, least_significant_percent: float) -> Coupling:
    """Say how formation and degradation moved against one another.

    Parameters
    ----------
    fold : TurnoverFold
        Of one visit.
    least_significant_percent : float
        Smallest change that counts, in percent; symmetric on the logarithmic scale, so that a
        rise and the fall that undoes it count alike.

    Returns
    -------
    Coupling
        The balance first; only where it holds, the common direction.

    Examples
    --------
    >>> up = TurnoverFold(
    ...     patient_id="P1", visit="month_3", formation_fold=1.5, degradation_fold=1.0
    ... )
    >>> coupling(up, 30.0).value
    'anabolic'
    """
    balance = fold.balance_fold
    if balance is None or balance <= 0 or not fold.formation_fold or not fold.degradation_fold:
        return Coupling.NOT_EVALUABLE
    limit = math.log1p(least_significant_percent / 100.0)
    if abs(math.log(balance)) > limit:
        return Coupling.ANABOLIC if balance > 1 else Coupling.CATABOLIC
    common = 0.5 * (math.log(fold.formation_fold) + math.log(fold.degradation_fold))
    if abs(common) > limit:
        return Coupling.BOTH_UP if common > 0 else Coupling.BOTH_DOWN
    return Coupling.UNCHANGED
