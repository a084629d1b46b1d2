"""The packaged protocol, and a study's overrides of it."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from lesionscore.errors import ProtocolError
from lesionscore.protocol import (
    BelowLimit,
    OutsideWindow,
    PatientSummary,
    SizeMetric,
    load_protocol,
)

PROJECT = Path(__file__).resolve().parents[2]


def write(folder: Path, text: str) -> Path:
    """Write a protocol.toml."""
    path = folder / "protocol.toml"
    path.write_text(text, encoding="utf-8")
    return path


def packaged_keys() -> list[str]:
    """Every dotted key of the packaged file."""

    def walk(table: dict[str, object], prefix: str) -> list[str]:
        keys = []
        for name, value in table.items():
            if isinstance(value, dict):
                keys += walk(value, f"{prefix}{name}.")
            else:
                keys.append(f"{prefix}{name}")
        return keys

    text = resources.files("lesionscore.protocol").joinpath("ninlaro.toml").read_text("utf-8")
    return walk(tomllib.loads(text), "")


def test_the_packaged_protocol_holds_the_registry_entry() -> None:
    """The values that the registry states are the ones in effect."""
    protocol = load_protocol()
    assert protocol.study.registry_id == "NCT04028115"
    assert protocol.visit_ids == ("inclusion", "month_3", "month_12", "month_24")
    assert (protocol.size.reduction_percent, protocol.size.reduction_mm) == (25.0, 2.0)
    assert protocol.size.metric is SizeMetric.LONGEST_DIAMETER
    assert protocol.uptake.uptake_min == (40.0, 50.0)
    assert protocol.markers.formation == ("bALP", "PINP", "OC")
    assert protocol.markers.degradation == ("CTX", "TRAP5b")
    assert len(protocol.markers.ratios) == 6


def test_the_repeatability_limits_are_those_of_the_ratio() -> None:
    """Lin 2016: limits of the ratio itself, with their source."""
    rule = load_protocol().uptake
    assert rule.repeatability_ratio == (0.76, 1.32)
    assert "27445292" in rule.repeatability_source


def test_measurable_needs_both_limits() -> None:
    """5 mm, or two slice spacings where these are more."""
    rule = load_protocol().measurable
    assert rule.limit_mm(1.0) == 5.0
    assert rule.limit_mm(2.5) == 5.0
    assert rule.limit_mm(3.0) == 6.0


def test_every_open_question_has_a_choice_and_a_reason() -> None:
    """What the registry leaves open is written down as such."""
    questions = load_protocol().open_questions
    topics = {question.topic for question in questions}
    assert topics >= {
        "size",
        "visit_windows",
        "marker_baseline",
        "uptake_start",
        "ratio_pairs",
        "patient_summary",
    }
    assert all(question.question and question.choice and question.why for question in questions)


def test_overrides_replace_single_keys(tmp_path: Path) -> None:
    """What is not named stays as it was."""
    path = write(
        tmp_path,
        '[size]\nmetric = "volume"\n[uptake]\noutside_window = "flag"\n'
        '[markers]\nbelow_limit = "half_limit"\n[markers.analytes.CTX]\nlsc_percent = 27\n'
        '[analysis]\npatient_summary = "majority"\n',
    )
    protocol, packaged = load_protocol(path), load_protocol()
    assert protocol.size.metric is SizeMetric.VOLUME
    assert protocol.size.reduction_mm == packaged.size.reduction_mm
    assert protocol.uptake.outside_window is OutsideWindow.FLAG
    assert protocol.markers.below_limit is BelowLimit.HALF_LIMIT
    assert protocol.markers.analyte("CTX").lsc_percent == 27.0
    assert protocol.markers.analyte("CTX").name == packaged.markers.analyte("CTX").name
    assert protocol.analysis.patient_summary is PatientSummary.MAJORITY
    assert protocol.edge == packaged.edge


def test_a_visit_can_be_added(tmp_path: Path) -> None:
    """A study with one more visit gets it in the order of days."""
    path = write(
        tmp_path,
        '[visits.month_18]\nlabel = "18 months"\nday = 548\nfirst_day = 500\nlast_day = 600\n',
    )
    assert load_protocol(path).visit_ids == (
        "inclusion",
        "month_3",
        "month_12",
        "month_18",
        "month_24",
    )


def test_the_hash_follows_the_values_and_nothing_else(tmp_path: Path) -> None:
    """Rewriting a value leaves it, 25 is 25.0, another value changes it."""
    packaged = load_protocol().hash
    same = load_protocol(write(tmp_path, "# a remark\n[size]\nreduction_percent = 25\n")).hash
    other = load_protocol(write(tmp_path, "[size]\nreduction_percent = 30\n")).hash
    words = load_protocol(write(tmp_path, '[open.size]\nwhy = "otherwise"\n')).hash
    assert re.fullmatch("[0-9a-f]{64}", packaged)
    assert packaged == same == words
    assert other != packaged


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[size]\nmetrik = 1\n", r"line 2, key size\.metrik: unknown key; did you mean metric"),
        ("[sise]\n", r"line 1, key sise: unknown key; did you mean size"),
        ("[size]\nmetric = 'diameter'\n", 'found "diameter".*longest_diameter, axial_diameter'),
        ("[size]\nreduction_percent = '25'\n", 'found "25"; accepted is a number'),
        ("[size]\nreduction_percent = true\n", "accepted is a number"),
        ("[size]\nreduction_percent = nan\n", "accepted is a finite number"),
        (
            "[size]\nreduction_percent = 0\n",
            r"key size\.reduction_percent: found 0; accepted is above 0",
        ),
        ("size = 3\n", "a section with the keys metric"),
        ("[visits.month_3]\nday = 91.5\n", "accepted is a whole number"),
        ("[visits.month3]\nday = 90\n", r"missing in a new entry; did you mean visits\.month_3"),
        ("[visits.month_3]\nlast_day = 400\n", r"visits\.month_12\.first_day.*after"),
        ("[visits.inclusion]\nday = 5\n", r"visits\.inclusion\.day"),
        ("[uptake]\nuptake_min = [40]\n", "accepted is a list of 2"),
        ("[uptake]\nuptake_min = 40\n", r"accepted is a list in \[ \]"),
        ("[uptake]\nuptake_min = [50, 40]\n", "two minutes in order"),
        ("[uptake]\nrepeatability_ratio = [1.1, 1.3]\n", "two ratios around 1"),
        ("[markers]\nformation = ['CTX']\n", r"key markers\.formation.*role formation"),
        ("[markers]\nformation = []\n", r"key markers\.formation"),
        ("[markers.analytes.OC]\nunits = ['ug/L', 'ng/mL']\n", "one unit for each dimension"),
        ("[markers.analytes.OC]\nunits = ['ug']\n", "units such as"),
        ("[markers.analytes.OC]\nlsc_source = ''\n", "where the least significant change"),
        ("[analysis]\nprimary_last_visit = 'month_99'\n", "one of month_3, month_12, month_24"),
        ("[analysis]\nsensitivity = ['size', 'worst_case']\n", "did you mean size_metric"),
        ("[alignment]\ndoubtful_mm = 3\n", r"not above alignment\.failed_mm"),
        ("[study]\nname = 5\n", "accepted is text in quotes"),
        ("[size\n", "not TOML"),
    ],
)
def test_a_fault_names_file_line_key_and_what_is_accepted(
    tmp_path: Path, text: str, told: str
) -> None:
    """Every kind of wrong override is refused with what would be right."""
    with pytest.raises(ProtocolError, match=told) as caught:
        load_protocol(write(tmp_path, text))
    assert str(caught.value).startswith("protocol.toml")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """Three wrong keys give three lines."""
    path = write(tmp_path, "[size]\nmetrik = 1\nreduction_mm = 'x'\n[edge]\nincrease_hu = -1\n")
    with pytest.raises(ProtocolError) as caught:
        load_protocol(path)
    assert len(str(caught.value).splitlines()) == 3


def test_an_override_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    path = tmp_path / "protocol.toml"
    path.write_bytes(b"\xef\xbb\xbf[size]\nreduction_mm = 3\n")
    assert load_protocol(path).size.reduction_mm == 3.0


def test_an_override_file_in_another_encoding_names_its_line(tmp_path: Path) -> None:
    """Latin-1 is refused where it differs from UTF-8."""
    path = tmp_path / "protocol.toml"
    path.write_bytes(b"[study]\nname = 'Sj\xe6lland'\n")
    with pytest.raises(ProtocolError, match="line 2: not UTF-8"):
        load_protocol(path)


def test_a_missing_override_file_is_told(tmp_path: Path) -> None:
    """A path that leads nowhere is an error, not the packaged protocol."""
    with pytest.raises(ProtocolError, match="cannot be read"):
        load_protocol(tmp_path / "nothing.toml")


def test_every_key_is_documented() -> None:
    """docs/protocol.md names every key of the packaged file; analytes and visits by one row."""
    page = (PROJECT / "docs" / "protocol.md").read_text("utf-8")
    missing = []
    for key in packaged_keys():
        section, _, name = key.rpartition(".")
        for entries, shown in (
            ("visits.", "visits.VISIT"),
            ("markers.analytes.", "markers.analytes.MARKER"),
        ):
            section = shown if section.startswith(entries) else section
        if not key.startswith("open.") and f"| `{section}.{name}` |" not in page:
            missing.append(key)
    assert not missing


def test_the_documented_values_are_the_packaged_ones() -> None:
    """The second cell of a row says what the file says."""
    page = (PROJECT / "docs" / "protocol.md").read_text("utf-8")
    text = resources.files("lesionscore.protocol").joinpath("ninlaro.toml").read_text("utf-8")
    told = dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| ([^|]*) \|", page, re.MULTILINE))
    compared = 0
    for section, table in tomllib.loads(text).items():
        for name, value in table.items():
            if isinstance(value, dict):
                continue
            listed = value if isinstance(value, list) else [value]
            shown = [f"{one:.12g}" if isinstance(one, int | float) else one for one in listed]
            cell = told[f"{section}.{name}"].replace("`", "").replace("(empty)", "")
            if name != "repeatability_source":
                assert cell == ", ".join(shown)
                compared += 1
    assert compared > 45


def test_every_open_question_is_documented() -> None:
    """docs/protocol.md lists the topics."""
    page = (PROJECT / "docs" / "protocol.md").read_text("utf-8")
    assert all(f"`open.{question.topic}`" in page for question in load_protocol().open_questions)
