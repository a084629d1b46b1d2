"""A lesion at one visit, and its true sizes measured from its surface itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from skimage.measure import marching_cubes

from benchmarks.real_bones.geometry import Block, Floats
from benchmarks.real_bones.stars import UNCUT, Star, reach_mm, star_grid, widest_mm


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class State:
    """A lesion at one visit.

    Parameters
    ----------
    stars : tuple of Star
        Its surface in the bone's coordinates; empty: gone.
    cut : ndarray, shape (6,)
        The plane up to which bone has grown in, as `star_grid` takes it.
    rim_hu, scar_hu : float
        Sclerosis around it; sclerosis of the bone that has filled it.
    """

    stars: tuple[Star, ...]
    cut: Floats = field(default_factory=lambda: UNCUT)
    rim_hu: float = 0.0
    scar_hu: float = 0.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Extent:
    """Sizes of one state in bone coordinates; the outside fraction is that outside the bone."""

    centre_mm: Floats
    longest_diameter_mm: float = 0.0
    volume_ml: float = 0.0
    parts: int = 0
    outside_fraction: float = 0.0


GONE = Extent(centre_mm=np.zeros(3))


def sample(state: State, low_mm: Floats, high_mm: Floats, step_mm: float) -> Block:
    """Values of a state's surface on a grid between two corners (not yet mm)."""
    shape = np.ceil((high_mm - low_mm) / step_mm).astype(np.int64) + 1
    tables = np.array([star.table() for star in state.stars])
    values = star_grid(tables, state.cut, low_mm, step_mm, shape)
    return Block(samples=values, origin_mm=low_mm, step_mm=step_mm)


def in_mm(block: Block) -> Block:
    """Values as distances: to first order, exact at the surface."""
    distance = block.samples / np.maximum(block.steepness(), 0.02)
    return Block(
        samples=distance.astype(np.float32), origin_mm=block.origin_mm, step_mm=block.step_mm
    )


def measure(block: Block, bone: Block | None = None) -> Extent:
    """Longest diameter of the longest part, and the volume of all parts.

    Parameters
    ----------
    block : Block
        Values that are 0 at the surface and negative inside.
    bone : Block, optional
        The bone's surface; without it nothing is said of the fraction outside.

    Returns
    -------
    Extent
        `GONE` if nothing is inside. Parts of under 8 grid points have no diameter.
    """
    inside = block.samples < 0
    if not inside.any():
        return GONE
    labels, count = ndimage.label(inside)
    longest, parts = 0.0, 0
    for part in range(1, count + 1):
        if (labels == part).sum() < 8:
            continue
        parts += 1
        other = (labels != part) & inside
        values = np.where(other, np.float32(1e-3), block.samples)
        longest = max(longest, widest_mm(marching_cubes(values, 0.0)[0] * block.step_mm))
    points = block.positions_mm()[inside]
    share = block.samples / np.maximum(block.steepness(), 1e-6) / block.step_mm
    return Extent(
        longest_diameter_mm=longest,
        volume_ml=float(np.clip(0.5 - share, 0, 1).sum()) * block.step_mm**3 / 1000,
        centre_mm=points.mean(axis=0),
        parts=parts,
        outside_fraction=0.0 if bone is None else float((bone.at(points) > 0).mean()),
    )


def grid_step_mm(diameter_mm: float) -> float:
    """As fine as a lesion's size asks for."""
    return 0.3 if diameter_mm < 18 else 0.4


def quick_diameter_mm(stars: Sequence[Star], cut: Floats = UNCUT) -> float:
    """Longest diameter from a coarser grid, while a shape is being fitted."""
    low, high = reach_mm(stars)
    step = max(0.3, float((high - low).max()) / 45)
    return measure(sample(State(stars=tuple(stars), cut=cut), low, high, step)).longest_diameter_mm
