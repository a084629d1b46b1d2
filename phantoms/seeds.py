"""Random numbers by name: the same seed and name give the same numbers, in any order of use."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Give the random generator that belongs to a name.

    Parameters
    ----------
    seed : int
        Seed of the study or patient; not negative.
    *names : str or int
        What the numbers are for, for instance ``"P01", "month_3", "noise", slice_number``.

    Returns
    -------
    numpy.random.Generator
        Independent of every other name's, and of the order in which names are asked for.
    """
    words = [zlib.crc32(n.encode()) if isinstance(n, str) else int(n) for n in names]
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=tuple(words)))
