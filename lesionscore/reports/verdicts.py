"""The verdict table: one cell for each lesion at each visit, in a colour and in words."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscore.reports.formats import NOTHING, fixed, percent, signed
from lesionscore.reports.tables import Row
from lesionscore.reports.visits_view import INCLUSION
from lesionscore.reports.words import LIMB_WORDS, Doubt, explained

LIMBS = tuple(LIMB_WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the page says of one lesion at one visit.

    Parameters
    ----------
    kind : str
        ``reference``, ``healed``, ``not_healed``, ``not_evaluable`` or ``missing``: the colour.
    word : str
        The same in words.
    details : tuple of str
        Limbs, change and probability, one line each.
    marks : tuple of str
        ``borderline`` and the like: what a reader must not miss.
    doubts : tuple of Doubt
        Why it is not evaluable.
    """

    kind: str
    word: str
    details: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()


def verdict(row: Row | None) -> Verdict:
    """Put one row of ``lesions`` into words.

    Parameters
    ----------
    row : Row or None
        None where the table has no such row.

    Returns
    -------
    Verdict
        The cell.
    """
    if row is None:
        return Verdict(kind="missing", word="No data")
    doubts = explained(row.codes("reason"))
    status = row.text("ct_status")
    if row.text("visit") == INCLUSION and status == "evaluable":
        return Verdict(kind="reference", word="Reference", details=_size(row), marks=_marks(row))
    healed = row.text("healed")
    if healed == "met":
        limbs = [LIMB_WORDS[limb] for limb in LIMBS if row.text(f"{limb}_limb") == "met"]
        by = f"by {', '.join(limbs)}" if limbs else ""
        return Verdict(kind="healed", word="Healed", details=_details(row, by), marks=_marks(row))
    if healed == "not_met":
        return Verdict(
            kind="not_healed", word="Not healed", details=_details(row, ""), marks=_marks(row)
        )
    if status == "missing":
        return Verdict(kind="missing", word="No CT", doubts=doubts)
    return Verdict(
        kind="not_evaluable",
        word="Not evaluable",
        details=_details(row, "") if status == "evaluable" else (),
        marks=_marks(row),
        doubts=doubts,
    )


def size_words(row: Row) -> str:
    """Longest diameter, or what is there in its place."""
    presence = row.text("presence")
    if presence == "absent":
        return "no lesion left"
    if presence == "too_small":
        return "too small to measure"
    diameter = row.number("longest_diameter_mm")
    return f"{fixed(diameter)} mm" if diameter is not None else NOTHING


def _size(row: Row) -> tuple[str, ...]:
    """Size as a line, or nothing."""
    size = size_words(row)
    return () if size == NOTHING else (size,)


def _details(row: Row, by: str) -> tuple[str, ...]:
    """Limbs, size with its change, and probability: what is known of them."""
    size = size_words(row)
    change = row.number("longest_diameter_change_percent")
    if change is not None and row.text("presence") != "absent":
        change_mm = row.number("longest_diameter_change_mm")
        size = f"{size} ({signed(change)} %, {signed(change_mm)} mm)"
    probability = row.number("healing_probability")
    chance = f"P(healed) {percent(probability)}" if probability is not None else ""
    lines = (by, "" if size == NOTHING else size, _open_limbs(row), chance)
    return tuple(line for line in lines if line)


def _open_limbs(row: Row) -> str:
    """Which limbs could not be judged, in words; empty if none or all."""
    unknown = [LIMB_WORDS[limb] for limb in LIMBS if row.text(f"{limb}_limb") == "not_evaluable"]
    if not unknown or len(unknown) == len(LIMBS):
        return ""
    return f"not evaluable: {', '.join(unknown)}"


def _marks(row: Row) -> tuple[str, ...]:
    """Say what a reader must not miss beside the verdict."""
    marks = []
    if row.yes("borderline"):
        marks.append("borderline")
    if row.yes("verdict_depends_on_size_metric"):
        marks.append("depends on the size metric")
    return tuple(marks)
