"""Where every bone lies at a visit: the chain of joints from the sacrum outwards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from phantoms.anatomy.bone import Bone, apply
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, rotation


def pose_skeleton(bones: Mapping[str, Bone], build: Build, visit: str) -> dict[str, Floats]:
    """Draw the pose of a visit.

    Parameters
    ----------
    bones : mapping of str to Bone
        Parents before children.
    build : Build
        The patient.
    visit : str
        Name of the visit; every visit has its own pose, the inclusion too.

    Returns
    -------
    dict of str to ndarray, shape (4, 4)
        ``world_from_bone`` of each bone at the visit, rigid, LPS mm.
    """
    rng = build.rng("pose", visit)
    bend = rng.normal(0, 0.55, size=3)
    breath = float(rng.uniform(-1, 1))
    root = np.eye(4)
    root[:3, :3] = rotation(*np.clip(rng.normal(0, (2.0, 1.5, 2.0)), -4, 4))
    root[:3, 3] = rng.normal(0, (6.0, 4.0, 5.0))
    moved: dict[str, Floats] = {}  # world at the visit from canonical world, per bone
    for name, bone in bones.items():
        joint = bone.joint
        if joint is None:
            moved[name] = root
            continue
        draw = build.rng("pose", visit, name)
        angles = (
            draw.normal(0, joint.sd_deg)
            + bend * joint.bend_deg
            + breath * np.array(joint.breath_deg)
        )
        angles *= min(1.0, joint.limit_deg / max(float(np.linalg.norm(angles)), 1e-9))
        pivot = np.array(joint.pivot_mm)
        turn = rotation(*angles)
        local = np.eye(4)
        local[:3, :3] = turn
        local[:3, 3] = pivot - turn @ pivot + draw.normal(0, joint.slide_mm, size=3)
        moved[name] = moved[joint.parent] @ local
    return {name: moved[name] @ bone.world_from_bone for name, bone in bones.items()}


def displaced(matrix: Floats, points: Floats) -> Floats:
    """Move points of a bone's frame into the world of the visit."""
    return apply(matrix, points)
