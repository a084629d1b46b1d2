"""Names, containers and broken files; whole visits; and the same bytes from the same seed."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.errors import InvalidDicomError

from phantoms.dicom import (
    PET_DIALECTS,
    Companion,
    CtHeader,
    FileFault,
    Layout,
    PetHeader,
    TransferSyntax,
    VisitHeader,
    WrittenSeries,
    write_ct_series,
    write_pet_series,
    write_visit,
)
from tests.phantoms import plain_dicom as plain
from tests.phantoms.small_images import BASE, make_ct, make_map


def _faulty(fault: FileFault, folder: Path) -> WrittenSeries:
    return write_ct_series(folder, make_ct(), None, [fault])


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder with the hash of its bytes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


INTACT = [
    FileFault.SHUFFLED_NAMES,
    FileFault.NO_EXTENSION,
    FileFault.NESTED_FOLDERS,
    FileFault.FOREIGN_FILES,
    FileFault.DICOMDIR,
]


@pytest.mark.parametrize("fault", INTACT)
def test_files_on_other_ways_hold_every_voxel(fault: FileFault, tmp_path: Path) -> None:
    """Renamed, moved or filed, the series is whole."""
    image = make_ct()
    files = write_ct_series(tmp_path, image, None, [fault]).files
    assert len(files) == image.array.shape[0]
    assert plain.largest_difference(plain.read_all(files), image, {}) == 0.0


def test_shuffled_names_are_in_another_order_than_positions(tmp_path: Path) -> None:
    """Sorting by name does not sort the slices."""
    files = sorted(_faulty(FileFault.SHUFFLED_NAMES, tmp_path).files)
    z = [float(ds.ImagePositionPatient[2]) for ds in plain.read_all(files)]
    assert z not in (sorted(z), sorted(z, reverse=True))


def test_names_may_lack_an_ending(tmp_path: Path) -> None:
    """No file has a suffix."""
    assert all(path.suffix == "" for path in _faulty(FileFault.NO_EXTENSION, tmp_path).files)


def test_folders_are_nested(tmp_path: Path) -> None:
    """Three folders, one of them inside another."""
    files = _faulty(FileFault.NESTED_FOLDERS, tmp_path).files
    folders = {path.parent.relative_to(tmp_path).as_posix() for path in files}
    assert folders == {"A", "B", "B/inner"}


def test_foreign_files_are_no_dicom(tmp_path: Path) -> None:
    """What lies between the slices cannot be read as DICOM."""
    files = set(_faulty(FileFault.FOREIGN_FILES, tmp_path).files)
    foreign = [path for path in tmp_path.iterdir() if path not in files]
    assert len(foreign) == 6
    for path in foreign:
        with pytest.raises((InvalidDicomError, EOFError)):
            pydicom.dcmread(path)


def test_files_without_preamble_hold_the_same_elements(tmp_path: Path) -> None:
    """Only a reader that does not insist on DICM reads them."""
    image = make_ct()
    files = write_ct_series(tmp_path, image, None, [FileFault.NO_PREAMBLE]).files
    with pytest.raises(InvalidDicomError):
        pydicom.dcmread(files[0])
    datasets = [pydicom.dcmread(path, force=True) for path in files]
    for ds in datasets:
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    assert plain.largest_difference(datasets, image, {}) == 0.0


@pytest.mark.parametrize(
    ("fault", "is_broken"),
    [
        (FileFault.TRUNCATED_PIXELS, lambda size, whole: 0.5 * whole < size < whole),
        (FileFault.TRUNCATED_HEADER, lambda size, whole: size == 700),
        (FileFault.EMPTY_FILE, lambda size, whole: size == 0),
    ],
)
def test_one_file_is_broken(
    fault: FileFault, is_broken: Callable[[int, int], bool], tmp_path: Path
) -> None:
    """One file is cut, the others are as they were."""
    sizes = sorted(path.stat().st_size for path in _faulty(fault, tmp_path).files)
    assert is_broken(sizes[0], sizes[1])
    assert sizes[1] > 0.99 * sizes[-1]


def test_the_character_set_may_be_unknown(tmp_path: Path) -> None:
    """Elements that are no text read as ever."""
    image = make_ct()
    files = write_ct_series(tmp_path, image, None, [FileFault.UNKNOWN_CHARACTER_SET]).files
    with pytest.warns(UserWarning, match="Unknown encoding"):
        datasets = plain.read_all(files)
    assert {ds.SpecificCharacterSet for ds in datasets} == {"ISO_IR 999"}
    assert plain.largest_difference(datasets, image, {}) == 0.0


def test_a_truncated_file_cannot_give_its_pixels(tmp_path: Path) -> None:
    """The header is whole, the pixels are too few."""
    smallest = min(
        _faulty(FileFault.TRUNCATED_PIXELS, tmp_path).files, key=lambda path: path.stat().st_size
    )
    ds = pydicom.dcmread(smallest)
    with pytest.raises(ValueError, match="bytes of pixel data is less"):
        _ = ds.pixel_array


def test_the_dicomdir_lists_every_slice(tmp_path: Path) -> None:
    """The index leads to all instances."""
    files = _faulty(FileFault.DICOMDIR, tmp_path).files
    index = pydicom.dcmread(tmp_path / "CD" / "DICOMDIR")
    records = [r for r in index.DirectoryRecordSequence if r.DirectoryRecordType == "IMAGE"]
    listed = {tmp_path.joinpath("CD", *record.ReferencedFileID) for record in records}
    assert listed == set(files)
    assert {path.name for path in tmp_path.iterdir()} == {"CD"}


def test_the_archive_holds_every_slice(tmp_path: Path) -> None:
    """One zip file, nothing beside it, and other people's files are left alone."""
    (tmp_path / "notes.txt").write_text("kept", encoding="utf-8")
    (archive,) = _faulty(FileFault.ZIP_ARCHIVE, tmp_path).files
    with zipfile.ZipFile(archive) as content:
        assert len(content.namelist()) == make_ct().array.shape[0]
    assert {path.name for path in tmp_path.iterdir()} == {"series.zip", "notes.txt"}


