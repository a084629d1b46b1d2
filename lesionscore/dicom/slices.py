"""One slice of a series: a single-frame file, or one frame of a multi-frame file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header, frame_layers
from lesionscore.dicom.parse import ParsedFile
from lesionscore.dicom.sources import Source, read_header
from lesionscore.errors import DicomError

Floats = npt.NDArray[np.float64]
FARTHEST_MM = 1e5
FINEST_MM, COARSEST_MM = 1e-3, 1e3
MOST_FRAMES = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice:
    """A slice's header and where its pixels are.

    Parameters
    ----------
    source : Source
        The file.
    file : ParsedFile
        What was read of the file; shared by its frames.
    frame : int
        Index of the frame within the file, from 0.
    header : Header
        The slice's own view of the header.
    """

    source: Source
    file: ParsedFile
    frame: int
    header: Header

    @cached_property
    def position_mm(self) -> tuple[float, float, float] | None:
        """Centre of the first voxel, LPS, mm; None if the header does not say."""
        numbers = self.header.numbers(tags.IMAGE_POSITION_PATIENT)
        if len(numbers) != 3 or max(abs(n) for n in numbers) > FARTHEST_MM:
            return None
        return numbers[0], numbers[1], numbers[2]

    @cached_property
    def orientation(self) -> tuple[float, ...] | None:
        """Unit vectors along a row and down a column, six numbers; None if not usable."""
        numbers = self.header.numbers(tags.IMAGE_ORIENTATION_PATIENT)
        if len(numbers) != 6:
            return None
        row, column = np.asarray(numbers[:3]), np.asarray(numbers[3:])
        lengths = np.linalg.norm(row), np.linalg.norm(column)
        if min(lengths) < 0.9 or max(lengths) > 1.1 or abs(row @ column) > 0.01:
            return None
        return tuple(float(n) for n in numbers)

    @cached_property
    def pixel_spacing_mm(self) -> tuple[float, float] | None:
        """Distance between rows, and between columns, in mm; None if not usable."""
        numbers = self.header.numbers(tags.PIXEL_SPACING)
        if len(numbers) != 2 or not (min(numbers) >= FINEST_MM and max(numbers) <= COARSEST_MM):
            return None
        return numbers[0], numbers[1]

    @cached_property
    def size(self) -> tuple[int, int]:
        """Rows and columns; 0 where the header does not say."""
        rows = self.header.integer(tags.ROWS) or 0
        return rows, self.header.integer(tags.COLUMNS) or 0

    @cached_property
    def normal(self) -> Floats:
        """Unit vector at right angles to the slice; to the head for an axial slice."""
        orientation = np.asarray(self.orientation or (1, 0, 0, 0, 1, 0), dtype=np.float64)
        normal = np.cross(orientation[:3], orientation[3:])
        return np.asarray(normal / np.linalg.norm(normal))

    @cached_property
    def along_mm(self) -> float:
        """Position along the slice's own normal, mm."""
        return float(np.asarray(self.position_mm or (0.0, 0.0, 0.0)) @ self.normal)

    @cached_property
    def label(self) -> str:
        """How a message names the slice: instance number (and frame) and position."""
        number = self.header.integer(tags.INSTANCE_NUMBER)
        name = f"instance {number}" if number is not None else "an instance without number"
        if self.header.integer(tags.NUMBER_OF_FRAMES) not in (None, 1):
            name += f" frame {self.frame + 1}"
        return f"{name} at {self.along_mm:.2f} mm"

    @property
    def instance_uid(self) -> str:
        """SOP Instance UID; "" if absent. Frames of one file share it."""
        return self.header.text(tags.SOP_INSTANCE_UID) or ""


def read_slices(source: Source) -> list[Slice]:
    """Read a file's header as slices: one, or one for each frame.

    Parameters
    ----------
    source : Source
        A DICOM file.

    Returns
    -------
    list of Slice
        In the file's own order.

    Raises
    ------
    DicomError
        If the file is no DICOM, is damaged, or its frames and groups do not agree.
    """
    file = read_header(source)
    big = file.is_big_endian
    header = Header([file.item], is_big_endian=big)
    frames = header.integer(tags.NUMBER_OF_FRAMES) or 1
    if tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE not in file.item or file.pixels is None:
        return [Slice(source=source, file=file, frame=0, header=header)]
    layers = frame_layers(file.item)
    if len(layers) != frames or frames > MOST_FRAMES:
        raise DicomError(
            f"{source.name}: Number of Frames (0028,0008) is {frames}, but the Per-frame "
            f"Functional Groups Sequence (5200,9230) has {len(layers)} items"
        )
    return [
        Slice(source=source, file=file, frame=n, header=Header(own, is_big_endian=big))
        for n, own in enumerate(layers)
    ]
