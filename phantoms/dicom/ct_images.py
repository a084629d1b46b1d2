"""The datasets of a CT's slices: shared elements, and stored integers made from HU."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from phantoms.dicom.ct_faults import change_ct_pixels
from phantoms.dicom.elements import add_pixel_layout, clock, common_elements, date_text
from phantoms.dicom.headers import CtHeader, CtStorage
from phantoms.dicom.plans import SlicePlan
from phantoms.dicom.uids import decimal_string, decimal_value
from phantoms.dicom.writing import PixelArray
from phantoms.image import Image


class _Bits:
    """Range and rescaling of one way to store HU."""

    def __init__(self, bits: int, *, signed: bool, intercept: float) -> None:
        self.bits = bits
        self.signed = signed
        self.intercept = intercept
        self.dtype = np.dtype(np.int16 if signed else np.uint16)
        self.lowest = -(1 << (bits - 1)) if signed else 0
        self.highest = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1


STORAGE = {
    CtStorage.UNSIGNED_12: _Bits(12, signed=False, intercept=-1024.0),
    CtStorage.SIGNED_12: _Bits(12, signed=True, intercept=0.0),
    CtStorage.SIGNED_16: _Bits(16, signed=True, intercept=0.0),
    CtStorage.SIGNED_16_SHIFTED: _Bits(16, signed=True, intercept=-1024.0),
    CtStorage.UNSIGNED_16: _Bits(16, signed=False, intercept=-8192.0),
}


def ct_template(image: Image, header: CtHeader) -> Dataset:
    """Make the elements that all slices of a CT series share."""
    ds = common_elements(header, "CT", CTImageStorage, header.acquired)
    add_pixel_layout(ds, image, header)
    bits = STORAGE[header.storage]
    ds.AcquisitionDate = ds.ContentDate = date_text(header.acquired)
    ds.AcquisitionTime = ds.ContentTime = clock(header, header.acquired)
    ds.AcquisitionNumber = 1
    ds.PatientPosition = header.patient_position
    ds.KVP = decimal_string(header.kvp)
    ds.XRayTubeCurrent = header.tube_current_ma
    ds.ExposureTime = header.exposure_time_ms
    ds.Exposure = round(header.tube_current_ma * header.exposure_time_ms / 1000)
    ds.ScanOptions = "HELICAL MODE"
    ds.GantryDetectorTilt = "0"
    ds.TableHeight = "161.5"
    ds.RotationDirection = "CW"
    ds.FilterType = "FLAT"
    ds.ConvolutionKernel = header.kernel or header.scanner.bone_kernel
    ds.ReconstructionDiameter = decimal_string(image.spacing_xyz_mm[0] * image.array.shape[2])
    ds.DataCollectionDiameter = "500"
    ds.BitsAllocated = 16
    ds.BitsStored = bits.bits
    ds.HighBit = bits.bits - 1
    ds.PixelRepresentation = int(bits.signed)
    ds.RescaleIntercept = decimal_string(bits.intercept)
    ds.RescaleSlope = "1"
    ds.RescaleType = "HU"
    ds.WindowCenter = "450"
    ds.WindowWidth = "1500"
    return ds


class CtEncoder:
    """Turns HU of one slice into stored integers.

    Parameters
    ----------
    image : Image
        HU.
    header : CtHeader
        Says how they are stored.
    faults : collection
        Those of `CtFault` change the stored integers.
    """

    def __init__(self, image: Image, header: CtHeader, faults: Collection[str] = ()) -> None:
        self.image = image
        self.faults = faults
        self.bits = STORAGE[header.storage]
        self.slice_rescale = header.slice_rescale

    def __call__(self, plan: SlicePlan) -> tuple[PixelArray, Dataset]:
        """Encode one slice; with a rescaling of its own where the header asks for it."""
        hu = self.image.array[plan.index]
        if plan.crop_columns:
            hu = hu[:, : -plan.crop_columns]
        slope, intercept = 1.0, self.bits.intercept
        own = Dataset()
        if self.slice_rescale:
            slope = decimal_value(0.5 + 0.25 * (plan.index % 5))
            intercept = decimal_value(intercept - 3.0 * (plan.index % 7))
            own.RescaleSlope = decimal_string(slope)
            own.RescaleIntercept = decimal_string(intercept)
        stored = np.rint((hu + np.float64(plan.offset - intercept)) / slope)
        stored = np.clip(stored, self.bits.lowest, self.bits.highest).astype(self.bits.dtype)
        return change_ct_pixels(stored, self.faults), own
