"""Lesions at the table of a flat bone: what sclerosis is beside a cortex that comes back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from threadpoolctl import threadpool_limits

from lesionscore.lesions.aligned import AlignedScan
from lesionscore.lesions.expected import ExpectedBone
from lesionscore.lesions.follow import follow_lesion
from lesionscore.lesions.kernel import kernel_change
from lesionscore.lesions.meshing import ball
from lesionscore.lesions.patch import make_patch
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import InclusionLesion, segment_inclusion
from lesionscore.protocol import load_protocol
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.scoring.healing import sclerosis_limb
from lesionscore.scoring.states import LimbState
from lesionscore.volumes import Grid, Volume

PROTOCOL = load_protocol()
FINE = 2
SHAPE_ZYX, SPACING_ZYX = (40, 60, 60), np.array([1.5, 1.0, 1.0])
SOFT_HU, TABLE_HU, SPONGY_HU, LESION_HU = 45.0, 1000.0, 200.0, 45.0
RIM_MM = 2.0
Singles = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def _one_thread():
    """Keep linear algebra from fighting the other test processes for processors."""
    with threadpool_limits(1, user_api="blas"):
        yield


def flat_bone(
    radius_mm: float,
    *,
    rim_hu: float = 0.0,
    scar_hu: float = 0.0,
    blur_mm: float = 0.65,
    outward_mm: float = 0.0,
) -> Singles:
    """HU without noise of a flat bone, 10 mm thick, with a ball of lesion at its outer table.

    A scar fills what was a ball of 6 mm, as far as it is spongy bone. The ball's middle lies 2 mm
    below the bone's surface, or farther out.
    """
    step = SPACING_ZYX / FINE
    z, y, x = np.meshgrid(
        *(
            d * (np.arange(n * FINE) - 0.5 * (n * FINE - 1))
            for n, d in zip(SHAPE_ZYX, step, strict=True)
        ),
        indexing="ij",
        sparse=True,
    )
    depth = y + 0.15 * x + 0.0 * z + outward_mm
    apart = np.abs(depth + 3.0)  # the bone's middle lies 3 mm below the ball's
    hu = np.select([apart < 3.4, apart < 5.0], [SPONGY_HU, TABLE_HU], SOFT_HU)
    away = np.sqrt(x**2 + y**2 + z**2) - radius_mm
    spongy = hu == SPONGY_HU
    hu = np.where(spongy & (x**2 + y**2 + z**2 < 36.0), hu + scar_hu, hu)
    hu = np.where(spongy & (away < RIM_MM) & (radius_mm > 0), hu + rim_hu, hu)
    hu = np.where((away < 0) & (radius_mm > 0), LESION_HU, hu)
    blocks = [part for n in SHAPE_ZYX for part in (n, FINE)]
    fine = ndimage.gaussian_filter(hu, blur_mm / step)
    return np.asarray(fine.reshape(blocks).mean(axis=(1, 3, 5)), dtype=np.float32)


def noisy(hu: Singles, seed: int) -> Volume:
    """CT of what is to be seen."""
    values = hu + 28.0 * np.random.default_rng(seed).standard_normal(hu.shape)
    origin = -0.5 * SPACING_ZYX * (np.array(SHAPE_ZYX) - 1)
    grid = Grid(
        shape_zyx=SHAPE_ZYX,
        spacing_xyz_mm=(1.0, 1.0, 1.5),
        origin_mm=(float(origin[2]), float(origin[1]), float(origin[0])),
    )
    return Volume(array=np.round(values).astype(np.int16), grid=grid, quantity=Quantity.HU)


def outlined(ct: Volume) -> InclusionLesion:
    """The ball of 12 mm as segmented from a reader's mask."""
    offset = ct.grid.positions_mm(np.moveaxis(np.indices(SHAPE_ZYX), 0, -1))
    inside = ((offset**2).sum(axis=-1) < 36.0).astype(np.uint8)
    mask = Volume(array=inside, grid=ct.grid, quantity=Quantity.LABEL)
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=(0.0, 0.0, 0.0), mask=mask)
    return segment_inclusion(ct, seed, (), PROTOCOL)


