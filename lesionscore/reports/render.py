"""Views to HTML: one self-contained page per patient and one for the study.

The templates hold all HTML. Whatever a table says is escaped there; only the style sheet, which
is part of this package, goes in as it is.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lesionscore.errors import OutputError
from lesionscore.reports.pictures import (
    DIFFERENCE_COLOURS,
    DIFFERENCE_LIMIT_HU,
    PET_COLOURS,
    WINDOW_LEVEL_HU,
    WINDOW_WIDTH_HU,
    colour_bar,
)
from lesionscore.reports.study_view import study_view
from lesionscore.reports.view import patient_folder, patient_view

REPORT_NAME = "report.html"


def render_patient_report(out: Path, patient_id: str) -> Path:
    """Write the report of one patient from the tables of an output folder.

    Parameters
    ----------
    out : Path
        The output folder: tables, ``run.json`` and the patient's strips.
    patient_id : str
        As in the tables.

    Returns
    -------
    Path
        ``OUT/patients/<id>/report.html``.

    Raises
    ------
    OutputError
        If the patient is in no table, a table cannot be read, the id cannot name a folder, or
        the page cannot be written.
    """
    view = patient_view(out, patient_id)
    page = _environment().get_template("patient.html.jinja").render(view=view, **_shared())
    return _write(patient_folder(out, patient_id) / REPORT_NAME, page)


def render_study_page(out: Path) -> Path:
    """Write the page of the whole study from the tables of an output folder.

    Parameters
    ----------
    out : Path
        The output folder: tables, ``run.json`` and, where there is one, ``study.json``.

    Returns
    -------
    Path
        ``OUT/report.html``.

    Raises
    ------
    OutputError
        If the folder has no tables, one cannot be read, or the page cannot be written.
    """
    page = _environment().get_template("study.html.jinja").render(view=study_view(out), **_shared())
    return _write(out / REPORT_NAME, page)


@cache
def _environment() -> Environment:
    """Templates; escaping is always on, and a name that does not exist is an error."""
    return Environment(
        loader=PackageLoader("lesionscore.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> Markup:
    """Style sheet, from this package: nothing of a table is in it."""
    sheet = resources.files("lesionscore.reports").joinpath("assets", "report.css")
    return Markup(sheet.read_text(encoding="utf-8"))


def _shared() -> dict[str, Any]:
    """Say what both pages need."""
    return {
        "style": _style(),
        "window_level_hu": f"{WINDOW_LEVEL_HU:g}",
        "window_width_hu": f"{WINDOW_WIDTH_HU:g}",
        "difference_limit_hu": f"{DIFFERENCE_LIMIT_HU:g}",
        "pet_bar": colour_bar(PET_COLOURS),
        "difference_bar": colour_bar(DIFFERENCE_COLOURS),
    }


def _write(path: Path, page: str) -> Path:
    """Write beside the place and move there, so that no half page is ever seen."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(page, encoding="utf-8", newline="\n")
        os.replace(part, path)  # noqa: PTH105 - the same either way
    except OSError as exc:
        raise OutputError(f"{path}: the page cannot be written ({exc.strerror})") from exc
    return path
