"""How probable a size limb is where what is left is too small to measure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lesionscore.lesions.records import CtReading, LesionSize, Presence, ReadingStatus
from lesionscore.protocol import load_protocol
from lesionscore.protocol.rules import SizeMetric
from lesionscore.scoring.healing import score_lesion
from lesionscore.scoring.states import LimbState
from lesionscore.uncertainty import limb_probabilities, size_probability

PROTOCOL = load_protocol()


def reading(visit: str, longest_mm: float | None) -> CtReading:
    """An evaluable reading; without a diameter something too small to measure is left."""
    size = None
    if longest_mm is not None:
        size = LesionSize(
            longest_diameter_mm=longest_mm,
            longest_diameter_sd_mm=0.4,
            axial_diameter_mm=longest_mm,
            axial_diameter_sd_mm=0.4,
            short_axis_mm=longest_mm,
            axial_area_mm2=0.785 * longest_mm**2,
            axial_area_sd_mm2=0.628 * longest_mm,
            volume_ml=0.000524 * longest_mm**3,
            volume_sd_ml=0.000628 * longest_mm**2,
        )
    return CtReading(
        lesion_id="L1",
        visit=visit,
        status=ReadingStatus.EVALUABLE,
        presence=Presence.TOO_SMALL if size is None else Presence.PRESENT,
        complete_probability=0.01,
        size=size,
        measurable_limit_mm=5.0,
    )


@pytest.mark.parametrize(
    ("longest_mm", "limb"),
    [(12.0, LimbState.MET), (8.5, LimbState.MET), (6.4, LimbState.NOT_EVALUABLE)],
)
def test_the_probability_does_not_contradict_the_limb(longest_mm: float, limb: LimbState) -> None:
    """Met by the largest size that it can have: probable; not decided: no number."""
    before, after = reading("inclusion", longest_mm), reading("month_12", None)
    assert score_lesion(before, after, PROTOCOL).size.state is limb
    probability = limb_probabilities(before, after, PROTOCOL)
    if limb is LimbState.NOT_EVALUABLE:
        assert probability.size is None
    else:
        assert probability.size is not None
        assert probability.size > 0.9
        assert probability.healed is not None
        assert probability.healed >= probability.size


def test_a_lesion_of_less_than_two_millimetres_cannot_shrink_by_them() -> None:
    """Not even by going away."""
    assert size_probability(reading("inclusion", 1.5), reading("m", None), PROTOCOL.size) == 0.0


@pytest.mark.parametrize("metric", list(SizeMetric))
def test_every_metric_has_its_largest_remnant(metric: SizeMetric) -> None:
    """Of 20 mm what is below 5 mm is small by any metric."""
    rule = replace(PROTOCOL.size, metric=metric)
    probability = size_probability(reading("inclusion", 20.0), reading("m", None), rule)
    assert probability == pytest.approx(1.0)
