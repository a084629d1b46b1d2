"""The healing definition applied to the readings of one lesion: three limbs joined by OR.

Pure functions of records. The verdict follows the point estimates to the letter; probabilities
come from `uncertainty` and stand beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lesionscore.errors import ScoringError
from lesionscore.lesions.records import CtReading, Presence, ReadingStatus
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.rules import EdgeRule, GrowthRule, SizeMetric
from lesionscore.scoring.probabilities import LimbProbabilities
from lesionscore.scoring.size import (
    SizeChanges,
    measured_size,
    size_changes,
    size_limb,
)
from lesionscore.scoring.states import Limb, LimbState, any_of, met_if, reaches

NO_PROBABILITIES = LimbProbabilities()
UNKNOWN_CHANGES = SizeChanges()


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionVerdict:
    """What the protocol makes of one lesion at one visit.

    Parameters
    ----------
    lesion_id, visit : str
        Whose verdict this is.
    size, sclerosis, complete : Limb
        The three limbs.
    healed : LimbState
        The limbs joined by OR.
    healed_by_metric : tuple of (SizeMetric, LimbState)
        The verdict if "size" meant each of the metrics.
    verdict_depends_on_size_metric : bool or None
        Whether a metric that can be evaluated gives another verdict; None if `healed` is not
        evaluable.
    probabilities : LimbProbabilities
        All None for readings without an uncertainty.
    borderline : bool or None
        Whether the probability of healing is too near a coin's toss; None if there is none.
    changes : SizeChanges
        Change of size against inclusion.
    reasons : tuple of str
        Why limbs are not evaluable; empty if all are.
    flags : tuple of str
        Doubts and events: ``growing``, ``size_by_upper_bound``, ``not_measurable_at_inclusion``.
    """

    lesion_id: str
    visit: str
    size: Limb
    sclerosis: Limb
    complete: Limb
    healed: LimbState
    healed_by_metric: tuple[tuple[SizeMetric, LimbState], ...] = ()
    verdict_depends_on_size_metric: bool | None = None
    probabilities: LimbProbabilities = NO_PROBABILITIES
    borderline: bool | None = None
    changes: SizeChanges = UNKNOWN_CHANGES
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def healing_probability(self) -> float | None:
        """Probability that the lesion is healed, 0 to 1."""
        return self.probabilities.healed


def score_lesion(
    inclusion: CtReading,
    visit: CtReading,
    protocol: Protocol,
    probabilities: LimbProbabilities = NO_PROBABILITIES,
) -> LesionVerdict:
    """Score one lesion at one visit against inclusion.

    Parameters
    ----------
    inclusion, visit : CtReading
        Readings of the same lesion. Given the inclusion reading twice, no limb is met: a lesion
        has not healed against itself.
    protocol : Protocol
        The study definition.
    probabilities : LimbProbabilities
        From `uncertainty.limb_probabilities`; left out for readings without uncertainty.

    Returns
    -------
    LesionVerdict
        Limbs, verdict, changes, reasons and flags.

    Raises
    ------
    ScoringError
        If the readings are of two lesions, or a size is no number.
    """
    if inclusion.lesion_id != visit.lesion_id:
        raise ScoringError(
            f"readings of two lesions ({inclusion.lesion_id}, {visit.lesion_id}) do not compare"
        )
    blocked = _blocked(inclusion, visit)
    if blocked:
        return _not_evaluable(visit, blocked)
    if inclusion.visit == visit.visit:
        return _reference(visit, protocol)
    sclerosis = sclerosis_limb(visit, protocol.edge)
    complete = complete_limb(visit, protocol.complete.minimum_probability)
    sizes = {
        metric: size_limb(
            inclusion,
            visit,
            protocol.size,
            metric,
            minimum_probability=protocol.complete.minimum_probability,
        )
        for metric in SizeMetric
    }
    size = sizes[protocol.size.metric]
    by_metric = tuple(
        (metric, any_of((limb.state, sclerosis.state, complete.state)))
        for metric, limb in sizes.items()
    )
    healed = dict(by_metric)[protocol.size.metric]
    changes = size_changes(measured_size(inclusion), measured_size(visit))
    known = healed is not LimbState.NOT_EVALUABLE
    return LesionVerdict(
        lesion_id=visit.lesion_id,
        visit=visit.visit,
        size=size,
        sclerosis=sclerosis,
        complete=complete,
        healed=healed,
        healed_by_metric=by_metric,
        verdict_depends_on_size_metric=_depends(healed, by_metric) if known else None,
        probabilities=probabilities,
        borderline=_borderline(probabilities.healed, protocol) if known else None,
        changes=changes,
        reasons=_joined(size.reasons, sclerosis.reasons, complete.reasons),
        flags=_joined(size.flags, _events(inclusion, changes, protocol)),
    )


def sclerosis_limb(visit: CtReading, rule: EdgeRule) -> Limb:
    """Decide the sclerosis limb: the edge denser than at inclusion, by HU and by certainty.

    Parameters
    ----------
    visit : CtReading
        An evaluable reading.
    rule : EdgeRule
        Smallest rise above the patient's own normal bone, in HU and in multiples of its own
        uncertainty, both inclusive.

    Returns
    -------
    Limb
        A reader's call stands where there is one.
    """
    if visit.reader_read is not None:
        called = visit.reader_read.sclerosis_increased
        return _undecided("sclerosis_not_read") if called is None else Limb(state=met_if(called))
    edge = visit.edge
    change_hu = None if edge is None else _number(edge.sclerosis_change_hu)
    if edge is None or change_hu is None:
        return _undecided("edge_not_measured")
    if not reaches(change_hu, rule.increase_hu):
        return Limb(state=LimbState.NOT_MET)
    if rule.increase_z == 0:
        return Limb(state=LimbState.MET)
    spread_hu, rim_z = _number(edge.sclerosis_change_sd_hu), _number(edge.rim_z)
    if spread_hu is not None and spread_hu >= 0:
        return Limb(state=met_if(reaches(change_hu, rule.increase_z * spread_hu)))
    if rim_z is not None:
        return Limb(state=met_if(reaches(rim_z, rule.increase_z)))
    return _undecided("edge_uncertainty_unknown")


def complete_limb(visit: CtReading, minimum_probability: float) -> Limb:
    """Decide the complete limb: nothing is left where the lesion was.

    Parameters
    ----------
    visit : CtReading
        An evaluable reading; the measuring stage says what is left (`Presence`), by the
        protocol's ``complete.remaining_percent``.
    minimum_probability : float
        A lesion that is gone with less than this probability is not evaluable.
    """
    if visit.presence is None:
        return _undecided("presence_unknown")
    if visit.presence is not Presence.ABSENT:
        return Limb(state=LimbState.NOT_MET)
    probability = visit.complete_probability
    if probability is not None and not reaches(probability, minimum_probability):
        return _undecided("complete_uncertain")
    return Limb(state=LimbState.MET)


def is_measurable(inclusion: CtReading, minimum_diameter_mm: float) -> bool | None:
    """Whether a lesion was large enough at inclusion to be measured; None if not known."""
    if inclusion.status is not ReadingStatus.EVALUABLE:
        return None
    if inclusion.presence is Presence.TOO_SMALL:
        return False
    size = measured_size(inclusion)
    if size is None or size.longest_diameter_mm is None:
        return None
    return reaches(size.longest_diameter_mm, inclusion.measurable_limit_mm or minimum_diameter_mm)


def _blocked(inclusion: CtReading, visit: CtReading) -> tuple[str, ...]:
    """Why nothing can be said of a lesion at a visit; empty if something can."""
    if visit.status is ReadingStatus.MISSING:
        return visit.reasons or ("ct_missing",)
    if visit.status is ReadingStatus.NOT_EVALUABLE:
        return visit.reasons or ("ct_not_evaluable",)
    if inclusion.status is not ReadingStatus.EVALUABLE:
        return _joined(("inclusion_not_evaluable",), inclusion.reasons)
    return ()


def _not_evaluable(visit: CtReading, reasons: tuple[str, ...]) -> LesionVerdict:
    """Verdict of a lesion of which nothing can be said."""
    limb = Limb(state=LimbState.NOT_EVALUABLE, reasons=reasons)
    return LesionVerdict(
        lesion_id=visit.lesion_id,
        visit=visit.visit,
        size=limb,
        sclerosis=limb,
        complete=limb,
        healed=LimbState.NOT_EVALUABLE,
        healed_by_metric=tuple((metric, LimbState.NOT_EVALUABLE) for metric in SizeMetric),
        reasons=reasons,
    )


def _reference(inclusion: CtReading, protocol: Protocol) -> LesionVerdict:
    """Verdict of the inclusion visit against itself: nothing has healed yet."""
    limb = Limb(state=LimbState.NOT_MET)
    size = measured_size(inclusion)
    changes = size_changes(size, size)
    return LesionVerdict(
        lesion_id=inclusion.lesion_id,
        visit=inclusion.visit,
        size=limb,
        sclerosis=limb,
        complete=limb,
        healed=LimbState.NOT_MET,
        healed_by_metric=tuple((metric, LimbState.NOT_MET) for metric in SizeMetric),
        verdict_depends_on_size_metric=False,
        changes=changes,
        flags=_events(inclusion, changes, protocol),
    )


def _depends(healed: LimbState, by_metric: tuple[tuple[SizeMetric, LimbState], ...]) -> bool:
    """Whether a metric that can be evaluated gives another verdict."""
    return any(state not in (healed, LimbState.NOT_EVALUABLE) for _, state in by_metric)


def _borderline(probability: float | None, protocol: Protocol) -> bool | None:
    """Whether a probability lies between the protocol's limits."""
    low, high = protocol.analysis.borderline_probability
    return None if probability is None else low <= probability <= high


