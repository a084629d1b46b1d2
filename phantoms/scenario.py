"""Scenarios: named patients as small TOML files, each with a sentence on what it proves."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from phantoms.anatomy.bone import Bone
from phantoms.anatomy.build import Build, draw_build
from phantoms.anatomy.skeleton import build_skeleton
from phantoms.dicom import Companion
from phantoms.files import VisitFiles
from phantoms.lesions.confounders import ConfounderKind, confounder_near
from phantoms.lesions.courses import VISITS, Course, Setting, Uptake
from phantoms.lesions.placing import Wish, place, site_of
from phantoms.lesions.plan import LesionPlan
from phantoms.markers import MarkerOptions
from phantoms.patient import PRESETS, Patient
from phantoms.scanner.blur import Kernel
from phantoms.scanner.plan import ScanChoice
from phantoms.study import Progress, write_patients
from phantoms.study_tables import Masks

Kind = TypeVar("Kind")
BUILD_KEYS = ("size", "sex", "age", "trabecular_hu", "curve_deg", "girth", "degenerate")


class ScenarioError(ValueError):
    """A scenario file says something that cannot be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfounderWish:
    """A confounder that is wanted beside a lesion."""

    kind: ConfounderKind
    near: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSpec:
    """One named patient.

    Parameters
    ----------
    patient_id, says : str
        Its id, and a sentence on what it proves.
    build : mapping
        Fields of `Build` that are not left to chance.
    lesions : mapping of str to Wish
        By lesion id.
    confounders : tuple of ConfounderWish
        Beside them.
    scans, files : mapping
        By visit.
    """

    patient_id: str
    says: str
    build: Mapping[str, Any] = field(default_factory=dict)
    lesions: Mapping[str, Wish] = field(default_factory=dict)
    confounders: tuple[ConfounderWish, ...] = ()
    scans: Mapping[str, ScanChoice] = field(default_factory=dict)
    files: Mapping[str, VisitFiles] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A study of named patients."""

    name: str
    title: str
    proves: str
    preset: str
    seed: int
    masks: Masks
    markers: MarkerOptions
    patients: tuple[PatientSpec, ...]


def scenario_names() -> tuple[str, ...]:
    """Names of the scenarios that come with the package."""
    folder = resources.files("phantoms") / "scenarios"
    names = (item.name for item in folder.iterdir())
    return tuple(sorted(n.removesuffix(".toml") for n in names if n.endswith(".toml")))


def load_scenario(name: str | Path) -> Scenario:
    """Read a scenario by its name, or from a file of one's own.

    Parameters
    ----------
    name : str or Path
        One of `scenario_names`, or the path of a TOML file.

    Returns
    -------
    Scenario
        Checked: every word in it is known.

    Raises
    ------
    ScenarioError
        If there is no such scenario, or it holds an unknown key or value; the message names it
        and says what is accepted.
    """
    path = Path(name)
    if path.suffix == ".toml":
        text, stem = path.read_text(encoding="utf-8"), path.stem
    elif str(name) in scenario_names():
        source = resources.files("phantoms") / "scenarios" / f"{name}.toml"
        text, stem = source.read_text(encoding="utf-8"), str(name)
    else:
        raise ScenarioError(f"no scenario {name!r}; there are {', '.join(scenario_names())}")
    try:
        return _scenario(stem, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValueError, TypeError) as exc:
        raise ScenarioError(f"scenario {stem}: {exc}") from exc


def _scenario(name: str, data: dict[str, Any]) -> Scenario:
    _only(data, ("title", "proves", "preset", "seed", "masks", "markers", "patients"), "the file")
    preset = data.get("preset", "small")
    if preset not in PRESETS:
        raise ScenarioError(f"no preset {preset!r}; there are {', '.join(PRESETS)}")
    return Scenario(
        name=name,
        title=data["title"],
        proves=data["proves"],
        preset=preset,
        seed=int(data.get("seed", 0)),
        masks=_member(Masks, data.get("masks", "mixed")),
        markers=_made(MarkerOptions, data.get("markers", {}), "markers"),
        patients=tuple(_patient(p) for p in data["patients"]),
    )


def _patient(data: dict[str, Any]) -> PatientSpec:
    keys = ("id", "says", "build", "lesions", "confounders", "scans", "files")
    _only(data, keys, "a patient")
    name = str(data["id"])
    _only(data.get("build", {}), BUILD_KEYS, f"{name} build")
    for part in ("scans", "files"):
        _only(data.get(part, {}), (*VISITS, "all"), f"{name} {part}")
    lesions: dict[str, Wish] = {}
    for number, row in enumerate(data.get("lesions", []), start=1):
        given = dict(row)
        lesion_id = given.pop("id", f"L{number:02d}")
        lesions[lesion_id] = _wish(given, f"{name} {lesion_id}")
    return PatientSpec(
        patient_id=name,
        says=data["says"],
        build=data.get("build", {}),
        lesions=lesions,
        confounders=tuple(
            ConfounderWish(kind=_member(ConfounderKind, c["kind"]), near=c["near"])
            for c in data.get("confounders", [])
        ),
        scans={v: _scan(d, f"{name} {v}") for v, d in _by_visit(data.get("scans", {})).items()},
        files={v: _files(d, f"{name} {v}") for v, d in _by_visit(data.get("files", {})).items()},
    )


def _by_visit(given: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Join what holds for all visits with what a visit changes of it."""
    common = given.get("all", {})
    wanted = VISITS if common else [v for v in VISITS if v in given]
    return {visit: {**common, **given.get(visit, {})} for visit in wanted}


