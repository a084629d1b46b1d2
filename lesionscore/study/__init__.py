"""The tables that come in, checked: a study folder becomes a `Study`, or a list of faults."""

from lesionscore.study.faults import FaultKind, StudyFault, StudyTablesError
from lesionscore.study.read import read_markers, read_study
from lesionscore.study.records import (
    Call,
    Censoring,
    LesionRow,
    MarkerRow,
    PatientRow,
    ReadRow,
    Study,
    VisitRow,
)

__all__ = [
    "Call",
    "Censoring",
    "FaultKind",
    "LesionRow",
    "MarkerRow",
    "PatientRow",
    "ReadRow",
    "Study",
    "StudyFault",
    "StudyTablesError",
    "VisitRow",
    "read_markers",
    "read_study",
]
