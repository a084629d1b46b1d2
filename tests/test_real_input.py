"""The whole way on real scans: a moved CT with drawn lesions, and a PET/CT with RTSTRUCT."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from lesionscore.cli.app import app
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Volume
from lesionscore.volumes.volume import write_image

# middle of three vertebral bodies of CRLM-CT-1004 in array indices (z, y, x)
BODIES_ZYX = {"L1": (6.5, 264.0, 250.0), "L2": (14.5, 278.0, 252.0), "L3": (21.5, 293.0, 246.0)}
RADII_XYZ_MM = np.array([11.0, 8.0, 9.0])
SHRUNK = "L2"
LESION_HU = 40.0
SUBDIVISION = 6


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a tar file of the shared data."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def read_series(folder: Path) -> Volume:
    """Read a CT series by SimpleITK, independent of lesionscore's own reader."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = sitk.Cast(sitk.Clamp(reader.Execute(), sitk.sitkFloat32, -1024, 3071), sitk.sitkFloat32)
    return Volume.from_itk(image, Quantity.HU)


def with_ellipsoid(ct: Volume, centre_zyx: tuple[float, float, float], scale: float) -> Volume:
    """Draw a lytic ellipsoid, each voxel by the share of it that lies inside."""
    fraction = np.zeros(ct.grid.shape_zyx, dtype=np.float32)
    centre = ct.grid.positions_mm(centre_zyx)
    low = np.floor(ct.grid.index_zyx(centre - RADII_XYZ_MM - 6)).astype(int)
    high = np.ceil(ct.grid.index_zyx(centre + RADII_XYZ_MM + 6)).astype(int)
    block = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    steps = (np.arange(SUBDIVISION) + 0.5) / SUBDIVISION - 0.5
    for dz in steps:
        for dy in steps:
            for dx in steps:
                index = np.stack(np.mgrid[block], axis=-1) + np.array([dz, dy, dx])
                offset = (ct.grid.positions_mm(index) - centre) / (RADII_XYZ_MM * scale)
                fraction[block] += ((offset**2).sum(axis=-1) < 1) / SUBDIVISION**3
    array = ct.array * (1 - fraction) + LESION_HU * fraction
    return Volume(array=array.astype(np.float32), grid=ct.grid, quantity=Quantity.HU)


def moved(ct: Volume, transform: RigidTransform, rng: np.random.Generator) -> Volume:
    """The same scan with the patient moved, resampled once, with fresh noise."""
    fixed_from_moving = transform.inverse().to_itk()
    image = sitk.Resample(ct.to_itk(), fixed_from_moving, sitk.sitkBSpline, -1000.0)
    array = sitk.GetArrayFromImage(image) + rng.normal(0.0, 12.0, ct.array.shape)
    return Volume(array=array.astype(np.float32), grid=ct.grid, quantity=Quantity.HU)


@pytest.fixture(scope="module")
def moved_study(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, RigidTransform, dict[str, np.ndarray]]:
    """Inclusion and month 3 of the real CT, the transform between them, and the true centres."""
    folder = tmp_path_factory.mktemp("moved")
    unpack(shared_data / "crlm_ct_1004" / "CRLM-CT-1004.tar.xz", folder)
    ct = read_series(folder / "CRLM-CT-1004" / "image")
    inclusion, later = ct, ct
    for name, centre in BODIES_ZYX.items():
        inclusion = with_ellipsoid(inclusion, centre, 1.0)
        later = with_ellipsoid(later, centre, 2 / 3 if name == SHRUNK else 1.0)
    transform = RigidTransform.from_rotation_shift(
        Rotation.from_euler("xyz", [2.0, -3.0, 4.0], degrees=True).as_matrix(),
        [9.0, -7.0, 6.0],
        ct.grid.positions_mm(BODIES_ZYX["L2"]),
    )
    write_image(inclusion, folder / "inclusion.nii.gz")
    write_image(moved(later, transform, np.random.default_rng(3)), folder / "month_3.nii.gz")
    (folder / "visits.csv").write_text(
        "patient_id,visit,date,ct,pet\n"
        "P1,inclusion,2024-01-10,inclusion.nii.gz,\n"
        "P1,month_3,2024-04-10,month_3.nii.gz,\n"
    )
    centres = {name: ct.grid.positions_mm(centre) for name, centre in BODIES_ZYX.items()}
    rows = [
        f"P1,{name},vertebra,{x + 1.5:.1f},{y - 1:.1f},{z:.1f},,"
        for name, (x, y, z) in centres.items()
    ]
    header = "patient_id,lesion_id,site,x_mm,y_mm,z_mm,mask,label"
    (folder / "lesions.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder, transform, centres


def test_a_moved_real_ct_is_followed_and_scored(
    moved_study: tuple[Path, RigidTransform, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    """The move comes back within 1 mm at each lesion, and the three verdicts are right."""
    folder, transform, centres = moved_study
    result = CliRunner().invoke(app, ["evaluate", str(folder), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    lesions = pd.read_csv(tmp_path / "out" / "lesions.csv").set_index(["lesion_id", "visit"])
    for name, centre in centres.items():
        path = tmp_path / "out" / "patients" / "P1" / "transforms" / f"{name}_month_3.tfm"
        found = sitk.ReadTransform(str(path)).TransformPoint(centre.tolist())
        assert np.linalg.norm(np.asarray(found) - transform.apply(centre)) < 1.0
        assert lesions.loc[(name, "inclusion"), "longest_diameter_mm"] == pytest.approx(22, abs=1.5)
        expected = "met" if name == SHRUNK else "not_met"
        assert lesions.loc[(name, "month_3"), "size_limb"] == expected
        assert lesions.loc[(name, "month_3"), "healed"] == expected


@pytest.fixture(scope="module")
def sarcoma_study(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real PET/CT of a soft-tissue tumour with its RTSTRUCT, as an inclusion visit."""
    folder = tmp_path_factory.mktemp("sarcoma")
    unpack(shared_data / "petct_sts" / "petct_sts_002_008.tar.xz", folder)
    (folder / "visits.csv").write_text(
        "patient_id,visit,date,ct,pet\nS2,inclusion,2024-01-10,STS_002/CT/image,STS_002/PET/image\n"
    )
    (folder / "lesions.csv").write_text(
        "patient_id,lesion_id,site,x_mm,y_mm,z_mm,mask,label\nS2,T1,thigh,,,,STS_002/CT/mask,1\n"
    )
    return folder


def test_a_tumour_outside_bone_has_uptake_but_no_ct_verdict(
    sarcoma_study: Path, tmp_path: Path
) -> None:
    """CT limbs are not evaluable because the place is not in bone; SUVmax is the tumour's."""
    result = CliRunner().invoke(app, ["evaluate", str(sarcoma_study), "-o", str(tmp_path)])
    row = pd.read_csv(tmp_path / "lesions.csv").set_index("visit").loc["inclusion"]
    assert row["ct_status"] == "not_evaluable"
    assert "not_in_bone" in row["reason"]
    assert {row["size_limb"], row["sclerosis_limb"], row["complete_limb"]} == {"not_evaluable"}
    assert row["pet_status"] == "evaluable", result.output
    assert row["suv_max"] == pytest.approx(21.6757, abs=1e-3)
