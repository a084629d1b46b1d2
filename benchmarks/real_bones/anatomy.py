"""Which bones are scanned together, and the ranges from which each kind of bone is drawn."""

from __future__ import annotations

from dataclasses import dataclass

VERTEBRAE = (
    *(f"lumbar{n}" for n in range(5, 0, -1)),
    *(f"thoracic{n}" for n in range(12, 0, -1)),
)
"""From below upwards; each turns about the disc under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Ranges from which a kind of bone is drawn, and how far it turns.

    ``step_mm`` is the grid of its surface, ``weight`` how often it has lesions.
    """

    cortex_mm: tuple[float, float]
    cortex_hu: tuple[float, float]
    spongy_hu: tuple[float, float]
    turn_deg: tuple[float, float]
    step_mm: float
    weight: float


KINDS = {
    name: Kind(
        cortex_mm=wall, cortex_hu=hard, spongy_hu=soft, turn_deg=turn, step_mm=step, weight=weight
    )
    for name, wall, hard, soft, turn, step, weight in (
        ("lumbar", (1.0, 1.5), (700, 1000), (130, 220), (0.8, 3.0), 0.6, 2.0),
        ("thoracic", (0.9, 1.4), (700, 1000), (130, 220), (0.8, 3.0), 0.6, 1.3),
        ("rib", (0.9, 1.5), (750, 1050), (130, 200), (1.0, 4.0), 0.5, 0.6),
        ("sternum", (1.0, 1.5), (700, 950), (120, 200), (0.5, 2.0), 0.5, 1.0),
        ("sacrum", (1.0, 1.6), (700, 1000), (120, 220), (0.0, 0.0), 0.8, 3.0),
        ("hip_bone", (1.2, 2.0), (800, 1200), (130, 240), (0.0, 0.5), 0.8, 4.0),
        ("femur", (1.5, 2.5), (900, 1300), (130, 260), (3.0, 10.0), 0.7, 3.0),
        ("humerus", (1.2, 2.2), (900, 1250), (120, 220), (3.0, 10.0), 0.7, 2.0),
        ("scapula", (1.0, 1.8), (800, 1100), (130, 220), (2.0, 8.0), 0.6, 1.0),
        ("clavicle", (1.2, 2.0), (850, 1200), (140, 240), (2.0, 6.0), 0.5, 0.8),
        ("skull", (1.4, 2.2), (1000, 1300), (180, 260), (0.0, 0.0), 0.8, 1.0),
        ("jaw", (1.5, 2.5), (1000, 1300), (160, 260), (1.0, 5.0), 0.8, 0.0),
    )
}


def kind_of(bone: str) -> Kind:
    """What kind of bone a name belongs to."""
    return KINDS[next(kind for kind in KINDS if bone.startswith(kind))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What is scanned: bones, levels in the model's rest pose, and the room around them."""

    bones: tuple[str, ...]
    low_z_mm: float
    high_z_mm: float
    flesh_mm: float
    skin_fat_mm: float

    @property
    def half_z_mm(self) -> float:
        """Half the scan's length; its middle is at 0."""
        return (self.high_z_mm - self.low_z_mm) / 2


def _both(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}_{side}" for name in names for side in "rl")


def _ribs(first: int, last: int) -> tuple[str, ...]:
    return _both(*(f"rib{n}" for n in range(first, last + 1)))


_PELVIS = ("sacrum", "lumbar5", "lumbar4", *_both("femur", "hip_bone"))
_SPINE = (*VERTEBRAE[:10], *_ribs(8, 12))
_ARMS = _both("clavicle", "scapula")
_CHEST = (*_both("humerus"), *VERTEBRAE[9:], *_ribs(1, 8), "sternum", *_ARMS)
REGIONS = {
    name: Region(bones=bones, low_z_mm=low, high_z_mm=high, flesh_mm=flesh, skin_fat_mm=fat)
    for name, bones, low, high, flesh, fat in (
        ("pelvis", _PELVIS, 815.0, 1120.0, 30.0, 14.0),
        ("spine", _SPINE, 1068.0, 1345.0, 22.0, 10.0),
        ("chest", _CHEST, 1330.0, 1530.0, 22.0, 10.0),
        ("skull", ("skull", "jaw"), 1598.0, 1758.0, 7.0, 3.0),
    )
}
