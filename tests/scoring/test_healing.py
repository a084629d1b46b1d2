"""The healing definition: every clause on both sides of its threshold and on it."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lesionscore.errors import ScoringError
from lesionscore.lesions.records import CtReading, Presence, ReaderRead, ReadingStatus
from lesionscore.protocol import Protocol, SizeMetric, load_protocol
from lesionscore.scoring.healing import LesionVerdict, is_measurable, score_lesion
from lesionscore.scoring.probabilities import LimbProbabilities
from lesionscore.scoring.states import LimbState, any_of
from tests.scoring.readings import ct, edge, gone, inclusion, missing, size, too_small

PROTOCOL = load_protocol()
MET, NOT_MET, UNKNOWN = LimbState.MET, LimbState.NOT_MET, LimbState.NOT_EVALUABLE


def with_metric(metric: SizeMetric) -> Protocol:
    """The protocol with another meaning of size."""
    rule = dataclasses.replace(PROTOCOL.size, metric=metric)
    return dataclasses.replace(PROTOCOL, size=rule)


def with_edge(**values: float) -> Protocol:
    """The protocol with another edge rule."""
    return dataclasses.replace(PROTOCOL, edge=dataclasses.replace(PROTOCOL.edge, **values))


def score(before_mm: float, after_mm: float) -> LesionVerdict:
    """Verdict of a lesion that shrank without sclerosis."""
    return score_lesion(inclusion(before_mm), ct(after_mm), PROTOCOL)


@pytest.mark.parametrize(
    ("before_mm", "after_mm", "state"),
    [
        pytest.param(8.0, 6.0, MET, id="exactly-25-percent-and-exactly-2-mm"),
        pytest.param(8.0, 6.01, NOT_MET, id="just-short-of-both"),
        pytest.param(8.0, 5.99, MET, id="just-past-both"),
        pytest.param(7.2, 5.4, NOT_MET, id="exactly-25-percent-but-1.8-mm"),
        pytest.param(7.0, 5.0, MET, id="28-percent-and-exactly-2-mm"),
        pytest.param(7.0, 5.01, NOT_MET, id="over-25-percent-but-1.99-mm"),
        pytest.param(5.1, 3.1, MET, id="2-mm-that-binary-says-is-less"),
        pytest.param(5.0, 3.0, MET, id="5-mm-needs-3-mm"),
        pytest.param(5.0, 3.1, NOT_MET, id="5-mm-to-3.1-mm-is-38-percent-but-1.9-mm"),
        pytest.param(10.0, 7.5, MET, id="10-mm-needs-7.5-mm"),
        pytest.param(10.0, 7.6, NOT_MET, id="24-percent-although-2.4-mm"),
        pytest.param(20.0, 15.0, MET, id="20-mm-needs-15-mm"),
        pytest.param(20.0, 15.1, NOT_MET, id="24.5-percent-although-4.9-mm"),
        pytest.param(9.6, 7.2, MET, id="25-percent-that-binary-says-is-less"),
        pytest.param(14.4, 10.8, MET, id="25-percent-of-14.4"),
        pytest.param(12.0, 12.0, NOT_MET, id="unchanged"),
        pytest.param(12.0, 15.0, NOT_MET, id="grown"),
    ],
)
def test_size_limb(before_mm: float, after_mm: float, state: LimbState) -> None:
    """Reduction by 25 % and by 2 mm, both inclusive, as decimals say."""
    verdict = score(before_mm, after_mm)
    assert verdict.size.state is state
    assert verdict.healed is state
    assert not verdict.reasons


def test_exact_quarters_are_met_where_binary_fractions_fall_short() -> None:
    """Every diameter of one decimal with a quarter off, from 8.0 to 40.0 mm."""
    diameters = [tenths / 10 for tenths in range(80, 401, 4)]
    short = [mm for mm in diameters if (mm - round(0.75 * mm, 1)) / mm < 0.25]
    assert short, "the trap must be among the cases"
    assert all(score(mm, round(0.75 * mm, 1)).size.state is MET for mm in diameters)


@pytest.mark.parametrize(
    ("change_hu", "sd_hu", "z", "state"),
    [
        pytest.param(65.0, 10.0, None, MET, id="exactly-65-hu"),
        pytest.param(64.9, 10.0, None, NOT_MET, id="just-short-of-65-hu"),
        pytest.param(65.1, 10.0, None, MET, id="just-past-65-hu"),
        pytest.param(80.0, 40.0, None, MET, id="exactly-twice-its-uncertainty"),
        pytest.param(80.0, 40.1, None, NOT_MET, id="just-short-of-twice-its-uncertainty"),
        pytest.param(150.0, 0.0, None, MET, id="no-uncertainty-left"),
        pytest.param(25.0, 1.0, None, NOT_MET, id="a-drift-of-25-hu-however-certain"),
        pytest.param(-150.0, 10.0, None, NOT_MET, id="less-dense"),
        pytest.param(100.0, None, 2.0, MET, id="z-of-the-rim-stands-in-for-the-sd"),
        pytest.param(100.0, None, 1.9, NOT_MET, id="z-of-the-rim-just-short"),
        pytest.param(100.0, None, None, UNKNOWN, id="no-uncertainty-known"),
        pytest.param(50.0, None, None, NOT_MET, id="too-little-whatever-the-uncertainty"),
        pytest.param(None, None, None, UNKNOWN, id="not-measured"),
        pytest.param(math.nan, 10.0, None, UNKNOWN, id="no-number"),
        pytest.param(100.0, math.nan, math.nan, UNKNOWN, id="no-number-for-its-uncertainty"),
    ],
)
def test_sclerosis_limb(
    change_hu: float | None, sd_hu: float | None, z: float | None, state: LimbState
) -> None:
    """Denser than the patient's own bone by HU and by certainty, both inclusive."""
    reading = dataclasses.replace(ct(10.0), edge=edge(change_hu, sd_hu, z))
    verdict = score_lesion(inclusion(10.0), reading, PROTOCOL)
    assert verdict.sclerosis.state is state
    assert bool(verdict.reasons) is (state is UNKNOWN)


