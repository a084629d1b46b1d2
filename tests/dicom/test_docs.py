"""The page on DICOM: every code it should list, every test it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from lesionscore.dicom.body import SuvType
from lesionscore.dicom.policy import DEFAULT_POLICY, SuvPolicy
from lesionscore.reports.codes import EXPLANATIONS

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/dicom.md").read_text(encoding="utf-8")
CODE = re.compile(r"^[a-z]+(_[a-z]+)+$")
CODES = (PROJECT / "docs/codes.md").read_text(encoding="utf-8")
FINDERS = ("add", "_note", "named", "Finding")
NAMES = ("code", "lists")
"""Variables that hold codes until a finding is made of them."""


def codes_in_source() -> set[str]:
    """Codes given to findings anywhere in the package's DICOM part."""
    found: set[str] = set()
    for path in (PROJECT / "lesionscore/dicom").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in NAMES:
                found |= {n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)}
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in FINDERS:
                continue
            values = [*node.args[:2], *(k.value for k in node.keywords if k.arg == "code")]
            found |= {v.value for v in values if isinstance(v, ast.Constant) and v.value}
    return {code for code in found if isinstance(code, str) and CODE.match(code)}


def test_every_code_is_on_the_page() -> None:
    """A finding that a user can meet is explained, on the page and in a report."""
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", CODES, re.MULTILINE))
    assert codes_in_source() - listed == set()
    assert codes_in_source() - set(EXPLANATIONS) == set()


def test_every_test_named_exists() -> None:
    """The tables point at files that are there."""
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    assert named
    assert {name for name in named if not (PROJECT / "tests/dicom" / name).exists()} == set()


def test_both_policies_and_all_dialects_are_on_the_page() -> None:
    """Policies, units and SUV types by their names."""
    assert all(f"`{policy}`" in PAGE for policy in SuvPolicy)
    assert f"`{DEFAULT_POLICY}` (default)" in PAGE
    for word in (*SuvType, "BQML", "GML", "CM2ML", "CNTS", "START", "ADMIN", "NONE"):
        assert word in PAGE
