"""What is demanded of the accuracy, one limit a line; a measure outside its limit fails."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The accepted range of one measure, both ends included."""

    measure: str
    lowest: float = -math.inf
    highest: float = math.inf

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range."""
        return self.lowest <= value <= self.highest

    @property
    def words(self) -> str:
        """The range for a person."""
        if math.isinf(self.lowest):
            return f"<= {self.highest:g}"
        if math.isinf(self.highest):
            return f">= {self.lowest:g}"
        return f"{self.lowest:g} to {self.highest:g}"


LIMITS = (
    Limit(measure="tre_median_mm", highest=0.3),
    Limit(measure="tre_95th_percentile_mm", highest=0.7),
    Limit(measure="tre_maximum_mm", highest=1.0),
    Limit(measure="usable_percent", lowest=97.0),
    Limit(measure="tre_within_twice_stated_percent", lowest=95.0),
    Limit(measure="diameter_bias_mm", lowest=-0.2, highest=0.2),
    Limit(measure="diameter_limits_of_agreement_mask_mm", highest=1.0),
    Limit(measure="diameter_limits_of_agreement_point_mm", highest=1.5),
    Limit(measure="change_limits_of_agreement_mm", highest=1.0),
    Limit(measure="diameter_interval_coverage_percent", lowest=93.0, highest=97.0),
    Limit(measure="verdict_right_far_percent", lowest=100.0),
    Limit(measure="verdict_right_near_percent", lowest=95.0),
    Limit(measure="sclerosis_sensitivity_percent", lowest=98.0),
    Limit(measure="sclerosis_specificity_percent", lowest=98.0),
    Limit(measure="complete_sensitivity_percent", lowest=98.0),
    Limit(measure="complete_specificity_percent", lowest=98.0),
    Limit(measure="unchanged_called_healed_percent", highest=1.0),
    Limit(measure="suv_max_error_percent", highest=0.1),
)
"""The limits of the design; measures without one are shown and not judged."""
