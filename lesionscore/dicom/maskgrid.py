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
class Block:
    """Part of an array, and where in the whole it stands.

    Parameters
    ----------
    values : ndarray, shape (n_z, n_y, n_x)
        The part.
    first_zyx : tuple of int
        Index of its first voxel in the whole.
    """

    values: Array
    first_zyx: tuple[int, int, int] = (0, 0, 0)

    def padded(self, voxels: int, shape_zyx: tuple[int, int, int]) -> Block:
        """Give the block with a margin of zeros, as far as the whole reaches.

        Parameters
        ----------
        voxels : int
            Width of the margin on each side.
        shape_zyx : tuple of int
            Size of the whole.
        """
        before = [min(voxels, first) for first in self.first_zyx]
        ends = [n + count for n, count in zip(self.first_zyx, self.values.shape, strict=True)]
        after = [min(voxels, size - end) for size, end in zip(shape_zyx, ends, strict=True)]
        z, y, x = (first - less for first, less in zip(self.first_zyx, before, strict=True))
        values = np.pad(self.values, list(zip(before, after, strict=True)))
        return Block(values=values, first_zyx=(z, y, x))

    def trimmed(self) -> Block:
        """Give the smallest block that holds everything but zeros; one of no size if all are."""
        low, high = [], []
        rest = self.values
        for axis in range(3):
            across = tuple(other for other in range(3) if other != axis)
            there = np.flatnonzero(rest.any(axis=across))
            if not there.size:
                return Block(values=self.values[:0, :0, :0])
            low.append(int(there[0]))
            high.append(int(there[-1]) + 1)
            rest = rest[(slice(None),) * axis + (slice(low[-1], high[-1]),)]
        z, y, x = (first + begin for first, begin in zip(self.first_zyx, low, strict=True))
        return Block(values=np.ascontiguousarray(rest), first_zyx=(z, y, x))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskReading:
    """One lesion's mask on a scan's grid, kept as the block around it.

    Parameters
    ----------
    block : Block
        bool, or float32 from 0 to 1; not empty.
    shape_zyx : tuple of int
        Size of the scan.
    findings : tuple of Finding
        Doubts that do not stop the work.
    """

    block: Block
    shape_zyx: tuple[int, int, int]
    findings: tuple[Finding, ...] = ()

    @property
    def array(self) -> Array:
        """The mask on the whole grid, shape (n_z, n_y, n_x)."""
        whole = np.zeros(self.shape_zyx, self.block.values.dtype)
        first, size = self.block.first_zyx, self.block.values.shape
        z, y, x = (slice(n, n + count) for n, count in zip(first, size, strict=True))
        whole[z, y, x] = self.block.values
        return whole


def place_on_grid(values: Array, own: Grid, grid: Grid, notes: Notes) -> Block:
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
    Block
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


def _exact(values: Array, own: Grid, grid: Grid) -> Block | None:
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
    low = [max(first[k], 0) for k in range(3)]
    high = [min(first[k] + turned.shape[k], grid.shape_zyx[k]) for k in range(3)]
    if any(high[k] <= low[k] for k in range(3)):
        return Block(values=values[:0, :0, :0])
    part = turned[tuple(slice(low[k] - first[k], high[k] - first[k]) for k in range(3))]
    return Block(values=part, first_zyx=(low[0], low[1], low[2]))


def _is_permutation(whole: npt.NDArray[np.float64]) -> bool:
    """Whether a matrix only swaps and turns axes."""
    absolute = np.abs(whole)
    return any(np.array_equal(absolute, np.eye(3)[list(order)]) for order in permutations(range(3)))


def _nearest(values: Array, own: Grid, grid: Grid) -> Block:
    """Value of the mask at the centre of each voxel of the scan, around the mask alone."""
    where = np.argwhere(values > 0)
    if not len(where):
        return Block(values=values[:0, :0, :0])
    low, high = where.min(axis=0) - 1.0, where.max(axis=0) + 1.0
    corners = np.array(
        [(z, y, x) for z in (low[0], high[0]) for y in (low[1], high[1]) for x in (low[2], high[2])]
    )
    reach = grid.index_zyx(own.positions_mm(corners))
    start = np.clip(np.floor(reach.min(axis=0)), 0, grid.shape_zyx).astype(int)
    stop = np.clip(np.ceil(reach.max(axis=0)) + 1, 0, grid.shape_zyx).astype(int)
    placed = np.zeros(stop - start, values.dtype)
    for z in range(start[0], stop[0]):
        y, x = np.meshgrid(
            np.arange(start[1], stop[1]), np.arange(start[2], stop[2]), indexing="ij"
        )
        index = np.stack([np.full_like(y, z), y, x], axis=-1)
        source = np.floor(own.index_zyx(grid.positions_mm(index)) + 0.5).astype(int)
        inside = ((source >= 0) & (source < np.asarray(own.shape_zyx))).all(axis=-1)
        found = source[inside]
        plane = placed[z - start[0]]
        plane[inside] = values[found[:, 0], found[:, 1], found[:, 2]]
    return Block(values=placed, first_zyx=(int(start[0]), int(start[1]), int(start[2])))


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
