"""The protocol's choices for reads, patients and statistics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lesionscore.protocol.checks import require


class MissingVisit(StrEnum):
    """What stands for a visit that has no verdict."""

    OBSERVED = "observed"
    """Nothing: only what was observed counts."""
    CARRY_FORWARD = "carry_forward"
    """The last verdict before it; flagged."""


class OutOfWindow(StrEnum):
    """What becomes of a visit outside its window."""

    FLAG = "flag"
    EXCLUDE = "exclude"


class LesionsCounted(StrEnum):
    """Which lesions count in summaries."""

    ALL = "all"
    MEASURABLE = "measurable"
    """Those that were measurable at inclusion."""


class PatientSummary(StrEnum):
    """When a patient counts as healed."""

    ANY_LESION = "any_lesion"
    ALL_LESIONS = "all_lesions"
    MAJORITY = "majority"
    """More than half of the evaluable lesions."""


class IntervalMethod(StrEnum):
    """Confidence interval of a proportion."""

    CLOPPER_PEARSON = "clopper_pearson"
    WILSON = "wilson"


class Multiplicity(StrEnum):
    """How several tests share one level."""

    HOLM = "holm"
    FIXED_SEQUENCE = "fixed_sequence"
    FDR_BH = "fdr_bh"
    NONE = "none"


class Sensitivity(StrEnum):
    """The sensitivity analyses that can be asked for."""

    SIZE_METRIC = "size_metric"
    """The verdicts by each of the other size metrics."""
    WORST_CASE = "worst_case"
    """Patients who left before the last visit count as not healed from there on."""
    UNKNOWN_AS_NOT_HEALED = "unknown_as_not_healed"
    """Every lesion without a verdict counts as not healed."""
    MEASURABLE_ONLY = "measurable_only"
    """Only lesions that were measurable at inclusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyIdentity:
    """Which study this is."""

    name: str
    registry_id: str
    version: str
    planned_patients: int

    def __post_init__(self) -> None:
        require(self.planned_patients > 0, "study.planned_patients", "above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRules:
    """How a reader's values in place of images are used."""

    primary_reader: str
    """Whose reads count where a lesion has several; empty: several are a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRules:
    """How lesions become patients and patients become a study."""

    primary_last_visit: str
    off_protocol_grace_days: int
    missing_visit: MissingVisit
    out_of_window: OutOfWindow
    lesions: LesionsCounted
    patient_summary: PatientSummary
    borderline_probability: tuple[float, float]
    alpha: float
    confidence: float
    interval_method: IntervalMethod
    multiplicity_secondary: Multiplicity
    multiplicity_exploratory: Multiplicity
    bootstrap_resamples: int
    seed: int
    sensitivity: tuple[Sensitivity, ...]

    def __post_init__(self) -> None:
        low, high = self.borderline_probability
        require(0 <= low <= high <= 1, "analysis.borderline_probability", "two probabilities")
        require(0 < self.alpha < 1, "analysis.alpha", "between 0 and 1")
        require(0 < self.confidence < 1, "analysis.confidence", "between 0 and 1")
        require(self.bootstrap_resamples >= 100, "analysis.bootstrap_resamples", "100 or more")
        require(self.off_protocol_grace_days >= 0, "analysis.off_protocol_grace_days", "0 or more")
