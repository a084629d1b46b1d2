"""Lesions that broke a cortex: a hole in the vault of the skull, and the side without an edge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from threadpoolctl import threadpool_limits

from lesionscore.errors import MeasurementError
from lesionscore.lesions.aligned import AlignedScan
from lesionscore.lesions.bone import open_side
from lesionscore.lesions.follow import follow_lesion
from lesionscore.lesions.meshing import ball
from lesionscore.lesions.patch import make_patch
from lesionscore.lesions.rays import surface_from_point
from lesionscore.lesions.records import Presence, ReadingStatus
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import segment_inclusion
from lesionscore.protocol import load_protocol
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid, Volume

PROTOCOL = load_protocol()
FINE = 2
RADIUS_MM = 5.0
BITE_MM = 5.0
BRAIN_HU, SCALP_HU, FAT_HU, TABLE_HU, DIPLOE_HU, LESION_HU = 40.0, 55.0, -100.0, 1200.0, 500.0, 45.0


@pytest.fixture(autouse=True)
def _one_thread():
    """Keep linear algebra from fighting the other test processes for processors."""
    with threadpool_limits(1, user_api="blas"):
        yield


Axes = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]


def scanned(hu_at: Callable[[Axes], npt.NDArray[np.float64]], noise_seed: int) -> Volume:
    """CT of what stands at fine positions z, y, x in mm: blur, voxels and noise."""
    shape, spacing = (40, 60, 60), np.array([1.5, 1.0, 1.0])
    step = spacing / FINE
    first = -0.5 * spacing * (np.array(shape) - 1) - 0.5 * spacing + 0.5 * step
    axes = [first[k] + step[k] * np.arange(shape[k] * FINE) for k in range(3)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    blurred = ndimage.gaussian_filter(hu_at((z, y, x)), 0.65 / step)
    native = blurred.reshape(shape[0], FINE, shape[1], FINE, shape[2], FINE).mean(axis=(1, 3, 5))
    native += 25.0 * np.random.default_rng(noise_seed).standard_normal(shape)
    origin = -0.5 * spacing * (np.array(shape) - 1)
    grid = Grid(
        shape_zyx=shape,
        spacing_xyz_mm=(1.0, 1.0, 1.5),
        origin_mm=(float(origin[2]), float(origin[1]), float(origin[0])),
    )
    return Volume(array=np.round(native).astype(np.int16), grid=grid, quantity=Quantity.HU)


def vault(noise_seed: int) -> Volume:
    """CT of a piece of the skull's vault, 8 mm thick, with a ball of lesion all through it."""

    def hu_at(axes: Axes) -> npt.NDArray[np.float64]:
        z, y, x = axes
        depth = y + 0.15 * x + 0.0 * z  # oblique to the voxels, as a vault is
        hu = np.select(
            [depth < -4.0, depth < -0.7, depth < 0.7, depth < 4.0, depth < 9.0],
            [BRAIN_HU, TABLE_HU, DIPLOE_HU, TABLE_HU, SCALP_HU],
            FAT_HU,
        )
        return np.where(x**2 + y**2 + z**2 < RADIUS_MM**2, LESION_HU, hu)

    return scanned(hu_at, noise_seed)


def outline(grid: Grid) -> Volume:
    """A reader's mask of the ball."""
    index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1)
    inside = np.linalg.norm(grid.positions_mm(index), axis=-1) < RADIUS_MM
    return Volume(array=inside.astype(np.uint8), grid=grid, quantity=Quantity.LABEL)


