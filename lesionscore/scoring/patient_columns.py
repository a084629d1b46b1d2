"""The columns of the table ``patients``: names, kinds, and a patient's cells."""

from __future__ import annotations

from typing import Any

from lesionscore.protocol.protocol import Protocol
from lesionscore.scoring.patient import PatientOutcome, PatientVisit, percent

PATIENT_COLUMNS = {
    "patient_id": "text",
    "lesions": "whole",
    "lesions_measurable": "whole",
    "lesions_counted": "whole",
    "off_protocol_day": "whole",
    "healed_best": "text",
    "healed_last": "text",
    "last_visit": "text",
    "lesions_evaluable": "whole",
    "lesions_healed_best": "whole",
    "lesions_healed_last": "whole",
    "proportion_healed_best_percent": "number",
    "proportion_healed_last_percent": "number",
    "lesions_seen_after_healing": "whole",
    "lesions_healed_durably": "whole",
    "suv_max_inclusion_median": "number",
}
"""Columns of the whole patient, with the kind of what they hold."""

VISIT_COLUMNS = {
    "days_from_inclusion": "whole",
    "in_window": "yes_no",
    "counts": "yes_no",
    "lesions_evaluable": "whole",
    "lesions_healed": "whole",
    "healed_percent": "number",
    "size_evaluable": "whole",
    "size_met": "whole",
    "sclerosis_evaluable": "whole",
    "sclerosis_met": "whole",
    "complete_evaluable": "whole",
    "complete_met": "whole",
    "not_evaluable": "whole",
    "depends_on_size_metric": "whole",
    "borderline": "whole",
    "growing": "whole",
    "new_lesions": "whole",
    "uptake_evaluable": "whole",
    "uptake_increased": "whole",
    "uptake_decreased": "whole",
    "suv_max_change_percent_median": "number",
    "formation_fold": "number",
    "degradation_fold": "number",
    "composite_fold": "number",
    "coupling": "text",
    "reason": "text",
}
"""Columns of one follow-up visit; written with the visit's id before them."""


def patient_columns(protocol: Protocol) -> dict[str, str]:
    """Name every column with its kind: ``text``, ``whole``, ``number`` or ``yes_no``."""
    visits = {
        f"{visit}_{name}": kind
        for visit in protocol.follow_up
        for name, kind in VISIT_COLUMNS.items()
    }
    return PATIENT_COLUMNS | visits


def patient_cells(outcome: PatientOutcome) -> dict[str, Any]:
    """Fill the columns of one patient.

    Parameters
    ----------
    outcome : PatientOutcome
        Of `summarise_patient`.

    Returns
    -------
    dict
        A cell for every column of `patient_columns`; None is empty.
    """
    cells: dict[str, Any] = {
        "patient_id": outcome.patient_id,
        "lesions": outcome.lesions,
        "lesions_measurable": outcome.lesions_measurable,
        "lesions_counted": outcome.lesions_counted,
        "off_protocol_day": outcome.off_protocol_day,
        "healed_best": outcome.healed_best,
        "healed_last": outcome.healed_last,
        "last_visit": outcome.last_visit or None,
        "lesions_evaluable": outcome.best.evaluable,
        "lesions_healed_best": outcome.best.met,
        "lesions_healed_last": outcome.last.met,
        "proportion_healed_best_percent": percent(outcome.best),
        "proportion_healed_last_percent": percent(outcome.last),
        "lesions_seen_after_healing": outcome.durable.evaluable,
        "lesions_healed_durably": outcome.durable.met,
        "suv_max_inclusion_median": outcome.suv_max_inclusion_median,
    }
    for visit in outcome.visits:
        cells |= {
            f"{visit.timing.visit}_{name}": cell for name, cell in _visit_cells(visit).items()
        }
    return cells


def _visit_cells(visit: PatientVisit) -> dict[str, Any]:
    """Fill the columns of one visit."""
    turnover = visit.turnover
    reasons = (*visit.timing.reasons, *(f"{code} ({count})" for code, count in visit.reasons))
    return {
        "days_from_inclusion": visit.timing.days_from_inclusion,
        "in_window": visit.timing.in_window,
        "counts": visit.timing.counts,
        "lesions_evaluable": visit.healed.evaluable,
        "lesions_healed": visit.healed.met,
        "healed_percent": visit.healed_percent,
        "size_evaluable": visit.size.evaluable,
        "size_met": visit.size.met,
        "sclerosis_evaluable": visit.sclerosis.evaluable,
        "sclerosis_met": visit.sclerosis.met,
        "complete_evaluable": visit.complete.evaluable,
        "complete_met": visit.complete.met,
        "not_evaluable": visit.not_evaluable,
        "depends_on_size_metric": visit.depends_on_size_metric,
        "borderline": visit.borderline,
        "growing": visit.growing,
        "new_lesions": visit.new_lesions,
        "uptake_evaluable": visit.uptake_evaluable,
        "uptake_increased": visit.uptake_increased,
        "uptake_decreased": visit.uptake_decreased,
        "suv_max_change_percent_median": visit.suv_max_change_percent_median,
        "formation_fold": None if turnover is None else turnover.formation_fold,
        "degradation_fold": None if turnover is None else turnover.degradation_fold,
        "composite_fold": None if turnover is None else turnover.balance_fold,
        "coupling": visit.coupling,
        "reason": ";".join(reasons) or None,
    }
