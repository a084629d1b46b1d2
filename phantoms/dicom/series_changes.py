"""How each `SeriesFault` changes the list of images."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from phantoms.dicom.plans import REMOVED, SlicePlan
from phantoms.dicom.series_faults import SeriesFault
from phantoms.dicom.uids import decimal_string, uid_from
from phantoms.image import Image

Plans = list[SlicePlan]
Change = Callable[[Plans, Image], Plans]
TILT_DEGREES = 12.0
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def apply_series_faults(plans: Plans, image: Image, faults: Collection[str]) -> Plans:
    """Change the list of images as the faults have it.

    Parameters
    ----------
    plans : list of SlicePlan
        A plain series in the order of its instance numbers.
    image : Image
        What is being written.
    faults : collection
        Those that are no `SeriesFault` are passed over.

    Returns
    -------
    list of SlicePlan
        A new list.
    """
    for fault in SeriesFault:
        if fault in faults:
            plans = _CHANGES[fault](plans, image)
    return plans


def _step_mm(image: Image) -> np.ndarray:
    """Vector from one slice to the next."""
    return np.asarray(image.mm_from_index[:3, 2])


def _shift(vector: np.ndarray) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])


def _middle(plans: Plans) -> int:
    return len(plans) // 2


def _with_all(**elements: object) -> Change:
    """Change that overrides elements in every image."""
    return lambda plans, _: [plan.with_overrides(**elements) for plan in plans]


def _identical_duplicate(plans: Plans, _: Image) -> Plans:
    plan = plans[_middle(plans)]
    return [*plans, replace(plan, file_stem=f"{plan.file_stem}_copy")]


def _resent(plans: Plans, **changes: object) -> SlicePlan:
    plan = plans[_middle(plans)]
    return replace(plan, file_stem=f"{plan.file_stem}_again", **changes)  # type: ignore[arg-type]


def _resent_duplicate(plans: Plans, _: Image) -> Plans:
    return [*plans, _resent(plans, key="sent again")]


def _conflicting_duplicate(plans: Plans, image: Image) -> Plans:
    return [*plans, _resent(plans, key="sent again", offset=_contrast(image))]


def _same_uid_conflict(plans: Plans, image: Image) -> Plans:
    return [*plans, _resent(plans, offset=_contrast(image))]


def _contrast(image: Image) -> float:
    """Choose a difference that matters: 50 HU in a CT, half a unit in a map of SUV."""
    return 50.0 if float(image.array.min()) < -1 else 0.5


def _missing_slice(plans: Plans, _: Image) -> Plans:
    middle = _middle(plans)
    return [*plans[:middle], *plans[middle + 1 :]]


def _uneven_spacing(plans: Plans, image: Image) -> Plans:
    step = _step_mm(image)
    half = image.array.shape[0] // 2
    return [plan.moved(_shift(step * 0.25 * max(plan.index - half, 0))) for plan in plans]


def _jittered_positions(plans: Plans, image: Image) -> Plans:
    unit = _step_mm(image) / np.linalg.norm(_step_mm(image))
    return [plan.moved(_shift(unit * 0.01 * math.sin(7.0 * plan.index))) for plan in plans]


def _jittered_orientation(plans: Plans, _: Image) -> Plans:
    jittered = []
    for plan in plans:
        noise = [1e-6 * math.sin(5.0 * plan.index + axis) for axis in range(6)]
        orientation = tuple(c + n for c, n in zip(plan.orientation, noise, strict=True))
        jittered.append(replace(plan, orientation=orientation))
    return jittered


def _rounded_spacing(plans: Plans, image: Image) -> Plans:
    x, y, _ = image.spacing_xyz_mm
    fine = [decimal_string(y + 2.5e-7), decimal_string(x + 2.5e-7)]
    return _second_part(plans, lambda plan: plan.with_overrides(PixelSpacing=fine))


def _tilt(plans: Plans, stated_degrees: float) -> Plans:
    angle = math.radians(TILT_DEGREES)
    orientation = (1.0, 0.0, 0.0, 0.0, math.cos(angle), math.sin(angle))
    tilt = decimal_string(stated_degrees)
    return [
        replace(plan.with_overrides(GantryDetectorTilt=tilt), orientation=orientation)
        for plan in plans
    ]


def _four_at_one_position(plans: Plans, image: Image) -> Plans:
    four = []
    for gate in range(4):
        for plan in plans:
            number = gate * len(plans) + plan.instance_number
            four.append(
                replace(
                    plan,
                    key=f"{plan.key} gate {gate}",
                    offset=gate * _contrast(image),
                    instance_number=number,
                    file_stem=f"{number:04d}",
                )
            )
    return four


def _second_part(plans: Plans, change: Callable[[SlicePlan], SlicePlan]) -> Plans:
    middle = _middle(plans)
    return [*plans[:middle], *(change(plan) for plan in plans[middle:])]


def _mixed_frame_of_reference(plans: Plans, _: Image) -> Plans:
    other = uid_from("another frame of reference", plans[0].key)
    return _second_part(plans, lambda plan: plan.with_overrides(FrameOfReferenceUID=other))


def _mixed_patients(plans: Plans, _: Image) -> Plans:
    return _second_part(plans, lambda plan: plan.with_overrides(PatientID="ANOTHER PATIENT"))


def _varying_image_type(plans: Plans, _: Image) -> Plans:
    longer = ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]
    return _second_part(plans, lambda plan: plan.with_overrides(ImageType=longer))


def _mixed_pixel_spacing(plans: Plans, image: Image) -> Plans:
    x, y, _ = image.spacing_xyz_mm
    spacing = [decimal_string(1.1 * y), decimal_string(1.1 * x)]
    return _second_part(plans, lambda plan: plan.with_overrides(PixelSpacing=spacing))


def _renumbered(plan: SlicePlan, number: int, key: str, **elements: object) -> SlicePlan:
    changed = plan.with_overrides(**elements)
    return replace(
        changed, instance_number=number, key=f"{plan.key} {key}", file_stem=f"{number:04d}"
    )


def _two_stacks(plans: Plans, image: Image) -> Plans:
    step = _step_mm(image)
    unit = step / np.linalg.norm(step)
    beyond = step * image.array.shape[0] + unit * 80.0
    first = min(plan.index for plan in plans)
    second = [plan for plan in plans if plan.index - first < max(3, len(plans) // 4)]
    extra = [
        _renumbered(
            plan.moved(_shift(beyond + step * (plan.index - first))),
            len(plans) + number,
            "second stack",
            AcquisitionNumber=2,
        )
        for number, plan in enumerate(second, start=1)
    ]
    return [*plans, *extra]


def _two_time_points(plans: Plans, image: Image) -> Plans:
    later = [
        replace(
            _renumbered(
                plan, len(plans) + number, "later", AcquisitionNumber=2, TemporalPositionIndex=2
            ),
            offset=_contrast(image),
            delay=dt.timedelta(minutes=60),
        )
        for number, plan in enumerate(plans, start=1)
    ]
    return [*plans, *later]


def _scout_inside(plans: Plans, _: Image) -> Plans:
    scout = _renumbered(
        plans[_middle(plans)],
        len(plans) + 1,
        "scout",
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    return [*plans, replace(scout, orientation=CORONAL)]


def _useless_numbers(plans: Plans, _: Image) -> Plans:
    return [
        replace(plan, instance_number=1).with_overrides(
            SliceLocation=decimal_string(float((37 * plan.index) % 101))
        )
        for plan in plans
    ]


def _thickness_not_spacing(plans: Plans, image: Image) -> Plans:
    thick = decimal_string(3.0 * image.spacing_xyz_mm[2])
    return [plan.with_overrides(SliceThickness=thick, SpacingBetweenSlices=thick) for plan in plans]


def _missing_position(plans: Plans, _: Image) -> Plans:
    middle = _middle(plans)
    plan = plans[middle].with_overrides(ImagePositionPatient=REMOVED, SliceLocation=REMOVED)
    return [*plans[:middle], plan, *plans[middle + 1 :]]


_CHANGES: dict[SeriesFault, Change] = {
    SeriesFault.IDENTICAL_DUPLICATE: _identical_duplicate,
    SeriesFault.RESENT_DUPLICATE: _resent_duplicate,
    SeriesFault.CONFLICTING_DUPLICATE: _conflicting_duplicate,
    SeriesFault.SAME_UID_CONFLICT: _same_uid_conflict,
    SeriesFault.MISSING_SLICE: _missing_slice,
    SeriesFault.UNEVEN_SPACING: _uneven_spacing,
    SeriesFault.JITTERED_POSITIONS: _jittered_positions,
    SeriesFault.JITTERED_ORIENTATION: _jittered_orientation,
    SeriesFault.ROUNDED_SPACING: _rounded_spacing,
    SeriesFault.GANTRY_TILT: lambda plans, _: _tilt(plans, TILT_DEGREES),
    SeriesFault.UNSTATED_TILT: lambda plans, _: _tilt(plans, 0.0),
    SeriesFault.FOUR_AT_ONE_POSITION: _four_at_one_position,
    SeriesFault.MIXED_ORIENTATION: lambda plans, _: _second_part(
        plans, lambda plan: replace(plan, orientation=SAGITTAL)
    ),
    SeriesFault.MIXED_FRAME_OF_REFERENCE: _mixed_frame_of_reference,
    SeriesFault.MIXED_PIXEL_SPACING: _mixed_pixel_spacing,
    SeriesFault.MIXED_MATRIX: lambda plans, _: _second_part(
        plans, lambda plan: replace(plan, crop_columns=2)
    ),
    SeriesFault.TWO_STACKS: _two_stacks,
    SeriesFault.TWO_TIME_POINTS: _two_time_points,
    SeriesFault.TWO_ACQUISITIONS: lambda plans, _: _second_part(
        plans, lambda plan: plan.with_overrides(AcquisitionNumber=2)
    ),
    SeriesFault.VARYING_IMAGE_TYPE: _varying_image_type,
    SeriesFault.MIXED_PATIENTS: _mixed_patients,
    SeriesFault.SCOUT_INSIDE: _scout_inside,
    SeriesFault.SINGLE_SLICE: lambda plans, _: [plans[_middle(plans)]],
    SeriesFault.MISSING_POSITION: _missing_position,
    SeriesFault.MISSING_PIXEL_SPACING: _with_all(PixelSpacing=REMOVED),
    SeriesFault.EMPTY_UIDS: _with_all(StudyInstanceUID="", FrameOfReferenceUID=""),
    SeriesFault.EMPTY_SERIES_UID: _with_all(SeriesInstanceUID=""),
    SeriesFault.ONE_UID_FOR_ALL: lambda plans, _: [replace(plan, key="one") for plan in plans],
    SeriesFault.MISSING_FRAME_OF_REFERENCE: _with_all(FrameOfReferenceUID=REMOVED),
    SeriesFault.USELESS_NUMBERS: _useless_numbers,
    SeriesFault.MISSING_NUMBERS: _with_all(InstanceNumber=REMOVED, SliceLocation=REMOVED),
    SeriesFault.THICKNESS_NOT_SPACING: _thickness_not_spacing,
    SeriesFault.LOSSY_FLAG: _with_all(
        LossyImageCompression="01", LossyImageCompressionRatio="10.5"
    ),
    SeriesFault.DERIVED_TYPE: _with_all(ImageType=["DERIVED", "SECONDARY"]),
    SeriesFault.PROJECTION: _with_all(ImageType=["DERIVED", "SECONDARY", "MIP"]),
}
