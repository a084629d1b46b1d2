"""Implicit shapes: a bone is a short program of smooth unions and cuts of simple solids.

Distances are in mm, negative inside, exact for capsules and close to exact near the surface of
the others. Nothing here knows anatomy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vector = Sequence[float] | Floats

ELLIPSOID, CAPSULE, DRUM, BOX = 0.0, 1.0, 2.0, 3.0
UNION, CUT = 0.0, 1.0
COLUMNS = 24
FAR_MM = 1e3


def frame_along(axis: Vector, up: Vector = (0.0, 0.0, 1.0)) -> Floats:
    """Rotation whose rows are a local frame with its third axis along `axis`."""
    z = np.asarray(axis, dtype=float)
    z = z / np.linalg.norm(z)
    y = np.asarray(up, dtype=float)
    if abs(float(y @ z)) > 0.95 * float(np.linalg.norm(y)):
        y = np.array([0.0, 1.0, 0.0]) if abs(z[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    x = np.cross(y, z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def rotation(x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> Floats:
    """Rotation matrix: about x, then y, then z, in degrees."""
    a, b, c = np.deg2rad([x_deg, y_deg, z_deg])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(rz @ ry @ rx)


@dataclass(slots=True, kw_only=True)
class Shape:
    """A program of solids in the bone's own frame; solids are joined in the order of adding.

    ``thickness`` and ``density`` hold soft regions (centre, sigma, amount) that change the
    cortex's thickness (mm) or the trabecular density (HU) around a place of the bone.
    """

    solids: list[Floats] = field(default_factory=list)
    waves: Floats = field(default_factory=lambda: np.zeros((0, 7)))
    thickness: list[tuple[float, ...]] = field(default_factory=list)
    density: list[tuple[float, ...]] = field(default_factory=list)

    def _add(
        self,
        kind: float,
        centre: Vector,
        frame: Floats,
        sizes: Vector,
        *,
        blend: float,
        cut: bool,
    ) -> None:
        row = np.zeros(COLUMNS)
        row[:9] = np.asarray(frame, dtype=float).ravel()
        row[9:12] = centre
        row[12 : 12 + len(sizes)] = sizes
        row[18] = kind
        row[19] = CUT if cut else UNION
        row[20] = blend
        row[21] = _bounding_radius(kind, sizes)
        self.solids.append(row)

    def ellipsoid(
        self,
        centre: Vector,
        semi_axes: Vector,
        *,
        frame: Floats | None = None,
        blend: float = 3.0,
        cut: bool = False,
    ) -> None:
        """Add an ellipsoid (mm)."""
        turn = np.eye(3) if frame is None else frame
        self._add(ELLIPSOID, centre, turn, semi_axes, blend=blend, cut=cut)

    def capsule(
        self,
        start: Vector,
        end: Vector,
        radius: float,
        end_radius: float | None = None,
        *,
        flat: float = 1.0,
        up: Vector = (0.0, 0.0, 1.0),
        blend: float = 3.0,
        cut: bool = False,
    ) -> None:
        """Add a tapered rod; `flat` stretches it along its local second axis (near `up`)."""
        a, b = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
        length = float(np.linalg.norm(b - a))
        frame = frame_along(b - a if length > 1e-9 else (0, 0, 1), up)
        last = radius if end_radius is None else end_radius
        sizes = (length / 2, radius, last, flat)
        self._add(CAPSULE, (a + b) / 2, frame, sizes, blend=blend, cut=cut)

    def drum(
        self,
        centre: Vector,
        half_width: float,
        half_depth: float,
        half_height: float,
        *,
        waist: float = 0.0,
        dish: float = 0.0,
        dent: float = 0.0,
        frame: Floats | None = None,
        blend: float = 3.0,
        cut: bool = False,
    ) -> None:
        """Add a vertebral body: waisted wall, dished ends, dent in the posterior wall (mm)."""
        turn = np.eye(3) if frame is None else frame
        sizes = (half_width, half_depth, half_height, waist, dish, dent)
        self._add(DRUM, centre, turn, sizes, blend=blend, cut=cut)

    def box(
        self,
        centre: Vector,
        half_sizes: Vector,
        rounding: float,
        *,
        frame: Floats | None = None,
        blend: float = 3.0,
        cut: bool = False,
    ) -> None:
        """Add a box with rounded edges (mm)."""
        turn = np.eye(3) if frame is None else frame
        self._add(BOX, centre, turn, (*half_sizes, rounding), blend=blend, cut=cut)

    def thicken(self, centre: Vector, sigma: float, amount_mm: float) -> None:
        """Change the cortex's thickness around a place."""
        self.thickness.append((*centre, sigma, sigma, sigma, amount_mm))

    def densify(self, centre: Vector, sigmas: Vector, amount_hu: float) -> None:
        """Change the trabecular density around a place."""
        self.density.append((*centre, *sigmas, amount_hu))

    def warp(self, rng: np.random.Generator, amplitude_mm: float, count: int = 5) -> None:
        """Bend space by a few long waves, so that no bone is a sum of plain solids."""
        waves = np.zeros((count, 7))
        for row in waves:
            direction = rng.normal(size=3)
            wavelength = rng.uniform(22.0, 70.0)
            row[:3] = direction / np.linalg.norm(direction) * 2 * math.pi / wavelength
            row[3] = rng.uniform(0, 2 * math.pi)
            row[4:7] = rng.normal(size=3) * amplitude_mm * math.sqrt(wavelength / 60.0)
        self.waves = waves / 1.0

    def program(self) -> Floats:
        """Solids as one array for the evaluator, shape (n, 24)."""
        return np.array(self.solids)


