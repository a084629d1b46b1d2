"""Where two bodies overlap best: correlation of bone maps over all translations and a few turns.

The correlation is taken over the overlap alone (masked, [1]_), so field of view, table height
and scan range may differ. Accuracy is that of the maps, about 12 mm; votes do the rest (`body`).

References
----------
.. [1] D. Padfield: Masked object registration in the Fourier domain. IEEE TIP 21 (2012) 2706.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numba
import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from lesionscore.registration.scan import Level, averaged
from lesionscore.registration.threads import ordered_map

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]

BONE_HU = (120.0, 400.0)  # dense skull and shafts must not outweigh ribs and spine
MAP_MM = 12.0
TURN_RAD = np.deg2rad(9.0)
STARTS, PEAKS = 16, 10
SAME_PLACE_MM, TURNS_PER_PLACE = 18.0, 2
LEAST_SEEN = 0.6  # an overlap that shows less of either skeleton's bone is taken down


@dataclass(frozen=True, slots=True, eq=False)
class _BoneMap:
    """Bone density on axes of the patient, with the voxels that the scan covers."""

    bone: Singles
    covered: Singles
    origin_mm: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Spectra:
    """Fourier transforms of a map's bone, of its square, and of what is covered."""

    shape: tuple[int, ...]
    bone: Spectrum
    square: Spectrum
    covered: Spectrum

    @classmethod
    def of(cls, one: _BoneMap, shape: tuple[int, ...]) -> _Spectra:
        """Transform a map, padded to a shape."""
        parts = (fft.rfftn(part, shape) for part in (one.bone, one.bone**2, one.covered))
        return cls(shape, *parts)


def overlaps(fixed: Level, moving: Level, threads: int = 1) -> list[Floats]:
    """Promising ``moving_from_fixed`` transforms, best first, spread over different places.

    Parameters
    ----------
    fixed, moving : Level
        The scans at about 3 mm.
    threads : int
        Turns tried at a time.
    """
    small = [averaged(Level(_bone(level), level.grid), MAP_MM) for level in (fixed, moving)]
    moving_map = _bone_map(small[1], np.eye(4))
    middle = small[0].grid.positions_mm(np.asarray(small[0].array.shape) / 2)
    axes = [np.asarray(a) for a in product((-1, 0, 1), repeat=3) if np.abs(a).sum() <= 1]
    turns = [_turn_about(middle, axis * TURN_RAD) for axis in axes]
    maps = ordered_map(lambda turn: _bone_map(small[0], turn), turns, threads)
    of_moving = _Spectra.of(moving_map, _padded_shape(maps, moving_map))

    def turned(k: int) -> list[tuple[float, Floats]]:
        found = []
        for score, shift in _best_shifts(maps[k], moving_map, of_moving):
            matrix = turns[k].copy()
            matrix[:3, 3] += shift
            found.append((score, matrix))
        return found

    found = [pair for pairs in ordered_map(turned, range(len(turns)), threads) for pair in pairs]
    found.sort(key=lambda pair: -pair[0])
    return _spread_out([matrix for _, matrix in found], middle)


def _turn_about(middle: Floats, turn_rad: Floats) -> Floats:
    """Matrix (4, 4) that turns about a place."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(turn_rad).as_matrix()
    turn[:3, 3] = middle - turn[:3, :3] @ middle
    return turn


def _bone(level: Level) -> Singles:
    """Bone above the surroundings, capped."""
    return np.asarray(np.clip(level.array, *BONE_HU) - np.float32(BONE_HU[0]), np.float32)


def _spread_out(matrices: list[Floats], middle: Floats) -> list[Floats]:
    """The first starts of every place, so that one place does not take all."""
    kept: list[Floats] = []
    places: list[Floats] = []
    for matrix in matrices:
        place = (matrix @ np.append(middle, 1.0))[:3]
        near = sum(float(np.linalg.norm(place - other)) < SAME_PLACE_MM for other in places)
        if near < TURNS_PER_PLACE:
            kept.append(matrix)
            places.append(place)
    return kept[:STARTS]


def _bone_map(small: Level, turn: Floats) -> _BoneMap:
    """Bone of a level on patient axes, after turning it by a matrix (4, 4)."""
    corners = np.asarray(list(product(*[(0, n - 1) for n in small.array.shape])))
    ends = small.grid.positions_mm(corners) @ turn[:3, :3].T + turn[:3, 3]
    low = np.floor(ends.min(axis=0) / MAP_MM) * MAP_MM
    size = np.ceil((ends.max(axis=0) - low) / MAP_MM).astype(int) + 1
    position_from_index = np.zeros((4, 4))  # index z, y, x of the map to LPS mm
    position_from_index[[2, 1, 0], [0, 1, 2]] = MAP_MM
    position_from_index[:, 3] = [*low, 1.0]
    index_from_mm = np.linalg.inv(small.grid.affine)[[2, 1, 0, 3]]
    index = index_from_mm @ np.linalg.inv(turn) @ position_from_index

    def resampled(array: Singles) -> Singles:
        return np.asarray(
            ndimage.affine_transform(
                array, index[:3, :3], index[:3, 3], tuple(size[::-1].tolist()), order=1
            )
        )

    return _BoneMap(resampled(small.array), resampled(np.ones_like(small.array)), low)


def _padded_shape(fixed: Sequence[_BoneMap], moving: _BoneMap) -> tuple[int, ...]:
    """Shape at which no shift of a fixed map meets the moving map's repetition."""
    largest = np.max([one.bone.shape for one in fixed], axis=0)
    sizes = zip(largest.tolist(), moving.bone.shape, strict=True)
    return tuple(fft.next_fast_len(a + b, real=True) for a, b in sizes)


