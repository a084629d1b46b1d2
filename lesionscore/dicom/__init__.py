"""DICOM in: series found, chosen and read; PET turned into SUV; masks onto the CT's grid."""

from lesionscore.dicom.find import SeriesListing, SeriesSummary, find_series
from lesionscore.dicom.header import ScanInfo
from lesionscore.dicom.policy import DEFAULT_POLICY, SuvPolicy
from lesionscore.dicom.segmentation import Mask, MaskReading, open_mask, read_mask
from lesionscore.dicom.series import CtScan, PetScan, read_ct, read_pet
from lesionscore.dicom.suv import SuvResult

__all__ = [
    "DEFAULT_POLICY",
    "CtScan",
    "Mask",
    "MaskReading",
    "PetScan",
    "ScanInfo",
    "SeriesListing",
    "SeriesSummary",
    "SuvPolicy",
    "SuvResult",
    "find_series",
    "open_mask",
    "read_ct",
    "read_mask",
    "read_pet",
]
