"""Words for statuses, limbs and metrics, and a code together with what it means."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscore.reports.codes import meaning
from lesionscore.reports.formats import words

STATUS_WORDS = {
    "evaluable": "evaluable",
    "not_evaluable": "not evaluable",
    "missing": "not done",
    "met": "met",
    "not_met": "not met",
}

LIMB_WORDS = {"size": "size", "sclerosis": "sclerosis", "complete": "complete"}

SIZE_METRIC_WORDS = {
    "longest_diameter": "the longest 3-D diameter",
    "axial_diameter": "the longest diameter in an axial plane",
    "area": "the largest axial area",
    "volume": "the volume",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A code with its words, as it stands on a page.

    Parameters
    ----------
    code : str
        As in the table; empty for a sentence that has none.
    text : str
        What it means; empty where nobody has said.
    """

    code: str
    text: str


def explained(codes: tuple[str, ...]) -> tuple[Doubt, ...]:
    """Codes with their words, in their order, each once.

    Examples
    --------
    >>> explained(("metal", "never_heard_of"))[1].text
    ''
    """
    return tuple(Doubt(code=code, text=meaning(code)) for code in dict.fromkeys(codes))


def status_words(status: str) -> str:
    """Put a status or limb state into words; an unknown one without its underscores."""
    return STATUS_WORDS.get(status, words(status).lower())
