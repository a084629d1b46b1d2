"""Surfaces of the bones of a musculoskeletal model, by a radiologist's names."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.real_bones.geometry import Floats

MIDLINE_X_MM = -25.085  # of the model, in its rest pose
JOINTS = ("femur", "humerus", "scapula", "clavicle")  # the joints that the model itself knows


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Mesh:
    """A closed surface: LPS positions, shape (n, 3); faces of three of them, shape (m, 3)."""

    vertices_mm: Floats
    faces: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Model:
    """Bones in the rest pose, and the points about which some of them turn, shape (3,)."""

    meshes: dict[str, Mesh]
    joints_mm: dict[str, Floats]


def load_model() -> Model:
    """Read the bones in the model's rest pose, whose axes are left, posterior, superior.

    Raises
    ------
    SystemExit
        If the packages that hold the meshes are not installed.
    """
    found = importlib.util.find_spec("musclemimic_models")
    if found is None or found.origin is None:
        raise SystemExit("the bones are missing: pip install mujoco musclemimic-models")
    import mujoco  # part of an extra, so that the message above comes first

    path = Path(found.origin).parent / "model" / "body" / "myofullbody.xml"
    model = mujoco.MjModel.from_xml_path(str(path))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    meshes: dict[str, Mesh] = {}
    for geom in range(model.ngeom):
        if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_MESH:
            continue
        number = model.geom_dataid[geom]
        start, count = model.mesh_vertadr[number], model.mesh_vertnum[number]
        first, faces = model.mesh_faceadr[number], model.mesh_facenum[number]
        rotation = data.geom_xmat[geom].reshape(3, 3)
        vertices = model.mesh_vert[start : start + count] @ rotation.T + data.geom_xpos[geom]
        meshes[_bone_name(model.mesh(number).name)] = Mesh(
            vertices_mm=np.asarray(vertices, dtype=float) * 1000.0,
            faces=model.mesh_face[first : first + faces].astype(np.int64),
        )
    meshes |= _split_rib_cage(meshes.pop("ribcage"))
    joints_mm = {
        f"{name}_{side}": np.asarray(data.body(f"{name}_{side}").xpos, dtype=float) * 1000.0
        for name in JOINTS
        for side in "rl"
    }
    return Model(meshes=meshes, joints_mm=joints_mm)


def _bone_name(mesh: str) -> str:
    """Name a bone as a radiologist would, with its side behind it."""
    name = mesh.split("_geom_")[-1].lstrip("0123456789_").removesuffix("_s")
    name = name.removeprefix("hat_")
    for side in "rl":
        if name.startswith(f"{side}_"):
            name = f"{name[2:]}_{side}"
    return name.replace("pelvis", "hip_bone")


def _split_rib_cage(cage: Mesh) -> dict[str, Mesh]:
    """Ribs by side and number, and the sternum, from the model's single mesh."""
    ribs: dict[str, list[Mesh]] = {"r": [], "l": []}
    plates = []
    for mesh in _parts(cage):
        if len(mesh.faces) > 1000:
            plates.append(mesh)
        elif len(mesh.faces) > 80:  # smaller ones are crumbs
            middle = float(mesh.vertices_mm[:, 0].mean())
            ribs["r" if middle < MIDLINE_X_MM else "l"].append(mesh)
    found: dict[str, Mesh] = {}
    for side, meshes in ribs.items():
        meshes.sort(key=lambda m: -float(m.vertices_mm[:, 2].max()))
        found |= {f"rib{n}_{side}": mesh for n, mesh in enumerate(meshes, start=1)}
    found["sternum"] = min(plates, key=lambda m: len(m.faces))
    return found


def _parts(whole: Mesh) -> list[Mesh]:
    """Connected parts of a mesh whose vertices may be stored more than once."""
    _, merged = np.unique(np.round(whole.vertices_mm, 3), axis=0, return_inverse=True)
    corners = merged.ravel()[whole.faces]
    links = np.vstack([corners[:, :2], corners[:, 1:]])
    graph = coo_array((np.ones(len(links)), links.T), shape=(merged.max() + 1,) * 2)
    count, label = connected_components(graph, directed=False)
    parts = []
    for part in range(count):
        faces = whole.faces[label[corners[:, 0]] == part]
        used, renamed = np.unique(faces, return_inverse=True)
        parts.append(Mesh(vertices_mm=whole.vertices_mm[used], faces=renamed.reshape(-1, 3)))
    return parts
