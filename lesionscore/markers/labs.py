"""From the rows of ``markers.csv`` to one value for each patient, visit and marker.

Conversions are physics (ug/L to ng/L); nothing is converted between mass, moles and activity. A
value below the limit of quantification is never replaced in silence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from lesionscore.errors import MarkerError
from lesionscore.markers.results import Sample
from lesionscore.protocol.marker_rules import Analyte, BelowLimit, Duplicates, MarkerRules
from lesionscore.protocol.units import convert, plain_unit, unit_for
from lesionscore.study.records import Censoring, MarkerRow

NOT_FASTING = frozenset({"no", "n", "false", "0"})

SHARES_OF_LIMIT = {
    BelowLimit.LIMIT: 1.0,
    BelowLimit.HALF_LIMIT: 0.5,
    BelowLimit.LIMIT_OVER_SQRT2: 1 / math.sqrt(2),
}


def sample_of(rows: Sequence[MarkerRow], rules: MarkerRules) -> Sample:
    """Make one value of the rows of one patient, visit and marker.

    Parameters
    ----------
    rows : sequence of MarkerRow
        At least one; several are treated as ``markers.duplicates`` says, and their order does
        not matter.
    rules : MarkerRules
        Units, limits and duplicates.

    Returns
    -------
    Sample
        Without a value, and with the reason, where there is none to be had.

    Raises
    ------
    MarkerError
        If the rows are not of one patient, visit and marker, or there is none.
    """
    if len({(row.patient_id, row.visit, row.marker) for row in rows}) != 1:
        raise MarkerError("a sample needs rows of one patient, one visit and one marker")
    analyte = rules.analyte(rows[0].marker)
    if len(rows) == 1:
        return _single(rows[0], analyte, rules)
    if rules.duplicates is Duplicates.FIRST:
        first_day = min(row.date for row in rows)
        first = [row for row in rows if row.date == first_day]
        if len(first) == 1:
            return _flagged(_single(first[0], analyte, rules), "later_duplicate_dropped")
    elif rules.duplicates is Duplicates.MEAN:
        return _mean([_single(row, analyte, rules) for row in rows])
    return _without_value(rows[0], "duplicate_samples")


def _single(row: MarkerRow, analyte: Analyte, rules: MarkerRules) -> Sample:
    """Value of one row in the analyte's unit."""
    if row.amount is None:
        return _without_value(row, "no_result")
    unit = unit_for(row.unit, analyte.units)
    if unit is None:
        raise MarkerError(
            f"patient {row.patient_id}, {row.visit}, {row.marker}: unit {row.unit!r}; accepted: "
            f"{', '.join(analyte.units)}, or a unit that converts to one of them by physics"
        )
    value = float(convert(row.amount, plain_unit(row.unit), unit))
    flags: tuple[str, ...] = ()
    flags += ("not_fasting",) if row.confounder("fasting").casefold() in NOT_FASTING else ()
    if row.censoring is Censoring.ABOVE:
        return _without_value(row, "above_limit", unit=unit)
    if row.censoring is Censoring.BELOW:
        if rules.below_limit is BelowLimit.NOT_EVALUABLE:
            return _without_value(row, "below_limit", unit=unit)
        value *= SHARES_OF_LIMIT[rules.below_limit]
        flags += ("below_limit_substituted",)
    return Sample(
        patient_id=row.patient_id,
        visit=row.visit,
        marker=row.marker,
        date=row.date,
        value=value,
        unit=unit,
        written=_written(row),
        flags=flags,
        confounders=row.confounders,
    )


def _mean(samples: list[Sample]) -> Sample:
    """Arithmetic mean of duplicates, where all have a value in one unit."""
    samples = sorted(samples, key=lambda sample: (sample.date, sample.written))
    first = samples[0]
    reasons = tuple(dict.fromkeys(code for sample in samples for code in sample.reasons))
    if len({sample.unit for sample in samples}) > 1 and not reasons:
        reasons = ("unit_not_comparable",)
    if any(len({s.confounder(name) for s in samples}) > 1 for name in ("assay", "specimen")):
        reasons += ("duplicates_of_two_assays",)
    values = [sample.value for sample in samples if sample.value is not None]
    flags = tuple(dict.fromkeys(code for sample in samples for code in sample.flags))
    return Sample(
        patient_id=first.patient_id,
        visit=first.visit,
        marker=first.marker,
        date=first.date,
        value=None if reasons else math.fsum(values) / len(values),
        unit=first.unit,
        written=" and ".join(sample.written for sample in samples),
        reasons=reasons,
        flags=(*flags, "duplicates_averaged"),
        confounders=first.confounders,
    )


def _without_value(row: MarkerRow, reason: str, *, unit: str = "") -> Sample:
    """Sample that is there but gives no value."""
    return Sample(
        patient_id=row.patient_id,
        visit=row.visit,
        marker=row.marker,
        date=row.date,
        unit=unit,
        written=_written(row),
        reasons=(reason,),
        confounders=row.confounders,
    )


def _flagged(sample: Sample, flag: str) -> Sample:
    """Add a flag to a sample."""
    return Sample(
        patient_id=sample.patient_id,
        visit=sample.visit,
        marker=sample.marker,
        date=sample.date,
        value=sample.value,
        unit=sample.unit,
        written=sample.written,
        reasons=sample.reasons,
        flags=(*sample.flags, flag),
        confounders=sample.confounders,
    )


def _written(row: MarkerRow) -> str:
    """Write a value as the table has it: sign, number, unit."""
    if row.amount is None:
        return ""
    sign = {Censoring.EXACT: "", Censoring.BELOW: "<", Censoring.ABOVE: ">"}[row.censoring]
    return f"{sign}{_plain(row.amount)} {row.unit}"


def _plain(amount: Decimal) -> str:
    """Digits without an exponent."""
    return f"{amount:f}"
