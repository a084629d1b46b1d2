"""What ``run.json`` says of a run: versions, protocol, hashes. Every part of it may be missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscore.reports.formats import words
from lesionscore.reports.tables import read_json

Pair = tuple[str, str]

PAGES = "report"  # the stage that draws the pages
NAME_KEYS = ("visit", "marker", "topic", "id", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """What the protocol leaves open, the choice made, and why."""

    question: str
    choice: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFinding:
    """A doubt about the study's tables: code and sentence."""

    code: str
    message: str

    def is_about(self, patient_id: str) -> bool:
        """Whether it names this patient, or no patient at all."""
        if "patient " not in self.message:
            return True
        return re.search(rf"patient {re.escape(patient_id)}(?!\w)", self.message) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One run of lesionscore, as far as the pages speak of it.

    Parameters
    ----------
    version, python_version, created : str
        Of lesionscore, of Python, and when; empty where unknown.
    protocol_name, protocol_hash : str
        Which study definition was in effect.
    protocol : Mapping
        Its values, nested; ask with `value` and `numbers`.
    open_questions : tuple of OpenQuestion
        What the protocol leaves open.
    protocol_values, versions, hashes, seconds : tuple of pairs
        Name and value, ready to print.
    patients : Mapping of str to tuple of str
        Status and reason of each patient.
    findings : tuple of TableFinding
        Doubts about the study's tables.
    """

    version: str
    python_version: str
    created: str
    protocol_name: str
    protocol_hash: str
    protocol: Mapping[str, Any]
    open_questions: tuple[OpenQuestion, ...]
    protocol_values: tuple[Pair, ...]
    versions: tuple[Pair, ...]
    hashes: tuple[Pair, ...]
    seconds: tuple[Pair, ...]
    patients: Mapping[str, tuple[str, str]]
    findings: tuple[TableFinding, ...]

    def value(self, *keys: str) -> Any:
        """Protocol value by its path, or None."""
        found: Any = self.protocol
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def number(self, *keys: str) -> float | None:
        """Protocol value that is a number, or None."""
        found = self.value(*keys)
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return float(found) if is_number else None

    def limits(self, *keys: str) -> tuple[float, float] | None:
        """Protocol value that is a pair of numbers, or None."""
        found = self.value(*keys)
        if not isinstance(found, list | tuple) or len(found) != 2:
            return None
        if not all(isinstance(limit, int | float) for limit in found):
            return None
        return float(found[0]), float(found[1])

    def entries(self, *keys: str) -> tuple[Mapping[str, Any], ...]:
        """Entries of a protocol table of tables, each with its ``id``."""
        found = self.value(*keys)
        if isinstance(found, Mapping):
            return tuple(
                {"id": key, **entry} for key, entry in found.items() if isinstance(entry, Mapping)
            )
        if isinstance(found, list):
            return tuple(
                {"id": _name(entry), **entry} for entry in found if isinstance(entry, Mapping)
            )
        return ()


def read_run(out: Path) -> RunInfo:
    """Read ``run.json``.

    Parameters
    ----------
    out : Path
        The output folder.

    Returns
    -------
    RunInfo
        What the file says; empty where it is silent or absent.

    Raises
    ------
    OutputError
        If the file is there and is not a JSON object.
    """
    run = read_json(out / "run.json")
    protocol = _mapping(run.get("protocol"))
    values = _mapping(protocol.get("values"))
    questions = protocol.get("open_questions")
    return RunInfo(
        version=_text(run.get("lesionscore_version")),
        python_version=_text(run.get("python_version")),
        created=_text(run.get("created")),
        protocol_name=_text(protocol.get("name")),
        protocol_hash=_text(protocol.get("hash")),
        protocol=values,
        open_questions=tuple(_questions(questions)),
        protocol_values=tuple(_flat(values)),
        versions=tuple(_flat(_mapping(run.get("versions")))),
        hashes=tuple(_flat(_mapping(run.get("study_tables")))),
        seconds=tuple(_seconds(_mapping(run.get("seconds_per_stage")))),
        patients={
            _text(entry.get("patient_id")): (_text(entry.get("status")), _text(entry.get("reason")))
            for entry in run.get("patients") or ()
            if isinstance(entry, Mapping)
        },
        findings=tuple(
            TableFinding(code=_text(entry.get("code")), message=_text(entry.get("message")))
            for entry in run.get("findings") or ()
            if isinstance(entry, Mapping)
        ),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    """Value if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    """Value in words; a list is joined by commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _name(entry: Mapping[str, Any]) -> str:
    """Name of an entry of a list, which the JSON keeps under one of a few keys."""
    return next((_text(entry[key]) for key in NAME_KEYS if key in entry), "")


def _questions(found: Any) -> Iterator[OpenQuestion]:
    """Open questions from a list of objects, or from an object of objects."""
    entries = found.values() if isinstance(found, Mapping) else found or ()
    for entry in entries:
        fields = _mapping(entry)
        question = _text(fields.get("question")) or words(_text(fields.get("topic")))
        if question:
            yield OpenQuestion(
                question=question,
                choice=_text(fields.get("choice")),
                why=_text(fields.get("why")),
            )


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[Pair]:
    """Every value of a nested object under its dotted name."""
    for key, value in values.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, entry in enumerate(value):
                label = _name(_mapping(entry)) or str(number)
                yield from _flat(_mapping(entry), f"{name}.{label}")
        else:
            yield name, _text(value)


def _seconds(stages: Mapping[str, Any]) -> Iterator[Pair]:
    """Seconds per stage, but for the pages': a page cannot know how long it will take."""
    for name, value in _flat(stages):
        if name != PAGES:
            yield words(name), value
