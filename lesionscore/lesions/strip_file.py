"""Strips as files: one compressed ``.npz`` per lesion and visit, with the same bytes every time."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lesionscore.errors import OutputError
from lesionscore.lesions.strip_planes import LesionStrip, Plane, StripPlane

Arrays = dict[str, npt.NDArray[Any]]

FORMAT = 1  # raised when a reader of today could not read the file any more
DAMAGED = (zipfile.BadZipFile, zlib.error, TypeError)
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold: files must not carry the clock


def write_strip(path: Path, strip: LesionStrip) -> None:
    """Write a strip.

    Parameters
    ----------
    path : Path
        The file, ending in ``.npz``; its folder must exist.
    strip : LesionStrip
        What to write.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in _arrays(strip).items():
            member = BytesIO()
            np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # else the byte depends on the system
            archive.writestr(entry, member.getvalue())
    try:
        path.write_bytes(buffer.getvalue())
    except OSError as exc:
        raise OutputError(f"{path}: the strip cannot be written ({exc.strerror})") from exc


def read_strip(path: Path) -> LesionStrip:
    """Read a strip that `write_strip` wrote.

    Parameters
    ----------
    path : Path
        The ``.npz`` file.

    Returns
    -------
    LesionStrip
        Pictures, contours and diameter line.

    Raises
    ------
    OutputError
        If the file is missing, damaged, or not a strip.
    """
    try:
        # from memory: numpy leaves a damaged file open
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            return _strip({name: archive[name] for name in archive.files})
    except (OSError, EOFError, ValueError, LookupError, *DAMAGED) as exc:
        raise OutputError(
            f"{path}: not a strip that can be read ({exc}); evaluate the patient again"
        ) from exc


def _arrays(strip: LesionStrip) -> Arrays:
    """Every part of a strip under its name in the file."""
    arrays: Arrays = {
        "format": np.array(FORMAT),
        "centre_mm": np.array(strip.centre_mm, dtype=np.float64),
        "half_width_mm": np.array(strip.half_width_mm, dtype=np.float64),
    }
    for plane in strip.planes:
        name = plane.plane.value
        arrays[f"{name}_ct_hu"] = plane.ct_hu
        if plane.suv is not None:
            arrays[f"{name}_suv"] = plane.suv
        arrays[f"{name}_contour_sizes"] = np.array([len(c) for c in plane.contours_mm], np.int64)
        arrays[f"{name}_contours_mm"] = np.concatenate([np.zeros((0, 2)), *plane.contours_mm])
        if plane.ends_mm is not None:
            arrays[f"{name}_ends_mm"] = plane.ends_mm
            arrays[f"{name}_ends_depth_mm"] = np.array(plane.ends_depth_mm, dtype=np.float64)
    return arrays


def _strip(arrays: Arrays) -> LesionStrip:
    """Put the parts together again; a file of another format is a ValueError."""
    if int(arrays["format"]) != FORMAT:
        raise ValueError(f"format {int(arrays['format'])}, this version reads {FORMAT}")
    x, y, z = arrays["centre_mm"].tolist()
    planes = [_plane(arrays, plane) for plane in Plane]
    return LesionStrip(
        centre_mm=(x, y, z),
        half_width_mm=float(arrays["half_width_mm"]),
        planes=(planes[0], planes[1], planes[2]),
    )


def _plane(arrays: Arrays, plane: Plane) -> StripPlane:
    """One plane out of the named arrays."""
    cuts = np.cumsum(arrays[f"{plane.value}_contour_sizes"])[:-1]
    lines = arrays[f"{plane.value}_contours_mm"]
    depth = arrays.get(f"{plane.value}_ends_depth_mm")
    return StripPlane(
        plane=plane,
        ct_hu=arrays[f"{plane.value}_ct_hu"],
        suv=arrays.get(f"{plane.value}_suv"),
        contours_mm=tuple(np.split(lines, cuts)) if len(lines) else (),
        ends_mm=arrays.get(f"{plane.value}_ends_mm"),
        ends_depth_mm=None if depth is None else (float(depth[0]), float(depth[1])),
    )
