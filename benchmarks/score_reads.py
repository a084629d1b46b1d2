"""How long scoring a large study of reads and markers takes, from tables to tables.

Run with ``python benchmarks/score_reads.py [PATIENTS]``: writes a study of that many patients with
five lesions at four visits and five markers, reads and checks it, scores and summarises it, and
prints the seconds. The pages are drawn, not scored: their seconds stand apart.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from lesionscore.evaluation import evaluate_study
from lesionscore.study import read_study

VISITS = {"inclusion": 0, "month_3": 91, "month_12": 365, "month_24": 730}
MARKERS = {
    "bALP": (14.0, "ug/L"),
    "PINP": (45.0, "ug/L"),
    "OC": (18.0, "ug/L"),
    "CTX": (0.4, "ug/L"),
    "TRAP5b": (3.0, "U/L"),
}
LESIONS = 5


def write_study(folder: Path, patients: int) -> None:
    """Write visits, lesions, reads and markers of patients who respond a little."""
    rng = np.random.default_rng(1)
    rows: dict[str, list[str]] = {"visits": [], "lesions": [], "reads": [], "markers": []}
    for number in range(patients):
        name = f"P{number:03d}"
        response = rng.normal(0.93, 0.06)
        inclusion_mm = rng.uniform(7.0, 25.0, LESIONS)
        rows["lesions"] += [f"{name},L{k},rib" for k in range(LESIONS)]
        for step, (visit, day) in enumerate(VISITS.items()):
            today = date(2020, 1, 6) + timedelta(days=number + day)
            rows["visits"].append(f"{name},{visit},{today},,")
            for k, start_mm in enumerate(inclusion_mm):
                size_mm = start_mm * response**step * rng.normal(1.0, 0.05)
                suv = 15.0 * rng.lognormal(0.0, 0.14)
                denser = "yes" if step and rng.random() < 0.1 else "no"
                rows["reads"].append(f"{name},L{k},{visit},{size_mm:.1f},{denser},no,{suv:.2f}")
            for marker, (level, unit) in MARKERS.items():
                value = level * rng.lognormal(0.02 * step, 0.15)
                rows["markers"].append(f"{name},{visit},{today},{marker},{value:.3f},{unit}")
    headers = {
        "visits": "patient_id,visit,date,ct,pet",
        "lesions": "patient_id,lesion_id,site",
        "reads": "patient_id,lesion_id,visit,longest_diameter_mm,sclerosis,complete,suv_max",
        "markers": "patient_id,visit,date,marker,value,unit",
    }
    for table, header in headers.items():
        (folder / f"{table}.csv").write_text("\n".join([header, *rows[table]]) + "\n")


def main() -> None:
    """Write, read, score, print."""
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder, patients)
        begin = time.perf_counter()
        study = read_study(folder)
        checked = time.perf_counter()
        evaluate_study(study, folder / "out")
        done = time.perf_counter()
        run = json.loads((folder / "out" / "run.json").read_text())
        pages = run["seconds_per_stage"]["report"]
    print(f"{patients} patients, {LESIONS} lesions, {len(VISITS)} visits")
    print(f"tables read and checked {checked - begin:6.1f} s")
    print(f"scored and summarised   {done - checked - pages:6.1f} s")
    print(f"pages drawn             {pages:6.1f} s")


if __name__ == "__main__":
    main()
