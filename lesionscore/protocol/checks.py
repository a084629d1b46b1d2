"""How values are refused: one place, so that every message reads alike."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from lesionscore.errors import ProtocolError


def did_you_mean(word: str, accepted: Sequence[str]) -> str:
    """Offer the accepted word that is nearest to one that is not.

    Parameters
    ----------
    word : str
        What was found.
    accepted : sequence of str
        What would have been right.

    Returns
    -------
    str
        A question that ends in a space, or nothing where no word is near.

    Examples
    --------
    >>> did_you_mean("metrik", ["metric", "reduction_mm"])
    'did you mean metric? '
    """
    close = difflib.get_close_matches(word, accepted, n=1, cutoff=0.5)
    if not close:
        close = [name for name in accepted if name.casefold() == word.casefold()]
    return f"did you mean {close[0]}? " if close else ""


def require(fulfilled: bool, key: str, accepted: str) -> None:
    """Refuse a value outside its domain.

    Parameters
    ----------
    fulfilled : bool
        Whether the value lies in its domain.
    key : str
        The key of the protocol file, with its section.
    accepted : str
        What would be accepted, in words.

    Raises
    ------
    ProtocolError
        If not `fulfilled`.
    """
    if not fulfilled:
        raise ProtocolError(f"{key}: accepted is {accepted}")
