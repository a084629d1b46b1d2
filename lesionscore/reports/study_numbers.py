"""What ``study.json`` says, as tables: nothing is computed here, and nothing of it is left out.

Healing rates, changes and models have tables made for them; whatever else the file holds is laid
out as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lesionscore.reports.formats import NOTHING, fixed, short, words

Record = Mapping[str, Any]

INTERVALS = {
    "clopper_pearson": "Clopper-Pearson",
    "wilson": "Wilson",
    "cluster_bootstrap": "Cluster bootstrap",
    "gee": "GEE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTable:
    """A part of ``study.json`` as a table.

    Parameters
    ----------
    name : str
        What it holds, in words.
    columns : tuple of str
        Headings.
    rows : tuple of tuple of str
        Cells.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A share with its confidence interval, all in percent, as the file gives them."""

    name: str
    percent: float
    lower_percent: float
    upper_percent: float


def study_tables(study: Record) -> tuple[JsonTable, ...]:
    """Lay the content of ``study.json`` out as tables.

    Parameters
    ----------
    study : Mapping
        Its content.

    Returns
    -------
    tuple of JsonTable
        Healing first, then changes, then the rest in the file's order.
    """
    tables = []
    for key, (name, lay_out) in _KNOWN.items():
        records = _records(study.get(key))
        if records:
            tables.append(lay_out(name, records))
    rest = {key: value for key, value in study.items() if not _is_told(key, value)}
    return (*tables, *_other_tables("", rest))


def proportions(study: Record) -> tuple[Proportion, ...]:
    """Collect the healing rates of lesions and of patients that have an interval.

    Parameters
    ----------
    study : Mapping
        Content of ``study.json``.

    Returns
    -------
    tuple of Proportion
        In the file's order, lesions before patients.
    """
    found = []
    for key, whose in (("healing_of_lesions", "lesions"), ("healing_of_patients", "patients")):
        for record in _records(study.get(key)):
            ends = [record.get(name) for name in ("proportion", "low", "high")]
            share, low, high = (
                100.0 * end if isinstance(end, int | float) else None for end in ends
            )
            if share is not None and low is not None and high is not None:
                name = f"{whose}, {words(str(record.get('visit'))).lower()}"
                found.append(
                    Proportion(name=name, percent=share, lower_percent=low, upper_percent=high)
                )
    return tuple(found)


def _healing_table(name: str, records: Sequence[Record]) -> JsonTable:
    """Healing rates: counts, share, and every interval or why there is none."""
    used = [other for other in INTERVALS if any(record.get(other) for record in records)]
    rows = []
    for record in records:
        share = record.get("proportion")
        method = str(record.get("interval_method", ""))
        rows.append(
            (
                str(record.get("analysis", "")).replace("_", " "),
                words(str(record.get("visit", ""))),
                f"{record.get('healed', NOTHING)} of {record.get('evaluable', NOTHING)}",
                cell(record.get("not_evaluable")),
                f"{fixed(100.0 * share)} %" if isinstance(share, int | float) else NOTHING,
                f"{_percent_interval(record)} ({INTERVALS.get(method, method)})",
                *(_percent_interval(record.get(other)) for other in used),
            )
        )
    columns = ("Analysis", "Visit", "Healed", "Not evaluable", "Share", "Protocol's interval")
    return JsonTable(
        name=name, columns=(*columns, *(INTERVALS[other] for other in used)), rows=tuple(rows)
    )


def _percent_interval(found: Any) -> str:
    """Interval in percent, or its state in words."""
    if not isinstance(found, Mapping):
        return NOTHING
    low, high = found.get("low"), found.get("high")
    if isinstance(low, int | float) and isinstance(high, int | float):
        return f"{fixed(100.0 * low)} to {fixed(100.0 * high)} %"
    return str(found.get("state", NOTHING)).replace("_", " ")


def _change_table(name: str, records: Sequence[Record]) -> JsonTable:
    """Lay out changes against inclusion: medians, paired ratio with its interval, p values."""
    rows = []
    for record in records:
        paired = record.get("paired")
        paired = paired if isinstance(paired, Mapping) else {}
        rows.append(
            (
                str(record.get("endpoint", "")),
                words(str(record.get("visit", ""))),
                cell(record.get("patients")),
                cell(record.get("values")),
                cell(record.get("not_evaluable")),
                cell(record.get("median_change")),
                cell(record.get("median_change_percent")),
                _ratio(paired),
                cell(paired.get("p_t")),
                cell(paired.get("p_wilcoxon")),
            )
        )
    counts = ("Endpoint", "Visit", "Patients", "Values", "Not evaluable")
    medians = ("Median change", "Median change %")
    tests = ("Ratio to inclusion (interval)", "p (t)", "p (Wilcoxon)")
    return JsonTable(name=name, columns=(*counts, *medians, *tests), rows=tuple(rows))


def _model_table(name: str, records: Sequence[Record]) -> JsonTable:
    """Mixed models: one row for each visit, or one that says why there is none."""
    rows = []
    for record in records:
        mixed = record.get("mixed")
        mixed = mixed if isinstance(mixed, Mapping) else {}
        endpoint, detail = str(record.get("endpoint", "")), str(mixed.get("detail") or "")
        state = str(mixed.get("state", "")).replace("_", " ")
        visits = _records(mixed.get("visits"))
        rows += [
            (
                endpoint,
                words(str(visit.get("visit", ""))),
                _ratio(visit),
                cell(visit.get("p")),
                state,
                detail,
            )
            for visit in visits
        ] or [(endpoint, NOTHING, NOTHING, NOTHING, state, detail)]
    columns = ("Endpoint", "Visit", "Ratio to inclusion (interval)", "p", "State", "Detail")
    return JsonTable(name=name, columns=columns, rows=tuple(rows))


def _ratio(record: Record) -> str:
    """Ratio with its interval, or the state in words."""
    ratio, low, high = (record.get(name) for name in ("ratio", "ratio_low", "ratio_high"))
    if not isinstance(ratio, int | float):
        return str(record.get("state", NOTHING)).replace("_", " ")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return f"×{short(ratio)} ({str(record.get('state', '')).replace('_', ' ')})"
    return f"×{short(ratio)} (×{short(low)} to ×{short(high)})"


_KNOWN: Mapping[str, tuple[str, Callable[[str, Sequence[Record]], JsonTable]]] = {
    "healing_of_lesions": ("Lesions healed", _healing_table),
    "healing_of_patients": ("Patients healed", _healing_table),
    "sensitivity_of_lesions": ("Lesions healed under other choices", _healing_table),
    "sensitivity_of_patients": ("Patients healed under other choices", _healing_table),
    "changes": ("Changes against inclusion, paired", _change_table),
    "models": ("Changes against inclusion, mixed models", _model_table),
}


def _is_told(key: str, value: Any) -> bool:
    """Whether a part of the file has a table of its own already."""
    return key in _KNOWN and (not value or bool(_records(value)))


def _records(value: Any) -> list[Record]:
    """Keep the objects of a list; nothing if it is no list."""
    return (
        [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
    )


def _other_tables(path: str, content: Record) -> Iterator[JsonTable]:
    """Tables of one object: its own values first, then what it holds."""
    single = {key: value for key, value in content.items() if not _is_nested(value)}
    if single:
        rows = tuple((words(key), cell(value)) for key, value in single.items())
        yield JsonTable(name=words(path) or "Study", columns=("Name", "Value"), rows=rows)
    for key, value in content.items():
        name = f"{path}, {key}" if path else key
        if isinstance(value, Mapping):
            yield from _other_tables(name, value)
        elif _is_nested(value):
            flat = [_flat(entry) for entry in value]
            columns = tuple(dict.fromkeys(column for record in flat for column in record))
            yield JsonTable(
                name=words(name),
                columns=tuple(words(column) for column in columns),
                rows=tuple(tuple(cell(record.get(c)) for c in columns) for record in flat),
            )


def _is_nested(value: Any) -> bool:
    """Whether a value is an object, or a list with objects in it."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value)
    )


def _flat(record: Any) -> dict[str, Any]:
    """Lay a record with the objects in it flat."""
    if not isinstance(record, Mapping):
        return {"value": record}
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            flat.update({f"{key} {inner}": part for inner, part in _flat(value).items()})
        else:
            flat[str(key)] = value
    return flat


def cell(value: Any) -> str:
    """Print a JSON value as the text of a cell.

    Examples
    --------
    >>> cell(-0.123456), cell(None), cell([1, True])
    ('−0.1235', '–', '1, yes')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "−")
    if isinstance(value, list):
        return ", ".join(cell(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {cell(part)}" for key, part in value.items())
    return str(value)
