"""NaF uptake of one lesion on one visit's PET, in native voxels.

The region is the inclusion surface carried over, plus a margin, because the uptake sits in the
rim. Whether a change means anything is scoring's business (`lesionscore.scoring.uptake`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lesionscore.errors import MeasurementError
from lesionscore.lesions.records import PetReading, ReadingStatus
from lesionscore.lesions.spill_in import is_spill_in
from lesionscore.lesions.suv_peak import peak_mean
from lesionscore.lesions.uptake_region import (
    SurfaceLike,
    UptakeRegion,
    region_voxels,
    signed_distance_mm,
)
from lesionscore.protocol.rules import UptakeRule
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume

PET_NOT_COVERED = "pet_not_covered"
PET_REGION_EMPTY = "pet_region_empty"
PET_INVALID_VALUES = "pet_invalid_values"
PET_NO_SIGNAL = "pet_no_signal"
SPILL_IN = "spill_in"
MAXIMUM_SHARED = "maximum_in_other_lesion"
PEAK_TRUNCATED = "suv_peak_truncated"


def read_uptake(
    pet: Volume,
    *,
    lesion_id: str,
    visit: str,
    vertices_mm: npt.NDArray[np.floating],
    faces: npt.NDArray[np.integer],
    pet_from_ct: RigidTransform,
    rule: UptakeRule,
    neighbours: Sequence[SurfaceLike] = (),
) -> PetReading:
    """Read SUVmax, SUVpeak, mean and total of one lesion.

    Parameters
    ----------
    pet : Volume
        The PET in SUV by body weight, native grid.
    lesion_id, visit : str
        Whose reading this is.
    vertices_mm : ndarray, shape (n, 3)
        The inclusion surface carried over to this visit's CT, LPS mm.
    faces : ndarray, shape (m, 3), int
        Corner numbers of the surface's triangles.
    pet_from_ct : RigidTransform
        Maps points of this visit's CT to the PET; identity unless the patient moved.
    rule : UptakeRule
        The protocol's margin around the surface.
    neighbours : sequence of surfaces
        The patient's other lesions on this visit's CT: anything with ``vertices_mm`` and
        ``faces``.

    Returns
    -------
    PetReading
        ``suv_max`` is the highest native voxel of the region, to the last digit. Flags:
        ``spill_in`` where the maximum belongs to a hotter source outside the region,
        ``maximum_in_other_lesion`` where it also lies in another lesion's region,
        ``suv_peak_truncated`` where the peak's sphere reaches beyond the image. Not evaluable
        where the PET does not cover the whole region (``pet_not_covered``), has no voxel in it
        (``pet_region_empty``), values that are not numbers (``pet_invalid_values``) or nothing
        above zero (``pet_no_signal``).

    Raises
    ------
    MeasurementError
        If the PET is not in SUV by body weight, or the surface has no triangle.
    """
    if pet.quantity is not Quantity.SUVBW:
        raise MeasurementError(
            f"lesion {lesion_id}, {visit}: the PET is in {pet.quantity}; SUV by body weight "
            f"({Quantity.SUVBW}) is accepted. Read it with lesionscore.dicom.series.read_pet."
        )
    region = region_voxels(pet.grid, pet_from_ct.apply(vertices_mm), faces, rule.region_margin_mm)
    middle_mm = np.asarray(vertices_mm, dtype=np.float64).mean(axis=0)
    shift_mm = float(np.linalg.norm(pet_from_ct.apply(middle_mm) - middle_mm))
    reason = _reason_not_evaluable(pet, region)
    if reason is not None:
        return PetReading(
            lesion_id=lesion_id,
            visit=visit,
            status=ReadingStatus.NOT_EVALUABLE,
            reasons=(reason,),
            pet_from_ct_shift_mm=shift_mm,
        )
    index = region.index_zyx()
    values = pet.array[tuple(index.T)]
    hottest = index[int(values.argmax())]
    hottest_mm = pet.grid.positions_mm(hottest)
    spacing_zyx = pet.grid.spacing_xyz_mm[::-1]
    suv_peak, complete = peak_mean(pet.array, index, spacing_zyx)
    flags = []
    if is_spill_in(pet, region, hottest):
        flags.append(SPILL_IN)
    if _is_in_another(pet_from_ct.inverse().apply(hottest_mm), neighbours, rule.region_margin_mm):
        flags.append(MAXIMUM_SHARED)
    if not complete:
        flags.append(PEAK_TRUNCATED)
    mean = float(values.mean(dtype=np.float64))
    volume_ml = region.n_voxels * pet.grid.voxel_volume_ml
    return PetReading(
        lesion_id=lesion_id,
        visit=visit,
        status=ReadingStatus.EVALUABLE,
        flags=tuple(flags),
        suv_max=float(values.max()),
        suv_peak=suv_peak,
        suv_mean=mean,
        suv_total_ml=mean * volume_ml,
        region_volume_ml=volume_ml,
        suv_max_position_mm=(float(hottest_mm[0]), float(hottest_mm[1]), float(hottest_mm[2])),
        pet_from_ct_shift_mm=shift_mm,
    )


def _reason_not_evaluable(pet: Volume, region: UptakeRegion) -> str | None:
    """Why the region cannot be read, or None."""
    if region.n_voxels == 0:
        return PET_REGION_EMPTY
    if not region.covered:
        return PET_NOT_COVERED
    values = pet.array[tuple(region.index_zyx().T)]
    if not np.isfinite(values).all():
        return PET_INVALID_VALUES
    if not values.max() > 0:  # blank slices, or outside a masked field of view
        return PET_NO_SIGNAL
    return None


def _is_in_another(
    position_mm: npt.NDArray[np.floating], neighbours: Sequence[SurfaceLike], margin_mm: float
) -> bool:
    """Whether the hottest voxel lies in another lesion's region as well."""
    return any(
        signed_distance_mm(position_mm, other.vertices_mm, other.faces) <= margin_mm
        for other in neighbours
    )
