"""Lesions that broke a rib and shrink: the cortex and the marrow that come back are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits

from lesionscore.lesions.aligned import AlignedScan
from lesionscore.lesions.follow import follow_lesion
from lesionscore.lesions.grown_back import grown_back
from lesionscore.lesions.records import Presence
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import InclusionLesion, segment_inclusion
from lesionscore.protocol import load_protocol
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume
from tests.lesions.test_broken import Axes, scanned
from tests.repeats import seeds

PROTOCOL = load_protocol()
WIDE_MM, HIGH_MM, CORTEX, AT_MM, RADIUS_MM = 4.0, 7.0, 0.78, 3.0, 4.5
MARROW_HU, CORTEX_HU, MUSCLE_HU, LESION_HU = 200.0, 750.0, 45.0, 30.0
LONGEST_MM = 2.0 * RADIUS_MM  # along the rib, at the ball's middle


@pytest.fixture(autouse=True)
def _one_thread():
    """Keep linear algebra from fighting the other test processes for processors."""
    with threadpool_limits(1, user_api="blas"):
        yield


def within(axes: Axes, scale: float) -> npt.NDArray[np.bool_]:
    """Where a ball has taken bone from the side of a rib along x; it shrinks about its middle."""
    z, y, x = (axes[0] / scale, (axes[1] - AT_MM) / scale + AT_MM, axes[2] / scale)
    ball = x**2 + (y - AT_MM) ** 2 + z**2 < RADIUS_MM**2
    return np.asarray(ball & (np.hypot(y / WIDE_MM, z / HIGH_MM) < 1.0))


def rib(scale: float | None, noise_seed: int) -> Volume:
    """CT of a rib of 8 by 14 mm in muscle, with the lesion at a size, or without it."""

    def hu_at(axes: Axes) -> npt.NDArray[np.float64]:
        z, y, x = axes
        out = np.hypot(y / WIDE_MM, z / HIGH_MM) + 0.0 * x
        bone = np.select([out < CORTEX, out < 1.0], [MARROW_HU, CORTEX_HU], MUSCLE_HU)
        return bone if scale is None else np.where(within(axes, scale), LESION_HU, bone)

    return scanned(hu_at, noise_seed)


def outlined(ct: Volume) -> InclusionLesion:
    """Segment the lesion from a reader's mask."""
    index = np.moveaxis(np.indices(ct.grid.shape_zyx), 0, -1)
    x, y, z = np.moveaxis(ct.grid.positions_mm(index), -1, 0)
    mask = Volume(
        array=within((z, y, x), 1.0).astype(np.uint8), grid=ct.grid, quantity=Quantity.LABEL
    )
    seed = LesionSeed(lesion_id="L01", label=1, position_mm=(0.0, 2.0, 0.0), mask=mask)
    return segment_inclusion(ct, seed, [], PROTOCOL)


@pytest.mark.parametrize("noise_seed", seeds([1, 2, 3, 4]))
def test_the_hole_is_expected_to_fill_with_the_rib_that_was_there(noise_seed: int) -> None:
    """A level continued from around is a mixture of cortex and marrow, and wrong about both."""
    lesion = outlined(rib(1.0, noise_seed))
    patch, plain = lesion.patch, lesion.bone
    bone = grown_back(patch, plain)
    whole = rib(None, noise_seed + 10)
    first = np.rint(whole.grid.index_zyx(np.asarray(patch.grid.origin_mm)[None])[0]).astype(int)
    place = plain.lesion & plain.inside
    at = np.argwhere(place) + first
    truth = whole.array[tuple(at.T)].astype(np.float64)
    errors = np.sqrt(np.mean((bone.expected_hu[place] - truth) ** 2))
    before = np.sqrt(np.mean((plain.expected_hu[place] - truth) ** 2))
    assert errors < 0.65 * before
    scaled = (bone.expected_hu[place] - truth) / np.hypot(bone.spread_hu[place], 25.0)
    assert 0.5 < float(np.sqrt(np.mean(scaled**2))) < 1.6
    untouched = ~plain.lesion
    assert np.array_equal(bone.expected_hu[untouched], plain.expected_hu[untouched])


@pytest.mark.parametrize("scale", [0.85, 0.7, 0.6])
@pytest.mark.parametrize("noise_seed", seeds([1, 2, 3, 4]))
def test_what_is_left_of_a_lesion_in_a_rib_is_measured(noise_seed: int, scale: float) -> None:
    """Marrow that had come back passed for a lesion of 12 mm where 5 mm were left."""
    ct = rib(1.0, noise_seed)
    lesion = outlined(ct)
    assert lesion.cortex_broken
    scan = AlignedScan(
        visit="month_12",
        ct=rib(scale, noise_seed + 10),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    reading = follow_lesion(lesion, ct, [scan], PROTOCOL).readings["month_12"]
    true_mm = scale * LONGEST_MM
    if reading.presence is Presence.TOO_SMALL:  # 5 mm is the least that is measured
        assert reading.measurable_limit_mm is not None
        assert true_mm - reading.measurable_limit_mm < 1.0
        return
    assert reading.size is not None
    assert abs(reading.size.longest_diameter_mm - true_mm) < 1.0


@pytest.mark.parametrize("noise_seed", seeds([1, 2, 3, 4]))
def test_a_hole_in_a_rib_is_measured_from_an_outline(noise_seed: int) -> None:
    """A cortex taken as it is seen left the surface where noise had put it, 8.6 to 10.1 mm."""
    size = outlined(rib(1.0, noise_seed)).reading.size
    assert size is not None
    assert abs(size.longest_diameter_mm - LONGEST_MM) < 0.9


@pytest.mark.parametrize("noise_seed", seeds([1, 2, 3, 4]))
def test_a_hole_in_a_rib_is_measured_from_a_click(noise_seed: int) -> None:
    """Beyond the hole nothing shows; what bone there is beside it says enough to read 9 mm."""
    seed = LesionSeed(lesion_id="L01", label=1, position_mm=(0.5, 1.5, 0.5))
    lesion = segment_inclusion(rib(1.0, noise_seed), seed, [], PROTOCOL)
    assert lesion.unreadable is None
    size = lesion.reading.size
    assert size is not None
    assert abs(size.longest_diameter_mm - LONGEST_MM) < min(2.5, 2.0 * size.longest_diameter_sd_mm)
