"""Every requirement of the study documents has code and a test, and all agree on the numbers."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lesionscore.protocol.protocol import load_protocol

PROJECT = Path(__file__).resolve().parents[1]
SEEDS = tuple(sorted((PROJECT / "seeds").glob("*.toml")))
DOCUMENTS = 5
KEYS = {
    "document",
    "facts",
    "treatment",
    "endpoints",
    "figures",
    "contradictions",
    "requirements",
}


@cache
def seed(path: Path) -> dict[str, Any]:
    """One file as data."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def entries(kind: str) -> list[Any]:
    """All entries of one kind, as parameters with readable names."""
    return [
        pytest.param(entry, id=f"{path.stem[:3]}-{entry['id']}")
        for path in SEEDS
        for entry in seed(path).get(kind, [])
    ]


REQUIREMENTS = [entry for path in SEEDS for entry in seed(path).get("requirements", [])]
STUDY = seed(SEEDS[0])


@cache
def names_in(path: str) -> frozenset[str]:
    """Functions, classes, methods and constants of a Python file, read without running it."""
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            found |= {f"{node.name}.{method.name}" for method in methods}
    return frozenset(found)


def fault_of(link: str, *, is_test: bool) -> str:
    """What is wrong with a link ``path::name``; empty if it leads somewhere."""
    path, _, name = link.partition("::")
    if not (PROJECT / path).is_file():
        return f"{link}: there is no such file"
    if name not in names_in(path):
        return f"{link}: no function, class or constant of that name in it"
    if is_test and not (path.startswith("tests/") and name.startswith("test_")):
        return f"{link}: not a test function"
    return ""


@pytest.fixture(scope="module")
def documents() -> Path:
    """Folder of the documents themselves, which are not part of the project."""
    default = PROJECT.parent / "shared" / "seeds"
    folder = Path(os.environ.get("LESIONSCORE_SEED_DOCUMENTS", default))
    if not folder.is_dir():
        pytest.skip(f"study documents not found at {folder} (set LESIONSCORE_SEED_DOCUMENTS)")
    return folder


def document_text(folder: Path, data: dict[str, Any]) -> str:
    """Text of one document."""
    return (folder / data["document"]["file"]).read_text(encoding="utf-8")


# --- requirements --------------------------------------------------------------------------


def test_there_is_one_file_a_document() -> None:
    """Five documents, five files, no key that nobody reads."""
    assert [path.name[:3] for path in SEEDS] == [f"{k:03d}" for k in range(DOCUMENTS)]
    for path in SEEDS:
        assert set(seed(path)) <= KEYS, path.name
        assert {"file", "title", "kind", "role", "summary"} <= set(seed(path)["document"])


def test_requirement_ids_are_unique_and_endpoints_know_theirs() -> None:
    """An id names one requirement; every endpoint leads to some, every requirement of the study
    comes from one or is about eligibility.
    """
    ids = [entry["id"] for entry in REQUIREMENTS]
    assert len(ids) == len(set(ids))
    for path in SEEDS:
        own = {entry["id"] for entry in seed(path)["requirements"]}
        asked = {name for end in seed(path)["endpoints"] for name in end["requirements"]}
        assert asked <= own, path.name
        assert own - asked <= {"BONE-ELIG-1"}, path.name


@pytest.mark.parametrize("requirement", entries("requirements"))
def test_an_implemented_requirement_has_code_and_a_test(requirement: dict[str, Any]) -> None:
    """Both exist under the names given; what is not implemented says what it needs."""
    assert requirement["text"].endswith(".")
    code, tests = requirement.get("code", []), requirement.get("tests", [])
    if requirement["status"] == "not_implemented":
        assert not code
        assert not tests
        assert requirement["note"]
        return
    assert requirement["status"] == "implemented"
    assert code, "no code is named"
    assert tests, "no test is named"
    faults = [fault_of(link, is_test=False) for link in code]
    faults += [fault_of(link, is_test=True) for link in tests]
    assert not [fault for fault in faults if fault]


@pytest.mark.parametrize(
    ("link", "is_test", "fault"),
    [
        ("lesionscore/scoring/size.py::size_limb", False, ""),
        ("lesionscore/scoring/size.py::no_such_limb", False, "no function"),
        ("lesionscore/scoring/no_such_file.py::size_limb", False, "no such file"),
        ("lesionscore/scoring/size.py::size_limb", True, "not a test"),
        ("tests/test_seeds.py::test_a_broken_link_is_found", True, ""),
    ],
)
def test_a_broken_link_is_found(link: str, is_test: bool, fault: str) -> None:
    """The check itself can fail."""
    assert bool(fault_of(link, is_test=is_test)) == bool(fault)
    assert fault in fault_of(link, is_test=is_test)


def test_the_endpoints_that_are_not_scored_stand_as_requirements() -> None:
    """Biopsies, stromal cells, toxicity, response, adherence and progression are not forgotten."""
    states = {entry["id"]: entry["status"] for entry in REQUIREMENTS}
    waiting = ("HISTO", "MSC", "SAFE", "RESP", "ADH", "TTP")
    assert {states[f"BONE-{name}-1"] for name in waiting} == {"not_implemented"}


# --- protocol ------------------------------------------------------------------------------


def protocol_value(key: str) -> Any:
    """Value of a dotted key of ``ninlaro.toml`` in effect."""
    value: Any = load_protocol().values()
    for part in key.split("."):
        if isinstance(value, list):
            (value,) = [entry for entry in value if entry["visit"] == part]
        else:
            value = value[part]
    return value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(link["key"], link["value"], id=link["key"])
        for entry in REQUIREMENTS
        for link in entry.get("protocol", [])
    ],
)
def test_the_protocol_file_has_the_documents_values(key: str, value: Any) -> None:
    """A value changed in one place alone is found."""
    assert protocol_value(key) == value


