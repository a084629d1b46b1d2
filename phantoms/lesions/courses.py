"""Courses of lesions over the four visits, as tables of plain numbers.

What is true of a course (its limbs) is not written here: it follows from the surfaces and
densities that these numbers make, in `truth`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

VISITS = ("inclusion", "month_3", "month_12", "month_24")
Four = tuple[float, float, float, float]
NONE: Four = (0.0, 0.0, 0.0, 0.0)
SAME: Four = (1.0, 1.0, 1.0, 1.0)


class Course(StrEnum):
    """What happens to a lesion."""

    STABLE = "stable"
    """Nothing."""
    GROWING = "growing"
    """Larger at every visit."""
    SHRINK_PAST = "shrink_past"
    """Concentric; past 25 % and 2 mm from month 12."""
    SHRINK_SHORT = "shrink_short"
    """Concentric; ends 20 % smaller."""
    SHRINK_EXACTLY = "shrink_exactly"
    """Concentric; exactly 25.0 % at months 12 and 24."""
    SHRINK_UNDER_2_MM = "shrink_under_2_mm"
    """A small lesion: more than 25 %, less than 2 mm."""
    SHRINK_ONE_SIDED = "shrink_one_sided"
    """As SHRINK_PAST, bone growing in from one side only."""
    SHRINK_ONE_SIDED_SHORT = "shrink_one_sided_short"
    """As SHRINK_SHORT, bone growing in from one side only."""
    RIM_SCLEROSIS = "rim_sclerosis"
    """A rim that becomes denser; the size stays."""
    RIM_AND_SHRINK = "rim_and_shrink"
    """A denser rim around a lesion that shrinks."""
    OLD_RIM = "old_rim"
    """A sclerotic rim that was there at inclusion and does not change."""
    INFILL = "infill"
    """Trabeculae grow into the whole lesion, in part; its surface stays where it was."""
    HEAL_NORMAL = "heal_normal"
    """Filled by normal bone at month 24."""
    HEAL_SCLEROSIS = "heal_sclerosis"
    """Filled by sclerotic bone at month 24."""
    SPLIT = "split"
    """Bridged by bone: two small parts from month 12."""
    MERGE = "merge"
    """Two lesions that grow into one another."""
    NEW = "new"
    """Not there at inclusion; seen from month 12."""


class Setting(StrEnum):
    """How a lesion lies in its bone."""

    CENTRAL = "central"
    """In trabecular bone all round, also when it has grown."""
    ENDPLATE = "endplate"
    """Its nearest point within about 1 mm of the inside of the cortex or endplate."""
    BREACH = "breach"
    """Through the cortex, with a soft-tissue part outside; the truth is of the whole lesion."""


class Uptake(StrEnum):
    """What NaF uptake does."""

    STEADY = "steady"
    """Follows the size."""
    FLARE = "flare"
    """Up at month 3, down at month 12."""
    FALLING = "falling"
    """Fades at every visit."""
    COLD = "cold"
    """No more than normal bone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseNumbers:
    """One course: factors of every length, and densities in HU, at the four visits."""

    factor: Four = SAME
    one_sided: bool = False
    rim_hu: Four = NONE
    infill: Four = NONE
    scar_hu: Four = NONE
    smallest_mm: float = 5.0
    largest_mm: float = 40.0


COURSES: dict[Course, CourseNumbers] = {
    Course.STABLE: CourseNumbers(),
    Course.GROWING: CourseNumbers(factor=(1.0, 1.07, 1.18, 1.3), largest_mm=24.0),
    Course.SHRINK_PAST: CourseNumbers(factor=(1.0, 0.88, 0.66, 0.55), smallest_mm=9.0),
    Course.SHRINK_SHORT: CourseNumbers(factor=(1.0, 0.95, 0.87, 0.81), smallest_mm=9.0),
    Course.SHRINK_EXACTLY: CourseNumbers(factor=(1.0, 0.9, 0.75, 0.75), smallest_mm=10.0),
    Course.SHRINK_UNDER_2_MM: CourseNumbers(
        factor=(1.0, 0.9, 0.72, 0.72), smallest_mm=4.5, largest_mm=6.8
    ),
    Course.SHRINK_ONE_SIDED: CourseNumbers(
        factor=(1.0, 0.85, 0.68, 0.6), one_sided=True, smallest_mm=9.0
    ),
    Course.SHRINK_ONE_SIDED_SHORT: CourseNumbers(
        factor=(1.0, 0.95, 0.86, 0.82), one_sided=True, smallest_mm=9.0
    ),
    Course.RIM_SCLEROSIS: CourseNumbers(rim_hu=(0.0, 150.0, 210.0, 260.0), smallest_mm=7.0),
    Course.RIM_AND_SHRINK: CourseNumbers(
        factor=(1.0, 0.9, 0.78, 0.66), rim_hu=(0.0, 150.0, 230.0, 300.0), smallest_mm=9.0
    ),
    Course.OLD_RIM: CourseNumbers(rim_hu=(220.0, 220.0, 220.0, 220.0), smallest_mm=7.0),
    Course.INFILL: CourseNumbers(infill=(0.0, 0.12, 0.25, 0.38), smallest_mm=8.0),
    Course.HEAL_NORMAL: CourseNumbers(factor=(1.0, 0.82, 0.5, 0.0), smallest_mm=8.0),
    Course.HEAL_SCLEROSIS: CourseNumbers(
        factor=(1.0, 0.8, 0.5, 0.0), scar_hu=(0.0, 150.0, 200.0, 240.0), smallest_mm=8.0
    ),
    Course.SPLIT: CourseNumbers(factor=(1.0, 0.92, 0.6, 0.5), smallest_mm=14.0),
    Course.MERGE: CourseNumbers(factor=(1.0, 1.06, 1.16, 1.3), largest_mm=14.0),
    Course.NEW: CourseNumbers(factor=(0.0, 0.0, 0.7, 1.0), smallest_mm=7.0, largest_mm=14.0),
}

UPTAKE_SUV: dict[Uptake, Four] = {
    Uptake.STEADY: (1.0, 1.0, 1.0, 1.0),
    Uptake.FLARE: (1.0, 1.55, 0.62, 0.5),
    Uptake.FALLING: (1.0, 0.85, 0.65, 0.45),
    Uptake.COLD: (0.0, 0.0, 0.0, 0.0),
}
