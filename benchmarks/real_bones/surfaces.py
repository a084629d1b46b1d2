"""From a mesh of triangles to the distance from its surface on a grid."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from numba import njit
from scipy import ndimage

from benchmarks.real_bones.geometry import Block, Floats, Floats32
from benchmarks.real_bones.meshes import Mesh

GAP_MM = 1.5  # cartilage between bones, where meshes touch


@njit(cache=True, nogil=True)
def _winding(
    vertices: Floats, faces: npt.NDArray[np.int64], shape: npt.NDArray[np.int64]
) -> npt.NDArray[np.int16]:
    """Crossings of the columns along the third axis, by the grid point that follows."""
    n_a, n_b, n_c = shape
    count = np.zeros((n_a, n_b, n_c + 1), dtype=np.int16)
    for f in range(faces.shape[0]):
        p, q, r = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        area = (q[0] - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (q[1] - p[1])
        if abs(area) < 1e-12:
            continue
        sign = 1 if area < 0 else -1
        low_a = max(0, math.ceil(min(p[0], q[0], r[0])))
        high_a = min(n_a - 1, math.floor(max(p[0], q[0], r[0])))
        low_b = max(0, math.ceil(min(p[1], q[1], r[1])))
        high_b = min(n_b - 1, math.floor(max(p[1], q[1], r[1])))
        for a in range(low_a, high_a + 1):
            for b in range(low_b, high_b + 1):
                u = ((q[0] - a) * (r[1] - b) - (r[0] - a) * (q[1] - b)) / area
                v = ((r[0] - a) * (p[1] - b) - (p[0] - a) * (r[1] - b)) / area
                w = 1.0 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                height = u * p[2] + v * q[2] + w * r[2]
                count[a, b, min(n_c, max(0, math.ceil(height)))] += sign
    return count


def solid(mesh: Mesh, *, step_mm: float, margin_mm: float) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Fill a surface, by a vote of three directions where it has holes.

    Returns
    -------
    tuple
        Inside, shape (n_z, n_y, n_x), bool; the first grid point in mm, shape (3,).
    """
    low = mesh.vertices_mm.min(axis=0) - margin_mm
    # off the vertices' own round numbers, so that no column runs along an edge
    low -= np.array([0.0137, 0.0171, 0.0193])
    size = np.ceil((mesh.vertices_mm.max(axis=0) + margin_mm - low) / step_mm).astype(np.int64) + 1
    points = (mesh.vertices_mm - low) / step_mm
    votes = np.zeros(size, dtype=np.int8)
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        count = _winding(np.ascontiguousarray(points[:, order]), mesh.faces, size[list(order)])
        count = np.cumsum(count, axis=2, dtype=np.int16)[:, :, :-1]
        votes += np.transpose(count != 0, np.argsort(order)).astype(np.int8)
    inside = ndimage.binary_fill_holes(votes.T >= 2)
    return np.asarray(inside, dtype=bool), low


def surface_distance(
    inside: npt.NDArray[np.bool_], *, step_mm: float, smooth_mm: float
) -> Floats32:
    """Distance from the surface in mm, negative inside, with the mesh's facets rounded off."""
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    found = sitk.SignedMaurerDistanceMap(image, squaredDistance=False)
    # from the middle of the outermost voxels inside, in voxels
    out = (sitk.GetArrayFromImage(found) - np.float32(0.5)) * np.float32(step_mm)
    return np.asarray(ndimage.gaussian_filter(out, smooth_mm / step_mm), dtype=np.float32)


def hollow(surface: Floats32, step_mm: float, rng: np.random.Generator) -> Floats32:
    """A skull from a head that is solid: a shell whose thickness varies smoothly."""
    thickness = rng.uniform(6.0, 8.0)
    coarse = rng.standard_normal([n // 16 + 3 for n in surface.shape])
    coarse = ndimage.gaussian_filter(coarse, 22.0 / (16 * step_mm))
    coarse *= 0.13 / coarse.std()
    grid = np.meshgrid(*(np.arange(n) / 16 for n in surface.shape), indexing="ij")
    waves = ndimage.map_coordinates(coarse, grid, order=1).astype(np.float32)
    half = np.float32(thickness / 2) * (1 + np.clip(waves, -0.3, 0.3))
    return np.asarray(np.abs(surface + half) - half, dtype=np.float32)


def carved(block: Block, other: Block) -> Block:
    """A bone's distances with the cartilage towards an earlier bone taken away."""
    low = np.maximum(block.origin_mm, other.corners_mm[0])
    high = np.minimum(block.corners_mm[-1], other.corners_mm[-1])
    if (low >= high).any():
        return block
    first = np.floor((low - block.origin_mm) / block.step_mm).astype(int)
    last = np.ceil((high - block.origin_mm) / block.step_mm).astype(int) + 1
    window = tuple(slice(a, b) for a, b in zip(first[::-1], last[::-1], strict=True))
    index = np.argwhere(block.samples[window] < 2 * GAP_MM) + first[::-1]
    if not len(index):
        return block
    theirs = GAP_MM - other.at(block.origin_mm + index[:, ::-1] * block.step_mm)
    samples = block.samples.copy()
    where = tuple(index.T)
    samples[where] = np.maximum(samples[where], theirs)
    return Block(samples=samples, origin_mm=block.origin_mm, step_mm=block.step_mm)
