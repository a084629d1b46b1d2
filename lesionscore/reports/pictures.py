"""Grey values to small PNG pictures, as data URIs that a page carries within itself."""

from __future__ import annotations

import base64
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from PIL import Image

from lesionscore.lesions.strip_planes import OUTSIDE_HU

WINDOW_LEVEL_HU = 300.0  # trabecular bone in the middle of the greys, cortex still below white
WINDOW_WIDTH_HU = 1200.0
DIFFERENCE_LIMIT_HU = 400.0
LEVELS = 64  # colours of an overlay; number 0 is kept for "nothing here"
PET_COLOURS = "hot"
DIFFERENCE_COLOURS = "RdBu_r"
FAINTEST, FULL = 0.18, 0.6  # share of the colour scale where the PET begins and is fully there
STRONGEST_OPACITY = 0.8  # so that the bone still shows through

Hu = npt.NDArray[np.int16]


def data_uri(content: bytes, kind: str) -> str:
    """File's content as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def ct_picture(ct_hu: Hu) -> str:
    """Bone window in grey; pixels outside the scan are transparent.

    Parameters
    ----------
    ct_hu : ndarray, shape (n, n), int16
        Rows from top to bottom, `OUTSIDE_HU` outside the scan.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    outside = ct_hu == OUTSIDE_HU
    lowest = WINDOW_LEVEL_HU - WINDOW_WIDTH_HU / 2
    share = np.clip((ct_hu.astype(np.float64) - lowest) / WINDOW_WIDTH_HU, 0.0, 1.0)
    grey = np.rint(255.0 * share).astype(np.uint8)
    if not outside.any():
        return _png(Image.fromarray(grey))
    opacity = np.where(outside, 0, 255).astype(np.uint8)
    return _png(Image.merge("LA", (Image.fromarray(grey), Image.fromarray(opacity))))


def pet_picture(suv: npt.NDArray[np.float32], scale_suv: float) -> str:
    """Uptake in colour, ever less opaque towards zero, to be laid over the CT.

    Parameters
    ----------
    suv : ndarray, shape (n, n)
        SUV; NaN outside the scan.
    scale_suv : float
        SUV of the brightest colour.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    share = np.clip(np.nan_to_num(suv, nan=0.0) / scale_suv, 0.0, 1.0)
    level = np.where(np.isfinite(suv), 1 + np.rint(share * (LEVELS - 2)), 0).astype(np.uint8)
    rising = np.clip((np.linspace(0, 1, LEVELS - 1) - FAINTEST) / (FULL - FAINTEST), 0.0, 1.0)
    opacity = bytes([0, *np.rint(255 * STRONGEST_OPACITY * rising).astype(int).tolist()])
    return _png(_coloured(level, PET_COLOURS), transparency=opacity)


def difference_picture(visit_hu: Hu, inclusion_hu: Hu) -> str:
    """Visit minus inclusion, two by two pixels averaged against noise; red is denser.

    Parameters
    ----------
    visit_hu, inclusion_hu : ndarray, shape (n, n), int16
        The same square of the same bone, n even.

    Returns
    -------
    str
        Data URI of a PNG; transparent where either scan does not reach.
    """
    outside = (visit_hu == OUTSIDE_HU) | (inclusion_hu == OUTSIDE_HU)
    half = len(visit_hu) // 2
    change = visit_hu.astype(np.float64) - inclusion_hu
    change = change.reshape(half, 2, half, 2).mean(axis=(1, 3))
    nothing = outside.reshape(half, 2, half, 2).any(axis=(1, 3))
    share = np.clip(change / DIFFERENCE_LIMIT_HU, -1.0, 1.0) / 2 + 0.5
    level = np.where(nothing, 0, 1 + np.rint(share * (LEVELS - 2))).astype(np.uint8)
    opacity = bytes([0, *[255] * (LEVELS - 1)])
    return _png(_coloured(level, DIFFERENCE_COLOURS), transparency=opacity)


@cache
def colour_bar(colours: str) -> str:
    """Strip of a colour scale from its lowest to its highest colour."""
    level = np.tile(np.arange(1, LEVELS, dtype=np.uint8), (2, 1))
    return _png(_coloured(level, colours))


@cache
def _palette(colours: str) -> bytes:
    """Colours of the levels, three bytes each; level 0 is black and meant to be transparent."""
    scale = colormaps[colours](np.linspace(0.0, 1.0, LEVELS - 1))[:, :3]
    colour: npt.NDArray[np.uint8] = np.rint(255 * scale).astype(np.uint8)
    return bytes(3) + colour.tobytes()


def _coloured(level: npt.NDArray[np.uint8], colours: str) -> Image.Image:
    """Picture whose pixels are numbers of a palette's colours."""
    picture = Image.fromarray(level)
    picture.putpalette(_palette(colours))
    return picture


def _png(picture: Image.Image, **options: Any) -> str:
    """Encode as PNG."""
    buffer = BytesIO()
    picture.save(buffer, format="PNG", compress_level=9, **options)
    return data_uri(buffer.getvalue(), "image/png")
