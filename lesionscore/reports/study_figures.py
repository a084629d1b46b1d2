"""Figures of the study page: waterfall, spider, healed by visit, markers of every patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from lesionscore.reports.figures import FAINT, HEALED_COLOUR, INK, QUIET, figure_style, svg_uri
from lesionscore.reports.formats import fixed
from lesionscore.reports.study_numbers import Proportion

HIGHEST_SHOWN_PERCENT = 100.0  # a lesion that grew more is drawn cut off, with its number
BAR_LABELS_UP_TO = 45  # more bars than this have no room for names
LONGEST_NAME = 24  # characters below a bar
HEALED_BY_COLOURS = {
    "complete": "#0b5133",
    "size": "#2f9e68",
    "sclerosis": "#2b6cb0",
    "": "#b9c2cb",
}
HEALED_BY_WORDS = {
    "complete": "healed: complete",
    "size": "healed: size",
    "sclerosis": "healed: sclerosis",
    "": "not healed",
}

Trace = Sequence[tuple[float, float]]
"""Points (months since inclusion, value) of one lesion or patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One lesion's best change in the waterfall.

    Parameters
    ----------
    name : str
        Patient and lesion.
    change_percent : float
        Best change of the longest diameter.
    healed_by : str
        ``complete``, ``size``, ``sclerosis``, or empty if it was never healed.
    """

    name: str
    change_percent: float
    healed_by: str


def waterfall_figure(bars: Sequence[Bar], limit_percent: float | None) -> str:
    """Best change of every lesion, from the largest growth to the largest reduction."""
    ordered = sorted(bars, key=lambda bar: (-bar.change_percent, bar.name))
    with figure_style():
        width_in = 9.0 if 24 < len(bars) <= BAR_LABELS_UP_TO else 6.4
        figure = Figure(figsize=(width_in, 3.6), layout="constrained")
        axes = figure.subplots()
        shown = [min(bar.change_percent, HIGHEST_SHOWN_PERCENT) for bar in ordered]
        colours = [HEALED_BY_COLOURS[bar.healed_by] for bar in ordered]
        axes.bar(range(len(ordered)), shown, color=colours, width=0.85)
        # a change of nothing has no bar to see
        flat = [place for place, value in enumerate(shown) if abs(value) < 0.5]
        axes.plot(flat, [0.0] * len(flat), "_", color=INK, ms=6)
        for place, bar in enumerate(ordered):
            if bar.change_percent > HIGHEST_SHOWN_PERCENT:
                axes.annotate(
                    f"+{bar.change_percent:.0f}",
                    (place, HIGHEST_SHOWN_PERCENT),
                    ha="center",
                    va="bottom",
                )
        axes.axhline(0, color=INK, lw=0.8)
        if limit_percent is not None:
            axes.axhline(-limit_percent, color=HEALED_COLOUR, lw=1, ls=(0, (5, 3)))
        for kind, words in HEALED_BY_WORDS.items():
            if any(bar.healed_by == kind for bar in ordered):
                axes.bar([0], [0], color=HEALED_BY_COLOURS[kind], label=words)
        # above the axes: bars may fill any corner
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
        if len(ordered) <= BAR_LABELS_UP_TO:
            axes.set_xticks(range(len(ordered)), [_short(bar.name) for bar in ordered], rotation=90)
        else:
            axes.set_xticks([])
        axes.set_ylabel("best change of longest diameter, %")
        axes.set_xlim(-0.8, len(ordered) - 0.2)
        axes.set_ylim(-105, 1.1 * max([20.0, *shown]))
        axes.grid(axis="y", color=FAINT, lw=0.6)
        axes.set_axisbelow(True)
        return svg_uri(figure)


def spider_figure(
    traces: Sequence[tuple[Trace, str]], limit_percent: float | None, months: Sequence[float]
) -> str:
    """Change of every lesion over time; a trace comes with the limb that healed it.

    `months` are the planned visits, where the ticks stand.
    """
    with figure_style():
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.subplots()
        for trace, healed_by in traces:
            times, changes = zip(*trace, strict=True)
            axes.plot(
                times,
                [min(change, HIGHEST_SHOWN_PERCENT) for change in changes],
                "-o",
                ms=3,
                lw=1,
                color=HEALED_BY_COLOURS[healed_by],
            )
        axes.axhline(0, color=INK, lw=0.8)
        if limit_percent is not None:
            axes.axhline(-limit_percent, color=HEALED_COLOUR, lw=1, ls=(0, (5, 3)))
        _visit_ticks(axes, months)
        axes.set_xlabel("months since inclusion")
        axes.set_ylabel("change of longest diameter, %")
        axes.grid(axis="y", color=FAINT, lw=0.6)
        return svg_uri(figure)


def proportion_figure(proportions: Sequence[Proportion]) -> str:
    """Proportions with their intervals, as they were given."""
    with figure_style():
        figure = Figure(figsize=(6.4, 0.42 * len(proportions) + 0.9), layout="constrained")
        axes = figure.subplots()
        for place, found in enumerate(proportions):
            axes.plot([found.lower_percent, found.upper_percent], [place, place], color=QUIET, lw=2)
            axes.plot([found.percent], [place], "o", color=HEALED_COLOUR, ms=7)
        axes.set_yticks(range(len(proportions)), [found.name for found in proportions])
        axes.invert_yaxis()
        axes.set_ylim(len(proportions) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.set_xlabel("healed, %")
        axes.grid(axis="x", color=FAINT, lw=0.6)
        axes.set_axisbelow(True)
        return svg_uri(figure)


def marker_figure(
    markers: Mapping[str, Sequence[Trace]], months: Sequence[float], columns: int = 4
) -> str:
    """Fold changes of every patient, one panel for each marker or ratio."""
    rows = -(-len(markers) // columns)
    values = [fold for traces in markers.values() for trace in traces for _, fold in trace]
    low, high = min([0.5, *values]) / 1.15, max([2.0, *values]) * 1.15
    with figure_style():
        figure = Figure(figsize=(3.0 * columns, 2.0 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=True).ravel()
        for axes in panels[len(markers) :]:
            axes.set_axis_off()
        for axes, (marker, traces) in zip(panels, markers.items(), strict=False):
            axes.set_yscale("log", base=2)
            axes.axhline(1.0, color=QUIET, lw=0.8)
            for trace in traces:
                axes.plot(
                    *zip(*trace, strict=True), "-o", ms=2.5, lw=0.9, color="#5b3a9e", alpha=0.6
                )
            axes.set_ylim(low, high)
            ticks = [
                tick for tick in (0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16) if low <= tick <= high
            ]
            axes.yaxis.set_major_locator(FixedLocator(ticks))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"×{value:g}"))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_title(marker)
            _visit_ticks(axes, months)
            axes.tick_params(labelbottom=True)
            axes.grid(axis="y", color=FAINT, lw=0.6)
        return svg_uri(figure)


def _short(name: str) -> str:
    """Name that fits below a bar."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _visit_ticks(axes: Any, months: Sequence[float]) -> None:
    """Ticks at the planned visits, in whole months."""
    if months:
        axes.set_xticks(list(months), [fixed(month, 0) for month in months])
