"""What lies beside a lesion and changes without being one: spurs and worn joints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from phantoms.anatomy.bone import Bone
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, distances
from phantoms.lesions.courses import VISITS, Four
from phantoms.lesions.painted import Painted
from phantoms.lesions.plan import NOTHING, LesionPlan
from phantoms.lesions.surface import lobe, scaled


class ConfounderKind(StrEnum):
    """What it is."""

    OSTEOPHYTE = "osteophyte"
    """A dense spur at the rim of an endplate that grows from visit to visit."""
    DEGENERATION = "degeneration"
    """A worn facet joint whose uptake rises; on CT a little sclerosis that stays."""


GROWTH: dict[ConfounderKind, Four] = {
    ConfounderKind.OSTEOPHYTE: (0.55, 0.65, 0.85, 1.0),
    ConfounderKind.DEGENERATION: (1.0, 1.0, 1.0, 1.0),
}
SUV: dict[ConfounderKind, Four] = {
    ConfounderKind.OSTEOPHYTE: (9.0, 10.0, 12.0, 13.0),
    ConfounderKind.DEGENERATION: (10.0, 13.0, 18.0, 22.0),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Confounder:
    """One confounder, in the frame of its bone.

    ``lobes`` is its surface at month 24, ``near`` the lesion that it lies beside.
    """

    kind: ConfounderKind
    bone: str
    near: str
    lobes: Floats
    inside_hu: float

    def surface(self, visit: str) -> Floats:
        """Lobes at a visit."""
        factor = GROWTH[self.kind][VISITS.index(visit)]
        return scaled(self.lobes, factor, self.lobes[:, 9:12].mean(axis=0), np.zeros(3))

    def suv_at(self, visit: str) -> float:
        """Uptake at a visit, SUV."""
        return SUV[self.kind][VISITS.index(visit)]

    def painted(self, visit: str) -> Painted:
        """Give what the CT painter needs at a visit."""
        return Painted(
            lobes=self.surface(visit),
            scar_lobes=NOTHING,
            inside_hu=self.inside_hu,
            infill=0.0,
            edge_mm=1.2,
            rim_hu=0.0,
            rim_mm=0.0,
            scar_hu=0.0,
            texture_hu=60.0,
        )


def confounder_near(build: Build, bone: Bone, plan: LesionPlan, kind: ConfounderKind) -> Confounder:
    """Set a confounder onto the surface of a vertebra that holds a lesion.

    Parameters
    ----------
    build : Build
        The patient.
    bone : Bone
        The lesion's vertebra.
    plan : LesionPlan
        The lesion.
    kind : ConfounderKind
        What to set.

    Returns
    -------
    Confounder
        At the rim of the nearer endplate, or at a facet joint; it does not reach the lesion.
    """
    rng = build.rng("confounder", kind.value, plan.lesion_id)
    lesion = plan.lobes[:, 9:12].mean(axis=0)
    half_width, half_depth, half_height = bone.shape.solids[0][12:15]
    side = 1.0 if lesion[0] >= 0 else -1.0
    if kind is ConfounderKind.OSTEOPHYTE:
        up = 1.0 if lesion[2] >= 0 else -1.0
        away = np.array([0.75 * side * half_width, -0.7 * half_depth, up * (half_height - 2.5)])
        stretch, radius, hu = np.array([1.0, 1.0, 0.7]), 5.5, 720.0
    else:
        away = np.array([side * (0.58 * half_width + 2.0), half_depth + 11.0, 0.5 * half_height])
        stretch, radius, hu = np.array([0.9, 0.9, 1.2]), 5.0, 560.0
    centre = _on_surface(bone, away)
    gap = float(np.linalg.norm(centre - lesion)) - 0.65 * plan.diameter_mm
    radius = float(np.clip(radius, 2.5, max(2.5, gap)))
    terms = np.zeros((3, 5))
    terms[:, :3] = rng.normal(size=(3, 3))
    terms[:, :3] /= np.linalg.norm(terms[:, :3], axis=1, keepdims=True)
    terms[:, 3:] = [[0.08, 2.0], [0.06, 3.0], [0.04, 4.0]]
    shape = lobe(centre, np.eye(3), stretch, radius, terms)[None]
    return Confounder(kind=kind, bone=bone.name, near=plan.lesion_id, lobes=shape, inside_hu=hu)


def _on_surface(bone: Bone, start: Floats) -> Floats:
    """Walk from a point to the bone's surface along the slope of its distance."""
    point = np.asarray(start, dtype=float)
    step = np.vstack([np.zeros(3), np.eye(3) * 0.3, -np.eye(3) * 0.3])
    for _ in range(12):
        values = distances(bone.shape.program(), bone.shape.waves, point + step)
        slope = (values[1:4] - values[4:7]) / 0.6
        size = max(float(slope @ slope), 0.2)
        point = point - values[0] * slope / size
    return point
