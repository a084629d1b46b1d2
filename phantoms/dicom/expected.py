"""What a right reader does with a series: the truth of a dialect or a fault, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Outcome(StrEnum):
    """How a reader must respond, from the mildest to the strictest."""

    MEASURED = "measured"
    """The values equal the truth; nothing needs to be said."""
    FOUND = "found"
    """The values equal the truth, and a finding says what was odd."""
    FOUND_OR_REFUSED = "found_or_refused"
    """By policy: the values equal the truth and a finding says why that is so, or a refusal."""
    NOT_SILENT = "not_silent"
    """The header alone does not tell the truth: a refusal, or values with a finding."""
    REFUSED = "refused"
    """A typed error, no values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The right response to one dialect or fault.

    Parameters
    ----------
    outcome : Outcome
        How to respond.
    code : str
        Suggested code of the finding or refusal; empty where nothing needs to be said.
    """

    outcome: Outcome = Outcome.MEASURED
    code: str = ""

    def __post_init__(self) -> None:
        if (self.outcome is Outcome.MEASURED) != (not self.code):
            raise ValueError("a code goes with every outcome but `measured`, and only with those")


class Fault(StrEnum):
    """A named fault; each member carries its `outcome` and the suggested `code`.

    Members are written as ``NAME = "value", Outcome.REFUSED, "code"``, the code left out where
    nothing needs to be said.
    """

    outcome: Outcome
    code: str

    def __new__(cls, value: str, outcome: Outcome = Outcome.MEASURED, code: str = "") -> Self:
        """Make a member that is its value, and remembers what a reader must do."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.outcome = outcome
        member.code = code
        return member

    @property
    def expected(self) -> Expected:
        """The right response to this fault."""
        return Expected(outcome=self.outcome, code=self.code)


def strictest(responses: Iterable[Expected]) -> Outcome:
    """Outcome of several faults together: the strictest one.

    Parameters
    ----------
    responses : iterable of Expected
        One per dialect or fault; may be empty.

    Returns
    -------
    Outcome
        `MEASURED` where there is none.
    """
    order = list(Outcome)
    outcomes = [response.outcome for response in responses]
    return max(outcomes, key=order.index, default=Outcome.MEASURED)
