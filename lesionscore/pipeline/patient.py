"""One patient, stage after stage: read, segment, align, read uptake, measure, score, write."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from statistics import median

from threadpoolctl import threadpool_limits

from lesionscore.lesions.aligned import AlignedScan
from lesionscore.lesions.drift import Drift, scan_drift
from lesionscore.lesions.follow import LesionCourse, drift_at_lesion, follow_lesion
from lesionscore.lesions.records import CtReading, PetReading, ReadingStatus
from lesionscore.lesions.segment import InclusionLesion
from lesionscore.lesions.strip import make_strip, strip_half_width_mm
from lesionscore.pipeline.follow_up import (
    LesionView,
    VisitView,
    inclusion_alignments,
    look_at_visit,
    visit_alignments,
)
from lesionscore.pipeline.inclusion import (
    LESION_FAILED,
    NO_INCLUSION_CT,
    FoundLesion,
    LesionPlan,
    find_lesions,
    unforeseen,
)
from lesionscore.pipeline.outputs import PatientFolder
from lesionscore.pipeline.scans import VisitCt, VisitPlan, read_visit_ct, read_visit_pet
from lesionscore.pipeline.stages import Stages, Told, tell_nobody
from lesionscore.protocol.protocol import Protocol
from lesionscore.protocol.visits import INCLUSION
from lesionscore.registration.quality import LesionAlignment
from lesionscore.registration.scan import PreparedScan, prepare_scan
from lesionscore.registration.threads import available_threads
from lesionscore.results import LesionVisit, PatientResult, ScanRecord
from lesionscore.scoring.healing import score_lesion
from lesionscore.scoring.uptake import UptakeTimes, score_uptake
from lesionscore.uncertainty import limb_probabilities

NO_CT = "no_ct"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientCase:
    """What the study tables say of one patient; plain values that travel between processes.

    ``visits`` holds every visit of the protocol in order, done or not.
    """

    patient_id: str
    visits: tuple[VisitPlan, ...]
    lesions: tuple[LesionPlan, ...]


def evaluate_patient(
    case: PatientCase, protocol: Protocol, out: Path, told: Told = tell_nobody
) -> PatientResult:
    """Evaluate every lesion of one patient at every visit.

    Parameters
    ----------
    case : PatientCase
        The patient's visits and lesions.
    protocol : Protocol
        The study definition.
    out : Path
        The output folder; masks, transforms and strips go below it, tables do not.
    told : callable
        Called with the words for what is running.

    Returns
    -------
    PatientResult
        One record per scan and per lesion and visit, whatever failed.

    Raises
    ------
    OutputError
        If the output folder cannot be written.
    """
    # many small products in own threads: a linear algebra library's threads would fight them
    with threadpool_limits(limits=1, user_api="blas"):
        return _evaluate(case, protocol, out, told)


def _evaluate(case: PatientCase, protocol: Protocol, out: Path, told: Told) -> PatientResult:
    """Do what `evaluate_patient` says."""
    stages = Stages(told=told)
    folder = PatientFolder.make(out, case.patient_id, protocol.hash)
    by_visit = {plan.visit: plan for plan in case.visits}
    with stages.stage("read", "inclusion: reading CT"):
        inclusion_ct = read_visit_ct(case.patient_id, by_visit[INCLUSION], None)
    found: dict[str, FoundLesion] = {}
    if inclusion_ct.scan is not None:
        with stages.stage("segment", "inclusion: finding the lesions"):
            found = find_lesions(case.lesions, inclusion_ct.scan, protocol)
    lesions = {name: one.lesion for name, one in found.items() if one.lesion is not None}
    views = _look_at_visits(case, inclusion_ct, lesions, protocol, stages)
    # each lesion is measured alone, so the result does not depend on the number of threads
    with (
        stages.stage("measure", f"measuring {len(lesions)} lesions"),
        ThreadPoolExecutor(available_threads()) as threads,
    ):
        drifts = _scan_drifts(lesions, views, threads)
        followed = threads.map(lambda one: _follow(one, views, drifts, protocol), lesions.values())
        courses = dict(zip(lesions, followed, strict=True))
    with stages.stage("write", "writing masks, transforms and pictures"):
        _write(folder, case, views, lesions, courses)
    with stages.stage("score", "scoring"):
        rows = _score(case, found, courses, views, inclusion_ct, protocol)
    scans = tuple(
        record
        for plan in case.visits
        for record in (
            _with_drift(views[plan.visit].ct_record, courses),
            views[plan.visit].pet_record,
        )
    )
    return PatientResult(
        patient_id=case.patient_id,
        scans=scans,
        lesions=rows,
        failures=_failures(case.patient_id, scans, [*found.values(), *courses.values()]),
        seconds_per_stage=stages.seconds,
    )


def _look_at_visits(
    case: PatientCase,
    inclusion_ct: VisitCt,
    lesions: Mapping[str, InclusionLesion],
    protocol: Protocol,
    stages: Stages,
) -> dict[str, VisitView]:
    """Read and align one visit after the other, keeping small blocks only."""
    prepared: PreparedScan | None = None
    if inclusion_ct.scan is not None and lesions:
        with stages.stage("align", "inclusion: preparing"):
            prepared = prepare_scan(inclusion_ct.scan.volume)
    inclusion_info = None if inclusion_ct.scan is None else inclusion_ct.scan.info
    inclusion_pet = None
    views: dict[str, VisitView] = {}
    for plan in case.visits:
        is_inclusion = plan.visit == INCLUSION
        with stages.stage("read", f"{plan.visit}: reading"):
            ct = inclusion_ct
            if not is_inclusion:
                ct = read_visit_ct(case.patient_id, plan, inclusion_info)
            pet = read_visit_pet(
                case.patient_id,
                plan,
                inclusion_pet,
                protocol.uptake.uptake_min,
                protocol.uptake.tracer,
                None if ct.scan is None else ct.scan.info,
            )
            if is_inclusion and pet.scan is not None:
                inclusion_pet = pet.scan.info
        alignments: dict[str, LesionAlignment] = {}
        if is_inclusion:
            alignments = inclusion_alignments(lesions)
        elif prepared is not None and ct.scan is not None:
            with stages.stage("align", f"{plan.visit}: aligning {len(lesions)} lesions"):
                moving = prepare_scan(ct.scan.volume)
                alignments = visit_alignments(lesions, prepared, moving, protocol)
        with stages.stage("uptake", f"{plan.visit}: reading uptake"):
            views[plan.visit] = look_at_visit(ct, pet, lesions, alignments, protocol)
    return views


def _aligned_scan(lesion: InclusionLesion, view: VisitView) -> AlignedScan | None:
    """A later visit as following a lesion takes it; None where its bone was not aligned."""
    own = view.views.get(lesion.lesion_id)
    if view.visit == INCLUSION or own is None or not own.is_aligned:
        return None
    return AlignedScan(
        visit=view.visit,
        ct=own.ct,
        visit_from_inclusion=own.transform,
        registration_error_mm=own.alignment.error_mm or 0.0,
        flags=_alignment_flags(own.alignment),
    )


def _scan_drifts(
    lesions: Mapping[str, InclusionLesion],
    views: Mapping[str, VisitView],
    threads: ThreadPoolExecutor,
) -> dict[str, Drift]:
    """Drift of every visit's CT, from the bone around all lesions together."""

    def around(lesion: InclusionLesion, view: VisitView) -> Drift | None:
        scan = _aligned_scan(lesion, view)
        return None if scan is None else drift_at_lesion(lesion, scan)

    return {
        visit: scan_drift(list(threads.map(around, lesions.values(), repeat(view))))
        for visit, view in views.items()
    }


