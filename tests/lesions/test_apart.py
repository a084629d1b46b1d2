"""Two lesions close together, each given by a point: neither takes in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lesionscore.lesions.apart import OVERLAPS, told_apart
from lesionscore.lesions.seed import LesionSeed
from lesionscore.lesions.segment import InclusionLesion, segment_inclusion
from lesionscore.lesions.surface import Surface
from lesionscore.protocol import load_protocol
from tests.lesions.synthetic_bone import CENTRE_MM, Lesion, mask, scan

PROTOCOL = load_protocol()
X, Y, Z = CENTRE_MM
LARGE = Lesion(half_axes_mm=(7.5, 6.5, 7.0))
# a third of a millimetre of it lies in the large one
SMALL = Lesion(half_axes_mm=(3.0, 3.0, 3.0), centre_mm=(X + 8.88, Y - 3.27, Z + 3.27))
CT = scan(LARGE, SMALL, noise_seed=5)


def seeds(*places: tuple[float, float, float], outlined: Sequence[Lesion] = ()) -> list[LesionSeed]:
    """Points, the first ones with outlines."""
    return [
        LesionSeed(
            lesion_id=f"L{n}",
            label=n,
            position_mm=place,
            mask=mask(outlined[n - 1]) if n <= len(outlined) else None,
        )
        for n, place in enumerate(places, start=1)
    ]


def alone_and_apart(
    given: Sequence[LesionSeed],
) -> tuple[dict[str, InclusionLesion], dict[str, InclusionLesion]]:
    """Each found by itself, and told apart."""
    by_name = {seed.lesion_id: seed for seed in given}

    def segmented(name: str, taken: Sequence[Surface]) -> InclusionLesion:
        others = [seed for key, seed in by_name.items() if key != name]
        return segment_inclusion(CT, by_name[name], others, PROTOCOL, taken=taken)

    alone = {name: segmented(name, ()) for name in by_name}
    return alone, told_apart(alone, segmented)


def diameter_mm(lesion: InclusionLesion) -> float:
    """Longest diameter of a lesion that has one."""
    assert lesion.reading.size is not None
    return lesion.reading.size.longest_diameter_mm


# off the middle, towards the other lesion
LARGE_POINT = (X + 1.5, Y - 1.0, Z + 1.0)
SMALL_POINT = (X + 7.29, Y - 2.68, Z + 2.68)


@pytest.mark.parametrize("outlined", [(), (LARGE,)])
def test_a_point_does_not_take_in_the_lesion_next_door(outlined: Sequence[Lesion]) -> None:
    """By itself the small one joins the large one; told apart both have their own size."""
    alone, apart = alone_and_apart(seeds(LARGE_POINT, SMALL_POINT, outlined=outlined))
    assert diameter_mm(alone["L2"]) > SMALL.longest_mm + 2.0
    assert diameter_mm(apart["L2"]) == pytest.approx(SMALL.longest_mm, abs=1.5)
    assert diameter_mm(apart["L1"]) == pytest.approx(LARGE.longest_mm, abs=0.8)
    assert all(OVERLAPS not in lesion.reading.flags for lesion in apart.values())


def test_lesions_that_do_not_overlap_are_left_alone() -> None:
    """The same objects come back."""
    alone, apart = alone_and_apart(seeds(LARGE_POINT, SMALL.centre_mm, outlined=(LARGE, SMALL)))
    assert all(apart[name] is alone[name] for name in alone)


def test_two_points_in_one_lesion_are_flagged() -> None:
    """No wall: what belongs to which point cannot be known."""
    _, apart = alone_and_apart(seeds((X - 2.0, Y, Z), (X + 2.0, Y, Z)))
    assert all(OVERLAPS in lesion.reading.flags for lesion in apart.values())
    assert np.isfinite([diameter_mm(lesion) for lesion in apart.values()]).all()


@pytest.mark.parametrize("lobed", ["L1", "L2"])
def test_what_was_joined_gives_way_first(lobed: str) -> None:
    """Of two that overlap, the one that is mostly a joined lobe is looked for again."""
    alone, _ = alone_and_apart(seeds((X - 2.0, Y, Z), (X + 2.0, Y, Z)))
    given = {
        name: replace(lesion, lobe_share=0.6 if name == lobed else 0.3)
        for name, lesion in alone.items()
    }
    asked: list[str] = []

    def again(name: str, taken: Sequence[Surface]) -> InclusionLesion:
        asked.append(name)
        return given[name]

    told_apart(given, again)
    assert asked[0] == lobed