@pytest.mark.parametrize("kind", ["mask", "click"])
def test_a_hole_in_compact_bone_is_lytic_and_measured(kind: str) -> None:
    """There is no spongy bone beside it; the tables and what is between them stand in.

    Where the hole opens into soft tissue a click says little of it, and the SD says so.
    """
    ct = vault(1)
    drawn = outline(ct.grid) if kind == "mask" else None
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=(1.0, 0.5, -0.5), mask=drawn)
    lesion = segment_inclusion(ct, seed, (), PROTOCOL)
    assert lesion.unreadable is None
    assert lesion.bone.compact
    assert "cortex_broken" in lesion.reading.flags
    size = lesion.reading.size
    assert size is not None
    limit_mm = 0.8 if kind == "mask" else 2.0 * min(size.longest_diameter_sd_mm, 1.6)
    assert abs(size.longest_diameter_mm - 2.0 * RADIUS_MM) < limit_mm
    visit = AlignedScan(
        visit="month_3",
        ct=vault(2),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    later = follow_lesion(lesion, ct, [visit], PROTOCOL).readings["month_3"]
    assert later.status is ReadingStatus.EVALUABLE
    assert later.presence is Presence.PRESENT
    assert later.size is not None
    change = later.size.longest_diameter_mm - size.longest_diameter_mm
    assert abs(change) < 1.0


def test_only_the_side_without_bone_is_open() -> None:
    """Of a ball whose upper half has bone beside it, what is open lies below and outside."""
    patch = make_patch(vault(1), (0.0, 0.0, 0.0), 15.0)
    surface = ball((0.0, 0.0, 0.0), 6.0)
    above = surface.vertices_mm[:, 2] > 0.0
    found = open_side(patch, surface, above, 4.0)
    places = patch.positions_mm()[found]
    away = np.linalg.norm(places, axis=1)
    assert len(places) > 100
    assert (places[:, 2] < 1.0).all()
    assert (away > 5.5).all()
    assert (away < 10.5).all()
    assert not open_side(patch, surface, np.ones_like(above), 4.0).any()


def test_a_click_beside_a_cut_cortex_is_not_stopped_by_its_blur() -> None:
    """In a thick cortex with a hole of 10 mm an edge lies half-way to the cortex, not before."""
    ct = vault(3)
    patch = make_patch(ct, (0.0, 0.0, 0.0), 40.0)
    nothing = np.zeros(patch.grid.shape_zyx, dtype=np.bool_)
    rough = surface_from_point(patch, (1.0, 0.5, -0.5), nothing)
    across = rough.surface.vertices_mm @ np.array([0.0, 0.0, 1.0])  # along the vault
    assert abs(np.ptp(across) - 2.0 * RADIUS_MM) < 1.5
    assert 0.5 < rough.bone_share < 0.9


def rib(noise_seed: int, bite_mm: float = BITE_MM) -> Volume:
    """CT of a rib along x in muscle; a ball of muscle's level took a bite from its side."""
    place = Grid(
        shape_zyx=(40, 60, 60), spacing_xyz_mm=(1.0, 1.0, 1.5), origin_mm=(-29.5, -29.5, -29.25)
    )
    index = np.stack(np.indices(place.shape_zyx), axis=-1)
    x, y, z = np.moveaxis(place.positions_mm(index), -1, 0)
    round_ = np.hypot(y / 5.0, z / 7.0)
    bone = np.where(round_ < 0.7, 230.0, np.where(round_ < 1.0, 1000.0, 45.0))
    inside = x**2 + (y - bite_mm) ** 2 + z**2 < 6.0**2
    hu = ndimage.gaussian_filter(np.where(inside, 45.0, bone), [0.5, 0.7, 0.7])
    hu += 30.0 * np.random.default_rng(noise_seed).standard_normal(hu.shape)
    return Volume(array=hu.astype(np.float32), grid=place, quantity=Quantity.HU)


@pytest.mark.parametrize("noise_seed", [1, 2, 3])
def test_a_click_in_a_bite_from_a_rib_stays_near_the_rib(noise_seed: int) -> None:
    """Most rays leave the bone; they end near its outline, not in the muscle far away."""
    patch = make_patch(rib(noise_seed), (0.0, 4.0, 0.0), 26.0)
    rough = surface_from_point(patch, (0.0, 4.0, 0.0), np.zeros(patch.grid.shape_zyx, bool))
    assert rough.bone_share < 0.7
    away = np.linalg.norm(rough.surface.vertices_mm - [0.0, BITE_MM, 0.0], axis=1)
    assert float(away.max()) < 6.0 + 3.0


@pytest.mark.parametrize(("outlined", "reasons"), [(False, ("no_outline",)), (True, ())])
def test_a_point_without_bone_around_most_of_it_needs_an_outline(
    outlined: bool, reasons: tuple[str, ...]
) -> None:
    """What bulges out of a bone into tissue of its own density ends where a reader says it does."""
    ct = rib(1, bite_mm=8.0)
    index = np.stack(np.indices(ct.grid.shape_zyx), axis=-1)
    away = np.linalg.norm(ct.grid.positions_mm(index) - [0.0, 8.0, 0.0], axis=-1)
    mask = Volume(array=(away < 6.0).astype(np.uint8), grid=ct.grid, quantity=Quantity.LABEL)
    seed = LesionSeed(
        lesion_id="L01", label=1, position_mm=(0.0, 6.0, 0.0), mask=mask if outlined else None
    )
    reading = segment_inclusion(ct, seed, [], PROTOCOL).reading
    assert reading.reasons == reasons
    assert (reading.size is None) == bool(reasons)


@pytest.mark.parametrize("around_hu", [-100.0, -800.0])
@pytest.mark.parametrize("radius_mm", [2.0, 5.0])
def test_a_point_in_soft_tissue_is_refused(around_hu: float, radius_mm: float) -> None:
    """No bone beside it: a refusal in words, not an accident."""
    place = Grid(
        shape_zyx=(41, 61, 61), spacing_xyz_mm=(1.0, 1.0, 1.5), origin_mm=(-30.0, -30.0, -30.0)
    )
    index = np.stack(np.indices(place.shape_zyx), axis=-1)
    away = np.linalg.norm(place.positions_mm(index), axis=-1)
    noise = np.random.default_rng(0).normal(0.0, 15.0, away.shape)
    values = (np.where(away < radius_mm, 40.0, around_hu) + noise).astype(np.float32)
    ct = Volume(array=values, grid=place, quantity=Quantity.HU)
    seed = LesionSeed(lesion_id="L01", label=1, position_mm=(0.0, 0.0, 0.0), mask=None)
    with pytest.raises(MeasurementError, match="no bone next to the place"):
        segment_inclusion(ct, seed, [], PROTOCOL)


HOLLOW_RADIUS_MM, TABLE_MM, THICK_MM = 45.0, 1.8, 7.0


def hollow_vault(noise_seed: int, radius_mm: float | None) -> Volume:
    """CT of a curved piece of the vault; a ball of lesion breaks its inner table, unless None."""

    def hu_at(axes: Axes) -> npt.NDArray[np.float64]:
        z, y, x = axes
        # from the inner face outwards; the head's middle lies towards -y
        height = np.sqrt(x**2 + (y + HOLLOW_RADIUS_MM) ** 2 + z**2) - HOLLOW_RADIUS_MM
        hu = np.select(
            [height < 0.0, height < TABLE_MM, height < THICK_MM - TABLE_MM, height < THICK_MM],
            [BRAIN_HU, TABLE_HU, 250.0, TABLE_HU],
            SCALP_HU,
        )
        if radius_mm is None:
            return hu
        return np.where(x**2 + (y - 2.0) ** 2 + z**2 < radius_mm**2, LESION_HU, hu)

    return scanned(hu_at, noise_seed)


@pytest.mark.parametrize("radius_mm", [4.0, RADIUS_MM])
@pytest.mark.parametrize("noise_seed", [1, 5])
def test_brain_behind_a_healed_hole_is_no_lesion(noise_seed: int, radius_mm: float) -> None:
    """The hollow side of a bone bends towards the lesion, and does not take in what lies before."""
    ct = hollow_vault(noise_seed, radius_mm)
    seed = LesionSeed(lesion_id="L01", label=1, position_mm=(0.0, 2.0, 0.0), mask=None)
    found = segment_inclusion(ct, seed, [], PROTOCOL)
    assert found.reading.size is not None
    assert abs(found.reading.size.longest_diameter_mm - 2.0 * radius_mm) < 1.5
    healed = AlignedScan(
        visit="month_12",
        ct=hollow_vault(noise_seed + 1, None),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    reading = follow_lesion(found, ct, [healed], PROTOCOL).readings["month_12"]
    assert reading.presence is Presence.ABSENT
