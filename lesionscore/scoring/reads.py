"""A reader's diameters and calls as the same records that images give.

A lesion that a reader read goes through the same scoring as one that was measured; it has no
uncertainty, so no probability stands beside its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lesionscore.lesions.records import (
    CtReading,
    PetReading,
    Presence,
    ReaderRead,
    ReadingStatus,
)
from lesionscore.protocol.rules import MeasurableRule
from lesionscore.protocol.visits import INCLUSION
from lesionscore.scoring.course import NEW_LESION
from lesionscore.study.records import Call, ReadRow

EVENT_FLAGS = {
    "new": NEW_LESION,
    "split": "lesion_split",
    "merged": "lesion_merged",
    "reappeared": "lesion_reappeared",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitReadings:
    """What a reader gives for one lesion at one visit."""

    visit: str
    ct: CtReading
    pet: PetReading


def readings_from_reads(
    reads: Sequence[ReadRow], lesion_id: str, visits: Sequence[str], rule: MeasurableRule
) -> tuple[VisitReadings, ...]:
    """Turn the reads of one lesion into readings of every visit.

    Parameters
    ----------
    reads : sequence of ReadRow
        Of one patient; other lesions are passed over.
    lesion_id : str
        Which lesion.
    visits : sequence of str
        The protocol's visits.
    rule : MeasurableRule
        Smallest diameter that counts as measurable.

    Returns
    -------
    tuple of VisitReadings
        One for each visit; one that was not read is missing, with the reason ``not_read``, or
        ``not_there_yet`` before a new lesion was first seen.
    """
    by_visit = {row.visit: row for row in reads if row.lesion_id == lesion_id}
    reference = by_visit.get(INCLUSION)
    appears = next((v for v in visits if v in by_visit and by_visit[v].event == "new"), None)
    before = () if appears is None else visits[: visits.index(appears)]
    made = []
    for visit in visits:
        row = by_visit.get(visit)
        if row is None:
            ct = CtReading(
                lesion_id=lesion_id,
                visit=visit,
                status=ReadingStatus.MISSING,
                reasons=("not_there_yet" if visit in before else "not_read",),
            )
        else:
            ct = _ct_reading(row, reference, rule)
        made.append(VisitReadings(visit=visit, ct=ct, pet=_pet_reading(row, lesion_id, visit)))
    return tuple(made)


def _ct_reading(row: ReadRow, reference: ReadRow | None, rule: MeasurableRule) -> CtReading:
    """Make the reading of the CT part of one read."""
    flags = ["reader_read"]
    if row.event:
        flags.append(EVENT_FLAGS[row.event])
    if reference is not None and row.reader != reference.reader:
        flags.append("reader_differs_from_inclusion")
    presence = _presence(row)
    if presence is None and row.sclerosis in (None, Call.NOT_EVALUABLE):
        return CtReading(
            lesion_id=row.lesion_id,
            visit=row.visit,
            status=ReadingStatus.NOT_EVALUABLE,
            reasons=("reader_not_evaluable",),
            flags=tuple(flags),
        )
    return CtReading(
        lesion_id=row.lesion_id,
        visit=row.visit,
        status=ReadingStatus.EVALUABLE,
        flags=tuple(flags),
        presence=presence,
        measurable_limit_mm=row.below_mm or rule.minimum_diameter_mm,
        reader_read=ReaderRead(
            reader=row.reader,
            longest_diameter_mm=row.longest_diameter_mm,
            axial_diameter_mm=row.axial_diameter_mm,
            short_axis_mm=row.short_axis_mm,
            axial_area_mm2=row.axial_area_mm2,
            volume_ml=row.volume_ml,
            sclerosis_increased=_answer(row.sclerosis),
            complete=_answer(row.complete),
        ),
    )


def _presence(row: ReadRow) -> Presence | None:
    """Say what is left of the lesion by the reader's word."""
    if row.complete is Call.YES:
        return Presence.ABSENT
    if row.below_mm is not None:
        return Presence.TOO_SMALL
    if row.longest_diameter_mm is not None or row.complete is Call.NO:
        return Presence.PRESENT
    return None


def _answer(call: Call | None) -> bool | None:
    """Yes or no, None where the reader gave neither."""
    return None if call in (None, Call.NOT_EVALUABLE) else call is Call.YES


def _pet_reading(row: ReadRow | None, lesion_id: str, visit: str) -> PetReading:
    """Make the reading of the PET part of one read."""
    if row is None or row.suv_max is None:
        return PetReading(
            lesion_id=lesion_id, visit=visit, status=ReadingStatus.MISSING, reasons=("not_read",)
        )
    return PetReading(
        lesion_id=lesion_id,
        visit=visit,
        status=ReadingStatus.EVALUABLE,
        flags=("reader_read",),
        suv_max=row.suv_max,
        suv_peak=row.suv_peak,
        suv_mean=row.suv_mean,
    )
