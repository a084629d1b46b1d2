"""The skeleton: what there is, that it is drawn as its shape says, and that bones are rigid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from phantoms import make_patient
from phantoms.anatomy.bone import apply
from phantoms.anatomy.build import draw_build
from phantoms.anatomy.shapes import Shape, distances
from phantoms.anatomy.skeleton import build_skeleton
from phantoms.image import Image
from phantoms.lesions.courses import VISITS
from phantoms.patient import Patient
from phantoms.pose import clearance_mm, pose_skeleton
from phantoms.scanner.blur import Kernel
from phantoms.scanner.plan import ScanPlan
from tests.phantoms.shared import small_patient

LANDMARK_BONES = ("L3", "T9", "hip_bone_left", "femur_right", "sacrum", "rib_9_left")


def test_a_capsule_and_a_ball_have_exact_distances() -> None:
    """Points inside, on and outside."""
    shape = Shape()
    shape.capsule((0, 0, -5), (0, 0, 5), 3.0, blend=0.001)
    points = np.array([(0, 0, 0), (3, 0, 2), (7, 0, 0), (0, 0, 10.0)])
    found = distances(shape.program(), shape.waves, points)
    assert found == pytest.approx([-3.0, 0.0, 4.0, 2.0], abs=1e-3)


def test_a_cut_takes_away_and_a_union_joins() -> None:
    """A ball with a hole through it, beside another ball."""
    shape = Shape()
    shape.ellipsoid((0, 0, 0), (6, 6, 6), blend=0.001)
    shape.ellipsoid((12, 0, 0), (4, 4, 4), blend=0.001)
    shape.capsule((0, 0, -9), (0, 0, 9), 2.0, blend=0.001, cut=True)
    inside = distances(
        shape.program(), shape.waves, np.array([(0, 0, 0), (4, 0, 0), (12, 0, 0), (0, 20, 0.0)])
    )
    assert list(inside < 0) == [False, True, True, False]


def test_the_small_preset_reaches_from_t8_to_the_hips() -> None:
    """Its bones, and about 320 x 256 x 240 voxels that hold them."""
    patient = small_patient()
    wanted = {"T8", "T12", "L1", "L5", "sacrum", "hip_bone_left", "femur_right", "rib_10_left"}
    assert wanted <= set(patient.bones)
    assert "skull" not in patient.bones
    for visit, scan in patient.scans.items():
        voxels = np.prod(scan.shape_zyx)
        assert 14e6 < voxels < 30e6
        low, high = _span(scan)
        for name in ("T8", "femur_left", "femur_right"):
            centre = patient.poses[visit][name][:3, 3]
            assert (centre > low + 20).all()
            assert (centre < high - 20).all()


def test_the_full_preset_reaches_from_the_skull_to_the_thigh() -> None:
    """512 x 512 in plane, every bone of the trunk, the girdle and the head."""
    patient = make_patient(3, "full")
    parts = ("skull", "mandible", "C1", "C7", "T1", "sternum", "clavicle_left", "scapula_right")
    assert {*parts, "humerus_left", "rib_1_left", "rib_12_right"} <= set(patient.bones)
    for scan in patient.scans.values():
        assert scan.shape_zyx[1:] == (512, 512)
        assert 560 < scan.shape_zyx[0] < 780


def _span(scan: ScanPlan) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a scan's field, world."""
    low = np.array(scan.origin_mm)
    return low, low + np.array(scan.spacing_xyz_mm) * (np.array(scan.shape_zyx[::-1]) - 1)


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    """The message lists them."""
    with pytest.raises(ValueError, match="small, full"):
        make_patient(1, "tiny")


def test_patients_of_one_seed_differ_and_one_patient_is_always_the_same() -> None:
    """By id, and by seed."""
    assert draw_build(7, "P01") == draw_build(7, "P01")
    assert draw_build(7, "P02") != draw_build(7, "P01")
    assert draw_build(8, "P01") != draw_build(7, "P01")


def test_every_transform_is_rigid_and_every_bone_moves_on_its_own() -> None:
    """Rotation matrices, few degrees per spinal joint, up to 15 degrees in the hip."""
    hips = []
    for seed in range(1, 9):
        patient = small_patient(seed)
        for visit in VISITS:
            for bone in patient.bones:
                matrix = patient.bone_transform(bone, visit)
                assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
                assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)
            between = _angle(patient, "L3", "L4", visit)
            assert between < 6.0
            hips.append(_angle(patient, "femur_left", "hip_bone_left", visit))
    assert 5.0 < max(hips) < 30.0


