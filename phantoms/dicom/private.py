"""The vendors' private elements that decide an SUV."""

from __future__ import annotations

from pydicom.dataset import Dataset

from phantoms.dicom.headers import PetHeader, PetUnits, PhilipsFactors
from phantoms.dicom.pet_times import SliceTimes
from phantoms.dicom.pet_units import PHILIPS_SUV_PER_COUNT, philips_bq_ml_per_count
from phantoms.dicom.scanners import Vendor
from phantoms.dicom.uids import decimal_string

GE_CREATOR = "GEMS_PETD_01"
SIEMENS_CREATOR = "SIEMENS MED PT"
PHILIPS_CREATOR = "Philips PET Private Group"
DECOY_CREATOR = "ARCHIVE GATEWAY 1.0"
GE_SCAN_DATETIME = 0x0D
GE_ADMIN_DATETIME = 0x3B
SIEMENS_DECAY_CORRECTION_DATETIME = 0x22
PHILIPS_SUV_FACTOR = 0x00
PHILIPS_ACTIVITY_FACTOR = 0x09


def add_private_elements(own: Dataset, times: SliceTimes, header: PetHeader) -> None:
    """Add one image's private elements.

    GE states the scan's start in (0009,xx0d), Siemens the decay reference in (0071,xx22), Philips
    the factors of Units CNTS in (7053,xx00) and (7053,xx09).

    Parameters
    ----------
    own : Dataset
        The image's own elements; changed in place.
    times : SliceTimes
        Moments of the image.
    header : PetHeader
        Vendor, units, and which of them to write.
    """
    vendor = header.scanner.vendor
    if header.decoy_private:
        for group in (0x0009, 0x0071, 0x7053):
            _add_decoy(own, group)
    if header.private_times and vendor is Vendor.GE:
        block = own.private_block(0x0009, GE_CREATOR, create=True)
        scan = times.reference or header.scan_start
        block.add_new(GE_SCAN_DATETIME, "DT", f"{scan:%Y%m%d%H%M%S.00}")
        block.add_new(GE_ADMIN_DATETIME, "DT", f"{header.administered:%Y%m%d%H%M%S.00}")
    elif header.private_times and vendor is Vendor.SIEMENS and times.reference is not None:
        block = own.private_block(0x0071, SIEMENS_CREATOR, create=True)
        block.add_new(SIEMENS_DECAY_CORRECTION_DATETIME, "DT", f"{times.reference:%Y%m%d%H%M%S.%f}")
    elif vendor is Vendor.PHILIPS and header.units is PetUnits.CNTS:
        _add_philips_factors(own, times, header)


def _add_decoy(own: Dataset, group: int) -> None:
    """Take the first block of a group for elements of no meaning, at the vendors' offsets."""
    block = own.private_block(group, DECOY_CREATOR, create=True)
    block.add_new(GE_SCAN_DATETIME, "LO", "20000101000000")
    block.add_new(SIEMENS_DECAY_CORRECTION_DATETIME, "LO", "20000101000000")
    block.add_new(PHILIPS_SUV_FACTOR, "LO", "7")
    block.add_new(PHILIPS_ACTIVITY_FACTOR, "LO", "7")


def _add_philips_factors(own: Dataset, times: SliceTimes, header: PetHeader) -> None:
    """Add the two scale factors, as far as they are wanted."""
    wanted = header.philips_factors
    if wanted is PhilipsFactors.NEITHER:
        return
    block = own.private_block(0x7053, PHILIPS_CREATOR, create=True)
    if wanted in (PhilipsFactors.BOTH, PhilipsFactors.SUV_ONLY):
        block.add_new(PHILIPS_SUV_FACTOR, "DS", decimal_string(PHILIPS_SUV_PER_COUNT))
    if wanted in (PhilipsFactors.BOTH, PhilipsFactors.ACTIVITY_ONLY):
        factor = decimal_string(philips_bq_ml_per_count(times, header))
        block.add_new(PHILIPS_ACTIVITY_FACTOR, "DS", factor)
