"""One value against its baseline: difference, percent, fold and the logarithm of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lesionscore.markers.results import Sample
from lesionscore.protocol.marker_rules import MarkerRules, SampleChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Change against a baseline; -20.0 percent is a fold of 0.8.

    ``fold`` and ``ln_fold`` are None where one of the two values is not above 0.
    """

    difference: float
    percent: float | None
    fold: float | None
    ln_fold: float | None


def change_of(value: float, baseline: float) -> Change:
    """Compare a value with its baseline.

    Parameters
    ----------
    value, baseline : float
        In one unit, 0 or more.

    Returns
    -------
    Change
        Percent and fold need a baseline above 0, the logarithm a value above 0 too.

    Examples
    --------
    >>> change_of(60.0, 40.0).percent
    50.0
    """
    fold = value / baseline if baseline > 0 else None
    return Change(
        difference=value - baseline,
        percent=None if fold is None else (value - baseline) / baseline * 100.0,
        fold=fold,
        ln_fold=math.log(fold) if fold is not None and fold > 0 else None,
    )


def comparison(
    sample: Sample, baseline: Sample | None, rules: MarkerRules
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say why a sample does not compare with its baseline, or what is doubtful about it.

    Parameters
    ----------
    sample : Sample
        At the visit.
    baseline : Sample or None
        What it is compared with; None if there is no such sample.
    rules : MarkerRules
        What becomes of another assay or specimen.

    Returns
    -------
    reasons, flags : tuple of str
        No reasons: the change can be told.
    """
    if sample.value is None:
        return sample.reasons, sample.flags
    if baseline is None:
        return ("baseline_missing",), sample.flags
    if baseline.value is None:
        reasons = tuple(f"baseline_{reason}" for reason in baseline.reasons)
        return reasons, sample.flags
    found: list[str] = []
    flags = list(sample.flags)
    if sample.unit != baseline.unit:
        found.append("unit_not_comparable")
    if baseline.value <= 0:
        found.append("baseline_not_positive")
    for name, rule in (("assay", rules.assay_change), ("specimen", rules.specimen_change)):
        here, there = sample.confounder(name), baseline.confounder(name)
        if here and there and here != there:
            (found if rule is SampleChange.NOT_EVALUABLE else flags).append(f"{name}_changed")
        elif bool(here) != bool(there):
            flags.append(f"{name}_not_stated")
    if sample.confounder("fasting") != baseline.confounder("fasting"):
        flags.append("fasting_differs")
    if "below_limit_substituted" in baseline.flags:
        flags.append("baseline_below_limit_substituted")
    return tuple(found), tuple(flags)
