"""Readings for the tests of scoring: only what a test is about needs to be named."""

from __future__ import annotations

import math

from lesionscore.lesions.records import (
    CtReading,
    LesionEdge,
    LesionSize,
    PetReading,
    Presence,
    ReadingStatus,
)


def size(
    longest_mm: float,
    *,
    axial_mm: float | None = None,
    area_mm2: float | None = None,
    volume_ml: float | None = None,
) -> LesionSize:
    """A ball of this diameter, where nothing else is said."""
    axial = longest_mm if axial_mm is None else axial_mm
    return LesionSize(
        longest_diameter_mm=longest_mm,
        longest_diameter_sd_mm=0.3,
        axial_diameter_mm=axial,
        axial_diameter_sd_mm=0.3,
        short_axis_mm=axial,
        axial_area_mm2=math.pi / 4 * longest_mm**2 if area_mm2 is None else area_mm2,
        axial_area_sd_mm2=1.0,
        volume_ml=math.pi / 6 * longest_mm**3 / 1000 if volume_ml is None else volume_ml,
        volume_sd_ml=0.01,
    )


def edge(change_hu: float | None, sd_hu: float | None = 10.0, z: float | None = None) -> LesionEdge:
    """An edge whose density beyond normal bone changed."""
    return LesionEdge(
        rim_hu=300.0,
        inner_hu=100.0,
        reference_hu=200.0,
        reference_sd_hu=20.0,
        rim_z=z,
        sclerosis_change_hu=change_hu,
        sclerosis_change_sd_hu=sd_hu,
    )


def ct(
    longest_mm: float | LesionSize | None,
    *,
    visit: str = "month_3",
    lesion_id: str = "L1",
    presence: Presence | None = Presence.PRESENT,
    edge_change_hu: float | None = 0.0,
    complete_probability: float | None = None,
    limit_mm: float | None = 5.0,
    flags: tuple[str, ...] = (),
) -> CtReading:
    """An evaluable reading; without a diameter it is not PRESENT."""
    measured = size(longest_mm) if isinstance(longest_mm, int | float) else longest_mm
    return CtReading(
        lesion_id=lesion_id,
        visit=visit,
        status=ReadingStatus.EVALUABLE,
        presence=presence,
        size=measured,
        edge=None if edge_change_hu is None else edge(edge_change_hu),
        complete_probability=complete_probability,
        measurable_limit_mm=limit_mm,
        flags=flags,
    )


def gone(*, visit: str = "month_3", probability: float | None = None) -> CtReading:
    """A lesion of which nothing is left."""
    return ct(None, visit=visit, presence=Presence.ABSENT, complete_probability=probability)


def too_small(*, visit: str = "month_3", limit_mm: float | None = 5.0) -> CtReading:
    """A remnant that is too small to measure."""
    return ct(None, visit=visit, presence=Presence.TOO_SMALL, limit_mm=limit_mm)


def missing(
    *, visit: str = "month_3", status: ReadingStatus = ReadingStatus.MISSING, reason: str = ""
) -> CtReading:
    """No reading."""
    return CtReading(
        lesion_id="L1", visit=visit, status=status, reasons=(reason,) if reason else ()
    )


def inclusion(longest_mm: float | LesionSize | None, **more: object) -> CtReading:
    """The inclusion reading."""
    return ct(longest_mm, visit="inclusion", **more)  # type: ignore[arg-type]


def pet(suv_max: float | None, *, visit: str = "month_3", lesion_id: str = "L1") -> PetReading:
    """An evaluable uptake, or a missing one."""
    if suv_max is None:
        return PetReading(
            lesion_id=lesion_id, visit=visit, status=ReadingStatus.MISSING, reasons=("no_pet",)
        )
    return PetReading(
        lesion_id=lesion_id, visit=visit, status=ReadingStatus.EVALUABLE, suv_max=suv_max
    )