def _follow(
    lesion: InclusionLesion,
    views: Mapping[str, VisitView],
    drifts: Mapping[str, Drift],
    protocol: Protocol,
) -> LesionCourse:
    """Measure one lesion at every visit where its bone was aligned."""
    scans = [
        replace(scan, drift=drifts[scan.visit])
        for scan in (_aligned_scan(lesion, view) for view in views.values())
        if scan is not None
    ]
    inclusion_ct = views[INCLUSION].views[lesion.lesion_id].ct
    try:
        return follow_lesion(lesion, inclusion_ct, scans, protocol)
    except Exception as exc:  # one lesion must not stop the others
        unread = {
            scan.visit: CtReading(
                lesion_id=lesion.lesion_id,
                visit=scan.visit,
                status=ReadingStatus.NOT_EVALUABLE,
                reasons=(LESION_FAILED,),
                registration_error_mm=scan.registration_error_mm,
            )
            for scan in scans
        }
        return LesionCourse(
            lesion_id=lesion.lesion_id,
            readings={INCLUSION: lesion.reading} | unread,
            surfaces={INCLUSION: lesion.surface},
            failure=f"lesion {lesion.lesion_id}: {unforeseen(exc)}",
        )


def _with_drift(record: ScanRecord, courses: Mapping[str, LesionCourse]) -> ScanRecord:
    """The CT's record with the scanner's drift: the median over the lesions' reference tissue."""
    readings = [course.readings.get(record.visit) for course in courses.values()]
    drifts = [
        reading.edge.drift_hu
        for reading in readings
        if reading is not None and reading.edge is not None and reading.edge.drift_hu is not None
    ]
    return dataclasses.replace(record, drift_hu=median(drifts)) if drifts else record


