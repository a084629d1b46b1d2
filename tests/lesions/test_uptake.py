"""Uptake in native PET voxels: region, maximum, peak, mean, and whose maximum it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from lesionscore.errors import MeasurementError
from lesionscore.lesions.measure import longest_diameter
from lesionscore.lesions.records import PetReading, ReadingStatus
from lesionscore.lesions.surface import Surface
from lesionscore.lesions.suv_peak import PEAK_RADIUS_MM, ibsi_peaks, peak_mean
from lesionscore.lesions.uptake import read_uptake
from lesionscore.lesions.uptake_region import region_voxels, signed_distance_mm
from lesionscore.protocol.rules import UptakeRule
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid, Volume
from lesionscore.volumes.volume import read_image

Floats = npt.NDArray[np.float64]
RULE = UptakeRule(
    tracer="NaF",
    uptake_min=(40.0, 50.0),
    region_margin_mm=4.0,
    repeatability_ratio=(0.76, 1.32),
    motion_limit_mm=4.0,
)
TILT = tuple(Rotation.from_euler("xyz", (12, -7, 20), degrees=True).as_matrix().ravel().tolist())


@dataclass(frozen=True)
class Mesh:
    """A surface as `read_uptake` takes it."""

    vertices_mm: Floats
    faces: npt.NDArray[np.int64]


def box(low_mm: tuple[float, float, float], high_mm: tuple[float, float, float]) -> Mesh:
    """An axis-aligned box as twelve triangles: its region is known by formula."""
    corners = np.array([[(low_mm, high_mm)[(i >> k) & 1][k] for k in range(3)] for i in range(8)])
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return Mesh(corners.astype(np.float64), np.array(faces))


def cube(half_mm: float, centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Mesh:
    """A cube around a point."""
    c = np.array(centre_mm)
    low, high = (c - half_mm).tolist(), (c + half_mm).tolist()
    return box((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def grid(
    spacing_xyz_mm: tuple[float, float, float] = (3.0, 3.0, 3.0), half_mm: float = 45.0
) -> Grid:
    """A grid with a voxel centre at the origin of patient space."""
    n = [int(half_mm // s) for s in spacing_xyz_mm]
    return Grid(
        shape_zyx=(2 * n[2] + 1, 2 * n[1] + 1, 2 * n[0] + 1),
        spacing_xyz_mm=spacing_xyz_mm,
        origin_mm=(
            -n[0] * spacing_xyz_mm[0],
            -n[1] * spacing_xyz_mm[1],
            -n[2] * spacing_xyz_mm[2],
        ),
    )


def positions(on: Grid) -> Floats:
    """Position of every voxel centre, shape (n_z, n_y, n_x, 3)."""
    return on.positions_mm(np.moveaxis(np.indices(on.shape_zyx), 0, -1))


def pet_of(value: Callable[[Floats], Floats], on: Grid, fwhm_mm: float = 0.0) -> Volume:
    """A PET from a function of position, blurred as a scanner does."""
    array = value(positions(on))
    if fwhm_mm:
        array = ndimage.gaussian_filter(
            array, fwhm_mm / 2.355 / np.asarray(on.spacing_xyz_mm)[::-1], mode="nearest"
        )
    return Volume(array=array.astype(np.float32), grid=on, quantity=Quantity.SUVBW)


def read(pet: Volume, mesh: Mesh, **changes: object) -> PetReading:
    """Read with the default rule and no motion."""
    arguments = {
        "lesion_id": "L1",
        "visit": "inclusion",
        "vertices_mm": mesh.vertices_mm,
        "faces": mesh.faces,
        "pet_from_ct": RigidTransform.identity(),
        "rule": RULE,
    }
    return read_uptake(pet, **(arguments | changes))  # type: ignore[arg-type]


def distance_from_cube(points: Floats, half_mm: float) -> Floats:
    """Distance of points outside a cube around the origin; 0 inside."""
    return np.asarray(np.linalg.norm(np.maximum(np.abs(points) - half_mm, 0.0), axis=-1))


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (4.07, 4.07, 5.0), (1.5, 2.5, 6.0)])
@pytest.mark.parametrize("margin_mm", [0.0, 1.0, 4.0, 7.5])
@pytest.mark.parametrize("half_mm", [1.1, 5.3, 16.2])
def test_region_is_inside_or_within_margin(
    spacing: tuple[float, float, float], margin_mm: float, half_mm: float
) -> None:
    """The region equals the formula for a cube, on any spacing, for any margin."""
    on = grid(spacing)
    mesh = cube(half_mm)
    region = region_voxels(on, mesh.vertices_mm, mesh.faces, margin_mm)
    expected = np.argwhere(distance_from_cube(positions(on), half_mm) <= margin_mm)
    np.testing.assert_array_equal(region.index_zyx(), expected)
    assert region.covered


def test_region_is_right_on_a_tilted_grid() -> None:
    """An oblique grid gives the same region as the formula at its voxel centres."""
    on = replace(grid((2.0, 2.5, 3.0)), direction=TILT, origin_mm=(-20.0, -25.0, -30.0))
    mesh = cube(6.0, (10.0, 4.0, 8.0))
    region = region_voxels(on, mesh.vertices_mm, mesh.faces, 4.0)
    away = distance_from_cube(positions(on) - np.array((10.0, 4.0, 8.0)), 6.0)
    np.testing.assert_array_equal(region.index_zyx(), np.argwhere(away <= 4.0))


@given(
    point=st.tuples(*[st.floats(-20, 20)] * 3),
    half_mm=st.floats(0.5, 12),
)
@settings(max_examples=80, deadline=None)
def test_signed_distance_is_the_formula(point: tuple[float, float, float], half_mm: float) -> None:
    """Distance from a cube, negative inside."""
    mesh = cube(half_mm)
    over = np.abs(point) - half_mm
    expected = np.linalg.norm(np.maximum(over, 0)) if (over > 0).any() else over.max()
    found = signed_distance_mm(point, mesh.vertices_mm, mesh.faces)
    assert found == pytest.approx(expected, abs=1e-9)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_suv_max_is_exactly_the_highest_native_voxel(seed: int) -> None:
    """No interpolation, no rounding: the voxel's own number, mean and total from the same."""
    on = grid((3.1, 2.9, 3.27))
    noise = np.random.default_rng(seed).gamma(4.0, 2.0, on.shape_zyx)
    pet = Volume(array=noise.astype(np.float32), grid=on, quantity=Quantity.SUVBW)
    reading = read(pet, cube(7.0))
    region = pet.array[distance_from_cube(positions(on), 7.0) <= 4.0]
    assert reading.suv_max == float(region.max())
    assert reading.suv_mean == pytest.approx(float(region.mean(dtype=np.float64)), rel=1e-12)
    assert reading.region_volume_ml == pytest.approx(len(region) * on.voxel_volume_ml)
    assert reading.suv_total_ml == pytest.approx(
        float(region.sum(dtype=np.float64)) * on.voxel_volume_ml
    )
    where = np.round(on.index_zyx(reading.suv_max_position_mm)).astype(int)
    assert float(pet.array[tuple(where)]) == reading.suv_max
    assert reading.suv_mean <= reading.suv_max
    assert reading.suv_peak is not None
    assert reading.suv_peak <= float(pet.array.max())


def test_motion_moves_the_region_and_is_reported() -> None:
    """The CT's surface is carried into the PET before voxels are picked."""
    on = grid((2.0, 2.0, 2.0))
    at = np.array((8.0, -6.0, 4.0))
    pet = pet_of(lambda p: 1.0 + 9.0 * (np.linalg.norm(p - at, axis=-1) < 3), on)
    still = read(pet, cube(3.0), rule=replace(RULE, region_margin_mm=1.0))
    moved = read(
        pet,
        cube(3.0),
        rule=replace(RULE, region_margin_mm=1.0),
        pet_from_ct=RigidTransform.from_rotation_shift(np.eye(3), at),
    )
    assert still.suv_max == 1.0
    assert moved.suv_max == 10.0
    assert moved.pet_from_ct_shift_mm == pytest.approx(float(np.linalg.norm(at)))
    assert still.pet_from_ct_shift_mm == 0.0


@pytest.mark.parametrize(
    ("axis", "reach_mm", "covered"),
    [(0, 44.9, True), (0, 46.1, False), (2, 44.9, True), (2, 46.1, False), (2, 80.0, False)],
)
def test_a_region_that_leaves_the_pet_is_not_evaluable(
    axis: int, reach_mm: float, covered: bool
) -> None:
    """One voxel of the region beyond the image is enough; nothing is read from the rest."""
    on = grid((2.0, 2.0, 2.0), half_mm=44.0)
    centre = [0.0, 0.0, 0.0]
    centre[axis] = reach_mm - 9.0
    reading = read(pet_of(lambda p: np.full(p.shape[:-1], 3.0), on), cube(5.0, tuple(centre)))
    if covered:
        assert reading.status is ReadingStatus.EVALUABLE
    else:
        assert reading.status is ReadingStatus.NOT_EVALUABLE
        assert reading.reasons == ("pet_not_covered",)
        assert reading.suv_max is None


@pytest.mark.parametrize(
    ("value", "reason"), [(0.0, "pet_no_signal"), (float("nan"), "pet_invalid_values")]
)
def test_blank_or_broken_voxels_are_not_evaluable(value: float, reason: str) -> None:
    """A masked field of view is no measurement of zero uptake."""
    reading = read(pet_of(lambda p: np.full(p.shape[:-1], value), grid()), cube(5.0))
    assert reading.status is ReadingStatus.NOT_EVALUABLE
    assert reading.reasons == (reason,)


def test_a_surface_between_voxel_centres_is_not_evaluable() -> None:
    """Without a margin a tiny lesion may hold no voxel centre: that is said, not rounded."""
    pet = pet_of(lambda p: np.full(p.shape[:-1], 3.0), grid((5.0, 5.0, 5.0)))
    reading = read(pet, cube(0.5, (2.5, 2.5, 2.5)), rule=replace(RULE, region_margin_mm=0.0))
    assert reading.reasons == ("pet_region_empty",)


def test_another_quantity_is_refused() -> None:
    """Bq/ml are not SUV."""
    pet = replace(pet_of(lambda p: np.ones(p.shape[:-1]), grid()), quantity=Quantity.BQ_PER_ML)
    with pytest.raises(MeasurementError, match="lesion L1, inclusion: the PET is in Bq/ml"):
        read(pet, cube(5.0))


def test_an_empty_surface_is_refused() -> None:
    """No triangles, no region."""
    mesh = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    with pytest.raises(MeasurementError, match="no triangle"):
        read(pet_of(lambda p: np.ones(p.shape[:-1]), grid()), mesh)


# --- whose maximum it is -------------------------------------------------------------------


def bone_with(points: Floats, gap_mm: float, radius_mm: float, suv: float) -> Floats:
    """Bone of SUV 5 with a cold 8 mm lesion, a rim of 8, and a hot ball beside the region."""
    away = np.linalg.norm(points, axis=-1)
    value = np.where((away > 8) & (away < 11), 8.0, np.where(away <= 8, 2.0, 5.0))
    ball = np.linalg.norm(points - np.array((8 + gap_mm + radius_mm, 0, 0)), axis=-1) < radius_mm
    return np.asarray(np.where(ball, suv, value))


@pytest.mark.parametrize("gap_mm", [-2.0, 0.0, 2.0, 3.0, 4.0])
@pytest.mark.parametrize(("radius_mm", "suv"), [(6.0, 40.0), (20.0, 60.0)])
def test_a_hot_neighbour_is_spill_in(gap_mm: float, radius_mm: float, suv: float) -> None:
    """A joint or a bladder that makes the region's maximum is flagged; the number stands.

    The first reaches into the region: there is no slope left to walk up.
    """
    pet = pet_of(lambda p: bone_with(p, gap_mm, radius_mm, suv), grid((2.7, 2.7, 3.3)), 6.0)
    reading = read(pet, cube(6.5))
    assert reading.flags == ("spill_in",)
    assert reading.suv_max is not None


def test_a_hot_neighbour_that_leaves_the_maximum_alone_is_not_spill_in() -> None:
    """A joint beside the region whose blur adds 0.3 % to the highest voxel."""
    pet, alone = (
        pet_of(lambda p, suv=suv: bone_with(p, 6.0, 6.0, suv), grid((2.7, 2.7, 3.3)), 6.0)
        for suv in (40.0, 5.0)
    )
    reading = read(pet, cube(6.5))
    assert reading.suv_max == pytest.approx(read(alone, cube(6.5)).suv_max, rel=0.005)
    assert reading.flags == ()


def test_a_far_hot_source_is_not_spill_in() -> None:
    """A bladder 25 mm away leaves the lesion's own maximum alone."""
    pet = pet_of(lambda p: bone_with(p, 25.0, 15.0, 60.0), grid((2.7, 2.7, 3.3), 70.0), 6.0)
    assert read(pet, cube(6.5)).flags == ()


def noisy_bone(seed: int, *, suv_beside: float | None = None) -> Volume:
    """A lesion with an uneven rim in bone of uneven uptake, with a PET's blur and noise."""
    rng = np.random.default_rng(seed)
    on = grid((2.73, 2.73, 3.27))
    spacing = np.asarray(on.spacing_xyz_mm)[::-1]
    uneven = ndimage.gaussian_filter(rng.normal(size=on.shape_zyx), 15 / spacing)
    points = positions(on)
    direction = Rotation.random(rng=rng).apply((1.0, 0.0, 0.0))
    away = np.linalg.norm(points, axis=-1)
    side = np.clip(points @ direction / np.maximum(away, 1e-3) + 0.5, 0, 1)
    value = 5.0 * (1 + 0.15 * uneven / uneven.std())
    value = np.where((away > 7) & (away < 10), value + rng.uniform(1, 8) * side, value)
    value = np.where(away <= 7, 2.0, value)
    if suv_beside is not None:
        beside = Rotation.random(rng=rng).apply((1.0, 0.0, 0.0)) * (8 + rng.uniform(4, 5.5) + 12)
        value = np.where(np.linalg.norm(points - beside, axis=-1) < 12, suv_beside, value)
    blurred = ndimage.gaussian_filter(value, 6.0 / 2.355 / spacing)
    noise = ndimage.gaussian_filter(rng.normal(size=on.shape_zyx), 4.5 / 2.355 / spacing)
    array = np.clip(blurred * (1 + 0.12 * noise / noise.std()), 0, None)
    return Volume(array=array.astype(np.float32), grid=on, quantity=Quantity.SUVBW)


def test_noise_rarely_makes_a_flag_and_never_hides_a_bladder() -> None:
    """At 12 % noise: at most 5 % false flags, at least 95 % of real spill-in found."""
    false = [bool(read(noisy_bone(seed), cube(6.5)).flags) for seed in range(60)]
    found = [
        "spill_in" in read(noisy_bone(seed, suv_beside=50.0), cube(6.5)).flags for seed in range(60)
    ]
    assert np.mean(false) <= 0.05
    assert np.mean(found) >= 0.95


def test_a_maximum_in_another_lesions_region_is_flagged() -> None:
    """Two lesions whose regions overlap: both say that the hottest voxel is shared."""
    on = grid((2.0, 2.0, 2.0))
    pet = pet_of(lambda p: 3.0 + 6.0 * (np.linalg.norm(p, axis=-1) < 3), on, 5.0)
    left, right = cube(5.0, (-8.0, 0.0, 0.0)), cube(5.0, (8.0, 0.0, 0.0))
    far = cube(5.0, (0.0, 0.0, 30.0))
    assert "maximum_in_other_lesion" in read(pet, left, neighbours=[far, right]).flags
    assert "maximum_in_other_lesion" in read(pet, right, neighbours=[left]).flags
    assert read(pet, left, neighbours=[far]).flags == ()


# --- SUVpeak -------------------------------------------------------------------------------


def test_peak_of_an_even_image_is_its_value() -> None:
    """Weights add up to one, and the sphere at the edge of the image says that it was cut."""
    array = np.full((9, 9, 9), 2.5)
    middle, corner = np.array([[4, 4, 4]]), np.array([[0, 0, 0]])
    assert peak_mean(array, middle, (3.0, 3.0, 3.0)) == (pytest.approx(2.5), True)
    assert peak_mean(array, corner, (3.0, 3.0, 3.0)) == (pytest.approx(2.5), False)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (3.27, 2.73, 2.73), (5.0, 4.07, 4.07)])
def test_peak_sphere_holds_one_millilitre(spacing: tuple[float, float, float]) -> None:
    """Voxels counted by their share: a single hot voxel weighs its volume over 1 ml."""
    array = np.zeros((15, 15, 15))
    array[7, 7, 7] = 1.0
    peak, _ = peak_mean(array, np.array([[7, 7, 7]]), spacing)
    assert peak == pytest.approx(np.prod(spacing) / 1000.0, rel=2e-3)


def test_peak_is_the_mean_of_points_drawn_in_the_sphere() -> None:
    """A million points in the sphere, each read from its voxel, give the same mean."""
    spacing = np.array((3.27, 2.73, 2.04))
    rng = np.random.default_rng(5)
    array = rng.gamma(3.0, 2.0, (15, 15, 15))
    points = rng.uniform(-PEAK_RADIUS_MM, PEAK_RADIUS_MM, (2_000_000, 3))
    points = points[(points**2).sum(axis=1) <= PEAK_RADIUS_MM**2]
    drawn = array[tuple((np.round(points / spacing).astype(int) + 7).T)]
    peak, _ = peak_mean(array, np.array([[7, 7, 7]]), (3.27, 2.73, 2.04))
    assert peak == pytest.approx(drawn.mean(), rel=3e-3)


def test_peak_is_the_highest_mean_over_the_region() -> None:
    """One noisy voxel makes the maximum, a broad focus makes the peak."""
    array = np.ones((25, 25, 25))
    array[5, 5, 5] = 9.0
    array[14:20, 14:20, 14:20] = 6.0
    centres = np.array([[5, 5, 5], [16, 16, 16]])
    spacing = (3.0, 3.0, 3.0)
    local, best = ibsi_peaks(array, centres, spacing)
    assert peak_mean(array, centres, spacing)[0] == pytest.approx(6.0)
    assert best == pytest.approx(6.0)
    assert local < 2.0


def test_ibsi_digital_phantom_peaks(shared_data: Path) -> None:
    """Consensus values with tolerance 0: local peak 2.6, global peak 3.1."""
    folder = shared_data / "ibsi_digital_phantom" / "nifti"
    image = read_image(folder / "image" / "phantom.nii.gz", Quantity.SUVBW)
    mask = read_image(folder / "mask" / "mask.nii.gz", Quantity.LABEL)
    region = np.argwhere(mask.array > 0)
    spacing = image.grid.spacing_xyz_mm[::-1]
    local, best = ibsi_peaks(image.array.astype(np.float64), region, spacing)
    assert (round(local, 1), round(best, 1)) == (2.6, 3.1)


def test_ibsi_digital_phantom_mesh(shared_data: Path) -> None:
    """Consensus values of the surface: volume 556 (4) mm3, longest diameter 13.1 (0.1) mm."""
    folder = shared_data / "ibsi_digital_phantom" / "nifti"
    mask = read_image(folder / "mask" / "mask.nii.gz", Quantity.LABEL)
    padded = np.pad((mask.array > 0).astype(np.float64), 2)
    n_z, n_y, n_x = padded.shape
    surface = Surface.from_level_set(
        -padded, mask.grid.cropped((-2, -2, -2), (n_z, n_y, n_x)), -0.5
    )
    assert surface.volume_ml * 1000.0 == pytest.approx(556, abs=4)
    assert longest_diameter(surface)[0] == pytest.approx(13.1, abs=0.1)
