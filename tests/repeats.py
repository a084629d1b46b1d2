"""Seeds of a test that is repeated: few in every run, all in the long validation."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

EVERY_RUN = 2


def seeds(every: Iterable[int]) -> list[object]:
    """For `parametrize`: beyond the first two marked `slow`."""
    return [
        seed if number < EVERY_RUN else pytest.param(seed, marks=pytest.mark.slow)
        for number, seed in enumerate(every)
    ]
