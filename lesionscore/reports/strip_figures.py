"""Strips as tiles of a page: picture, contour, diameter line, in millimetres around the lesion."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lesionscore.errors import OutputError
from lesionscore.lesions.strip import OUTSIDE_HU, LesionStrip, Plane, StripPlane, read_strip
from lesionscore.reports.pictures import ct_picture, difference_picture, pet_picture
from lesionscore.reports.visits_view import INCLUSION

OUTSIDE_WORTH_SAYING = 0.02  # share of a picture outside the scan that is put into words
NICE_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
SAME_PLACE_MM = 1e-6

EDGE_LETTERS = {Plane.AXIAL: "RLAP", Plane.CORONAL: "RLHF", Plane.SAGITTAL: "APHF"}
"""Letters at the left, right, upper and lower edge of a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One plane of one visit, ready to be drawn; lengths are mm from the picture's middle.

    Parameters
    ----------
    key : str
        Names the CT picture within the page.
    ct, pet, difference : str
        Data URIs; empty where there is none.
    contour : str
        SVG path of the visit's own outline.
    reference : str
        SVG path of the outline at inclusion; empty on the inclusion's own picture.
    line : tuple of float
        x1, y1, x2, y2 of the diameter line; empty where there is none.
    outside : bool
        Whether a part of the picture worth a word lies outside the scan.
    letters : str
        At the left, right, upper and lower edge.
    half : float
        Half the edge of the picture.
    """

    key: str
    ct: str
    pet: str
    difference: str
    contour: str
    reference: str
    line: tuple[float, ...]
    outside: bool
    letters: str
    half: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPictures:
    """The tiles of one visit, axial, coronal, sagittal; none with the error if unreadable."""

    tiles: tuple[Tile, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionPictures:
    """All pictures of one lesion.

    Parameters
    ----------
    half_width_mm : float
        Half the edge of a picture.
    scale_suv : float or None
        SUV of the brightest colour, the same at every visit; None without any PET.
    visits : Mapping of str to VisitPictures
        By visit id; a visit without a strip is absent.
    """

    half_width_mm: float
    scale_suv: float | None
    visits: Mapping[str, VisitPictures]

    @property
    def has_difference(self) -> bool:
        """Whether any visit can be shown as a difference to inclusion."""
        return any(tile.difference for shown in self.visits.values() for tile in shown.tiles)

    @property
    def width_words(self) -> str:
        """Width of a picture."""
        return f"{2 * self.half_width_mm:.0f} mm"

    @property
    def scale_words(self) -> str:
        """SUV of the brightest colour."""
        return "" if self.scale_suv is None else f"{self.scale_suv:g} or more"


def lesion_pictures(
    folder: Path,
    lesion_id: str,
    visits: Iterable[str],
    suv_max: Iterable[float | None],
    key: str,
) -> LesionPictures | None:
    """Draw every strip of one lesion.

    Parameters
    ----------
    folder : Path
        Where the strips lie.
    lesion_id : str
        Whose strips; an id that is no plain file name has none.
    visits : iterable of str
        The visits' ids, inclusion first.
    suv_max : iterable of float or None
        The lesion's maxima, which set the colour scale.
    key : str
        A name for this lesion that is safe in HTML.

    Returns
    -------
    LesionPictures or None
        None where there is not one strip.
    """
    strips: dict[str, LesionStrip] = {}
    found: dict[str, VisitPictures] = {}
    for visit in visits:
        name = f"{lesion_id}_{visit}.npz"
        if name != Path(name).name or not (folder / name).is_file():
            continue
        try:
            strips[visit] = read_strip(folder / name)
        except OutputError:
            found[visit] = VisitPictures(problem=f"{name} cannot be read")
    if not strips:
        return LesionPictures(half_width_mm=1.0, scale_suv=None, visits=found) if found else None
    scale = _scale_suv(strips.values(), suv_max)
    for number, (visit, strip) in enumerate(strips.items()):
        reference = None if visit == INCLUSION else strips.get(INCLUSION)
        tiles = tuple(
            _tile(
                plane,
                _same_plane(strip, reference, index),
                strip.half_width_mm,
                scale,
                f"{key}v{number}p{index}",
            )
            for index, plane in enumerate(strip.planes)
        )
        found[visit] = VisitPictures(tiles=tiles)
    return LesionPictures(
        half_width_mm=max(strip.half_width_mm for strip in strips.values()),
        scale_suv=scale,
        visits=found,
    )


def svg_path(lines: Iterable[npt.NDArray[np.float64]]) -> str:
    """Lines in mm as an SVG path with hundredths of a millimetre.

    Examples
    --------
    >>> svg_path([np.array([(0.0, 1.0), (2.5, 0.004)])])
    'M0,1L2.5,0'
    """
    return "".join(
        "M" + "L".join(f"{_plain(x)},{_plain(y)}" for x, y in line.tolist()) for line in lines
    )


def _plain(value: float) -> str:
    """Print a number with at most two decimals and no minus zero."""
    return f"{round(value, 2) + 0.0:g}"


def _same_plane(strip: LesionStrip, other: LesionStrip | None, index: int) -> StripPlane | None:
    """Other strip's plane if it shows exactly the same square."""
    if other is None or strip.half_width_mm != other.half_width_mm:
        return None
    if math.dist(strip.centre_mm, other.centre_mm) > SAME_PLACE_MM:
        return None
    plane = other.planes[index]
    return plane if plane.ct_hu.shape == strip.planes[index].ct_hu.shape else None


def _tile(
    plane: StripPlane,
    inclusion: StripPlane | None,
    half_width_mm: float,
    scale_suv: float | None,
    key: str,
) -> Tile:
    """Draw one plane of one visit."""
    ends = () if plane.ends_mm is None else plane.ends_mm.ravel().tolist()
    return Tile(
        key=key,
        ct=ct_picture(plane.ct_hu),
        pet=_pet(plane, scale_suv),
        difference=difference_picture(plane.ct_hu, inclusion.ct_hu) if inclusion else "",
        contour=svg_path(plane.contours_mm),
        reference=svg_path(inclusion.contours_mm) if inclusion else "",
        line=tuple(round(value, 2) for value in ends),
        outside=float((plane.ct_hu == OUTSIDE_HU).mean()) > OUTSIDE_WORTH_SAYING,
        letters=EDGE_LETTERS[plane.plane],
        half=half_width_mm,
    )


def _pet(plane: StripPlane, scale_suv: float | None) -> str:
    """PET picture; empty where the PET does not reach or there is no scale."""
    if plane.suv is None or scale_suv is None or not np.isfinite(plane.suv).any():
        return ""
    return pet_picture(plane.suv, scale_suv)


def _scale_suv(strips: Iterable[LesionStrip], suv_max: Iterable[float | None]) -> float | None:
    """Round SUV at or above every visit's maximum of the lesion."""
    highest = max((value for value in suv_max if value), default=0.0)
    if highest <= 0.0:
        pictures = [p.suv for strip in strips for p in strip.planes if p.suv is not None]
        finite = [float(np.nanmax(suv)) for suv in pictures if np.isfinite(suv).any()]
        highest = max(finite, default=0.0)
    if highest <= 0.0:
        return None
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in NICE_STEPS if step * power >= highest * (1 - 1e-9))
