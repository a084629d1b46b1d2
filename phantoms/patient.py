"""A synthetic patient: skeleton, poses, lesions and scans at four visits, and their truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from phantoms.anatomy.bone import Bone, apply
from phantoms.anatomy.bricks import BakedBones
from phantoms.anatomy.build import Build, draw_build
from phantoms.anatomy.shapes import Floats
from phantoms.anatomy.skeleton import build_skeleton
from phantoms.anatomy.texture import Floats32, soft_pattern, trabecular_texture
from phantoms.image import Image
from phantoms.lesions.confounders import Confounder
from phantoms.lesions.courses import VISITS
from phantoms.lesions.drawing import random_confounders, random_lesions
from phantoms.lesions.plan import LesionPlan
from phantoms.lesions.truth import LesionTruth, lesion_truths
from phantoms.pose import pose_skeleton
from phantoms.scanner.blur import Kernel
from phantoms.scanner.bones import draw_label
from phantoms.scanner.ct import Anatomy, render_ct
from phantoms.scanner.pet import lesion_suv_max, render_pet, with_noise
from phantoms.scanner.plan import ScanChoice, ScanPlan, plan_scan
from phantoms.scanner.scene import make_scene

PRESETS = ("small", "full")


class Patient:
    """A synthetic patient; everything heavy is made when first asked for.

    Parameters
    ----------
    build : Build
        The body.
    preset : str
        ``small`` or ``full``.
    bones : dict of str to Bone
        The skeleton in its canonical pose.
    lesions : sequence of LesionPlan
        All lesions, also those that appear later.
    confounders : sequence of Confounder
        What changes beside them.
    choices : mapping of str to ScanChoice, optional
        What is fixed about the scans, by visit.
    """

    visits = VISITS

    def __init__(
        self,
        build: Build,
        preset: str,
        bones: dict[str, Bone],
        lesions: Sequence[LesionPlan],
        confounders: Sequence[Confounder] = (),
        choices: Mapping[str, ScanChoice] | None = None,
    ) -> None:
        self.build = build
        self.preset = preset
        self.patient_id = build.patient_id
        self.bones = bones
        self.lesions = tuple(lesions)
        self.confounders = tuple(confounders)
        self.choices = dict(choices or {})
        self.poses = {visit: pose_skeleton(bones, build, visit) for visit in VISITS}
        self.scans = {visit: self._plan_scan(visit) for visit in VISITS}

    def _plan_scan(self, visit: str) -> ScanPlan:
        """Cover what the preset covers, wherever it lies at this visit."""
        poses, k = self.poses[visit], self.build.size
        centre_y = poses["L3"][1, 3]
        half = 180.0 * k
        if self.preset == "small":
            low = poses["femur_left"][2, 3] - 84 * k
            high = poses["T8"][2, 3] + 26 * k
        else:
            low = poses["femur_left"][2, 3] - 165 * k
            high = poses["skull"][2, 3] + 84 * k
        x = poses["L3"][0, 3] * 0.5 + poses["sacrum"][0, 3] * 0.5
        return plan_scan(
            self.build,
            self.preset,
            visit,
            np.array([x - half, centre_y - 130 * k, low]),
            np.array([x + half, centre_y + 90 * k, high]),
            self.choices.get(visit),
        )

    @cached_property
    def bricks(self) -> BakedBones:
        """Bones evaluated on their lattices, each when first asked for."""
        return BakedBones(self.bones)

    @cached_property
    def texture(self) -> Floats32:
        """Trabecular texture of all bones."""
        return trabecular_texture(self.build)

    @cached_property
    def pattern(self) -> Floats32:
        """Smooth pattern that the soft tissues are drawn from."""
        return soft_pattern(self.build)

    def prepare(self) -> None:
        """Make the lattices that the scans share, before threads ask for them."""
        _ = self.bricks, self.texture, self.pattern

    def around(
        self, lesion_id: str, visit: str, half_mm: float, spacing_mm: float, kernel: Kernel
    ) -> ScanPlan:
        """Plan a small scan of cubic voxels around a lesion: for tests and pictures.

        Parameters
        ----------
        lesion_id, visit : str
            Which lesion, when.
        half_mm : float
            Half the edge of the cube.
        spacing_mm : float
            Of the voxels, along all axes.
        kernel : Kernel
            ``Kernel.IDEAL`` for an image without point spread.

        Returns
        -------
        ScanPlan
            To be given to `render_ct`; without drift.
        """
        plan = self.lesion(lesion_id)
        centre = apply(self.poses[visit][plan.bone], plan.lobes[:, 9:12].mean(axis=0))
        count = 2 * math.ceil(half_mm / spacing_mm) + 1
        x, y, z = (float(v) for v in centre - spacing_mm * (count - 1) / 2)
        return replace(
            self.scans[visit],
            shape_zyx=(count, count, count),
            spacing_xyz_mm=(spacing_mm, spacing_mm, spacing_mm),
            origin_mm=(x, y, z),
            thickness_mm=spacing_mm,
            kernel=kernel,
            kvp=120.0,
            drift_hu=0.0,
            metal=False,
        )

    def forget(self) -> None:
        """Drop what can be made again (bricks and lattices), to free memory."""
        for name in ("bricks", "texture", "pattern"):
            self.__dict__.pop(name, None)

    def anatomy(self, visit: str) -> Anatomy:
        """Patient and visit as the painters need them."""
        self._known(visit)
        poses = self.poses[visit]
        return Anatomy(
            build=self.build,
            bones=self.bones,
            bricks=self.bricks,
            texture=self.texture,
            pattern=self.pattern,
            poses=poses,
            scene=make_scene(self.build, self.bones, poses, visit),
            lesions=self.lesions,
            confounders=self.confounders,
            visit=visit,
        )

    def render_ct(self, visit: str, *, noise: bool = True, scan: ScanPlan | None = None) -> Image:
        """Render the CT of a visit.

        Parameters
        ----------
        visit : str
            One of `visits`.
        noise : bool
            False gives the blurred scan without noise, float32.
        scan : ScanPlan, optional
            Another grid or kernel than the visit's own.

        Returns
        -------
        Image
            HU, int16 with noise.
        """
        return render_ct(self.anatomy(visit), scan or self.scans[visit], noise=noise)

    def render_mask(self, visit: str, scan: ScanPlan | None = None) -> Image:
        """Draw the label map of all lesions on the visit's CT grid.

        Parameters
        ----------
        visit : str
            One of `visits`.
        scan : ScanPlan, optional
            Another grid than the visit's own.

        Returns
        -------
        Image
            uint8; a voxel has a lesion's label where its centre lies inside the surface.
        """
        self._known(visit)
        scan = scan or self.scans[visit]
        out = np.zeros(scan.shape_zyx, dtype=np.uint8)
        index_from_world = np.diag([*(1 / np.array(scan.spacing_xyz_mm)), 1.0])
        index_from_world[:3, 3] = -np.array(scan.origin_mm) / scan.spacing_xyz_mm
        for plan in self.lesions:
            lobes = plan.surface(visit)
            if len(lobes):
                pose = self.poses[visit][plan.bone]
                draw_label(out, plan.label, index_from_world, pose, lobes)
        return Image(array=out, spacing_xyz_mm=scan.spacing_xyz_mm, origin_mm=scan.origin_mm)

    def render_pet(self, visit: str, *, noise: bool = True, scan: ScanPlan | None = None) -> Image:
        """Render the NaF PET of a visit.

        Parameters
        ----------
        visit : str
            One of `visits`.
        noise : bool
            False gives the blurred uptake without noise.
        scan : ScanPlan, optional
            Another acquisition than the visit's own.

        Returns
        -------
        Image
            SUVbw, float32, native PET grid.
        """
        return render_pet(self.anatomy(visit), scan or self.scans[visit], noise=noise)

    def noisy_pet(self, visit: str, clean: Image) -> Image:
        """Add a visit's noise to its noise-free PET."""
        return with_noise(clean, self.build, visit, self.scans[visit])

    def suv_max(self, visit: str, image: Image) -> dict[str, float | None]:
        """Highest SUV of each lesion's region on a PET of a visit.

        The region is every voxel whose centre lies within 4 mm of the inclusion surface, carried
        to the visit (and to where the body lay during the PET).
        """
        self._known(visit)
        shift = np.array(self.scans[visit].pet_shift_mm)
        return {
            plan.lesion_id: lesion_suv_max(image, plan, self.poses[visit][plan.bone], shift)
            for plan in self.lesions
        }

    @cached_property
    def _truth(self) -> tuple[LesionTruth, ...]:
        rows: list[LesionTruth] = []
        for plan in self.lesions:
            poses = {visit: self.poses[visit][plan.bone] for visit in VISITS}
            rows += lesion_truths(self.patient_id, plan, self.bones[plan.bone], poses)
        return tuple(rows)

    def lesion_truth(self) -> list[LesionTruth]:
        """Truth of every lesion at every visit, from the implicit surfaces."""
        return list(self._truth)

    def click_mm(self, lesion_id: str) -> Floats:
        """Position of a reader's click inside a lesion on the inclusion CT, LPS mm."""
        plan = self.lesion(lesion_id)
        pose = self.poses["inclusion"][plan.bone]
        return np.asarray(pose[:3, :3] @ np.array(plan.click_mm) + pose[:3, 3])

    def lesion(self, lesion_id: str) -> LesionPlan:
        """Plan of a lesion.

        Raises
        ------
        KeyError
            If the patient has no lesion of this id.
        """
        for plan in self.lesions:
            if plan.lesion_id == lesion_id:
                return plan
        raise KeyError(f"{self.patient_id} has no lesion {lesion_id!r}")

    def bone_transform(self, bone: str, visit: str) -> Floats:
        """Rigid 4 x 4 matrix from the inclusion's to the visit's world of one bone, LPS mm."""
        self._known(visit)
        inclusion = self.poses["inclusion"][bone]
        return np.asarray(self.poses[visit][bone] @ np.linalg.inv(inclusion))

    def visit_from_inclusion(self, lesion_id: str, visit: str) -> Floats:
        """Rigid 4 x 4 matrix of the lesion's bone, inclusion to visit, LPS mm."""
        return self.bone_transform(self.lesion(lesion_id).bone, visit)

    @staticmethod
    def _known(visit: str) -> None:
        if visit not in VISITS:
            raise ValueError(f"no visit {visit!r}; there are {', '.join(VISITS)}")


def make_patient(seed: int, preset: str, patient_id: str = "P01") -> Patient:
    """Plan a synthetic patient; nothing is rendered yet.

    Parameters
    ----------
    seed : int
        The same seed, preset and id give the same patient, byte for byte.
    preset : str
        ``small``: T8 to the hips; ``full``: skull to mid-thigh.
    patient_id : str
        Another id is another patient of the same seed.

    Returns
    -------
    Patient
        With a random body and 8 to 14 random lesions.

    Raises
    ------
    ValueError
        If the preset is unknown.
    """
    if preset not in PRESETS:
        raise ValueError(f"no preset {preset!r}; there are {', '.join(PRESETS)}")
    build = draw_build(seed, patient_id)
    bones = build_skeleton(build, preset)
    lesions = random_lesions(build, bones)
    return Patient(build, preset, bones, lesions, random_confounders(build, bones, lesions))
