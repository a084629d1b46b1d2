"""A sclerotic rim at inclusion is taken up only where it does not explain the scan much worse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from threadpoolctl import threadpool_limits

from lesionscore.lesions import refine
from lesionscore.lesions.evidence import Arena, Evidence
from lesionscore.lesions.fit import fit_surface
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import segment_inclusion
from lesionscore.lesions.shape import ShapeBasis
from lesionscore.lesions.surface_fit import SurfaceFit
from lesionscore.protocol import load_protocol
from tests.lesions.synthetic_bone import CENTRE_MM, Lesion, scan

RIMMED = Lesion(half_axes_mm=(7.0, 5.0, 6.0), rim_hu=150.0)


@pytest.mark.parametrize(("more", "taken_up"), [(0.0, True), (2.0 * refine.RIM_COST, False)])
def test_what_a_rim_may_cost(
    more: float, *, taken_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that lies around the lesion, bone that was there anyway explains it better."""

    def dearer(basis: ShapeBasis, evidence: Evidence, arena: Arena | None = None) -> SurfaceFit:
        fit = fit_surface(basis, evidence, arena)
        return replace(fit, cost=fit.cost + more) if evidence.rim_hu > 0.0 else fit

    monkeypatch.setattr(refine, "fit_surface", dearer)
    seed = LesionSeed(lesion_id="L1", label=1, position_mm=CENTRE_MM)
    with threadpool_limits(1, user_api="blas"):
        lesion = segment_inclusion(scan(RIMMED, noise_seed=1), seed, (), load_protocol())
    assert (lesion.rimless is not None) is taken_up
    assert lesion.reading.size is not None
    assert abs(lesion.reading.size.longest_diameter_mm - RIMMED.longest_mm) < 1.0
