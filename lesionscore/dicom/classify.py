"""What a stack is: a CT or PET to measure, or a scout, a projection, a report; and why not."""

from __future__ import annotations

import re
from enum import StrEnum

from lesionscore.dicom import tags
from lesionscore.dicom.header import Header
from lesionscore.dicom.slices import Slice

CT_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.5.1.4.1.1.2.1",
        "1.2.840.10008.5.1.4.1.1.2.2",
    }
)
PET_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.128",
        "1.2.840.10008.5.1.4.1.1.128.1",
        "1.2.840.10008.5.1.4.1.1.130",
    }
)
SEG_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
REPORTS = "1.2.840.10008.5.1.4.1.1.88."
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
PROJECTIONS = frozenset(
    {"MIP", "MINIP", "PROJECTION", "PROJECTION IMAGE", "VOLREN", "VOLUME_RENDER"}
)
REFORMATS = frozenset({"MPR", "REFORMATTED", "CURVED_MPR", "CPR", "RESAMPLED"})
NOT_CORRECTED = re.compile(
    r"(?<![A-Z])N\s?A\s?C(?![A-Z])|NO[\s_-]?AC(?![A-Z])"
    r"|NON[\s_-]?(AC(?![A-Z])|ATT)|UNCORRECTED|WITHOUT[\s_-]AC(?![A-Z])",
    re.IGNORECASE,
)
PROJECTED = re.compile(r"(?<![A-Z])MIP(?![A-Z])", re.IGNORECASE)
DOSE = re.compile(r"DOSE\s?(REPORT|INFO|RECORD)|PATIENT PROTOCOL|PATIENTENPROTOKOLL", re.IGNORECASE)


class Kind(StrEnum):
    """What a series is."""

    CT = "ct"
    """A stack of CT slices."""
    PET = "pet"
    """A stack of PET slices, attenuation corrected as far as the header says."""
    LOCALIZER = "localizer"
    """A scout."""
    PROJECTION = "projection"
    """A maximum intensity projection or rendering."""
    PET_UNCORRECTED = "pet_not_attenuation_corrected"
    """PET without attenuation correction."""
    CAPTURE = "secondary_capture"
    """A screenshot or a dose page."""
    REPORT = "report"
    """A structured report."""
    SEGMENTATION = "segmentation"
    """DICOM SEG."""
    STRUCTURES = "structure_set"
    """RTSTRUCT."""
    OTHER = "other"
    """Anything else."""


MEASURED = (Kind.CT, Kind.PET)


def kind_of(one: Slice) -> Kind:
    """Say what the series of a slice is, from its class, image type and description.

    Parameters
    ----------
    one : Slice
        Any slice of the stack.

    Returns
    -------
    Kind
        The kind; CT and PET are the ones that can be measured.
    """
    header = one.header
    sop_class = header.text(tags.SOP_CLASS_UID) or ""
    modality = header.code(tags.MODALITY)
    if sop_class in SEG_CLASSES or modality == "SEG":
        return Kind.SEGMENTATION
    if sop_class == RTSTRUCT_CLASS or modality == "RTSTRUCT":
        return Kind.STRUCTURES
    if sop_class.startswith(REPORTS) or modality == "SR":
        return Kind.REPORT
    if sop_class.startswith(SECONDARY_CAPTURE) or modality in ("OT", "SC"):
        return Kind.CAPTURE
    is_ct = sop_class in CT_CLASSES or (not sop_class and modality == "CT")
    is_pet = sop_class in PET_CLASSES or (not sop_class and modality == "PT")
    if not (is_ct or is_pet):
        return Kind.OTHER
    description = header.text(tags.SERIES_DESCRIPTION) or ""
    types = set(header.codes(tags.IMAGE_TYPE) + header.codes(tags.FRAME_TYPE))
    if is_localizer(one):
        return Kind.LOCALIZER
    if types & PROJECTIONS or PROJECTED.search(description):
        return Kind.PROJECTION
    if is_pet and "REPROJECTION" in header.codes(tags.SERIES_TYPE):
        return Kind.PROJECTION
    if is_pet and header.code(tags.COUNTS_SOURCE) == "TRANSMISSION":
        return Kind.OTHER
    if DOSE.search(description):
        return Kind.CAPTURE
    if is_ct:
        return Kind.CT
    return Kind.PET if is_attenuation_corrected(header) is not False else Kind.PET_UNCORRECTED


def is_localizer(one: Slice) -> bool:
    """Tell a scout by its image type."""
    kinds = one.header.codes(tags.IMAGE_TYPE) + one.header.codes(tags.FRAME_TYPE)
    return any(kind in ("LOCALIZER", "SCOUT", "TOPOGRAM") for kind in kinds)


def is_attenuation_corrected(header: Header) -> bool | None:
    """Tell whether a PET is attenuation corrected; None if the header does not say.

    Parameters
    ----------
    header : Header
        A PET slice's header.

    References
    ----------
    .. [1] PS3.3 C.8.9.1, Corrected Image (0028,0051), value ATTN.
    """
    enhanced = header.code(tags.ATTENUATION_CORRECTED)
    if enhanced in ("YES", "NO"):
        return enhanced == "YES"
    corrected = [code for code in header.codes(tags.CORRECTED_IMAGE) if code]
    if corrected:
        return "ATTN" in corrected
    return False if is_called_uncorrected(header) else None


def is_called_uncorrected(header: Header) -> bool:
    """Tell a PET whose description or method says that it is not attenuation corrected."""
    described = header.text(tags.SERIES_DESCRIPTION) or ""
    method = header.code(tags.ATTENUATION_CORRECTION_METHOD)
    return bool(NOT_CORRECTED.search(described)) or method in ("NONE", "NO")


def is_reformat(header: Header) -> bool:
    """Tell a reformatted or otherwise derived stack, by image type."""
    types = header.codes(tags.IMAGE_TYPE)
    return bool(set(types) & REFORMATS) or header.code(tags.IMAGE_TYPE) == "DERIVED"


BONE = re.compile(r"BONE|EDGE|ULTRA|KNOCHEN|^Y[C-E]$|^FC(3\d|8\d)", re.IGNORECASE)
SIEMENS = re.compile(r"^[A-Z]{1,2}(\d\d)[A-Z]?", re.IGNORECASE)
SHARP_SIEMENS = 57  # B60 to B80, Br59 and up; H and U kernels alike


def is_bone_kernel(kernel: str) -> bool:
    """Tell a bone kernel by the names that the vendors give it.

    Parameters
    ----------
    kernel : str
        Convolution Kernel (0018,1210).

    Notes
    -----
    GE BONE, BONEPLUS, EDGE, ULTRA; Siemens numbers from 57 (B60, B70, Br59, Hr60); Philips YC,
    YD, YE; Canon FC30 to FC39 and FC80 to FC89.
    """
    number = SIEMENS.match(kernel)
    if kernel.upper().startswith("FC"):
        number = None
    return bool(BONE.search(kernel)) or (
        number is not None and int(number.group(1)) >= SHARP_SIEMENS
    )
