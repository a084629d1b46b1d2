"""Rows for a patient whose evaluation failed in a way that nobody foresaw."""

from __future__ import annotations

from lesionscore.lesions.records import CtReading, PetReading, ReadingStatus
from lesionscore.pipeline.patient import PatientCase
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.results import LesionVisit, PatientResult, ScanRecord
from lesionscore.scoring.healing import score_lesion
from lesionscore.scoring.uptake import score_uptake

PATIENT_FAILED = "patient_failed"


def failed_patient(
    case: PatientCase, error: Exception, trace: str, protocol: Protocol
) -> PatientResult:
    """Give every scan and lesion of a failed patient a row with the reason.

    Parameters
    ----------
    case : PatientCase
        What was asked for.
    error : Exception
        What went wrong.
    trace : str
        Its traceback.
    protocol : Protocol
        The study definition.

    Returns
    -------
    PatientResult
        Nothing evaluable, one failure.
    """
    words = f"{type(error).__name__}: {error}"
    status, reasons = ReadingStatus.NOT_EVALUABLE, (PATIENT_FAILED,)
    scans = tuple(
        ScanRecord(
            patient_id=case.patient_id,
            visit=plan.visit,
            modality=modality,
            status=ReadingStatus.MISSING if path is None else status,
            date=plan.date,
            days_from_inclusion=plan.days_from_inclusion,
            reasons=reasons,
        )
        for plan in case.visits
        for modality, path in (("CT", plan.ct), ("PET", plan.pet))
    )
    rows = []
    for lesion in case.lesions:
        ct = {
            plan.visit: CtReading(
                lesion_id=lesion.lesion_id, visit=plan.visit, status=status, reasons=reasons
            )
            for plan in case.visits
        }
        pet = {
            plan.visit: PetReading(
                lesion_id=lesion.lesion_id, visit=plan.visit, status=status, reasons=reasons
            )
            for plan in case.visits
        }
        rows += [
            LesionVisit(
                patient_id=case.patient_id,
                lesion_id=lesion.lesion_id,
                label=lesion.label,
                site=lesion.site,
                visit=plan.visit,
                days_from_inclusion=plan.days_from_inclusion,
                ct=ct[plan.visit],
                pet=pet[plan.visit],
                verdict=score_lesion(ct[INCLUSION], ct[plan.visit], protocol),
                uptake=score_uptake(pet[INCLUSION], pet[plan.visit], protocol.uptake),
            )
            for plan in case.visits
        ]
    return PatientResult(
        patient_id=case.patient_id,
        scans=scans,
        lesions=tuple(rows),
        failures=(f"patient {case.patient_id}: {words}",),
        trace=trace,
    )
