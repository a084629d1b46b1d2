"""A CT volume as the files that a scanner would send."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from phantoms.dicom.arrangement import Arrangement, arranged, patient_position
from phantoms.dicom.ct_faults import CtFault, change_ct_template, circle_outside
from phantoms.dicom.ct_images import CtEncoder, ct_template
from phantoms.dicom.expected import Expected, Outcome
from phantoms.dicom.file_faults import FileFault, apply_file_faults
from phantoms.dicom.headers import CtHeader, Layout
from phantoms.dicom.multiframe import refuse_single_frame_faults, write_multiframe_ct
from phantoms.dicom.plans import plan_slices
from phantoms.dicom.series_changes import apply_series_faults
from phantoms.dicom.series_faults import SeriesFault
from phantoms.dicom.writing import write_images
from phantoms.dicom.written import WrittenSeries
from phantoms.image import Image

AnyCtFault = Arrangement | SeriesFault | FileFault | CtFault


def write_ct_series(
    folder: Path,
    image: Image,
    header: CtHeader | None = None,
    faults: Collection[AnyCtFault] = (),
) -> WrittenSeries:
    """Write a CT series, plain or with named faults.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; one file per slice goes into it.
    image : Image
        HU, rounded to whole numbers and clipped to what `header.storage` can hold.
    header : CtHeader, optional
        What the series says about itself.
    faults : collection of Arrangement, SeriesFault, FileFault, CtFault
        What is odd or wrong; members of other enumerations are refused.

    Returns
    -------
    WrittenSeries
        Files, UID, and what a right reader does with them.

    Raises
    ------
    ValueError
        If a fault is not one of a CT series, or cannot be had in a multi-frame file.
    """
    header = header or CtHeader()
    _check(faults)
    image = arranged(image, faults)
    header = replace(header, patient_position=patient_position(faults, header.patient_position))
    if header.layout is not Layout.SINGLE_FRAME:
        refuse_single_frame_faults(faults)
        written = write_multiframe_ct(folder, image, header)
        files = apply_file_faults(folder, written.files, faults)
        return replace(written, files=files, expected=expected_of_ct(header, faults))
    template = ct_template(image, header)
    change_ct_template(template, faults)
    _, rows, columns = image.array.shape
    plans = apply_series_faults(plan_slices(image), image, faults)
    encode = CtEncoder(image, header, faults)
    paths = write_images(folder, template, plans, encode, syntax=header.transfer_syntax)
    return WrittenSeries(
        folder=folder,
        files=apply_file_faults(folder, paths, faults),
        series_uid=str(header.series_uid),
        image=image,
        expected=expected_of_ct(header, faults),
        padded=circle_outside(rows, columns) if CtFault.PIXEL_PADDING in faults else None,
    )


def _check(faults: Collection[str]) -> None:
    """Refuse what is not a fault of a CT."""
    kinds = Arrangement | SeriesFault | FileFault | CtFault
    strangers = [fault for fault in faults if not isinstance(fault, kinds)]
    if strangers:
        raise ValueError(f"not faults of a CT series: {strangers}")


def expected_of_ct(header: CtHeader, faults: Collection[AnyCtFault]) -> tuple[Expected, ...]:
    """Work out what a right reader does with this CT.

    Parameters
    ----------
    header : CtHeader
        A lossy transfer syntax is refused.
    faults : collection
        What is odd or wrong.

    Returns
    -------
    tuple of Expected
        One per fault, and one for a lossy transfer syntax.
    """
    lossy = Expected(outcome=Outcome.REFUSED, code="lossy_compressed")
    own = [lossy] if header.transfer_syntax.is_lossy else []
    return (*own, *(fault.expected for fault in faults))
