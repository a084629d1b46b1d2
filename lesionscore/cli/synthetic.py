"""Commands that make synthetic patients: ``demo`` and ``phantom``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lesionscore.cli.exits import Exit, finish, refusals
from lesionscore.cli.scoring import run_evaluation, show_verdicts
from lesionscore.cli.show import progress_bar, say, say_error, show_table
from lesionscore.study import read_study
from lesionscore.validation.limits import LIMITS

if TYPE_CHECKING:
    from lesionscore.validation import Validation

DEMO = "demo"


class Preset(StrEnum):
    """Size of a synthetic patient."""

    SMALL = "small"
    FULL = "full"


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the study and its results.")
    ] = Path("lesionscore-demo"),
) -> None:
    """Make a synthetic patient's study as DICOM, evaluate it, print the verdicts."""
    study_folder, results = out / "study", out / "results"
    _write_scenario(study_folder, DEMO)
    with refusals():
        study = read_study(study_folder)
        evaluation = run_evaluation(study, results, patient=None, jobs=1, cluster=None)
    show_verdicts(evaluation)
    finish(evaluation.failures)


def phantom(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder for the study; made when not there.")],
    patients: Annotated[int, typer.Option(min=1, help="Number of patients.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    preset: Annotated[
        Preset, typer.Option(help="small: T8 to hips; full: skull to mid-thigh.")
    ] = Preset.SMALL,
    scenario: Annotated[
        str | None,
        typer.Option(help="Named patients instead of random ones: a name or a TOML file."),
    ] = None,
) -> None:
    """Write a synthetic study folder with its exact truth."""
    if scenario is None:
        _write_phantoms(folder, patients=patients, seed=seed, preset=preset)
    else:
        _refuse_choices_of_chance(ctx)
        _write_scenario(folder, scenario)
    say(f"study: {folder}")
    say(f"truth: {folder / 'truth'}")


def _refuse_choices_of_chance(ctx: typer.Context) -> None:
    """Refuse options that a scenario sets by itself: nothing given is passed over in silence."""
    for name in ("patients", "seed", "preset"):
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"--{name} is set by the scenario; leave one of the two out")


def _write_phantoms(folder: Path, *, patients: int, seed: int, preset: Preset) -> None:
    """Write random patients, or say why not."""
    # imported here: the phantoms are not needed, nor loaded, for any other command
    from phantoms.lesions.courses import VISITS
    from phantoms.study import write_study

    with _writing(folder, patients * len(VISITS)) as written:
        write_study(folder, patients=patients, seed=seed, preset=preset.value, progress=written)


def _write_scenario(folder: Path, name: str) -> None:
    """Write a scenario's patients, or say why not."""
    from phantoms.lesions.courses import VISITS
    from phantoms.scenario import ScenarioError, load_scenario, write_scenario

    try:
        scans = len(load_scenario(name).patients) * len(VISITS)
    except (ScenarioError, OSError) as exc:
        say_error(str(exc))
        raise typer.Exit(Exit.NOTHING_DONE) from exc
    with _writing(folder, scans) as written:
        write_scenario(folder, name, progress=written)


@contextmanager
def _writing(folder: Path, scans: int) -> Iterator[Callable[[int, int, str], None]]:
    """Show what is written; a folder that cannot be written ends with 2."""
    try:
        with progress_bar(scans, "synthetic scans") as told:

            def written(_done: int, _total: int, what: str) -> None:
                told(what, "written")
                told(what, "")

            yield written
    except OSError as exc:
        say_error(f"{folder}: cannot be written ({exc.strerror or exc})")
        raise typer.Exit(Exit.NOTHING_DONE) from exc


def validate(
    patients: Annotated[int, typer.Option(min=1, help="Number of synthetic patients.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other patients.")] = 1000,
    preset: Annotated[Preset, typer.Option(help="Size of the scans.")] = Preset.SMALL,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Measure the accuracy of this installation on fresh synthetic patients."""
    # imported here: it loads the phantoms, which no other command needs
    from lesionscore.validation import validate as run_validation

    with refusals(), progress_bar(patients, "patients") as told:
        found = run_validation(
            patients=patients, seed=seed, preset=preset.value, jobs=jobs, told=told
        )
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        _show_validation(found)
    finish(f"{name}: {found.measures[name]:.3f} is outside its limit" for name in found.failed)


def _show_validation(found: Validation) -> None:
    """Print every measure beside its limit."""
    limits = {limit.measure: limit.words for limit in LIMITS}
    rows = [
        (
            name,
            f"{value:.3f}",
            limits.get(name, ""),
            "" if name not in limits else "failed" if name in found.failed else "met",
        )
        for name, value in found.measures.items()
    ]
    show_table("Accuracy", ("measure", "found", "limit", "result"), rows, numeric=("found",))
    bins = [
        (
            f"{one['lowest']:.2f} to {one['highest']:.2f}",
            f"{one['lesions']:.0f}",
            f"{one['mean_probability']:.3f}",
            f"{one['healed_fraction']:.3f}",
        )
        for one in found.reliability
    ]
    columns = ("stated probability", "lesion visits", "mean", "truly healed")
    show_table("Probability of healing", columns, bins, numeric=columns[1:])
    say(
        f"{found.patients} patients of seed {found.seed}, {found.lesion_visits} lesion visits: "
        f"{found.seconds:.1f} s, {found.peak_memory_mb:.0f} MB"
    )
