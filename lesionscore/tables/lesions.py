"""Columns and rows of the table ``lesions``: one row per patient, lesion and visit."""

from __future__ import annotations

from typing import Any

from lesionscore.lesions.records import ReadingStatus
from lesionscore.protocol.protocol import Protocol
from lesionscore.results import LesionVisit
from lesionscore.scoring.course import visit_timing
from lesionscore.tables.table import Kind, Table

VISIT_OUT_OF_WINDOW = "visit_out_of_window"
"""Flag of every lesion of a visit outside the protocol's window."""
CONTRACT = {
    "patient_id": Kind.TEXT,
    "lesion_id": Kind.TEXT,
    "label": Kind.WHOLE,
    "site": Kind.TEXT,
    "visit": Kind.TEXT,
    "days_from_inclusion": Kind.WHOLE,
    "ct_status": Kind.TEXT,
    "longest_diameter_mm": Kind.NUMBER,
    "longest_diameter_sd_mm": Kind.NUMBER,
    "axial_diameter_mm": Kind.NUMBER,
    "short_axis_mm": Kind.NUMBER,
    "volume_ml": Kind.NUMBER,
    "mean_hu": Kind.NUMBER,
    "longest_diameter_change_mm": Kind.NUMBER,
    "longest_diameter_change_percent": Kind.NUMBER,
    "rim_hu": Kind.NUMBER,
    "rim_hu_change": Kind.NUMBER,
    "rim_z": Kind.NUMBER,
    "size_limb": Kind.TEXT,
    "sclerosis_limb": Kind.TEXT,
    "complete_limb": Kind.TEXT,
    "healed": Kind.TEXT,
    "healing_probability": Kind.NUMBER,
    "borderline": Kind.YES_NO,
    "verdict_depends_on_size_metric": Kind.YES_NO,
    "registration_error_mm": Kind.NUMBER,
    "x_mm": Kind.NUMBER,
    "y_mm": Kind.NUMBER,
    "z_mm": Kind.NUMBER,
    "pet_status": Kind.TEXT,
    "suv_max": Kind.NUMBER,
    "suv_max_change": Kind.NUMBER,
    "suv_max_change_percent": Kind.NUMBER,
    "suv_peak": Kind.NUMBER,
    "suv_mean": Kind.NUMBER,
    "suv_max_beyond_repeatability": Kind.YES_NO,
    "reason": Kind.TEXT,
    "flags": Kind.TEXT,
}
"""The columns that others' scripts rely on, in their order."""

FURTHER = {
    "presence": Kind.TEXT,
    "axial_diameter_sd_mm": Kind.NUMBER,
    "axial_area_mm2": Kind.NUMBER,
    "volume_sd_ml": Kind.NUMBER,
    "axial_diameter_change_percent": Kind.NUMBER,
    "area_change_percent": Kind.NUMBER,
    "volume_change_percent": Kind.NUMBER,
    "healed_by_longest_diameter": Kind.TEXT,
    "healed_by_axial_diameter": Kind.TEXT,
    "healed_by_area": Kind.TEXT,
    "healed_by_volume": Kind.TEXT,
    "size_probability": Kind.NUMBER,
    "sclerosis_probability": Kind.NUMBER,
    "complete_probability": Kind.NUMBER,
    "inner_hu": Kind.NUMBER,
    "reference_hu": Kind.NUMBER,
    "drift_hu": Kind.NUMBER,
    "sclerosis_change_hu": Kind.NUMBER,
    "sclerosis_change_sd_hu": Kind.NUMBER,
    "infill_percent": Kind.NUMBER,
    "estimated_surface_percent": Kind.NUMBER,
    "suv_total_ml": Kind.NUMBER,
    "pet_from_ct_shift_mm": Kind.NUMBER,
    "suv_change_status": Kind.TEXT,
    "suv_change_reason": Kind.TEXT,
}
"""Columns beyond the contract; they may grow."""


SIZES = (
    "longest_diameter_mm",
    "axial_diameter_mm",
    "short_axis_mm",
    "axial_area_mm2",
    "volume_ml",
)
"""Measured on the image, or a reader's."""
SIZE_SDS = ("longest_diameter_sd_mm", "axial_diameter_sd_mm", "volume_sd_ml")
"""Known of measurements only."""


