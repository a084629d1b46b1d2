"""What differs between patients: size, age, sex, posture; one plain value for all builders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantoms.seeds import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Body of one patient.

    ``size`` scales the skeleton (1.0 = 1.75 m), ``trabecular_hu`` is the density of a lumbar
    vertebra, ``curve_deg`` the amplitude of a scoliosis, ``girth`` scales the soft tissue.
    ``seed`` is the root of everything drawn for this patient.
    """

    seed: int
    patient_id: str
    size: float
    sex: str
    age: int
    trabecular_hu: float
    curve_deg: float
    girth: float
    weight_kg: float
    height_m: float
    degenerate: float

    def rng(self, *names: str | int) -> np.random.Generator:
        """Named random numbers of this patient."""
        return stream(self.seed, self.patient_id, *names)


def draw_build(seed: int, patient_id: str) -> Build:
    """Draw a patient from a seed.

    Parameters
    ----------
    seed : int
        Seed of the study.
    patient_id : str
        The same seed gives another patient under another id.

    Returns
    -------
    Build
        Age 45 to 80, either sex, height and weight to match.
    """
    rng = stream(seed, patient_id, "build")
    sex = "M" if rng.random() < 0.55 else "F"
    age = int(rng.integers(45, 81))
    height = float(np.clip(rng.normal(1.77 if sex == "M" else 1.64, 0.06), 1.50, 1.93))
    girth = float(rng.uniform(0.86, 1.08))
    old = (age - 45) / 35.0
    return Build(
        seed=seed,
        patient_id=patient_id,
        size=round(height / 1.75, 4),
        sex=sex,
        age=age,
        trabecular_hu=round(float(rng.normal(225 - 85 * old, 15)), 1),
        curve_deg=round(float(rng.normal(0, 3.0)), 2),
        girth=round(girth, 4),
        weight_kg=round(float(25.5 * girth**2 * height**2 + rng.normal(0, 3)), 1),
        height_m=round(height, 2),
        degenerate=round(float(rng.uniform(0, 0.4 + 0.6 * old)), 3),
    )