def test_the_certainty_clause_can_be_switched_off() -> None:
    """An increase_z of 0 asks for no certainty."""
    reading = dataclasses.replace(ct(10.0), edge=edge(100.0, None))
    assert score_lesion(inclusion(10.0), reading, with_edge(increase_z=0.0)).sclerosis.state is MET


@pytest.mark.parametrize(
    ("visit", "complete", "size_state"),
    [
        pytest.param(gone(), MET, MET, id="gone"),
        pytest.param(gone(probability=0.5), MET, MET, id="gone-with-just-enough-probability"),
        pytest.param(gone(probability=0.49), UNKNOWN, MET, id="gone-with-too-little-probability"),
        pytest.param(too_small(), NOT_MET, MET, id="too-small-from-10-mm-is-reduced-anyhow"),
        pytest.param(too_small(limit_mm=8.1), NOT_MET, UNKNOWN, id="too-small-on-thick-slices"),
        pytest.param(too_small(limit_mm=7.5), NOT_MET, MET, id="too-small-bound-on-threshold"),
        pytest.param(too_small(limit_mm=None), NOT_MET, UNKNOWN, id="too-small-limit-unknown"),
        pytest.param(ct(10.0), NOT_MET, NOT_MET, id="still-there"),
        pytest.param(ct(None, presence=None), UNKNOWN, UNKNOWN, id="nothing-known-of-what-is-left"),
    ],
)
def test_complete_limb(visit: CtReading, complete: LimbState, size_state: LimbState) -> None:
    """Gone is met; a remnant is not; doubt is not evaluable."""
    verdict = score_lesion(inclusion(10.0), visit, PROTOCOL)
    assert verdict.complete.state is complete
    assert verdict.size.state is size_state