def _alignment_flags(alignment: LesionAlignment) -> tuple[str, ...]:
    """Flags of an alignment, with the reasons of its doubt."""
    return (*alignment.flags, *alignment.reasons)


def _score(
    case: PatientCase,
    found: Mapping[str, FoundLesion],
    courses: Mapping[str, LesionCourse],
    views: Mapping[str, VisitView],
    inclusion_ct: VisitCt,
    protocol: Protocol,
) -> tuple[LesionVisit, ...]:
    """Join the readings of every lesion and visit with what the protocol makes of them."""
    rows = []
    for plan in case.lesions:
        one = found.get(plan.lesion_id)
        course = courses.get(plan.lesion_id)
        readings = {
            visit.visit: _ct_reading(plan, one, course, views[visit.visit], inclusion_ct)
            for visit in case.visits
        }
        uptakes = {
            visit.visit: _pet_reading(plan, one, views[visit.visit]) for visit in case.visits
        }
        for visit in case.visits:
            ct, pet = readings[visit.visit], uptakes[visit.visit]
            reference = readings[INCLUSION]
            times = UptakeTimes(
                inclusion_min=views[INCLUSION].pet_record.uptake_min,
                visit_min=views[visit.visit].pet_record.uptake_min,
            )
            is_read = pet.status is ReadingStatus.EVALUABLE
            rows.append(
                LesionVisit(
                    patient_id=case.patient_id,
                    lesion_id=plan.lesion_id,
                    label=plan.label,
                    site=plan.site,
                    visit=visit.visit,
                    days_from_inclusion=visit.days_from_inclusion,
                    ct=ct,
                    pet=pet,
                    verdict=score_lesion(
                        reference, ct, protocol, limb_probabilities(reference, ct, protocol)
                    ),
                    uptake=score_uptake(
                        uptakes[INCLUSION], pet, protocol.uptake, times if is_read else None
                    ),
                )
            )
    return tuple(rows)