@pytest.fixture(scope="module")
def at_inclusion() -> tuple[Volume, InclusionLesion]:
    """A ball of 12 mm that has broken the outer table, and its scan."""
    with threadpool_limits(1, user_api="blas"):
        ct = noisy(flat_bone(6.0), 1)
        return ct, outlined(ct)


@pytest.mark.parametrize(
    ("radius_mm", "rim_hu", "scar_hu", "denser"),
    [
        (6.0, 0.0, 0.0, False),
        (4.5, 0.0, 0.0, False),
        (6.0, 220.0, 0.0, True),
        (4.5, 220.0, 0.0, True),
        (0.0, 0.0, 180.0, True),
    ],
    ids=["stable", "shrunk", "rim", "shrunk with a rim", "gone, a scar"],
)
@pytest.mark.parametrize("blur_mm", [0.65, 0.95], ids=["same kernel", "softer kernel"])
def test_sclerosis_is_told_from_a_cortex_that_comes_back(
    at_inclusion: tuple[Volume, InclusionLesion],
    radius_mm: float,
    rim_hu: float,
    scar_hu: float,
    denser: bool,
    blur_mm: float,
) -> None:
    """The table grows back over a lesion that shrinks; only denser spongy bone is sclerosis."""
    ct, lesion = at_inclusion
    assert lesion.cortex_broken
    scans = [
        AlignedScan(
            visit=f"month_{noise}",
            ct=noisy(flat_bone(radius_mm, rim_hu=rim_hu, scar_hu=scar_hu, blur_mm=blur_mm), noise),
            visit_from_inclusion=RigidTransform.identity(),
            registration_error_mm=0.1,
        )
        for noise in (3, 12)
    ]
    readings = follow_lesion(lesion, ct, scans, PROTOCOL).readings
    expected = LimbState.MET if denser else LimbState.NOT_MET
    for scan in scans:
        assert sclerosis_limb(readings[scan.visit], PROTOCOL.edge).state is expected


@pytest.mark.parametrize(
    ("blur_mm", "low", "high"), [(0.95, -1.4, -0.6), (0.65, -0.1, 0.1), (0.4, 0.4, 1.4)]
)
def test_another_kernel_is_seen_in_the_bone_around(blur_mm: float, low: float, high: float) -> None:
    """A softer kernel shows less of the bone's detail, a sharper one more."""
    ct = noisy(flat_bone(6.0, blur_mm=blur_mm), 5)
    patch = make_patch(ct, (0.0, 0.0, 0.0), 20.0)
    as_before = Volume(array=flat_bone(6.0), grid=ct.grid, quantity=Quantity.HU)
    level_hu = as_before.crop((0.0, 0.0, 0.0), 20.0).array
    expected = ExpectedBone(
        level_hu=level_hu, spread_hu=np.full_like(level_hu, 30.0), is_bone=level_hu > 120.0
    )
    change = kernel_change(patch, ball((0.0, 0.0, 0.0), 6.0), expected, 0.0)
    assert low < change.detail_share < high
    bone = expected.is_bone
    taken = (patch.values_hu - level_hu)[bone].std()
    shown = (patch.values_hu - change.shown(level_hu, patch))[bone].std()
    assert shown < (1.01 if blur_mm == 0.65 else 0.85) * taken


@pytest.mark.parametrize("radius_mm", [6.0, 4.0])
def test_a_lesion_mostly_outside_its_bone_is_measured_by_what_shows(radius_mm: float) -> None:
    """Less than half of its place lies within the bone's outline, enough for its size."""
    ct = noisy(flat_bone(6.0, outward_mm=5.0), 1)
    scan = AlignedScan(
        visit="month_12",
        ct=noisy(flat_bone(radius_mm, outward_mm=5.0), 5),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    size = follow_lesion(outlined(ct), ct, [scan], PROTOCOL).readings["month_12"].size
    assert size is not None
    assert abs(size.longest_diameter_mm - 2.0 * radius_mm) < 1.0
