"""Numbers, dates and names as they stand on a page."""

from __future__ import annotations

NOTHING = "–"
"""What stands in a cell where there is nothing to say."""

MINUS = "−"


def fixed(value: float | None, digits: int = 1) -> str:
    """Print a number with so many decimals, or a dash.

    Examples
    --------
    >>> fixed(12.345), fixed(-0.04), fixed(None)
    ('12.3', '0.0', '–')
    """
    if value is None:
        return NOTHING
    text = f"{value:.{digits}f}"
    if not text.strip("-0."):
        text = text.lstrip("-")  # minus zero says nothing
    return text.replace("-", MINUS)


def signed(value: float | None, digits: int = 1) -> str:
    """Print a change with its sign, or a dash.

    Examples
    --------
    >>> signed(3.21), signed(-3.21), signed(0.01)
    ('+3.2', '−3.2', '0.0')
    """
    text = fixed(value, digits)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.") else text


def short(value: float | None) -> str:
    """Print a number with about three meaningful digits, or a dash.

    Examples
    --------
    >>> short(0.41234), short(61.237), short(412.6), short(0.0)
    ('0.412', '61.2', '413', '0')
    """
    if value is None:
        return NOTHING
    return f"{value:.3g}".replace("-", MINUS) if abs(value) < 1000 else fixed(value, 0)


def percent(probability: float | None) -> str:
    """Print a probability, 0 to 1, in whole percent that never reads as certain when it is not.

    Examples
    --------
    >>> percent(0.973), percent(0.999), percent(1.0), percent(0.001)
    ('97 %', '> 99 %', '100 %', '< 1 %')
    """
    if probability is None:
        return NOTHING
    if 0.99 < probability < 1.0:
        return "> 99 %"
    if 0.0 < probability < 0.01:
        return "< 1 %"
    return f"{100.0 * probability:.0f} %"


def words(name: str) -> str:
    """Column's name or an unknown code as words.

    Examples
    --------
    >>> words("lesions_healed_month_3")
    'Lesions healed month 3'
    """
    spaced = name.replace("_", " ").strip()
    return spaced[:1].upper() + spaced[1:]
