"""Commands on tables: what they print, what they write, and how they end."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from lesionscore import __version__
from lesionscore.cli.app import app
from tests.reads_study import TABLES, write_reads_study

COMMANDS = (
    "demo",
    "phantom",
    "index",
    "inspect",
    "suv",
    "check",
    "evaluate",
    "markers",
    "report",
    "validate",
)


def run(*words: str | Path) -> Result:
    """Run the command line as a user would."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study folder without images and without a fault."""
    return write_reads_study(tmp_path / "study")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder."""
    folder = tmp_path_factory.mktemp("cli")
    result = run("evaluate", write_reads_study(folder / "study"), "-o", folder / "out")
    assert result.exit_code == 0, result.output
    return folder / "out"


def test_the_version_is_told() -> None:
    """The number that run.json holds."""
    result = run("--version")
    assert (result.exit_code, result.stdout.strip()) == (0, f"lesionscore {__version__}")


def test_help_names_every_command() -> None:
    """Each with a line on what it does; each has a page of its own."""
    result = run("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b\s+\S", result.stdout), command
        page = run(command, "--help")
        assert page.exit_code == 0
        assert "Usage:" in page.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("evalute",),
        ("check",),
        ("check", "nowhere"),
        ("evaluate", "nowhere", "-o", "out"),
        ("evaluate", "nowhere"),
        ("evaluate", "nowhere", "-o", "out", "--jobs", "0"),
        ("markers", "nowhere.csv", "-o", "out"),
        ("report", "nowhere"),
        ("suv", "nowhere"),
        ("inspect", "nowhere"),
        ("index", "nowhere", "-o", "out"),
        ("phantom", "out", "--preset", "huge"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_2_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """With a message on standard error, and no trace of the program's inside."""
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.strip()
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_check_counts_what_it_read(study: Path) -> None:
    """No fault: exit code 0; doubts are told and do not stop."""
    result = run("check", study)
    assert result.exit_code == 0
    assert "2 patients, 7 visits, 5 lesions, 4 marker values; no fault found" in result.stdout
    assert "visit_out_of_window: patient P02, month_12" in result.stdout


def test_check_tells_all_faults_and_ends_with_2(study: Path) -> None:
    """Every table's, by file, row and column."""
    for table, old, new in (
        ("visits", "2020-04-06", "06/04/2020"),
        ("reads", "7.2", '"7,2"'),
        ("markers", "PINP,40,ug/L", "PINP,40,U/L"),
        ("lesions", "P01,L3", "P01,L2"),
    ):
        path = study / f"{table}.csv"
        path.write_text(TABLES[table].replace(old, new, 1))
    (study / "protocol.toml").write_text("[size]\nmetrik = 'area'\n")
    result = run("check", study)
    assert result.exit_code == 2
    for place in (
        "visits.csv, row 3, column date",
        "reads.csv, row 4, column longest_diameter_mm",
        "markers.csv, row 2, column unit",
        "lesions.csv, row 4, column lesion_id",
        "protocol.toml, row 2, column size.metrik",
        "did you mean metric?",
    ):
        assert place in result.stderr
    assert not result.stdout


def test_check_asks_for_paths_that_lead_somewhere(study: Path) -> None:
    """Without reading a pixel: an empty folder will do."""
    text = TABLES["visits"].replace("2020-04-06,,", "2020-04-06,ct/P01,", 1)
    (study / "visits.csv").write_text(text)
    result = run("check", study)
    assert result.exit_code == 2
    assert "visits.csv, row 3, column ct" in result.stderr
    (study / "ct" / "P01").mkdir(parents=True)
    assert run("check", study).exit_code == 0


def test_markers_are_evaluated_alone(study: Path, tmp_path: Path) -> None:
    """Five markers, six ratios and the composite for each patient and visit of the table."""
    out = tmp_path / "out"
    result = run("markers", study / "markers.csv", "-o", out)
    assert result.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["markers.csv", "markers.parquet"]
    frame = pd.read_csv(out / "markers.csv").set_index(["visit", "marker"])
    assert len(frame) == 4 * 12
    assert frame.loc[("month_3", "PINP"), "change_percent"] == 37.5
    assert frame.loc[("month_3", "CTX"), "reason"] == "below_limit"
    assert frame.loc[("month_3", "PINP"), "confounders"] == "assay=iSYS;egfr=70"


