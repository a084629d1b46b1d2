"""How a CT is stored changes nothing: bits, signs, slopes, transfer syntaxes, frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from lesionscore.dicom import read_ct
from lesionscore.errors import SeriesError
from phantoms.dicom import CtHeader, CtStorage, Layout, TransferSyntax, write_ct_series
from phantoms.image import Image
from tests.dicom.phantom_scans import ct_image, largest_error


@pytest.mark.parametrize("storage", CtStorage)
def test_bits_and_signs_give_the_same_hounsfield_units(storage: CtStorage, tmp_path: Path) -> None:
    """12 and 16 bits, signed and unsigned, with any intercept: int16, exact."""
    written = write_ct_series(tmp_path / "ct", ct_image(), CtHeader(storage=storage))
    volume = read_ct(tmp_path / "ct").volume
    assert volume.array.dtype == np.int16
    assert largest_error(volume, written.image) == 0


def test_a_slope_in_every_slice_is_kept(tmp_path: Path) -> None:
    """Slopes that differ from slice to slice make a float32 volume, each slice by its own."""
    header = CtHeader(slice_rescale=True)
    written = write_ct_series(tmp_path / "ct", ct_image(), header)
    volume = read_ct(tmp_path / "ct").volume
    assert volume.array.dtype == np.float32
    assert largest_error(volume, written.image) <= written.voxel_step


@pytest.mark.parametrize("syntax", TransferSyntax)
def test_lossless_is_identical_and_lossy_refused(syntax: TransferSyntax, tmp_path: Path) -> None:
    """Every transfer syntax that the phantoms can write."""
    image = ct_image(4, (72, 70))
    write_ct_series(tmp_path / "ct", image, CtHeader(transfer_syntax=syntax))
    if syntax.is_lossy:
        with pytest.raises(SeriesError, match="lossy"):
            read_ct(tmp_path / "ct")
    else:
        assert largest_error(read_ct(tmp_path / "ct").volume, image) == 0


@pytest.mark.parametrize("layout", Layout)
def test_frames_equal_single_slices(layout: Layout, tmp_path: Path) -> None:
    """Enhanced and legacy-converted multi-frame CT, with what their headers say of the scan."""
    image = ct_image()
    write_ct_series(tmp_path / "ct", image, CtHeader(layout=layout))
    scan = read_ct(tmp_path / "ct")
    assert largest_error(scan.volume, image) == 0
    assert scan.info.kvp == 120
    assert scan.info.kernel
    assert scan.info.slice_spacing_mm == pytest.approx(2.0)


def test_values_beyond_int16_become_float(tmp_path: Path) -> None:
    """Metal above 32767 HU is kept, not wrapped."""
    image = ct_image()
    write_ct_series(tmp_path / "ct", image, CtHeader(storage=CtStorage.UNSIGNED_16))
    path = sorted((tmp_path / "ct").iterdir())[0]
    ds = pydicom.dcmread(path)
    values = ds.pixel_array.copy()
    values[0, 0] = 65_000
    ds.PixelData = values.tobytes()
    ds.save_as(path)
    array = read_ct(tmp_path / "ct").volume.array
    assert array.dtype == np.float32
    assert array.max() == 65_000 + float(ds.RescaleIntercept)


def _rewrite(folder: Path, **elements: object) -> None:
    for path in folder.iterdir():
        ds: Dataset = pydicom.dcmread(path)
        for keyword, value in elements.items():
            if keyword.startswith("PixelPadding"):
                ds.add_new(tag_for_keyword(keyword), "SS", value)
            else:
                setattr(ds, keyword, value)
        ds.save_as(path)


def test_padding_that_tissue_can_have_is_left_alone(tmp_path: Path) -> None:
    """A padding value of 40 HU replaces nothing, and is said."""
    image = ct_image()
    write_ct_series(tmp_path / "ct", image, CtHeader(storage=CtStorage.SIGNED_16))
    _rewrite(tmp_path / "ct", PixelPaddingValue=40)
    scan = read_ct(tmp_path / "ct")
    assert largest_error(scan.volume, image) == 0
    assert "pixel_padding_in_tissue" in {finding.code for finding in scan.findings}


def test_a_range_of_padding_is_air(tmp_path: Path) -> None:
    """Pixel Padding Range Limit: everything between the two values is outside the image."""
    values = np.full((3, 8, 8), 50, np.int16)
    values[:, :2] = -2000
    values[:, 2:4] = -1990
    image = Image(array=values, spacing_xyz_mm=(1.0, 1.0, 1.0), origin_mm=(0.0, 0.0, 0.0))
    write_ct_series(tmp_path / "ct", image, CtHeader(storage=CtStorage.SIGNED_16))
    _rewrite(tmp_path / "ct", PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1980)
    array = read_ct(tmp_path / "ct").volume.array
    assert (array[:, :4] == -1024).all()
    assert (array[:, 4:] == 50).all()


@pytest.mark.parametrize(
    ("elements", "match"),
    [
        ({"NumberOfFrames": 3}, "3 frames without Per-frame Functional Groups"),
        ({"SamplesPerPixel": 3}, "3 samples per pixel"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "MONOCHROME1"),
        ({"BitsStored": 17}, "16, 17"),
        ({"HighBit": 3}, "no value can be taken"),
        ({"RescaleIntercept": ""}, "not HU"),
        ({"RescaleSlope": "-1"}, "not HU"),
        ({"GantryDetectorTilt": "15"}, "tilted gantry"),
    ],
)
def test_a_header_that_gives_no_values_is_refused(
    elements: dict[str, object], match: str, tmp_path: Path
) -> None:
    """What the pixels mean must be said, and be possible."""
    write_ct_series(tmp_path / "ct", ct_image(4))
    _rewrite(tmp_path / "ct", **elements)
    with pytest.raises(SeriesError, match=match):
        read_ct(tmp_path / "ct")


def test_a_ct_without_air_is_doubted(tmp_path: Path) -> None:
    """Numbers that never go below water may not be HU at all."""
    image = Image(
        array=np.full((3, 8, 8), 1024, np.int16),
        spacing_xyz_mm=(1.0, 1.0, 1.0),
        origin_mm=(0.0, 0.0, 0.0),
    )
    write_ct_series(tmp_path / "ct", image)
    assert "no_air_in_ct" in {finding.code for finding in read_ct(tmp_path / "ct").findings}


@pytest.mark.parametrize(
    ("elements", "match"),
    [
        ({"RescaleType": "MGML"}, "so the values are not HU"),
        ({"RescaleSlope": "1e30"}, "no matter has"),
        ({"LossyImageCompressionRatio": "10"}, "lossy compressed at some time"),
        ({"LossyImageCompressionMethod": "ISO_10918_1"}, "lossy compressed at some time"),
    ],
)
def test_values_that_are_no_hu_are_refused(
    elements: dict[str, str], match: str, tmp_path: Path
) -> None:
    """Material density, damaged slopes, and traces of a lossy past without its flag."""
    for path in write_ct_series(tmp_path / "ct", ct_image(4)).files:
        ds = pydicom.dcmread(path)
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
        ds.save_as(path)
    with pytest.raises(SeriesError, match=match):
        read_ct(tmp_path / "ct")
