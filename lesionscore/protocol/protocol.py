"""The study definition as one frozen value, read from ``ninlaro.toml`` and a study's overrides.

Nothing here decides anything: the rules are applied where they are needed.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from lesionscore.errors import ProtocolError
from lesionscore.protocol.analysis_rules import AnalysisRules, ReadRules, StudyIdentity
from lesionscore.protocol.build import MISSING, build, key_lines, merge
from lesionscore.protocol.checks import require
from lesionscore.protocol.marker_rules import Analyte, MarkerRules
from lesionscore.protocol.rules import (
    AlignmentRule,
    CompleteRule,
    EdgeRule,
    GrowthRule,
    MeasurableRule,
    SizeRule,
    UptakeRule,
)
from lesionscore.protocol.visits import INCLUSION, VisitWindow

PACKAGED = "ninlaro.toml"
"""The packaged study definition."""

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """What the study's text leaves open, the choice made, and why."""

    topic: str
    question: str
    choice: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Everything that the study prescribes, as data.

    Parameters
    ----------
    study : StudyIdentity
        Which study.
    visits : tuple of VisitWindow
        In the order of their days; the first that counts as reference is ``inclusion``.
    size, edge, complete, measurable, growth : rules
        Healing of one lesion, when a lesion is measurable, when it grows.
    alignment : AlignmentRule
        When an alignment is too uncertain.
    uptake : UptakeRule
        NaF PET.
    markers : MarkerRules
        Bone markers.
    reads : ReadRules
        A reader's values in place of images.
    analysis : AnalysisRules
        Summaries and statistics.
    open_questions : tuple of OpenQuestion
        What the study's text leaves open; not part of the hash.
    """

    study: StudyIdentity
    visits: tuple[VisitWindow, ...]
    size: SizeRule
    edge: EdgeRule
    complete: CompleteRule
    measurable: MeasurableRule
    growth: GrowthRule
    alignment: AlignmentRule
    uptake: UptakeRule
    markers: MarkerRules
    reads: ReadRules
    analysis: AnalysisRules
    open_questions: tuple[OpenQuestion, ...]

    def __post_init__(self) -> None:
        days = [window.day for window in self.visits]
        require(days == sorted(days), "visits", "visits in the order of their days")
        for window in self.visits:
            safe = re.fullmatch(r"[a-z][a-z0-9_]{0,31}", window.visit)
            require(safe is not None, f"visits.{window.visit}", "a name of a-z, 0-9 and _")
        inclusion = [window for window in self.visits if window.visit == INCLUSION]
        require(len(inclusion) == 1 and inclusion[0].day == 0, "visits.inclusion.day", "0")
        require(self.visits[0].visit == INCLUSION, "visits", "no visit before inclusion")
        for earlier, later in zip(self.visits, self.visits[1:], strict=False):
            require(
                earlier.last_day < later.first_day,
                f"visits.{later.visit}.first_day",
                f"after visits.{earlier.visit}.last_day ({earlier.last_day})",
            )
        require(
            self.analysis.primary_last_visit in self.follow_up,
            "analysis.primary_last_visit",
            f"one of {', '.join(self.follow_up)}",
        )

    @property
    def visit_ids(self) -> tuple[str, ...]:
        """All visits, in order."""
        return tuple(window.visit for window in self.visits)

    @property
    def follow_up(self) -> tuple[str, ...]:
        """The visits after inclusion, in order."""
        return tuple(visit for visit in self.visit_ids if visit != INCLUSION)

    def window(self, visit: str) -> VisitWindow:
        """Find the window of a visit.

        Raises
        ------
        KeyError
            If the protocol has no such visit.
        """
        for window in self.visits:
            if window.visit == visit:
                return window
        raise KeyError(visit)

    def values(self) -> dict[str, Any]:
        """Every value in effect, ready for JSON; without the open questions' words."""
        plain = dataclasses.asdict(self)
        del plain["open_questions"]
        loaded: dict[str, Any] = json.loads(json.dumps(plain))
        return loaded

    @property
    def hash(self) -> str:
        """SHA-256, in hex, of the canonical JSON of every value in effect."""
        text = json.dumps(self.values(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def load_protocol(overrides: Path | None = None) -> Protocol:
    """Read the packaged Ninlaro protocol, with a study's overrides laid over it.

    Parameters
    ----------
    overrides : Path, optional
        A TOML file whose keys replace those of ``ninlaro.toml`` one by one.

    Returns
    -------
    Protocol
        Complete and checked.

    Raises
    ------
    ProtocolError
        If the file cannot be read, or holds unknown keys or values outside their domain; the
        message lists every fault with file, line and key.

    Examples
    --------
    >>> load_protocol().size.reduction_percent
    25.0
    """
    base = _parse(resources.files("lesionscore.protocol").joinpath(PACKAGED).read_bytes(), PACKAGED)
    name, lines, merged = PACKAGED, dict[str, int](), base
    faults: dict[str, str] = {}
    if overrides is not None:
        try:
            content = overrides.read_bytes()
        except OSError as exc:
            raise ProtocolError(f"{overrides}: cannot be read ({exc.strerror})") from exc
        name = overrides.name
        lines = key_lines(content.decode("utf-8-sig", errors="replace"))
        merged = merge(base, _parse(content, name), faults)
    protocol = _assemble(merged, faults)
    if faults or protocol is None:
        # a key may hold anything that quotes allow; a terminal gets it escaped
        told = [
            f"{name}{_line(lines, key)}, key {key.encode('unicode_escape').decode()}: {fault}"
            for key, fault in faults.items()
        ]
        raise ProtocolError("\n".join(told))
    return protocol


def _line(lines: dict[str, int], key: str) -> str:
    """Say the line of a key, or of the section that should hold it."""
    while key:
        if key in lines:
            return f", line {lines[key]}"
        key = key.rpartition(".")[0]
    return ""


def _parse(content: bytes, name: str) -> dict[str, Any]:
    """Read TOML, or say what is wrong with it."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        row = content[: exc.start].count(b"\n") + 1
        raise ProtocolError(
            f"{name}, line {row}: not UTF-8 (byte 0x{content[exc.start]:02x}); save it as UTF-8"
        ) from exc
    except tomllib.TOMLDecodeError as exc:
        line = re.search(r"at (line \d+)", str(exc))
        place = f", {line[1]}" if line else ""
        raise ProtocolError(f"{name}{place}: not TOML: {exc}") from exc


def _assemble(tables: dict[str, Any], faults: dict[str, str]) -> Protocol | None:
    """Make the protocol from its tables, or fill `faults`."""
    visits = _entries(VisitWindow, tables["visits"], "visits", faults)
    markers = dict(tables["markers"])
    analytes = _entries(Analyte, markers.pop("analytes"), "markers.analytes", faults)
    questions = _entries(OpenQuestion, tables["open"], "open", faults)
    sections: dict[str, Any] = {
        name: build(cls, tables[name], name, faults)
        for name, cls in (
            ("study", StudyIdentity),
            ("size", SizeRule),
            ("edge", EdgeRule),
            ("complete", CompleteRule),
            ("growth", GrowthRule),
            ("measurable", MeasurableRule),
            ("alignment", AlignmentRule),
            ("uptake", UptakeRule),
            ("reads", ReadRules),
            ("analysis", AnalysisRules),
        )
    }
    rules = None
    if not any(key.startswith("markers.analytes") for key in faults):
        rules = build(MarkerRules, markers, "markers", faults, {"analytes": analytes})
    if faults or rules is None:
        return None
    try:
        return Protocol(
            visits=tuple(sorted(visits, key=lambda window: window.day)),
            markers=rules,
            open_questions=questions,
            **sections,
        )
    except ProtocolError as exc:
        key, _, accepted = str(exc).partition(": ")
        found = _found(tables, key)
        faults[key] = accepted if found is None else f"found {found}; {accepted}"
        return None


def _found(tables: dict[str, Any], key: str) -> str | None:
    """Say the value at a dotted key as the file writes it, None where a section stands there."""
    value: Any = tables
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return (
        None if value is None or isinstance(value, dict) else json.dumps(value, ensure_ascii=False)
    )


def _entries(
    cls: type[Record], tables: dict[str, Any], key: str, faults: dict[str, str]
) -> tuple[Record, ...]:
    """Make one record for each entry of an open table."""
    made = []
    for name, table in tables.items():
        found: dict[str, str] = {}
        made.append(build(cls, table, f"{key}.{name}", found))
        others = [other for other in tables if other != name]
        close = difflib.get_close_matches(name, others, n=1, cutoff=0.7)
        hint = f" in a new entry; did you mean {key}.{close[0]}?" if close else " in a new entry"
        for where, fault in found.items():
            faults[where] = fault + hint if fault == MISSING else fault
    return tuple(record for record in made if record is not None)