def test_markers_take_a_protocol(study: Path, tmp_path: Path) -> None:
    """A policy for values below the limit, and the hash of the rules in the table."""
    (tmp_path / "own.toml").write_text('[markers]\nbelow_limit = "half_limit"\n')
    plain, own = tmp_path / "plain", tmp_path / "own"
    assert run("markers", study / "markers.csv", "-o", plain).exit_code == 0
    table, rules = study / "markers.csv", tmp_path / "own.toml"
    assert run("markers", table, "-o", own, "--protocol", rules).exit_code == 0
    before, after = pd.read_csv(plain / "markers.csv"), pd.read_csv(own / "markers.csv")
    assert set(before["protocol_hash"]) != set(after["protocol_hash"])
    row = after.set_index(["visit", "marker"]).loc[("month_3", "CTX")]
    assert (row["value"], row["flags"]) == (15.0, "below_limit_substituted")


def test_a_wrong_table_of_markers_is_refused_and_nothing_written(
    study: Path, tmp_path: Path
) -> None:
    """File, row and column; exit code 2."""
    (study / "markers.csv").write_text(TABLES["markers"].replace("PINP,55", "PINP,fifty"))
    result = run("markers", study / "markers.csv", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "markers.csv, row 3, column value" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_pages_are_made_again_from_the_tables(evaluated: Path) -> None:
    """The same bytes as the evaluation wrote, all of them or one patient's."""
    pages = [*evaluated.glob("patients/*/report.html"), evaluated / "report.html"]
    before = {page: page.read_bytes() for page in pages}
    for page in pages:
        page.unlink()
    result = run("report", evaluated, "--patient", "P02")
    assert result.exit_code == 0
    assert [page for page in pages if page.exists()] == [
        evaluated / "patients" / "P02" / "report.html"
    ]
    result = run("report", evaluated)
    assert result.exit_code == 0
    assert {page: page.read_bytes() for page in pages} == before
    assert str(evaluated / "report.html") in result.stdout


def test_a_page_of_a_patient_who_is_not_there_is_refused(evaluated: Path) -> None:
    """The message says who is."""
    result = run("report", evaluated, "--patient", "P09")
    assert result.exit_code == 2
    assert "P01, P02" in result.stderr


@pytest.mark.parametrize("patient", ["P09", "../P01", ""])
def test_evaluating_a_patient_of_no_table_is_refused(
    study: Path, tmp_path: Path, patient: str
) -> None:
    """Also one that would climb out of the folder."""
    result = run("evaluate", study, "-o", tmp_path / "out", "--patient", patient)
    assert result.exit_code == 2
    assert "P01, P02" in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file_is_refused(study: Path, tmp_path: Path) -> None:
    """It is left as it was."""
    (tmp_path / "out").write_text("mine")
    result = run("evaluate", study, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert (tmp_path / "out").read_text() == "mine"


def test_results_of_two_protocols_are_not_mixed(evaluated: Path) -> None:
    """One patient again under other rules would leave a table of two rules."""
    study = evaluated.parent / "study"
    (study / "protocol.toml").write_text("[size]\nreduction_mm = 3\n")
    try:
        result = run("evaluate", study, "-o", evaluated, "--patient", "P01")
    finally:
        (study / "protocol.toml").unlink()
    assert result.exit_code == 2
    assert "another protocol" in result.stderr


def test_a_scan_that_is_not_there_ends_with_1_and_the_rest_is_written(
    study: Path, tmp_path: Path
) -> None:
    """The visit is named; the other patient's numbers are there."""
    text = TABLES["visits"].replace("2020-05-04,,", "2020-05-04,gone,", 1)
    (study / "visits.csv").write_text(text)
    result = run("evaluate", study, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "visits.csv, row 7, column ct" in result.stderr
    assert len(pd.read_csv(tmp_path / "out" / "patients.csv")) == 2
