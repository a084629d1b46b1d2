"""Whether a visit's PET lies on the visit's CT near a lesion, and where not, by how much.

NaF shows bone, so bone of the CT, blurred as the PET is, must lie where the PET is bright. The
frame of reference is trusted unless the two disagree by more than a limit *and* the evidence is
strong; the lesion itself and soft tissue do not vote. Nothing here measures uptake.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lesionscore.quantities import PositionMm
from lesionscore.registration.shift_search import ShiftScores
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid, Volume

Floats = npt.NDArray[np.float64]

MOVED = "pet_ct_moved"
DISAGREE = "pet_ct_disagree"
UNVERIFIED = "pet_ct_unverified"
FRAME_DIFFERS = "pet_frame_of_reference_differs"
UNRELATED = "pet_ct_unrelated"

WINDOW_MM = 50.0
"""How far beyond the lesion bone still votes: one bone and its neighbours, not the body."""
WEIGHT_SIGMA_MM = 30.0
"""Nearer bone votes more: limbs and trunk do not move together."""
SEARCH_MM = 16.0
"""Largest disagreement looked for: less than one vertebra or one rib."""
LESION_MARGIN_MM = 6.0
"""Voxels this near to the lesion do not vote: their uptake is what changes."""
BONE_HU = (100.0, 250.0)
"""Below is no bone, above is all bone: uptake fills spongy bone and cortex alike."""
PET_FWHM_MM = 6.0
"""Blur given to the CT before it is compared."""
CT_BIN_MM = 2.0
PET_BIN_MM = 4.0
"""Both are averaged to at most these spacings first; the PET's blur leaves nothing finer."""
CLIP = 1.1
"""Uptake above this many times that of ordinary bone counts no more: hot spots do not pull."""
HOT = 3.0
"""Above this many times ordinary bone it is a bladder, joint, fracture or lesion: no vote."""
LEAST_BONE_ML = 6.0
"""With less bone than this near the lesion there is nothing to compare."""
LEAST_CORRELATION = 0.55
"""Below it the PET does not show the bone: another tracer, or too few counts."""
LEAST_GAIN = 0.02
"""A correction must raise the correlation by at least this."""
SURE = 3.0
"""A correction must be this many times its own standard error."""
LARGEST_ERROR_MM = 2.0
"""A correction less certain than this would do more harm than good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PetAlignment:
    """How a visit's PET lies on its CT near one lesion.

    Parameters
    ----------
    pet_from_ct : RigidTransform
        Maps points of the CT to the PET; identity unless a correction was made.
    shift_mm : float
        Size of the correction at the lesion; 0 if none was made.
    flags : tuple of str
        ``pet_ct_moved``: corrected. ``pet_ct_disagree``: they disagree by more than the limit,
        but the evidence is too weak to correct. ``pet_ct_unverified``: there is too little bone,
        or the PET does not show it. ``pet_frame_of_reference_differs``.
    reasons : tuple of str
        ``pet_ct_unrelated`` if the frames of reference differ and the images do not confirm that
        they match: nothing may be read from this PET at this lesion.
    offset_mm : float or None
        Size of the disagreement that was found, corrected or not; None if unverified.
    offset_sd_mm : float or None
        Standard error of that disagreement; None unless it was worth asking.
    correlation : float or None
        Agreement of PET and bone where they agree best, -1 to 1.
    """

    pet_from_ct: RigidTransform
    shift_mm: float
    flags: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    offset_mm: float | None = None
    offset_sd_mm: float | None = None
    correlation: float | None = None


def align_pet(
    ct: Volume,
    pet: Volume,
    centre_mm: PositionMm,
    radius_mm: float,
    limit_mm: float,
    same_frame_of_reference: bool,
) -> PetAlignment:
    """Compare a visit's PET with its CT near a lesion, and correct it where it must be.

    Parameters
    ----------
    ct : Volume
        The visit's CT, HU; the whole scan or what surrounds the lesion.
    pet : Volume
        The visit's NaF PET, in any unit that is proportional to activity.
    centre_mm : tuple of float
        The lesion's centre on the CT, LPS mm.
    radius_mm : float
        Radius of a ball around the centre that holds the lesion.
    limit_mm : float
        Disagreement up to which the frame of reference is trusted.
    same_frame_of_reference : bool
        Whether the two series say that they share one frame of reference.

    Returns
    -------
    PetAlignment
        With the correction, or the reason why none was made.

    Notes
    -----
    The correction is a shift: within the window a small turn moves the lesion by next to
    nothing. Score: weighted correlation of bone fraction (CT clipped, blurred to the PET) and
    PET clipped at the uptake of ordinary bone, over all shifts on the PET's own lattice; the
    standard error comes from leaving out one eighth of the window at a time.
    """
    frame = () if same_frame_of_reference else (FRAME_DIFFERS,)
    unconfirmed = () if same_frame_of_reference else (UNRELATED,)
    comparison = _compare(ct, pet, centre_mm, radius_mm)
    if comparison is None or comparison.scores.best < LEAST_CORRELATION:
        return PetAlignment(
            pet_from_ct=RigidTransform.identity(),
            shift_mm=0.0,
            flags=(*frame, UNVERIFIED),
            reasons=unconfirmed,
            correlation=None if comparison is None else comparison.scores.best,
        )
    scores = comparison.scores
    offset = comparison.offset_mm
    size_mm = float(np.linalg.norm(offset))
    agree = size_mm <= limit_mm and not scores.is_at_border
    error_mm = comparison.standard_error_mm()
    sure = (
        not scores.is_at_border
        and error_mm <= min(LARGEST_ERROR_MM, size_mm / SURE)
        and scores.best - scores.at_zero >= LEAST_GAIN
    )
    move = sure and not agree
    doubt = () if agree else (MOVED if sure else DISAGREE,)
    return PetAlignment(
        pet_from_ct=RigidTransform.from_rotation_shift(np.eye(3), offset)
        if move
        else RigidTransform.identity(),
        shift_mm=size_mm if move else 0.0,
        flags=(*frame, *doubt),
        reasons=() if agree or sure else unconfirmed,
        offset_mm=size_mm,
        offset_sd_mm=error_mm,
        correlation=scores.best,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Comparison:
    """Scores of all shifts on one lattice."""

    scores: ShiftScores
    grid: Grid

    @property
    def offset_mm(self) -> Floats:
        """Where the PET shows a point of the CT, from that point, LPS mm."""
        return self._mm(-self.scores.best_shift_zyx())

    def standard_error_mm(self) -> float:
        """Jackknife over eighths of the window: standard error of the offset, mm."""
        shifts = self.scores.leave_one_out_zyx()
        if len(shifts) < 2:
            return float("inf")
        spread = self._mm(shifts - shifts.mean(axis=0))
        return float(np.sqrt((len(shifts) - 1) / len(shifts) * (spread**2).sum()))

    def _mm(self, shift_zyx: Floats) -> Floats:
        return np.asarray(shift_zyx[..., ::-1] @ self.grid.mm_from_index_xyz.T)


def _compare(
    ct: Volume, pet: Volume, centre_mm: PositionMm, radius_mm: float
) -> _Comparison | None:
    """Score every shift near the lesion; None where there is too little to compare."""
    window_mm = radius_mm + WINDOW_MM
    try:
        near_ct = ct.crop(centre_mm, window_mm + SEARCH_MM + 2 * PET_FWHM_MM)
        near_pet = _binned(pet.crop(centre_mm, window_mm), PET_BIN_MM)
    except ValueError:  # one of the two does not reach the lesion
        return None
    values = near_pet.array
    spacing = np.asarray(near_pet.grid.spacing_xyz_mm)[::-1]
    positions = near_pet.grid.positions_mm(np.moveaxis(np.indices(values.shape), 0, -1))
    away = np.linalg.norm(positions - np.asarray(centre_mm), axis=-1)
    weight = np.exp(-0.5 * (np.maximum(away - radius_mm, 0.0) / WEIGHT_SIGMA_MM) ** 2)
    weight[(away <= radius_mm + LESION_MARGIN_MM) | (away > window_mm)] = 0.0
    weight[~ct.grid.contains(positions) | ~np.isfinite(values)] = 0.0
    margin = np.ceil(SEARCH_MM / spacing).astype(int)
    bone, covered = _bone_fraction(near_ct, near_pet.grid, margin)
    here = bone[tuple(slice(m, m + n) for m, n in zip(margin, values.shape, strict=True))]
    is_bone = (here > 0.5) & (weight > 0)
    ordinary = float(np.median(values[is_bone])) if is_bone.any() else 0.0
    enough = is_bone.sum() * near_pet.grid.voxel_volume_ml >= LEAST_BONE_ML
    if not enough or not ordinary > 0:
        return None
    weight[_near(values > HOT * ordinary, PET_FWHM_MM, spacing)] = 0.0
    clipped = np.clip(np.nan_to_num(values), 0.0, CLIP * ordinary) / ordinary
    part = _octants(positions - np.asarray(centre_mm))
    scores = ShiftScores.from_images(clipped, weight, part, bone, covered)
    return _Comparison(scores=scores, grid=near_pet.grid)


def _binned(volume: Volume, spacing_mm: float) -> Volume:
    """Averages of blocks of voxels, whole blocks only, whose spacing is at most `spacing_mm`."""
    spacing = np.asarray(volume.grid.spacing_xyz_mm)[::-1]
    factor = np.maximum(np.floor(spacing_mm / spacing + 1e-6), 1).astype(int)
    factor = np.minimum(factor, volume.array.shape)
    kept = np.asarray(volume.array.shape) // factor
    block = volume.array[tuple(slice(0, int(n)) for n in kept * factor)]
    parts = block.reshape(kept[0], factor[0], kept[1], factor[1], kept[2], factor[2])
    origin = volume.grid.positions_mm((factor - 1) / 2.0)
    coarse = (spacing * factor)[::-1]
    grid = Grid(
        shape_zyx=(int(kept[0]), int(kept[1]), int(kept[2])),
        spacing_xyz_mm=(float(coarse[0]), float(coarse[1]), float(coarse[2])),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=volume.grid.direction,
    )
    array = parts.mean(axis=(1, 3, 5), dtype=np.float64)
    return Volume(array=array, grid=grid, quantity=volume.quantity)


def _bone_fraction(
    near_ct: Volume, lattice: Grid, margin_zyx: npt.NDArray[np.int_]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Bone of the CT, 0 to 1, blurred as the PET, on the PET's lattice `margin_zyx` beyond it.

    The second array says where the CT reaches.
    """
    low, high = BONE_HU
    bone = (np.clip(near_ct.array, low, high) - low).astype(np.float32) / np.float32(high - low)
    coarse = _binned(Volume(array=bone, grid=near_ct.grid, quantity=near_ct.quantity), CT_BIN_MM)
    sigma = PET_FWHM_MM / 2.355 / np.asarray(coarse.grid.spacing_xyz_mm)[::-1]
    blurred = ndimage.gaussian_filter(coarse.array, sigma, mode="nearest")
    shape = np.asarray(lattice.shape_zyx) + 2 * margin_zyx
    index = np.moveaxis(np.indices(tuple(shape.tolist())), 0, -1) - margin_zyx
    positions = lattice.positions_mm(index)
    where = np.moveaxis(coarse.grid.index_zyx(positions), -1, 0)
    sampled = ndimage.map_coordinates(blurred, where, order=1, mode="nearest")
    return np.asarray(sampled), near_ct.grid.contains(positions)


def _near(
    where: npt.NDArray[np.bool_], reach_mm: float, spacing_zyx: Floats
) -> npt.NDArray[np.bool_]:
    """Voxels that are set, or nearer than `reach_mm` to one that is."""
    if not where.any():
        return where
    return np.asarray(ndimage.distance_transform_edt(~where, sampling=spacing_zyx) < reach_mm)


def _octants(offset_mm: Floats) -> npt.NDArray[np.int_]:
    """Which eighth of the window each voxel lies in, 0 to 7."""
    x, y, z = (offset_mm[..., k] > 0 for k in range(3))
    return np.asarray(x.astype(int) + 2 * y + 4 * z)
