"""Patients that several tests of the phantoms look at, and measuring without lesionscore."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import marching_cubes

from phantoms import Image, Patient, make_patient
from phantoms.scanner.blur import Kernel
from phantoms.scenario import load_scenario, scenario_patient

Floats = NDArray[np.float64]


@cache
def small_patient(seed: int = 1) -> Patient:
    """A patient of the random generator."""
    return make_patient(seed, "small")


@cache
def scenario_first(name: str) -> Patient:
    """First patient of a scenario."""
    scenario = load_scenario(name)
    return scenario_patient(scenario, scenario.patients[0])


@cache
def even(patient: Patient, *, with_lesions: bool) -> Patient:
    """The same body, poses and scans without trabecular texture, with or without lesions."""
    bones = {name: replace(bone, texture_hu=0.0) for name, bone in patient.bones.items()}
    lesions = patient.lesions if with_lesions else ()
    smooth = Patient(patient.build, patient.preset, bones, lesions, (), patient.choices)
    smooth.bricks = patient.bricks  # which hold no texture
    return smooth


def lesion_share(patient: Patient, lesion_id: str, visit: str, spacing_mm: float) -> Image:
    """How much of each voxel of an ideal scan is lesion: by how far it left the bone around it.

    The bone around it is normal bone, and a rim or scar where the lesion has one.
    """
    plan = patient.lesion(lesion_id)
    half = 0.75 * plan.diameter_mm + 3.0
    scan = patient.around(lesion_id, visit, half, spacing_mm, Kernel.IDEAL)
    ill = even(patient, with_lesions=True).render_ct(visit, noise=False, scan=scan)
    healthy = even(patient, with_lesions=False).render_ct(visit, noise=False, scan=scan)
    normal, seen = np.asarray(healthy.array, dtype=float), np.asarray(ill.array, dtype=float)
    core = normal - seen > 0.9 * (normal - plan.inside_hu)  # a lesion has a texture of its own
    inside_hu = float(seen[core & (normal > plan.inside_hu + 60)].mean())
    painted = plan.painted(visit)
    around = normal + max(painted.rim_hu, painted.scar_hu)
    share = np.where(normal > inside_hu + 25, (around - seen) / (around - inside_hu), 0.0)
    # beyond a rim normal bone is as far below it: only what hangs together with the core counts
    parts, _ = ndimage.label(share > 0.5)
    largest = np.bincount(parts[core & (parts > 0)]).argmax()
    near = ndimage.binary_dilation(parts == largest, iterations=2)
    return replace(ill, array=np.where(near, share, 0.0))


def half_way_size(share: Image) -> tuple[float, float]:
    """Longest diameter (mm) and volume (ml) of the surface where a map is one half."""
    z, y, x = (share.spacing_xyz_mm[i] for i in (2, 1, 0))
    vertices, faces, _, _ = marching_cubes(np.asarray(share.array), 0.5, spacing=(z, y, x))
    hull = vertices[ConvexHull(vertices).vertices]
    longest = np.sqrt(((hull[:, None] - hull[None]) ** 2).sum(axis=2)).max()
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    volume = abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6.0
    return float(longest), float(volume) / 1000.0
