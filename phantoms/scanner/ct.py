"""The CT of a visit: body, bones and lesions, blurred, with noise; slab after slab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from phantoms.anatomy.bone import Bone
from phantoms.anatomy.bricks import Bricks
from phantoms.anatomy.build import Build
from phantoms.anatomy.shapes import Floats
from phantoms.image import Image
from phantoms.lesions.confounders import Confounder
from phantoms.lesions.painted import Painted
from phantoms.lesions.plan import LesionPlan
from phantoms.scanner.blur import Kernel, blur, noise_slice
from phantoms.scanner.body import paint_body
from phantoms.scanner.bones import draw_bone
from phantoms.scanner.metal import add_streaks, draw_implant
from phantoms.scanner.plan import ScanPlan
from phantoms.scanner.scene import Scene

Floats32 = NDArray[np.float32]
SLAB, HALO = 64, 4
METAL_SEEN_HU = 2600.0
SAMPLE_MM = 0.75  # a voxel is sampled at least this densely
FINE_MM = 0.5  # a voxel below this needs one sample: the ramps at edges are as wide


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anatomy:
    """All that the painters need of one patient at one visit."""

    build: Build
    bones: Mapping[str, Bone]
    bricks: Mapping[str, Bricks]
    texture: Floats32
    pattern: Floats32
    poses: Mapping[str, Floats]
    scene: Scene
    lesions: Sequence[LesionPlan]
    confounders: Sequence[Confounder]
    visit: str

    def painted(self, bone: str) -> list[Painted]:
        """Everything to be painted into one bone at this visit; confounders lie under lesions."""
        found = [c.painted(self.visit) for c in self.confounders if c.bone == bone]
        found += [p.painted(self.visit) for p in self.lesions if p.bone == bone]
        return [p for p in found if len(p.lobes) or len(p.scar_lobes)]


def samples_for(spacing_xyz_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Choose the number of samples within a voxel along x, y and z."""
    x, y, z = (1 if s < FINE_MM else max(2, int(np.ceil(s / SAMPLE_MM))) for s in spacing_xyz_mm)
    return x, y, z


def render_slab(anatomy: Anatomy, scan: ScanPlan, first: int, count: int) -> Floats32:
    """Paint slices without blur or noise: the mean HU of each voxel's box.

    Parameters
    ----------
    anatomy : Anatomy
        Patient and visit.
    scan : ScanPlan
        The grid.
    first, count : int
        First slice (may be outside the grid) and number of slices.

    Returns
    -------
    ndarray, shape (count, n_y, n_x), float32
        HU.
    """
    x, y, z = scan.origin_mm
    origin = (x, y, z + first * scan.spacing_xyz_mm[2])
    shape = (count, scan.shape_zyx[1], scan.shape_zyx[2])
    out = paint_body(anatomy.scene, shape, scan.spacing_xyz_mm, origin, anatomy.pattern)
    index_from_world = np.diag([*(1 / np.array(scan.spacing_xyz_mm)), 1.0])
    index_from_world[:3, 3] = -np.array(origin) / scan.spacing_xyz_mm
    samples = samples_for(scan.spacing_xyz_mm)
    for name, bone in anatomy.bones.items():
        draw_bone(
            out,
            index_from_world,
            bone,
            anatomy.bricks,
            anatomy.poses[name],
            anatomy.texture,
            anatomy.painted(name),
            samples,
        )
    if scan.metal:
        pose = anatomy.poses["femur_right"]
        draw_implant(out, pose, anatomy.build.size, scan.spacing_xyz_mm, origin)
    return out


