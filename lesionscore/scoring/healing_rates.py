"""How many lesions and patients have healed, with intervals, and what other choices would give.

Verdicts of `verdict_table`, intervals of `statistics`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lesionscore.protocol.analysis_rules import IntervalMethod, Sensitivity
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.rules import SizeMetric
from lesionscore.scoring.patient import patient_state
from lesionscore.scoring.sensitivity import only_sized, unknown_as_not_healed, worst_case
from lesionscore.scoring.states import LimbState
from lesionscore.scoring.statistics import (
    Interval,
    bootstrap_interval,
    gee_interval,
    proportion_interval,
)
from lesionscore.scoring.verdict_table import (
    LesionStates,
    lesion_states,
    require_columns,
    texts,
    visits_until_last,
)

LIMBS = ("size_limb", "sclerosis_limb", "complete_limb")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingRate:
    """How many of those that could be judged have healed.

    Parameters
    ----------
    analysis : str
        ``primary``, or the name of a sensitivity analysis.
    visit : str
        A visit, or ``until_...`` for the best verdict up to a visit.
    evaluable, healed, not_evaluable : int
        Counts; the proportion is healed over evaluable.
    proportion, low, high : float or None
        With the protocol's interval; None if nothing could be judged.
    interval_method : str
        Which of the intervals that is.
    clopper_pearson, wilson : Interval
        As if all were independent: right for patients, too narrow for lesions of one patient.
    cluster_bootstrap, gee : Interval or None
        For lesions that come in patients; None for patients.
    """

    analysis: str
    visit: str
    evaluable: int
    healed: int
    not_evaluable: int
    proportion: float | None
    low: float | None
    high: float | None
    interval_method: str
    clopper_pearson: Interval
    wilson: Interval
    cluster_bootstrap: Interval | None = None
    gee: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingRates:
    """The same question asked of lesions and of patients, at each visit and until the last."""

    lesions: tuple[HealingRate, ...]
    patients: tuple[HealingRate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbCount:
    """How often one limb of the definition was met at one visit, in lesions."""

    visit: str
    limb: str
    met: int
    not_met: int
    not_evaluable: int


def primary_rates(
    lesions: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol
) -> HealingRates:
    """Rates by the protocol's own choices.

    Parameters
    ----------
    lesions, patients : DataFrame
        The output tables.
    protocol : Protocol
        The study definition.

    Returns
    -------
    HealingRates
        First until the primary endpoint's last visit, then by visit.
    """
    return _rates(lesion_states(lesions, patients, protocol), "primary", protocol)


def sensitivity_rates(
    lesions: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol
) -> tuple[HealingRates, ...]:
    """Rates by the other choices that the protocol file asks for, each under its name.

    Returns
    -------
    tuple of HealingRates
        ``size_metric: ...`` for every other metric that the table has, ``worst_case``,
        ``unknown_as_not_healed`` and ``measurable_only``.
    """
    found = []
    for kind in protocol.analysis.sensitivity:
        if kind is Sensitivity.SIZE_METRIC:
            for metric in SizeMetric:
                column = f"healed_by_{metric.value}"
                if metric is not protocol.size.metric and column in lesions:
                    states = lesion_states(lesions, patients, protocol, column)
                    states = only_sized(states, lesions, metric, protocol)
                    found.append(_rates(states, f"size_metric: {metric.value}", protocol))
        else:
            states = lesion_states(lesions, patients, protocol)
            if kind is Sensitivity.WORST_CASE:
                states = worst_case(states, patients, protocol)
            elif kind is Sensitivity.UNKNOWN_AS_NOT_HEALED:
                states = unknown_as_not_healed(states, protocol)
            else:
                states = tuple(one for one in states if one.is_measurable)
            found.append(_rates(states, kind.value, protocol))
    return tuple(found)


def limb_counts(lesions: pd.DataFrame, protocol: Protocol) -> tuple[LimbCount, ...]:
    """Count the states of each limb at each follow-up visit, as they stand in the table.

    Raises
    ------
    ScoringError
        If a column is missing.
    """
    require_columns(lesions, ["visit", *LIMBS], "lesions")
    visits = texts(lesions["visit"])
    counts = []
    for visit in protocol.follow_up:
        for limb in LIMBS:
            cells = texts(lesions[limb])
            states = [cell for cell, at in zip(cells, visits, strict=True) if at == visit]
            met, not_met = states.count(LimbState.MET), states.count(LimbState.NOT_MET)
            counts.append(
                LimbCount(
                    visit=visit,
                    limb=limb.removesuffix("_limb"),
                    met=met,
                    not_met=not_met,
                    not_evaluable=len(states) - met - not_met,
                )
            )
    return tuple(counts)


def _rates(states: Sequence[LesionStates], analysis: str, protocol: Protocol) -> HealingRates:
    """Rates of one set of verdicts, until the last visit and by visit."""
    until = f"until_{protocol.analysis.primary_last_visit}"
    sets = {until: [(one.patient_id, one.best) for one in states]}
    for visit in visits_until_last(protocol):
        sets[visit] = [(one.patient_id, one.by_visit[visit]) for one in states]
    lesions, patients = [], []
    for visit, verdicts in sets.items():
        of_patient: dict[str, list[LimbState]] = {}
        for patient_id, state in verdicts:
            of_patient.setdefault(patient_id, []).append(state)
        joined = [(who, patient_state(some, protocol)) for who, some in of_patient.items()]
        lesions.append(_rate(verdicts, analysis, visit, protocol, clustered=True))
        patients.append(_rate(joined, analysis, visit, protocol, clustered=False))
    return HealingRates(lesions=tuple(lesions), patients=tuple(patients))


def _rate(
    verdicts: Sequence[tuple[str, LimbState]],
    analysis: str,
    visit: str,
    protocol: Protocol,
    *,
    clustered: bool,
) -> HealingRate:
    """Count and intervals of one set of verdicts."""
    settings = protocol.analysis
    judged = [(who, state) for who, state in verdicts if state is not LimbState.NOT_EVALUABLE]
    healed = np.array([state is LimbState.MET for _, state in judged], dtype=bool)
    plain = {
        method: proportion_interval(int(healed.sum()), len(healed), settings.confidence, method)
        for method in IntervalMethod
    }
    chosen = plain[settings.interval_method]
    bootstrap = gee = None
    if clustered:
        owners = [who for who, _ in judged]
        bootstrap = bootstrap_interval(
            healed,
            owners,
            confidence=settings.confidence,
            resamples=settings.bootstrap_resamples,
            seed=settings.seed,
        )
        gee = gee_interval(healed, owners, confidence=settings.confidence)
    return HealingRate(
        analysis=analysis,
        visit=visit,
        evaluable=len(healed),
        healed=int(healed.sum()),
        not_evaluable=len(verdicts) - len(healed),
        proportion=chosen.estimate,
        low=chosen.low,
        high=chosen.high,
        interval_method=settings.interval_method.value,
        clopper_pearson=plain[IntervalMethod.CLOPPER_PEARSON],
        wilson=plain[IntervalMethod.WILSON],
        cluster_bootstrap=bootstrap,
        gee=gee,
    )