def test_the_study_document_and_the_protocol_file_agree(documents: Path) -> None:
    """25 %, 2 mm, 3, 12 and 24 months, 45 minutes give or take 5, and the markers' names."""
    text = document_text(documents, STUDY)
    protocol = load_protocol()
    assert set(re.findall(r"≥\s*(\d+)\s*% reduction", text)) == {
        f"{protocol.size.reduction_percent:g}"
    }
    assert set(re.findall(r"at least (\d+) mm", text)) == {f"{protocol.size.reduction_mm:g}"}
    (minutes,) = re.findall(r"(\d+) \(\+/-(\d+) minutes\)", text)
    middle, spread = map(float, minutes)
    assert protocol.uptake.uptake_min == (middle - spread, middle + spread)
    months = set(re.findall(r"(\d+), (\d+),? and (\d+) months", text))
    (visits,) = months
    assert protocol.follow_up == tuple(f"month_{month}" for month in visits)
    (last,) = set(re.findall(r"in the protocol for (\d+) months", text))
    assert protocol.analysis.primary_last_visit == f"month_{last}"
    (formation,) = re.findall(r"markers (\w+), (\w+), and (\w+) will", text)
    assert protocol.markers.formation == formation
    (degradation,) = re.findall(r"degradation markers (\w+) and (\w+) will", text)
    assert protocol.markers.degradation == degradation
    assert f"{protocol.uptake.tracer} PET" in text


def test_months_and_days_of_the_visits_agree() -> None:
    """Month 12 lies 365 days after inclusion, each visit within a week of its months."""
    for window in load_protocol().visits[1:]:
        months = int(window.visit.removeprefix("month_"))
        assert abs(window.day - months * 365.25 / 12) <= 7
        assert window.first_day < window.day < window.last_day


# --- figures -------------------------------------------------------------------------------


def rounded_percent(count: int, of: int, decimals: int) -> Decimal:
    """A share in percent, rounded as people do."""
    share = Decimal(100) * count / of
    return share.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


@pytest.mark.parametrize("figure", entries("figures"))
def test_a_printed_share_computes(figure: dict[str, Any]) -> None:
    """Its count gives it; or, where it says so, no count does."""
    printed, decimals = Decimal(str(figure["printed_percent"])), figure["decimals"]
    assert figure["origin"] in ("printed", "reconstructed")
    if "count" in figure:
        assert rounded_percent(figure["count"], figure["of"], decimals) == printed
    else:
        of = figure["no_share_of"]
        assert all(rounded_percent(k, of, decimals) != printed for k in range(of + 1))


@pytest.mark.parametrize("figure", entries("figures"))
def test_a_reconstructed_count_is_the_only_one(figure: dict[str, Any]) -> None:
    """No other count of so many rounds to the printed share."""
    if "count" in figure:
        printed = Decimal(str(figure["printed_percent"]))
        fits = [
            k
            for k in range(figure["of"] + 1)
            if rounded_percent(k, figure["of"], figure["decimals"]) == printed
        ]
        assert fits == [figure["count"]]


def test_counts_of_the_trial_of_sixty_four_add_up() -> None:
    """Stages, responses and transitions are complete without overlap."""
    data = seed(SEEDS[3])
    count = {figure["id"]: figure.get("count") for figure in data["figures"]}
    facts = data["facts"]

    def total(*names: str) -> int:
        return sum(count[name] for name in names)

    assert (
        total("baseline_cr", "baseline_vgpr", "baseline_pr")
        + total("baseline_sd", "baseline_pd", "baseline_unknown")
        == facts["enrolled"]
    )
    assert total("iss_1", "iss_2", "iss_3", "iss_unknown") == facts["enrolled"]
    assert total("r_iss_1", "r_iss_2", "r_iss_3", "r_iss_unknown") == facts["enrolled"]
    assert total("improved", "retained") == facts["enrolled"]
    assert sum(facts["improved"].values()) == count["improved"]
    assert sum(facts["off_study_by_reason"].values()) == facts["off_study"]
    assert facts["off_study"] + facts["on_study"] == facts["enrolled"]
    assert facts["ixazomib_4_mg"] + facts["ixazomib_3_mg"] == facts["enrolled"]


@pytest.mark.parametrize("contradiction", entries("contradictions"))
def test_a_contradiction_says_what_is_taken(contradiction: dict[str, Any]) -> None:
    """Both sides, and our choice."""
    assert all(contradiction[key] for key in ("where", "says", "also_says", "taken"))
    assert contradiction["says"] != contradiction["also_says"]


# --- words ---------------------------------------------------------------------------------


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    """All runs of so many words."""
    words = re.findall(r"[a-z0-9%]+", text.lower())
    return {tuple(words[k : k + length]) for k in range(len(words) - length + 1)}


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem[:3])
def test_no_passage_of_a_document_is_copied(path: Path, documents: Path) -> None:
    """No eight words in a row are the document's."""
    length = 8
    ours = runs(path.read_text(encoding="utf-8"), length)
    theirs = runs(document_text(documents, seed(path)), length)
    assert not ours & theirs


def test_document_numbers_are_the_documents(documents: Path) -> None:
    """Printed shares, and numbers of patients, stand in the documents."""
    for path in SEEDS:
        text = document_text(documents, seed(path))
        for figure in seed(path).get("figures", []):
            if figure["origin"] == "printed":
                assert f"{figure['printed_percent']}%" in text, (path.name, figure["id"])
        enrolled = seed(path).get("facts", {}).get("enrolled")
        assert enrolled is None or str(enrolled) in text
