"""The import graph: no cycle, and every import points towards plainer types."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "lesionscore"

LAYERS = [
    "errors",
    "quantities",
    "protocol",
    "study",
    "volumes",
    "dicom",
    "registration",
    "lesions",
    "scoring",
    "markers",
    "uncertainty",
    "results",
    "tables",
    "reports",
    "exports",
    "pipeline",
    "batch",
    "run_record",
    "evaluation",
    "validation",
    "index",
    "cli",
]


def module_name(path: Path) -> str:
    """Dotted name of a source file."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, known: set[str]) -> set[str]:
    """Modules of the package that a file imports, wherever in the file it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import module` asks for the module, not for what the package offers
            found |= named if named <= known else {*named, node.module}
    return found & known


def import_graph() -> dict[str, set[str]]:
    """Every module of the package with the modules it imports."""
    files = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    return {
        name: imports_of(path, set(files)) - {name, "lesionscore"} for name, path in files.items()
    }


def layer(module: str) -> int:
    """Place of a module in the order of design."""
    return LAYERS.index(module.split(".")[1])


def test_there_is_no_import_cycle() -> None:
    """A topological order of all modules exists."""
    assert len(list(TopologicalSorter(import_graph()).static_order())) > 10


def test_imports_point_towards_plain_types() -> None:
    """No module imports one of a later stage."""
    wrong = [
        f"{module} imports {other}"
        for module, others in import_graph().items()
        for other in others
        if module != "lesionscore" and layer(other) > layer(module)
    ]
    assert not wrong


def test_phantoms_never_import_lesionscore() -> None:
    """The truth owes nothing to the code under test."""
    for path in (PROJECT / "phantoms").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "lesionscore"], path


def test_relative_imports_are_not_used() -> None:
    """The graph above sees absolute imports alone."""
    for path in [*PACKAGE.rglob("*.py"), *(PROJECT / "phantoms").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path
