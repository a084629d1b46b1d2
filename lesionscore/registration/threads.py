"""Independent pieces of work on several threads, with the results in the order of the work.

The compiled loops let go of Python's lock, so threads help. Nothing is summed across threads:
results do not depend on how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS = 4


def available_threads() -> int:
    """Threads worth starting: the processors this process may use, at most `MOST_THREADS`."""
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(1, min(MOST_THREADS, processors))


def ordered_map(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> list[Result]:
    """Apply `work` to every item; the results are in the items' order."""
    if threads <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(work, items))
