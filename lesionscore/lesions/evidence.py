"""What one scan says of a lesion's surface, and the voxels that competing surfaces explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lesionscore.errors import MeasurementError
from lesionscore.lesions.fields import field_around
from lesionscore.lesions.noise import Noise
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.surface import Surface

Singles = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

OUTER_REACH_MM = 6.0
INNER_MM = 2.0
"""How deep inside the lesion the field of its surroundings still reaches."""
SHELL_MM = 2.0
MOST_VOXELS = 15_000
NEW_CORTEX_SD = 0.3
"""Of how dense the cortex in a lesion's place is, relative to the bone's other cortex."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What one scan says about a lesion's surface.

    Parameters
    ----------
    patch : Patch
        Native voxels.
    bone_hu, bone_sd_hu : ndarray, shape (n_z, n_y, n_x)
        Expected values without the lesion, and the SD of their fine texture.
    bone_shared : float
        How much neighbours share that texture (see `Noise.shared`).
    noise : Noise
        Of the scan.
    votes : ndarray, shape (n_z, n_y, n_x), bool
        Voxels that say something; where a lesion has grown into soft tissue there is no edge, and
        soft tissue does not keep its place beside the bone.
    lesion_hu, lesion_sd_hu : float
        Level of the lesion before looking at this scan, and its SD.
    field_sd_hu : float
        SD of the slowly varying error of the expected bone.
    new_cortex_hu : ndarray, shape (n_z, n_y, n_x), optional
        What of `bone_hu` is cortex that the lesion took, perhaps less or more dense than elsewhere.
    rim_hu, rim_sd_hu : float
        Likely density of a layer next to the surface beyond its surroundings, and SD; an SD of 0
        leaves the layer out.
    rim_loss_sd_hu : float or None
        SD of how much less dense than its surroundings that layer is: new bone is rarely that,
        and a lesion that fills with bone would pass for a small one with a pale rim. None: as
        `rim_sd_hu`.
    blur_sd : float
        SD of the logarithm of the scan's blur; 0 keeps it.
    sharpening, sharpening_sd : float
        Edge enhancement of the kernel before looking, and its SD; 0 keeps it. The point spread
        is ``(1 + a) * narrow - a * wide`` with `wide` twice as wide in the plane.
    """

    patch: Patch
    bone_hu: Singles
    bone_sd_hu: Singles
    bone_shared: float
    noise: Noise
    votes: Flags
    lesion_hu: float
    lesion_sd_hu: float
    field_sd_hu: float = 0.0
    new_cortex_hu: Singles | None = None
    rim_hu: float = 0.0
    rim_sd_hu: float = 0.0
    rim_loss_sd_hu: float | None = None
    blur_sd: float = 0.0
    sharpening: float = 0.0
    sharpening_sd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arena:
    """The voxels that fits from different starts explain: only on the same ones they compare.

    Parameters
    ----------
    surface : Surface
        The place whose voxels and surroundings they are.
    rows : ndarray, shape (n,)
        Flat indices of the voxels in the patch.
    row_of : ndarray, shape (n_z, n_y, n_x), int
        Number of each voxel among `rows`; -1 is left out.
    field, rim : ndarray, shape (n, n_knots), float32
        Patterns of the bone's slowly varying error, and of a rim's density; without columns where
        the evidence has none.
    """

    surface: Surface
    rows: Indices
    row_of: Indices
    field: Singles
    rim: Singles


def arena_around(surface: Surface, evidence: Evidence) -> Arena:
    """Choose the voxels around a place that say something of a surface there.

    Parameters
    ----------
    surface : Surface
        The place.
    evidence : Evidence
        The scan; of it only the patch, its votes, and whether there are a field and a rim.

    Returns
    -------
    Arena
        For `lesionscore.lesions.fit.fit_surface`.

    Raises
    ------
    MeasurementError
        If no voxel next to the surface has a vote.
    """
    patch = evidence.patch
    reach = OUTER_REACH_MM if evidence.field_sd_hu > 0 else 3.5 * max(patch.blur_zyx_mm)
    distance = signed_distance(surface, patch.grid, band_mm=reach + 0.5)
    rows = np.flatnonzero((np.abs(distance) < reach) & evidence.votes)
    # a thinned choice of voxels is enough for a large lesion, and says so in its SD
    rows = rows[:: max(1, int(np.ceil(len(rows) / MOST_VOXELS)))]
    row_of = np.full(distance.size, -1, dtype=np.int64)
    row_of[rows] = np.arange(len(rows))
    index = np.stack(np.unravel_index(rows, patch.grid.shape_zyx), axis=-1)
    positions = patch.grid.positions_mm(index)
    away = distance.ravel()[rows]
    near = away > -INNER_MM
    close = near & (away < SHELL_MM + 1.0)
    if not close.any():
        raise MeasurementError("no bone next to the place shows a lesion's edge")
    field = rim = np.zeros((len(rows), 0), dtype=np.float32)
    if evidence.field_sd_hu > 0:
        field = field_around(positions[near]).patterns(positions)
        if evidence.new_cortex_hu is not None:  # its prior SD is the field's
            share = np.float32(NEW_CORTEX_SD / evidence.field_sd_hu)
            field = np.column_stack([field, share * evidence.new_cortex_hu.ravel()[rows]])
    if evidence.rim_sd_hu > 0:
        rim = field_around(positions[close]).patterns(positions)
    return Arena(
        surface=surface,
        rows=rows,
        row_of=row_of.reshape(patch.grid.shape_zyx),
        field=field,
        rim=rim,
    )
