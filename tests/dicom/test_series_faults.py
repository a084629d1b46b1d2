"""Every fault of series and files that the phantoms write: repaired exactly, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lesionscore.dicom import read_ct, read_pet
from lesionscore.errors import LesionscoreError, SeriesError
from phantoms.dicom import (
    Arrangement,
    CtFault,
    FileFault,
    SeriesFault,
    write_ct_series,
    write_pet_series,
)
from tests.dicom.phantom_scans import ct_image, largest_error, pet_image, responds_rightly

CT_FAULTS = (*SeriesFault, *FileFault, *Arrangement, *CtFault)
PET_FAULTS = (
    SeriesFault.IDENTICAL_DUPLICATE,
    SeriesFault.MISSING_SLICE,
    SeriesFault.TWO_TIME_POINTS,
    SeriesFault.TWO_STACKS,
    SeriesFault.FOUR_AT_ONE_POSITION,
    Arrangement.FEET_FIRST,
    Arrangement.OBLIQUE,
)


@pytest.mark.parametrize("fault", CT_FAULTS, ids=str)
def test_a_ct_with_a_fault_is_right_or_refused(fault: SeriesFault, tmp_path: Path) -> None:
    """Truth table: outcome as the phantom says, voxels at their true positions."""
    written = write_ct_series(tmp_path / "ct", ct_image(), faults=[fault])
    try:
        scan = read_ct(tmp_path / "ct")
    except LesionscoreError:
        assert responds_rightly(written.outcome, refused=True, right=False, said=True)
        return
    if fault is SeriesFault.SINGLE_SLICE:
        assert scan.volume.array.shape[0] == 1
        assert "single_slice" in {finding.code for finding in scan.findings}
        return
    keep = None if written.padded is None else ~written.padded
    right = largest_error(scan.volume, written.image, keep) <= written.voxel_step
    if keep is not None:
        assert (scan.volume.array[:, ~keep] == -1024).all()
    said = bool(scan.findings)
    assert responds_rightly(written.outcome, refused=False, right=right, said=said)


@pytest.mark.parametrize("fault", PET_FAULTS, ids=str)
def test_a_pet_with_a_fault_is_right_or_refused(fault: SeriesFault, tmp_path: Path) -> None:
    """The same for PET, whose slices carry their own slopes and times."""
    written = write_pet_series(tmp_path / "pet", pet_image(), faults=[fault])
    try:
        scan = read_pet(tmp_path / "pet")
    except LesionscoreError:
        assert responds_rightly(written.outcome, refused=True, right=False, said=True)
        return
    right = largest_error(scan.volume, written.image) <= 1.01 * written.voxel_step
    said = bool(scan.findings)
    assert responds_rightly(written.outcome, refused=False, right=right, said=said)


NAMED = {
    SeriesFault.MISSING_SLICE: r"2\.000 mm apart except between instance \d+ at .* mm and instance",
    SeriesFault.GANTRY_TILT: r"sheared by 12\.\d\d degrees from instance",
    SeriesFault.FOUR_AT_ONE_POSITION: r"4 slices with different content lie in one place: inst",
    SeriesFault.CONFLICTING_DUPLICATE: r"2 slices with different content lie in one place",
    SeriesFault.MIXED_ORIENTATION: r"mixed orientation: 4 of 8 slices .*: instance",
    SeriesFault.MIXED_FRAME_OF_REFERENCE: r"mixed frame of reference: 4 of 8 slices",
    SeriesFault.MIXED_PIXEL_SPACING: r"mixed pixel spacing",
    SeriesFault.MIXED_MATRIX: r"mixed rows and columns",
    SeriesFault.UNEVEN_SPACING: r"uneven slice spacing",
    SeriesFault.MISSING_POSITION: r"1 of 8 slices have no Image Position \(0020,0032\): instance",
    SeriesFault.LOSSY_FLAG: r"lossy compressed at some time",
    FileFault.TRUNCATED_PIXELS: r"instance \d+ at .* mm: the file is cut short",
}


@pytest.mark.parametrize("fault", NAMED, ids=str)
def test_a_refusal_names_slices_and_positions(fault: SeriesFault, tmp_path: Path) -> None:
    """A person can find the slice that is wrong."""
    write_ct_series(tmp_path / "ct", ct_image(), faults=[fault])
    with pytest.raises(SeriesError, match=NAMED[fault]):
        read_ct(tmp_path / "ct")


def test_a_dropped_duplicate_is_named(tmp_path: Path) -> None:
    """The finding says which slice was there twice."""
    write_ct_series(tmp_path / "ct", ct_image(), faults=[SeriesFault.RESENT_DUPLICATE])
    finding = next(
        f for f in read_ct(tmp_path / "ct").findings if f.code == "duplicate_slices_dropped"
    )
    assert "instance" in finding.message


def test_a_series_alone_can_be_named(tmp_path: Path) -> None:
    """Two time points under one UID: the first is chosen, the second can be asked for."""
    write_pet_series(tmp_path / "pet", pet_image(), faults=[SeriesFault.TWO_TIME_POINTS])
    first = read_pet(tmp_path / "pet")
    (other,) = first.passed_over
    second = read_pet(tmp_path / "pet", series=f"{other.series_uid}#{other.stack}")
    assert second.suv.uptake_min == pytest.approx(first.suv.uptake_min + 60, abs=0.1)
