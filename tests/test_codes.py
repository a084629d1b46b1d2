"""Every code that a table can hold has a line in docs/codes.md and words for the pages."""

from __future__ import annotations

import ast
import re
from itertools import product
from pathlib import Path

from lesionscore.lesions.records import ReadingStatus
from lesionscore.registration.quality import AlignmentReason
from lesionscore.reports.codes import EXPLANATIONS, meaning
from tests.dicom.test_docs import codes_in_source as dicom_codes

PROJECT = Path(__file__).resolve().parents[1]
STAGES = ("registration", "lesions", "pipeline", "scoring", "markers", "tables")
PAGE = (PROJECT / "docs" / "codes.md").read_text(encoding="utf-8")
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+|growing|metal")
COLLECTORS = {"reasons", "reason", "flags", "found"}
"""Names of the lists and arguments in which stages put their codes."""
MAKERS = {"_undecided", "_without_value", "_flagged"}
"""Functions that make a record out of a code."""

# put together while running, as `<what>_<happened>`
SCANS = {"_".join(p) for p in product(("ct", "pet"), ("not_done", "path_not_found", "refused"))}
SAMPLES = {f"{what}_{how}" for what in ("assay", "specimen") for how in ("changed", "not_stated")}
MINUTES = {
    f"{which}uptake_{how}"
    for which in ("", "inclusion_")
    for how in ("outside_window", "time_unknown")
}
COMPARED = {
    f"{what}_differs"
    for what in (
        *("scanner", "reconstruction", "kernel", "tracer", "kvp"),
        *("slice_spacing", "slice_thickness", "uptake", "dose"),
    )
}
MADE = SCANS | SAMPLES | MINUTES | COMPARED
PARTS = {"not_done", "path_not_found"}
"""Halves of codes, and words of the tables that are none."""
NO_CODES = PARTS | {"off_protocol_day", "protocol_hash", "suv_max", "patient_id", "lesion_id"}
OF_THE_STUDY = {
    *("label_changed", "no_markers", "off_protocol_date_missing", "patient_without_lesions"),
    *("patient_without_visits", "reads_replace_images", "scan_used_twice"),
}
"""Findings, which bring their own sentence to the pages."""


def strings(node: ast.AST) -> set[str]:
    """All that looks like a code below a node."""
    values = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
    return {value for value in values if isinstance(value, str) and CODE.fullmatch(value)}


def name_of(node: ast.AST) -> str:
    """Name of a variable or of what is called; empty for anything else."""
    return getattr(node, "attr", getattr(node, "id", ""))


def codes_of(node: ast.AST) -> set[str]:
    """Codes that one piece of a program gives out."""
    if isinstance(node, ast.keyword) and node.arg in COLLECTORS:
        return strings(node.value)
    if isinstance(node, ast.Assign) and {name_of(one) for one in node.targets} & COLLECTORS:
        return strings(node.value)
    if isinstance(node, ast.AugAssign) and name_of(node.target) in COLLECTORS:
        return strings(node.value)
    if isinstance(node, ast.Call):
        owner = name_of(getattr(node.func, "value", node))
        if name_of(node.func) in MAKERS or owner in COLLECTORS:
            return set().union(*(strings(argument) for argument in node.args), set())
    if isinstance(node, ast.Return) and node.value is not None:
        tuples = [one for one in ast.walk(node.value) if isinstance(one, ast.Tuple)]
        return {s for one in tuples for e in one.elts for s in strings(e)}
    return set()


def codes_in_source() -> set[str]:
    """Constants of the stages, and what they put among reasons and flags."""
    found: set[str] = {reason.value for reason in AlignmentReason}
    for stage in STAGES:
        for path in (PROJECT / "lesionscore" / stage).glob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            constants = [one.value for one in tree.body if isinstance(one, ast.Assign)]
            for value in constants:
                found |= strings(value) if isinstance(value, ast.Constant) else set()
            for node in ast.walk(tree):
                found |= codes_of(node)
    return (found | MADE | dicom_codes()) - NO_CODES - set(ReadingStatus)


def codes_on_the_page() -> set[str]:
    """Codes in the first cell of a row."""
    cells = re.findall(r"^\| (`[^|]*`) \|", PAGE, re.MULTILINE)
    return {code for cell in cells for code in re.findall(r"`([a-z_0-9]+)`", cell)}


def test_the_source_is_read() -> None:
    """Codes from every stage, also from a list, a call and a returned pair."""
    known = {"metal_near", "spill_in", "point_outside_scan", "inclusion_too_small", "no_sample"}
    assert known | {"visit_out_of_window", "below_limit", "baseline_missing"} <= codes_in_source()


def test_every_code_has_a_line_on_the_page() -> None:
    """docs/codes.md explains what a script can meet."""
    assert codes_in_source() - codes_on_the_page() == set()


def test_every_code_has_words_on_the_pages() -> None:
    """A report shows a sentence beside each."""
    assert {code for code in codes_in_source() if not meaning(code)} == set()


def test_no_words_are_left_of_codes_that_are_gone() -> None:
    """A code that was renamed takes its sentence with it."""
    assert set(EXPLANATIONS) - codes_in_source() == {"not_stated"}


def test_page_and_words_are_of_the_same_codes() -> None:
    """No sentence for a code that was renamed, no line without a sentence."""
    assert codes_on_the_page() - OF_THE_STUDY == set(EXPLANATIONS) - {"not_stated"}
    assert codes_on_the_page() >= OF_THE_STUDY
