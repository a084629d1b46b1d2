"""Where every bone lies at a visit: the chain of joints from the sacrum outwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from phantoms.anatomy.bone import Bone, apply
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats, distances, rotation

ARM_CLEARANCE_MM = 12.0
ARM_STEP_DEG, MOST_ARM_STEPS = 2.0, 30
LATTICE_MM = 5.0


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
    poses = {name: moved[name] @ bone.world_from_bone for name, bone in bones.items()}
    for side in ("left", "right"):
        if f"forearm_{side}" in bones:
            poses[f"forearm_{side}"] = _beside_the_body(bones, poses, side)
    return poses


def clearance_mm(
    bones: Mapping[str, Bone], poses: Mapping[str, Floats], name: str, others: Iterable[str]
) -> float:
    """Distance from a bone to the nearest of some others, negative where they overlap.

    Parameters
    ----------
    bones : mapping of str to Bone
        The skeleton.
    poses : mapping of str to ndarray, shape (4, 4)
        ``world_from_bone``.
    name : str
        The bone.
    others : iterable of str
        Which it is compared with.

    Returns
    -------
    float
        mm, to about half the lattice of points that stand for the bone.
    """
    inside = apply(poses[name], _points_inside(bones[name]))
    nearest = np.inf
    for other in others:
        bone = bones[other]
        local = apply(np.asarray(np.linalg.inv(poses[other]), dtype=np.float64), inside)
        beyond = np.abs(local - bone.box_centre_mm) - bone.half_box_mm
        if beyond.max(axis=1).min() > nearest:
            continue
        away = distances(bone.shape.program(), bone.shape.waves, np.ascontiguousarray(local))
        nearest = min(nearest, float(away.min()))
    return nearest


def _points_inside(bone: Bone) -> Floats:
    """Points of a lattice within a bone, in its frame, shape (n, 3)."""
    half, centre = np.array(bone.half_box_mm), np.array(bone.box_centre_mm)
    axes = [np.arange(-h, h, LATTICE_MM) + c for h, c in zip(half, centre, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    away = distances(bone.shape.program(), bone.shape.waves, points)
    return np.asarray(points[away < 0.0], dtype=np.float64)


def _beside_the_body(bones: Mapping[str, Bone], poses: Mapping[str, Floats], side: str) -> Floats:
    """Pose of a forearm, swung about the elbow until it lies beside the body, not in it."""
    name = f"forearm_{side}"
    others = [other for other in bones if other not in (name, f"humerus_{side}")]
    pose = poses[name]
    elbow = pose[:3, 3]
    turn = rotation(y_deg=-ARM_STEP_DEG if side == "left" else ARM_STEP_DEG)
    outward = np.eye(4)
    outward[:3, :3], outward[:3, 3] = turn, elbow - turn @ elbow
    for _ in range(MOST_ARM_STEPS):
        if clearance_mm(bones, {**poses, name: pose}, name, others) >= ARM_CLEARANCE_MM:
            break
        pose = outward @ pose
    return pose


def displaced(matrix: Floats, points: Floats) -> Floats:
    """Move points of a bone's frame into the world of the visit."""
    return apply(matrix, points)