def render_ct(anatomy: Anatomy, scan: ScanPlan, *, noise: bool = True) -> Image:
    """Render the CT of a visit.

    Parameters
    ----------
    anatomy : Anatomy
        Patient and visit.
    scan : ScanPlan
        How it is scanned.
    noise : bool
        False leaves the noise away (and keeps fractions of HU).

    Returns
    -------
    Image
        HU: int16 with noise, float32 without.
    """
    n_slices = scan.shape_zyx[0]
    out = np.empty(scan.shape_zyx, dtype=np.int16 if noise else np.float32)
    for start in range(0, n_slices, SLAB):
        count = min(SLAB, n_slices - start)
        slab = render_slab(anatomy, scan, start - HALO, count + 2 * HALO)
        slab = blur(slab, scan.spacing_xyz_mm, scan.thickness_mm, scan.kernel)[HALO:-HALO]
        slab = _as_scanned(slab, scan)
        if scan.metal:
            add_streaks(
                slab,
                slab > METAL_SEEN_HU,
                scan.spacing_xyz_mm[0],
                anatomy.build,
                anatomy.visit,
                start,
            )
        if noise:
            _add_noise(slab, anatomy, scan, start)
            out[start : start + count] = np.rint(np.clip(slab, -1024, 3071)).astype(np.int16)
        else:
            out[start : start + count] = slab
    return Image(array=out, spacing_xyz_mm=scan.spacing_xyz_mm, origin_mm=scan.origin_mm)


def _as_scanned(slab: Floats32, scan: ScanPlan) -> Floats32:
    """Apply the tube voltage's effect on bone and the scanner's drift (tissue, not air)."""
    if scan.kvp != 120.0:
        gain = (120.0 / scan.kvp) ** 0.75 - 1.0
        slab = np.asarray(slab + np.float32(gain) * np.maximum(slab - 60.0, 0.0), np.float32)
    if scan.drift_hu:
        tissue = np.clip((slab + 600.0) / 400.0, 0.0, 1.0)
        slab = np.asarray(slab + np.float32(scan.drift_hu) * tissue, np.float32)
    return slab


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _scale_noise(
    image: Floats32, noise: Floats32, sd: float, a: float, b: float, cx: float, cy: float
) -> None:
    """Add noise that falls from the middle of the body (sd) to half of that in the air."""
    for j in range(image.shape[0]):
        v = (j - cy) / b
        for i in range(image.shape[1]):
            u = (i - cx) / a
            r2 = u * u + v * v
            image[j, i] += noise[j, i] * sd * (0.45 + 0.55 / (1.0 + r2 * r2))


def _add_noise(slab: Floats32, anatomy: Anatomy, scan: ScanPlan, start: int) -> None:
    """Add each slice's noise; every slice draws from its own stream, whatever the slabs are."""
    if scan.kernel is Kernel.IDEAL:
        return
    spacing = scan.spacing_xyz_mm
    before: Floats32 | None = None
    mix = float(np.clip(1.0 - spacing[2] / (1.6 * scan.thickness_mm), 0.0, 0.5))
    for row in range(-1, len(slab)):
        rng = anatomy.build.rng("noise", anatomy.visit, start + row + 1)
        image = slab[max(row, 0)]
        body = image > -500.0
        area = float(body.sum()) * spacing[0] * spacing[1]
        width = float(body.any(axis=0).sum()) * spacing[0]
        thick = 2.0 * np.sqrt(max(area, 1.0) / np.pi)
        bone = float((image > 250.0).sum()) * spacing[0] * spacing[1]
        path = thick + 0.06 * bone / max(thick, 1.0) * 10.0
        level = float(np.clip(np.exp(0.0065 * (path - 245.0)), 0.45, 2.2))
        streak = float(np.clip((width - 300.0) / 250.0, 0.05, 0.8))
        fresh = noise_slice(rng, (image.shape[0], image.shape[1]), spacing[0], scan.kernel, streak)
        if row >= 0:
            noise = fresh
            if mix and before is not None:
                scale = np.float32(np.sqrt(1 + mix * mix))
                noise = ((fresh + np.float32(mix) * before) / scale).astype(np.float32)
            rows, columns = np.nonzero(body)
            cy, cx = (rows.mean(), columns.mean()) if len(rows) else (0.0, 0.0)
            _scale_noise(
                image,
                noise.astype(np.float32),
                scan.noise_hu * level,
                max(0.55 * width, 60.0) / spacing[0],
                max(0.4 * width, 50.0) / spacing[1],
                float(cx),
                float(cy),
            )
        before = fresh
