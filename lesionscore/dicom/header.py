"""Typed access to a header's elements, and what is kept of a scan: `ScanInfo`.

Every accessor returns None for what is absent, empty or malformed; none raises.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lesionscore.dicom import tags
from lesionscore.dicom.parse import Item, Value

CODECS = {
    "": "latin-1",
    "ISO_IR 6": "latin-1",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 203": "iso8859-15",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 166": "tis-620",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
BINARY_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
LONGEST_TEXT = 128


class Header:
    """The elements of one slice: its own first, then its functional groups', then the file's.

    Parameters
    ----------
    layers : sequence of mapping
        Data sets in the order in which they are asked.
    is_big_endian : bool
        Byte order of numbers in binary.
    """

    __slots__ = ("_big", "_layers")

    def __init__(
        self, layers: Sequence[Mapping[int, Value]], *, is_big_endian: bool = False
    ) -> None:
        self._layers = tuple(layers)
        self._big = is_big_endian

    def value(self, tag: int) -> Value | None:
        """Give the undecoded element of the first layer that has it."""
        for layer in self._layers:
            found = layer.get(tag)
            if found is not None:
                return found
        return None

    def has(self, tag: int) -> bool:
        """Tell whether an element is present and not empty."""
        found = self.value(tag)
        return found is not None and bool(found.raw.strip(b"\0 ") or found.items)

    def texts(self, tag: int) -> tuple[str, ...]:
        """Give the values of a text element, stripped; empty if absent."""
        found = self.value(tag)
        if found is None or not found.raw:
            return ()
        return decode_texts(found.raw, self._codec(tag))

    def text(self, tag: int) -> str | None:
        """Give the first value of a text element; None if absent or empty."""
        values = self.texts(tag)
        return values[0] if values and values[0] else None

    def code(self, tag: int) -> str:
        """Give a text element in upper case, for comparison; "" if absent."""
        return (self.text(tag) or "").upper()

    def codes(self, tag: int) -> tuple[str, ...]:
        """All values of a text element in upper case."""
        return tuple(value.upper() for value in self.texts(tag))

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Give the values of a numeric element; empty if absent or if one is no finite number."""
        found = self.value(tag)
        if found is None or not found.raw:
            return ()
        vr = found.vr if found.vr not in ("", "UN") else tags.BINARY_VR.get(tag, "DS")
        if vr in BINARY_FORMATS:
            values = self._binary(found.raw, BINARY_FORMATS[vr])
        else:
            values = _decimals(found.raw)
        return values if all(math.isfinite(value) for value in values) else ()

    def number(self, tag: int) -> float | None:
        """Give the first value of a numeric element; None if absent or malformed."""
        values = self.numbers(tag)
        return values[0] if values else None

    def integer(self, tag: int) -> int | None:
        """Give the first value of a numeric element that is whole; else None."""
        number = self.number(tag)
        return int(number) if number is not None and number == int(number) else None

    def said(self, tag: int) -> str:
        """Say in words what an element holds: its text, or that it is missing or empty."""
        if self.value(tag) is None:
            return "missing"
        number = self.number(tag)
        if number is not None:
            return f"{number:g}"
        text = "\\".join(self.texts(tag))[:LONGEST_TEXT]
        return f"{text!r}, which is no number" if text else "empty"

    def is_malformed(self, tag: int) -> bool:
        """Tell whether an element that should be a number holds something else."""
        return bool(self.text(tag)) and self.number(tag) is None

    def items(self, tag: int) -> tuple[Header, ...]:
        """Give the items of a sequence; empty if absent."""
        found = self.value(tag)
        if found is None:
            return ()
        return tuple(Header([item], is_big_endian=self._big) for item in found.items)

    def first_item(self, tag: int) -> Header:
        """Give the first item of a sequence, or an empty header."""
        items = self.items(tag)
        return items[0] if items else Header([])

    def within(self, tag: int) -> Header:
        """Give the first item of a sequence with this header behind it; empty if there is none.

        What the item does not say (the time zone, what anonymisation removed) the file may.
        """
        found = self.value(tag)
        if found is None or not found.items:
            return Header([])
        return Header([found.items[0], *self._layers], is_big_endian=self._big)

    def private(self, group: int, element: int, creator: str) -> Value | None:
        """Give the undecoded private element, found by its creator wherever its block stands.

        Parameters
        ----------
        group, element : int
            Group, and the last byte of the element.
        creator : str
            The private creator's name; case and outer spaces do not matter.
        """
        for layer in self._layers:
            for block in range(0x10, 0x100):
                named = layer.get((group << 16) | block)
                if named is not None and _plain(named.raw).upper() == creator.upper():
                    found = layer.get((group << 16) | (block << 8) | element)
                    if found is not None:
                        return found
        return None

    def unclaimed_private(self, group: int, element: int) -> Value | None:
        """Give the private element of block 10 where the file names no creator for that block."""
        if self.has((group << 16) | 0x10):
            return None
        return self.value((group << 16) | 0x1000 | element)

    def _binary(self, raw: bytes, code: str) -> tuple[float, ...]:
        """Numbers in binary; empty if the length does not fit."""
        size = struct.calcsize(code)
        if len(raw) % size or not raw:
            return ()
        return tuple(struct.unpack((">" if self._big else "<") + code * (len(raw) // size), raw))

    def _codec(self, tag: int) -> str:
        """Python's name of the character set of a text."""
        if tag == tags.SPECIFIC_CHARACTER_SET:
            return "latin-1"
        named = self.texts(tags.SPECIFIC_CHARACTER_SET)
        first = named[0].upper().replace("ISO 2022 IR", "ISO_IR") if named else ""
        return CODECS.get(first, "latin-1")


def plain_text(value: Value | None) -> str | None:
    """First value of an element as ASCII text, whatever its representation; None if empty."""
    if value is None:
        return None
    return _plain(value.raw).split("\\")[0].strip() or None


def plain_number(value: Value | None) -> float | None:
    """First value of an element as a number: decimal string, or float in binary."""
    if value is None:
        return None
    if value.vr in ("FL", "FD") and len(value.raw) == struct.calcsize(BINARY_FORMATS[value.vr]):
        number = struct.unpack("<" + BINARY_FORMATS[value.vr], value.raw)[0]
        return float(number) if math.isfinite(number) else None
    numbers = _decimals(value.raw)
    return numbers[0] if numbers and math.isfinite(numbers[0]) else None


def decode_texts(raw: bytes, codec: str = "latin-1") -> tuple[str, ...]:
    """Split and strip a text element; what a person could not read is left out."""
    text = raw.decode(codec, "replace")
    return tuple(_printable(part) for part in text.split("\\"))


def _printable(text: str) -> str:
    """Text without control characters and outer spaces."""
    return "".join(sign for sign in text if sign.isprintable()).strip()


def _plain(raw: bytes) -> str:
    """Text in ASCII, without padding."""
    return raw.decode("latin-1").strip("\0 ")


def _decimals(raw: bytes) -> tuple[float, ...]:
    """Decimal or integer strings as numbers; empty if one is malformed."""
    try:
        return tuple(float(part) for part in raw.strip(b"\0 ").split(b"\\"))
    except ValueError:
        return ()


def frame_layers(item: Item) -> list[tuple[Mapping[int, Value], ...]]:
    """Layers of each frame of a multi-frame file: its own groups, the shared ones, the file.

    Parameters
    ----------
    item : Item
        The file's data set.

    Returns
    -------
    list of tuple of mapping
        One entry per item of the Per-Frame Functional Groups Sequence.
    """
    per_frame = item.get(tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
    shared = item.get(tags.SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
    shared_items = shared.items[:1] if shared is not None else ()
    common = flatten(shared_items[0]) if shared_items else Item()
    frames = per_frame.items if per_frame is not None else ()
    return [(flatten(frame), common, item) for frame in frames]


def flatten(groups: Item) -> Item:
    """Elements of all functional groups of a frame in one data set.

    The groups' own sequences (references, measurement units) stay sequences.
    """
    flat = Item()
    for tag, value in groups.items():
        for inner in value.items[:1]:
            flat.update(inner)
        flat.setdefault(tag, value)
    return flat


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanInfo:
    """What is kept of a scan's header: how it was made, nothing about who the patient is.

    ``acquired`` is the start of the acquisition in the scanner's own time; None where the
    header no longer says. ``choice`` says in words why this series was taken. ``instance_uids``
    are those of the slices, in the order of the volume.
    """

    modality: str
    series_uid: str
    stack: int = 1
    series_number: int | None = None
    series_description: str = ""
    scanner: str = ""
    software: str = ""
    kernel: str = ""
    kvp: float | None = None
    reconstruction: str = ""
    slice_thickness_mm: float | None = None
    slice_spacing_mm: float | None = None
    frame_of_reference_uid: str = ""
    acquired: datetime | None = None
    weight_kg: float | None = None
    injected_dose_bq: float | None = None
    uptake_min: float | None = None
    tracer: str = ""
    choice: str = ""
    instance_uids: tuple[str, ...] = field(default=(), repr=False, compare=False)
