"""From the tables of a TOML file to the protocol's types, collecting every fault on the way."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from lesionscore.errors import ProtocolError
from lesionscore.protocol.checks import did_you_mean

Record = TypeVar("Record")
Table = Mapping[str, Any]

OPEN_TABLES = frozenset({"visits", "markers.analytes", "open"})
"""Tables to which a study may add entries of its own."""

MISSING = "missing"
"""The fault of a key that has no default and is not there."""

NAMED_BY_THEIR_KEY = {"visit", "marker", "topic"}
"""Fields that hold the name of the entry and are no key of the file."""


def nearest(word: str, accepted: Iterable[str]) -> str:
    """Say what is accepted, the nearest word first."""
    words = list(accepted)
    return f"{did_you_mean(word, words)}accepted: {', '.join(words)}"


def key_lines(text: str) -> dict[str, int]:
    """Find the line of each key of a TOML text, as far as plain reading finds it.

    Parameters
    ----------
    text : str
        The text of the file.

    Returns
    -------
    dict of str to int
        Line, counted from 1, by dotted key; sections included.
    """
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([A-Za-z0-9_.\- \"]+?)\s*\]+", line):
            section = header[1].replace('"', "").replace(" ", "")
            lines.setdefault(section, number)
        elif key := re.match(r"\s*([A-Za-z0-9_.\-\"]+)\s*=", line):
            name = key[1].replace('"', "")
            lines.setdefault(f"{section}.{name}" if section else name, number)
    return lines


def merge(base: Table, overrides: Table, faults: dict[str, str], key: str = "") -> dict[str, Any]:
    """Lay overrides over the base, key by key.

    Parameters
    ----------
    base, overrides : mapping
        Tables as read; neither is changed.
    faults : dict of str to str
        Filled with what is wrong, by dotted key.
    key : str
        Dotted key of these tables.

    Returns
    -------
    dict
        The tables joined.
    """
    merged = dict(base)
    for name, value in overrides.items():
        path = f"{key}.{name}" if key else name
        old = base.get(name)
        if name not in base:
            if key not in OPEN_TABLES:
                faults[path] = f"unknown key; {nearest(name, base)}"
            elif isinstance(value, Mapping):
                merged[name] = dict(value)
            else:
                faults[path] = f"unknown entry; {nearest(name, base)}"
        elif isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[name] = merge(old, value, faults, path)
        elif isinstance(old, Mapping):
            faults[path] = f"found {value!r}; a section with the keys {', '.join(old)} belongs here"
        else:
            merged[name] = value
    return merged


def build(
    cls: type[Record],
    table: Table,
    key: str,
    faults: dict[str, str],
    made: Table = MappingProxyType({}),
) -> Record | None:
    """Make one of the protocol's types from a table.

    Parameters
    ----------
    cls : type
        A dataclass of the protocol.
    table : mapping
        Its keys and values as read from the file.
    key : str
        Dotted key of the table.
    faults : dict of str to str
        Filled with what is wrong, by dotted key.
    made : mapping, optional
        Fields that are there already and are no keys of the table.

    Returns
    -------
    object or None
        None if anything of it is wrong.
    """
    before = len(faults)
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = dict(made)
    keys = [name for name in fields if name not in NAMED_BY_THEIR_KEY and name not in made]
    for name in table:
        if name not in keys:
            faults[f"{key}.{name}"] = f"unknown key; {nearest(name, keys)}"
    for name, field in fields.items():
        if name in made:
            continue
        if name in NAMED_BY_THEIR_KEY:
            values[name] = key.rpartition(".")[2]
        elif name in table:
            try:
                values[name] = _value(table[name], hints[name])
            except ValueError as exc:
                faults[f"{key}.{name}"] = f"found {_shown(table[name])}; {exc}"
        elif field.default is dataclasses.MISSING:
            faults[f"{key}.{name}"] = MISSING
    if len(faults) > before:
        return None
    try:
        return cls(**values)
    except ProtocolError as exc:
        where, _, accepted = str(exc).partition(": ")
        found = table.get(where.rpartition(".")[2])
        faults[where] = accepted if found is None else f"found {_shown(found)}; {accepted}"
        return None


def _shown(value: object) -> str:
    """Write a value as the file does, roughly."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _value(value: Any, hint: Any) -> Any:
    """Bring a value of the file to the type of its field; ValueError says what is accepted."""
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if typing.get_origin(hint) is tuple:
        return _tuple(value, typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        members = [member.value for member in hint]
        if value not in members:
            raise ValueError(nearest(str(value), members))
        return hint(value)
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("accepted is a number")
        number = float(value)
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError("accepted is a finite number")
        return number
    if hint is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("accepted is a whole number")
        return value
    if hint is bool:
        if not isinstance(value, bool):
            raise ValueError("accepted is true or false")
        return value
    if not isinstance(value, str):
        raise ValueError("accepted is text in quotes")  # noqa: TRY004 (collected as a fault)
    return value


def _tuple(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:
    """Bring a list of the file to a tuple of the types asked for."""
    if not isinstance(value, list):
        raise ValueError("accepted is a list in [ ]")  # noqa: TRY004 (collected as a fault)
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(_value(item, hints[0]) for item in value)
    if len(value) != len(hints):
        raise ValueError(f"accepted is a list of {len(hints)}")
    return tuple(_value(item, hint) for item, hint in zip(value, hints, strict=True))
