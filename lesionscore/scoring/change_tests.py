"""Tests of no change against inclusion, in families that share one level.

The p values are those of `change_statistics`; which tests belong together is a choice, stated here
and in ``docs/statistics.md``, because the study's registry entry is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lesionscore.protocol.analysis_rules import Multiplicity
from lesionscore.protocol.protocol import Protocol
from lesionscore.scoring.change_rates import COMPOSITE, SUV_MAX, ChangeAtVisit
from lesionscore.scoring.statistics import adjusted_p_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test of no change, and what being one of several makes of it.

    Parameters
    ----------
    family : str
        ``secondary`` or ``exploratory``: tests that share one level.
    endpoint, visit : str
        What was tested.
    p : float
        Two-sided, Student's t on the ln ratio, one number a patient.
    p_adjusted : float
        By the family's rule; compare it with the level.
    rule : str
        How it was adjusted.
    significant : bool
        Whether the adjusted p value is at or below the level.
    """

    __test__ = False  # pytest must not collect it

    family: str
    endpoint: str
    visit: str
    p: float
    p_adjusted: float
    rule: str
    significant: bool


def tests_of_no_change(estimates: Sequence[ChangeAtVisit], protocol: Protocol) -> tuple[Test, ...]:
    """Adjust the tests of the secondary and of the exploratory endpoints, each family by itself.

    Parameters
    ----------
    estimates : sequence of ChangeAtVisit
        In the order of a fixed sequence.
    protocol : Protocol
        The rules and the level.

    Returns
    -------
    tuple of Test
        Secondary: SUVmax, the formation markers and the composite ratio; exploratory: the single
        ratios and the degradation markers. What could not be tested is left out.
    """
    secondary = {SUV_MAX, COMPOSITE, *protocol.markers.formation}
    rules = {
        "secondary": protocol.analysis.multiplicity_secondary,
        "exploratory": protocol.analysis.multiplicity_exploratory,
    }
    tests: list[Test] = []
    for family, rule in rules.items():
        members = [
            (one, one.paired.p_t)
            for one in estimates
            if (one.endpoint in secondary) == (family == "secondary") and one.paired.p_t is not None
        ]
        tests += _adjusted(family, members, rule, protocol.analysis.alpha)
    return tuple(tests)


def _adjusted(
    family: str, members: Sequence[tuple[ChangeAtVisit, float]], rule: Multiplicity, alpha: float
) -> list[Test]:
    """Adjust one family."""
    adjusted = adjusted_p_values([p for _, p in members], rule)
    return [
        Test(
            family=family,
            endpoint=one.endpoint,
            visit=one.visit,
            p=p,
            p_adjusted=p_adjusted,
            rule=rule.value,
            significant=p_adjusted <= alpha,
        )
        for (one, p), p_adjusted in zip(members, adjusted, strict=True)
    ]
