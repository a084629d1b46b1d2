"""How a patient lies at one visit: the body as a whole, and every bone in its joint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.real_bones.bones import Bone
from benchmarks.real_bones.geometry import Floats, about, turn


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pose:
    """Where body and bones are at one visit, as matrices of shape (4, 4)."""

    world_from_body: Floats
    world_from_bone: dict[str, Floats]


def draw_pose(bones: Mapping[str, Bone], rng: np.random.Generator) -> Pose:
    """Place the body and then every bone on its parent."""
    shift = rng.standard_normal(3)
    shift *= rng.uniform(3, 30) / np.linalg.norm(shift)
    body = about(np.zeros(3), turn(rng, rng.uniform(0.5, 8.0)), shift)
    placed: dict[str, Floats] = {}

    def place(name: str) -> Floats:
        if name not in placed:
            bone = bones[name]
            above = place(bone.parent) if bone.parent else body
            angle = bone.turn_deg * rng.uniform(-1.0, 1.0)
            drift = rng.normal(0, 0.3, 3) if bone.turn_deg else np.zeros(3)
            placed[name] = above @ about(bone.joint_mm, turn(rng, angle), drift)
        return placed[name]

    for name in bones:
        place(name)
    return Pose(world_from_body=body, world_from_bone=placed)
