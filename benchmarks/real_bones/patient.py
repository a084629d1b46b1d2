"""A patient with bones of real shape, scanned at three visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.real_bones.anatomy import REGIONS
from benchmarks.real_bones.body import make_body
from benchmarks.real_bones.bones import Bone, make_bones
from benchmarks.real_bones.definition import VISITS
from benchmarks.real_bones.geometry import Floats
from benchmarks.real_bones.lesions import Lesion, draw_lesions
from benchmarks.real_bones.meshes import Model
from benchmarks.real_bones.painting import Body
from benchmarks.real_bones.poses import Pose, draw_pose
from benchmarks.real_bones.scanner import Scanner, draw_scanner


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Patient:
    """Everything that was drawn of one patient; poses and scanners are by visit."""

    seed: int
    region: str
    bones: Mapping[str, Bone]
    lesions: list[Lesion]
    poses: Mapping[str, Pose]
    scanners: Mapping[str, Scanner]
    body: Body

    @property
    def patient_id(self) -> str:
        """Name in the study's tables."""
        return f"B{self.seed:03d}"

    def pose_of(self, lesion: Lesion, visit: str = VISITS[0]) -> Floats:
        """``world_from_bone`` of a lesion's bone at a visit, shape (4, 4)."""
        return self.poses[visit].world_from_bone[lesion.bone]


def make_patient(seed: int, model: Model, region: str | None = None) -> Patient:
    """Draw a patient; without a region they take turns with the seed."""
    rng = np.random.default_rng(seed)
    region = region or list(REGIONS)[(seed - 1) % len(REGIONS)]
    bones = make_bones(model, region, rng)
    return Patient(
        seed=seed,
        region=region,
        bones=bones,
        lesions=draw_lesions(bones, region, rng),
        poses={visit: draw_pose(bones, rng) for visit in VISITS},
        scanners={visit: draw_scanner(rng) for visit in VISITS},
        body=make_body(region, bones),
    )
