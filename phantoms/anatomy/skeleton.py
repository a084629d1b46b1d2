"""The skeleton of a patient: every bone of a preset, parents before children."""

from __future__ import annotations

from phantoms.anatomy.bone import Bone
from phantoms.anatomy.build import Build
from phantoms.anatomy.head import mandible, skull
from phantoms.anatomy.pelvis import femur, hip_bone
from phantoms.anatomy.ribs import rib
from phantoms.anatomy.spine import sacrum, spine_levels, vertebra
from phantoms.anatomy.trunk import clavicle, forearm, humerus, scapula, sternum


def build_skeleton(build: Build, preset: str) -> dict[str, Bone]:
    """Build the bones of a patient.

    Parameters
    ----------
    build : Build
        The patient.
    preset : str
        ``small``: T8 to the hips; ``full``: skull to mid-thigh.

    Returns
    -------
    dict of str to Bone
        By name, every parent before its children.
    """
    top = "T7" if preset == "small" else "C1"
    bones = [sacrum(build)]
    levels = spine_levels(build, top)
    below = "sacrum"
    for level in levels:
        bones.append(vertebra(build, level, below))
        below = level.name
    for side in (1.0, -1.0):
        bones += [hip_bone(build, side), femur(build, side)]
        bones += [rib(build, level, side) for level in levels if level.name[0] == "T"]
    if preset == "full":
        named = {level.name: level for level in levels}
        bones += [skull(build, named["C1"]), mandible(build, named["C1"]), sternum(build, named)]
        for side in (1.0, -1.0):
            bones += [
                clavicle(build, named, side),
                scapula(build, named, side),
                humerus(build, named, side),
                forearm(build, named, side),
            ]
    return {bone.name: bone for bone in bones}
