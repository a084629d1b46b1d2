"""One patient from the lesions' verdicts: counts by limb and visit, outcomes, uptake, coupling.

Counts say how many lesions they rest on; a lesion that is not evaluable is counted as such and
never as not healed.
"""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lesionscore.lesions.records import CtReading, PetReading, ReadingStatus
from lesionscore.protocol.analysis_rules import LesionsCounted, PatientSummary
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.scoring.coupling import Coupling, TurnoverFold, coupling
from lesionscore.scoring.course import (
    NEW_LESION,
    LesionOutcome,
    VisitState,
    VisitTiming,
    lesion_outcome,
    visit_timing,
)
from lesionscore.scoring.healing import LesionVerdict, is_measurable
from lesionscore.scoring.states import LimbState, met_if
from lesionscore.scoring.uptake import UptakeChange, UptakeDirection

GROWING = "growing"


class ScoredVisit(typing.Protocol):
    """One lesion at one visit, scored; `lesionscore.results.LesionVisit` is one."""

    @property
    def lesion_id(self) -> str:
        """Which lesion."""

    @property
    def visit(self) -> str:
        """Which visit."""

    @property
    def days_from_inclusion(self) -> int | None:
        """Day of the visit, None where not done."""

    @property
    def ct(self) -> CtReading:
        """Reading of the CT."""

    @property
    def pet(self) -> PetReading:
        """Reading of the PET."""

    @property
    def verdict(self) -> LesionVerdict:
        """The healing verdict."""

    @property
    def uptake(self) -> UptakeChange:
        """Change of uptake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbCount:
    """Lesions of which a limb could be told, and those that met it."""

    evaluable: int
    met: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientVisit:
    """All lesions of a patient at one follow-up visit.

    Parameters
    ----------
    timing : VisitTiming
        When it was, and whether it counts for the primary endpoint.
    size, sclerosis, complete, healed : LimbCount
        Lesions by limb, and by verdict.
    not_evaluable : int
        Lesions without a verdict.
    depends_on_size_metric, borderline : int
        Healing verdicts that another metric of size would change, or that are near a coin's
        toss.
    growing, new_lesions : int
        Lesions that grew by the protocol's limits; lesions flagged as new.
    uptake_evaluable, uptake_increased, uptake_decreased : int
        Lesions with a change of SUVmax; those beyond repeatability.
    suv_max_change_percent_median : float or None
        Over the lesions with a change.
    turnover : TurnoverFold or None
        Bone markers of the visit against their baseline.
    coupling : Coupling
        What the markers say of formation against degradation.
    reasons : tuple of (str, int)
        Why lesions have no verdict, with how many, most frequent first.
    """

    timing: VisitTiming
    size: LimbCount
    sclerosis: LimbCount
    complete: LimbCount
    healed: LimbCount
    not_evaluable: int
    depends_on_size_metric: int
    borderline: int
    growing: int
    new_lesions: int
    uptake_evaluable: int
    uptake_increased: int
    uptake_decreased: int
    suv_max_change_percent_median: float | None
    turnover: TurnoverFold | None
    coupling: Coupling
    reasons: tuple[tuple[str, int], ...]

    @property
    def healed_percent(self) -> float | None:
        """Healed lesions in percent of those with a verdict."""
        return percent(self.healed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientOutcome:
    """One patient: one row of the table ``patients``.

    Parameters
    ----------
    patient_id : str
        Which patient.
    lesions, lesions_measurable, lesions_counted : int
        All lesions; those measurable at inclusion; those that the protocol counts, new ones
        left out.
    off_protocol_day : int or None
        Day on which the patient left the protocol.
    visits : tuple of PatientVisit
        The follow-up visits in order.
    outcomes : tuple of LesionOutcome
        Every lesion that counts, over the primary window.
    best, last : LimbCount
        Lesions healed at any visit, and at their last evaluable one.
    durable : LimbCount
        Of the lesions healed and seen again: those healed ever since.
    healed_best, healed_last : LimbState
        The patient by the protocol's ``analysis.patient_summary``.
    last_visit : str
        Last visit with a verdict of any lesion; empty if none.
    suv_max_inclusion_median : float or None
        Over the lesions with uptake at inclusion.
    """

    patient_id: str
    lesions: int
    lesions_measurable: int
    lesions_counted: int
    off_protocol_day: int | None
    visits: tuple[PatientVisit, ...]
    outcomes: tuple[LesionOutcome, ...]
    best: LimbCount
    last: LimbCount
    durable: LimbCount
    healed_best: LimbState
    healed_last: LimbState
    last_visit: str
    suv_max_inclusion_median: float | None


def summarise_patient(
    patient_id: str,
    rows: Sequence[ScoredVisit],
    protocol: Protocol,
    *,
    off_protocol_day: int | None = None,
    turnover: Sequence[TurnoverFold] = (),
) -> PatientOutcome:
    """Summarise one patient.

    Parameters
    ----------
    patient_id : str
        Which patient.
    rows : sequence of ScoredVisit
        All lesions at all visits, in any order; may be empty.
    protocol : Protocol
        The study definition.
    off_protocol_day : int, optional
        Day from inclusion on which the patient left the protocol.
    turnover : sequence of TurnoverFold, optional
        Bone markers by visit; those of other patients are passed over.

    Returns
    -------
    PatientOutcome
        With every follow-up visit of the protocol, done or not.
    """
    by_visit: dict[str, dict[str, ScoredVisit]] = {visit: {} for visit in protocol.visit_ids}
    for row in sorted(rows, key=lambda one: one.lesion_id):
        by_visit[row.visit][row.lesion_id] = row
    lesion_ids = sorted({row.lesion_id for row in rows})
    inclusion = by_visit[INCLUSION]
    measurable = {
        name
        for name in lesion_ids
        if name in inclusion
        and is_measurable(inclusion[name].ct, protocol.measurable.minimum_diameter_mm)
    }
    new = {row.lesion_id for row in rows if NEW_LESION in row.ct.flags}
    counted = [name for name in lesion_ids if name not in new]
    if protocol.analysis.lesions is LesionsCounted.MEASURABLE:
        counted = [name for name in counted if name in measurable]
    folds = {fold.visit: fold for fold in turnover if fold.patient_id == patient_id}
    timings = {
        visit: visit_timing(visit, _day(some), off_protocol_day, protocol)
        for visit, some in by_visit.items()
    }
    outcomes = tuple(_outcome(name, by_visit, timings, protocol) for name in counted)
    seen = [outcome.last_visit for outcome in outcomes if outcome.last_visit]
    return PatientOutcome(
        patient_id=patient_id,
        lesions=len(lesion_ids),
        lesions_measurable=len(measurable),
        lesions_counted=len(counted),
        off_protocol_day=off_protocol_day,
        visits=tuple(
            _patient_visit(
                [by_visit[visit][name] for name in counted if name in by_visit[visit]],
                timings[visit],
                folds.get(visit),
                protocol,
                new_lesions=_new_lesions(by_visit[visit].values()),
            )
            for visit in protocol.follow_up
        ),
        outcomes=outcomes,
        best=_count([outcome.best for outcome in outcomes]),
        last=_count([outcome.last for outcome in outcomes]),
        durable=_count([outcome.durable for outcome in outcomes]),
        healed_best=patient_state([outcome.best for outcome in outcomes], protocol),
        healed_last=patient_state([outcome.last for outcome in outcomes], protocol),
        last_visit=max(seen, key=protocol.visit_ids.index, default=""),
        suv_max_inclusion_median=_median(
            [row.pet.suv_max for row in inclusion.values() if row.pet.suv_max is not None]
        ),
    )


def patient_state(states: Sequence[LimbState], protocol: Protocol) -> LimbState:
    """Say whether a patient is healed, from the lesions' verdicts.

    Parameters
    ----------
    states : sequence of LimbState
        One for each lesion that counts.
    protocol : Protocol
        ``analysis.patient_summary`` says how many lesions must be healed.

    Returns
    -------
    LimbState
        Over the lesions that have a verdict; `NOT_EVALUABLE` only where none has. A lesion
        without one must not keep a patient from counting as not healed: responders alone would
        be left.
    """
    known = [state for state in states if state is not LimbState.NOT_EVALUABLE]
    if not known:
        return LimbState.NOT_EVALUABLE
    healed = sum(state is LimbState.MET for state in known)
    rule = protocol.analysis.patient_summary
    if rule is PatientSummary.ANY_LESION:
        return met_if(healed > 0)
    if rule is PatientSummary.ALL_LESIONS:
        return met_if(healed == len(known))
    return met_if(2 * healed > len(known))


def percent(count: LimbCount) -> float | None:
    """Share of the evaluable lesions that met it, in percent; None without any."""
    return None if count.evaluable == 0 else 100.0 * count.met / count.evaluable


def _day(rows: Mapping[str, ScoredVisit]) -> int | None:
    """Day of a visit, from the first row that knows it."""
    days = (row.days_from_inclusion for row in rows.values())
    return next((day for day in days if day is not None), None)


def _outcome(
    lesion_id: str,
    by_visit: Mapping[str, Mapping[str, ScoredVisit]],
    timings: Mapping[str, VisitTiming],
    protocol: Protocol,
) -> LesionOutcome:
    """One lesion over the visits that count; one without a row at a visit has no verdict there."""
    states = []
    for visit in protocol.follow_up:
        row = by_visit[visit].get(lesion_id)
        if timings[visit].counts:
            healed = LimbState.NOT_EVALUABLE if row is None else row.verdict.healed
            states.append(VisitState(visit=visit, healed=healed))
    return lesion_outcome(lesion_id, states, protocol.analysis.missing_visit)


def _patient_visit(
    rows: Sequence[ScoredVisit],
    timing: VisitTiming,
    fold: TurnoverFold | None,
    protocol: Protocol,
    *,
    new_lesions: int,
) -> PatientVisit:
    """All lesions of a patient that count, at one visit, and how many new ones are seen."""
    verdicts = [row.verdict for row in rows]
    flags = [{*row.ct.flags, *row.verdict.flags} for row in rows]
    changes = [row.uptake for row in rows if row.uptake.status is ReadingStatus.EVALUABLE]
    directions = Counter(change.direction for change in changes)
    reasons = Counter(
        code
        for verdict in verdicts
        if verdict.healed is LimbState.NOT_EVALUABLE
        for code in verdict.reasons
    )
    return PatientVisit(
        timing=timing,
        size=_count([verdict.size.state for verdict in verdicts]),
        sclerosis=_count([verdict.sclerosis.state for verdict in verdicts]),
        complete=_count([verdict.complete.state for verdict in verdicts]),
        healed=_count([verdict.healed for verdict in verdicts]),
        not_evaluable=sum(v.healed is LimbState.NOT_EVALUABLE for v in verdicts),
        depends_on_size_metric=sum(v.verdict_depends_on_size_metric is True for v in verdicts),
        borderline=sum(verdict.borderline is True for verdict in verdicts),
        growing=sum(GROWING in some for some in flags),
        new_lesions=new_lesions,
        uptake_evaluable=len(changes),
        uptake_increased=directions[UptakeDirection.INCREASED],
        uptake_decreased=directions[UptakeDirection.DECREASED],
        suv_max_change_percent_median=_median(
            [
                change.suv_max_change_percent
                for change in changes
                if change.suv_max_change_percent is not None
            ]
        ),
        turnover=fold,
        coupling=coupling(fold, protocol.markers.coupling_percent)
        if fold is not None
        else Coupling.NOT_EVALUABLE,
        reasons=tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def _new_lesions(rows: Iterable[ScoredVisit]) -> int:
    """Count the lesions that are flagged as new, or near one, at a visit."""
    flags = ({*row.ct.flags, *row.verdict.flags} for row in rows)
    return sum(any(code.startswith(NEW_LESION) for code in some) for some in flags)


def _count(states: Sequence[LimbState]) -> LimbCount:
    """Count the states that can be told, and those met."""
    counted = Counter(states)
    return LimbCount(
        evaluable=counted[LimbState.MET] + counted[LimbState.NOT_MET],
        met=counted[LimbState.MET],
    )


def _median(values: Sequence[float]) -> float | None:
    """Median, None of nothing."""
    return median(values) if values else None
