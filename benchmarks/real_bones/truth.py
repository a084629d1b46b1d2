"""What is true of every lesion at every visit, from its exact surface."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.real_bones.definition import VISITS, limbs
from benchmarks.real_bones.geometry import apply
from benchmarks.real_bones.lesions import Lesion
from benchmarks.real_bones.patient import Patient

OF_LESION = ("lesion_id", "label", "bone", "shape", "setting", "course", "fat_plane_mm", "level_hu")
OF_EXTENT = ("longest_diameter_mm", "volume_ml", "parts", "outside_fraction")
LIMBS = ("size_limb", "sclerosis_limb", "complete_limb", "healed", "margin_mm", "margin_percent")
COLUMNS = (
    *("patient_id", "lesion_id", "label", "bone", "region", "shape", "setting", "course", "visit"),
    *(*OF_EXTENT, "fat_plane_mm", "level_hu", "rim_hu", "x_mm", "y_mm", "z_mm"),
    *(*LIMBS, "sclerosis_change_hu"),
)


def truth_rows(patient: Patient) -> Iterator[dict[str, object]]:
    """Every lesion at every visit, by column; limbs and margins are missing at inclusion."""
    for lesion in patient.lesions:
        for visit in VISITS:
            row = {"patient_id": patient.patient_id, "region": patient.region, "visit": visit}
            yield (
                row
                | {name: getattr(lesion, name) for name in OF_LESION}
                | _at(patient, lesion, visit)
            )


def _at(patient: Patient, lesion: Lesion, visit: str) -> dict[str, object]:
    """Sizes, place and verdict at a visit; a lesion that is gone is where its middle was."""
    start, extent = lesion.extents[VISITS[0]], lesion.extents[visit]
    state = lesion.states[visit]
    change_hu = 0.0
    if state.stars or state.scar_hu:
        change_hu = state.rim_hu + state.scar_hu - lesion.states[VISITS[0]].rim_hu
    centre = extent.centre_mm if extent.parts else start.centre_mm
    where = apply(patient.pose_of(lesion, visit), centre[None])[0].tolist()
    row = {name: getattr(extent, name) for name in OF_EXTENT}
    row |= {"rim_hu": state.rim_hu, "sclerosis_change_hu": change_hu}
    row |= zip(("x_mm", "y_mm", "z_mm"), where, strict=True)
    if visit != VISITS[0]:
        row |= limbs(start.longest_diameter_mm, extent.longest_diameter_mm, change_hu)
    return row
