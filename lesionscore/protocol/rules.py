"""The protocol's rules as frozen types; their values live in ``ninlaro.toml``.

Each type checks itself on construction. Numbers that no published standard gives are
*study-defined*: they are defaults of the protocol file, never constants in code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lesionscore.protocol.checks import require


class SizeMetric(StrEnum):
    """What the protocol's "size" is taken to be."""

    LONGEST_DIAMETER = "longest_diameter"
    """Farthest two points of the surface in 3-D."""
    AXIAL_DIAMETER = "axial_diameter"
    """Farthest two points of the surface in one axial plane."""
    AREA = "area"
    """Largest axial cross-section."""
    VOLUME = "volume"
    """Volume inside the surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """The size limb: both limits are inclusive and both must be reached."""

    metric: SizeMetric
    reduction_percent: float
    reduction_mm: float
    """Always of the longest dimension, whatever `metric` is."""

    def __post_init__(self) -> None:
        require(0 < self.reduction_percent <= 100, "size.reduction_percent", "above 0, at most 100")
        require(self.reduction_mm >= 0, "size.reduction_mm", "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurableRule:
    """Smallest lesion that can be measured: both limits must be reached (*study-defined*)."""

    minimum_diameter_mm: float
    minimum_slice_spacings: float

    def __post_init__(self) -> None:
        require(self.minimum_diameter_mm >= 0, "measurable.minimum_diameter_mm", "0 or more")
        require(self.minimum_slice_spacings >= 0, "measurable.minimum_slice_spacings", "0 or more")

    def limit_mm(self, slice_spacing_mm: float) -> float:
        """Smallest diameter that a scan with this slice spacing can measure, in mm."""
        return max(self.minimum_diameter_mm, self.minimum_slice_spacings * slice_spacing_mm)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthRule:
    """When a lesion is called growing; shown beside the verdict (*study-defined*)."""

    increase_percent: float
    increase_mm: float

    def __post_init__(self) -> None:
        require(self.increase_percent > 0, "growth.increase_percent", "above 0")
        require(self.increase_mm >= 0, "growth.increase_mm", "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRule:
    """The sclerosis limb: shells around the inclusion surface and what counts as denser."""

    outer_shell_mm: float
    inner_shell_mm: float
    increase_hu: float
    """Smallest rise of the rim above normal bone, drift removed, HU."""
    increase_z: float
    """The rise must also be this many times its own uncertainty; 0 asks for none."""

    def __post_init__(self) -> None:
        require(self.outer_shell_mm > 0, "edge.outer_shell_mm", "above 0")
        require(self.inner_shell_mm >= 0, "edge.inner_shell_mm", "0 or more")
        require(self.increase_hu > 0, "edge.increase_hu", "above 0")
        require(self.increase_z >= 0, "edge.increase_z", "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteRule:
    """The complete limb: what remains must be less than this share of the inclusion volume."""

    remaining_percent: float
    minimum_probability: float

    def __post_init__(self) -> None:
        require(0 <= self.remaining_percent < 100, "complete.remaining_percent", "0 to below 100")
        require(
            0 <= self.minimum_probability <= 1, "complete.minimum_probability", "between 0 and 1"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentRule:
    """Stated alignment error above which a lesion is doubtful, or not evaluable, in mm."""

    doubtful_mm: float
    failed_mm: float

    def __post_init__(self) -> None:
        require(
            0 < self.doubtful_mm <= self.failed_mm,
            "alignment.doubtful_mm",
            "above 0 and not above alignment.failed_mm",
        )


class OutsideWindow(StrEnum):
    """What becomes of the change of SUV when a PET started outside the protocol's minutes."""

    NOT_EVALUABLE = "not_evaluable"
    """The SUV stands, its change against inclusion is not evaluable."""
    FLAG = "flag"
    """The change is given and flagged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UptakeRule:
    """NaF PET: when it must start, what region is read, what counts as a change."""

    tracer: str
    uptake_min: tuple[float, float]
    """First and last minute after infusion, inclusive."""
    region_margin_mm: float
    repeatability_ratio: tuple[float, float]
    """95 % limits of the ratio of repeated SUVmax: outside is beyond repeatability."""
    motion_limit_mm: float
    """PET and CT that disagree by more than this near a lesion are corrected."""
    outside_window: OutsideWindow = OutsideWindow.NOT_EVALUABLE
    repeatability_source: str = ""

    def __post_init__(self) -> None:
        first, last = self.uptake_min
        low, high = self.repeatability_ratio
        require(0 <= first <= last, "uptake.uptake_min", "two minutes in order")
        require(self.region_margin_mm >= 0, "uptake.region_margin_mm", "0 or more")
        require(0 < low <= 1 <= high, "uptake.repeatability_ratio", "two ratios around 1")
        require(self.motion_limit_mm >= 0, "uptake.motion_limit_mm", "0 or more")
