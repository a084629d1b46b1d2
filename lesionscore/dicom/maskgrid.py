"""A mask on the grid of a scan, and the ways a mask's own grid can lie to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from lesionscore.dicom.policy import Notes
from lesionscore.errors import Finding, MaskError
from lesionscore.volumes.grid import Grid

Array = npt.NDArray[Any]
SAME_VOXEL = 0.02
"""Voxel centres within this share of a voxel are the same."""
CUT_OFF_FRACTION = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskReading:
    """One lesion's mask on a scan's grid.

    Parameters
    ----------
    array : ndarray, shape (n_z, n_y, n_x)
        bool, or float32 from 0 to 1.
    findings : tuple of Finding
        Doubts that do not stop the work.
    """

    array: Array
    findings: tuple[Finding, ...] = ()


def place_on_grid(values: Array, own: Grid, grid: Grid, notes: Notes) -> Array:
    """Bring a mask onto a scan's grid: exactly where the voxels coincide, else by nearest voxel.

    Parameters
    ----------
    values : ndarray, shape (n_z, n_y, n_x)
        bool or float32, on `own`.
    own, grid : Grid
        The mask's grid, and the scan's.
    notes : Notes
        Takes ``mask_other_grid`` and ``mask_cut_off``.

    Returns
    -------
    ndarray
        The mask on `grid`, of the same type.

    Raises
    ------
    MaskError
        If the mask has voxels, but none within the scan.
    """
    exact = _exact(values, own, grid)
    placed = exact if exact is not None else _nearest(values, own, grid)
    if exact is None:
        notes.add(
            "mask_other_grid",
            f"the mask's grid ({_said(own)}) is not the scan's ({_said(grid)}); each voxel of the "
            "scan took the value of the mask at its centre",
        )
    check_cover(values, own, grid, notes)
    return placed


def check_cover(values: Array, own: Grid, grid: Grid, notes: Notes) -> None:
    """Record, or refuse, a mask that reaches beyond the scan."""
    where = np.argwhere(values > 0)
    if not len(where):
        return
    inside = _within(grid, own.positions_mm(where))
    outside = 1.0 - float(inside.mean())
    note_outside(outside, notes)


def note_outside(outside: float, notes: Notes) -> None:
    """Record or refuse a mask of which a fraction lies outside the scan.

    Raises
    ------
    MaskError
        If all of it does.
    """
    if outside >= 1.0:
        raise MaskError(
            "the mask lies wholly outside the scan: it belongs to another scan or another patient "
            "position. Give the mask drawn on this scan."
        )
    if outside > CUT_OFF_FRACTION:
        notes.add(
            "mask_cut_off", f"{100 * outside:.0f} % of the mask lies outside the scan and was lost"
        )


def _within(grid: Grid, positions_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which positions lie within the voxels of a grid, borders included."""
    index = grid.index_zyx(positions_mm)
    last = np.asarray(grid.shape_zyx) - 0.5
    return np.asarray(((index >= -0.5) & (index <= last)).all(axis=-1))


def _said(grid: Grid) -> str:
    """Size and spacing of a grid in words."""
    size = " x ".join(str(n) for n in grid.shape_zyx[::-1])
    spacing = " x ".join(f"{n:.3g}" for n in grid.spacing_xyz_mm)
    return f"{size} voxels of {spacing} mm"


