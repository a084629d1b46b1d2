"""Where two bodies overlap best: correlation of bone maps over all translations and a few turns.

The correlation is taken over the overlap alone (masked, [1]_), so field of view, table height
and scan range may differ. Accuracy is that of the maps, about 12 mm; votes do the rest (`body`).

References
----------
.. [1] D. Padfield: Masked object registration in the Fourier domain. IEEE TIP 21 (2012) 2706.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

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

    def turned(axis: Floats) -> list[tuple[float, Floats]]:
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_rotvec(axis * TURN_RAD).as_matrix()
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        found = []
        for score, shift in _best_shifts(_bone_map(small[0], turn), moving_map):
            matrix = turn.copy()
            matrix[:3, 3] += shift
            found.append((score, matrix))
        return found

    found = [pair for pairs in ordered_map(turned, axes, threads) for pair in pairs]
    found.sort(key=lambda pair: -pair[0])
    return _spread_out([matrix for _, matrix in found], middle)


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


def _best_shifts(fixed: _BoneMap, moving: _BoneMap) -> list[tuple[float, Floats]]:
    """Shifts (mm) with the highest correlation over the overlap; the scores say how high."""
    sizes = list(zip(fixed.bone.shape, moving.bone.shape, strict=True))
    shape = [fft.next_fast_len(a + b, real=True) for a, b in sizes]
    score = _overlap_correlation(fixed, moving, shape)
    peaks = (score == ndimage.maximum_filter(score, 3, mode="wrap")) & (score > 0)
    index = np.argwhere(peaks)
    order = np.argsort(-score[peaks], kind="stable")[:PEAKS]
    offset = np.asarray(moving.origin_mm) - np.asarray(fixed.origin_mm)
    found = []
    for i in order:
        step = index[i].astype(np.float64)
        wrapped = step >= moving.bone.shape  # a shift backwards, seen through the period
        step[wrapped] -= np.asarray(shape)[wrapped]
        found.append((float(score[peaks][i]), step[::-1] * MAP_MM + offset))
    return found


def _overlap_correlation(fixed: _BoneMap, moving: _BoneMap, shape: list[int]) -> Singles:
    """Correlation coefficient over the overlap for every shift of the moving map."""

    def spectrum(array: Singles) -> Spectrum:
        return np.asarray(fft.rfftn(array, shape))

    def correlate(a: Spectrum, b: Spectrum) -> Singles:
        return np.asarray(fft.irfftn(np.conj(a) * b, shape))

    f, ff, fm = (spectrum(a) for a in (fixed.bone, fixed.bone**2, fixed.covered))
    m, mm, mask = (spectrum(a) for a in (moving.bone, moving.bone**2, moving.covered))
    overlap = np.maximum(correlate(fm, mask), 1.0)
    sum_f, sum_m = correlate(f, mask), correlate(fm, m)
    power_f, power_m = correlate(ff, mask), correlate(fm, mm)
    variance = (power_f - sum_f**2 / overlap) * (power_m - sum_m**2 / overlap)
    covariance = correlate(f, m) - sum_f * sum_m / overlap
    share = np.maximum(
        power_f / max(float((fixed.bone**2).sum()), 1.0),
        power_m / max(float((moving.bone**2).sum()), 1.0),
    )
    seen = np.clip(share / LEAST_SEEN, 0.0, 1.0)
    least = max(1e-3 * float(variance.max()), 1e-6)
    return np.asarray(covariance / np.sqrt(np.maximum(variance, least)) * seen)