def _bounding_radius(kind: float, sizes: Vector) -> float:
    if kind == ELLIPSOID:
        return float(max(sizes))
    if kind == CAPSULE:
        return float(sizes[0] + max(sizes[1], sizes[2]) * max(1.0, sizes[3]))
    return float(math.sqrt(sizes[0] ** 2 + sizes[1] ** 2 + sizes[2] ** 2)) + 2.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _solid(row: Floats, x: float, y: float, z: float) -> float:
    """Signed distance to one solid, in its own frame."""
    dx, dy, dz = x - row[9], y - row[10], z - row[11]
    u = row[0] * dx + row[1] * dy + row[2] * dz
    v = row[3] * dx + row[4] * dy + row[5] * dz
    w = row[6] * dx + row[7] * dy + row[8] * dz
    kind = row[18]
    if kind == 0.0:
        a, b, c = row[12], row[13], row[14]
        k0 = math.sqrt((u / a) ** 2 + (v / b) ** 2 + (w / c) ** 2)
        k1 = math.sqrt((u / a**2) ** 2 + (v / b**2) ** 2 + (w / c**2) ** 2)
        if k1 < 1e-9:
            return -float(min(a, min(b, c)))
        return float(k0 * (k0 - 1.0) / k1)
    if kind == 1.0:
        half, ra, rb, flat = row[12], row[13], row[14], row[15]
        t = min(max(w, -half), half)
        share = 0.5 if half < 1e-9 else (t + half) / (2 * half)
        radius = ra + (rb - ra) * share
        s = v / flat
        rest = w - t
        k0 = math.sqrt(u * u + s * s + rest * rest)
        k1 = math.sqrt(u * u + (s / flat) ** 2 + rest * rest)
        if k1 < 1e-9:
            return -float(radius)
        return float((k0 - radius) * k0 / k1 if flat > 1.0 else k0 - radius)
    if kind == 2.0:
        a, b, h, waist, dish, dent = row[12], row[13], row[14], row[15], row[16], row[17]
        level = w / h
        shrink = waist * max(0.0, 1.0 - level * level)
        aa, bb = a - shrink, b - shrink
        vv = v
        if v > 0.0:  # posterior wall: flatter, dented in the middle
            vv = v + dent * math.exp(-((u / (0.45 * a)) ** 2)) * (v / b)
        q = math.sqrt(math.sqrt((u / aa) ** 4 + (vv / bb) ** 4 + 1.2 * (u * vv / (aa * bb)) ** 2))
        side = (q - 1.0) * min(aa, bb) if q > 0.05 else -min(aa, bb)
        roof = abs(w) - h + dish * max(0.0, 1.0 - q * q)
        r = 2.0
        outside = math.sqrt(max(side + r, 0.0) ** 2 + max(roof + r, 0.0) ** 2)
        return float(outside + min(max(side + r, roof + r), 0.0) - r)
    rounding = row[15]
    qx = abs(u) - row[12] + rounding
    qy = abs(v) - row[13] + rounding
    qz = abs(w) - row[14] + rounding
    outside = math.sqrt(max(qx, 0.0) ** 2 + max(qy, 0.0) ** 2 + max(qz, 0.0) ** 2)
    return float(outside + min(max(qx, max(qy, qz)), 0.0) - rounding)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def distance(program: Floats, waves: Floats, x: float, y: float, z: float) -> float:
    """Signed distance (mm, negative inside) to a shape at one point of its frame."""
    wx, wy, wz = x, y, z
    for i in range(waves.shape[0]):
        s = math.sin(waves[i, 0] * x + waves[i, 1] * y + waves[i, 2] * z + waves[i, 3])
        wx += waves[i, 4] * s
        wy += waves[i, 5] * s
        wz += waves[i, 6] * s
    best = 1e3
    for i in range(program.shape[0]):
        row = program[i]
        blend = row[20]
        gap = math.sqrt((wx - row[9]) ** 2 + (wy - row[10]) ** 2 + (wz - row[11]) ** 2) - row[21]
        if row[19] == 0.0:
            if gap > best + blend:
                continue
            d = _solid(row, wx, wy, wz)
            h = max(blend - abs(best - d), 0.0)
            best = min(best, d) - (h * h / (4.0 * blend) if blend > 0 else 0.0)
        else:
            if -gap < best - blend:
                continue
            d = -_solid(row, wx, wy, wz)
            h = max(blend - abs(best - d), 0.0)
            best = max(best, d) + (h * h / (4.0 * blend) if blend > 0 else 0.0)
    return best


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def soft_sum(regions: Floats, x: float, y: float, z: float) -> float:
    """Sum of the soft regions (Gaussian bells) at one point."""
    total = 0.0
    for i in range(regions.shape[0]):
        r = regions[i]
        q = ((x - r[0]) / r[3]) ** 2 + ((y - r[1]) / r[4]) ** 2 + ((z - r[2]) / r[5]) ** 2
        if q < 16.0:
            total += r[6] * math.exp(-0.5 * q)
    return total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def distances(program: Floats, waves: Floats, points: Floats) -> Floats:
    """Signed distance at many points, shape (n, 3), of the bone's frame."""
    out = np.empty(points.shape[0])
    for i in range(points.shape[0]):
        out[i] = distance(program, waves, points[i, 0], points[i, 1], points[i, 2])
    return out
