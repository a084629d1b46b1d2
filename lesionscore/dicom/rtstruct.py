"""RTSTRUCT: contours of one ROI onto a scan's grid, a voxel being in if its centre is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header, ScanInfo
from lesionscore.dicom.maskgrid import Array, Block, note_outside, pick_label
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.polygon import fill_even_odd
from lesionscore.dicom.seg import check_reference
from lesionscore.dicom.slices import FARTHEST_MM
from lesionscore.errors import MaskError, Severity
from lesionscore.volumes.grid import Grid

Floats = npt.NDArray[np.float64]
CLOSED = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR"})
FLAT_MM = 0.05
"""Points of one contour lie in one plane to within this."""
SAME_PLANE_MM = 0.02
PARALLEL = 0.999


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contour:
    """One closed contour.

    Parameters
    ----------
    points_mm : ndarray, shape (n, 3)
        Corners, LPS, mm.
    is_xor : bool
        Whether the file says that it is joined by exclusive or.
    """

    points_mm: Floats
    is_xor: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class StructureSet:
    """An RTSTRUCT, its header read once.

    Parameters
    ----------
    header : Header
        The file's elements.
    """

    header: Header

    @cached_property
    def names(self) -> dict[int, str]:
        """ROI Number (3006,0022) to ROI Name (3006,0026)."""
        return {
            int(item.integer(tags.ROI_NUMBER) or 0): item.text(tags.ROI_NAME) or ""
            for item in self.header.items(tags.STRUCTURE_SET_ROI_SEQUENCE)
        }

    @cached_property
    def rois(self) -> dict[int, Header]:
        """ROI number to the item with its contours."""
        return {
            int(item.integer(tags.REFERENCED_ROI_NUMBER) or 0): item
            for item in self.header.items(tags.ROI_CONTOUR_SEQUENCE)
        }

    def read(
        self, label: int | str | None, grid: Grid, ct_info: ScanInfo | None, notes: Notes
    ) -> Block:
        """Read one ROI onto a scan's grid.

        Parameters
        ----------
        label : int, str or None
            ROI number or name; None if only one has contours.
        grid : Grid
            The scan's grid.
        ct_info : ScanInfo or None
            The scan.
        notes : Notes
            Takes the findings.

        Returns
        -------
        Block
            bool: voxels whose centre lies within the contours of the plane nearest to it.

        Raises
        ------
        MaskError
            If the ROI is not there, has no closed contour, or lies elsewhere.
        """
        names, rois = self.names, self.rois
        empty = frozenset(
            number
            for number in names
            if number not in rois or not rois[number].items(tags.CONTOUR_SEQUENCE)
        )
        number = pick_label(label, names, "ROI", empty)
        if number in empty:
            raise MaskError(f"ROI {number} {names[number]} has no contours")
        named = referenced_images(self.header) | contour_images(rois[number])
        check_reference(_with_frame(self.header, number), named, ct_info, notes)
        contours = read_contours(rois[number], notes)
        return Block(values=fill_contours(contours, grid, notes))


def _with_frame(header: Header, number: int) -> Header:
    """Give the header, with the ROI's own frame of reference as its Frame of Reference UID."""
    for item in header.items(tags.STRUCTURE_SET_ROI_SEQUENCE):
        own = item.value(tags.REFERENCED_FRAME_OF_REFERENCE_UID)
        if item.integer(tags.ROI_NUMBER) == number and own is not None:
            return Header([{tags.FRAME_OF_REFERENCE_UID: own}])
    return header


def referenced_images(header: Header) -> set[str]:
    """SOP Instance UIDs of the images on which the structures were drawn."""
    found: set[str] = set()
    for frame in header.items(tags.REFERENCED_FRAME_OF_REFERENCE_SEQUENCE):
        for study in frame.items(tags.RT_REFERENCED_STUDY_SEQUENCE):
            for series in study.items(tags.RT_REFERENCED_SERIES_SEQUENCE):
                for image in series.items(tags.CONTOUR_IMAGE_SEQUENCE):
                    found.add(image.text(tags.REFERENCED_SOP_INSTANCE_UID) or "")
    return found - {""}


def contour_images(roi: Header) -> set[str]:
    """Give the SOP Instance UIDs of the images that an ROI's contours name."""
    found: set[str] = set()
    for contour in roi.items(tags.CONTOUR_SEQUENCE):
        for image in contour.items(tags.CONTOUR_IMAGE_SEQUENCE):
            found.add(image.text(tags.REFERENCED_SOP_INSTANCE_UID) or "")
    return found - {""}


