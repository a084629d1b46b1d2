"""Intervals, tests and models against published numbers, formulas and their own limits."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lesionscore.errors import ScoringError
from lesionscore.protocol.analysis_rules import IntervalMethod, Multiplicity
from lesionscore.scoring.change_statistics import MixedChange, mixed_change, paired_change
from lesionscore.scoring.statistics import (
    EstimateState,
    adjusted_p_values,
    bootstrap_interval,
    gee_interval,
    proportion_interval,
)

VISITS = ("month_3", "month_12", "month_24")
EXACT, WILSON = IntervalMethod.CLOPPER_PEARSON, IntervalMethod.WILSON


@pytest.mark.parametrize(
    ("healed", "of", "method", "low", "high", "places"),
    [
        (0, 30, EXACT, 0.0, 0.1157, 4),
        (1, 30, EXACT, 0.0008, 0.1722, 4),
        (5, 30, EXACT, 0.0564, 0.3472, 4),
        (10, 30, EXACT, 0.1729, 0.5281, 4),
        (30, 30, EXACT, 0.8843, 1.0, 4),
        (5, 30, WILSON, 0.0734, 0.3356, 4),
        (10, 30, WILSON, 0.1923, 0.5122, 4),
        (27, 64, EXACT, 0.299, 0.552, 3),
        (57, 64, EXACT, 0.788, 0.955, 3),
        (42, 64, EXACT, 0.527, 0.771, 3),
        (31, 64, EXACT, 0.358, 0.613, 3),
        (9, 64, EXACT, 0.066, 0.250, 3),
        (3, 64, EXACT, 0.010, 0.131, 3),
        (213, 295, EXACT, 0.667, 0.772, 3),
        (107, 295, EXACT, 0.308, 0.420, 3),
        (14, 79, EXACT, 0.100, 0.279, 3),
    ],
)
def test_intervals_of_proportions_are_the_published_ones(
    healed: int, of: int, method: IntervalMethod, low: float, high: float, places: int
) -> None:
    """To every printed digit."""
    interval = proportion_interval(healed, of, 0.95, method)
    assert interval.estimate == healed / of
    assert interval.low is not None
    assert interval.high is not None
    assert (round(interval.low, places), round(interval.high, places)) == (low, high)


@pytest.mark.parametrize(
    ("count", "percent"),
    [(27, 42.2), (57, 89.1), (42, 65.6), (31, 48.4), (33, 51.6)],
)
def test_response_figures_of_the_ixazomib_lenalidomide_trial(count: int, percent: float) -> None:
    """27 complete responses, 57 very good or better, 31 improved and 33 retained, of 64."""
    estimate = proportion_interval(count, 64, 0.95, EXACT).estimate
    assert estimate is not None
    assert round(100 * estimate, 1) == percent


@given(of=st.integers(1, 300), data=st.data(), method=st.sampled_from(IntervalMethod))
@settings(max_examples=60, deadline=None)
def test_an_interval_holds_its_estimate(
    of: int, data: st.DataObject, method: IntervalMethod
) -> None:
    """Limits lie in 0 to 1 and around the estimate; a higher level is never narrower."""
    healed = data.draw(st.integers(0, of))
    narrow = proportion_interval(healed, of, 0.90, method)
    wide = proportion_interval(healed, of, 0.99, method)
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.low is not None
    assert wide.high is not None
    assert 0 <= wide.low <= narrow.low <= healed / of + 1e-12
    assert healed / of - 1e-12 <= narrow.high <= wide.high <= 1


def test_no_trials_give_no_interval() -> None:
    """Nothing seen is no 0 %."""
    interval = proportion_interval(0, 0, 0.95, EXACT)
    assert interval.state is EstimateState.NO_DATA
    assert interval.low is None
    with pytest.raises(ScoringError, match="3 of 2 is no proportion"):
        proportion_interval(3, 2, 0.95, EXACT)


def clustered(seed: int, patients: int = 30, lesions: int = 8) -> tuple[np.ndarray, list[str]]:
    """Lesions whose chance of healing is the patient's own."""
    rng = np.random.default_rng(seed)
    chance = np.repeat(rng.beta(1, 2, patients), lesions)
    return rng.random(patients * lesions) < chance, [
        f"P{k:02d}" for k in range(patients) for _ in range(lesions)
    ]