def test_a_gone_lesion_is_reduced_by_all_of_itself() -> None:
    """The change is -100 %, and no size is made up."""
    verdict = score_lesion(inclusion(10.0), gone(), PROTOCOL)
    assert verdict.changes.longest_diameter_change_mm == -10.0
    assert verdict.changes.longest_diameter_change_percent == -100.0
    assert verdict.changes.volume_change_percent == -100.0


@pytest.mark.parametrize(("before_mm", "state"), [(2.0, MET), (1.9, NOT_MET)])
def test_a_tiny_lesion_that_is_gone_still_needs_2_mm(before_mm: float, state: LimbState) -> None:
    """The size limb keeps to its clause; the complete limb is met anyhow."""
    verdict = score_lesion(inclusion(before_mm), gone(), PROTOCOL)
    assert verdict.size.state is state
    assert verdict.complete.state is MET
    assert verdict.healed is MET


def test_a_remnant_says_that_its_size_is_an_upper_bound() -> None:
    """The flag names why a limb is met without a measured size."""
    verdict = score_lesion(inclusion(10.0), too_small(), PROTOCOL)
    assert verdict.flags == ("size_by_upper_bound",)
    assert verdict.changes.longest_diameter_change_mm is None


@pytest.mark.parametrize(
    ("states", "joined"),
    [
        ((MET, MET, MET), MET),
        ((MET, NOT_MET, NOT_MET), MET),
        ((MET, UNKNOWN, UNKNOWN), MET),
        ((NOT_MET, NOT_MET, MET), MET),
        ((NOT_MET, NOT_MET, NOT_MET), NOT_MET),
        ((NOT_MET, NOT_MET, UNKNOWN), UNKNOWN),
        ((NOT_MET, UNKNOWN, UNKNOWN), UNKNOWN),
        ((UNKNOWN, UNKNOWN, UNKNOWN), UNKNOWN),
        ((), UNKNOWN),
    ],
)
def test_limbs_are_joined_by_three_valued_or(
    states: tuple[LimbState, ...], joined: LimbState
) -> None:
    """One met is enough; not met needs all."""
    assert any_of(states) is joined


@pytest.mark.parametrize(
    ("visit", "healed"),
    [
        pytest.param(ct(7.0), MET, id="by-size-alone"),
        pytest.param(ct(10.0, edge_change_hu=150.0), MET, id="by-sclerosis-alone"),
        pytest.param(ct(13.0, edge_change_hu=150.0), MET, id="by-sclerosis-although-growing"),
        pytest.param(gone(), MET, id="by-complete"),
        pytest.param(ct(7.0, edge_change_hu=None), MET, id="by-size-with-edge-unknown"),
        pytest.param(ct(9.0, edge_change_hu=None), UNKNOWN, id="size-not-met-with-edge-unknown"),
        pytest.param(ct(9.0), NOT_MET, id="by-none"),
    ],
)
def test_the_verdict_joins_the_limbs(visit: CtReading, healed: LimbState) -> None:
    """Each limb by itself heals; an unknown limb keeps "not healed" from being said."""
    assert score_lesion(inclusion(10.0), visit, PROTOCOL).healed is healed


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        pytest.param(inclusion(10.0), missing(), ("ct_missing",), id="no-scan"),
        pytest.param(
            inclusion(10.0), missing(reason="no_ct"), ("no_ct",), id="no-scan-with-reason"
        ),
        pytest.param(
            inclusion(10.0),
            missing(status=ReadingStatus.NOT_EVALUABLE, reason="not_covered"),
            ("not_covered",),
            id="not-covered",
        ),
        pytest.param(
            inclusion(10.0),
            missing(status=ReadingStatus.NOT_EVALUABLE),
            ("ct_not_evaluable",),
            id="not-evaluable-without-reason",
        ),
        pytest.param(
            missing(visit="inclusion", status=ReadingStatus.NOT_EVALUABLE, reason="not_in_bone"),
            ct(7.0),
            ("inclusion_not_evaluable", "not_in_bone"),
            id="inclusion-not-in-bone",
        ),
        pytest.param(
            missing(visit="inclusion"), ct(7.0), ("inclusion_not_evaluable",), id="no-inclusion"
        ),
    ],
)
def test_what_was_not_seen_is_not_evaluable_with_its_reason(
    before: CtReading, after: CtReading, reasons: tuple[str, ...]
) -> None:
    """All limbs, and nothing beside them."""
    verdict = score_lesion(before, after, PROTOCOL, LimbProbabilities(healed=0.5))
    assert verdict.reasons == reasons
    limbs = (verdict.size, verdict.sclerosis, verdict.complete)
    assert {limb.state for limb in limbs} == {UNKNOWN}
    assert verdict.healed is UNKNOWN
    assert verdict.borderline is None
    assert verdict.healing_probability is None
    assert verdict.verdict_depends_on_size_metric is None