def read_contours(roi: Header, notes: Notes) -> list[Contour]:
    """Give the closed contours of an ROI; other kinds are recorded and left out.

    Raises
    ------
    MaskError
        If none is closed, or coordinates are damaged.
    """
    contours: list[Contour] = []
    seen: set[bytes] = set()
    left_out = doubled = 0
    for item in roi.items(tags.CONTOUR_SEQUENCE):
        kind = item.code(tags.CONTOUR_GEOMETRIC_TYPE) or "CLOSED_PLANAR"
        numbers = item.numbers(tags.CONTOUR_DATA)
        if len(numbers) % 3:
            raise MaskError(f"a contour has {len(numbers)} coordinates, which are no points")
        if kind not in CLOSED or len(numbers) < 9:
            left_out += 1
            continue
        points = np.asarray(numbers, dtype=np.float64).reshape(-1, 3)
        if np.abs(points).max() > FARTHEST_MM:
            raise MaskError(f"a contour reaches {np.abs(points).max():g} mm: no patient does")
        if points.tobytes() in seen:
            doubled += 1
            continue
        seen.add(points.tobytes())
        contours.append(Contour(points_mm=points, is_xor=kind.endswith("XOR")))
    if left_out:
        notes.add(
            "contours_left_out",
            f"{left_out} contours are points or open lines and enclose nothing",
            Severity.INFO,
        )
    if doubled:
        notes.add("contours_twice", f"{doubled} contours are there twice; one of each was taken")
    if not contours:
        raise MaskError("no closed contour (CLOSED_PLANAR with three points or more)")
    return contours


def plane_of(contour: Contour) -> tuple[Floats, float]:
    """Give a contour's unit normal (Newell's), and how far a point lies off its plane, mm."""
    points = contour.points_mm
    following = np.roll(points, -1, axis=0)
    normal = np.cross(points, following).sum(axis=0)
    length = float(np.linalg.norm(normal))
    if length < 1e-9:
        return np.array([0.0, 0.0, 1.0]), 0.0
    normal = normal / length
    off = np.abs((points - points.mean(axis=0)) @ normal).max()
    return normal, float(off)


def fill_contours(contours: list[Contour], grid: Grid, notes: Notes) -> Array:
    """Rasterise contours onto a grid, whatever the grid's orientation.

    Each voxel takes the contours of the plane nearest to its centre, up to half the distance of
    the planes. Within a plane contours are joined by exclusive or: a hole is a contour within a
    contour. Contours that cross are joined by or, and that is recorded.

    Raises
    ------
    MaskError
        If the contours are not flat and parallel, or lie outside the scan.
    """
    largest = max(contours, key=lambda one: np.ptp(one.points_mm, axis=0).max())
    normal, _ = plane_of(largest)
    if normal[np.abs(normal).argmax()] < 0:
        normal = -normal
    normal = snapped(normal, grid)
    for one in contours:
        along = one.points_mm @ normal
        if np.ptp(along) > FLAT_MM + 1e-4 * np.ptp(one.points_mm):
            raise MaskError(
                f"contours are not in parallel planes: one spans {np.ptp(along):.2f} mm across them"
            )
    heights = np.asarray([float((one.points_mm @ normal).mean()) for one in contours])
    planes = group_planes(heights)
    step = plane_step_mm(np.asarray([heights[group].mean() for group in planes]), grid, normal)
    note_outside(_outside(contours, grid, normal, step), notes)
    note_planes(planes, heights, grid, normal, step, notes)
    return paint(contours, planes, heights, step, normal, grid, notes)


def snapped(normal: Floats, grid: Grid) -> Floats:
    """Give the grid's own slice normal, where the contours are parallel to its slices."""
    own = grid.direction_matrix[:, 2]
    return own if abs(float(own @ normal)) > PARALLEL else normal


def group_planes(heights: Floats) -> list[npt.NDArray[np.int_]]:
    """Give the indices of the contours of each plane, from the lowest plane up."""
    order = np.argsort(heights, kind="stable")
    breaks = np.flatnonzero(np.diff(heights[order]) > SAME_PLANE_MM) + 1
    return list(np.split(order, breaks))


def plane_step_mm(levels: Floats, grid: Grid, normal: Floats) -> float:
    """Distance of neighbouring contour planes; that of the scan's slices for a lone plane."""
    along = np.abs(grid.direction_matrix.T @ normal) * np.asarray(grid.spacing_xyz_mm)
    slices = float(along.max())
    if len(levels) < 2:
        return slices
    steps = np.diff(np.sort(levels))
    return max(float(np.median(steps)), min(slices, float(steps.min())))


def _outside(contours: list[Contour], grid: Grid, normal: Floats, step: float) -> float:
    """Share of the contours' points that lie outside the scan."""
    points = np.concatenate([one.points_mm for one in contours])
    index = grid.index_zyx(points)
    reach = np.abs(grid.direction_matrix.T @ normal) * step / 2 / np.asarray(grid.spacing_xyz_mm)
    margin = np.maximum(0.5, reach[::-1])
    last = np.asarray(grid.shape_zyx) - 1.0
    inside = ((index >= -margin) & (index <= last + margin)).all(axis=1)
    return 1.0 - float(inside.mean())


