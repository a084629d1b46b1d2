"""Bone beside a lesion as inclusion shows it, against the same bone without the lesion."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from lesionscore.lesions.aligned import AlignedScan, expected_bone, patch_around
from lesionscore.lesions.rasterise import signed_distance
from lesionscore.lesions.refine import without_rim
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.seen_bone import Mixture, seen_bone
from lesionscore.lesions.segment import InclusionLesion, segment_inclusion
from lesionscore.protocol import load_protocol
from lesionscore.registration.transform import RigidTransform
from tests.lesions.synthetic_bone import CENTRE_MM, NOISE_HU, TEXTURE_HU, Lesion, mask, scan
from tests.repeats import seeds

LESION = Lesion(half_axes_mm=(7.0, 5.0, 6.0))
SCANS = 9


@cache
def found(noise_seed: int, texture_hu: float = TEXTURE_HU) -> InclusionLesion:
    """The lesion at inclusion, from a mask."""
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=CENTRE_MM, mask=mask(LESION))
    ct = scan(LESION, noise_seed=noise_seed, texture_hu=texture_hu)
    return segment_inclusion(ct, seed, (), load_protocol())


@cache
def bone_hu(noise_seed: int) -> np.ndarray:
    """The bone without a lesion on the patch's voxels, almost without noise."""
    patch = found(noise_seed).patch
    scans = [scan(None, noise_seed=100 + k) for k in range(SCANS)]
    mean = np.mean([each.array for each in scans], axis=0)
    at = np.moveaxis(scans[0].grid.index_zyx(patch.positions_mm()), -1, 0)
    return ndimage.map_coordinates(mean, at, order=0)


@pytest.mark.parametrize("noise_seed", seeds([1, 2, 3]))
@pytest.mark.parametrize("layer_mm", [(0.3, 1.2), (1.2, 2.5), (2.5, 6.0)])
def test_bone_beside_a_lesion_is_known_closer_than_its_texture(
    noise_seed: int, layer_mm: tuple[float, float]
) -> None:
    """Its own texture is taken off the error, and the SD says what is left."""
    lesion, truth = found(noise_seed), bone_hu(noise_seed)
    away = signed_distance(lesion.surface, lesion.patch.grid, band_mm=8.0)
    layer = (away > layer_mm[0]) & (away < layer_mm[1])
    error = (lesion.seen.level_hu - truth)[layer]
    unseen = (lesion.bone.expected_hu - truth)[layer]
    assert np.sqrt((error**2).mean()) < 0.8 * np.sqrt((unseen**2).mean())
    rms = np.sqrt(max((error**2).mean() - NOISE_HU**2 / SCANS, 0.0))
    stated = np.sqrt((lesion.seen.spread_hu[layer] ** 2).mean())
    # the block has no soft tissue to tell its noise, which is taken for larger than it is
    assert 0.6 < rms / stated < 1.4


def test_lesion_s_share_is_taken_off() -> None:
    """Voxels on the edge tell of the bone behind it, without the lesion in them."""
    lesion, truth = found(1), bone_hu(1)
    mixed = np.abs(Mixture.of(lesion.fit, lesion.patch).share - 0.35) < 0.15
    darker = (lesion.patch.values_hu - truth)[mixed].mean()
    assert darker < -40.0
    assert abs((lesion.seen.level_hu - truth)[mixed].mean()) < 0.2 * abs(darker)


def test_what_a_rim_hides_is_not_taken_as_seen() -> None:
    """Bone as it would be without a rim does not depend on how dense the rim is."""
    lesion = found(1)
    bare = without_rim(lesion.bone, lesion.patch, lesion.surface)
    away = signed_distance(lesion.surface, lesion.patch.grid)
    close = (away > 0.0) & (away < 1.5)
    brighter = lesion.patch.values_hu + np.where(close, np.float32(300.0), np.float32(0.0))
    rimmed = replace(lesion.patch, values_hu=brighter)
    mixture = Mixture.of(lesion.fit, lesion.patch)
    level = seen_bone(rimmed, bare, mixture, broken=False).level_hu
    assert (
        np.abs(level - seen_bone(lesion.patch, bare, mixture, broken=False).level_hu)[close].max()
        < 1.0
    )


@pytest.mark.parametrize("texture_seed", [0, 4])
def test_a_texture_that_is_not_seen_again_is_not_expected(texture_seed: int) -> None:
    """Where a visit shows another texture, inclusion's says nothing of it, and the SD tells."""
    lesion = found(1, 80.0)
    visit = AlignedScan(
        visit="month_12",
        ct=scan(LESION, noise_seed=7, texture_seed=texture_seed, texture_hu=80.0),
        visit_from_inclusion=RigidTransform.identity(),
        registration_error_mm=0.1,
    )
    expected = expected_bone(lesion, visit, patch_around(visit, lesion.surface))
    away = signed_distance(lesion.surface, lesion.patch.grid, band_mm=8.0)
    layer = (away > 1.5) & (away < 6.0)
    texture = (expected.level_hu - lesion.bone.expected_hu)[layer].std() / lesion.bone.texture_hu
    spread = expected.spread_hu[layer].mean() / lesion.bone.texture_hu
    if texture_seed == 0:
        assert texture > 0.5
        assert spread < 0.75
    else:
        assert texture < 0.1
        assert spread > 0.9
