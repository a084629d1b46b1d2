"""Synthetic patients with exact truth; never imports lesionscore."""

from phantoms.image import Image
from phantoms.lesions.truth import LesionTruth
from phantoms.patient import Patient, make_patient
from phantoms.study import write_patients, write_study
from phantoms.study_tables import Masks

__all__ = [
    "Image",
    "LesionTruth",
    "Masks",
    "Patient",
    "make_patient",
    "write_patients",
    "write_study",
]