def test_size_without_a_size_at_inclusion_has_a_reason() -> None:
    """The other limbs stand."""
    before = inclusion(None, presence=Presence.TOO_SMALL)
    verdict = score_lesion(before, ct(7.0), PROTOCOL)
    assert verdict.size.reasons == ("inclusion_too_small",)
    assert verdict.sclerosis.state is NOT_MET
    assert verdict.healed is UNKNOWN
    assert "not_measurable_at_inclusion" in verdict.flags


def test_inclusion_against_itself_has_not_healed() -> None:
    """The reference row says not met, with a change of 0."""
    reading = inclusion(10.0, edge_change_hu=None)
    verdict = score_lesion(reading, reading, PROTOCOL)
    assert verdict.healed is NOT_MET
    assert verdict.changes.longest_diameter_change_mm == 0.0
    assert verdict.verdict_depends_on_size_metric is False


@pytest.mark.parametrize(
    ("metric", "state"),
    [
        # 10 mm to 7.9 mm: diameter -21 %, area -37.6 %, volume -50.7 %, and 2.1 mm
        (SizeMetric.LONGEST_DIAMETER, NOT_MET),
        (SizeMetric.AXIAL_DIAMETER, NOT_MET),
        (SizeMetric.AREA, MET),
        (SizeMetric.VOLUME, MET),
    ],
)
def test_another_meaning_of_size_is_one_value(metric: SizeMetric, state: LimbState) -> None:
    """The percentage goes by the metric, and the result says that it depends on it."""
    verdict = score_lesion(inclusion(10.0), ct(7.9), with_metric(metric))
    assert verdict.size.state is state
    assert verdict.healed is state
    assert verdict.verdict_depends_on_size_metric is True
    assert dict(verdict.healed_by_metric)[SizeMetric.VOLUME] is MET


def test_the_mm_clause_is_of_the_longest_dimension_by_any_metric() -> None:
    """Half the volume with 1.9 mm off the longest diameter is not met."""
    before = inclusion(size(10.0, volume_ml=1.0))
    after = ct(size(8.1, volume_ml=0.5))
    assert score_lesion(before, after, with_metric(SizeMetric.VOLUME)).size.state is NOT_MET


@pytest.mark.parametrize(
    ("metric", "factor", "on", "short"),
    [
        (SizeMetric.AREA, "axial_area_mm2", 75.0, 75.1),
        (SizeMetric.VOLUME, "volume_ml", 75.0, 75.1),
        (SizeMetric.AXIAL_DIAMETER, "axial_diameter_mm", 75.0, 75.1),
    ],
)
def test_every_metric_has_its_threshold_at_25_percent(
    metric: SizeMetric, factor: str, on: float, short: float
) -> None:
    """On the threshold and just short of it, the longest diameter reduced enough."""
    before = inclusion(dataclasses.replace(size(20.0), **{factor: 100.0}))
    for value, state in ((on, MET), (short, NOT_MET)):
        after = ct(dataclasses.replace(size(18.0), **{factor: value}))
        assert score_lesion(before, after, with_metric(metric)).size.state is state


