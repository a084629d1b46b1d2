"""What happened to a lesion besides its size: split, merged, back again, a new one beside it.

Each is a flag on the visit's reading, so that a change of what is measured is never silent.
Growth is told by scoring, from the sizes.
"""

from __future__ import annotations

import numpy as np

from lesionscore.lesions.evidence import Evidence
from lesionscore.lesions.expected import ExpectedBone
from lesionscore.lesions.foci import Focus, lesion_like, new_foci
from lesionscore.lesions.patch import Patch
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.segment import InclusionLesion
from lesionscore.lesions.surface import Surface
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid

SPLIT = "lesion_split"
MERGED = "lesion_merged"
REAPPEARED = "lesion_reappeared"
NEW_NEAR = "new_lesion_near"

LEAST_PART_SHARE = 0.1  # of the whole volume: smaller pieces do not make two of one
NEIGHBOUR_CLEARANCE_MM = 6.0  # a focus so near another known lesion is that lesion
NEW_DEPTH_SHARE = 0.6  # deeper than half-way, to be told from sparse bone


def visit_events(
    inclusion: InclusionLesion,
    visit_from_inclusion: RigidTransform,
    patch: Patch,
    evidence: Evidence,
    expected: ExpectedBone,
    current: Surface | None,
) -> tuple[str, ...]:
    """Events of one lesion at one visit.

    Parameters
    ----------
    inclusion : InclusionLesion
        The lesion at inclusion, with its neighbours.
    visit_from_inclusion : RigidTransform
        Of the lesion's bone.
    patch : Patch
        The visit's voxels.
    evidence : Evidence
        Expected bone with the scanner's drift, and the lesion's level.
    expected : ExpectedBone
        Which voxels are bone.
    current : Surface or None
        What is left.

    Returns
    -------
    tuple of str
        ``lesion_split``, ``lesion_merged``, ``new_lesion_near``.
    """
    carried = inclusion.surface.moved(visit_from_inclusion)
    neighbours = [visit_from_inclusion.apply(seed.place_mm) for seed in inclusion.neighbours]
    flags = []
    if current is not None:
        if count_parts(current) > max(1, count_parts(inclusion.surface)):
            flags.append(SPLIT)
        if any(_holds(current, place) and not _holds(carried, place) for place in neighbours):
            flags.append(MERGED)
    like = lesion_like(
        patch, evidence.bone_hu, expected.is_bone, evidence.lesion_hu, NEW_DEPTH_SHARE
    )
    new = new_foci(like, patch, carried, current)
    if any(not _is_known(focus, neighbours) for focus in new):
        flags.append(NEW_NEAR)
    return tuple(flags)


def count_parts(surface: Surface) -> int:
    """Number of closed parts of a surface that matter by their volume."""
    parts = surface.vertex_parts()
    volumes = []
    for part in range(int(parts.max()) + 1):
        faces = surface.faces[parts[surface.faces[:, 0]] == part]
        if len(faces) >= 4:
            volumes.append(abs(Surface(vertices_mm=surface.vertices_mm, faces=faces).volume_ml))
    return int((np.asarray(volumes) >= LEAST_PART_SHARE * sum(volumes)).sum())


def _holds(surface: Surface, place_mm: np.ndarray) -> bool:
    """Whether a point lies inside a surface."""
    low, high = surface.vertices_mm.min(axis=0), surface.vertices_mm.max(axis=0)
    if bool((place_mm < low).any() or (place_mm > high).any()):
        return False
    step = 0.5
    count = np.ceil((high - low) / step).astype(int) + 5
    start = low - 2.0 * step
    start = start + (place_mm - start) % step  # the point is one of the grid's
    grid = Grid(
        shape_zyx=(int(count[2]), int(count[1]), int(count[0])),
        spacing_xyz_mm=(step, step, step),
        origin_mm=(float(start[0]), float(start[1]), float(start[2])),
    )
    at = np.rint(grid.index_zyx(place_mm)).astype(int)
    return bool(signed_distance(surface, grid)[tuple(at)] < 0)


def _is_known(focus: Focus, neighbours: list[np.ndarray]) -> bool:
    """Whether a focus is another lesion that was given."""
    radius = (3.0 * focus.volume_mm3 / (4.0 * np.pi)) ** (1.0 / 3.0)
    limit = NEIGHBOUR_CLEARANCE_MM + radius
    return any(
        float(np.linalg.norm(np.asarray(focus.centre_mm) - place)) < limit for place in neighbours
    )
