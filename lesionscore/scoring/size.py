"""Size of a lesion against inclusion, by each of the metrics that "size" can mean.

A lesion that is gone has size 0; one that is too small to measure has an upper bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from lesionscore.errors import ScoringError
from lesionscore.lesions.records import CtReading, Presence
from lesionscore.protocol.rules import SizeMetric, SizeRule
from lesionscore.scoring.states import Limb, LimbState, met_if, reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeValues:
    """Size of one lesion by each metric; None where it is not known.

    Raises
    ------
    ScoringError
        If a value is negative or not finite.
    """

    longest_diameter_mm: float | None = None
    axial_diameter_mm: float | None = None
    axial_area_mm2: float | None = None
    volume_ml: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ScoringError(f"{field.name} is {value}; accepted is a size of 0 or more")

    def by(self, metric: SizeMetric) -> float | None:
        """Size by one metric, in that metric's unit."""
        return {
            SizeMetric.LONGEST_DIAMETER: self.longest_diameter_mm,
            SizeMetric.AXIAL_DIAMETER: self.axial_diameter_mm,
            SizeMetric.AREA: self.axial_area_mm2,
            SizeMetric.VOLUME: self.volume_ml,
        }[metric]


GONE = SizeValues(longest_diameter_mm=0.0, axial_diameter_mm=0.0, axial_area_mm2=0.0, volume_ml=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeChanges:
    """Change against inclusion by each metric; -30.0 percent means smaller by 30 %."""

    longest_diameter_change_mm: float | None = None
    longest_diameter_change_percent: float | None = None
    axial_diameter_change_percent: float | None = None
    area_change_percent: float | None = None
    volume_change_percent: float | None = None


def measured_size(reading: CtReading) -> SizeValues | None:
    """Take the size out of a reading.

    Parameters
    ----------
    reading : CtReading
        An evaluable reading.

    Returns
    -------
    SizeValues or None
        Zeros for a lesion that is gone; None when it was not measured.
    """
    if reading.presence is Presence.ABSENT:
        return GONE
    if reading.presence is Presence.TOO_SMALL:
        return None
    source = reading.size or reading.reader_read
    if source is None:
        return None
    return SizeValues(
        longest_diameter_mm=source.longest_diameter_mm,
        axial_diameter_mm=source.axial_diameter_mm,
        axial_area_mm2=source.axial_area_mm2,
        volume_ml=source.volume_ml,
    )


def largest_possible(limit_mm: float) -> SizeValues:
    """Bound the size of a lesion whose longest diameter is at most `limit_mm`.

    Parameters
    ----------
    limit_mm : float
        Smallest diameter that the scan can measure.

    Returns
    -------
    SizeValues
        No body of this longest diameter has more area or volume than the disc or ball.

    References
    ----------
    .. [1] Isodiametric inequality (Bieberbach 1915).
    """
    return SizeValues(
        longest_diameter_mm=limit_mm,
        axial_diameter_mm=limit_mm,
        axial_area_mm2=math.pi / 4 * limit_mm**2,
        volume_ml=math.pi / 6 * limit_mm**3 / 1000.0,
    )


def size_changes(inclusion: SizeValues | None, visit: SizeValues | None) -> SizeChanges:
    """Change of size against inclusion, by every metric that both visits have."""
    if inclusion is None or visit is None:
        return SizeChanges()
    before, after = inclusion.longest_diameter_mm, visit.longest_diameter_mm
    return SizeChanges(
        longest_diameter_change_mm=None if before is None or after is None else after - before,
        longest_diameter_change_percent=_change_percent(before, after),
        axial_diameter_change_percent=_change_percent(
            inclusion.axial_diameter_mm, visit.axial_diameter_mm
        ),
        area_change_percent=_change_percent(inclusion.axial_area_mm2, visit.axial_area_mm2),
        volume_change_percent=_change_percent(inclusion.volume_ml, visit.volume_ml),
    )


def _change_percent(before: float | None, after: float | None) -> float | None:
    """Change in percent of `before`, None where it cannot be told."""
    if before is None or after is None or before <= 0:
        return None
    return (after - before) / before * 100.0


def size_limb(
    inclusion: CtReading,
    visit: CtReading,
    rule: SizeRule,
    metric: SizeMetric,
    *,
    minimum_probability: float = 0.0,
) -> Limb:
    """Decide the size limb by one metric.

    Parameters
    ----------
    inclusion, visit : CtReading
        Evaluable readings of one lesion.
    rule : SizeRule
        Smallest reduction, in percent of `metric` and in mm of the longest dimension, both
        inclusive.
    metric : SizeMetric
        What "size" is taken to be.
    minimum_probability : float
        A lesion called gone with less than this probability counts as too small to measure.

    Returns
    -------
    Limb
        7.2 mm to 5.4 mm is exactly 25 % although binary fractions say 0.2499...; it is not
        met because 1.8 mm is less than 2 mm.

    Raises
    ------
    ScoringError
        If the lesion had no extent at inclusion, or a size is no number.

    References
    ----------
    .. [1] NCT04028115, primary outcome: healing of osteolytic lesions.
    """
    before = measured_size(inclusion)
    if before is None or before.by(metric) is None or before.longest_diameter_mm is None:
        too_small = inclusion.presence is Presence.TOO_SMALL
        return _undecided("inclusion_too_small" if too_small else "inclusion_size_not_measured")
    if before.longest_diameter_mm == 0 or before.by(metric) == 0:
        raise ScoringError(
            f"lesion {inclusion.lesion_id}, {inclusion.visit}: no extent at inclusion, so there "
            "is nothing to reduce; mark the reading as not evaluable, or take the lesion out"
        )
    bounded = visit.presence is Presence.TOO_SMALL or _is_doubtfully_gone(
        visit, minimum_probability
    )
    if bounded:
        return _bounded_limb(before, visit.measurable_limit_mm, rule, metric)
    after = measured_size(visit)
    if after is None or after.by(metric) is None or after.longest_diameter_mm is None:
        return _undecided("size_not_measured")
    return Limb(state=met_if(is_reduced(before, after, rule, metric)))


def is_reduced(
    inclusion: SizeValues, visit: SizeValues, rule: SizeRule, metric: SizeMetric
) -> bool:
    """Whether both clauses of the size limb are reached by sizes that are known.

    Raises
    ------
    ScoringError
        If a size that is needed is missing, or nothing was there at inclusion.
    """
    before, after = inclusion.by(metric), visit.by(metric)
    longest_before, longest_after = inclusion.longest_diameter_mm, visit.longest_diameter_mm
    if before is None or after is None or longest_before is None or longest_after is None:
        raise ScoringError(f"{metric}: a reduction needs the size at inclusion and at the visit")
    if before <= 0:
        raise ScoringError(f"{metric}: no extent at inclusion, so there is nothing to reduce")
    return reaches((before - after) / before * 100.0, rule.reduction_percent) and reaches(
        longest_before - longest_after, rule.reduction_mm
    )


def _is_doubtfully_gone(visit: CtReading, minimum_probability: float) -> bool:
    """Whether a lesion called gone is not probable enough to be gone."""
    return (
        visit.presence is Presence.ABSENT
        and visit.complete_probability is not None
        and not reaches(visit.complete_probability, minimum_probability)
    )


def _bounded_limb(
    before: SizeValues, limit_mm: float | None, rule: SizeRule, metric: SizeMetric
) -> Limb:
    """Decide by the largest and the smallest size that a remnant can have."""
    if not is_reduced(before, GONE, rule, metric):
        return Limb(state=LimbState.NOT_MET)
    if limit_mm is None:
        return _undecided("measurable_limit_unknown")
    if is_reduced(before, largest_possible(limit_mm), rule, metric):
        return Limb(state=LimbState.MET, flags=("size_by_upper_bound",))
    return _undecided("too_small_to_measure")


def _undecided(reason: str) -> Limb:
    """State of a limb that cannot be decided."""
    return Limb(state=LimbState.NOT_EVALUABLE, reasons=(reason,))