def test_lesions_of_one_patient_are_not_independent() -> None:
    """Both intervals that know patients are wider than the exact one, and much alike."""
    healed, owners = clustered(1)
    exact = proportion_interval(int(healed.sum()), len(healed), 0.95, EXACT)
    drawn = bootstrap_interval(healed, owners, confidence=0.95, resamples=2000, seed=1)
    gee = gee_interval(healed, owners, confidence=0.95)
    width = {}
    for interval in (exact, drawn, gee):
        assert interval.state is EstimateState.ESTIMATED
        assert interval.low is not None
        assert interval.high is not None
        width[interval.method] = interval.high - interval.low
    assert width["cluster_bootstrap"] > 1.2 * width["clopper_pearson"]
    assert width["gee"] == pytest.approx(width["cluster_bootstrap"], rel=0.35)
    assert "seed 1" in drawn.detail
    assert gee.estimate == pytest.approx(healed.mean(), abs=1e-6)  # as many lesions each


def test_the_bootstrap_has_a_seed_and_no_order() -> None:
    """The same seed gives the same limits whatever the order of lesions; another seed others."""
    healed, owners = clustered(2)
    order = np.random.default_rng(0).permutation(len(healed))
    arguments = {"confidence": 0.95, "resamples": 2000}
    first = bootstrap_interval(healed, owners, seed=7, **arguments)
    shuffled = bootstrap_interval(healed[order], [owners[k] for k in order], seed=7, **arguments)
    other = bootstrap_interval(healed, owners, seed=8, **arguments)
    assert first == shuffled
    assert (first.low, first.high) != (other.low, other.high)


def test_one_lesion_a_patient_makes_the_bootstrap_the_binomial() -> None:
    """Drawing patients with one lesion each is drawing lesions: limits by the binomial."""
    healed = np.arange(100) < 40
    owners = [f"P{k}" for k in range(100)]
    drawn = bootstrap_interval(healed, owners, confidence=0.95, resamples=5000, seed=3)
    expected = stats.binom(100, 0.4).ppf([0.025, 0.975]) / 100
    assert (drawn.low, drawn.high) == pytest.approx(tuple(expected), abs=0.011)


def test_lesions_that_always_agree_count_as_one() -> None:
    """Three identical lesions a patient tell GEE no more than one."""
    healed = np.arange(24) % 3 == 0
    owners = [f"P{k:02d}" for k in range(24)]
    single = gee_interval(healed, owners, confidence=0.95)
    tripled = gee_interval(np.repeat(healed, 3), np.repeat(owners, 3).tolist(), confidence=0.95)
    assert "could not be fitted" in tripled.detail  # a correlation of 1 has no inverse
    assert single.low == pytest.approx(tripled.low, abs=2e-3)
    assert single.high == pytest.approx(tripled.high, abs=2e-3)


@pytest.mark.parametrize(
    ("healed", "owners", "state"),
    [
        ([], [], EstimateState.NO_DATA),
        ([True, False], ["A", "B"], EstimateState.TOO_FEW),
        ([True] * 8, list("ABCDEFGH"), EstimateState.ALL_ALIKE),
        ([False] * 8, list("ABCDEFGH"), EstimateState.ALL_ALIKE),
    ],
)
def test_clustered_intervals_say_why_there_is_none(
    healed: list[bool], owners: list[str], state: EstimateState
) -> None:
    """Degenerate cells are a state, not a number and not a warning."""
    array = np.array(healed, dtype=bool)
    drawn = bootstrap_interval(array, owners, confidence=0.95, resamples=2000, seed=1)
    gee = gee_interval(array, owners, confidence=0.95)
    assert drawn.state is state
    assert gee.state is state
    assert (drawn.low, gee.low) == (None, None)


@pytest.mark.parametrize("seed", range(12))
def test_gee_never_warns(seed: int) -> None:
    """Sparse and lopsided cells either give finite limits or a state (warnings are errors)."""
    rng = np.random.default_rng(seed)
    owners = [f"P{k}" for k in range(8) for _ in range(rng.integers(1, 6))]
    healed = np.zeros(len(owners), dtype=bool)
    healed[rng.integers(len(owners))] = True
    interval = gee_interval(healed, owners, confidence=0.95)
    if interval.state is EstimateState.ESTIMATED:
        assert interval.low is not None
        assert interval.high is not None
        assert 0 <= interval.low < interval.high <= 1
    else:
        assert interval.detail


