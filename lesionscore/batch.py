"""Many patients: plan from the study tables, run in this or in several processes.

Results do not depend on the number of processes, nor on the order of the tables' rows: each
patient is evaluated alone, and rows are sorted when they are written.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from lesionscore.errors import StudyError
from lesionscore.pipeline import PatientCase, evaluate_patient
from lesionscore.pipeline.failed import failed_patient
from lesionscore.pipeline.inclusion import LesionPlan
from lesionscore.pipeline.scans import VisitPlan
from lesionscore.protocol.protocol import Protocol
from lesionscore.results import PatientResult
from lesionscore.study import Study

Progress = Callable[[str, str], None]
"""Called with a patient id and the words for what is running; empty words when done."""


def plan_study(study: Study, patient_id: str | None = None) -> tuple[PatientCase, ...]:
    """Plan the patients' evaluation from the study tables, without reading a scan.

    Parameters
    ----------
    study : Study
        The tables, checked.
    patient_id : str, optional
        Only this patient.

    Returns
    -------
    tuple of PatientCase
        Sorted by patient id; a patient without lesions is left out, as there is nothing to
        follow.

    Raises
    ------
    StudyError
        If no table has the patient asked for.
    """
    if patient_id is not None and patient_id not in study.patient_ids:
        known = ", ".join(study.patient_ids) or "none"
        raise StudyError(f"{study.folder}: no patient {patient_id!r}; the tables have {known}")
    chosen = study.patient_ids if patient_id is None else (patient_id,)
    return tuple(_plan_patient(study, one) for one in chosen)


def run(
    cases: Sequence[PatientCase],
    protocol: Protocol,
    out: Path,
    *,
    jobs: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> list[PatientResult]:
    """Evaluate patients; one that fails becomes a failed result, the others are untouched.

    Parameters
    ----------
    cases : sequence of PatientCase
        From `plan_study`.
    protocol : Protocol
        The study definition.
    out : Path
        The output folder, which exists.
    jobs : int
        Number of processes; 1 stays in this one.
    cluster : str, optional
        Address of a Dask scheduler that takes the place of local processes.
    progress : callable, optional
        Told what is running.

    Returns
    -------
    list of PatientResult
        In the order of `cases`.
    """
    told = progress or (lambda _patient, _words: None)
    if cluster is None and (jobs <= 1 or len(cases) <= 1):
        results = []
        for case in cases:
            results.append(_attempt(case, protocol, out, told))
            told(case.patient_id, "")
        return results
    done: dict[str, PatientResult] = {}
    with _workers(min(jobs, len(cases)), cluster) as workers:
        futures = {workers.submit(_attempt, case, protocol, out): case.patient_id for case in cases}
        for future in as_completed(futures):
            done[futures[future]] = future.result()
            told(futures[future], "")
    return [done[case.patient_id] for case in cases]


@contextmanager
def _workers(jobs: int, cluster: str | None) -> Iterator[Executor]:
    """Local processes, or a Dask cluster seen as such."""
    if cluster is None:
        # spawned, not forked: SimpleITK's and numba's threads do not survive a fork
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ImportError as exc:
        raise StudyError(
            "a Dask cluster needs the extra `cluster`: pip install 'lesionscore[cluster]'"
        ) from exc
    with Client(cluster) as client:
        yield client.get_executor()


def _attempt(
    case: PatientCase, protocol: Protocol, out: Path, told: Progress | None = None
) -> PatientResult:
    """Evaluate one patient; whatever goes wrong becomes a failed result with its trace."""

    def tell(words: str) -> None:
        if told is not None:
            told(case.patient_id, words)

    try:
        return evaluate_patient(case, protocol, out, tell)
    except Exception as exc:  # broad, as for one lesion: a case must not stop the batch
        return failed_patient(case, exc, traceback.format_exc(), protocol)


def _plan_patient(study: Study, patient_id: str) -> PatientCase:
    """One patient's visits and lesions; visits of the protocol without a row are not done."""
    visits = []
    for visit in study.protocol.visit_ids:
        row = study.visit_of(patient_id, visit)
        if row is None:
            visits.append(
                VisitPlan(visit=visit, date=None, days_from_inclusion=None, ct=None, pet=None)
            )
            continue
        visits.append(
            VisitPlan(
                visit=visit,
                date=row.date,
                days_from_inclusion=study.days_from_inclusion(patient_id, row.date),
                ct=row.ct,
                pet=row.pet,
                pet_unit=row.pet_unit,
                ct_series=row.ct_series,
                pet_series=row.pet_series,
                row=row.row,
            )
        )
    lesions = tuple(
        LesionPlan(
            lesion_id=row.lesion_id,
            label=row.label,
            site=row.site,
            position_mm=row.position_mm,
            mask=row.mask,
            mask_label=row.mask_label,
        )
        for row in study.lesions_of(patient_id)
    )
    return PatientCase(patient_id=patient_id, visits=tuple(visits), lesions=lesions)