def _ct_reading(
    plan: LesionPlan,
    found: FoundLesion | None,
    course: LesionCourse | None,
    view: VisitView,
    inclusion_ct: VisitCt,
) -> CtReading:
    """The reading of a lesion at a visit, or the first reason why there is none."""
    if course is not None and view.visit in course.readings:
        return course.readings[view.visit]
    status, reasons = view.ct_record.status, view.ct_record.reasons
    error_mm = None
    if status is ReadingStatus.EVALUABLE:
        status = ReadingStatus.NOT_EVALUABLE
        alignment = view.alignments.get(plan.lesion_id)
        if inclusion_ct.scan is None:
            reasons = (NO_INCLUSION_CT,)
        elif found is not None and found.reasons:
            reasons = found.reasons
        elif alignment is not None:
            reasons, error_mm = alignment.reasons, alignment.error_mm
    return CtReading(
        lesion_id=plan.lesion_id,
        visit=view.visit,
        status=status,
        reasons=reasons,
        registration_error_mm=error_mm,
    )


def _pet_reading(plan: LesionPlan, found: FoundLesion | None, view: VisitView) -> PetReading:
    """The uptake of a lesion at a visit, or the first reason why there is none."""
    seen = view.views.get(plan.lesion_id)
    if seen is not None:
        return seen.uptake
    status, reasons = view.pet_record.status, view.pet_record.reasons
    if status is ReadingStatus.EVALUABLE:
        status = ReadingStatus.NOT_EVALUABLE
        alignment = view.alignments.get(plan.lesion_id)
        if view.ct_record.status is not ReadingStatus.EVALUABLE:
            reasons = (NO_CT,)
        elif found is None:
            reasons = (NO_INCLUSION_CT,)
        else:
            reasons = found.reasons or (alignment.reasons if alignment is not None else ())
    return PetReading(lesion_id=plan.lesion_id, visit=view.visit, status=status, reasons=reasons)


def _write(
    folder: PatientFolder,
    case: PatientCase,
    views: Mapping[str, VisitView],
    lesions: Mapping[str, InclusionLesion],
    courses: Mapping[str, LesionCourse],
) -> None:
    """Write label maps, transforms and pictures of every visit."""
    labels = {plan.lesion_id: plan.label for plan in case.lesions}
    for visit, view in views.items():
        if view.ct_grid is None:
            continue
        surfaces = {
            labels[name]: surface
            for name, course in courses.items()
            if (surface := course.surfaces.get(visit)) is not None
        }
        folder.write_masks(visit, view.ct_grid, surfaces)
        for name, seen in view.views.items():
            if seen.is_aligned:
                folder.write_transform(name, visit, seen.transform)
            _write_strip(folder, visit, seen, lesions[name], courses[name])


def _write_strip(
    folder: PatientFolder,
    visit: str,
    seen: LesionView,
    lesion: InclusionLesion,
    course: LesionCourse,
) -> None:
    """Write one lesion's pictures at one visit."""
    surface = course.surfaces.get(visit)
    inclusion, reading = course.readings[INCLUSION], course.readings.get(visit)
    size = None if reading is None else reading.size
    width_mm = strip_half_width_mm(
        None if inclusion.size is None else inclusion.size.longest_diameter_mm
    )
    strip = make_strip(
        ct=seen.ct,
        pet=seen.pet,
        visit_from_inclusion=seen.transform,
        pet_from_ct=seen.pet_from_ct,
        centre_mm=lesion.region.centre_mm,
        surface_vertices=None if surface is None else surface.vertices_mm,
        surface_faces=None if surface is None else surface.faces,
        ends_mm=None if size is None else size.longest_ends_mm,
        half_width_mm=width_mm,
    )
    folder.write_strip(lesion.region.lesion_id, visit, strip)


def _failures(
    patient_id: str, scans: Sequence[ScanRecord], lesions: Sequence[FoundLesion | LesionCourse]
) -> tuple[str, ...]:
    """Sentences for every scan that was refused and every lesion not found or not followed."""
    refused = [
        f"patient {patient_id}, {scan.visit}, {scan.modality}: {scan.failure}"
        for scan in scans
        if scan.failure
    ]
    lost = [f"patient {patient_id}, {one.failure}" for one in lesions if one.failure]
    return (*refused, *lost)
