"""The table of numbers of one lesion: which columns, under what name, with how many decimals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lesionscore.reports.formats import NOTHING, fixed, percent, signed
from lesionscore.reports.tables import Row
from lesionscore.reports.words import status_words

SD_DIGITS = 2
PLUS_MINUS = " ±\u202f"  # where a cell is too narrow the SD goes to a second line


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberLine:
    """One line of the table of numbers: what it is, and what it was at each visit."""

    name: str
    unit: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quantity:
    """A column of ``lesions`` and how it is printed; a change has a sign, an SD stands behind."""

    name: str
    unit: str
    column: str
    digits: int = 1
    is_change: bool = False
    sd_column: str = ""


_QUANTITIES = (
    _Quantity(
        name="Longest diameter",
        unit="mm",
        column="longest_diameter_mm",
        sd_column="longest_diameter_sd_mm",
    ),
    _Quantity(name="change", unit="mm", column="longest_diameter_change_mm", is_change=True),
    _Quantity(name="change", unit="%", column="longest_diameter_change_percent", is_change=True),
    _Quantity(
        name="Axial diameter",
        unit="mm",
        column="axial_diameter_mm",
        sd_column="axial_diameter_sd_mm",
    ),
    _Quantity(name="change", unit="%", column="axial_diameter_change_percent", is_change=True),
    _Quantity(name="Short axis", unit="mm", column="short_axis_mm"),
    _Quantity(name="Volume", unit="ml", column="volume_ml", digits=2, sd_column="volume_sd_ml"),
    _Quantity(name="change", unit="%", column="volume_change_percent", is_change=True),
    _Quantity(name="Infill with bone", unit="%", column="infill_percent", digits=0),
    _Quantity(name="Mean density", unit="HU", column="mean_hu", digits=0),
    _Quantity(name="Rim density", unit="HU", column="rim_hu", digits=0),
    _Quantity(name="change", unit="HU", column="rim_hu_change", digits=0, is_change=True),
    _Quantity(name="change, z", unit="", column="rim_z", is_change=True),
    _Quantity(name="Outline estimated", unit="%", column="estimated_surface_percent", digits=0),
    _Quantity(name="Alignment error", unit="mm", column="registration_error_mm", digits=2),
    _Quantity(name="SUVmax", unit="g/ml", column="suv_max"),
    _Quantity(name="change", unit="g/ml", column="suv_max_change", is_change=True),
    _Quantity(name="change", unit="%", column="suv_max_change_percent", is_change=True),
    _Quantity(name="SUVpeak", unit="g/ml", column="suv_peak"),
    _Quantity(name="SUVmean", unit="g/ml", column="suv_mean"),
    _Quantity(name="SUVtotal", unit="g", column="suv_total_ml"),
)
_LIMBS = (("Size", "size_limb"), ("Sclerosis", "sclerosis_limb"), ("Complete", "complete_limb"))
_YES_NO = (
    ("Beyond repeatability", "suv_max_beyond_repeatability"),
    ("Depends on size metric", "verdict_depends_on_size_metric"),
)


def number_lines(at: Sequence[Row | None]) -> tuple[NumberLine, ...]:
    """Lay the numbers of one lesion out as lines.

    Parameters
    ----------
    at : sequence of Row or None
        Its row at each visit; None where there is none.

    Returns
    -------
    tuple of NumberLine
        Those that hold at least one value.
    """
    lines = [NumberLine(name="Lesion", unit="", cells=tuple(_presence(row) for row in at))]
    lines += [
        NumberLine(name=q.name, unit=q.unit, cells=tuple(_cell(row, q) for row in at))
        for q in _QUANTITIES
    ]
    for name, column in _LIMBS:
        words = tuple("" if r is None else status_words(r.text(column)) for r in at)
        lines.append(NumberLine(name=f"{name} limb", unit="", cells=words))
    chance = tuple(percent(None if r is None else r.number("healing_probability")) for r in at)
    lines.append(NumberLine(name="P(healed)", unit="", cells=chance))
    for name, column in _YES_NO:
        words = tuple(_yes_no(None if r is None else r.yes(column)) for r in at)
        lines.append(NumberLine(name=name, unit="", cells=words))
    lines.append(NumberLine(name="Centre, LPS x y z", unit="mm", cells=tuple(map(_centre, at))))
    return tuple(
        NumberLine(name=line.name, unit=line.unit, cells=tuple(c or NOTHING for c in line.cells))
        for line in lines
        if any(cell not in ("", NOTHING) for cell in line.cells)
    )


def _cell(row: Row | None, quantity: _Quantity) -> str:
    """One number, with its SD where there is one."""
    value = None if row is None else row.number(quantity.column)
    if row is None or value is None:
        return NOTHING
    text = (signed if quantity.is_change else fixed)(value, quantity.digits)
    sd = row.number(quantity.sd_column) if quantity.sd_column else None
    return f"{text}{PLUS_MINUS}{fixed(sd, SD_DIGITS)}" if sd is not None else text


def _presence(row: Row | None) -> str:
    """Say what is left of the lesion, or why nobody knows."""
    if row is None:
        return NOTHING
    words = {"present": "present", "too_small": "too small to measure", "absent": "none left"}
    known = words.get(row.text("presence"))
    return known or status_words(row.text("ct_status"))


def _yes_no(value: bool | None) -> str:
    """Yes, no, or a dash."""
    return NOTHING if value is None else ("yes" if value else "no")


def _centre(row: Row | None) -> str:
    """Lesion's centre on the visit's CT."""
    place = [None if row is None else row.number(f"{axis}_mm") for axis in "xyz"]
    return NOTHING if None in place else " ".join(fixed(value) for value in place)
