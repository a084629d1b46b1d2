"""Find a lesion on the inclusion CT, from a reader's mask or from a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.errors import MeasurementError
from lesionscore.lesions.background import BoneMap
from lesionscore.lesions.bone import LEAST_BONE_SHARE, bone_beside, bone_contact, cortex_beside
from lesionscore.lesions.freedom import (
    BROKEN_BELOW,
    cortex_sd_mm,
    edge_trust,
    free_smoothness,
    given_sd_mm,
    mask_smoothness,
    uneven_smoothness,
)
from lesionscore.lesions.lobes import hangs_on, with_lobes
from lesionscore.lesions.patch import Patch, make_patch
from lesionscore.lesions.rasterise import coverage, signed_distance
from lesionscore.lesions.rays import RoughLesion, surface_from_point
from lesionscore.lesions.records import CtReading, Presence, ReadingStatus
from lesionscore.lesions.refine import contact_at, gain, refine, without_rim
from lesionscore.lesions.rim import inclusion_edge, measure_shells
from lesionscore.lesions.rules import LesionRules
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.seen_bone import Mixture, SeenBone, seen_bone
from lesionscore.lesions.sizing import DRAWS, lesion_size
from lesionscore.lesions.start import surface_from_mask
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.surface_fit import SurfaceFit
from lesionscore.quantities import PositionMm, Quantity
from lesionscore.registration.align import LesionRegion
from lesionscore.volumes import Volume

Flags = npt.NDArray[np.bool_]

INCLUSION = "inclusion"
NOT_IN_BONE = "not_in_bone"
NOT_LYTIC = "not_lytic"
NO_OUTLINE = "no_outline"
POINT_OUTSIDE = "point_outside_outline"
POINT_SLACK_MM = 1.0
"""Of a reader's point beside the lesion; what lies farther from it is something else."""
LEAST_POINT_CONTACT = 0.5
"""Of a point's lesion: with less bone beside it most of its outline would be invented."""
LITTLE_CONTRAST = "little_contrast"
LEAST_CONTRAST_HU, USUAL_CONTRAST_HU = 30.0, 60.0
LEAKED_CONTRAST_HU = 100.0
"""With less, and `LITTLE_CONTRAST`, a point's lesion with a hole beside it has mostly leaked.
Chosen on nine: three leaks and one read too small had 43 to 77 HU, one leak 125, four right ones
in skulls 121 to 213."""
DENSEST_LYTIC_HU = 120.0  # soft tissue; what is denser inside may be a misplaced outline
NOT_COVERED = "not_covered"
CORTEX_BROKEN = "cortex_broken"
POINT_MARGINS_MM = (2.0, 1.2, 0.7)
LOBE_PRICE = 15.0
"""Minus logarithm of the prior odds of a lobe that rays from the point did not see."""
LOST_CONTACT = 0.08
"""Beyond a hole in the cortex soft tissue looks like a lobe, but has no bone beside it."""
TAKEN_SHARE = 0.3  # of a voxel, by another lesion
SEED = 20190801
EXCLUSION_MARGIN_MM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InclusionLesion:
    """A lesion as found on the inclusion CT, with what following it needs.

    Parameters
    ----------
    seed : LesionSeed
        What the reader gave.
    neighbours : tuple of LesionSeed
        The patient's other lesions.
    surface : Surface
        On the inclusion CT.
    reading : CtReading
        Sizes, edge, state.
    beside_bone : ndarray, shape (n_vertices,), bool
        Where the surface has bone beside it; the rest shows no edge.
    contact : float
        Share of the surface that has.
    cortex : float
        Share of the layer next to the surface that is cortex.
    unreadable : str or None
        Why its CT limbs are not evaluable at any visit: it lies in soft tissue
        (``not_in_bone``), is as dense as the bone around it (``not_lytic``), or is given as a
        point and mostly without bone beside it (``no_outline``), or what was found does not hold
        that point (``point_outside_outline``); None for a lesion that shows.
    rimless : BoneMap or None
        The bone without the sclerotic rim that was found around the lesion, if one was.
    patch, fit, bone, draws
        Native voxels, fitted surface, bone map and surfaces drawn from the posterior.
    seen : SeenBone
        What of the bone the scan shows, for the visits.
    lobe_share : float
        Share of its volume in lobes that rays from the point did not see.
    """

    seed: LesionSeed
    neighbours: tuple[LesionSeed, ...]
    surface: Surface
    reading: CtReading
    beside_bone: Flags
    contact: float
    cortex: float
    unreadable: str | None
    rimless: BoneMap | None
    patch: Patch
    fit: SurfaceFit
    bone: BoneMap
    draws: npt.NDArray[np.float64]
    seen: SeenBone
    lobe_share: float

    @property
    def lesion_id(self) -> str:
        """Name of the lesion."""
        return self.seed.lesion_id

    @property
    def cortex_broken(self) -> bool:
        """Whether so much of the surface lacks bone that the cortex must be broken."""
        return self.contact < BROKEN_BELOW

    @property
    def region(self) -> LesionRegion:
        """What alignment needs: where the lesion lies and which voxels do not vote."""
        centre = self.surface.centre_mm
        away = np.linalg.norm(self.surface.vertices_mm - np.asarray(centre), axis=1)
        distance = signed_distance(self.surface, self.patch.grid, band_mm=4.0)
        inside = Volume(
            array=(distance < EXCLUSION_MARGIN_MM).astype(np.uint8),
            grid=self.patch.grid,
            quantity=Quantity.LABEL,
        )
        return LesionRegion(
            lesion_id=self.lesion_id,
            centre_mm=centre,
            radius_mm=float(away.max()),
            exclusion=inside,
        )


