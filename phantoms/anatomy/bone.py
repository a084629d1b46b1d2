"""A bone of a patient: its shape, what it is made of, and the joint it hangs on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from phantoms.anatomy.shapes import Floats, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """How a bone moves against its parent between visits.

    ``pivot_mm`` is in the canonical world; ``sd_deg`` and ``bend_deg`` are about its x, y and z
    axes: independent movement of this joint, and its share of the smooth bend of the whole chain.
    ``slide_mm`` is the standard deviation of the translation along each axis.
    """

    parent: str
    pivot_mm: tuple[float, float, float]
    sd_deg: tuple[float, float, float]
    limit_deg: float
    bend_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    breath_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slide_mm: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place of a bone where lesions may lie: its centre and reach in the bone's frame, mm."""

    name: str
    centre_mm: tuple[float, float, float]
    reach_mm: tuple[float, float, float]
    largest_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bone:
    """One rigid bone in the canonical pose.

    Parameters
    ----------
    name : str
        Stable name, for instance ``L3``, ``hip_bone_left``.
    shape : Shape
        Implicit solid in the bone's own frame (mm, axes near LPS).
    world_from_bone : ndarray, shape (4, 4)
        Place in the canonical pose.
    half_box_mm : tuple of 3 float, box_centre_mm : tuple of 3 float
        A box in the bone's frame that holds the whole shape.
    cortex_mm, cortex_hu, trabecular_hu : float
        Wall thickness and densities of normal bone.
    texture_hu, texture_shift : float, tuple
        Standard deviation of the trabecular texture, and where in the texture's lattice this
        bone begins.
    uptake : float
        SUV of normal bone on NaF PET.
    joint : Joint or None
        None for the root of the skeleton.
    """

    name: str
    shape: Shape
    world_from_bone: Floats
    half_box_mm: tuple[float, float, float]
    box_centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    cortex_mm: float = 1.4
    cortex_hu: float = 900.0
    trabecular_hu: float = 180.0
    texture_hu: float = 45.0
    texture_shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    uptake: float = 5.0
    joint: Joint | None = None
    sites: tuple[Site, ...] = field(default=())


def placed(origin_mm: Floats | tuple[float, float, float], turn: Floats | None = None) -> Floats:
    """Homogeneous matrix of a turn followed by a move."""
    matrix = np.eye(4)
    if turn is not None:
        matrix[:3, :3] = turn
    matrix[:3, 3] = origin_mm
    return matrix


def apply(matrix: Floats, points: Floats) -> Floats:
    """Move points, shape (..., 3), by a homogeneous matrix."""
    return np.asarray(np.asarray(points, dtype=float) @ matrix[:3, :3].T + matrix[:3, 3])
