"""Tables read back: typed cells, empty is nothing, damage is named."""

from __future__ import annotations

import datetime
import math
from pathlib import Path

import pandas as pd
import pytest

from lesionscore.errors import OutputError
from lesionscore.reports.tables import Row, read_json, read_table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (" L1 ", "L1"),
        (3.0, "3"),
        (3.25, "3.25"),
        (True, "true"),
        (datetime.date(2020, 1, 6), "2020-01-06"),
        (datetime.datetime(2020, 1, 6), "2020-01-06"),
        ("a\nb\x00c", "a b c"),
    ],
)
def test_a_cell_as_text(value, text):
    """One line without what cannot be printed."""
    assert Row({"x": value}).text("x") == text


@pytest.mark.parametrize(
    ("value", "number"),
    [("12.5", 12.5), (7, 7.0), ("", None), (None, None), ("<0.03", None), (math.inf, None),
     ("nan", None), (True, None)],
)  # fmt: skip
def test_a_cell_as_number(value, number):
    """What is no finite number is none, never 0."""
    assert Row({"x": value}).number("x") == number


@pytest.mark.parametrize(
    ("value", "yes"),
    [(True, True), ("false", False), ("True", True), ("", None), (None, None), (1, None)],
)
def test_a_cell_as_yes_or_no(value, yes):
    """Only true and false say something."""
    assert Row({"x": value}).yes("x") is yes


def test_a_cell_as_codes():
    """Separated by semicolons, with or without spaces."""
    assert Row({"x": "metal;  not_covered; "}).codes("x") == ("metal", "not_covered")


def test_a_column_that_is_not_there_is_nothing():
    """Whatever it is asked as."""
    row = Row({})
    assert (row.text("x"), row.number("x"), row.yes("x"), row.codes("x")) == ("", None, None, ())
    assert not row.has("x")


def test_parquet_and_csv_read_alike(tmp_path: Path):
    """Types, empty cells and yes or no."""
    frame = pd.DataFrame(
        {
            "name": pd.array(["L1", None], dtype="string"),
            "days": pd.array([91, None], dtype="Int64"),
            "size": pd.array([1.5, None], dtype="Float64"),
            "sure": pd.array([True, None], dtype="boolean"),
        }
    )
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("name,days,size,sure\nL1,91,1.5,true\n,,,\n", encoding="utf-8")
    for one, other in zip(read_table(tmp_path, "a"), read_table(tmp_path, "b"), strict=True):
        assert one.text("name") == other.text("name")
        assert one.text("days") == other.text("days")
        assert one.number("size") == other.number("size")
        assert one.yes("sure") is other.yes("sure")


def test_a_table_that_is_not_there_has_no_rows(tmp_path: Path):
    """Markers alone, or a folder of an older version."""
    assert read_table(tmp_path, "lesions") == ()
    assert read_json(tmp_path / "study.json") == {}


@pytest.mark.parametrize(
    ("name", "content"), [("t.parquet", b"PAR1broken"), ("t.csv", b"a,b\n\xff\xfe,1\n")]
)
def test_a_damaged_table_is_named(tmp_path: Path, name: str, content: bytes):
    """The message says which file and what to do."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputError, match=rf"{name}: cannot be read .* run the evaluation again"):
        read_table(tmp_path, "t")


def test_damaged_json_is_named(tmp_path: Path):
    """Cut off in the middle."""
    (tmp_path / "run.json").write_text('{"a": ', encoding="utf-8")
    with pytest.raises(OutputError, match=r"run\.json: cannot be read"):
        read_json(tmp_path / "run.json")