def _wish(given: dict[str, Any], where: str) -> Wish:
    given["course"] = _member(Course, given.get("course", "stable"))
    given["setting"] = _member(Setting, given.get("setting", "central"))
    given["uptake"] = _member(Uptake, given.get("uptake", "steady"))
    return _made(Wish, given, where)


def _scan(given: dict[str, Any], where: str) -> ScanChoice:
    if "kernel" in given:
        given["kernel"] = _member(Kernel, given["kernel"])
    if "pet_shift_mm" in given:
        x, y, z = (float(v) for v in given["pet_shift_mm"])
        given["pet_shift_mm"] = (x, y, z)
    return _made(ScanChoice, given, where)


def _files(given: dict[str, Any], where: str) -> VisitFiles:
    if "companions" in given:
        given["companions"] = tuple(_member(Companion, c) for c in given["companions"])
    for name in ("ct_faults", "pet_faults"):
        given[name] = tuple(given.get(name, ()))
    return _made(VisitFiles, given, where)


def _made(kind: type[Kind], given: Mapping[str, Any], where: str) -> Kind:
    """Make a frozen type from a table whose keys are its fields."""
    known = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    _only(given, known, where)
    return kind(**given)


def _only(given: Mapping[str, Any], known: tuple[str, ...] | list[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise ScenarioError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")


Member = TypeVar("Member", bound=StrEnum)


def _member(kind: type[Member], value: str) -> Member:
    try:
        return kind(value)
    except ValueError as exc:
        raise ScenarioError(f"{value!r} is none of {', '.join(m.value for m in kind)}") from exc


def scenario_patient(scenario: Scenario, spec: PatientSpec) -> Patient:
    """Build one patient of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Gives seed and preset.
    spec : PatientSpec
        One of its patients.

    Returns
    -------
    Patient
        As any other.

    Raises
    ------
    ScenarioError
        If a lesion does not fit where it is wanted.
    """
    build = replace(draw_build(scenario.seed, spec.patient_id), **spec.build)
    bones = build_skeleton(build, scenario.preset)
    lesions: list[LesionPlan] = []
    for lesion_id, wish in spec.lesions.items():
        lesions.append(_placed(build, bones, wish, lesions, lesion_id))
    confounders = [
        confounder_near(build, bones[near.bone], near, wish.kind)
        for wish in spec.confounders
        for near in lesions
        if near.lesion_id == wish.near
    ]
    return Patient(build, scenario.preset, bones, lesions, confounders, spec.scans)


def _placed(
    build: Build, bones: dict[str, Bone], wish: Wish, taken: list[LesionPlan], lesion_id: str
) -> LesionPlan:
    site_of(bones, wish.bone, wish.site)
    plan = place(build, bones, wish, taken, lesion_id)
    if plan is None:
        size = "" if wish.diameter_mm is None else f" of {wish.diameter_mm} mm"
        raise ScenarioError(
            f"{build.patient_id} {lesion_id}: no {wish.setting.value} lesion{size} fits into "
            f"{wish.bone} {wish.site}; make it smaller, or set it elsewhere"
        )
    return plan


def write_scenario(
    folder: Path, name: str | Path, *, jobs: int = 2, progress: Progress | None = None
) -> None:
    """Write the study folder of a scenario, with its truth.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    name : str or Path
        As for `load_scenario`.
    jobs, progress
        As in `phantoms.write_study`.
    """
    scenario = load_scenario(name)
    files = {
        (spec.patient_id, visit): choice
        for spec in scenario.patients
        for visit, choice in spec.files.items()
    }
    write_patients(
        folder,
        [scenario_patient(scenario, spec) for spec in scenario.patients],
        files=files,
        markers=scenario.markers,
        masks=scenario.masks,
        jobs=jobs,
        progress=progress,
        about={
            "scenario": scenario.name,
            "proves": scenario.proves,
            "seed": scenario.seed,
            "preset": scenario.preset,
        },
    )
