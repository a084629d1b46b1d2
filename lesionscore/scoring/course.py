"""One lesion over all its visits: best, worst, first and last verdict, and whether it lasts.

Only visits of the primary window count: up to the protocol's last visit, or until the patient
left the protocol. A visit that is missing says nothing, unless the protocol carries forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lesionscore.protocol.analysis_rules import MissingVisit, OutOfWindow
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.scoring.states import LimbState

NEW_LESION = "new_lesion"
"""Flag of a lesion that was first seen after inclusion: shown, and no part of the endpoint, which
speaks of existing lesions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTiming:
    """Whether a visit counts for the primary endpoint.

    Parameters
    ----------
    visit : str
        Which visit.
    days_from_inclusion : int or None
        Its day, where known.
    in_window : bool or None
        Whether the day lies in the visit's window.
    counts : bool
        Whether it lies in the primary window.
    reasons : tuple of str
        Why it does not count.
    """

    visit: str
    days_from_inclusion: int | None
    in_window: bool | None
    counts: bool
    reasons: tuple[str, ...] = ()


def visit_timing(
    visit: str, days_from_inclusion: int | None, off_protocol_day: int | None, protocol: Protocol
) -> VisitTiming:
    """Place a visit against its window and the primary window.

    Parameters
    ----------
    visit : str
        A visit of the protocol.
    days_from_inclusion : int or None
        Its day; None for a visit that was not done.
    off_protocol_day : int or None
        Day on which the patient left the protocol; None while in it.
    protocol : Protocol
        Windows, last visit and grace.

    Returns
    -------
    VisitTiming
        A visit on the day of leaving counts.
    """
    rules = protocol.analysis
    in_window = None
    if days_from_inclusion is not None:
        in_window = protocol.window(visit).contains(days_from_inclusion)
    order = protocol.visit_ids
    reasons = []
    if order.index(visit) > order.index(rules.primary_last_visit):
        reasons.append("after_last_visit")
    # a visit that was not done would have been on the first day of its window at the earliest
    earliest = protocol.window(visit).first_day
    day = earliest if days_from_inclusion is None else days_from_inclusion
    if off_protocol_day is not None and day > off_protocol_day + rules.off_protocol_grace_days:
        reasons.append("after_off_protocol")
    if in_window is False and rules.out_of_window is OutOfWindow.EXCLUDE:
        reasons.append("out_of_window")
    return VisitTiming(
        visit=visit,
        days_from_inclusion=days_from_inclusion,
        in_window=in_window,
        counts=not reasons,
        reasons=tuple(reasons),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitState:
    """A verdict of one lesion at one follow-up visit, as it enters the course."""

    visit: str
    healed: LimbState
    is_carried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionOutcome:
    """One lesion over the primary window.

    Parameters
    ----------
    lesion_id : str
        Which lesion.
    best, worst : LimbState
        Over the visits that are evaluable; `NOT_EVALUABLE` if none is.
    first, last : LimbState
        At the first and last evaluable visit.
    first_healed_visit : str
        First visit at which it is healed; empty if never.
    last_visit : str
        Last evaluable visit; empty if none.
    durable : LimbState
        Healed and still healed at every later evaluable visit; `NOT_EVALUABLE` if it never
        healed or was not seen again.
    visits_evaluable : int
        How many visits the outcome rests on, carried ones left out.
    carried : tuple of str
        Visits whose verdict was carried forward.
    """

    lesion_id: str
    best: LimbState
    worst: LimbState
    first: LimbState
    last: LimbState
    first_healed_visit: str
    last_visit: str
    durable: LimbState
    visits_evaluable: int
    carried: tuple[str, ...] = ()


def lesion_outcome(
    lesion_id: str, states: Sequence[VisitState], missing_visit: MissingVisit
) -> LesionOutcome:
    """Summarise the verdicts of one lesion.

    Parameters
    ----------
    lesion_id : str
        Which lesion.
    states : sequence of VisitState
        Verdicts at the follow-up visits that count, in the protocol's order; inclusion is
        passed over.
    missing_visit : MissingVisit
        Whether a visit without a verdict takes the one before it.

    Returns
    -------
    LesionOutcome
        Every field from the visits that have a verdict.
    """
    follow_up = [state for state in states if state.visit != INCLUSION]
    if missing_visit is MissingVisit.CARRY_FORWARD:
        follow_up = _carried_forward(follow_up)
    known = [state for state in follow_up if state.healed is not LimbState.NOT_EVALUABLE]
    healed = [state.healed for state in known]
    first_met = healed.index(LimbState.MET) if LimbState.MET in healed else None
    return LesionOutcome(
        lesion_id=lesion_id,
        best=_extreme(healed, LimbState.MET, LimbState.NOT_MET),
        worst=_extreme(healed, LimbState.NOT_MET, LimbState.MET),
        first=healed[0] if healed else LimbState.NOT_EVALUABLE,
        last=healed[-1] if healed else LimbState.NOT_EVALUABLE,
        first_healed_visit="" if first_met is None else known[first_met].visit,
        last_visit=known[-1].visit if known else "",
        durable=_durable(known, first_met),
        visits_evaluable=sum(not state.is_carried for state in known),
        carried=tuple(state.visit for state in known if state.is_carried),
    )


def _carried_forward(states: list[VisitState]) -> list[VisitState]:
    """Fill visits without a verdict with the one before, where there is one."""
    filled: list[VisitState] = []
    for state in states:
        if state.healed is LimbState.NOT_EVALUABLE and filled:
            state = replace(state, healed=filled[-1].healed, is_carried=True)
        filled.append(state)
    return filled


def _extreme(healed: list[LimbState], wanted: LimbState, other: LimbState) -> LimbState:
    """`wanted` if any visit has it, else the other; not evaluable without visits."""
    if not healed:
        return LimbState.NOT_EVALUABLE
    return wanted if wanted in healed else other


def _durable(known: list[VisitState], first_met: int | None) -> LimbState:
    """Whether healing lasts at every later visit that was seen, carried ones not counted."""
    if first_met is None:
        return LimbState.NOT_EVALUABLE
    later = [state.healed for state in known[first_met + 1 :] if not state.is_carried]
    if not later:
        return LimbState.NOT_EVALUABLE
    return LimbState.MET if all(state is LimbState.MET for state in later) else LimbState.NOT_MET
