"""The protocol's bone markers: which, in what units, against which sample."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lesionscore.protocol.checks import require
from lesionscore.protocol.units import UNITS


class MarkerRole(StrEnum):
    """What a marker tells of."""

    FORMATION = "formation"
    DEGRADATION = "degradation"


class MarkerBaseline(StrEnum):
    """Which sample a marker is compared with."""

    INCLUSION = "inclusion"
    SCREENING = "screening"
    INCLUSION_ELSE_SCREENING = "inclusion_else_screening"


class BelowLimit(StrEnum):
    """What stands in for a value below the limit of quantification; flagged where it does."""

    NOT_EVALUABLE = "not_evaluable"
    """Nothing: the value is not evaluable."""
    LIMIT = "limit"
    HALF_LIMIT = "half_limit"
    LIMIT_OVER_SQRT2 = "limit_over_sqrt2"


class Duplicates(StrEnum):
    """What is done with two values of one marker at one visit."""

    REFUSE = "refuse"
    """A fault of the table."""
    FIRST = "first"
    """The earlier sample; two of one day are not evaluable."""
    MEAN = "mean"
    """Their arithmetic mean in the unit written."""


class SampleChange(StrEnum):
    """What becomes of a change when the assay or specimen is not that of the baseline."""

    NOT_EVALUABLE = "not_evaluable"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyte:
    """One bone marker.

    Parameters
    ----------
    marker : str
        Its id in the tables.
    name : str
        Its full name.
    role : MarkerRole
        Formation or degradation.
    units : tuple of str
        The unit written for each dimension that is accepted; other units of the same dimension
        are converted.
    lsc_percent : float or None
        Least significant change, in percent, and its source.
    """

    marker: str
    name: str
    role: MarkerRole
    units: tuple[str, ...]
    lsc_percent: float | None = None
    lsc_source: str = ""

    def __post_init__(self) -> None:
        where = f"markers.analytes.{self.marker}"
        unknown = [unit for unit in self.units if unit not in UNITS]
        require(bool(self.units) and not unknown, f"{where}.units", "units such as ug/L or U/L")
        dimensions = [UNITS[unit].dimension for unit in self.units]
        require(
            len(set(dimensions)) == len(dimensions), f"{where}.units", "one unit for each dimension"
        )
        require(self.lsc_percent is None or self.lsc_percent > 0, f"{where}.lsc_percent", "above 0")
        require(
            self.lsc_percent is None or bool(self.lsc_source),
            f"{where}.lsc_source",
            "where the least significant change comes from",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerRules:
    """All markers and how their values are treated."""

    formation: tuple[str, ...]
    degradation: tuple[str, ...]
    coupling_percent: float
    """Smallest change of the balance of formation and degradation that is called one."""
    baseline: MarkerBaseline
    below_limit: BelowLimit
    duplicates: Duplicates
    assay_change: SampleChange
    specimen_change: SampleChange
    confounders: tuple[str, ...]
    """Columns of ``markers.csv`` that are carried through, where there."""
    analytes: tuple[Analyte, ...]

    def __post_init__(self) -> None:
        require(self.coupling_percent > 0, "markers.coupling_percent", "above 0")
        known = {analyte.marker: analyte.role for analyte in self.analytes}
        for role, names in (
            (MarkerRole.FORMATION, self.formation),
            (MarkerRole.DEGRADATION, self.degradation),
        ):
            right = bool(names) and all(known.get(name) is role for name in names)
            require(right, f"markers.{role}", f"names of markers.analytes with role {role}")
            require(len(set(names)) == len(names), f"markers.{role}", "every marker once")

    def analyte(self, marker: str) -> Analyte:
        """Find the analyte of this id.

        Raises
        ------
        KeyError
            If the protocol has no such marker.
        """
        for analyte in self.analytes:
            if analyte.marker == marker:
                return analyte
        raise KeyError(marker)

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of all markers, in the protocol's order."""
        return tuple(analyte.marker for analyte in self.analytes)

    @property
    def ratios(self) -> tuple[tuple[str, str], ...]:
        """Every pair of a formation and a degradation marker, in the protocol's order."""
        return tuple((top, bottom) for top in self.formation for bottom in self.degradation)
