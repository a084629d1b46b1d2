"""What number an image holds for an SUVbw of 1, in each of the units that scanners use."""

from __future__ import annotations

from phantoms.dicom.body_size import body_surface_m2, normalising_mass_kg
from phantoms.dicom.headers import PetHeader, PetUnits
from phantoms.dicom.pet_times import SliceTimes, bq_ml_per_suv

PHILIPS_SUV_PER_COUNT = 0.000412  # SUV Scale Factor of the synthetic scanner
PROPORTIONAL_COUNTS_PER_SUV = 1500.0


def stored_per_suv(times: SliceTimes, header: PetHeader) -> float:
    """Rescaled value that stands for an SUVbw of 1.

    Parameters
    ----------
    times : SliceTimes
        Moments of the image.
    header : PetHeader
        Units, and the true dose, times, weight, size and sex.

    Returns
    -------
    float
        Bq/mL, g/mL, cm2/mL or counts, by `header.units`.
    """
    patient = header.visit.patient
    match header.units:
        case PetUnits.BQML:
            return bq_ml_per_suv(times, header)
        case PetUnits.GML:
            return normalising_mass_kg(header.suv_type, patient) / patient.weight_kg
        case PetUnits.CM2ML:
            return body_surface_m2(patient) * 10.0 / patient.weight_kg
        case PetUnits.CNTS:
            return 1.0 / PHILIPS_SUV_PER_COUNT
        case PetUnits.PROPCNTS:
            return PROPORTIONAL_COUNTS_PER_SUV


def philips_bq_ml_per_count(times: SliceTimes, header: PetHeader) -> float:
    """Activity Concentration Scale Factor that agrees with the SUV Scale Factor."""
    return bq_ml_per_suv(times, header) * PHILIPS_SUV_PER_COUNT
