"""Exit codes, and how errors reach the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from lesionscore.cli.show import say_error
from lesionscore.errors import LesionscoreError


class Exit(IntEnum):
    """What the exit code of a command says."""

    DONE = 0
    """All done."""
    SOME_FAILED = 1
    """Some visit, patient or series failed or was refused; the rest is written."""
    NOTHING_DONE = 2
    """The input or the command line is wrong, and nothing was written."""


@contextmanager
def refusals() -> Iterator[None]:
    """Print a typed error without its trace and exit with 2."""
    try:
        yield
    except LesionscoreError as exc:
        say_error(str(exc))
        raise typer.Exit(Exit.NOTHING_DONE) from exc


def finish(failures: Iterable[str]) -> None:
    """Name what failed and exit with 1; return when nothing did.

    Raises
    ------
    typer.Exit
        With code 1, if anything failed.
    """
    named = list(failures)
    for failure in named:
        say_error(failure)
    if named:
        raise typer.Exit(Exit.SOME_FAILED)
