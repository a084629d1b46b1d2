"""Fresh phantoms by seed, evaluated and compared with their truth."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from lesionscore.evaluation import evaluate_study
from lesionscore.study import read_study
from lesionscore.validation.limits import LIMITS
from lesionscore.validation.measures import accuracy, failed_limits, reliability
from phantoms.study import write_study

KEYS = ["patient_id", "lesion_id", "visit"]
MATRIX = [f"m{row}{column}" for row in range(4) for column in range(4)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What was measured against truth.

    Parameters
    ----------
    measures : dict of str to float
        By name.
    failed : tuple of str
        Measures outside their limits.
    reliability : tuple of dict
        Stated probability of healing against how often it was true.
    patients, seed, lesion_visits : int
        What the measures rest on.
    seconds, peak_memory_mb : float
        Of the evaluation alone; of the whole process.
    """

    measures: dict[str, float]
    failed: tuple[str, ...]
    reliability: tuple[dict[str, float], ...]
    patients: int
    seed: int
    lesion_visits: int
    seconds: float
    peak_memory_mb: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the limits."""
        limits = {limit.measure: limit.words for limit in LIMITS}
        return asdict(self) | {"limits": limits}


def validate(
    *,
    patients: int,
    seed: int,
    preset: str = "small",
    jobs: int = 1,
    told: Callable[[str, str], None] | None = None,
) -> Validation:
    """Write fresh phantoms, evaluate them, compare with truth.

    Parameters
    ----------
    patients, seed : int
        How many patients, from which seed.
    preset : str
        ``small`` or ``full``.
    jobs : int
        Number of processes of the evaluation.
    told : callable, optional
        Told what is running.

    Returns
    -------
    Validation
        Measures, and which of them miss their limits.
    """
    with tempfile.TemporaryDirectory(prefix="lesionscore-validate-") as name:
        folder = Path(name)
        write_study(folder / "study", patients=patients, seed=seed, preset=preset)
        begin = time.perf_counter()
        evaluate_study(read_study(folder / "study"), folder / "out", jobs=jobs, progress=told)
        seconds = time.perf_counter() - begin
        joined = join_truth(folder / "study", folder / "out")
    measures = accuracy(joined)
    return Validation(
        measures=measures,
        failed=tuple(failed_limits(measures)),
        reliability=tuple(reliability(joined)),
        patients=patients,
        seed=seed,
        lesion_visits=len(joined),
        seconds=seconds,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def join_truth(study: Path, out: Path) -> pd.DataFrame:
    """Join an evaluation with the truth of its synthetic study.

    Parameters
    ----------
    study : Path
        A folder of ``lesionscore phantom``.
    out : Path
        What ``lesionscore evaluate`` made of it.

    Returns
    -------
    DataFrame
        As `lesionscore.validation.measures.accuracy` takes it.
    """
    found = pd.read_csv(out / "lesions.csv")
    truth = pd.read_csv(study / "truth" / "lesions.csv")
    given = pd.read_csv(study / "lesions.csv")
    truth = truth.rename(columns={name: f"true_{name}" for name in truth if name not in KEYS})
    joined = found.merge(truth, on=KEYS, how="inner")
    masked = given.set_index(["patient_id", "lesion_id"])["mask"].notna()
    keys = pd.MultiIndex.from_frame(joined[["patient_id", "lesion_id"]])
    joined["has_mask"] = masked.reindex(keys).to_numpy(dtype=bool)
    joined["tre_mm"] = _target_errors(joined, study, out)
    return joined


def _target_errors(joined: pd.DataFrame, study: Path, out: Path) -> list[float]:
    """Distance between the carried true inclusion centre and where its bone truly went, mm."""
    bones = pd.read_csv(study / "truth" / "transforms.csv").set_index(
        ["patient_id", "bone", "visit"]
    )
    start = joined[joined["visit"] == "inclusion"].set_index(["patient_id", "lesion_id"])
    errors = []
    for row in joined.to_dict("records"):
        name = f"{row['lesion_id']}_{row['visit']}.tfm"
        path = out / "patients" / row["patient_id"] / "transforms" / name
        key = (row["patient_id"], row["lesion_id"])
        if not path.exists() or key not in start.index:
            errors.append(float("nan"))
            continue
        at = start.loc[key, ["true_x_mm", "true_y_mm", "true_z_mm"]].to_numpy(dtype=float)
        matrix = bones.loc[(row["patient_id"], row["true_bone"], row["visit"]), MATRIX]
        true = (matrix.to_numpy(dtype=float).reshape(4, 4) @ [*at, 1.0])[:3]
        carried = sitk.ReadTransform(str(path)).TransformPoint(at.tolist())
        errors.append(float(np.linalg.norm(np.asarray(carried) - true)))
    return errors