def test_an_archive_may_hold_a_dicomdir(tmp_path: Path) -> None:
    """Containers combine."""
    faults = [FileFault.DICOMDIR, FileFault.ZIP_ARCHIVE]
    (archive,) = write_ct_series(tmp_path, make_ct(), None, faults).files
    with zipfile.ZipFile(archive) as content:
        assert "CD/DICOMDIR" in content.namelist()


def test_a_multiframe_file_can_be_truncated(tmp_path: Path) -> None:
    """File faults apply to one file as to many."""
    header = CtHeader(layout=Layout.ENHANCED)
    written = write_ct_series(tmp_path, make_ct(), header, [FileFault.TRUNCATED_PIXELS])
    with pytest.raises(ValueError, match="pixel data"):
        _ = pydicom.dcmread(written.files[0]).pixel_array


@pytest.mark.parametrize("fault", [None, *FileFault])
def test_ct_files_are_the_same_bytes_every_time(fault: FileFault | None, tmp_path: Path) -> None:
    """Nothing depends on the clock, the machine or chance."""
    faults = [] if fault is None else [fault]
    for run in ("one", "two"):
        write_ct_series(tmp_path / run, make_ct(), None, faults)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


@pytest.mark.parametrize("syntax", list(TransferSyntax))
def test_every_syntax_gives_the_same_bytes(syntax: TransferSyntax, tmp_path: Path) -> None:
    """Encoders are deterministic too."""
    for run in ("one", "two"):
        write_ct_series(tmp_path / run, make_ct(), CtHeader(transfer_syntax=syntax))
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


