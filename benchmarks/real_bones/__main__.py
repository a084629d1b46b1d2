"""The command: write, evaluate and compare."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks import real_bones
from benchmarks.real_bones.anatomy import REGIONS
from benchmarks.real_bones.meshes import load_model
from benchmarks.real_bones.patient import make_patient
from benchmarks.real_bones.report import bad_readings, table
from benchmarks.real_bones.study import write_study
from lesionscore.evaluation import evaluate_study
from lesionscore.study import read_study
from lesionscore.validation.measures import accuracy
from lesionscore.validation.run import join_truth


def main() -> None:
    """Write studies, evaluate them unless told not to, and print the measures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_bones", description=real_bones.__doc__
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument(
        "--region", choices=tuple(REGIONS), help="for all seeds; else it follows the seed"
    )
    parser.add_argument("--keep", type=Path, help="folder for the studies and their results")
    parser.add_argument("--json", type=Path, help="file for the measures")
    parser.add_argument("--only-write", action="store_true")
    options = parser.parse_args()
    if options.only_write and options.keep is None:
        parser.error("--only-write needs --keep")
    with tempfile.TemporaryDirectory(prefix="real-bones-") as scratch:
        root = options.keep or Path(scratch)
        _write(root, options.seeds, options.region)
        if options.only_write:
            return
        joined = _evaluate(root, options.seeds)
    measures = accuracy(joined)
    print(f"{len(options.seeds)} patients, {len(joined)} lesions at visits")
    print(table(measures))
    print("\n".join(bad_readings(joined)))
    if options.json is not None:
        options.json.write_text(json.dumps(measures, indent=1) + "\n")


def _write(root: Path, seeds: list[int], region: str | None) -> None:
    """Write one study folder per seed."""
    model = load_model()
    for seed in seeds:
        begin = time.perf_counter()
        write_study(root / str(seed), make_patient(seed, model, region))
        print(f"seed {seed}: written in {time.perf_counter() - begin:.0f} s", file=sys.stderr)


def _evaluate(root: Path, seeds: list[int]) -> pd.DataFrame:
    """Evaluate every study and join it with its truth."""
    joined = []
    for seed in seeds:
        begin = time.perf_counter()
        folder, out = root / str(seed), root / f"{seed}-out"
        evaluate_study(read_study(folder), out)
        print(f"seed {seed}: evaluated in {time.perf_counter() - begin:.0f} s", file=sys.stderr)
        joined.append(join_truth(folder, out))
    return pd.concat(joined, ignore_index=True)


if __name__ == "__main__":
    main()
