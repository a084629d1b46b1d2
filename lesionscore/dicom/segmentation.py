"""Masks onto the grid of a scan: NIfTI label maps, DICOM SEG, RTSTRUCT."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lesionscore.dicom import tags
from lesionscore.dicom.classify import RTSTRUCT_CLASS, SEG_CLASSES
from lesionscore.dicom.header import Header, ScanInfo
from lesionscore.dicom.labelmap import LabelMap, open_label_map
from lesionscore.dicom.maskgrid import MaskReading
from lesionscore.dicom.parse import ParsedFile
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.rtstruct import StructureSet
from lesionscore.dicom.seg import Segmentation, open_segmentation
from lesionscore.dicom.series import is_plain_image
from lesionscore.dicom.sources import Source, is_dicom_source, list_sources, read_header
from lesionscore.errors import DicomError, MaskError
from lesionscore.volumes.grid import Grid

__all__ = ["Mask", "MaskReading", "open_mask", "read_mask"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """A mask file, read once, from which any number of lesions can be taken.

    Parameters
    ----------
    name : str
        The file's name, for messages.
    content : LabelMap, Segmentation or StructureSet
        What it holds.
    """

    name: str
    content: LabelMap | Segmentation | StructureSet

    def read(
        self, label: int | str | None, grid: Grid, ct_info: ScanInfo | None = None
    ) -> MaskReading:
        """Read one lesion onto the grid of a scan.

        Parameters
        ----------
        label : int, str or None
            Label value; segment number or label; ROI number or name. None (or empty) if the mask
            holds one lesion alone.
        grid : Grid
            The scan on which the lesion is measured.
        ct_info : ScanInfo, optional
            The scan, to tell whether the mask was drawn on it.

        Returns
        -------
        MaskReading
            The lesion on `grid`: bool, or float32 from 0 to 1 for a fractional mask.

        Raises
        ------
        MaskError
            If there is no such label, the mask is empty there, or lies elsewhere.
        """
        if isinstance(label, str) and not label.strip():
            label = None
        notes = Notes()
        try:
            block = self.content.read(label, grid, ct_info, notes).trimmed()
        except MaskError as exc:
            raise MaskError(f"{self.name}: {exc}") from exc
        if not block.values.size:
            raise MaskError(
                f"{self.name}: the mask {label if label is not None else ''} has no voxel on the "
                "scan; give a mask of the lesion on this scan, or a point inside it"
            )
        return MaskReading(block=block, shape_zyx=grid.shape_zyx, findings=tuple(notes.findings))


def open_mask(path: Path) -> Mask:
    """Read a mask file.

    Parameters
    ----------
    path : Path
        A NIfTI label map, a DICOM SEG or RTSTRUCT file, or a folder holding one of the two.

    Returns
    -------
    Mask
        All of its lesions.

    Raises
    ------
    MaskError
        If it cannot be read, or is no mask.
    """
    content: LabelMap | Segmentation | StructureSet
    try:
        if is_plain_image(path):
            content = open_label_map(path)
        else:
            source, file = find_mask_file(path)
            header = Header([file.item], is_big_endian=file.is_big_endian)
            if is_seg(header):
                content = open_segmentation(source, file)
            else:
                content = StructureSet(header=header)
    except MaskError as exc:
        raise MaskError(f"{path.name}: {exc}") from exc
    return Mask(name=path.name, content=content)


def read_mask(
    path: Path, label: int | str | None, grid: Grid, ct_info: ScanInfo | None = None
) -> MaskReading:
    """Read one lesion of a mask file onto the grid of a scan: `open_mask`, then `Mask.read`.

    Parameters
    ----------
    path : Path
        As for `open_mask`.
    label, grid, ct_info
        As for `Mask.read`.

    Returns
    -------
    MaskReading
        The lesion on `grid`.

    Raises
    ------
    MaskError
        If the file is no mask, or has no such lesion on the scan.
    """
    return open_mask(path).read(label, grid, ct_info)


def is_seg(header: Header) -> bool:
    """Tell DICOM SEG from RTSTRUCT."""
    return header.text(tags.SOP_CLASS_UID) in SEG_CLASSES or header.code(tags.MODALITY) == "SEG"


def find_mask_file(path: Path) -> tuple[Source, ParsedFile]:
    """Give the one SEG or RTSTRUCT at a path.

    Raises
    ------
    MaskError
        If there is none, or more than one.
    """
    found: list[tuple[Source, ParsedFile]] = []
    try:
        sources = list(list_sources(path))
    except DicomError as exc:
        raise MaskError(f"no such file or folder: {path}") from exc
    trouble = ""
    for source in sources:
        try:
            if not is_dicom_source(source):
                continue
            file = read_header(source)
        except DicomError as exc:
            trouble = f" ({exc})"
            continue
        header = Header([file.item], is_big_endian=file.is_big_endian)
        kind = header.text(tags.SOP_CLASS_UID) or ""
        if kind == RTSTRUCT_CLASS or is_seg(header) or header.code(tags.MODALITY) == "RTSTRUCT":
            found.append((source, file))
    if not found:
        raise MaskError(
            f"no DICOM SEG or RTSTRUCT among {len(sources)} files{trouble}; a NIfTI label map, a "
            "DICOM SEG or an RTSTRUCT is accepted"
        )
    if len(found) > 1:
        names = ", ".join(source.name for source, _ in found[:6])
        raise MaskError(f"{len(found)} masks in one folder ({names}); name the file")
    return found[0]
