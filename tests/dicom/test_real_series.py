"""Real public series: the numbers that their READMEs give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from lesionscore.dicom import find_series, read_ct, read_mask, read_pet
from lesionscore.errors import SeriesError


def test_the_pet_of_sts_002_has_its_published_values(petct_sts: Path) -> None:
    """555 voxels, 54.277 mL, SUV max 21.6757 and mean 7.3696."""
    folder = petct_sts / "STS_002/PET"
    scan = read_pet(folder / "image")
    mask = read_mask(folder / "mask", None, scan.volume.grid, scan.info)
    values = scan.volume.array[mask.array]
    assert mask.array.sum() == 555
    assert mask.array.sum() * scan.volume.grid.voxel_volume_ml == pytest.approx(54.277, abs=5e-4)
    assert values.max() == pytest.approx(21.6757, abs=5e-5)
    assert values.mean() == pytest.approx(7.3696, abs=5e-5)


def test_the_date_that_a_shift_missed_does_no_harm(petct_sts: Path) -> None:
    """An injection dated one day after the scan is said, and the uptake is that of the clock."""
    scan = read_pet(petct_sts / "STS_002/PET/image")
    assert scan.suv.uptake_min == pytest.approx(66.98, abs=0.01)
    codes = {finding.code for finding in scan.findings}
    assert {"injection_date_does_not_fit", "tracer_not_naf"} <= codes


def test_the_ct_of_sts_002_has_its_published_values(petct_sts: Path) -> None:
    """17090 voxels, 53.295 mL, mean 59.0215 HU."""
    folder = petct_sts / "STS_002/CT"
    scan = read_ct(folder / "image")
    mask = read_mask(folder / "mask", "", scan.volume.grid, scan.info)
    assert mask.array.sum() == 17_090
    assert mask.array.sum() * scan.volume.grid.voxel_volume_ml == pytest.approx(53.295, abs=5e-4)
    assert scan.volume.array[mask.array].mean() == pytest.approx(59.0215, abs=5e-5)


def test_contours_of_the_pet_fall_on_the_ct(petct_sts: Path) -> None:
    """Planes that differ by up to 0.06 mm are the same planes."""
    scan = read_ct(petct_sts / "STS_002/CT/image")
    mask = read_mask(petct_sts / "STS_002/PET/mask", None, scan.volume.grid, scan.info)
    own = read_mask(petct_sts / "STS_002/CT/mask", None, scan.volume.grid, scan.info)
    assert mask.array.sum() == pytest.approx(own.array.sum(), rel=0.02)
    assert {f.code for f in mask.findings} == {
        "mask_references_absent_images",
        "contours_between_slices",
    }


@pytest.mark.parametrize("patient", ["STS_002", "STS_008"])
def test_a_real_folder_lists_its_series(patient: str, petct_sts: Path) -> None:
    """CT, PET and two RTSTRUCTs of one patient."""
    listing = find_series(petct_sts / patient)
    kinds = sorted(series.kind for series in listing.series if series.kind != "structure_set")
    assert kinds == ["ct", "pet"]
    assert all(s.measurable for s in listing.series if s.kind in ("ct", "pet"))
    assert sum(series.kind == "structure_set" for series in listing.series) == 2


def test_a_whole_real_ct_equals_simpleitk(crlm_ct: Path) -> None:
    """Every voxel and the grid, but for padding, which is air here."""
    scan = read_ct(crlm_ct)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(crlm_ct)))
    image = reader.Execute()
    array = SimpleITK.GetArrayFromImage(image)
    assert (array.min(), scan.volume.array.min()) == (-3024, -1024)
    assert np.array_equal(np.where(array == -3024, -1024, array), scan.volume.array)
    assert scan.volume.grid.origin_mm == pytest.approx(image.GetOrigin())
    assert scan.volume.grid.spacing_xyz_mm == pytest.approx(image.GetSpacing())
    assert "pixel_padding" in {finding.code for finding in scan.findings}


LOSSLESS = ("1.2", "1.2.1", "1.2.1.99", "1.2.2", "4.57", "4.70", "4.80", "4.90", "1.2.5")
LOSSY = ("4.50", "4.51", "4.53", "4.55", "4.81", "4.91")


def _syntax_file(folder: Path, syntax: str) -> Path:
    (path,) = folder.glob(f"CTImage*.840.10008.*{syntax}.dcm")
    return path


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_a_lossless_syntax_is_identical(syntax: str, shared_data: Path) -> None:
    """The same CT in nine lossless transfer syntaxes, voxel for voxel."""
    folder = shared_data / "transfer_syntax_ct"
    (path,) = [p for p in folder.glob("CTImage.dcm_*") if p.name.endswith(f".{syntax}.dcm")][:1]
    plain = read_ct(folder / "CTImage.dcm").volume
    other = read_ct(path).volume
    assert np.array_equal(plain.array, other.array)
    assert plain.grid == other.grid


@pytest.mark.parametrize("syntax", LOSSY)
def test_a_lossy_syntax_is_refused(syntax: str, shared_data: Path) -> None:
    """Baseline, extended, progressive, near-lossless and irreversible: never measured."""
    with pytest.raises(SeriesError, match="lossy compressed"):
        read_ct(_syntax_file(shared_data / "transfer_syntax_ct", syntax))


@pytest.mark.parametrize("scan", ["CT1", "CT2"])
def test_the_nema_scans_agree_with_one_another(scan: str, shared_data: Path) -> None:
    """Lossless JPEG 2000, JPEG-LS, JPEG and RLE of one image; the lossy two refused."""
    folder = shared_data / "transfer_syntax_ct/WG04"
    arrays = [read_ct(folder / f"{scan}_{kind}").volume.array for kind in ("J2KR", "JLSL")]
    arrays += [read_ct(folder / f"{scan}_{kind}").volume.array for kind in ("JPLL", "RLE")]
    assert all(np.array_equal(arrays[0], array) for array in arrays[1:])
    for kind in ("J2KI", "JLSN"):
        with pytest.raises(SeriesError, match="lossy"):
            read_ct(folder / f"{scan}_{kind}")


def test_a_folder_of_copies_is_one_slice(shared_data: Path) -> None:
    """The same instance in sixteen encodings: lossless copies are one, lossy ones apart."""
    listing = find_series(shared_data / "transfer_syntax_ct")
    chest = [series for series in listing.series if series.series_description == "HELICAL CHEST"]
    assert sorted((series.measurable, series.slices) for series in chest) == [
        (False, 6),
        (True, 1),
    ]


def test_legacy_converted_frames_equal_their_slices(shared_data: Path) -> None:
    """Three frames and the three files that they were made from."""
    many = read_ct(shared_data / "enhanced_multiframe/legacy_converted_enhanced_ct_24x38x3.dcm")
    single = read_ct(shared_data / "dcmqi_segmentations/segmentations/24x38x3/image")
    assert np.array_equal(many.volume.array, single.volume.array)
    assert many.volume.grid == single.volume.grid


def test_an_enhanced_ct_is_read_by_its_groups(shared_data: Path) -> None:
    """Position per frame, intercept shared; the lossy one beside it refused."""
    folder = shared_data / "enhanced_multiframe"
    scan = read_ct(folder / "eCT_Supplemental.dcm")
    assert scan.volume.array.shape == (2, 512, 512)
    assert scan.volume.grid.origin_mm == pytest.approx((99.5, -301.5, -159.0)) or (
        scan.volume.grid.origin_mm == pytest.approx((99.5, -301.5, -149.0))
    )
    assert scan.volume.grid.spacing_xyz_mm[2] == pytest.approx(10.0)
    with pytest.raises(SeriesError, match="lossy"):
        read_ct(folder / "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm")


def test_an_oblique_series_lies_where_simpleitk_puts_it(shared_data: Path) -> None:
    """Rows and columns of different spacing, cosines in every direction, study UIDs mixed."""
    folder = shared_data / "rtstruct_mock/oriented_data"
    scan = read_ct(folder)
    image = SimpleITK.ReadImage([str(folder / f"{n}.dcm") for n in range(3)])
    assert scan.volume.grid.spacing_xyz_mm == pytest.approx((2.5, 3.5, 4.5), abs=1e-5)
    corner = (99, 49, 2)
    mine = scan.volume.grid.positions_mm(corner[::-1])
    assert mine == pytest.approx(image.TransformIndexToPhysicalPoint(corner), abs=1e-4)
    array = SimpleITK.GetArrayFromImage(image)
    assert scan.volume.array == pytest.approx(array, abs=1e-5)
