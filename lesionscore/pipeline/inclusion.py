"""What inclusion gives to every later visit: the scan, and each lesion's surface on it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lesionscore.dicom.segmentation import Mask, open_mask
from lesionscore.dicom.series import CtScan
from lesionscore.errors import Finding, LesionscoreError, MeasurementError
from lesionscore.lesions.apart import told_apart
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import InclusionLesion, segment_inclusion
from lesionscore.lesions.surface import Surface
from lesionscore.protocol.protocol import Protocol
from lesionscore.quantities import PositionMm, Quantity
from lesionscore.registration.threads import available_threads, ordered_map
from lesionscore.volumes import Volume

MASK_REFUSED = "mask_refused"
POINT_OUTSIDE_SCAN = "point_outside_scan"
SEGMENTATION_FAILED = "segmentation_failed"
LESION_FAILED = "lesion_failed"
NO_INCLUSION_CT = "no_inclusion_ct"
MASK_MARGIN_VOXELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionPlan:
    """One lesion as the study tables have it; the mask's path is whole."""

    lesion_id: str
    label: int
    site: str
    position_mm: PositionMm | None
    mask: Path | None
    mask_label: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundLesion:
    """A lesion on the inclusion CT, or the reason why it was not found there."""

    plan: LesionPlan
    lesion: InclusionLesion | None
    reasons: tuple[str, ...] = ()
    failure: str = ""
    findings: tuple[Finding, ...] = ()


def find_lesions(
    plans: Sequence[LesionPlan], scan: CtScan, protocol: Protocol
) -> dict[str, FoundLesion]:
    """Segment every lesion on the inclusion CT.

    Parameters
    ----------
    plans : sequence of LesionPlan
        The patient's lesions.
    scan : CtScan
        The inclusion CT.
    protocol : Protocol
        The study definition.

    Returns
    -------
    dict of str to FoundLesion
        By lesion id, in the order given; a lesion that failed has a reason, not an error.
    """
    found: dict[str, FoundLesion] = {}
    seeds: dict[str, tuple[LesionSeed, tuple[Finding, ...]]] = {}
    masks: dict[Path, Mask] = {}
    for plan in plans:
        try:
            seeds[plan.lesion_id] = _seed(plan, scan, masks)
        except _NoSeedError as exc:
            found[plan.lesion_id] = FoundLesion(
                plan=plan, lesion=None, reasons=(exc.code,), failure=str(exc)
            )

    def segmented(plan: LesionPlan) -> FoundLesion:
        seed, findings = seeds[plan.lesion_id]
        others = [other for name, (other, _) in seeds.items() if name != plan.lesion_id]
        return _segmented(plan, seed, others, scan, protocol, findings)

    seeded = [plan for plan in plans if plan.lesion_id in seeds]
    for lesion in ordered_map(segmented, seeded, available_threads()):
        found[lesion.plan.lesion_id] = lesion

    def again(name: str, taken: Sequence[Surface]) -> InclusionLesion:
        others = [other for key, (other, _) in seeds.items() if key != name]
        return segment_inclusion(scan.volume, seeds[name][0], others, protocol, taken=taken)

    alone = {name: part.lesion for name, part in found.items() if part.lesion is not None}
    for name, apart in told_apart(alone, again).items():
        found[name] = replace(found[name], lesion=apart)
    return {plan.lesion_id: found[plan.lesion_id] for plan in plans}


def unforeseen(error: Exception) -> str:
    """Name an error that nobody foresaw, and the line of code that it comes from."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"


class _NoSeedError(LesionscoreError):
    """A lesion that cannot be found on the inclusion CT; `code` is the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _segmented(
    plan: LesionPlan,
    seed: LesionSeed,
    others: Sequence[LesionSeed],
    scan: CtScan,
    protocol: Protocol,
    findings: tuple[Finding, ...],
) -> FoundLesion:
    """Segment one lesion; a refusal becomes a reason, and so does an error nobody foresaw."""
    try:
        lesion = segment_inclusion(scan.volume, seed, others, protocol)
    except MeasurementError as exc:
        reason, words = SEGMENTATION_FAILED, str(exc)
    except Exception as exc:  # one lesion must not stop the others
        reason, words = LESION_FAILED, unforeseen(exc)
    else:
        return FoundLesion(plan=plan, lesion=lesion, findings=findings)
    return FoundLesion(
        plan=plan,
        lesion=None,
        reasons=(reason,),
        failure=f"lesion {plan.lesion_id}: {words}",
        findings=findings,
    )


def _seed(
    plan: LesionPlan, scan: CtScan, masks: dict[Path, Mask]
) -> tuple[LesionSeed, tuple[Finding, ...]]:
    """Point and mask of a lesion, the mask cut to its own surroundings; each file is read once."""
    if plan.mask is None:
        assert plan.position_mm is not None, "the tables were checked for a point or a mask"
        if not scan.volume.grid.contains(plan.position_mm):
            raise _NoSeedError(
                POINT_OUTSIDE_SCAN,
                f"lesion {plan.lesion_id}: the point {plan.position_mm} lies outside the "
                "inclusion CT; positions are LPS in mm",
            )
        seed = LesionSeed(
            lesion_id=plan.lesion_id, label=plan.label, position_mm=plan.position_mm, mask=None
        )
        return seed, ()
    try:
        if plan.mask not in masks:
            masks[plan.mask] = open_mask(plan.mask)
        reading = masks[plan.mask].read(plan.mask_label, scan.volume.grid, scan.info)
    except LesionscoreError as exc:
        raise _NoSeedError(MASK_REFUSED, f"lesion {plan.lesion_id}: {exc}") from exc
    block = reading.block.padded(MASK_MARGIN_VOXELS, reading.shape_zyx)
    mask = Volume(
        array=block.values,
        grid=scan.volume.grid.cropped(block.first_zyx, block.values.shape),
        quantity=Quantity.LABEL,
    )
    inside = np.argwhere(block.values > 0) + block.first_zyx
    centre = scan.volume.grid.positions_mm(inside.mean(axis=0))
    position = plan.position_mm or (float(centre[0]), float(centre[1]), float(centre[2]))
    seed = LesionSeed(lesion_id=plan.lesion_id, label=plan.label, position_mm=position, mask=mask)
    return seed, tuple(reading.findings)
