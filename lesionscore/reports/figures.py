"""Curves over time, drawn by matplotlib as SVG that a page carries within itself.

Only what stands in the tables is drawn; the lines of the rules come from the run's protocol.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from lesionscore.reports.formats import fixed, short
from lesionscore.reports.pictures import data_uri

INK = "#1d2733"
QUIET = "#5b6875"
FAINT = "#dfe5ea"
BAND_INK = "#7d8a96"
SIZE_COLOUR = "#0b5cad"
UPTAKE_COLOUR = "#b3261e"
HEALED_COLOUR = "#1b7f4d"
FORMATION_COLOUR = "#0b5cad"
DEGRADATION_COLOUR = "#a14a00"
RATIO_COLOUR = "#5b3a9e"
NORMAL_95 = 1.96  # half the width of a 95 % interval in SDs
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lesionscore",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One visit on a curve.

    Parameters
    ----------
    x : float
        Months since inclusion.
    tick : str
        What stands below it on the axis.
    value : float or None
        None is drawn as a cross on the axis: looked for and not there.
    sd : float or None
        One standard deviation; the bar drawn is the 95 % interval.
    note : str
        A few words beside the point.
    hollow : bool
        The value is not to be compared with inclusion.
    """

    x: float
    tick: str
    value: float | None
    sd: float | None = None
    note: str = ""
    hollow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One panel of a figure.

    Parameters
    ----------
    title, unit, colour : str
        Words above it, unit of its axis, colour of its line.
    points : tuple of Point
        In time.
    limit : float or None
        A value at or below which a rule is met; drawn as a line with what is below it tinted.
    limit_words : str
        What the line says.
    band : tuple of float or None
        Lower and upper end of the range that repeated scans of the same would fill.
    band_words : str
        What the band says.
    """

    title: str
    unit: str
    colour: str
    points: tuple[Point, ...]
    limit: float | None = None
    limit_words: str = ""
    band: tuple[float, float] | None = None
    band_words: str = ""


def curves_figure(curves: Sequence[Curve]) -> str:
    """Panels one below the other, each with its own axis from zero.

    Parameters
    ----------
    curves : sequence of Curve
        At least one.

    Returns
    -------
    str
        Data URI of an SVG.
    """
    with figure_style():
        figure = _figure(5.0, 2.3, rows=len(curves), columns=1)
        for axes, curve in zip(
            figure.subplots(len(curves), squeeze=False)[:, 0], curves, strict=True
        ):
            _draw_curve(axes, curve)
        axes.set_xlabel("months since inclusion", color=QUIET)
        return svg_uri(figure)


def fold_change_figure(curves: Sequence[Curve], columns: int = 4) -> str:
    """Small multiples of fold changes on one common logarithmic axis.

    Parameters
    ----------
    curves : sequence of Curve
        Values are fold changes against inclusion, above 0.
    columns : int
        Panels side by side.

    Returns
    -------
    str
        Data URI of an SVG.
    """
    rows = -(-len(curves) // columns)
    low, high = _fold_limits([p.value for curve in curves for p in curve.points])
    with figure_style():
        figure = _figure(2.6, 1.75, rows=rows, columns=columns)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for number, axes in enumerate(panels):
            if number >= len(curves):
                axes.set_axis_off()
                continue
            _draw_folds(axes, curves[number], low, high, is_first=number % columns == 0)
        return svg_uri(figure)


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw within the pages' style: plain text that needs no font file, the same bytes always."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # the browser draws the words in its own fonts: a glyph that this machine lacks is no loss
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def svg_uri(figure: Figure) -> str:
    """Figure as the data URI of an SVG without date or maker."""
    buffer = BytesIO()
    nobody = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", metadata=nobody)
    return data_uri(buffer.getvalue(), "image/svg+xml")


def _figure(width_in: float, height_in: float, *, rows: int, columns: int) -> Figure:
    """Figure of panels of one size, with room in inches for titles and labels.

    Matplotlib could find the room itself, at the price of drawing everything twice.
    """
    left, right, top, bottom = 0.5, 0.1, 0.25, 0.42
    between_x, between_y = 0.25, 0.52
    width, height = width_in * columns, height_in * rows
    figure = Figure(figsize=(width, height))
    panel_x = (width - left - right - between_x * (columns - 1)) / columns
    panel_y = (height - top - bottom - between_y * (rows - 1)) / rows
    figure.subplots_adjust(
        left=left / width,
        right=1.0 - right / width,
        top=1.0 - top / height,
        bottom=bottom / height,
        wspace=between_x / panel_x,
        hspace=between_y / panel_y,
    )
    return figure


def _draw_curve(axes: Any, curve: Curve) -> None:
    """One panel: band, limit, line with error bars, crosses for what is not there."""
    known = [p for p in curve.points if p.value is not None]
    top = max(
        (p.value + NORMAL_95 * (p.sd or 0.0) for p in known if p.value is not None), default=1
    )
    top = max(top, curve.limit or 0.0, curve.band[1] if curve.band else 0.0) or 1.0
    left, right = _reach(curve.points)
    if curve.band:
        axes.axhspan(*curve.band, color=FAINT, lw=0, zorder=0)
    if curve.limit is not None:
        axes.axhspan(0, curve.limit, color=HEALED_COLOUR, alpha=0.08, lw=0, zorder=0)
        axes.axhline(curve.limit, color=HEALED_COLOUR, lw=1, ls=(0, (5, 3)), zorder=1)
    _explain_lines(axes, curve)
    _draw_points(axes, curve, curve.points)
    axes.set_xlim(left, right)
    for point in curve.points:
        if point.value is not None or point.note:
            _name_point(axes, point, point.note or fixed(point.value), curve.colour, right)
    axes.set_ylim(0, 1.2 * top)
    axes.set_title(f"{curve.title} ({curve.unit})" if curve.unit else curve.title)
    _time_axis(axes, curve.points)


def _draw_folds(axes: Any, curve: Curve, low: float, high: float, *, is_first: bool) -> None:
    """One small panel of fold changes."""
    axes.set_yscale("log", base=2)
    if curve.band:
        axes.axhspan(*curve.band, color=FAINT, lw=0, zorder=0)
    axes.axhline(1.0, color=QUIET, lw=0.8, zorder=1)
    _draw_points(axes, curve, curve.points)
    last = next((p for p in reversed(curve.points) if p.value is not None), None)
    left, right = _reach(curve.points)
    axes.set_xlim(left, right)
    if last is not None and last.value is not None:
        _name_point(axes, last, f"×{last.value:.2f}", curve.colour, right)
    axes.set_ylim(low, high)
    ticks = [t for t in (0.125, 0.25, 0.5, 1, 2, 4, 8, 16) if low <= t <= high]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"×{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    if not is_first:
        axes.tick_params(labelleft=False)
    axes.set_title(curve.title, color=curve.colour)
    _time_axis(axes, curve.points)


def _draw_points(axes: Any, curve: Curve, points: Sequence[Point]) -> None:
    """Line, error bars and markers; a cross on the axis where a value is not there."""
    known = [p for p in points if p.value is not None]
    if known:
        axes.plot([p.x for p in known], [p.value for p in known], color=curve.colour, lw=1.4)
    for point in points:
        if point.value is None:
            across = axes.get_xaxis_transform()
            axes.plot([point.x], [0.05], "x", color=QUIET, ms=6, transform=across, clip_on=False)
            continue
        axes.errorbar(
            [point.x],
            [point.value],
            yerr=NORMAL_95 * point.sd if point.sd else None,
            color=curve.colour,
            marker="o",
            ms=5,
            mfc="white" if point.hollow else curve.colour,
            capsize=3,
            lw=1.2,
        )


def _name_point(axes: Any, point: Point, text: str, colour: str, right: float) -> None:
    """Words above a point or cross, on a ground that keeps the line from striking them through."""
    is_last = point.x > right - 0.2 * (right - axes.get_xlim()[0])
    axes.annotate(
        text,
        (point.x, (point.value or 0.0) + NORMAL_95 * (point.sd or 0.0)),
        xytext=(5 if is_last and len(text) > 6 else 0, 7),
        textcoords="offset points",
        ha="right" if is_last and len(text) > 6 else "center",
        fontsize=8,
        color=colour,
        bbox={"boxstyle": "square,pad=0.08", "fc": "white", "ec": "none", "alpha": 0.8},
        zorder=5,
    )


def _explain_lines(axes: Any, curve: Curve) -> None:
    """Words for limit and band beside the title, where no point of a curve can lie."""
    told = [f"- - {curve.limit_words}"] if curve.limit is not None else []
    told += [f"■ {curve.band_words}"] if curve.band else []
    colour = BAND_INK if curve.limit is None else HEALED_COLOUR
    axes.set_title("   ".join(told), loc="right", fontsize=7.5, fontweight="normal", color=colour)


def _time_axis(axes: Any, points: Sequence[Point]) -> None:
    """Ticks where the visits are."""
    axes.set_xticks([p.x for p in points], [p.tick for p in points])
    axes.grid(axis="y", color=FAINT, lw=0.6, zorder=0)
    axes.set_axisbelow(True)


def _reach(points: Sequence[Point]) -> tuple[float, float]:
    """Left and right end of the time axis, with room beside the outermost points."""
    left, right = min(p.x for p in points), max(p.x for p in points)
    room = 0.07 * (right - left) or 1.0
    return left - room, right + 1.6 * room


def _fold_limits(values: Sequence[float | None]) -> tuple[float, float]:
    """Choose the ends of the common axis: at least from a half to two, with every value inside."""
    known = [value for value in values if value is not None and value > 0]
    return min([0.5, *known]) / 1.2, max([2.0, *known]) * 1.25


def describe(curve: Curve) -> str:
    """Curve in one sentence, for those who cannot see it.

    Examples
    --------
    >>> points = (Point(x=0, tick="0", value=18.0), Point(x=3, tick="3", value=None))
    >>> describe(Curve(title="Longest diameter", unit="mm", colour="red", points=points))
    'Longest diameter in mm by month: 0: 18, 3: none.'
    """
    told = ", ".join(
        f"{p.tick}: {p.note or ('none' if p.value is None else short(p.value))}"
        for p in curve.points
    )
    unit = f" in {curve.unit}" if curve.unit else ""
    limit = f" {curve.limit_words}." if curve.limit_words else ""
    band = f" {curve.band_words}." if curve.band_words else ""
    return f"{curve.title}{unit} by month: {told}.{limit}{band}"
