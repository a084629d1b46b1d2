"""The exceptions that lesionscore raises, and the doubts that do not stop it.

::

    LesionscoreError
    ├── StudyError          (ValueError)    the tables of a study folder
    ├── ProtocolError       (ValueError)    the protocol file
    ├── DicomError          (ValueError)    files and headers
    │   ├── SeriesError                     which slices make one volume
    │   ├── SuvError                        counts to SUV
    │   └── MaskError                       SEG, RTSTRUCT, label maps
    ├── RegistrationError   (RuntimeError)  two scans that do not align
    ├── MeasurementError    (ValueError)    a lesion that cannot be measured
    ├── ScoringError        (ValueError)    records that cannot be scored
    ├── MarkerError         (ValueError)    bone markers
    └── OutputError         (OSError)       results that cannot be written or read again

A message says where (patient, visit, series, file, row, column, tag), what was found, what
would be accepted, and what to do. Doubt that does not stop the work is a `Finding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LesionscoreError(Exception):
    """Root of everything that lesionscore raises on purpose."""


class StudyError(LesionscoreError, ValueError):
    """A table of the study folder is wrong; the message lists every fault found."""


class ProtocolError(LesionscoreError, ValueError):
    """The protocol file is wrong: an unknown key, or a value outside its domain."""


class DicomError(LesionscoreError, ValueError):
    """A file or header cannot be used for measurement."""


class SeriesError(DicomError):
    """The slices found do not make one measurable volume."""


class SuvError(DicomError):
    """The header does not say how stored values become SUV."""


class MaskError(DicomError):
    """A mask cannot be read, or does not belong to the image."""


class RegistrationError(LesionscoreError, RuntimeError):
    """Two scans could not be aligned."""


class MeasurementError(LesionscoreError, ValueError):
    """A lesion could not be segmented or measured."""


class ScoringError(LesionscoreError, ValueError):
    """Records that cannot be scored."""


class MarkerError(LesionscoreError, ValueError):
    """A bone marker that cannot be used."""


class OutputError(LesionscoreError, OSError):
    """Results that cannot be written, or read again."""


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    """Worth knowing; the numbers are not in doubt."""
    WARNING = "warning"
    """The numbers may be affected."""
    REFUSAL = "refusal"
    """The thing named was not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A doubt that did not stop the work, to be shown in the tables and the report.

    Parameters
    ----------
    code : str
        Stable, lower case, words joined by underscores; explained in ``docs/codes.md``.
    message : str
        One sentence for a person: where, what was found, what it means.
    severity : Severity
        How much it matters.
    """

    code: str
    message: str
    severity: Severity = Severity.WARNING
