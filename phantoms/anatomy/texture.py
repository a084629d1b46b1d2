"""Trabecular texture: one periodic lattice per patient, read in bone coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from phantoms.anatomy.build import Build

LATTICE_MM = 0.75
POINTS = 128  # period 96 mm

Floats32 = NDArray[np.float32]


def trabecular_texture(build: Build) -> Floats32:
    """Make the lattice of one patient.

    Two scales: trabeculae and the spaces between them as CT shows them (about 1 to 2 mm, longer
    along the body's axis), and patches of denser and sparser bone (about 7 mm).

    Parameters
    ----------
    build : Build
        The patient.

    Returns
    -------
    ndarray, shape (128, 128, 128), float32
        Order z, y, x; mean 0, standard deviation 1, periodic.
    """
    white = build.rng("texture").standard_normal((POINTS,) * 3, dtype=np.float32)
    spectrum = fft.rfftn(white)
    f = fft.fftfreq(POINTS, LATTICE_MM).astype(np.float32)
    fx = fft.rfftfreq(POINTS, LATTICE_MM).astype(np.float32)
    across2 = f[None, :, None] ** 2 + fx[None, None, :] ** 2
    along2 = f[:, None, None] ** 2
    fine = np.exp(-2 * np.pi**2 * (across2 * 0.75**2 + along2 * 1.25**2))
    coarse = np.exp(-2 * np.pi**2 * (across2 + along2) * 3.5**2)
    lattice = np.zeros_like(white)
    for shape, share in ((fine - coarse, 0.88), (coarse, 0.48)):
        part = fft.irfftn(spectrum * shape, s=white.shape)
        lattice += (share * part / part.std()).astype(np.float32)
    return np.asarray(lattice / lattice.std(), dtype=np.float32)


def soft_pattern(build: Build) -> Floats32:
    """Make a smooth lattice that the soft tissues are drawn from: muscle bundles, bowel, fat.

    Parameters
    ----------
    build : Build
        The patient.

    Returns
    -------
    ndarray, shape (64, 64, 64), float32
        Order z, y, x; mean 0, standard deviation 1, periodic, smooth over about 3 points.
    """
    white = build.rng("pattern").standard_normal((64,) * 3, dtype=np.float32)
    f = fft.fftfreq(64).astype(np.float32)
    fx = fft.rfftfreq(64).astype(np.float32)
    f2 = f[:, None, None] ** 2 + f[None, :, None] ** 2 + fx[None, None, :] ** 2
    smooth = fft.irfftn(fft.rfftn(white) * np.exp(-2 * np.pi**2 * f2 * 2.6**2), s=white.shape)
    return np.asarray(smooth / smooth.std(), dtype=np.float32)
