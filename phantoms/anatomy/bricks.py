"""A bone evaluated once, on small bricks of lattice points around and inside it.

Rendering at each visit reads these instead of the shape's program: the distance is smooth, so
linear interpolation on a lattice of 1.2 mm moves the surface by a few hundredths of a mm, and the
bricks move rigidly with the bone.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from phantoms.anatomy.bone import Bone
from phantoms.anatomy.shapes import Floats, distance, soft_sum

LATTICE_MM = 1.2
CELLS = 8  # lattice cells along one edge of a brick
MARGIN_MM = 3.0  # bricks reach this far outside the bone
LIPSCHITZ = 1.45  # how much faster than a true distance the shapes' distances may change

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bricks:
    """Distance, cortex thickness and trabecular density of one bone.

    Parameters
    ----------
    origin_mm : ndarray, shape (3,)
        First lattice point, in the bone's frame (x, y, z).
    index : ndarray, shape (n_z, n_y, n_x), int32
        Number of each brick in `pool`, -1 where there is none.
    reach : ndarray, shape (n_z, n_y, n_x), float32
        Distance at each brick's centre.
    pool : ndarray, shape (n, 9, 9, 9, 3), float32
        Distance (mm, negative inside), cortex thickness (mm), trabecular density (HU).
    """

    origin_mm: Floats
    index: NDArray[np.int32]
    reach: Floats32
    pool: Floats32


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _reach(program: Floats, waves: Floats, origin: Floats, shape: tuple[int, int, int]) -> Floats32:
    out = np.empty(shape, dtype=np.float32)
    size = CELLS * LATTICE_MM
    for k in range(shape[0]):
        for j in range(shape[1]):
            for i in range(shape[2]):
                out[k, j, i] = distance(
                    program,
                    waves,
                    origin[0] + (i + 0.5) * size,
                    origin[1] + (j + 0.5) * size,
                    origin[2] + (k + 0.5) * size,
                )
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _near(
    program: Floats,
    waves: Floats,
    origin: Floats,
    reach: float,
    at: tuple[int, int, int],
    near: Floats,
) -> int:
    """Copy the solids that can matter within one brick; give their number."""
    size = CELLS * LATTICE_MM
    half = size * math.sqrt(3.0) / 2
    bend = 0.0
    for w in range(waves.shape[0]):
        bend += math.sqrt(waves[w, 4] ** 2 + waves[w, 5] ** 2 + waves[w, 6] ** 2)
    highest = reach + LIPSCHITZ * half  # distance anywhere in the brick is below this
    lowest = reach - LIPSCHITZ * half
    count = 0
    for s in range(program.shape[0]):
        row = program[s]
        gap = -row[21] - half - bend
        away = 0.0
        for c in range(3):
            away += (origin[c] + (at[c] + 0.5) * size - row[9 + c]) ** 2
        gap += math.sqrt(away)
        matters = gap < highest + row[20] if row[19] == 0.0 else -gap > lowest - row[20]
        if matters:
            near[count] = row
            count += 1
    return count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(
    program: Floats,
    waves: Floats,
    thickness: Floats,
    density: Floats,
    base: Floats,
    origin: Floats,
    reach: Floats32,
    index: NDArray[np.int32],
    pool: Floats32,
) -> None:
    size = CELLS * LATTICE_MM
    near = np.empty_like(program)
    for k in range(index.shape[0]):
        for j in range(index.shape[1]):
            for i in range(index.shape[2]):
                number = index[k, j, i]
                if number < 0:
                    continue
                count = _near(program, waves, origin, reach[k, j, i], (i, j, k), near)
                for c in range(CELLS + 1):
                    z = origin[2] + k * size + c * LATTICE_MM
                    for b in range(CELLS + 1):
                        y = origin[1] + j * size + b * LATTICE_MM
                        for a in range(CELLS + 1):
                            x = origin[0] + i * size + a * LATTICE_MM
                            d = distance(near[:count], waves, x, y, z)
                            pool[number, c, b, a, 0] = d
                            pool[number, c, b, a, 1] = base[0] * (
                                1.0 + 0.22 * math.sin(0.21 * x + 0.17 * y + 0.13 * z + base[2])
                            ) + soft_sum(thickness, x, y, z)
                            pool[number, c, b, a, 2] = base[1] + soft_sum(density, x, y, z)


def bake(bone: Bone) -> Bricks:
    """Evaluate a bone on its bricks.

    Parameters
    ----------
    bone : Bone
        The bone; nothing of it is changed.

    Returns
    -------
    Bricks
        In the bone's own frame.
    """
    size = CELLS * LATTICE_MM
    half = np.asarray(bone.half_box_mm)
    counts = np.ceil((2 * half + 2 * MARGIN_MM) / size).astype(int)
    origin = np.asarray(bone.box_centre_mm) - counts * size / 2
    program, waves = bone.shape.program(), bone.shape.waves
    shape = (int(counts[2]), int(counts[1]), int(counts[0]))
    reach = _reach(program, waves, origin, shape)
    wanted = reach < MARGIN_MM + LIPSCHITZ * size * math.sqrt(3) / 2
    index = np.full(shape, -1, dtype=np.int32)
    index[wanted] = np.arange(int(wanted.sum()), dtype=np.int32)
    pool = np.zeros((int(wanted.sum()), CELLS + 1, CELLS + 1, CELLS + 1, 3), dtype=np.float32)
    thickness = np.array(bone.shape.thickness, dtype=float).reshape(-1, 7)
    density = np.array(bone.shape.density, dtype=float).reshape(-1, 7)
    base = np.array([bone.cortex_mm, bone.trabecular_hu, sum(bone.texture_shift)])
    _fill(program, waves, thickness, density, base, origin, reach, index, pool)
    kept = pool[..., 0].min(axis=(1, 2, 3)) < MARGIN_MM
    renumbered = np.full(len(pool), -1, dtype=np.int32)
    renumbered[kept] = np.arange(int(kept.sum()), dtype=np.int32)
    index[wanted] = renumbered[index[wanted]]
    return Bricks(origin_mm=origin, index=index, reach=reach, pool=pool[kept])


class BakedBones(Mapping[str, Bricks]):
    """Bricks by bone, evaluated when first asked for, once, whichever thread asks.

    Parameters
    ----------
    bones : mapping of str to Bone
        The skeleton.
    """

    def __init__(self, bones: Mapping[str, Bone]) -> None:
        self._bones = bones
        self._baked: dict[str, Bricks] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Bricks:
        with self._lock:
            if name not in self._baked:
                self._baked[name] = bake(self._bones[name])
            return self._baked[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._bones)

    def __len__(self) -> int:
        return len(self._bones)
