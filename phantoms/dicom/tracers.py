"""How headers name the tracer."""

from __future__ import annotations

from pydicom.dataset import Dataset

from phantoms.dicom.elements import code, sequence
from phantoms.dicom.headers import Tracer

TRACERS = {
    Tracer.NAF: ("Sodium fluoride F^18^", "129501009"),
    Tracer.FDG: ("Fluorodeoxyglucose F^18^", "35321007"),
}
"""Name and SNOMED CT code of each tracer (PS3.16 CID 4021)."""


def name_tracer(item: Dataset, tracer: Tracer) -> None:
    """Write the tracer's name and code.

    Parameters
    ----------
    item : Dataset
        Item of the Radiopharmaceutical Information Sequence; changed in place.
    tracer : Tracer
        What was injected, or is said to be.
    """
    name, concept = TRACERS[tracer]
    item.Radiopharmaceutical = name
    item.RadiopharmaceuticalCodeSequence = sequence(code(concept, "SCT", name))
