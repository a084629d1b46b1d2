"""Lesions amid spongy bone that is hardly denser than they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from lesionscore.lesions import bone
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import segment_inclusion
from lesionscore.protocol import load_protocol
from tests.lesions import synthetic_bone
from tests.lesions.synthetic_bone import CENTRE_MM, Lesion, mask, scan


@pytest.mark.parametrize("noise_seed", [1, 2])
def test_sparse_bone_beside_a_lesion_is_bone(
    monkeypatch: pytest.MonkeyPatch, noise_seed: int
) -> None:
    """Bone of 120 HU around a lesion of 68 HU is bone, though no 40 HU denser everywhere."""
    monkeypatch.setattr(synthetic_bone, "BONE_HU", 120.0)
    lesion = Lesion(half_axes_mm=(7.0, 5.5, 6.0), level_hu=68.0)
    ct = scan(lesion, noise_seed=noise_seed, texture_hu=24.0)
    outlined = LesionSeed(lesion_id="L1", label=1, position_mm=CENTRE_MM, mask=mask(lesion))
    with threadpool_limits(1, user_api="blas"):
        for seed in (outlined, replace(outlined, mask=None)):
            found = segment_inclusion(ct, seed, (), load_protocol())
            assert found.unreadable is None
            assert found.contact > 0.87
            with monkeypatch.context() as by_a_fixed_rise:
                by_a_fixed_rise.setattr(bone, "SPARSE_SHARE", np.inf)
                other = segment_inclusion(ct, seed, (), load_protocol())
            assert other.contact < found.contact - 0.04
