"""What an aligned scan says of a lesion's place: its voxels, the bone to expect, the evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.lesions.bone import open_side
from lesionscore.lesions.drift import NO_DRIFT, Drift
from lesionscore.lesions.evidence import OUTER_REACH_MM, Evidence
from lesionscore.lesions.expected import ExpectedBone, carried_flags, steepness
from lesionscore.lesions.freedom import edge_trust
from lesionscore.lesions.grown_back import GROWN_BACK_SHARED, new_cortex_hu
from lesionscore.lesions.patch import Patch, make_patch
from lesionscore.lesions.rasterise import coverage, signed_distance
from lesionscore.lesions.refine import SHARPENING, SHARPENING_SD
from lesionscore.lesions.seen_bone import SeenBone
from lesionscore.lesions.segment import InclusionLesion
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.texture import kept_share
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume

Singles = npt.NDArray[np.float32]
SURROUNDINGS_MM = 14.0
PLACEMENT_MM = 0.15
"""Error of an alignment that no estimate goes below."""
LESION_SD_HU = 15.0
FIELD_SD_HU = 15.0
RIM_SD_HU, RIM_LOSS_SD_HU = 30.0, 10.0
BLUR_SD = 0.12
LEAST_SHARE = 0.02  # of a voxel, to be in the lesion's place
SEEN_AGAIN_MM = 3.0
"""Bone farther than this from the lesion's place, and from what is beside the bone, tells how much
of its texture is seen again."""
SOFT_TISSUE_MM = 1.0
"""Beyond this outside the bone's outline soft tissue has its own motion."""
AIR_HU = -250.0
AIR_CLEARANCE_MM = 1.5
"""A breathing lung's border darkens what lies within the blur of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlignedScan:
    """One visit's CT, aligned to inclusion at one lesion.

    Parameters
    ----------
    visit : str
        Its id in the protocol.
    ct : Volume
        HU, native grid.
    visit_from_inclusion : RigidTransform
        Maps points of the inclusion CT near the lesion to this CT.
    registration_error_mm : float
        Expected error of the alignment at the lesion.
    flags : tuple of str
        Doubts of the alignment, carried to the reading.
    drift : Drift
        Offset of the whole scan against inclusion, from `scan_drift` over the lesions.
    """

    visit: str
    ct: Volume
    visit_from_inclusion: RigidTransform
    registration_error_mm: float
    flags: tuple[str, ...] = ()
    drift: Drift = NO_DRIFT


def patch_around(scan: AlignedScan, carried: Surface) -> Patch:
    """Cut out a visit's voxels around a lesion's place.

    Parameters
    ----------
    scan : AlignedScan
        The visit.
    carried : Surface
        The inclusion surface on that visit's CT.

    Returns
    -------
    Patch
        `SURROUNDINGS_MM` wider than the surface, on the CT's own voxels.
    """
    reach = float(np.linalg.norm(carried.vertices_mm - np.asarray(carried.centre_mm), axis=1).max())
    return make_patch(scan.ct, carried.centre_mm, reach + SURROUNDINGS_MM)


def expected_bone(
    inclusion: InclusionLesion, scan: AlignedScan, patch: Patch, seen: SeenBone | None = None
) -> ExpectedBone:
    """Carry the inclusion's own bone to a visit's voxels.

    Parameters
    ----------
    inclusion : InclusionLesion
        The lesion and its bone at inclusion.
    scan : AlignedScan
        The visit.
    patch : Patch
        The visit's voxels around the lesion.
    seen : SeenBone, optional
        Another account of the inclusion's bone than what the scan shows.

    Returns
    -------
    ExpectedBone
        HU as inclusion shows them without the lesion, before drift; their SD has the error of the
        alignment in it, which counts where the bone is steep.
    """
    seen = inclusion.seen if seen is None else seen
    back = scan.visit_from_inclusion.inverse()
    at = np.moveaxis(inclusion.patch.grid.index_zyx(back.apply(patch.positions_mm())), -1, 0)
    steep = steepness(seen.level_hu, inclusion.patch.spacing_zyx_mm)
    error_mm = np.hypot(scan.registration_error_mm, PLACEMENT_MM) / np.sqrt(3.0)
    spread2 = _carried(seen.spread_hu, at) ** 2 + (_carried(steep, at) * error_mm) ** 2
    level, texture = _carried(seen.level_hu, at, order=3), _carried(seen.texture_hu, at, order=3)
    is_bone = carried_flags(inclusion.bone.inside, at)
    carried = inclusion.surface.moved(scan.visit_from_inclusion)
    away = signed_distance(carried, patch.grid, band_mm=SEEN_AGAIN_MM + 1.0)
    deep = ndimage.distance_transform_edt(is_bone, sampling=patch.spacing_zyx_mm) > SEEN_AGAIN_MM
    around = deep & (away > SEEN_AGAIN_MM) & (texture != 0.0)
    kept = kept_share((patch.values_hu - level + texture)[around], texture[around])
    lost2 = (1.0 - kept**2) * _carried(seen.texture_sd_hu, at) ** 2
    return ExpectedBone(
        level_hu=level - np.float32(1.0 - kept) * texture,
        spread_hu=np.sqrt(spread2 + lost2).astype(np.float32),
        is_bone=is_bone,
    )


def visit_evidence(
    inclusion: InclusionLesion,
    patch: Patch,
    carried: Surface,
    expected: ExpectedBone,
    drift_hu: float,
) -> Evidence:
    """Gather what a visit says of the surface, given the inclusion's bone.

    Parameters
    ----------
    inclusion : InclusionLesion
        The lesion at inclusion.
    patch : Patch
        The visit's voxels around the lesion.
    carried : Surface
        The inclusion surface on the visit's CT.
    expected : ExpectedBone
        What the visit would show if the lesion had healed, a broken cortex included.
    drift_hu : float
        How much higher than inclusion the visit's scan reads.

    Returns
    -------
    Evidence
        For `lesionscore.lesions.fit.fit_surface`.
    """
    votes = _voting(patch, expected)
    shared, new_cortex = inclusion.bone.texture_shared, None
    if inclusion.cortex_broken:
        votes &= ~open_side(patch, carried, inclusion.beside_bone, OUTER_REACH_MM)
        shared = max(shared, GROWN_BACK_SHARED)
        place = (coverage(carried, patch) > LEAST_SHARE) & expected.is_bone
        new_cortex = new_cortex_hu(expected.level_hu, place)
    return Evidence(
        patch=patch,
        bone_hu=expected.level_hu + np.float32(drift_hu),
        bone_sd_hu=expected.spread_hu,
        bone_shared=shared,
        noise=patch.noise,
        votes=votes,
        lesion_hu=inclusion.fit.lesion_hu + drift_hu,
        lesion_sd_hu=LESION_SD_HU,
        field_sd_hu=FIELD_SD_HU,
        new_cortex_hu=new_cortex,
        # where little edge shows, a free rim could stand in for the lesion itself
        rim_sd_hu=RIM_SD_HU * edge_trust(inclusion.contact) ** 2,
        rim_loss_sd_hu=RIM_LOSS_SD_HU * edge_trust(inclusion.contact) ** 2,
        blur_sd=BLUR_SD,
        sharpening=SHARPENING,
        sharpening_sd=SHARPENING_SD,
    )


def _voting(patch: Patch, expected: ExpectedBone) -> npt.NDArray[np.bool_]:
    """Voxels of bone and its next surroundings, clear of lung and outside air, which move."""
    air = np.minimum(patch.values_hu, expected.level_hu) < AIR_HU
    near = _near(expected.is_bone, SOFT_TISSUE_MM, patch.spacing_zyx_mm)
    return near & ~_near(air, AIR_CLEARANCE_MM, patch.spacing_zyx_mm)


def _near(
    flags: npt.NDArray[np.bool_], reach_mm: float, spacing: tuple[float, float, float]
) -> npt.NDArray[np.bool_]:
    """Voxels within reach of flagged ones."""
    return np.asarray(ndimage.distance_transform_edt(~flags, sampling=spacing) <= reach_mm)


def _carried(
    values: npt.NDArray[np.float32], at: npt.NDArray[np.float64], order: int = 1
) -> Singles:
    """Values at array indices, shape (3, ...), by splines; an order of 3 keeps edges sharp."""
    return np.asarray(
        ndimage.map_coordinates(values, at, order=order, mode="nearest"), dtype=np.float32
    )