# --- several tests -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "adjusted"),
    [
        (Multiplicity.NONE, (0.01, 0.04, 0.03, 0.005)),
        (Multiplicity.HOLM, (0.03, 0.06, 0.06, 0.02)),
        (Multiplicity.FDR_BH, (0.02, 0.04, 0.04, 0.02)),
        (Multiplicity.FIXED_SEQUENCE, (0.01, 0.04, 0.04, 0.04)),
    ],
)
def test_adjusted_p_values_by_hand(rule: Multiplicity, adjusted: tuple[float, ...]) -> None:
    """Worked by hand from the definitions."""
    assert adjusted_p_values([0.01, 0.04, 0.03, 0.005], rule) == pytest.approx(adjusted)


@given(p=st.lists(st.floats(0, 1), max_size=12), rule=st.sampled_from(Multiplicity))
@settings(max_examples=60, deadline=None)
def test_adjusting_never_helps(p: list[float], rule: Multiplicity) -> None:
    """An adjusted p value is no smaller than the raw one, and still a probability."""
    adjusted = adjusted_p_values(p, rule)
    assert len(adjusted) == len(p)
    assert all(raw - 1e-12 <= new <= 1 for raw, new in zip(p, adjusted, strict=True))


def test_a_p_value_must_be_a_probability() -> None:
    """Nan and 1.2 are faults, not results."""
    with pytest.raises(ScoringError, match="between 0 and 1"):
        adjusted_p_values([0.2, float("nan")], Multiplicity.HOLM)


# --- paired changes ------------------------------------------------------------------------


def test_paired_change_is_a_t_interval_on_ln() -> None:
    """Against the formula: mean, standard error, Student's quantile."""
    values = np.log([1.2, 0.9, 1.5, 1.1, 1.3, 0.95])
    change = paired_change(values.tolist(), confidence=0.95)
    half = stats.t.ppf(0.975, 5) * values.std(ddof=1) / math.sqrt(6)
    assert change.ratio == pytest.approx(math.exp(values.mean()))
    assert change.ratio_low == pytest.approx(math.exp(values.mean() - half))
    assert change.ratio_high == pytest.approx(math.exp(values.mean() + half))
    assert change.p_t == pytest.approx(
        2 * stats.t.sf(values.mean() / (values.std(ddof=1) / math.sqrt(6)), 5)
    )


@pytest.mark.parametrize(
    ("values", "p", "method"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], 2 / 32, "exact"),
        ([-0.1, 0.2, 0.3, 0.4, 0.5], 4 / 32, "exact"),
        ([0.1, 0.1, 0.3, 0.3, 0.3], 2 / 32, "enumerated"),
        # Pratt: the zero takes rank 1 and counts on neither side
        ([0.0, 0.2, 0.3, 0.4, 0.5], 2 / 16, "enumerated"),
    ],
)
def test_signed_rank_by_counting_sign_patterns(values: list[float], p: float, method: str) -> None:
    """Exact p values worked out by hand, also with ties and zeros."""
    change = paired_change(values, confidence=0.95)
    assert change.p_wilcoxon == pytest.approx(p)
    assert change.wilcoxon_method == method


def test_many_tied_pairs_use_the_normal_approximation() -> None:
    """And say so."""
    values = np.round(np.random.default_rng(1).normal(0.1, 0.2, 40), 1)
    change = paired_change(values.tolist(), confidence=0.95)
    assert change.wilcoxon_method == "normal"
    assert change.p_wilcoxon is not None
    assert 0 < change.p_wilcoxon < 0.05


def test_halving_and_doubling_cancel() -> None:
    """On the ln scale they are equally far: no change on average."""
    change = paired_change([math.log(2), math.log(0.5), 0.1, -0.1], confidence=0.95)
    assert change.ratio == pytest.approx(1.0)
    assert change.p_t == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([], EstimateState.NO_DATA),
        ([0.2], EstimateState.TOO_FEW),
        ([0.2, 0.3], EstimateState.TOO_FEW),
        ([0.2, 0.2, 0.2, 0.2], EstimateState.ALL_ALIKE),
        ([0.0, 0.0, 0.0], EstimateState.ALL_ALIKE),
    ],
)
def test_paired_changes_that_cannot_be_tested(values: list[float], state: EstimateState) -> None:
    """The ratio stands where there is one; there is no p value."""
    change = paired_change(values, confidence=0.95)
    assert change.state is state
    assert change.p_t is None
    assert (change.ratio is None) == (not values)