def note_planes(
    planes: list[npt.NDArray[np.int_]],
    heights: Floats,
    grid: Grid,
    normal: Floats,
    step: float,
    notes: Notes,
) -> None:
    """Record contours that were not drawn on the scan's own slices."""
    if abs(float(grid.direction_matrix[:, 2] @ normal)) <= PARALLEL:
        notes.add(
            "mask_other_grid",
            "the contours are not parallel to the scan's slices; each voxel took the nearest plane",
        )
        return
    spacing = grid.spacing_xyz_mm[2]
    levels = np.asarray([heights[group].mean() for group in planes])
    origin = float(np.asarray(grid.origin_mm) @ normal)
    index = (levels - origin) / spacing
    off = float(np.abs(index - np.rint(index)).max()) * spacing
    if abs(step / spacing - round(step / spacing)) > 0.02 or step > 1.02 * spacing:
        notes.add(
            "mask_other_grid",
            f"contours are {step:.3g} mm apart, the scan's slices {spacing:.3g} mm; each slice "
            "took the nearest contours",
        )
    elif off > SAME_PLANE_MM:
        notes.add(
            "contours_between_slices",
            f"contours lie up to {off:.2f} mm beside the scan's slices; the nearest was taken",
            Severity.INFO if off < 0.1 * spacing else Severity.WARNING,
        )


def paint(
    contours: list[Contour],
    planes: list[npt.NDArray[np.int_]],
    heights: Floats,
    step: float,
    normal: Floats,
    grid: Grid,
    notes: Notes,
) -> Array:
    """Fill the voxels nearest to each plane."""
    mask = np.zeros(grid.shape_zyx, bool)
    levels = np.asarray([heights[group].mean() for group in planes])
    parallel = abs(float(grid.direction_matrix[:, 2] @ normal)) > PARALLEL
    if not parallel:
        return paint_oblique(contours, planes, levels, step, normal, grid, notes)
    down = float(grid.direction_matrix[:, 2] @ normal)
    origin = float(np.asarray(grid.origin_mm) @ normal)
    for z in range(grid.shape_zyx[0]):
        height = origin + z * grid.spacing_xyz_mm[2] * down
        nearest = int(np.abs(levels - height).argmin())
        if abs(levels[nearest] - height) > step / 2 + 1e-6:
            continue
        outlines = [grid.index_zyx(contours[n].points_mm)[:, [2, 1]] for n in planes[nearest]]
        shape = (grid.shape_zyx[1], grid.shape_zyx[2])
        joins = [contours[n].is_xor for n in planes[nearest]]
        mask[z] = join([fill_even_odd(outline, shape) for outline in outlines], joins, notes)
    return mask


def paint_oblique(
    contours: list[Contour],
    planes: list[npt.NDArray[np.int_]],
    levels: Floats,
    step: float,
    normal: Floats,
    grid: Grid,
    notes: Notes,
) -> Array:
    """Fill voxels whose slices are not parallel to the contours, point by point."""
    from lesionscore.dicom.polygon import inside_even_odd

    mask = np.zeros(grid.shape_zyx, bool)
    points = np.concatenate([one.points_mm for one in contours])
    index = grid.index_zyx(points)
    reach = step / min(grid.spacing_xyz_mm) + 1
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, grid.shape_zyx).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, 0, grid.shape_zyx).astype(int)
    side = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    side /= np.linalg.norm(side)
    other = np.cross(normal, side)
    for z in range(low[0], high[0]):
        y, x = np.mgrid[low[1] : high[1], low[2] : high[2]]
        centres = grid.positions_mm(np.stack([np.full(y.shape, z), y, x], axis=-1))
        height = centres @ normal
        nearest = np.abs(height[..., None] - levels).argmin(axis=-1)
        close = np.abs(height - levels[nearest]) <= step / 2 + 1e-6
        for plane in np.unique(nearest[close]):
            here = close & (nearest == plane)
            flat = np.stack([centres[here] @ side, centres[here] @ other], axis=-1)
            layers = []
            for n in planes[plane]:
                outline = contours[n].points_mm
                outline = np.stack([outline @ side, outline @ other], axis=-1)
                layers.append(inside_even_odd(outline, flat))
            joins = [contours[n].is_xor for n in planes[plane]]
            block = mask[z, low[1] : high[1], low[2] : high[2]]
            block[here] = join(layers, joins, notes)
    return mask


def join(layers: list[Array], is_xor: list[bool], notes: Notes) -> Array:
    """Join the contours of one plane: holes cut out, crossing contours added up."""
    joined = np.zeros(layers[0].shape, bool)
    order = sorted(range(len(layers)), key=lambda n: -int(layers[n].sum()))
    for n in order:
        layer = layers[n]
        shared = int((joined & layer).sum())
        crossing = 0 < shared < int(layer.sum()) and not is_xor[n]
        if crossing and shared < 0.5 * layer.sum():
            notes.add(
                "contours_cross",
                "contours of one plane cross each other; the voxels of either were taken",
                once="cross",
            )
            joined |= layer
        else:
            joined ^= layer
    return joined
