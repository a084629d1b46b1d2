"""The command line: words to calls. The only place that prints."""

from lesionscore.cli.app import main

__all__ = ["main"]
