"""How probable it is that a limb of the healing definition is met, given two readings.

Pure functions of records: the SDs and correlations in the readings are taken as those of normal
errors, and the rules are integrated over them by fixed quadrature. No random numbers.
"""

from __future__ import annotations

import math

import numpy as np

from lesionscore.lesions.records import CtReading, LesionEdge, LesionSize, Presence, ReadingStatus
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.rules import EdgeRule, SizeMetric, SizeRule
from lesionscore.scoring.probabilities import LimbProbabilities
from lesionscore.scoring.size import largest_possible

NODES = 161
REACH_SD = 5.0
LIKELY = 0.5
METRIC_FIELDS = {
    SizeMetric.LONGEST_DIAMETER: ("longest_diameter_mm", "longest_diameter_sd_mm"),
    SizeMetric.AXIAL_DIAMETER: ("axial_diameter_mm", "axial_diameter_sd_mm"),
    SizeMetric.AREA: ("axial_area_mm2", "axial_area_sd_mm2"),
    SizeMetric.VOLUME: ("volume_ml", "volume_sd_ml"),
}


def limb_probabilities(
    inclusion: CtReading, visit: CtReading, protocol: Protocol
) -> LimbProbabilities:
    """Probability that each limb, and healed, is met at a visit.

    Parameters
    ----------
    inclusion, visit : CtReading
        Readings of one lesion.
    protocol : Protocol
        The rules.

    Returns
    -------
    LimbProbabilities
        None for a limb of which nothing can be said. The limbs' errors are taken as independent.
    """
    both = (inclusion.status, visit.status)
    if any(status is not ReadingStatus.EVALUABLE for status in both):
        return LimbProbabilities()
    if inclusion.visit == visit.visit:
        return LimbProbabilities(size=0.0, sclerosis=0.0, complete=0.0, healed=0.0)
    size = size_probability(inclusion, visit, protocol.size)
    sclerosis = sclerosis_probability(visit.edge, protocol.edge)
    complete = visit.complete_probability
    known = [p for p in (size, sclerosis, complete) if p is not None]
    healed = 1.0 - math.prod(1.0 - p for p in known) if known else None
    return LimbProbabilities(size=size, sclerosis=sclerosis, complete=complete, healed=healed)


def sclerosis_probability(edge: LesionEdge | None, rule: EdgeRule) -> float | None:
    """Probability that the edge has become denser by the rule's amount; None if not measured."""
    if edge is None or edge.sclerosis_change_hu is None or edge.sclerosis_change_sd_hu is None:
        return None
    spread = max(edge.sclerosis_change_sd_hu, 1e-6)
    needed = max(rule.increase_hu, rule.increase_z * spread)
    return _normal_cdf((edge.sclerosis_change_hu - needed) / spread)


def size_probability(inclusion: CtReading, visit: CtReading, rule: SizeRule) -> float | None:
    """Probability that the lesion is smaller by both clauses of the rule.

    Parameters
    ----------
    inclusion, visit : CtReading
        Evaluable readings.
    rule : SizeRule
        Smallest reduction, in percent of the metric and in mm of the longest dimension.

    Returns
    -------
    float or None
        None if a size is missing. The two errors are jointly normal with the visit's
        ``inclusion_correlation``; area and volume go with powers of the longest diameter. Of a
        remnant too small to measure it is the probability at the largest size that it can have;
        None where that size is not likely to be small enough, for then nothing is known.
    """
    if inclusion.size is None:
        return None
    if visit.presence is Presence.ABSENT:
        return 1.0 if inclusion.size.longest_diameter_mm >= rule.reduction_mm else 0.0
    if visit.presence is Presence.TOO_SMALL and visit.measurable_limit_mm is not None:
        return _of_a_remnant(inclusion.size, visit.measurable_limit_mm, rule)
    if visit.size is None:
        return None
    if rule.metric is SizeMetric.LONGEST_DIAMETER:
        return _one_metric(inclusion.size, visit.size, rule)
    return _two_metrics(inclusion.size, visit.size, rule)


def _of_a_remnant(before: LesionSize, limit_mm: float, rule: SizeRule) -> float | None:
    """Both clauses for the largest remnant that the scan could not measure."""
    if before.longest_diameter_mm < rule.reduction_mm:
        return 0.0
    largest = largest_possible(limit_mm)
    name, deviation = METRIC_FIELDS[rule.metric]
    x, weight = _nodes()
    first = getattr(before, name) + x * getattr(before, deviation)
    first_mm = before.longest_diameter_mm + x * before.longest_diameter_sd_mm
    share = 1.0 - rule.reduction_percent / 100.0
    small = (share * first >= getattr(largest, name)) & (first_mm - rule.reduction_mm >= limit_mm)
    probability = float(weight[small].sum())
    return probability if probability >= LIKELY else None


def _one_metric(before: LesionSize, after: LesionSize, rule: SizeRule) -> float:
    """Both clauses on the longest diameter: integrate over the inclusion value."""
    share = 1.0 - rule.reduction_percent / 100.0
    x, weight = _nodes()
    first = before.longest_diameter_mm + x * before.longest_diameter_sd_mm
    limit = np.minimum(share * first, first - rule.reduction_mm)
    correlation = after.inclusion_correlation
    spread = after.longest_diameter_sd_mm * math.sqrt(max(1.0 - correlation**2, 1e-6))
    middle = after.longest_diameter_mm + correlation * after.longest_diameter_sd_mm * x
    return float((weight * _cdf((limit - middle) / spread)).sum())


def _two_metrics(before: LesionSize, after: LesionSize, rule: SizeRule) -> float:
    """Percent of another metric and mm of the longest diameter; their errors go together."""
    name, deviation = METRIC_FIELDS[rule.metric]
    share = 1.0 - rule.reduction_percent / 100.0
    x, weight = _nodes()
    correlation = after.inclusion_correlation
    rest = math.sqrt(max(1.0 - correlation**2, 1e-6))
    first = getattr(before, name) + x * getattr(before, deviation)
    first_mm = before.longest_diameter_mm + x * before.longest_diameter_sd_mm
    # the visit's error, in SD, below which each clause is met
    by_percent = (share * first - getattr(after, name)) / getattr(after, deviation)
    by_mm = (
        first_mm - rule.reduction_mm - after.longest_diameter_mm
    ) / after.longest_diameter_sd_mm
    below = np.minimum(by_percent, by_mm)
    return float((weight * _cdf((below - correlation * x) / rest)).sum())


def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Standard normal deviates and their weights, which sum to one."""
    x = np.linspace(-REACH_SD, REACH_SD, NODES)
    weight = np.exp(-0.5 * x**2)
    return x, weight / weight.sum()


def _cdf(x: np.ndarray) -> np.ndarray:
    """Distribution function of the standard normal, elementwise."""
    from scipy.special import ndtr

    return np.asarray(ndtr(x))


def _normal_cdf(x: float) -> float:
    """Distribution function of the standard normal."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))