def segment_inclusion(
    ct: Volume,
    seed: LesionSeed,
    neighbours: Sequence[LesionSeed],
    rules: LesionRules,
    *,
    taken: Sequence[Surface] = (),
) -> InclusionLesion:
    """Find a lesion on the inclusion CT and measure it.

    Parameters
    ----------
    ct : Volume
        The inclusion CT, HU, native grid.
    seed : LesionSeed
        A mask, a point, or both; the mask counts more.
    neighbours : sequence of LesionSeed
        Other lesions of the patient.
    rules : LesionRules
        Usually the protocol.
    taken : sequence of Surface
        Places that belong to other lesions: what is dark there says nothing of this one.

    Returns
    -------
    InclusionLesion
        With `unreadable` set where no lytic lesion shows in the place.

    Raises
    ------
    MeasurementError
        If the place is not on the scan, the mask is empty, or no edge is found.
    """
    flags: list[str] = []
    if seed.mask is not None:
        start = surface_from_mask(seed.mask)
        patch = _patch_around(ct, start, seed.lesion_id)
        lesion_hu = _level(patch, start)
        # where the image shows no edge, the reader's outline stands
        trust = edge_trust(contact_at(start, patch, lesion_hu))
        smoothness = mask_smoothness(start, seed.mask).scaled(trust)
        uneven = None
        margins: tuple[float, ...] = (1.5, 0.7)
        bone_share = 1.0
    else:
        assert seed.position_mm is not None
        rough, patch = _from_point(ct, seed, taken)
        start, lesion_hu, bone_share = rough.surface, rough.level_hu, rough.bone_share
        smoothness = free_smoothness(start.radius_mm)
        uneven = uneven_smoothness(start.radius_mm)
        margins = POINT_MARGINS_MM
    foreign = _inside_any(patch, taken)
    # an outline keeps its surface from running out into the cortex
    doubt_rims = seed.mask is None and bone_share >= BROKEN_BELOW
    fit, bone = refine(
        start,
        patch,
        foreign,
        lesion_hu,
        smoothness,
        margins,
        uneven=uneven,
        open_ended=seed.mask is None,
        doubt_rims=doubt_rims,
    )
    lobe_share = 0.0
    if seed.mask is None:
        alone_ml = fit.surface.volume_ml
        patch, foreign, fit, bone = _with_lobes(
            ct, seed, taken, patch, foreign, fit, bone, doubt_rims=doubt_rims
        )
        lobe_share = max(1.0 - alone_ml / fit.surface.volume_ml, 0.0)
    beside = bone_beside(patch, fit.surface, fit.lesion_hu, bone)
    contact = bone_contact(fit.surface, beside)
    if bone_share < BROKEN_BELOW:  # the cortex beside a hole may pass for bone before it
        contact = min(contact, bone_share)
    cortex = cortex_beside(patch, fit.surface, bone)
    unreadable = _unreadable(seed, patch, fit, bone, contact)
    if unreadable is None and contact < BROKEN_BELOW:
        flags.append(CORTEX_BROKEN)
    if unreadable is None and _little_contrast(fit, bone):
        flags.append(LITTLE_CONTRAST)
    draws = fit.draw(DRAWS, SEED)
    given_mm = given_sd_mm(seed, fit, fit.surface, contact)
    extra_sd_mm = math.hypot(given_mm, cortex_sd_mm(seed, cortex))
    reading = _reading(seed, patch, fit, bone, draws, rules, extra_sd_mm, tuple(flags), unreadable)
    return InclusionLesion(
        seed=seed,
        neighbours=tuple(neighbours),
        surface=fit.surface,
        reading=reading,
        beside_bone=beside,
        contact=contact,
        cortex=cortex,
        unreadable=unreadable,
        rimless=without_rim(bone, patch, fit.surface) if fit.rim_prior_hu > 0.0 else None,
        patch=patch,
        fit=fit,
        bone=bone,
        draws=draws,
        seen=seen_bone(patch, bone, Mixture.of(fit, patch), broken=contact < BROKEN_BELOW),
        lobe_share=lobe_share,
    )