def _angle(patient: Patient, bone: str, parent: str, visit: str) -> float:
    """How far a joint turned between inclusion and a visit, degrees."""
    own, other = patient.bone_transform(bone, visit), patient.bone_transform(parent, visit)
    turn = np.linalg.inv(other[:3, :3]) @ own[:3, :3]
    return float(np.rad2deg(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))


@pytest.mark.parametrize("bone", LANDMARK_BONES)
def test_the_truth_transform_carries_a_bone_onto_itself(bone: str) -> None:
    """Texture and cortex read at moved points equal those at inclusion to 0.1 mm.

    The displacement that best explains what differs is found by least squares on the gradient.
    """
    patient = small_patient(2)
    healthy = Patient(patient.build, "small", patient.bones, [])
    healthy.bricks = patient.bricks
    inside = _points_within(healthy, bone)
    before = _read(healthy, bone, "inclusion", inside)
    after = _read(healthy, bone, "month_12", inside)
    steps = 0.3 * np.eye(3)
    ahead = np.stack([_read(healthy, bone, "month_12", inside + s) for s in steps], axis=1)
    behind = np.stack([_read(healthy, bone, "month_12", inside - s) for s in steps], axis=1)
    slope = (ahead - behind) / 0.6
    shift = np.linalg.lstsq(slope, after - before, rcond=None)[0]
    assert np.abs(shift).max() < 0.1
    assert np.corrcoef(before, after)[0, 1] > 0.9


def _points_within(patient: Patient, bone: str) -> np.ndarray:
    """Points deep enough in a bone that no soft tissue shines in; bone's frame."""
    bricks = patient.bricks[bone]
    chosen = np.argwhere(bricks.index >= 0)
    rng = np.random.default_rng(0)
    picks = chosen[rng.integers(0, len(chosen), 4000)][:, ::-1]
    points = bricks.origin_mm + (picks + rng.uniform(0.1, 0.9, (4000, 3))) * 9.6
    shape = patient.bones[bone].shape
    depth = -distances(shape.program(), shape.waves, points)
    limit = 2.0 if bone.startswith("rib") else 4.0
    return points[depth > limit][:300]


def _read(patient: Patient, bone: str, visit: str, points: np.ndarray) -> np.ndarray:
    """Read an ideal fine scan at points of a bone."""
    world = apply(patient.poses[visit][bone], points)
    image = _scan_of(patient, bone, visit)
    index = image.index_of(world)[:, ::-1].T
    return np.asarray(ndimage.map_coordinates(image.array, index, order=1, mode="nearest"))


_SCANS: dict[tuple[int, str, str], Image] = {}


def _scan_of(patient: Patient, bone: str, visit: str) -> Image:
    key = (patient.build.seed, bone, visit)
    if key not in _SCANS:
        points = apply(patient.poses[visit][bone], _points_within(patient, bone))
        low, high = points.min(axis=0) - 3, points.max(axis=0) + 3
        spacing = 0.8
        count = np.ceil((high - low) / spacing).astype(int) + 1
        x, y, z = (float(v) for v in low)
        scan = ScanPlan(
            shape_zyx=(int(count[2]), int(count[1]), int(count[0])),
            spacing_xyz_mm=(spacing, spacing, spacing),
            origin_mm=(x, y, z),
            thickness_mm=spacing,
            kernel=Kernel.IDEAL,
        )
        _SCANS[key] = patient.render_ct(visit, noise=False, scan=scan)
    return _SCANS[key]


@pytest.mark.parametrize("seed", [4100, 6600])
def test_the_arms_lie_beside_the_body(seed: int) -> None:
    """No forearm reaches into another bone; of these patients two did in the pose as drawn."""
    build = draw_build(seed, "P01")
    bones = build_skeleton(build, "full")
    for visit in VISITS:
        poses = pose_skeleton(bones, build, visit)
        for side in ("left", "right"):
            name = f"forearm_{side}"
            others = set(bones) - {name, f"humerus_{side}"}
            assert clearance_mm(bones, poses, name, others) > 8.0
