"""Curves and what they say: limits, ranges, ticks, and words for those who cannot see."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET

import pytest

from lesionscore.reports.figures import Curve, Point, curves_figure, describe, fold_change_figure
from lesionscore.reports.lesion_curves import size_limit, time_points
from lesionscore.reports.run_info import read_run
from lesionscore.reports.study_figures import (
    Bar,
    marker_figure,
    proportion_figure,
    spider_figure,
    waterfall_figure,
)
from lesionscore.reports.study_numbers import Proportion
from lesionscore.reports.visits_view import VisitHeading


def words(uri: str) -> str:
    """All text in a drawing."""
    content = base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,"))
    return " ".join(" ".join(ET.fromstring(content).itertext()).split())


def run_with(tmp_path, **size):
    """A run whose protocol has a size rule."""
    run = {"protocol": {"values": {"size": size}}}
    (tmp_path / "run.json").write_text(json.dumps(run, sort_keys=True), encoding="utf-8")
    return read_run(tmp_path)


def curve(*values, **changes) -> Curve:
    """A curve with a point every three months."""
    points = tuple(Point(x=3.0 * n, tick=str(3 * n), value=v) for n, v in enumerate(values))
    return Curve(
        **({"title": "PINP", "unit": "mm", "colour": "#123456", "points": points} | changes)
    )


@pytest.mark.parametrize(
    ("start_mm", "limit"),
    [(20.0, 15.0), (8.0, 6.0), (7.2, 5.2), (5.0, 3.0), (2.0, None), (None, None)],
)
def test_the_line_of_the_size_limb_obeys_both_clauses(tmp_path, start_mm, limit):
    """25 percent and 2 mm, whichever asks for more; no line where nothing could reach it."""
    run = run_with(tmp_path, metric="longest_diameter", reduction_percent=25.0, reduction_mm=2.0)
    found, said = size_limit(start_mm, run)
    assert found == (None if limit is None else pytest.approx(limit))
    assert ("mm or less" in said) == (limit is not None)


def test_another_size_metric_leaves_the_clause_in_mm_alone(tmp_path):
    """25 percent of a volume is no line among diameters; the words say which clause is drawn."""
    run = run_with(tmp_path, metric="volume", reduction_percent=25.0, reduction_mm=2.0)
    limit, said = size_limit(20.0, run)
    assert limit == 18.0
    assert "second clause" in said


def test_no_rule_in_the_run_draws_no_line(tmp_path):
    """A number of the protocol is never filled in from memory."""
    assert size_limit(20.0, read_run(tmp_path)) == (None, "")


def heading(visit: str, days: float | None, planned: float | None = None) -> VisitHeading:
    """A visit's heading."""
    return VisitHeading(
        visit=visit, label=visit, date="", days_from_inclusion=days, planned_day=planned
    )


def test_visits_stand_at_their_own_days():
    """Days become months."""
    visits = [heading("inclusion", 0), heading("month_3", 91), heading("month_12", 380)]
    assert [tick for _, tick in time_points(visits)] == ["0", "3", "12"]
    assert time_points(visits)[2][0] == pytest.approx(12.48, abs=0.01)


def test_a_missed_visit_stands_at_its_planned_day():
    """So that the others keep their places."""
    visits = [heading("inclusion", 0), heading("month_3", None, 91), heading("month_12", 365)]
    assert [round(x, 1) for x, _ in time_points(visits)] == [0.0, 3.0, 12.0]


def test_unknown_days_give_one_step_each():
    """Without any day the order is all there is."""
    visits = [heading("inclusion", 0), heading("late", None), heading("later", 900)]
    assert time_points(visits) == [(0.0, "inclusion"), (1.0, "late"), (2.0, "later")]


def test_a_curve_shows_values_limit_and_range():
    """Numbers at the points, words at the lines."""
    drawn = curve(18.2, None, 13.7, limit=13.65, limit_words="limit here", band=(10.0, 20.0),
                  band_words="range here")  # fmt: skip
    said = words(curves_figure([drawn]))
    for word in ("18.2", "13.7", "limit here", "range here", "PINP (mm)", "months since inclusion"):
        assert word in said


@pytest.mark.parametrize("values", [(18.0,), (None, None), (0.0, 0.0), (1e-9, 1e9)])
def test_odd_curves_can_be_drawn(values):
    """One point, nothing, zero, and far apart."""
    assert words(curves_figure([curve(*values)]))
    assert words(fold_change_figure([curve(*values)]))


def test_words_are_no_formulas():
    """Dollars, and letters that the font lacks, are drawn as text."""
    for title in ("$x^2$", "\\frac{1}{2}", "骨マーカー", "a<b>&c"):
        assert title in words(fold_change_figure([curve(1.0, 2.0, title=title)]))


def test_a_drawing_has_the_same_bytes_every_time():
    """No date, no random identifier."""
    assert curves_figure([curve(1.0, 2.0)]) == curves_figure([curve(1.0, 2.0)])


def test_a_curve_is_told_in_words():
    """Every value, and what the lines are."""
    said = describe(curve(18.0, None, limit_words="met at 13.50 mm or less"))
    assert said == "PINP in mm by month: 0: 18, 3: none. met at 13.50 mm or less."


def test_a_waterfall_falls_and_says_what_it_cut():
    """From growth to reduction; more than the axis shows is written out."""
    bars = [
        Bar(name="P1 L1", change_percent=-40.0, healed_by="size"),
        Bar(name="P1 L2", change_percent=250.0, healed_by=""),
        Bar(name="P2 L1", change_percent=0.0, healed_by="sclerosis"),
        Bar(name="P2 " + "L" * 60, change_percent=-100.0, healed_by="complete"),
    ]
    said = words(waterfall_figure(bars, 25.0))
    assert said.index("P1 L2") < said.index("P2 L1") < said.index("P1 L1")
    assert "+250" in said
    assert "…" in said
    for word in ("healed: size", "healed: sclerosis", "healed: complete", "not healed"):
        assert word in said


def test_many_bars_have_no_names():
    """Names that would run into each other are left out; the words beside the figure have them."""
    bars = [Bar(name=f"P{n} L1", change_percent=-n / 3, healed_by="") for n in range(200)]
    assert "P7 L1" not in words(waterfall_figure(bars, None))


def test_the_studys_other_figures_can_be_drawn():
    """Spider, proportions, markers, with and without planned visits."""
    trace = [(0.0, 0.0), (3.0, -12.0), (12.0, 300.0)]
    assert "months" in words(spider_figure([(trace, "")], 25.0, [0.0, 3.0, 12.0]))
    assert "months" in words(spider_figure([(trace, "size")], None, []))
    share = Proportion(
        name="lesions, month 3", percent=42.2, lower_percent=29.9, upper_percent=55.2
    )
    assert "lesions, month 3" in words(proportion_figure([share]))
    assert "PINP/CTX" in words(marker_figure({"PINP/CTX": [[(0.0, 1.0), (3.0, 40.0)]]}, [0.0, 3.0]))
