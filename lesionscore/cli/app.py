"""The application: its commands, and `--version`."""

from __future__ import annotations

from typing import Annotated

import typer

from lesionscore import __version__
from lesionscore.cli.imaging import index, inspect, suv
from lesionscore.cli.scoring import check, evaluate, markers, report
from lesionscore.cli.synthetic import demo, phantom, validate

app = typer.Typer(
    name="lesionscore",
    help="Scores the healing of osteolytic bone lesions from CT, 18F-NaF PET and bone markers. "
    "For research; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"lesionscore {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


for command in (demo, phantom, index, inspect, suv, check, evaluate, markers, report, validate):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    app()
