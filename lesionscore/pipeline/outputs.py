"""What one patient leaves in the output folder besides rows: masks, transforms, strips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lesionscore.errors import OutputError
from lesionscore.lesions.rasterise import label_map
from lesionscore.lesions.strip import LesionStrip, write_strip
from lesionscore.lesions.surface import Surface
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid, Volume
from lesionscore.volumes.volume import write_image


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFolder:
    """Paths below ``OUT/patients/<patient_id>``; ids were checked when the tables were read."""

    path: Path
    protocol_hash: str
    """Of the rules in effect; masks and transforms carry it as a note."""

    @classmethod
    def make(cls, out: Path, patient_id: str, protocol_hash: str) -> PatientFolder:
        """Make the folder and its parts.

        Raises
        ------
        OutputError
            If a folder cannot be made.
        """
        path = out / "patients" / patient_id
        try:
            for part in ("masks", "transforms", "strips"):
                (path / part).mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise OutputError(f"{path}: the folder cannot be made ({exc.strerror})") from exc
        return cls(path=path, protocol_hash=protocol_hash)

    @property
    def _note(self) -> str:
        """What is written into files of images and transforms; NIfTI has room for 79 letters."""
        return f"protocol {self.protocol_hash}"

    def write_masks(self, visit: str, grid: Grid, surfaces: Mapping[int, Surface]) -> None:
        """Write a label map on the visit's CT grid, ``label -> surface``."""
        labels = Volume(array=label_map(grid, surfaces), grid=grid, quantity=Quantity.LABEL)
        write_image(labels, self.path / "masks" / f"{visit}.nii.gz", note=self._note)

    def write_transform(self, lesion_id: str, visit: str, transform: RigidTransform) -> None:
        """Write the transform from the inclusion CT to the visit's CT."""
        path = self.path / "transforms" / f"{lesion_id}_{visit}.tfm"
        transform.write(path)
        with path.open("a", encoding="ascii") as file:
            file.write(f"# {self._note}\n")  # ITK passes over it

    def write_strip(self, lesion_id: str, visit: str, strip: LesionStrip) -> None:
        """Write the pictures of a lesion at a visit."""
        write_strip(self.path / "strips" / f"{lesion_id}_{visit}.npz", strip)
