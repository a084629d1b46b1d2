"""The verdicts of a study under other choices than the protocol's own: sensitivity analyses.

Each takes the verdicts in order and gives them back changed; how many have healed then is counted
in `healing_rates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.rules import SizeMetric
from lesionscore.protocol.visits import INCLUSION
from lesionscore.scoring.states import LimbState
from lesionscore.scoring.verdict_table import (
    KEYS,
    LesionStates,
    numbers,
    off_protocol_days,
    require_columns,
    texts,
    visits_until_last,
    with_course,
)

SIZE_COLUMNS = {
    SizeMetric.LONGEST_DIAMETER: "longest_diameter_mm",
    SizeMetric.AXIAL_DIAMETER: "axial_diameter_mm",
    SizeMetric.AREA: "axial_area_mm2",
    SizeMetric.VOLUME: "volume_ml",
}


def worst_case(
    states: Sequence[LesionStates], patients: pd.DataFrame, protocol: Protocol
) -> tuple[LesionStates, ...]:
    """Count lesions of patients who left as not healed at visits due after that.

    Parameters
    ----------
    states : sequence of LesionStates
        As observed.
    patients : DataFrame
        The output table, for who left and when.
    protocol : Protocol
        When visits are due.

    Returns
    -------
    tuple of LesionStates
        Only visits without a verdict change.
    """
    left = off_protocol_days(patients)
    changed = []
    for one in states:
        end = left.get(one.patient_id)
        by_visit = {
            visit: LimbState.NOT_MET
            if state is LimbState.NOT_EVALUABLE
            and end is not None
            and protocol.window(visit).day > end
            else state
            for visit, state in one.by_visit.items()
        }
        changed.append(with_course(replace(one, by_visit=by_visit), protocol))
    return tuple(changed)


def unknown_as_not_healed(
    states: Sequence[LesionStates], protocol: Protocol
) -> tuple[LesionStates, ...]:
    """Count every lesion at every visit, one without a verdict as not healed."""
    return tuple(
        with_course(
            replace(
                one,
                by_visit={
                    visit: LimbState.NOT_MET if state is LimbState.NOT_EVALUABLE else state
                    for visit, state in one.by_visit.items()
                },
            ),
            protocol,
        )
        for one in states
    )


def only_sized(
    states: Sequence[LesionStates], lesions: pd.DataFrame, metric: SizeMetric, protocol: Protocol
) -> tuple[LesionStates, ...]:
    """Take the verdicts away from lesions without a size at inclusion by one metric.

    By the other limbs alone such a lesion can be called healed and hardly ever not healed: a rate
    of them would be one of healed lesions.

    Parameters
    ----------
    states : sequence of LesionStates
        Verdicts by `metric`.
    lesions : DataFrame
        The output table.
    metric : SizeMetric
        What size is taken to be.
    protocol : Protocol
        The study definition.

    Returns
    -------
    tuple of LesionStates
        The same lesions, in the same order.

    Raises
    ------
    ScoringError
        If the table lacks the metric's column.
    """
    column = SIZE_COLUMNS[metric]
    require_columns(lesions, [column], "lesions")
    keys = zip(*(texts(lesions[name]) for name in KEYS), strict=True)
    sized = {
        key[:2]
        for key, size in zip(keys, numbers(lesions[column]), strict=True)
        if key[2] == INCLUSION and size is not None
    }
    nothing = dict.fromkeys(visits_until_last(protocol), LimbState.NOT_EVALUABLE)
    return tuple(
        one
        if (one.patient_id, one.lesion_id) in sized
        else replace(one, by_visit=nothing, best=LimbState.NOT_EVALUABLE)
        for one in states
    )