def _exact(values: Array, own: Grid, grid: Grid) -> Array | None:
    """Copy a mask whose voxels coincide with the scan's, axes swapped or turned round or not."""
    origin = grid.index_zyx(own.positions_mm((0.0, 0.0, 0.0)))
    axes = np.stack([grid.index_zyx(own.positions_mm(unit)) - origin for unit in np.eye(3)])
    whole = np.rint(axes)
    reach = np.asarray(own.shape_zyx, dtype=np.float64)[:, None]
    if np.abs((axes - whole) * reach).max() > SAME_VOXEL or not _is_permutation(whole):
        return None
    start = np.rint(origin)
    if np.abs(origin - start).max() > SAME_VOXEL:
        return None
    order = [int(np.abs(whole[:, k]).argmax()) for k in range(3)]
    turned = np.transpose(values, order)
    signs = [whole[order[k], k] for k in range(3)]
    turned = turned[tuple(slice(None, None, 1 if sign > 0 else -1) for sign in signs)]
    first = [
        int(start[k]) if signs[k] > 0 else int(start[k]) - turned.shape[k] + 1 for k in range(3)
    ]
    placed = np.zeros(grid.shape_zyx, values.dtype)
    into, out_of = [], []
    for k in range(3):
        low = max(first[k], 0)
        high = min(first[k] + turned.shape[k], grid.shape_zyx[k])
        if high <= low:
            return placed
        into.append(slice(low, high))
        out_of.append(slice(low - first[k], high - first[k]))
    placed[tuple(into)] = turned[tuple(out_of)]
    return placed


def _is_permutation(whole: npt.NDArray[np.float64]) -> bool:
    """Whether a matrix only swaps and turns axes."""
    absolute = np.abs(whole)
    return any(np.array_equal(absolute, np.eye(3)[list(order)]) for order in permutations(range(3)))


def _nearest(values: Array, own: Grid, grid: Grid) -> Array:
    """Value of the mask at the centre of each voxel of the scan, around the mask alone."""
    placed = np.zeros(grid.shape_zyx, values.dtype)
    where = np.argwhere(values > 0)
    if not len(where):
        return placed
    low, high = where.min(axis=0) - 1.0, where.max(axis=0) + 1.0
    corners = np.array(
        [(z, y, x) for z in (low[0], high[0]) for y in (low[1], high[1]) for x in (low[2], high[2])]
    )
    reach = grid.index_zyx(own.positions_mm(corners))
    start = np.clip(np.floor(reach.min(axis=0)), 0, grid.shape_zyx).astype(int)
    stop = np.clip(np.ceil(reach.max(axis=0)) + 1, 0, grid.shape_zyx).astype(int)
    for z in range(start[0], stop[0]):
        y, x = np.meshgrid(
            np.arange(start[1], stop[1]), np.arange(start[2], stop[2]), indexing="ij"
        )
        index = np.stack([np.full_like(y, z), y, x], axis=-1)
        source = np.floor(own.index_zyx(grid.positions_mm(index)) + 0.5).astype(int)
        inside = ((source >= 0) & (source < np.asarray(own.shape_zyx))).all(axis=-1)
        found = source[inside]
        plane = placed[z, start[1] : stop[1], start[2] : stop[2]]
        plane[inside] = values[found[:, 0], found[:, 1], found[:, 2]]
    return placed


def pick_label(
    label: int | str | None, numbers: dict[int, str], what: str, empty: frozenset[int] = frozenset()
) -> int:
    """Find the number of a label given as a number or a name.

    Parameters
    ----------
    label : int, str or None
        Number, name, or None for the only one.
    numbers : dict
        Number to name of all that the mask holds.
    what : str
        What the mask calls them: segment, ROI, label.
    empty : frozenset of int
        Numbers without content, passed over when `label` is None.

    Raises
    ------
    MaskError
        If there is no such label, or more than one to choose from.
    """
    listed = ", ".join(f"{n} {name}".strip() for n, name in list(numbers.items())[:12])
    if label is None:
        full = [number for number in numbers if number not in empty]
        if len(full) == 1:
            return full[0]
        raise MaskError(
            f"{len(full)} {what}s ({listed or 'none'}); name one in the column label of lesions.csv"
        )
    text = str(label).strip()
    exact = [number for number, name in numbers.items() if name == text]
    loose = [number for number, name in numbers.items() if name.casefold() == text.casefold()]
    whole = re.fullmatch(r"(\d{1,9})(\.0+)?", text)
    by_number = [int(whole[1])] if whole is not None and int(whole[1]) in numbers else []
    for hits in (by_number, exact, loose):
        if len(hits) == 1:
            return hits[0]
        if len(hits) > 1:
            raise MaskError(f"{len(hits)} {what}s are called {text!r}: {listed}; give the number")
    raise MaskError(f"no {what} {text!r}; there are: {listed or 'none'}")