def lesions_table(protocol: Protocol) -> Table:
    """Define the table, visits in the protocol's order."""
    return Table(
        name="lesions",
        columns=CONTRACT | FURTHER,
        protocol_hash=protocol.hash,
        sort_by=("patient_id", "lesion_id", "visit"),
        orders={"visit": protocol.visit_ids},
    )


def lesion_row(one: LesionVisit, protocol: Protocol) -> dict[str, Any]:
    """Turn one lesion at one visit into a row; the protocol's windows give a flag."""
    timing = visit_timing(one.visit, one.days_from_inclusion, None, protocol)
    late = (VISIT_OUT_OF_WINDOW,) if timing.in_window is False else ()
    return {
        "patient_id": one.patient_id,
        "lesion_id": one.lesion_id,
        "label": one.label,
        "site": one.site,
        "visit": one.visit,
        "days_from_inclusion": one.days_from_inclusion,
        **_ct_cells(one),
        **_verdict_cells(one),
        **_pet_cells(one),
        "reason": _joined(one.ct.reasons, one.verdict.reasons, one.pet.reasons),
        "flags": _joined(one.ct.flags, one.verdict.flags, one.pet.flags, one.uptake.flags, late),
    }


def _ct_cells(one: LesionVisit) -> dict[str, Any]:
    """What was measured on CT."""
    ct = one.ct
    cells: dict[str, Any] = {
        "ct_status": ct.status,
        "mean_hu": ct.mean_hu,
        "registration_error_mm": ct.registration_error_mm,
        "presence": ct.presence,
        "infill_percent": ct.infill_percent,
        "complete_probability": ct.complete_probability,
    }
    if ct.estimated_surface_fraction is not None:
        cells["estimated_surface_percent"] = 100.0 * ct.estimated_surface_fraction
    if ct.centre_mm is not None:
        cells |= dict(zip(("x_mm", "y_mm", "z_mm"), ct.centre_mm, strict=True))
    size = ct.size or ct.reader_read
    if size is not None:
        cells |= {name: getattr(size, name) for name in SIZES}
    if ct.size is not None:
        cells |= {name: getattr(ct.size, name) for name in SIZE_SDS}
    if ct.edge is not None:
        cells |= {
            name: getattr(ct.edge, name)
            for name in (
                "rim_hu",
                "rim_hu_change",
                "rim_z",
                "inner_hu",
                "reference_hu",
                "drift_hu",
                "sclerosis_change_hu",
                "sclerosis_change_sd_hu",
            )
        }
    return cells


def _verdict_cells(one: LesionVisit) -> dict[str, Any]:
    """What the protocol makes of it."""
    verdict = one.verdict
    changes = verdict.changes
    return {
        "longest_diameter_change_mm": changes.longest_diameter_change_mm,
        "longest_diameter_change_percent": changes.longest_diameter_change_percent,
        "axial_diameter_change_percent": changes.axial_diameter_change_percent,
        "area_change_percent": changes.area_change_percent,
        "volume_change_percent": changes.volume_change_percent,
        "size_limb": verdict.size.state,
        "sclerosis_limb": verdict.sclerosis.state,
        "complete_limb": verdict.complete.state,
        "healed": verdict.healed,
        "healing_probability": verdict.healing_probability,
        "size_probability": verdict.probabilities.size,
        "sclerosis_probability": verdict.probabilities.sclerosis,
        "borderline": verdict.borderline,
        "verdict_depends_on_size_metric": verdict.verdict_depends_on_size_metric,
        **{f"healed_by_{metric}": state for metric, state in verdict.healed_by_metric},
    }


def _pet_cells(one: LesionVisit) -> dict[str, Any]:
    """What was measured on PET."""
    pet, change = one.pet, one.uptake
    return {
        "pet_status": pet.status,
        "suv_max": pet.suv_max,
        "suv_peak": pet.suv_peak,
        "suv_mean": pet.suv_mean,
        "suv_total_ml": pet.suv_total_ml,
        "pet_from_ct_shift_mm": pet.pet_from_ct_shift_mm,
        "suv_max_change": change.suv_max_change,
        "suv_max_change_percent": change.suv_max_change_percent,
        "suv_max_beyond_repeatability": change.beyond_repeatability,
        "suv_change_status": change.status if pet.status is ReadingStatus.EVALUABLE else pet.status,
        "suv_change_reason": change.reasons if change.reasons != pet.reasons else (),
    }


def _joined(*codes: tuple[str, ...]) -> tuple[str, ...]:
    """Codes in the order met, each once."""
    return tuple(dict.fromkeys(code for some in codes for code in some))