def test_a_verdict_that_no_metric_changes_says_so() -> None:
    """A lesion that halved, one that did not change, and one that healed by its edge."""
    for after in (ct(5.0), ct(10.0), ct(10.0, edge_change_hu=150.0)):
        assert (
            score_lesion(inclusion(10.0), after, PROTOCOL).verdict_depends_on_size_metric is False
        )


@pytest.mark.parametrize(
    ("probability", "borderline"),
    [(0.049, False), (0.05, True), (0.5, True), (0.95, True), (0.951, False), (None, None)],
)
def test_borderline_is_told_from_the_probability(
    probability: float | None, borderline: bool | None
) -> None:
    """Between 0.05 and 0.95, both included; without a probability nothing is said."""
    verdict = score_lesion(
        inclusion(10.0), ct(7.5), PROTOCOL, LimbProbabilities(healed=probability)
    )
    assert verdict.borderline is borderline
    assert verdict.healing_probability == probability
    assert verdict.healed is MET


@pytest.mark.parametrize(
    ("before_mm", "after_mm", "is_growing"),
    [(10.0, 12.5, True), (10.0, 12.4, False), (6.0, 7.9, False), (6.0, 8.0, True)],
)
def test_growth_is_a_flag_beside_the_verdict(
    before_mm: float, after_mm: float, is_growing: bool
) -> None:
    """By the mirror of the size limb: 25 % and 2 mm."""
    verdict = score(before_mm, after_mm)
    assert ("growing" in verdict.flags) is is_growing
    assert verdict.healed is NOT_MET


@pytest.mark.parametrize(
    ("reading", "measurable"),
    [
        (inclusion(5.0), True),
        (inclusion(4.9), False),
        (inclusion(5.9, limit_mm=6.0), False),
        (inclusion(6.0, limit_mm=6.0), True),
        (inclusion(5.0, limit_mm=None), True),
        (inclusion(None, presence=Presence.TOO_SMALL), False),
        (missing(visit="inclusion"), None),
    ],
)
def test_measurable_is_5_mm_and_two_slice_spacings(
    reading: CtReading, measurable: bool | None
) -> None:
    """The reading's own limit where it has one."""
    assert is_measurable(reading, PROTOCOL.measurable.minimum_diameter_mm) is measurable


def test_a_small_lesion_is_scored_and_marked() -> None:
    """Below the limit a lesion is followed all the same."""
    verdict = score(4.5, 2.0)
    assert verdict.size.state is MET
    assert verdict.flags == ("not_measurable_at_inclusion",)


@pytest.mark.parametrize(
    ("read", "limbs"),
    [
        (ReaderRead(reader="A", longest_diameter_mm=7.5), (MET, UNKNOWN, NOT_MET)),
        (
            ReaderRead(reader="A", longest_diameter_mm=7.6, sclerosis_increased=False),
            (NOT_MET, NOT_MET, NOT_MET),
        ),
        (
            ReaderRead(reader="A", longest_diameter_mm=10.0, sclerosis_increased=True),
            (NOT_MET, MET, NOT_MET),
        ),
        (ReaderRead(reader="A", sclerosis_increased=False), (UNKNOWN, NOT_MET, NOT_MET)),
    ],
)
def test_a_readers_values_go_through_the_same_scoring(
    read: ReaderRead, limbs: tuple[LimbState, ...]
) -> None:
    """Diameters by the rule, calls as they are; other metrics do not stand in the way."""
    before = dataclasses.replace(
        inclusion(None), reader_read=ReaderRead(reader="A", longest_diameter_mm=10.0)
    )
    after = dataclasses.replace(ct(None), reader_read=read, edge=None)
    verdict = score_lesion(before, after, PROTOCOL)
    assert (verdict.size.state, verdict.sclerosis.state, verdict.complete.state) == limbs
    assert verdict.borderline is None
    if verdict.healed is not UNKNOWN:
        assert verdict.verdict_depends_on_size_metric is False


