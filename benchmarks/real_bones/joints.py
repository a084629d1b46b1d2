"""Which bone a bone moves with, and the point about which it turns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.real_bones.anatomy import VERTEBRAE
from benchmarks.real_bones.geometry import Floats
from benchmarks.real_bones.meshes import Mesh, Model

PARENTS = {"femur": "hip_bone", "hip_bone": "sacrum", "jaw": "skull"}
PARENTS |= {"humerus": "scapula", "scapula": "clavicle", "clavicle": "sternum"}
PARENTS |= {"sternum": "thoracic4"}


def joint(name: str, body: Model) -> tuple[str | None, Floats]:
    """Parent of a bone (None: it moves with the body) and the joint in mm, shape (3,)."""
    stem, side = (name[:-2], name[-2:]) if name[-2:] in ("_r", "_l") else (name, "")
    here = body.meshes[name].vertices_mm
    if stem in VERTEBRAE:
        return _disc(stem, body.meshes)
    parent = f"thoracic{stem[3:]}" if stem.startswith("rib") else PARENTS.get(stem)
    if parent in ("hip_bone", "scapula", "clavicle"):
        parent += side
    if name in body.joints_mm:
        return parent, body.joints_mm[name]
    if parent and stem.startswith(("rib", "hip_bone")):
        return parent, _nearest(here, body.meshes[parent].vertices_mm)
    if stem == "jaw":
        return parent, np.array([here[:, 0].mean(), here[:, 1].max(), here[:, 2].max()])
    return parent, here.mean(axis=0)


def _disc(name: str, meshes: Mapping[str, Mesh]) -> tuple[str | None, Floats]:
    """Parent of a vertebra and the disc under it; its own body where nothing below is scanned."""
    here = meshes[name].vertices_mm
    level = VERTEBRAE.index(name)
    below = VERTEBRAE[level - 1] if level else "sacrum"
    if below not in meshes:
        return None, _body(here)
    under = meshes[below].vertices_mm
    end = _body(under) if level else _nearest(under, here)
    return below, (_body(here) + end) / 2


def _body(vertices_mm: Floats) -> Floats:
    """Middle of a vertebral body: the front of its bone."""
    y = vertices_mm[:, 1]
    front = y < y.min() + 0.42 * (y.max() - y.min())
    return np.asarray(vertices_mm[front].mean(axis=0))


def _nearest(points_mm: Floats, others_mm: Floats) -> Floats:
    """Where a bone comes nearest to another."""
    gaps = np.linalg.norm(points_mm[:, None] - others_mm[None], axis=2)
    return np.asarray(points_mm[int(gaps.min(axis=1).argmin())])
