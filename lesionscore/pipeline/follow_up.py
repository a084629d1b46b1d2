"""One visit of one patient: its scans read, each lesion's bone aligned, its uptake read.

What later stages need of the scans is kept as small blocks around each lesion, so that one
whole visit at a time is in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from lesionscore.lesions.records import PetReading, ReadingStatus
from lesionscore.lesions.segment import InclusionLesion
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.uptake import read_uptake
from lesionscore.pipeline.scans import VisitCt, VisitPet
from lesionscore.protocol.protocol import Protocol
from lesionscore.registration.align import align_lesions
from lesionscore.registration.pet_ct import align_pet
from lesionscore.registration.quality import AlignmentVerdict, LesionAlignment
from lesionscore.registration.scan import PreparedScan
from lesionscore.registration.transform import RigidTransform
from lesionscore.results import ScanRecord
from lesionscore.volumes import Grid, Volume

BLOCK_MARGIN_MM = 60.0
"""Kept around a lesion's ball: what the edge, its reference bone and the pictures look at."""
NO_CT_TO_ALIGN = "no_ct_to_align"
ALIGNMENT_FAILED = "alignment_failed"
PET_TOO_EARLY_OR_LATE = "uptake_outside_window"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionView:
    """One lesion's surroundings at one visit."""

    alignment: LesionAlignment
    ct: Volume
    pet: Volume | None
    pet_from_ct: RigidTransform | None
    uptake: PetReading

    @property
    def transform(self) -> RigidTransform:
        """Maps points of the inclusion CT near the lesion to this visit's CT."""
        transform = self.alignment.moving_from_fixed
        assert transform is not None, "a view is cut where a transform carries the lesion"
        return transform

    @property
    def is_aligned(self) -> bool:
        """Whether the CT may be measured here."""
        return self.alignment.verdict is not AlignmentVerdict.FAILED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitView:
    """One visit after alignment: records of its scans, and every lesion that could be carried.

    ``ct_grid`` is None where there is no CT; a lesion without a view has its failed alignment in
    ``alignments``.
    """

    visit: str
    ct_record: ScanRecord
    pet_record: ScanRecord
    ct_grid: Grid | None
    alignments: Mapping[str, LesionAlignment]
    views: Mapping[str, LesionView]


def inclusion_alignments(lesions: Mapping[str, InclusionLesion]) -> dict[str, LesionAlignment]:
    """Inclusion lies on itself, without error."""
    return {
        lesion_id: LesionAlignment(
            lesion_id=lesion_id,
            moving_from_fixed=RigidTransform.identity(),
            error_mm=0.0,
            verdict=AlignmentVerdict.USABLE,
        )
        for lesion_id in lesions
    }


def visit_alignments(
    lesions: Mapping[str, InclusionLesion],
    inclusion: PreparedScan,
    visit: PreparedScan,
    protocol: Protocol,
) -> dict[str, LesionAlignment]:
    """Align every lesion's bone from inclusion to a visit."""
    regions = [lesion.region for lesion in lesions.values()]
    return align_lesions(inclusion, visit, regions, protocol.alignment)


def look_at_visit(
    ct: VisitCt,
    pet: VisitPet,
    lesions: Mapping[str, InclusionLesion],
    alignments: Mapping[str, LesionAlignment],
    protocol: Protocol,
) -> VisitView:
    """Cut out every lesion's surroundings and read its uptake.

    Parameters
    ----------
    ct, pet : VisitCt, VisitPet
        The visit's scans or the reasons why there are none.
    lesions : mapping of str to InclusionLesion
        The lesions found at inclusion.
    alignments : mapping of str to LesionAlignment
        Their bones, inclusion to this visit.
    protocol : Protocol
        The study definition.

    Returns
    -------
    VisitView
        With a view of every lesion that has a transform and lies on the CT.
    """
    views: dict[str, LesionView] = {}
    if ct.scan is not None:
        carried = {
            lesion_id: lesions[lesion_id].surface.moved(alignment.moving_from_fixed)
            for lesion_id, alignment in alignments.items()
            if alignment.moving_from_fixed is not None
        }
        for lesion_id in carried:
            view = _view(ct, pet, lesions[lesion_id], alignments[lesion_id], carried, protocol)
            if view is not None:
                views[lesion_id] = view
    return VisitView(
        visit=ct.record.visit,
        ct_record=ct.record,
        pet_record=pet.record,
        ct_grid=None if ct.scan is None else ct.scan.volume.grid,
        alignments=alignments,
        views=views,
    )


def _view(
    ct: VisitCt,
    pet: VisitPet,
    lesion: InclusionLesion,
    alignment: LesionAlignment,
    carried: Mapping[str, Surface],
    protocol: Protocol,
) -> LesionView | None:
    """One lesion's surroundings, None where its place lies outside the CT."""
    assert ct.scan is not None
    surface = carried[alignment.lesion_id]
    radius_mm = lesion.region.radius_mm
    try:
        block = ct.scan.volume.crop(surface.centre_mm, radius_mm + BLOCK_MARGIN_MM)
    except ValueError:
        return None
    kept = Volume(array=block.array.copy(), grid=block.grid, quantity=block.quantity)
    if pet.scan is None:
        uptake = PetReading(
            lesion_id=alignment.lesion_id,
            visit=ct.record.visit,
            status=pet.record.status,
            reasons=pet.record.reasons,
        )
        return LesionView(alignment=alignment, ct=kept, pet=None, pet_from_ct=None, uptake=uptake)
    pet_alignment = align_pet(
        kept,
        pet.scan.volume,
        surface.centre_mm,
        radius_mm,
        protocol.uptake.motion_limit_mm,
        _share_frame(ct, pet),
    )
    if alignment.verdict is AlignmentVerdict.FAILED:
        uptake = _no_uptake(alignment.lesion_id, pet, (ALIGNMENT_FAILED, *alignment.reasons))
    elif pet_alignment.reasons:
        uptake = _no_uptake(alignment.lesion_id, pet, pet_alignment.reasons)
    else:
        uptake = read_uptake(
            pet.scan.volume,
            lesion_id=alignment.lesion_id,
            visit=ct.record.visit,
            vertices_mm=surface.vertices_mm,
            faces=surface.faces,
            pet_from_ct=pet_alignment.pet_from_ct,
            rule=protocol.uptake,
            neighbours=[other for name, other in carried.items() if name != alignment.lesion_id],
        )
        uptake = _with_flags(uptake, pet_alignment.flags)
    return LesionView(
        alignment=alignment,
        ct=kept,
        pet=pet.scan.volume,
        pet_from_ct=pet_alignment.pet_from_ct,
        uptake=uptake,
    )


def _share_frame(ct: VisitCt, pet: VisitPet) -> bool:
    """Whether CT and PET say that they lie in one frame of reference; silence counts as yes."""
    assert ct.scan is not None
    assert pet.scan is not None
    of_ct, of_pet = ct.scan.info.frame_of_reference_uid, pet.scan.info.frame_of_reference_uid
    return not of_ct or not of_pet or of_ct == of_pet


def _no_uptake(lesion_id: str, pet: VisitPet, reasons: tuple[str, ...]) -> PetReading:
    """Reading of a lesion whose place on the PET is not known."""
    return PetReading(
        lesion_id=lesion_id,
        visit=pet.record.visit,
        status=ReadingStatus.NOT_EVALUABLE,
        reasons=reasons,
    )


def _with_flags(reading: PetReading, flags: tuple[str, ...]) -> PetReading:
    """The reading with further flags."""
    return dataclasses.replace(reading, flags=(*reading.flags, *flags))
