"""The study's endpoints in one value: healing, uptake, markers, tests, sensitivity, gaps.

Plain tables go in, plain numbers come out; `study.json` is this value. The rules are the
protocol's, the statistics scipy's and statsmodels'; see ``docs/statistics.md``.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lesionscore.protocol.protocol import Protocol
from lesionscore.scoring.change_rates import (
    ChangeAtVisit,
    ChangeModel,
    marker_changes,
    uptake_changes,
)
from lesionscore.scoring.change_tests import Test, tests_of_no_change
from lesionscore.scoring.healing_rates import (
    HealingRate,
    LimbCount,
    limb_counts,
    primary_rates,
    sensitivity_rates,
)
from lesionscore.scoring.states import LimbState
from lesionscore.scoring.verdict_table import off_protocol_days, require_columns, texts


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingReason:
    """How many lesions have no verdict at a visit for one reason."""

    visit: str
    reason: str
    lesions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """What the study shows, with what it rests on.

    Parameters
    ----------
    protocol_hash : str
        Hash of every rule in effect.
    patients, lesions, patients_off_protocol : int
        How many there are; how many left the protocol.
    choices : mapping of str to str
        The choices of the analysis in effect.
    healing_of_lesions, healing_of_patients : tuple of HealingRate
        Primary (until the last visit) and by visit.
    limbs : tuple of LimbCount
        Which way lesions healed.
    changes : tuple of ChangeAtVisit
        SUVmax, markers and ratios against inclusion.
    models : tuple of ChangeModel
        The same from mixed models of all visits.
    tests : tuple of Test
        Tests of no change, adjusted for being several. The primary endpoint has no test: the
        study names no rate to compare with.
    sensitivity_of_lesions, sensitivity_of_patients : tuple of HealingRate
        The primary question under other choices, each under its name.
    missing : tuple of MissingReason
        Why lesions have no verdict.
    """

    protocol_hash: str
    patients: int
    lesions: int
    patients_off_protocol: int
    choices: dict[str, str]
    healing_of_lesions: tuple[HealingRate, ...]
    healing_of_patients: tuple[HealingRate, ...]
    limbs: tuple[LimbCount, ...]
    changes: tuple[ChangeAtVisit, ...]
    models: tuple[ChangeModel, ...]
    tests: tuple[Test, ...]
    sensitivity_of_lesions: tuple[HealingRate, ...]
    sensitivity_of_patients: tuple[HealingRate, ...]
    missing: tuple[MissingReason, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None where a number could not be had."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}


def summarise_study(
    lesions: pd.DataFrame, patients: pd.DataFrame, markers: pd.DataFrame, protocol: Protocol
) -> StudySummary:
    """Summarise a study from its output tables.

    Parameters
    ----------
    lesions, patients, markers : DataFrame
        The output tables, in memory or as read from CSV or Parquet; rows in any order.
    protocol : Protocol
        The study definition.

    Returns
    -------
    StudySummary
        The same tables and protocol give the same numbers to the last digit.

    Raises
    ------
    ScoringError
        If a column is missing, or a cell is no verdict and no visit of the protocol.
    """
    main = primary_rates(lesions, patients, protocol)
    others = sensitivity_rates(lesions, patients, protocol)
    uptake, uptake_models = uptake_changes(lesions, patients, protocol)
    marker, marker_models = marker_changes(markers, patients, protocol)
    keys = set(zip(texts(lesions["patient_id"]), texts(lesions["lesion_id"]), strict=True))
    return StudySummary(
        protocol_hash=protocol.hash,
        patients=len(set(texts(patients["patient_id"]))),
        lesions=len(keys),
        patients_off_protocol=len(off_protocol_days(patients)),
        choices=_choices(protocol),
        healing_of_lesions=main.lesions,
        healing_of_patients=main.patients,
        limbs=limb_counts(lesions, protocol),
        changes=uptake + marker,
        models=uptake_models + marker_models,
        tests=tests_of_no_change(uptake + marker, protocol),
        sensitivity_of_lesions=tuple(rate for one in others for rate in one.lesions),
        sensitivity_of_patients=tuple(rate for one in others for rate in one.patients),
        missing=_missing(lesions, protocol),
    )


def _choices(protocol: Protocol) -> dict[str, str]:
    """Say the choices of the analysis in effect."""
    rules = protocol.analysis
    return {
        "size": protocol.size.metric.value,
        "primary": f"best verdict of each lesion until {rules.primary_last_visit} or leaving",
        "patient_is_healed": rules.patient_summary.value,
        "lesions_counted": rules.lesions.value,
        "missing_visit": rules.missing_visit.value,
        "out_of_window": rules.out_of_window.value,
        "confidence": f"{rules.confidence:g}",
        "interval": rules.interval_method.value,
        "cluster_bootstrap": f"{rules.bootstrap_resamples} resamples, seed {rules.seed}",
        "multiplicity_secondary": rules.multiplicity_secondary.value,
        "multiplicity_exploratory": rules.multiplicity_exploratory.value,
    }


def _missing(lesions: pd.DataFrame, protocol: Protocol) -> tuple[MissingReason, ...]:
    """Count the reasons of lesions without a verdict, most frequent first within a visit."""
    require_columns(lesions, ["visit", "healed", "reason"], "lesions")
    counts: Counter[tuple[str, str]] = Counter()
    for visit, state, reason in zip(
        *(texts(lesions[name]) for name in ("visit", "healed", "reason")), strict=True
    ):
        if state in (LimbState.MET, LimbState.NOT_MET):
            continue
        codes = [code.strip() for code in reason.split(";") if code.strip()]
        counts.update((visit, code) for code in codes or ["not_stated"])
    order = {visit: k for k, visit in enumerate(protocol.visit_ids)}
    ranked = sorted(counts.items(), key=lambda item: (order[item[0][0]], -item[1], item[0][1]))
    return tuple(MissingReason(visit=v, reason=r, lesions=n) for (v, r), n in ranked)


def _plain(value: Any) -> Any:
    """Turn dataclasses and tuples into what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value