@pytest.mark.parametrize(
    "name", ["bqml_start_ge", "cnts_both", "legacy_converted", "enhanced_none"]
)
def test_pet_files_are_the_same_bytes_every_time(name: str, tmp_path: Path) -> None:
    """Also the converted ones, whose library asks the clock."""
    for run in ("one", "two"):
        write_pet_series(tmp_path / run, make_map(6), PET_DIALECTS[name].header(BASE))
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_visit_has_its_two_series_and_all_companions(tmp_path: Path) -> None:
    """All series have different UIDs under one study."""
    visit = write_visit(tmp_path, make_ct(), make_map())
    assert set(visit.companions) == set(Companion)
    assert visit.pet is not None
    series = [visit.ct, visit.pet, *visit.companions.values()]
    datasets = [pydicom.dcmread(one.files[0]) for one in series]
    assert len({ds.SeriesInstanceUID for ds in datasets}) == len(Companion) + 2
    assert len({ds.StudyInstanceUID for ds in datasets}) == 1
    assert [ds.SeriesInstanceUID for ds in datasets] == [one.series_uid for one in series]
    assert {ds.Modality for ds in datasets} == {"CT", "PT", "SR", "OT"}


def test_companions_say_what_they_are(tmp_path: Path) -> None:
    """Each carries the elements by which it is passed over."""
    visit = write_visit(tmp_path, make_ct(), make_map())
    first = {key: pydicom.dcmread(one.files[0]) for key, one in visit.companions.items()}
    assert "LOCALIZER" in first[Companion.SCOUT].ImageType
    assert float(first[Companion.SOFT_THICK].SliceThickness) == 4.5
    assert first[Companion.SOFT_THIN].ConvolutionKernel == "B30f"
    assert "ATTN" not in first[Companion.NOT_CORRECTED].CorrectedImage
    assert first[Companion.PROJECTION].ImageType[0] == "DERIVED"
    assert first[Companion.CORONAL].ImageType[0] == "DERIVED"
    assert "PixelData" not in first[Companion.DOSE_REPORT]
    assert first[Companion.SCREENSHOT].PhotometricInterpretation == "RGB"
    assert len(visit.companions[Companion.PARTIAL].files) == 3


def test_thick_slices_are_averages_where_they_say(tmp_path: Path) -> None:
    """Three slices of 1.5 mm become one of 4.5 mm at their middle."""
    image = make_ct()
    thick = write_visit(tmp_path, image, None).companions[Companion.SOFT_THICK]
    datasets = sorted(plain.read_all(thick.files), key=lambda ds: float(ds.ImagePositionPatient[2]))
    assert [float(ds.ImagePositionPatient[2]) for ds in datasets] == [-732.0, -727.5]
    mean = image.array[:3].mean(axis=0)
    assert abs(plain.rescaled(datasets[0]) - mean).max() <= 0.5


def test_a_visit_without_pet_has_no_companions_of_one(tmp_path: Path) -> None:
    """Neither NAC nor projections."""
    visit = write_visit(tmp_path, make_ct(), None)
    assert visit.pet is None
    of_pet = {Companion.NOT_CORRECTED, Companion.FDG, Companion.PROJECTION}
    assert set(visit.companions) == set(Companion) - of_pet


def test_a_mixed_visit_is_one_folder_of_meaningless_names(tmp_path: Path) -> None:
    """All files side by side, none lost."""
    sorted_ = write_visit(tmp_path / "sorted", make_ct(), make_map())
    visit = write_visit(tmp_path / "mixed", make_ct(), make_map(), mixed=True)
    assert visit.pet is not None
    content = list((tmp_path / "mixed").iterdir())
    assert all(path.is_file() and path.suffix == "" for path in content)
    assert len(content) == len([p for p in sorted_.folder.rglob("*") if p.is_file()])
    assert set(visit.ct.files) | set(visit.pet.files) <= set(content)


def test_series_of_one_folder_do_not_overwrite_each_other(tmp_path: Path) -> None:
    """File names carry modality and series number."""
    visit = VisitHeader(seed="x")
    ct = write_ct_series(tmp_path, make_ct(), CtHeader(visit=visit))
    other = write_ct_series(tmp_path, make_ct(), CtHeader(visit=visit, series_number=8))
    pet = write_pet_series(tmp_path, make_map(), replace(PetHeader(), visit=visit))
    files = {*ct.files, *other.files, *pet.files}
    assert len(files) == len(list(tmp_path.iterdir())) == 7 + 7 + 12
