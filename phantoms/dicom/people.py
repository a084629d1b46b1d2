"""The patient as a scanner's header knows them: synthetic, but shaped like the real thing.

Names, birth dates, addresses and numbers are here so that a reader which leaks them is caught;
`PatientHeader.secrets` lists what must never appear in any output.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from enum import StrEnum

FAMILY_NAMES = ("Fantomsen", "Vokselgård", "Attrapsø", "Kunstbæk", "Modelholm", "Prøvedal")
GIVEN_NAMES = {
    "F": ("Karla", "Ingefær", "Sørine", "Asta", "Bodil"),
    "M": ("Esbern", "Villum", "Gorm", "Åge", "Torkild"),
    "O": ("Kim", "Robin", "Noor", "Sascha", "Bo"),
}


class Sex(StrEnum):
    """Patient's Sex (0010,0040)."""

    FEMALE = "F"
    MALE = "M"
    OTHER = "O"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientHeader:
    """What a header says about the patient.

    Parameters
    ----------
    patient_id : str
        The trial's pseudonym; the only identifier that a reader may repeat.
    sex : Sex
        As recorded; "O" has no formula of its own for lean body mass.
    weight_kg, size_m : float
        Of this visit.
    birth_date : date or None
        Made up from `patient_id` when not given.
    """

    patient_id: str = "P01"
    sex: Sex = Sex.FEMALE
    weight_kg: float = 72.0
    size_m: float = 1.68
    birth_date: dt.date | None = None

    def _number(self, word: str, below: int) -> int:
        """Draw a number that depends only on the patient and a word."""
        digest = hashlib.sha256(f"{self.patient_id}/{word}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % below

    @property
    def name(self) -> str:
        """Family and given name, in DICOM's caret form."""
        given = GIVEN_NAMES[self.sex.value]
        family_name = FAMILY_NAMES[self._number("family", len(FAMILY_NAMES))]
        return f"{family_name}^{given[self._number('given', len(given))]}"

    @property
    def born(self) -> dt.date:
        """Birth date, given or made up: between 1938 and 1965."""
        if self.birth_date is not None:
            return self.birth_date
        return dt.date(1938, 1, 1) + dt.timedelta(days=self._number("born", 10000))

    @property
    def hospital_number(self) -> str:
        """A number like those of a hospital's register."""
        return f"{self.born:%d%m%y}-{self._number('hospital', 9000) + 1000}"

    @property
    def address(self) -> str:
        """A street that does not exist."""
        return f"Attrapvej {self._number('street', 97) + 2}, 0000 Fantomby"

    @property
    def phone(self) -> str:
        """A telephone number that nobody has."""
        return f"+00 {self._number('phone', 10**8):08d}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that identify the patient and may appear in no output."""
        family, given = self.name.split("^")
        return (
            self.name,
            family,
            given,
            f"{self.born:%Y%m%d}",
            f"{self.born:%Y-%m-%d}",
            self.hospital_number,
            self.address,
            self.phone,
        )

    def age_on(self, day: dt.date) -> str:
        """Age in DICOM's form, for instance 071Y."""
        birthday = (self.born.month, self.born.day)
        years = day.year - self.born.year - ((day.month, day.day) < birthday)
        return f"{years:03d}Y"
