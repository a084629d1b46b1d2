"""Synthetic DICOM: CT and PET series as scanners write them, with named dialects and faults.

`write_ct_series` and `write_pet_series` write one series, `write_visit` all that a scanner sends of
one visit. Headers (`CtHeader`, `PetHeader`) choose the dialect, faults break it; what a right
reader does with either is data (`Expected`, `PET_DIALECTS`, the members of the fault
enumerations).
"""

from phantoms.dicom.arrangement import Arrangement
from phantoms.dicom.catalogue import FAULTS, AnyFault, fault_named
from phantoms.dicom.companions import Companion, write_companion
from phantoms.dicom.ct import AnyCtFault, expected_of_ct, write_ct_series
from phantoms.dicom.ct_faults import CtFault, circle_outside
from phantoms.dicom.dialects import PET_DIALECTS, PetDialect
from phantoms.dicom.expected import Expected, Outcome, strictest
from phantoms.dicom.file_faults import FileFault
from phantoms.dicom.headers import (
    HALF_LIFE_F18_S,
    CtHeader,
    CtStorage,
    DecayCorrection,
    FrameReference,
    Layout,
    PetHeader,
    PetUnits,
    PhilipsFactors,
    StartTags,
    SuvType,
    TimeConvention,
    Tracer,
    TransferSyntax,
    VisitHeader,
)
from phantoms.dicom.people import PatientHeader, Sex
from phantoms.dicom.pet import AnyPetFault, write_pet_series
from phantoms.dicom.pet_expected import expected_of_pet
from phantoms.dicom.pet_faults import PetFault
from phantoms.dicom.scanners import (
    GE_DISCOVERY,
    PHILIPS_GEMINI,
    SCANNERS,
    SIEMENS_BIOGRAPH,
    UIH_UMI,
    Scanner,
    Vendor,
)
from phantoms.dicom.series_faults import SeriesFault
from phantoms.dicom.uids import uid_from
from phantoms.dicom.visit import WrittenVisit, write_visit
from phantoms.dicom.written import WrittenSeries

__all__ = [
    "FAULTS",
    "GE_DISCOVERY",
    "HALF_LIFE_F18_S",
    "PET_DIALECTS",
    "PHILIPS_GEMINI",
    "SCANNERS",
    "SIEMENS_BIOGRAPH",
    "UIH_UMI",
    "AnyCtFault",
    "AnyFault",
    "AnyPetFault",
    "Arrangement",
    "Companion",
    "CtFault",
    "CtHeader",
    "CtStorage",
    "DecayCorrection",
    "Expected",
    "FileFault",
    "FrameReference",
    "Layout",
    "Outcome",
    "PatientHeader",
    "PetDialect",
    "PetFault",
    "PetHeader",
    "PetUnits",
    "PhilipsFactors",
    "Scanner",
    "SeriesFault",
    "Sex",
    "StartTags",
    "SuvType",
    "TimeConvention",
    "Tracer",
    "TransferSyntax",
    "Vendor",
    "VisitHeader",
    "WrittenSeries",
    "WrittenVisit",
    "circle_outside",
    "expected_of_ct",
    "expected_of_pet",
    "fault_named",
    "strictest",
    "uid_from",
    "write_companion",
    "write_ct_series",
    "write_pet_series",
    "write_visit",
]
