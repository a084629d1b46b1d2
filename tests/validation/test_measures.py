"""Accuracy measures from joined tables whose answers are plain to see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lesionscore.validation.limits import LIMITS
from lesionscore.validation.measures import accuracy, failed_limits, reliability

FIRST = {
    "patient_id": "P01",
    "visit": "inclusion",
    "reason": np.nan,
    "flags": np.nan,
    "ct_status": "evaluable",
    "has_mask": True,
    "tre_mm": 0.0,
    "registration_error_mm": 0.1,
    "longest_diameter_mm": 12.0,
    "longest_diameter_sd_mm": 0.5,
    "true_longest_diameter_mm": 12.0,
    "healed": "not_met",
    "true_healed": "",
    "healing_probability": 0.0,
    "true_margin_mm": np.nan,
    "true_margin_percent": np.nan,
    "true_course": "stable",
    "suv_max": 5.0,
    "true_suv_max": 5.0,
}
LATER = {
    "visit": "month_3",
    "tre_mm": 0.05,
    "true_healed": "not_met",
    "true_margin_mm": -2.0,
    "true_margin_percent": -25.0,
}
LIMBS = ("size", "sclerosis", "complete")


def table(*visits: dict[str, object]) -> pd.DataFrame:
    """One lesion for each visit, with its inclusion."""
    rows = []
    for number, visit in enumerate(visits):
        lesion = {"lesion_id": f"L{number:02d}"}
        limbs = {f"{limb}_limb": "not_met" for limb in LIMBS}
        truth = {f"true_{limb}_limb": "not_met" for limb in LIMBS}
        rows += [FIRST | limbs | truth | lesion, FIRST | limbs | truth | lesion | LATER | visit]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("rows", "measure", "value"),
    [
        ([{"tre_mm": 0.4}, {"tre_mm": 0.2}, {"tre_mm": 0.1}], "tre_median_mm", 0.2),
        ([{"tre_mm": 0.4}, {}], "tre_within_twice_stated_percent", 50.0),
        ([{"longest_diameter_mm": 12.6}, {}], "change_bias_mm", 0.3),
        ([{"longest_diameter_mm": 13.2}, {}], "diameter_interval_coverage_percent", 75.0),
        ([{"healed": "met"}, {}], "unchanged_called_healed_percent", 50.0),
        ([{"healed": "met"}, {}, {}, {}], "verdict_right_far_percent", 75.0),
        ([{"healed": "not_evaluable"}, {}], "verdict_given_percent", 50.0),
        ([{"healed": "not_evaluable"}, {}], "verdict_right_percent", 100.0),
        ([{"true_size_limb": "met"}, {"true_size_limb": "met", "size_limb": "met"}],
         "size_sensitivity_percent", 50.0),
        ([{"suv_max": 5.5}], "suv_max_error_95th_percentile_percent", 9.5),
    ],
)  # fmt: skip
def test_measure(rows: list[dict[str, object]], measure: str, value: float) -> None:
    """One number that follows from the rows by hand."""
    assert accuracy(table(*rows))[measure] == pytest.approx(value)


def test_alignment_given_up_counts_only_where_the_scan_covers() -> None:
    """Not covered is nobody's fault; too little edge is not the alignment's."""
    lost = {"ct_status": "not_evaluable", "healed": "not_evaluable"}
    rows = [
        {},
        {**lost, "reason": "alignment_uncertain;alignment_failed"},
        {**lost, "reason": "too_little_edge"},
        {**lost, "reason": "not_covered"},
        {**lost, "reason": "mask_refused", "tre_mm": None},
    ]
    measures = accuracy(table(*rows))
    assert measures["usable_percent"] == pytest.approx(200 / 3)
    assert measures["evaluable_percent"] == pytest.approx(100 / 4)


def test_a_doubtful_alignment_is_not_called_usable() -> None:
    """Its error does not count among the usable ones, its share does."""
    doubtful = {"flags": "growing;alignment_uncertain", "tre_mm": 3.0}
    measures = accuracy(table({"tre_mm": 0.1}, doubtful))
    assert measures["usable_percent"] == pytest.approx(50.0)
    assert measures["tre_maximum_mm"] == pytest.approx(0.1)
    assert measures["evaluable_percent"] == pytest.approx(100.0)


def test_a_measure_without_rows_is_left_out_and_fails_nothing() -> None:
    """No complete healing among the truth: no sensitivity."""
    measures = accuracy(table({}))
    assert "complete_sensitivity_percent" not in measures
    assert "complete_sensitivity_percent" not in failed_limits(measures)


def test_every_limit_can_be_missed() -> None:
    """No limit holds for every value."""
    for limit in LIMITS:
        ends = [end for end in (limit.lowest - 0.01, limit.highest + 0.01) if np.isfinite(end)]
        assert ends
        assert all(not limit.holds(end) for end in ends)
        assert failed_limits({limit.measure: ends[0]}) == [limit.measure]


def test_reliability_bins_hold_every_judged_lesion() -> None:
    """Also the certain ones at both ends."""
    stated = [0.0, 0.04, 0.3, 0.6, 0.97, 1.0]
    rows = [
        {"healing_probability": p, "true_healed": "met" if p > 0.5 else "not_met"} for p in stated
    ]
    bins = reliability(table(*rows))
    assert sum(one["lesions"] for one in bins) == len(stated)
    assert [one["healed_fraction"] for one in bins] == [0.0, 0.0, 1.0, 1.0]
    assert all(one["lowest"] <= one["mean_probability"] <= one["highest"] for one in bins)
