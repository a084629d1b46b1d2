"""How probable each limb is, given the uncertainty of the readings; made by `uncertainty`."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbProbabilities:
    """Probability, 0 to 1, that each limb is met; None where it cannot be told."""

    size: float | None = None
    sclerosis: float | None = None
    complete: float | None = None
    healed: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"{field.name}: a probability lies between 0 and 1, not {value}")
