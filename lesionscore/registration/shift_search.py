"""Weighted correlation of a window with an image over all shifts at once, by Fourier transforms.

Plain arrays on one lattice; what they show, and what follows from the best shift, is the
caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

Floats = npt.NDArray[np.float64]
PARTS = 8
LEAST_COVERED = 0.6
"""Shifts that leave less than this share of the window on the image are not looked at."""
_PAIRS = ((0, 0), (1, 0), (2, 0), (0, 1), (0, 2), (1, 1))
"""Which power of the window meets which power of the image in each row of the sums."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShiftScores:
    """Correlation of a window with an image, for every shift of the lattice.

    Parameters
    ----------
    sums : ndarray, shape (8, 6, n_z, n_y, n_x)
        Per part of the window and shift, over what the image covers: weighted sums of one, the
        window, its square, the image, its square, and their product. The middle of the last
        three axes is no shift.
    score : ndarray, shape (n_z, n_y, n_x)
        Correlation over the whole window; -1 where the image covers too little of it.
    """

    sums: Floats
    score: Floats

    @classmethod
    def from_images(
        cls,
        window: Floats,
        weight: Floats,
        part: npt.NDArray[np.int_],
        image: Floats,
        covered: npt.NDArray[np.bool_] | None = None,
    ) -> ShiftScores:
        """Score every shift that keeps the window in the image.

        Parameters
        ----------
        window, weight : ndarray, shape (n_z, n_y, n_x)
            What is looked for, and how much each voxel counts.
        part : ndarray, shape (n_z, n_y, n_x), int
            Which of `PARTS` parts a voxel belongs to.
        image : ndarray, shape (n_z + 2 m_z, n_y + 2 m_y, n_x + 2 m_x)
            What is looked in: `m` voxels more on each side, so shifts run from -m to m.
        covered : ndarray, shape of `image`, bool, optional
            Where the image is known; elsewhere a voxel of the window does not count.
        """
        shifts = tuple(i - w + 1 for i, w in zip(image.shape, window.shape, strict=True))
        size = tuple(fft.next_fast_len(n, real=True) for n in image.shape)
        known = np.ones(image.shape) if covered is None else covered.astype(np.float64)
        images = [fft.rfftn(a, size) for a in (known, known * image, known * image**2)]
        sums = np.zeros((PARTS, 6, *shifts))
        for k in range(PARTS):
            w = np.where(part == k, weight, 0.0)
            if not w.any():
                continue
            windows = [np.conj(fft.rfftn(a, size)) for a in (w, w * window, w * window**2)]
            for row, (of_window, of_image) in enumerate(_PAIRS):
                product = fft.irfftn(windows[of_window] * images[of_image], size)
                sums[k, row] = product[tuple(slice(0, n) for n in shifts)]
        return cls(sums=sums, score=_correlation(sums.sum(axis=0)))

    @property
    def best(self) -> float:
        """Highest correlation on the lattice."""
        return float(self.score.max())

    @property
    def at_zero(self) -> float:
        """Correlation without a shift."""
        return float(self.score[tuple(n // 2 for n in self.score.shape)])

    @property
    def is_at_border(self) -> bool:
        """Whether the best shift lies at the end of the search: it may lie beyond."""
        best = np.unravel_index(int(self.score.argmax()), self.score.shape)
        return any(i in (0, n - 1) for i, n in zip(best, self.score.shape, strict=True))

    def best_shift_zyx(self) -> Floats:
        """Shift of the window in the image, in voxels (z, y, x), between lattice points."""
        return _peak(self.score)

    def leave_one_out_zyx(self) -> Floats:
        """Best shifts, shape (n, 3), with one part of the window left out in turn."""
        used = np.flatnonzero(self.sums[:, 0].max(axis=(1, 2, 3)) > 0)
        shifts = []
        for left_out in used:
            keep = used[used != left_out]
            if len(keep):
                shifts.append(_peak(_correlation(self.sums[keep].sum(axis=0))))
        return np.asarray(shifts).reshape(-1, 3)


def _correlation(sums: Floats) -> Floats:
    """Weighted correlation from sums; 0 where either side is flat, -1 where little is covered."""
    n, sum_w, square_w, sum_i, square_i, product = sums
    over = n * product - sum_w * sum_i
    spread = (n * square_w - sum_w**2) * (n * square_i - sum_i**2)
    floor = 1e-12 * max(float(np.max(spread)), np.finfo(float).tiny)
    score = np.where(spread > floor, over / np.sqrt(np.maximum(spread, floor)), 0.0)
    return np.asarray(np.where(n >= LEAST_COVERED * float(n.max()), score, -1.0))


def _peak(score: Floats) -> Floats:
    """Best shift from the middle, in voxels: one Newton step from the best lattice point."""
    best = np.array(np.unravel_index(int(score.argmax()), score.shape))
    shift = best - np.array(score.shape) // 2.0
    if (best == 0).any() or (best == np.array(score.shape) - 1).any():
        return np.asarray(shift, dtype=np.float64)
    around = score[tuple(slice(i - 1, i + 2) for i in best)]
    first = np.array([np.gradient(around, axis=k)[1, 1, 1] for k in range(3)])
    second = np.empty((3, 3))
    for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)):
        if i == j:
            line = np.moveaxis(around, i, 0)[:, 1, 1]
            second[i, i] = line[0] - 2 * line[1] + line[2]
        else:
            corners = np.moveaxis(around, (i, j), (0, 1))[:, :, 1]
            second[i, j] = second[j, i] = 0.25 * (
                corners[2, 2] - corners[2, 0] - corners[0, 2] + corners[0, 0]
            )
    if np.linalg.eigvalsh(second).max() >= 0:  # a ridge: the lattice point is all there is
        return np.asarray(shift, dtype=np.float64)
    return np.asarray(shift - np.clip(np.linalg.solve(second, first), -1.0, 1.0))