def _with_lobes(
    ct: Volume,
    seed: LesionSeed,
    taken: Sequence[Surface],
    patch: Patch,
    foreign: Flags,
    fit: SurfaceFit,
    bone: BoneMap,
    *,
    doubt_rims: bool,
) -> tuple[Patch, Flags, SurfaceFit, BoneMap]:
    """Take in lobes that rays from the point did not see, where the scan shows them clearly."""
    found = patch, foreign, fit, bone
    beside = bone_beside(patch, fit.surface, fit.lesion_hu, bone)
    contact = bone_contact(fit.surface, beside)
    if contact < LEAST_POINT_CONTACT:
        return found
    start = with_lobes(fit.surface, patch, bone, foreign, fit.lesion_hu)
    if start is None:
        return found
    wide = _patch_around(ct, start, seed.lesion_id)
    other = _inside_any(wide, taken)
    smoothness = free_smoothness(start.radius_mm)
    lobed, around = refine(
        start,
        wide,
        other,
        fit.lesion_hu,
        smoothness,
        POINT_MARGINS_MM,
        uneven=uneven_smoothness(start.radius_mm),
        open_ended=True,
        doubt_rims=doubt_rims,
    )
    if hangs_on(fit.surface, lobed.surface, wide):
        return found
    if gain(fit, lobed, wide, other) < LOBE_PRICE:
        return found
    beside = bone_beside(wide, lobed.surface, lobed.lesion_hu, around)
    if bone_contact(lobed.surface, beside) < contact - LOST_CONTACT:
        return found
    return wide, other, lobed, around


def _from_point(
    ct: Volume, seed: LesionSeed, taken: Sequence[Surface]
) -> tuple[RoughLesion, Patch]:
    """What rays from a point see, and the patch around it."""
    assert seed.position_mm is not None
    if not bool(ct.grid.contains(seed.position_mm)):
        raise MeasurementError(
            f"lesion {seed.lesion_id}: the point {seed.position_mm} lies outside the CT; "
            "a point in DICOM patient coordinates (LPS, mm) on the inclusion CT is needed"
        )
    wide = make_patch(ct, seed.position_mm, 40.0)
    rough = surface_from_point(wide, seed.position_mm, _inside_any(wide, taken))
    return rough, _patch_around(ct, rough.surface, seed.lesion_id)


def _patch_around(ct: Volume, surface: Surface, lesion_id: str) -> Patch:
    """Native voxels around a surface, far enough to see its surroundings."""
    centre = surface.centre_mm
    reach = float(np.linalg.norm(surface.vertices_mm - np.asarray(centre), axis=1).max())
    try:
        return make_patch(ct, centre, reach + 14.0)
    except ValueError as exc:
        raise MeasurementError(
            f"lesion {lesion_id}: its place {centre} is not on the CT ({exc})"
        ) from exc


