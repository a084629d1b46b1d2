"""One cell of the verdict table from one row, clause by clause."""

from __future__ import annotations

import pytest

from lesionscore.reports.tables import Row
from lesionscore.reports.verdicts import size_words, verdict


def cell(**cells):
    """A verdict of a row at month 3."""
    return verdict(Row({"visit": "month_3", "ct_status": "evaluable", **cells}))


@pytest.mark.parametrize(
    ("cells", "kind", "word"),
    [
        pytest.param({"healed": "met"}, "healed", "Healed", id="healed"),
        pytest.param({"healed": "not_met"}, "not_healed", "Not healed", id="not-healed"),
        pytest.param({"healed": "not_evaluable"}, "not_evaluable", "Not evaluable", id="open"),
        pytest.param({"healed": ""}, "not_evaluable", "Not evaluable", id="silent"),
        pytest.param({"healed": None}, "not_evaluable", "Not evaluable", id="null"),
        pytest.param({"healed": "a word of later"}, "not_evaluable", "Not evaluable", id="unknown"),
        pytest.param({"ct_status": "missing"}, "missing", "No CT", id="no-ct"),
        pytest.param({"visit": "inclusion"}, "reference", "Reference", id="inclusion"),
        pytest.param(
            {"visit": "inclusion", "ct_status": "not_evaluable"},
            "not_evaluable",
            "Not evaluable",
            id="inclusion-not-evaluable",
        ),
        pytest.param(
            {"visit": "inclusion", "ct_status": "missing"}, "missing", "No CT", id="no-inclusion"
        ),
    ],
)
def test_kind_and_word_follow_the_state(cells, kind, word):
    """Only the table's own words make a lesion healed or not healed."""
    found = cell(**cells)
    assert (found.kind, found.word) == (kind, word)


def test_no_row_is_no_data():
    """A visit that the table does not have is not the same as one without a CT."""
    assert verdict(None).word == "No data"


def test_limbs_that_are_met_are_named():
    """All of them, in the protocol's order."""
    found = cell(healed="met", complete_limb="met", sclerosis_limb="met", size_limb="not_met")
    assert found.details[0] == "by sclerosis, complete"


def test_a_limb_that_could_not_be_judged_is_named_beside_the_others():
    """A verdict by one limb does not hide that another is open."""
    found = cell(healed="met", size_limb="met", sclerosis_limb="not_evaluable", complete_limb="met")
    assert "not evaluable: sclerosis" in found.details


def test_all_limbs_open_are_not_listed():
    """The word says it already."""
    limbs = dict.fromkeys(("size_limb", "sclerosis_limb", "complete_limb"), "not_evaluable")
    assert cell(healed="not_evaluable", **limbs).details == ()


@pytest.mark.parametrize(
    ("written", "marks"),
    [("true", ("borderline",)), (True, ("borderline",)), ("false", ()), ("", ())],
)
def test_the_borderline_mark_follows_the_table(written, marks):
    """As Parquet and as CSV have it."""
    assert cell(healed="met", borderline=written).marks == marks


def test_reasons_of_what_is_not_evaluable_are_in_the_cell():
    """With their words where there are any."""
    found = cell(ct_status="not_evaluable", healed="not_evaluable", reason="metal;unheard_of")
    assert [doubt.code for doubt in found.doubts] == ["metal", "unheard_of"]
    assert found.doubts[0].text == "Metal lies beside the lesion."
    assert found.doubts[1].text == ""


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"longest_diameter_mm": 12.34, "presence": "present"}, "12.3 mm"),
        ({"presence": "absent"}, "no lesion left"),
        ({"presence": "too_small"}, "too small to measure"),
        ({}, "–"),
        ({"longest_diameter_mm": float("nan")}, "–"),
    ],
)
def test_size_in_words(cells, words):
    """A size that is not there is never a number."""
    assert size_words(Row(cells)) == words
