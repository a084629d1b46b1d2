"""Identifiers and number strings that are the same in every run with the same seed."""

from __future__ import annotations

import hashlib

from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

IMPLEMENTATION_VERSION = "PHANTOM_1"


def uid_from(*parts: str | int) -> UID:
    """Make a UID from words: the same words give the same UID.

    Parameters
    ----------
    *parts : str or int
        What the identifier stands for, for instance the seed, "series" and its number.

    Returns
    -------
    UID
        Under the root 2.25, followed by 122 bits of the words' SHA-256, as PS3.5 B.2 has it for
        a UUID: at most 44 characters.
    """
    words = "\x1f".join(str(part) for part in parts).encode()
    digest = bytearray(hashlib.sha256(words).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x40  # the bits that make it a valid UUID (version 4)
    digest[8] = (digest[8] & 0x3F) | 0x80
    return UID(f"2.25.{int.from_bytes(digest, 'big')}")


def decimal_string(value: float) -> str:
    """Write a number with as many digits as the 16 characters of a DS allow."""
    return format_number_as_ds(float(value))


def decimal_value(value: float) -> float:
    """Round a number to what its decimal string will say to a reader."""
    return float(decimal_string(value))


IMPLEMENTATION_UID = uid_from("lesionscore", "phantoms", "implementation")
