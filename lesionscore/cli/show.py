"""Tables, notes and progress on the terminal. Text from headers and tables is shown as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

STYLES = {
    "met": "bold green",
    "evaluable": "green",
    "yes": "green",
    "not_evaluable": "yellow",
    "missing": "yellow",
    "no": "yellow",
    "failed": "bold red",
}
NARROWEST_TABLE = 110  # columns; a pipe has no width, and folded words are no use to a script


def console() -> Console:
    """Standard output; as wide as the terminal, or wide enough for a table."""
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = max(out.width, NARROWEST_TABLE)
    return out


def say(text: str, style: str = "") -> None:
    """Print one note."""
    console().print(Text(printable(text), style=style), soft_wrap=True)


def say_error(text: str) -> None:
    """Print one note on standard error."""
    Console(stderr=True, highlight=False).print(Text(printable(text)), soft_wrap=True)


def printable(text: str) -> str:
    """Take out what would steer a terminal: a header may hold anything."""
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[str] = ()
) -> None:
    """Print a table; cells that are states get their colour."""
    table = Table(title=title or None, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column in numeric else "left")
    for row in rows:
        cells = [printable(cell) for cell in row]
        table.add_row(*[Text(cell, style=STYLES.get(cell, "")) for cell in cells])
    console().print(table)


@contextmanager
def progress_bar(total: int, what: str) -> Iterator[Callable[[str, str], None]]:
    """Show what is running while it runs; nothing when standard error is no terminal.

    Yields
    ------
    callable
        To be called with a name and the words for what is running there; empty words when it
        is done.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not Console(stderr=True).is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=total)

        def told(name: str, words: str) -> None:
            if words:
                bar.update(task, description=printable(f"{name}: {words}").replace("[", "("))
            else:
                bar.advance(task)

        yield told
