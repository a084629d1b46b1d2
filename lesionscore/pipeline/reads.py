"""One patient from a reader's values in place of images; the same scoring."""

from __future__ import annotations

from collections.abc import Sequence

from lesionscore.lesions.records import ReadingStatus
from lesionscore.pipeline.patient import PatientCase
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.results import LesionVisit, PatientResult, ScanRecord
from lesionscore.scoring.healing import score_lesion
from lesionscore.scoring.reads import readings_from_reads
from lesionscore.scoring.uptake import score_uptake
from lesionscore.study import ReadRow

READ_BY_READER = "read_by_reader"
NOT_READ = "not_read"


def score_reads(case: PatientCase, reads: Sequence[ReadRow], protocol: Protocol) -> PatientResult:
    """Score a patient whose lesions a reader measured.

    Parameters
    ----------
    case : PatientCase
        The patient's visits and lesions.
    reads : sequence of ReadRow
        The patient's rows of ``reads.csv``.
    protocol : Protocol
        The study definition.

    Returns
    -------
    PatientResult
        A row for every lesion and visit; the scans are named as not read by this program.
    """
    sites = {plan.lesion_id: plan.site for plan in case.lesions}
    labels = {plan.lesion_id: plan.label for plan in case.lesions}
    visits = [plan.visit for plan in case.visits]
    days = {plan.visit: plan.days_from_inclusion for plan in case.visits}
    rows = []
    for number, lesion_id in enumerate(sorted({row.lesion_id for row in reads} | set(sites)), 1):
        readings = {
            one.visit: one
            for one in readings_from_reads(reads, lesion_id, visits, protocol.measurable)
        }
        reference = readings[INCLUSION]
        rows += [
            LesionVisit(
                patient_id=case.patient_id,
                lesion_id=lesion_id,
                label=labels.get(lesion_id, number),
                site=sites.get(lesion_id, ""),
                visit=visit,
                days_from_inclusion=days[visit],
                ct=one.ct,
                pet=one.pet,
                verdict=score_lesion(reference.ct, one.ct, protocol),
                uptake=score_uptake(reference.pet, one.pet, protocol.uptake),
            )
            for visit, one in readings.items()
        ]
    read_visits = {row.visit for row in reads}
    scans = tuple(
        ScanRecord(
            patient_id=case.patient_id,
            visit=plan.visit,
            modality=modality,
            status=ReadingStatus.MISSING,
            date=plan.date,
            days_from_inclusion=plan.days_from_inclusion,
            reasons=(READ_BY_READER if plan.visit in read_visits else NOT_READ,),
        )
        for plan in case.visits
        for modality in ("CT", "PET")
    )
    return PatientResult(patient_id=case.patient_id, scans=scans, lesions=tuple(rows))
