"""Images know where they are, and refuse what is no grid."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms import Image

ARRAY = np.zeros((4, 3, 2), dtype=np.int16)


def test_positions_and_indices_are_inverse() -> None:
    """Also on an oblique grid."""
    c, s = np.cos(0.4), np.sin(0.4)
    image = Image(
        array=ARRAY,
        spacing_xyz_mm=(1.0, 2.0, 3.0),
        origin_mm=(10.0, -5.0, 7.0),
        direction=(c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0),
    )
    index = np.array([1.0, 2.0, 0.5])
    position = (image.mm_from_index @ [*index, 1.0])[:3]
    assert image.index_of(position) == pytest.approx(index)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"array": np.zeros((2, 2))}, "z, y, x"),
        ({"spacing_xyz_mm": (1.0, 0.0, 1.0)}, "positive"),
        ({"direction": (1.0, 0, 0, 0, 1, 0, 0, 1, 1)}, "orthonormal"),
        ({"origin_mm": (0.0, 0.0)}, "origin"),
    ],
)
def test_what_is_no_grid_is_refused(changes: dict[str, object], message: str) -> None:
    """With what was found."""
    good = {"array": ARRAY, "spacing_xyz_mm": (1.0, 1.0, 1.0), "origin_mm": (0.0, 0.0, 0.0)}
    with pytest.raises(ValueError, match=message):
        Image(**(good | changes))  # type: ignore[arg-type]
