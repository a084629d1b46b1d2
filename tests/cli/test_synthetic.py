"""Commands that make synthetic patients: what they hand on, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import phantoms.scenario
import phantoms.study
from lesionscore.cli.app import app


def run(*words: str | Path) -> Result:
    """Run the command line as a user would."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_random_patients_are_written_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Number, seed and preset reach the writer."""
    asked: dict[str, Any] = {}
    monkeypatch.setattr(phantoms.study, "write_study", lambda _folder, **kind: asked.update(kind))
    result = run("phantom", tmp_path / "p", "--patients", "3", "--seed", "5", "--preset", "full")
    assert result.exit_code == 0
    assert (asked["patients"], asked["seed"], asked["preset"]) == (3, 5, "full")
    assert f"truth: {tmp_path / 'p' / 'truth'}" in result.stdout.replace("\n", "")


def test_a_scenario_is_written_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of those that come with the package."""
    asked: list[Any] = []
    monkeypatch.setattr(
        phantoms.scenario, "write_scenario", lambda folder, name, **_: asked.append((folder, name))
    )
    assert run("phantom", tmp_path, "--scenario", "thresholds").exit_code == 0
    assert asked == [(tmp_path, "thresholds")]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scenario", "thresholdz"), "thresholds"),
        (("--scenario", "nowhere.toml"), "nowhere.toml"),
        (("--scenario", "thresholds", "--seed", "3"), "--seed is set by the scenario"),
        (("--patients", "0"), "patients"),
        (("--seed", "-1"), "seed"),
    ],
    ids=["name", "file", "seed", "no-patients", "negative-seed"],
)
def test_what_cannot_be_made_is_refused(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    """Exit code 2, what would be accepted, and nothing written."""
    result = run("phantom", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["phantom", "demo"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, command: str) -> None:
    """What is there stays as it was."""
    study = tmp_path / "study" if command == "demo" else tmp_path
    study.mkdir(exist_ok=True)
    (study / "mine.txt").write_text("mine")
    words = (tmp_path,) if command == "phantom" else ("-o", tmp_path)
    result = run(command, *words)
    assert result.exit_code == 2
    assert "something else than a phantom" in result.stderr
    assert [path.name for path in study.iterdir()] == ["mine.txt"]
