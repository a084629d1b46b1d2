"""Units of laboratory values, and the conversions between them that are physics.

Mass, amount of substance and catalytic activity are different dimensions: between them stands a
property of the assay, so there is no conversion here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Dimension(StrEnum):
    """What a laboratory value counts."""

    MASS = "mass per volume"
    AMOUNT = "amount of substance per volume"
    ACTIVITY = "catalytic activity per volume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit by its dimension and its size.

    Parameters
    ----------
    dimension : Dimension
        Units of one dimension convert into each other.
    per_base : Decimal
        How many base units (g/L, mol/L or U/L) one of this unit is; exact.
    """

    dimension: Dimension
    per_base: Decimal


_PREFIXES = {"": "1", "m": "1e-3", "u": "1e-6", "n": "1e-9", "p": "1e-12", "f": "1e-15"}
_ACTIVITIES = {"U": "1", "mU": "1e-3", "kU": "1e3", "ukat": "60", "nkat": "0.06"}
"""In U: 1 kat is 1 mol/s and 1 U is 1 umol/min, so 1 ukat is 60 U."""
_VOLUMES = {"L": "1", "dL": "1e1", "mL": "1e3"}


def _build() -> dict[str, Unit]:
    """Every unit that is understood, by its plain spelling."""
    units: dict[str, Unit] = {}
    for volume, per_litre in _VOLUMES.items():
        for prefix, size in _PREFIXES.items():
            factor = Decimal(size) * Decimal(per_litre)
            units[f"{prefix}g/{volume}"] = Unit(dimension=Dimension.MASS, per_base=factor)
            units[f"{prefix}mol/{volume}"] = Unit(dimension=Dimension.AMOUNT, per_base=factor)
        for name, size in _ACTIVITIES.items():
            factor = Decimal(size) * Decimal(per_litre)
            units[f"{name}/{volume}"] = Unit(dimension=Dimension.ACTIVITY, per_base=factor)
    return units


UNITS = _build()
"""Every unit that is understood, by its plain spelling."""


def plain_unit(text: str) -> str:
    """Bring the spellings of one unit together: ``µg/l``, ``mcg/L`` and ``ug/L`` are ``ug/L``.

    Parameters
    ----------
    text : str
        A unit as a laboratory writes it.

    Returns
    -------
    str
        The plain spelling; not necessarily one that is known.

    Examples
    --------
    >>> plain_unit("µg/l"), plain_unit("IU/L"), plain_unit("pg/ml")
    ('ug/L', 'U/L', 'pg/mL')
    """
    plain = text.strip().replace("µ", "u").replace("μ", "u").replace("mcg", "ug")
    top, slash, bottom = plain.partition("/")
    if top.endswith("IU"):
        top = top[:-2] + "U"
    if bottom.endswith("l"):
        bottom = bottom[:-1] + "L"
    return f"{top}{slash}{bottom}"


def convert(value: Decimal, unit: str, target: str) -> Decimal:
    """Convert a value between two units of one dimension.

    Parameters
    ----------
    value : Decimal
        The value, in `unit`.
    unit, target : str
        Plain spellings, keys of `UNITS`.

    Returns
    -------
    Decimal
        The value in `target`.

    Raises
    ------
    ValueError
        If the two units are of different dimensions.

    Examples
    --------
    >>> convert(Decimal("0.345"), "ug/L", "ng/L")
    Decimal('345')
    """
    source, goal = UNITS[unit], UNITS[target]
    if source.dimension is not goal.dimension:
        raise ValueError(
            f"{unit} is {source.dimension} and {target} is {goal.dimension}: what stands between "
            "them is a property of the assay, so there is no conversion"
        )
    return value * source.per_base / goal.per_base


def unit_for(text: str, targets: tuple[str, ...]) -> str | None:
    """Find the one of `targets` that a unit converts to, or None.

    Parameters
    ----------
    text : str
        A unit as a laboratory writes it.
    targets : tuple of str
        Plain spellings that the protocol accepts for a marker.
    """
    unit = UNITS.get(plain_unit(text))
    if unit is None:
        return None
    return next((name for name in targets if UNITS[name].dimension is unit.dimension), None)