# --- mixed models --------------------------------------------------------------------------


def simulated(
    seed: int, *, patients: int = 30, lesions: int = 6, patient_sd: float = 0.2
) -> pd.DataFrame:
    """Changes with a part of the patient, of the lesion, and of the scan."""
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(patients):
        of_patient = rng.normal(0, patient_sd)
        for lesion in range(lesions):
            of_lesion = rng.normal(0, 0.15)
            for visit, mean in zip(VISITS, (0.1, 0.2, 0.0), strict=True):
                value = mean + of_patient + of_lesion + rng.normal(0, 0.2)
                rows.append((f"P{p}", f"L{lesion}", visit, value))
    return pd.DataFrame(rows, columns=["patient_id", "lesion_id", "visit", "ln_ratio"])


def test_mixed_model_finds_what_was_put_in() -> None:
    """Means within their intervals, the three spreads near theirs."""
    model = mixed_change(simulated(3, patients=60), VISITS, confidence=0.99)
    assert model.state is EstimateState.ESTIMATED
    assert "(1 | patient:lesion)" in model.model
    for one, mean in zip(model.visits, (0.1, 0.2, 0.0), strict=True):
        assert one.ratio_low < math.exp(mean) < one.ratio_high
    assert model.patient_sd_ln == pytest.approx(0.2, abs=0.06)
    assert model.lesion_sd_ln == pytest.approx(0.15, abs=0.03)
    assert model.residual_sd_ln == pytest.approx(0.2, abs=0.02)


def test_mixed_model_of_balanced_data_has_the_plain_means() -> None:
    """With as many values everywhere the estimate is the mean of the visit."""
    table = simulated(4, patients=12, lesions=3)
    model = mixed_change(table, VISITS, confidence=0.95)
    means = table.groupby("visit")["ln_ratio"].mean()
    for one in model.visits:
        assert math.log(one.ratio) == pytest.approx(means[one.visit], abs=1e-6)


def test_mixed_model_does_not_take_lesions_for_patients() -> None:
    """Patients that differ make the interval wider than one that ignores them."""
    table = simulated(5, patients=15, lesions=8, patient_sd=0.4)
    model = mixed_change(table, VISITS, confidence=0.95)
    one = model.visits[0]
    naive = table.loc[table["visit"] == "month_3", "ln_ratio"].sem() * 1.96
    assert math.log(one.ratio_high) - math.log(one.ratio) > 1.5 * naive


def test_mixed_model_without_spread_between_patients_says_so() -> None:
    """The variance is zero at the boundary: the estimates stand."""
    table = simulated(6, patients=20, lesions=1, patient_sd=0.0)
    rng = np.random.default_rng(0)
    table["ln_ratio"] = rng.permutation(table["ln_ratio"].to_numpy())
    model = mixed_change(table.drop(columns="lesion_id"), VISITS, confidence=0.95)
    assert model.state is EstimateState.ESTIMATED
    assert model.lesion_sd_ln is None
    assert len(model.visits) == 3


def failed(table: pd.DataFrame) -> MixedChange:
    """Fit and give back."""
    return mixed_change(table, VISITS, confidence=0.95)


def test_mixed_models_that_cannot_be_fitted_are_states() -> None:
    """No data, too few patients, no spread: each is said, none warns."""
    table = simulated(7, patients=8, lesions=2)
    assert failed(table.iloc[:0]).state is EstimateState.NO_DATA
    few = failed(table[table["patient_id"].isin(["P0", "P1"])])
    assert few.state is EstimateState.TOO_FEW
    assert few.detail == "2 patients, 12 values"
    flat = table.assign(ln_ratio=0.3)
    assert failed(flat).state is EstimateState.ALL_ALIKE


def test_a_visit_that_nobody_had_is_left_out() -> None:
    """The others are estimated."""
    table = simulated(8, patients=10, lesions=2)
    model = failed(table[table["visit"] != "month_24"])
    assert [one.visit for one in model.visits] == ["month_3", "month_12"]
