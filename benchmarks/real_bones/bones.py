"""The bones of one patient: a scaled and perhaps mirrored body, each bone with its material."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.real_bones.anatomy import REGIONS, Kind, Region, kind_of
from benchmarks.real_bones.geometry import Block, Floats
from benchmarks.real_bones.joints import joint
from benchmarks.real_bones.meshes import MIDLINE_X_MM, Mesh, Model
from benchmarks.real_bones.painting import Material, lattice
from benchmarks.real_bones.surfaces import carved, hollow, solid, surface_distance

BEYOND_MM = 45.0  # a bone is drawn this far above and below the scan


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Bone:
    """One rigid bone in its own coordinates: the rest pose of the scaled body.

    ``surface`` holds the distance from its surface in mm, negative inside. It turns with its parent
    (None: the body) and by up to ``turn_deg`` to either side about its joint, LPS, shape (3,). The
    material is a function of the bone's coordinates and thus the same at every visit.
    """

    name: str
    surface: Block
    parent: str | None
    joint_mm: Floats
    turn_deg: float
    material: Material

    def some_points_mm(self) -> Floats:
        """Some points within the bone, shape (n, 3)."""
        found = np.argwhere(self.surface.samples[::3, ::3, ::3] < 0)[:, ::-1] * 3.0
        return np.asarray(found * self.surface.step_mm + self.surface.origin_mm)


def make_bones(model: Model, region: str, rng: np.random.Generator) -> dict[str, Bone]:
    """Scale the body, and give every scanned bone its surface, joint and material.

    The middle of the scan is at (0, 0, 0).
    """
    body, levels_mm = _scaled(model, REGIONS[region], rng)
    bones: dict[str, Bone] = {}
    for name, mesh in body.meshes.items():
        kind = kind_of(name)
        surface = _surface(name, mesh, levels_mm, rng)
        for other in bones.values():
            surface = carved(surface, other.surface)
        parent, joint_mm = joint(name, body)
        bones[name] = Bone(
            name=name,
            surface=surface,
            parent=parent,
            joint_mm=joint_mm,
            turn_deg=float(rng.uniform(*kind.turn_deg)),
            material=_draw_material(kind, rng),
        )
    return bones


def _draw_material(kind: Kind, rng: np.random.Generator) -> Material:
    """Densities and textures of a bone."""
    wall_mm, hard_hu, spongy_hu, texture_hu, grain_mm = (
        float(rng.uniform(*bounds))
        for bounds in (kind.cortex_mm, kind.cortex_hu, kind.spongy_hu, (25, 40), (1.0, 2.5))
    )
    seed = int(rng.integers(2**31))
    return Material(
        cortex_mm=wall_mm,
        cortex_hu=hard_hu,
        spongy_hu=spongy_hu,
        texture_hu=texture_hu,
        texture_step_mm=grain_mm / 3.0,
        texture=lattice(seed, 72, 1.5),
        refill=lattice(seed + 1, 72, 1.5),
        large=lattice(seed + 2, 24, 1.5),
    )


def _scaled(
    model: Model, region: Region, rng: np.random.Generator
) -> tuple[Model, tuple[float, float]]:
    """A region in another size, half the time mirrored, and the levels where drawing ends."""
    factors = rng.uniform(0.94, 1.06) * rng.uniform(0.98, 1.02, size=3)
    mirrored = bool(rng.random() < 0.5)
    if mirrored:
        factors[0] *= -1.0
    middle = np.array([MIDLINE_X_MM, 190.0, (region.low_z_mm + region.high_z_mm) / 2])

    def source(name: str) -> str:
        if mirrored and name.endswith(("_r", "_l")):
            return name[:-1] + {"r": "l", "l": "r"}[name[-1]]
        return name

    meshes = {}
    for name in region.bones:
        mesh = model.meshes[source(name)]
        meshes[name] = Mesh(vertices_mm=(mesh.vertices_mm - middle) * factors, faces=mesh.faces)
    joints_mm = {
        name: (model.joints_mm[source(name)] - middle) * factors for name in model.joints_mm
    }
    low = (region.low_z_mm - middle[2]) * factors[2] - BEYOND_MM
    high = (region.high_z_mm - middle[2]) * factors[2] + BEYOND_MM
    return Model(meshes=meshes, joints_mm=joints_mm), (low, high)


def _surface(
    name: str, mesh: Mesh, levels_mm: tuple[float, float], rng: np.random.Generator
) -> Block:
    """Distance from a bone's surface, between two levels."""
    step = kind_of(name).step_mm
    inside, origin = solid(mesh, step_mm=step, margin_mm=4.0)
    first = max(0, math.floor((levels_mm[0] - origin[2]) / step))
    last = max(first + 2, math.ceil((levels_mm[1] - origin[2]) / step))
    inside, origin = inside[first:last], origin + np.array([0, 0, first * step])
    if name == "sternum":  # the model's plate is cartilage beside the breastbone
        x = origin[0] + np.arange(inside.shape[2]) * step
        inside &= np.abs(x) < rng.uniform(16, 20)
    coarse = name.startswith(("hip_bone", "sacrum"))  # few and large facets
    surface = surface_distance(inside, step_mm=step, smooth_mm=2.0 if coarse else 1.0)
    if name == "skull":
        surface = hollow(surface, step, rng)
    return Block(samples=surface, origin_mm=origin, step_mm=step)
