"""What an alignment's own doubts make of its verdict."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from lesionscore.registration.judge import fit_doubts, stated_error_mm
from lesionscore.registration.quality import AlignmentReason


def fit(**changes: float) -> SimpleNamespace:
    """A fit that nothing is wrong with, but for the changes."""
    growth = {
        "covariance": np.zeros((6, 6)),
        "near_shift_mm": 0.02,
        "near_spread_mm": 0.1,
        "apart_share": 0.0,
        "apart_mm": 0.0,
    }
    quality = {"correlation": 0.97, "covered": 1.0}
    whole = {
        "matrix": np.eye(4),
        "inverse_gap_mm": 0.02,
        "core_gap_mm": 0.05,
        "lead": 0.2,
        "rival_gap_mm": 0.0,
    }
    for part in (growth, quality, whole):
        part.update({name: value for name, value in changes.items() if name in part})
    return SimpleNamespace(
        growth=SimpleNamespace(fit=SimpleNamespace(**quality), **growth), **whole
    )


OWN = SimpleNamespace(region=SimpleNamespace(centre_mm=(10.0, 20.0, 30.0)))


def judged(**changes: float) -> list[tuple[str, bool]]:
    """Doubts as code and fatality."""
    doubts = fit_doubts(OWN, fit(**changes), [np.eye(4)])  # type: ignore[arg-type]
    return [(doubt.reason.value, doubt.fatal) for doubt in doubts]


UNCERTAIN = AlignmentReason.ALIGNMENT_UNCERTAIN.value


@pytest.mark.parametrize(
    ("changes", "doubts"),
    [
        ({}, []),
        ({"near_spread_mm": 0.9}, [(AlignmentReason.BONE_NOT_RIGID.value, True)]),
        ({"correlation": 0.8}, [(UNCERTAIN, False)]),
        ({"correlation": 0.7}, [(UNCERTAIN, True)]),
        ({"lead": 0.03}, [(UNCERTAIN, False)]),
        ({"lead": 0.005}, [(UNCERTAIN, True)]),
        ({"covered": 0.3}, [(UNCERTAIN, True)]),
        ({"apart_share": 0.06, "apart_mm": 2.0}, []),
        ({"apart_share": 0.14, "apart_mm": 2.0}, [(UNCERTAIN, False)]),
    ],
)
def test_doubts(changes: dict[str, float], doubts: list[tuple[str, bool]]) -> None:
    """Each check alone, on both sides of its limit."""
    assert judged(**changes) == doubts


def test_bone_around_a_lesion_that_went_elsewhere_counts_as_error() -> None:
    """The socket was followed, the head that holds the lesion was not."""
    sure = stated_error_mm(fit())  # type: ignore[arg-type]
    some = stated_error_mm(fit(apart_share=0.05, apart_mm=2.0))  # type: ignore[arg-type]
    torn = stated_error_mm(fit(apart_share=0.15, apart_mm=2.0))  # type: ignore[arg-type]
    assert some == sure < 0.2
    assert torn > 2.0


def test_another_answer_that_fits_as_well_counts_as_error() -> None:
    """A head that may have stayed with its pelvis or followed its femur, 4 mm apart."""
    near = stated_error_mm(fit(rival_gap_mm=0.3))  # type: ignore[arg-type]
    far = stated_error_mm(fit(rival_gap_mm=4.0))  # type: ignore[arg-type]
    assert near == stated_error_mm(fit())  # type: ignore[arg-type]
    assert far > 2.0