def _best_shifts(
    fixed: _BoneMap, moving: _BoneMap, of_moving: _Spectra
) -> list[tuple[float, Floats]]:
    """Shifts (mm) with the highest correlation over the overlap; the scores say how high."""
    score = _overlap_correlation(fixed, moving, of_moving)
    index = np.argwhere(_peaks(score))
    heights = score[tuple(index.T)]
    order = np.argsort(-heights, kind="stable")[:PEAKS]
    offset = np.asarray(moving.origin_mm) - np.asarray(fixed.origin_mm)
    found = []
    for i in order:
        step = index[i].astype(np.float64)
        wrapped = step >= moving.bone.shape  # a shift backwards, seen through the period
        step[wrapped] -= np.asarray(score.shape)[wrapped]
        found.append((float(heights[i]), step[::-1] * MAP_MM + offset))
    return found


@numba.njit(cache=True, nogil=True)
def _peaks(score):  # type: ignore[no-untyped-def]
    """Positive voxels that no neighbour exceeds; the volume repeats itself beyond its ends."""
    nz, ny, nx = score.shape
    peaks = np.zeros(score.shape, np.bool_)
    for z in range(nz):
        planes = (z, z - 1 if z > 0 else nz - 1, z + 1 if z < nz - 1 else 0)
        for y in range(ny):
            rows = (y, y - 1 if y > 0 else ny - 1, y + 1 if y < ny - 1 else 0)
            for x in range(nx):
                here = score[z, y, x]
                before, after = x - 1 if x > 0 else nx - 1, x + 1 if x < nx - 1 else 0
                if not (here > 0.0 and score[z, y, before] <= here >= score[z, y, after]):
                    continue
                highest = here
                for a in planes:
                    for b in rows:
                        row = score[a, b]
                        highest = max(highest, row[before], row[x], row[after])
                peaks[z, y, x] = highest == here
    return peaks


def _overlap_sums(fixed: _BoneMap, m: _Spectra) -> list[Singles]:
    """Per shift, over the overlap: voxels, both bones, both squares, and the product of bones."""
    f = _Spectra.of(fixed, m.shape)
    pairs = (
        (f.covered, m.covered),
        (f.bone, m.covered),
        (f.covered, m.bone),
        (f.square, m.covered),
        (f.covered, m.square),
        (f.bone, m.bone),
    )
    return [np.asarray(fft.irfftn(np.conj(a) * b, m.shape)) for a, b in pairs]


def _overlap_correlation(fixed: _BoneMap, moving: _BoneMap, of_moving: _Spectra) -> Singles:
    """Correlation coefficient over the overlap for every shift of the moving map."""
    overlap, sum_f, sum_m, power_f, power_m, both = _overlap_sums(fixed, of_moving)
    overlap = np.maximum(overlap, 1.0)
    variance = (power_f - sum_f**2 / overlap) * (power_m - sum_m**2 / overlap)
    covariance = both - sum_f * sum_m / overlap
    share = np.maximum(
        power_f / max(float((fixed.bone**2).sum()), 1.0),
        power_m / max(float((moving.bone**2).sum()), 1.0),
    )
    seen = np.clip(share / LEAST_SEEN, 0.0, 1.0)
    least = max(1e-3 * float(variance.max()), 1e-6)
    return np.asarray(covariance / np.sqrt(np.maximum(variance, least)) * seen)
