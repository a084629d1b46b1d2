"""How long each stage took, and who is told what is running."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Told = Callable[[str], None]
"""Called with the words for what is running now."""


def tell_nobody(_words: str) -> None:
    """Take no notice."""


@dataclass(slots=True)
class Stages:
    """Seconds spent in each stage of one patient, and the words for what is running."""

    told: Told = tell_nobody
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, words: str) -> Iterator[None]:
        """Count the time of a block under `name` and say `words` when it begins."""
        self.told(words)
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin
