"""PET against CT near a lesion: trusted, corrected or doubted, on bones made here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from lesionscore.quantities import Quantity
from lesionscore.registration.pet_ct import PetAlignment, align_pet
from lesionscore.registration.shift_search import ShiftScores
from lesionscore.volumes import Grid, Volume

Floats = npt.NDArray[np.float64]
LIMIT_MM = 2.5
CENTRE = (0.0, 0.0, 0.0)
RADIUS_MM = 9.0


def grid(spacing_xyz_mm: tuple[float, float, float], half_mm: float) -> Grid:
    """A grid around the origin of patient space."""
    x, y, z = (int(half_mm // s) for s in spacing_xyz_mm)
    sx, sy, sz = spacing_xyz_mm
    return Grid(
        shape_zyx=(2 * z + 1, 2 * y + 1, 2 * x + 1),
        spacing_xyz_mm=spacing_xyz_mm,
        origin_mm=(-x * sx, -y * sy, -z * sz),
    )


def positions(on: Grid) -> Floats:
    """Position of every voxel centre."""
    return on.positions_mm(np.moveaxis(np.indices(on.shape_zyx), 0, -1))


def depth_mm(points: Floats) -> Floats:
    """Depth below the surface of a few round bones that cross near the origin; outside < 0."""
    bones = [
        ((-70, 8, -12), (70, -8, 10), 14.0),
        ((20, -60, -50), (-10, 60, 55), 10.0),
        ((-45, 30, -60), (-35, -20, 60), 8.0),
        ((40, 35, -55), (50, -45, 40), 7.0),
    ]
    best = np.full(points.shape[:-1], -np.inf)
    for first, last, radius in bones:
        start, along = np.array(first, float), np.subtract(last, first).astype(float)
        t = np.clip(((points - start) @ along) / (along @ along), 0, 1)
        axis_distance = np.linalg.norm(points - start - t[..., None] * along, axis=-1)
        best = np.maximum(best, radius - axis_distance)
    return best


def make_ct(seed: int = 0) -> Volume:
    """Trabecular bone in a cortex in soft tissue, a lytic lesion at the origin, 35 HU noise."""
    on = grid((1.5, 1.5, 2.0), 75.0)
    points = positions(on)
    depth = depth_mm(points)
    hu = np.where(depth > 2, 200.0, np.where(depth > 0, 900.0, 40.0))
    hu[np.linalg.norm(points, axis=-1) < 8] = 30.0
    noisy = ndimage.gaussian_filter(hu, 0.6) + np.random.default_rng(seed).normal(0, 35, hu.shape)
    return Volume(array=noisy.astype(np.int16), grid=on, quantity=Quantity.HU)


CT = make_ct()


def make_pet(
    seed: int,
    *,
    moved_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    hot_lesion_mm: tuple[float, float, float] | None = None,
    bladder: bool = False,
    bone_suv: float = 6.0,
    reach_mm: float = 80.0,
) -> Volume:
    """Uneven uptake in the same bones, with blur and 12 % noise."""
    rng = np.random.default_rng(seed)
    on = grid((2.73, 2.73, 3.27), reach_mm)
    spacing = np.asarray(on.spacing_xyz_mm)[::-1]
    points = positions(on) - np.array(moved_mm)
    uneven = ndimage.gaussian_filter(rng.normal(size=on.shape_zyx), 12 / spacing)
    bone = np.clip(depth_mm(points) / 2 + 0.5, 0, 1)
    suv = 0.8 + bone * bone_suv * np.clip(1 + 0.3 * uneven / uneven.std(), 0.2, None)
    if bone_suv == 0:  # another tracer: soft tissue as uneven as can be
        suv = 2.0 + 0.7 * uneven / uneven.std()
    suv = np.where(np.linalg.norm(points, axis=-1) < 8, 2.0, suv)
    if hot_lesion_mm is not None:
        suv = np.where(np.linalg.norm(points - np.array(hot_lesion_mm), axis=-1) < 6, 45.0, suv)
    if bladder:
        suv = np.where(np.linalg.norm(points - np.array((10, -45, 10)), axis=-1) < 20, 60.0, suv)
    blurred = ndimage.gaussian_filter(suv, 6.0 / 2.355 / spacing)
    noise = ndimage.gaussian_filter(rng.normal(size=on.shape_zyx), 4.5 / 2.355 / spacing)
    array = np.clip(blurred * (1 + 0.12 * noise / noise.std()), 0, None)
    return Volume(array=array.astype(np.float32), grid=on, quantity=Quantity.SUVBW)


def align(pet: Volume, *, ct: Volume = CT, same_frame: bool = True) -> PetAlignment:
    """Align at the origin."""
    return align_pet(ct, pet, CENTRE, RADIUS_MM, LIMIT_MM, same_frame)


@pytest.mark.parametrize("seed", range(6))
def test_a_patient_who_lay_still_is_not_moved(seed: int) -> None:
    """Identity, no flag, and the agreement is on record."""
    alignment = align(make_pet(seed))
    assert alignment.flags == ()
    assert alignment.shift_mm == 0.0
    np.testing.assert_array_equal(alignment.pet_from_ct.matrix, np.eye(4))
    assert alignment.offset_mm is not None
    assert alignment.offset_mm < LIMIT_MM
    assert alignment.correlation is not None
    assert alignment.correlation > 0.6


@pytest.mark.parametrize(
    "moved_mm", [(6.0, 0.0, 0.0), (0.0, -7.0, 4.0), (-4.0, 5.0, -9.0), (3.0, 3.0, 2.0)]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_patient_who_moved_is_followed(moved_mm: tuple[float, float, float], seed: int) -> None:
    """The correction is right to 1.5 mm, its size and its flag are reported."""
    alignment = align(make_pet(seed, moved_mm=moved_mm))
    assert alignment.flags == ("pet_ct_moved",)
    found = alignment.pet_from_ct.apply(CENTRE)
    assert np.linalg.norm(found - np.array(moved_mm)) < 1.5
    assert alignment.shift_mm == pytest.approx(float(np.linalg.norm(found)))
    assert alignment.offset_sd_mm is not None
    assert alignment.offset_sd_mm <= alignment.shift_mm / 3


@pytest.mark.parametrize("where_mm", [(10.0, 0.0, 0.0), (0.0, -14.0, 6.0), (13.0, 10.0, 0.0)])
def test_a_hot_lesion_alone_never_moves_the_pet(where_mm: tuple[float, float, float]) -> None:
    """Uptake at one side of the lesion is a finding, not motion."""
    alignment = align(make_pet(3, hot_lesion_mm=where_mm))
    assert alignment.flags == ()
    assert alignment.shift_mm == 0.0


def test_a_bladder_does_not_pull() -> None:
    """Neither when the patient lay still, nor in the correction of one who moved."""
    assert align(make_pet(4, bladder=True)).flags == ()
    moved = align(make_pet(4, bladder=True, moved_mm=(0.0, 6.0, 0.0)))
    assert moved.flags == ("pet_ct_moved",)
    np.testing.assert_allclose(moved.pet_from_ct.apply(CENTRE), (0.0, 6.0, 0.0), atol=1.5)


@pytest.mark.parametrize("seed", range(5))
def test_a_tracer_that_does_not_show_bone_moves_nothing(seed: int) -> None:
    """Uneven soft tissue gives no evidence: unverified, and the frame of reference stands."""
    alignment = align(make_pet(seed, bone_suv=0.0))
    assert alignment.flags == ("pet_ct_unverified",)
    assert alignment.reasons == ()
    assert alignment.shift_mm == 0.0
    assert alignment.offset_mm is None


def test_without_bone_there_is_nothing_to_verify() -> None:
    """A CT of soft tissue alone says so."""
    soft = replace(CT, array=np.full_like(CT.array, 40))
    assert align(make_pet(0), ct=soft).flags == ("pet_ct_unverified",)


def test_a_pet_that_does_not_reach_the_lesion_is_unverified() -> None:
    """No overlap is no evidence; coverage itself is judged where the uptake is read."""
    pet = make_pet(0)
    far = replace(pet, grid=replace(pet.grid, origin_mm=(500.0, 500.0, 500.0)))
    alignment = align(far)
    assert alignment.flags == ("pet_ct_unverified",)
    assert alignment.correlation is None


def test_a_blank_pet_is_unverified() -> None:
    """Zeros agree with nothing."""
    pet = make_pet(0)
    assert align(replace(pet, array=np.zeros_like(pet.array))).flags == ("pet_ct_unverified",)


def test_another_frame_of_reference_is_confirmed_by_the_bones() -> None:
    """Images that agree make it usable, flagged."""
    alignment = align(make_pet(1), same_frame=False)
    assert alignment.flags == ("pet_frame_of_reference_differs",)
    assert alignment.reasons == ()


def test_another_frame_of_reference_without_confirmation_is_refused() -> None:
    """Coordinates of another frame mean nothing until the images agree."""
    alignment = align(make_pet(1, bone_suv=0.0), same_frame=False)
    assert alignment.reasons == ("pet_ct_unrelated",)
    assert "pet_ct_unverified" in alignment.flags


def test_a_shift_beyond_the_search_is_doubted_not_half_corrected() -> None:
    """40 mm is another bone: nothing is moved, and it is not called agreement."""
    alignment = align(make_pet(2, moved_mm=(0.0, 0.0, 40.0), reach_mm=120.0))
    assert alignment.shift_mm == 0.0
    assert alignment.flags
    assert align(
        make_pet(2, moved_mm=(0.0, 0.0, 40.0), reach_mm=120.0), same_frame=False
    ).reasons == ("pet_ct_unrelated",)


def test_the_unit_of_the_pet_does_not_matter() -> None:
    """Scores are correlations: Bq/ml give the same answer as SUV."""
    pet = make_pet(5, moved_mm=(0.0, 7.0, 0.0))
    scaled = Volume(array=pet.array * 2500.0, grid=pet.grid, quantity=Quantity.BQ_PER_ML)
    np.testing.assert_allclose(
        align(scaled).pet_from_ct.matrix, align(pet).pet_from_ct.matrix, atol=1e-4
    )


def test_shift_scores_equal_a_correlation_by_hand() -> None:
    """Fourier sums against numpy's weighted covariance, at several shifts."""
    rng = np.random.default_rng(7)
    image = rng.normal(size=(11, 12, 13))
    margin = np.array((2, 3, 1))
    shape = tuple((np.array(image.shape) - 2 * margin).tolist())
    window, weight = rng.normal(size=shape), rng.uniform(0.1, 1.0, shape)
    scores = ShiftScores.from_images(window, weight, rng.integers(0, 8, shape), image)
    assert scores.score.shape == (5, 7, 3)
    for shift in [(0, 0, 0), (4, 6, 2), (2, 3, 1), (1, 5, 0)]:
        block = image[tuple(slice(s, s + n) for s, n in zip(shift, shape, strict=True))]
        c = np.cov(window.ravel(), block.ravel(), aweights=weight.ravel(), ddof=0)
        expected = c[0, 1] / np.sqrt(c[0, 0] * c[1, 1])
        assert scores.score[shift] == pytest.approx(expected, abs=1e-9)


def test_shift_scores_find_a_known_shift_between_voxels() -> None:
    """A smooth image moved by parts of a voxel comes back."""
    rng = np.random.default_rng(8)
    image = ndimage.gaussian_filter(rng.normal(size=(40, 40, 40)), 2.5)
    shifted = ndimage.shift(image, (0.4, -1.3, 2.0), order=3)
    window = shifted[6:-6, 6:-6, 6:-6]
    part = np.indices(window.shape).sum(axis=0) % 8
    scores = ShiftScores.from_images(window, np.ones(window.shape), part, image)
    np.testing.assert_allclose(scores.best_shift_zyx(), (-0.4, 1.3, -2.0), atol=0.05)
    assert scores.best > scores.at_zero
    assert not scores.is_at_border


def test_the_surroundings_of_the_lesion_are_enough_of_the_ct() -> None:
    """A block of the CT gives the whole scan's answer; beyond it nothing is made up."""
    pet = make_pet(0, moved_mm=(0.0, -7.0, 4.0))
    whole, block = align(pet), align(pet, ct=CT.crop(CENTRE, RADIUS_MM + 40.0))
    assert block.flags == ("pet_ct_moved",)
    np.testing.assert_allclose(
        block.pet_from_ct.apply(CENTRE), whole.pet_from_ct.apply(CENTRE), atol=0.7
    )


def test_shift_scores_leave_out_what_is_not_covered() -> None:
    """What stands in uncovered voxels has no say, and a shift that covers little is not taken."""
    rng = np.random.default_rng(9)
    image = rng.normal(size=(12, 12, 12))
    covered = np.ones(image.shape, dtype=bool)
    covered[:, :, :4] = False
    window, weight = rng.normal(size=(6, 6, 6)), np.ones((6, 6, 6))
    part = np.zeros((6, 6, 6), dtype=int)
    scores = ShiftScores.from_images(window, weight, part, image, covered)
    spoilt = np.where(covered, image, 1e3)
    again = ShiftScores.from_images(window, weight, part, spoilt, covered)
    np.testing.assert_allclose(scores.score, again.score, atol=1e-9)
    assert (scores.score[:, :, 0] == -1.0).all()
    here = np.corrcoef(window[:, :, 1:].ravel(), image[3:9, 3:9, 4:9].ravel())[0, 1]
    assert scores.score[3, 3, 3] == pytest.approx(here)
