"""Truth of each lesion at each visit, from the implicit surfaces alone.

The limbs follow the protocol to the letter: size needs 25 % and 2 mm of the longest 3-D diameter,
both inclusive; sclerosis a rim at least 100 HU denser than at inclusion, beyond the bone's own
normal density; complete means that nothing is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from phantoms.anatomy.bone import Bone, apply
from phantoms.anatomy.shapes import Floats
from phantoms.lesions.courses import VISITS, Course, Setting
from phantoms.lesions.measure import Extent, measure, measure_in_bone
from phantoms.lesions.plan import LesionPlan

SIZE_PERCENT, SIZE_MM, SCLEROSIS_HU = 25.0, 2.0, 100.0
TOLERANCE = 1e-9  # 7.2 mm to 5.4 mm is 25 %, whatever binary fractions say
MET, NOT_MET, EMPTY = "met", "not_met", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionTruth:
    """One lesion at one visit; lengths in mm, 0 where nothing is left.

    ``margin_mm`` and ``margin_percent`` are the reduction of the longest diameter beyond 2 mm and
    beyond 25 % (percentage points); the size limb is met when neither is negative. Limbs are empty
    at inclusion and for lesions that were not there then. A lesion that breaks the cortex counts
    as a whole; ``in_bone_...`` is the part inside the bone's surface. ``parts`` above 1: the
    diameters are of the largest part.
    """

    patient_id: str
    lesion_id: str
    label: int
    bone: str
    site: str
    setting: str
    course: str
    visit: str
    longest_diameter_mm: float
    axial_diameter_mm: float
    short_axis_mm: float
    volume_ml: float
    parts: int
    span_mm: float
    sum_of_parts_mm: float
    in_bone_longest_diameter_mm: float
    in_bone_volume_ml: float
    x_mm: float
    y_mm: float
    z_mm: float
    size_limb: str
    sclerosis_limb: str
    complete_limb: str
    healed: str
    margin_mm: float | None
    margin_percent: float | None
    sclerosis_change_hu: float
    infill_percent: float
    uptake: str
    suv_max_noise_free: float | None = None
    suv_max: float | None = None


def lesion_truths(
    patient_id: str, plan: LesionPlan, bone: Bone, poses: Mapping[str, Floats]
) -> list[LesionTruth]:
    """Measure one lesion at all visits.

    Parameters
    ----------
    patient_id : str
        Whose lesion it is.
    plan : LesionPlan
        The lesion.
    bone : Bone
        The bone it lies in.
    poses : mapping of str to ndarray, shape (4, 4)
        ``world_from_bone`` of its bone at each visit.

    Returns
    -------
    list of LesionTruth
        One per visit, in order.
    """
    base = measure(plan.lobes, poses["inclusion"][:3, :3].T)
    rows = []
    for visit in VISITS:
        extent = _extent(plan, visit, poses[visit], base)
        centre = np.asarray(extent.centre_mm if extent else base.centre_mm)
        where = apply(poses[visit], centre)
        within = _within(plan, visit, bone, extent)
        rows.append(_row(patient_id, plan, visit, extent, base, where, within))
    return rows


def _within(plan: LesionPlan, visit: str, bone: Bone, extent: Extent | None) -> tuple[float, float]:
    """Longest diameter and volume inside the bone."""
    if extent is None:
        return 0.0, 0.0
    if plan.setting is not Setting.BREACH:
        return extent.longest_diameter_mm, extent.volume_ml
    return measure_in_bone(plan.surface(visit), bone.shape)


def _extent(plan: LesionPlan, visit: str, pose: Floats, base: Extent) -> Extent | None:
    """Sizes at a visit; a similar surface has exactly `factor` times every length."""
    lobes = plan.surface(visit)
    if not len(lobes):
        return None
    found = measure(lobes, pose[:3, :3].T)
    if plan.course is Course.SPLIT and VISITS.index(visit) >= 2:
        return found
    factor = plan.factor(visit)
    return Extent(
        longest_diameter_mm=factor * plan.diameter_mm,
        axial_diameter_mm=found.axial_diameter_mm,
        short_axis_mm=found.short_axis_mm,
        volume_ml=factor**3 * base.volume_ml,
        centre_mm=found.centre_mm,
        parts=found.parts,
        span_mm=factor * base.span_mm,
        sum_of_parts_mm=factor * base.sum_of_parts_mm,
    )


def _row(
    patient_id: str,
    plan: LesionPlan,
    visit: str,
    extent: Extent | None,
    base: Extent,
    where: Floats,
    within: tuple[float, float],
) -> LesionTruth:
    longest = extent.longest_diameter_mm if extent else 0.0
    change = plan.sclerosis_hu(visit) - plan.sclerosis_hu("inclusion")
    at_visit = visit != "inclusion" and plan.is_at_inclusion
    margin_mm = margin_percent = None
    size = sclerosis = complete = healed = EMPTY
    if at_visit:
        reduction = plan.diameter_mm - longest
        margin_mm = round(reduction - SIZE_MM, 6)
        margin_percent = round(100.0 * reduction / plan.diameter_mm - SIZE_PERCENT, 6)
        size = _limb(margin_mm >= -TOLERANCE and margin_percent >= -TOLERANCE)
        sclerosis = _limb(change >= SCLEROSIS_HU)
        complete = _limb(extent is None)
        healed = _limb(MET in (size, sclerosis, complete))
    return LesionTruth(
        patient_id=patient_id,
        lesion_id=plan.lesion_id,
        label=plan.label,
        bone=plan.bone,
        site=plan.site,
        setting=plan.setting.value,
        course=plan.course.value,
        visit=visit,
        longest_diameter_mm=round(longest, 4),
        axial_diameter_mm=round(extent.axial_diameter_mm, 4) if extent else 0.0,
        short_axis_mm=round(extent.short_axis_mm, 4) if extent else 0.0,
        volume_ml=round(extent.volume_ml, 6) if extent else 0.0,
        parts=extent.parts if extent else 0,
        span_mm=round(extent.span_mm, 4) if extent else 0.0,
        sum_of_parts_mm=round(extent.sum_of_parts_mm, 4) if extent else 0.0,
        in_bone_longest_diameter_mm=round(within[0], 4),
        in_bone_volume_ml=round(within[1], 6),
        x_mm=round(float(where[0]), 4),
        y_mm=round(float(where[1]), 4),
        z_mm=round(float(where[2]), 4),
        size_limb=size,
        sclerosis_limb=sclerosis,
        complete_limb=complete,
        healed=healed,
        margin_mm=margin_mm,
        margin_percent=margin_percent,
        sclerosis_change_hu=change,
        infill_percent=_infill_percent(plan, visit, extent, base),
        uptake=plan.uptake.value,
    )


def _infill_percent(plan: LesionPlan, visit: str, extent: Extent | None, base: Extent) -> float:
    """Share of the inclusion volume that has become bone, in percent."""
    if not plan.is_at_inclusion:
        return 0.0
    left = extent.volume_ml if extent else 0.0
    inside = plan.painted(visit).infill
    return round(100.0 * (1.0 - left * (1.0 - inside) / base.volume_ml), 4)


def _limb(met: bool) -> str:
    return MET if met else NOT_MET