def test_two_lesions_do_not_compare() -> None:
    """A mix-up of ids is an error, not a verdict."""
    with pytest.raises(ScoringError, match="L1, L2"):
        score_lesion(inclusion(10.0), ct(7.0, lesion_id="L2"), PROTOCOL)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_sizes_that_are_none_are_refused(value: float) -> None:
    """Nothing to reduce, or no number: an error that names the lesion or the field."""
    with pytest.raises(ScoringError, match=r"no extent at inclusion|longest_diameter_mm"):
        score_lesion(inclusion(value), ct(7.0), PROTOCOL)


def test_a_probability_lies_between_0_and_1() -> None:
    """Percent are refused."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        LimbProbabilities(healed=95.0)


diameters = st.floats(2.0, 60.0)
shrunk = st.floats(0.05, 1.5)


@given(before=diameters, factors=st.tuples(shrunk, shrunk), metric=st.sampled_from(SizeMetric))
def test_a_smaller_lesion_never_loses_a_limb(
    before: float, factors: tuple[float, float], metric: SizeMetric
) -> None:
    """Met at one size, met at every smaller one, also where it cannot be measured or is gone."""
    small, large = sorted(factors)
    protocol = with_metric(metric)
    verdicts = [
        score_lesion(inclusion(before), after, protocol)
        for after in (gone(), ct(before * small), ct(before * large))
    ]
    for smaller, larger in itertools.pairwise(verdicts):
        for limb in ("size", "sclerosis", "complete"):
            if getattr(larger, limb).state is MET:
                assert getattr(smaller, limb).state is MET
        if larger.healed is MET:
            assert smaller.healed is MET


@given(before=diameters, limit_mm=st.floats(5.0, 12.0), factor=shrunk)
def test_a_remnant_below_the_limit_never_loses_what_a_measured_lesion_has(
    before: float, limit_mm: float, factor: float
) -> None:
    """A lesion measured above the limit and met is met too when it falls below it."""
    after_mm = before * factor
    assume(after_mm >= limit_mm)
    measured = score_lesion(inclusion(before), ct(after_mm, limit_mm=limit_mm), PROTOCOL)
    remnant = score_lesion(inclusion(before), too_small(limit_mm=limit_mm), PROTOCOL)
    if measured.size.state is MET:
        assert remnant.size.state is MET


@given(before=diameters, factor=shrunk, scale=st.sampled_from([0.1, 2.0, 10.0]))
def test_a_change_in_percent_does_not_depend_on_scale(
    before: float, factor: float, scale: float
) -> None:
    """Twice the lesion, twice the rest: the same percent."""
    one = score_lesion(inclusion(before), ct(before * factor), PROTOCOL).changes
    other = score_lesion(inclusion(before * scale), ct(before * factor * scale), PROTOCOL).changes
    assert one.longest_diameter_change_percent == pytest.approx(
        other.longest_diameter_change_percent, abs=1e-9
    )


@given(
    before=diameters,
    factor=shrunk,
    metric=st.sampled_from(SizeMetric),
    edge_change=st.one_of(st.none(), st.floats(-200, 300)),
)
def test_the_verdict_is_the_one_listed_for_its_metric(
    before: float, factor: float, metric: SizeMetric, edge_change: float | None
) -> None:
    """And it depends on the metric exactly where the list disagrees with itself."""
    verdict = score_lesion(
        inclusion(before), ct(before * factor, edge_change_hu=edge_change), with_metric(metric)
    )
    listed = dict(verdict.healed_by_metric)
    assert listed[metric] is verdict.healed
    assert set(listed) == set(SizeMetric)
    if verdict.healed is UNKNOWN:
        assert verdict.verdict_depends_on_size_metric is None
    else:
        known = {state for state in listed.values() if state is not UNKNOWN}
        assert verdict.verdict_depends_on_size_metric is (len(known) > 1)
