"""Visits and the definition of healing, written again from its words.

Nothing is taken from `lesionscore`, which would otherwise be compared with itself.
"""

from __future__ import annotations

VISITS = ("inclusion", "month_3", "month_12")
DAYS_FROM_INCLUSION = {"inclusion": 0, "month_3": 91, "month_12": 365}

SIZE_PERCENT, SIZE_MM, SCLEROSIS_HU = 25.0, 2.0, 100.0
NEAR_MM, NEAR_PERCENT = 1.0, 8.0


def is_near(inclusion_mm: float, visit_mm: float) -> bool:
    """Tell whether a longest diameter lies near one of the two size thresholds."""
    reduction_mm = inclusion_mm - visit_mm
    percent = 100 * reduction_mm / inclusion_mm
    return abs(reduction_mm - SIZE_MM) < NEAR_MM or abs(percent - SIZE_PERCENT) < NEAR_PERCENT


def limbs(inclusion_mm: float, visit_mm: float, sclerosis_hu: float) -> dict[str, str | float]:
    """Decide the three limbs of the definition, to the letter, and how far the size is from them.

    Diameters are 0 where a lesion is gone; sclerosis is the change since inclusion.
    """
    reduction_mm = inclusion_mm - visit_mm
    margin_mm = reduction_mm - SIZE_MM
    margin_percent = 100 * reduction_mm / inclusion_mm - SIZE_PERCENT
    size = margin_mm >= 0 and margin_percent >= 0
    sclerosis, complete = sclerosis_hu >= SCLEROSIS_HU, visit_mm == 0
    met = {
        "size_limb": size,
        "sclerosis_limb": sclerosis,
        "complete_limb": complete,
        "healed": size or sclerosis or complete,
    }
    words = {limb: "met" if is_met else "not_met" for limb, is_met in met.items()}
    return words | {"margin_mm": margin_mm, "margin_percent": margin_percent}