def _inside_any(patch: Patch, surfaces: Sequence[Surface]) -> Flags:
    """Voxels that lie in one of some surfaces."""
    inside = np.zeros(patch.grid.shape_zyx, dtype=np.bool_)
    for surface in surfaces:
        inside |= coverage(surface, patch) > TAKEN_SHARE
    return inside


def _level(patch: Patch, surface: Surface) -> float:
    """Median HU well inside a surface."""
    cover = coverage(surface, patch)
    deep = cover > min(0.95, 0.9 * float(cover.max()))
    return float(np.median(patch.values_hu[deep])) if deep.any() else 45.0


def _unreadable(
    seed: LesionSeed, patch: Patch, fit: SurfaceFit, bone: BoneMap, contact: float
) -> str | None:
    """Why no lytic lesion can be measured in a place; None where one can."""
    if contact < LEAST_BONE_SHARE:
        return NOT_IN_BONE
    contrast_hu = bone.contrast_hu(fit.lesion_hu)
    lytic = contrast_hu >= LEAST_CONTRAST_HU
    if seed.mask is None:
        if contact < LEAST_POINT_CONTACT:
            return NO_OUTLINE
        if _outside_mm(seed.position_mm, patch, fit.surface) > POINT_SLACK_MM:
            return POINT_OUTSIDE
        leaked = _little_contrast(fit, bone) and contrast_hu < LEAKED_CONTRAST_HU
        if lytic and leaked and contact < BROKEN_BELOW:
            return NO_OUTLINE
    return None if lytic else NOT_LYTIC


def _little_contrast(fit: SurfaceFit, bone: BoneMap) -> bool:
    """Whether a lesion is hardly darker than the bone around it, or too dense for a lytic one."""
    contrast_hu = bone.contrast_hu(fit.lesion_hu)
    return contrast_hu < USUAL_CONTRAST_HU or fit.lesion_hu > DENSEST_LYTIC_HU


def _outside_mm(point_mm: PositionMm | None, patch: Patch, surface: Surface) -> float:
    """How far outside a surface a point lies, negative inside."""
    assert point_mm is not None
    at = patch.grid.index_zyx(np.asarray(point_mm)[None]).T
    distance = signed_distance(surface, patch.grid)
    return float(ndimage.map_coordinates(distance, at, order=1, mode="nearest")[0])


def _reading(
    seed: LesionSeed,
    patch: Patch,
    fit: SurfaceFit,
    bone: BoneMap,
    draws: npt.NDArray[np.float64],
    rules: LesionRules,
    extra_sd_mm: float,
    flags: tuple[str, ...],
    unreadable: str | None,
) -> CtReading:
    """Record of the inclusion scan."""
    shows = unreadable is None
    limit = rules.measurable.limit_mm(patch.grid.spacing_xyz_mm[2])
    outlined = seed.mask is not None
    size = lesion_size(fit.surface, draws, outlined=outlined, extra_sd_mm=extra_sd_mm)
    present = size.longest_diameter_mm >= limit
    return CtReading(
        lesion_id=seed.lesion_id,
        visit=INCLUSION,
        status=ReadingStatus.EVALUABLE if shows else ReadingStatus.NOT_EVALUABLE,
        reasons=() if unreadable is None else (unreadable,),
        flags=flags,
        presence=(Presence.PRESENT if present else Presence.TOO_SMALL) if shows else None,
        complete_probability=0.0 if shows else None,
        size=size if present and shows else None,
        edge=inclusion_edge(measure_shells(patch, fit.surface, bone.inside, rules.edge))
        if shows
        else None,
        mean_hu=fit.lesion_hu,
        infill_percent=0.0 if shows else None,
        estimated_surface_fraction=float(
            (fit.displacement_sd_mm() > 0.7 * fit.basis.prior_sd_mm).mean()
        ),
        centre_mm=fit.surface.centre_mm,
        registration_error_mm=0.0,
        measurable_limit_mm=limit,
    )
