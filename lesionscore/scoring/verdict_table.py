"""The verdicts of a study's lesions, taken out of the output tables and put in order.

Which visits count, and how they are joined, is decided by `course` and `patient`, so that the
study's numbers are those of the table ``patients``. No statistics here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from lesionscore.errors import ScoringError
from lesionscore.protocol.analysis_rules import LesionsCounted, MissingVisit
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.scoring.course import NEW_LESION, VisitState, lesion_outcome, visit_timing
from lesionscore.scoring.states import LimbState

LEFT_DAY = "off_protocol_day"
"""Column of the table ``patients``: day from inclusion of leaving the protocol."""
NOT_MEASURABLE = "not_measurable_at_inclusion"
KEYS = ("patient_id", "lesion_id", "visit")
NEEDED = (*KEYS, "days_from_inclusion", "ct_status", "flags")


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionStates:
    """The verdicts of one lesion at the protocol's follow-up visits.

    Parameters
    ----------
    patient_id, lesion_id : str
        Which lesion.
    is_measurable : bool
        Whether it was measurable at inclusion.
    by_visit : mapping of str to LimbState
        Every follow-up visit; not evaluable where it was not done or does not count.
    best : LimbState
        Over the visits until the primary endpoint's last.
    """

    patient_id: str
    lesion_id: str
    is_measurable: bool
    by_visit: Mapping[str, LimbState]
    best: LimbState


def require_columns(frame: pd.DataFrame, columns: Iterable[str], table: str) -> None:
    """Check that a table has what is needed.

    Raises
    ------
    ScoringError
        Names the columns that are not there.
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ScoringError(
            f"table {table} lacks the column(s) {', '.join(missing)}; found {list(frame.columns)}"
        )


def texts(column: pd.Series) -> list[str]:
    """Cells of a column as text, empty where nothing is known."""
    return [str(cell) for cell in column.astype("string").fillna("")]


def numbers(column: pd.Series) -> list[float | None]:
    """Cells of a column as numbers, None where nothing is known."""
    plain = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=float("nan"))
    return [None if value != value else float(value) for value in plain]


def off_protocol_days(patients: pd.DataFrame) -> dict[str, int]:
    """Day from inclusion on which patients left the protocol; those who stayed are absent.

    Raises
    ------
    ScoringError
        If a column is missing.
    """
    require_columns(patients, ["patient_id", LEFT_DAY], "patients")
    pairs = zip(texts(patients["patient_id"]), numbers(patients[LEFT_DAY]), strict=True)
    return {who: int(day) for who, day in pairs if day is not None}


def lesion_states(
    lesions: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol, verdict: str = "healed"
) -> tuple[LesionStates, ...]:
    """Take the verdicts out of the tables.

    Parameters
    ----------
    lesions, patients : DataFrame
        The output tables.
    protocol : Protocol
        Which visits and lesions count.
    verdict : str
        Column with ``met``, ``not_met`` or ``not_evaluable``; empty is not evaluable.

    Returns
    -------
    tuple of LesionStates
        By patient and lesion: the order of the rows given does not matter. New lesions are
        left out: the endpoint speaks of existing ones.

    Raises
    ------
    ScoringError
        If a column is missing, a cell is no verdict or no visit of the protocol, or a lesion has
        a visit twice.
    """
    require_columns(lesions, [*NEEDED, verdict], "lesions")
    left = off_protocol_days(patients)
    keys = list(zip(*(texts(lesions[name]) for name in KEYS), strict=True))
    _check_keys(keys, protocol)
    states = dict(zip(keys, _states(texts(lesions[verdict]), verdict), strict=True))
    flagged = texts(lesions["flags"])
    small, new = _flagged(keys, flagged, NOT_MEASURABLE), _flagged(keys, flagged, NEW_LESION)
    seen = {
        key[:2]
        for key, status in zip(keys, texts(lesions["ct_status"]), strict=True)
        if key[2] == INCLUSION and status == "evaluable"
    }
    days = _visit_days(keys, numbers(lesions["days_from_inclusion"]))
    found = []
    for patient_id, lesion_id in sorted({key[:2] for key in keys} - new):
        measurable = (patient_id, lesion_id) in seen - small
        if protocol.analysis.lesions is LesionsCounted.MEASURABLE and not measurable:
            continue
        by_visit = {
            visit: states.get((patient_id, lesion_id, visit), LimbState.NOT_EVALUABLE)
            if visit_timing(
                visit, days.get((patient_id, visit)), left.get(patient_id), protocol
            ).counts
            else LimbState.NOT_EVALUABLE
            for visit in visits_until_last(protocol)
        }
        one = LesionStates(
            patient_id=patient_id,
            lesion_id=lesion_id,
            is_measurable=measurable,
            by_visit=by_visit,
            best=LimbState.NOT_EVALUABLE,
        )
        found.append(with_course(one, protocol))
    return tuple(found)


def with_course(one: LesionStates, protocol: Protocol) -> LesionStates:
    """Carry forward where the protocol asks for it, and join the visits into the best verdict."""
    rule = protocol.analysis.missing_visit
    course = [VisitState(visit=v, healed=s) for v, s in one.by_visit.items()]
    by_visit = dict(one.by_visit)
    if rule is MissingVisit.CARRY_FORWARD:
        for k, state in enumerate(course):
            by_visit[state.visit] = lesion_outcome(one.lesion_id, course[: k + 1], rule).last
    best = lesion_outcome(one.lesion_id, course, rule).best
    return replace(one, by_visit=by_visit, best=best)


def visits_until_last(protocol: Protocol) -> tuple[str, ...]:
    """List the follow-up visits until the primary endpoint's last."""
    last = protocol.follow_up.index(protocol.analysis.primary_last_visit)
    return protocol.follow_up[: last + 1]


def _flagged(
    keys: Sequence[tuple[str, ...]], flags: Sequence[str], code: str
) -> set[tuple[str, ...]]:
    """Patient and lesion of every lesion that has a flag at any visit."""
    return {
        key[:2]
        for key, cell in zip(keys, flags, strict=True)
        if code in [one.strip() for one in cell.split(";")]
    }


def _states(cells: Sequence[str], column: str) -> list[LimbState]:
    """Verdicts of cells."""
    accepted = [state.value for state in LimbState]
    wrong = sorted(set(cells) - {*accepted, ""})
    if wrong:
        raise ScoringError(
            f"table lesions, column {column}: found {wrong}; accepted are {', '.join(accepted)}"
        )
    return [LimbState(cell) if cell else LimbState.NOT_EVALUABLE for cell in cells]


def _check_keys(keys: Sequence[tuple[str, ...]], protocol: Protocol) -> None:
    """Refuse visits that the protocol does not have, and visits that stand twice."""
    seen = set()
    for patient_id, lesion_id, visit in keys:
        where = f"table lesions: patient {patient_id}, lesion {lesion_id}"
        if visit not in protocol.visit_ids:
            accepted = ", ".join(protocol.visit_ids)
            raise ScoringError(f"{where}: visit {visit!r}; accepted are {accepted}")
        if (patient_id, lesion_id, visit) in seen:
            raise ScoringError(f"{where}: visit {visit} twice; each lesion has one row a visit")
        seen.add((patient_id, lesion_id, visit))


def _visit_days(
    keys: Sequence[tuple[str, ...]], days: Sequence[float | None]
) -> dict[tuple[str, str], int]:
    """Day of each patient's visit, from any lesion that knows it."""
    return {
        (patient_id, visit): int(day)
        for (patient_id, _, visit), day in zip(keys, days, strict=True)
        if day is not None
    }