def _events(inclusion: CtReading, changes: SizeChanges, protocol: Protocol) -> tuple[str, ...]:
    """Collect the flags that stand beside the verdict."""
    flags = []
    if is_measurable(inclusion, protocol.measurable.minimum_diameter_mm) is False:
        flags.append("not_measurable_at_inclusion")
    if _is_growing(changes, protocol.growth):
        flags.append("growing")
    return tuple(flags)


def _is_growing(changes: SizeChanges, rule: GrowthRule) -> bool:
    """Whether the longest diameter grew by both of the protocol's limits."""
    by_mm, by_percent = changes.longest_diameter_change_mm, changes.longest_diameter_change_percent
    if by_mm is None or by_percent is None:
        return False
    return reaches(by_percent, rule.increase_percent) and reaches(by_mm, rule.increase_mm)


def _undecided(reason: str) -> Limb:
    """State of a limb that cannot be decided."""
    return Limb(state=LimbState.NOT_EVALUABLE, reasons=(reason,))


def _number(value: float | None) -> float | None:
    """Take a number as it is; one that is none is as good as missing."""
    return value if value is not None and math.isfinite(value) else None


def _joined(*codes: tuple[str, ...]) -> tuple[str, ...]:
    """Codes in the order met, each once."""
    return tuple(dict.fromkeys(code for some in codes for code in some))
