"""``run.json``: versions, protocol, hashes, seconds per stage; and ``study.json`` beside it.

What a table holds does not depend on when or where it was made; what does, is here.
"""

from __future__ import annotations

import dataclasses
import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lesionscore import __version__
from lesionscore.errors import OutputError
from lesionscore.results import PatientResult
from lesionscore.study import Study

PACKAGES = (
    "numpy",
    "scipy",
    "SimpleITK",
    "pydicom",
    "numba",
    "scikit-image",
    "pandas",
    "pyarrow",
    "statsmodels",
    "highdicom",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What has to be known to repeat a run."""

    study: Study
    results: tuple[PatientResult, ...]
    seconds_per_stage: dict[str, float]
    created: datetime

    @classmethod
    def of(
        cls, study: Study, results: Sequence[PatientResult], seconds_writing: float
    ) -> RunRecord:
        """Add up the stages of all patients."""
        seconds: dict[str, float] = {}
        for result in results:
            for stage, spent in result.seconds_per_stage.items():
                seconds[stage] = seconds.get(stage, 0.0) + spent
        seconds["tables"] = seconds_writing
        return cls(
            study=study,
            results=tuple(results),
            seconds_per_stage=seconds,
            created=datetime.now(UTC),
        )

    def with_seconds(self, stage: str, seconds: float) -> RunRecord:
        """The record with one more stage."""
        return dataclasses.replace(
            self, seconds_per_stage=self.seconds_per_stage | {stage: seconds}
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        protocol = self.study.protocol
        return {
            "lesionscore_version": __version__,
            "python_version": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "created": self.created.isoformat(timespec="seconds"),
            "versions": installed_versions(),
            "protocol": {
                "name": protocol.study.name,
                "hash": protocol.hash,
                "values": protocol.values(),
                "open_questions": [
                    dataclasses.asdict(question) for question in protocol.open_questions
                ],
            },
            "study_tables": dict(self.study.hashes),
            "findings": [
                {"code": finding.code, "message": finding.message}
                for finding in self.study.findings
            ],
            "seconds_per_stage": {
                stage: round(seconds, 3) for stage, seconds in self.seconds_per_stage.items()
            },
            "patients": [
                {
                    "patient_id": result.patient_id,
                    "status": "failed" if result.failures else "done",
                    "reason": "; ".join(result.failures),
                    "trace": result.trace,
                    "seconds_per_stage": {
                        stage: round(seconds, 3)
                        for stage, seconds in result.seconds_per_stage.items()
                    },
                }
                for result in self.results
            ],
        }


def installed_versions() -> dict[str, str]:
    """Version of every package that has a say in the numbers."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_run_record(out: Path, record: RunRecord) -> None:
    """Write ``run.json``."""
    write_json(out / "run.json", record.as_dict())


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys; a number that is none becomes null.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = json.dumps(_plain(values), indent=2, sort_keys=True, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise OutputError(f"{path}: cannot be written ({exc.strerror})") from exc


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: both mean that nothing is known."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
