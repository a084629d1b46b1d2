"""Masks onto a scan's grid: RTSTRUCT, DICOM SEG, label maps, and the traps in each."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from lesionscore.dicom import ScanInfo, labelmap, open_mask, read_ct, read_mask
from lesionscore.dicom.maskgrid import Block
from lesionscore.errors import MaskError
from lesionscore.volumes import Grid

GRID = Grid(shape_zyx=(6, 40, 50), spacing_xyz_mm=(1.0, 1.0, 2.0), origin_mm=(-20.0, -15.0, 100.0))
FRAME = "1.2.3.4"
SCAN = ScanInfo(
    modality="CT", series_uid="1.9", frame_of_reference_uid=FRAME, instance_uids=("1.9.1", "1.9.2")
)
Points = list[tuple[float, float]]


def square(low: float, high: float) -> Points:
    """Corners of a square in x and y."""
    return [(low, low), (high, low), (high, high), (low, high)]


def item(**elements: object) -> Dataset:
    """A data set with some elements."""
    ds = Dataset()
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def write_rtstruct(
    path: Path,
    rois: dict[str, list[tuple[float, Points]]],
    *,
    kind: str = "CLOSED_PLANAR",
    frame: str = FRAME,
    image: str = "1.9.1",
) -> Path:
    """Write contours: name of an ROI to heights and outlines."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.5"
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = RTStructureSetStorage, "1.2.3.5", "RTSTRUCT"
    ds.StructureSetROISequence = [
        item(ROINumber=n, ROIName=name, ReferencedFrameOfReferenceUID=frame)
        for n, name in enumerate(rois, 1)
    ]
    ds.ROIContourSequence = [
        item(
            ReferencedROINumber=n,
            ContourSequence=[
                item(
                    ContourGeometricType=kind,
                    ContourImageSequence=[item(ReferencedSOPInstanceUID=image)],
                    ContourData=[round(v, 4) for x, y in outline for v in (x, y, z)],
                )
                for z, outline in contours
            ],
        )
        for n, contours in enumerate(rois.values(), 1)
    ]
    ds.save_as(path, enforce_file_format=True)
    return path


def codes(reading: object) -> set[str]:
    """Codes of a reading's findings."""
    return {finding.code for finding in reading.findings}  # type: ignore[attr-defined]


def test_a_voxel_is_in_if_its_centre_is(tmp_path: Path) -> None:
    """A square from -0.5 to 9.5 mm holds ten centres along each axis, in one slice."""
    path = write_rtstruct(tmp_path / "rs.dcm", {"L1": [(102.0, square(-0.5, 9.5))]})
    mask = read_mask(path, "L1", GRID, SCAN)
    assert mask.array.sum() == 100
    assert mask.array[1].sum() == 100
    assert mask.findings == ()


def test_a_hole_is_cut_out(tmp_path: Path) -> None:
    """A contour within a contour is a hole, and one within that an island."""
    rings = [(102.0, square(-0.5, 19.5)), (102.0, square(2.5, 16.5)), (102.0, square(5.5, 9.5))]
    path = write_rtstruct(tmp_path / "rs.dcm", {"L1": rings})
    assert read_mask(path, 1, GRID, SCAN).array.sum() == 400 - 196 + 16


def test_a_keyhole_is_a_hole(tmp_path: Path) -> None:
    """One contour that runs in, round the hole and out again along the same line."""
    outer, inner = square(-0.5, 19.5), square(4.5, 9.5)[::-1]
    keyhole = [*outer, outer[0], *inner, inner[0], outer[0]]
    path = write_rtstruct(tmp_path / "rs.dcm", {"L1": [(102.0, keyhole)]})
    assert read_mask(path, 1, GRID, SCAN).array.sum() == 400 - 25


def test_separate_contours_of_a_slice_add_up(tmp_path: Path) -> None:
    """Two islands in one slice, and the same contour twice counted once."""
    islands = [(102.0, square(-0.5, 4.5)), (102.0, square(9.5, 12.5)), (102.0, square(-0.5, 4.5))]
    path = write_rtstruct(tmp_path / "rs.dcm", {"L1": islands})
    mask = read_mask(path, 1, GRID, SCAN)
    assert mask.array.sum() == 25 + 9
    assert "contours_twice" in codes(mask)


def test_contours_that_cross_are_joined_and_said(tmp_path: Path) -> None:
    """Two outlines that overlap a little are no hole."""
    crossing = [(102.0, square(-0.5, 9.5)), (102.0, square(7.5, 17.5))]
    path = write_rtstruct(tmp_path / "rs.dcm", {"L1": crossing})
    mask = read_mask(path, 1, GRID, SCAN)
    assert mask.array.sum() == 200 - 4
    assert "contours_cross" in codes(mask)


def test_contours_beside_the_slices_take_the_nearest(tmp_path: Path) -> None:
    """0.04 mm off is nothing; half a slice off is said aloud."""
    near = write_rtstruct(tmp_path / "near.dcm", {"L1": [(102.04, square(-0.5, 4.5))]})
    assert read_mask(near, 1, GRID, SCAN).array[1].sum() == 25
    between = [(103.0 + 2 * n, square(-0.5, 4.5)) for n in range(2)]
    far = write_rtstruct(tmp_path / "far.dcm", {"L1": between})
    findings = read_mask(far, 1, GRID, SCAN).findings
    assert [(f.code, f.severity.value) for f in findings] == [
        ("contours_between_slices", "warning")
    ]


def test_thick_contours_fill_thin_slices(tmp_path: Path) -> None:
    """Contours 4 mm apart onto slices 2 mm apart: no slice between them is left out."""
    planes = [(100.0, square(-0.5, 4.5)), (104.0, square(-0.5, 4.5)), (108.0, square(-0.5, 4.5))]
    path = write_rtstruct(tmp_path / "rs.dcm", {"L1": planes})
    mask = read_mask(path, 1, GRID, SCAN)
    assert [int(plane.sum()) for plane in mask.array[:5]] == [25] * 5
    assert "mask_other_grid" in codes(mask)


@pytest.mark.parametrize(
    ("label", "match"),
    [
        (None, "2 ROIs .1 L1, 2 L2.; name one"),
        ("L3", "no ROI 'L3'; there are: 1 L1, 2 L2"),
        (7, "no ROI '7'"),
    ],
)
def test_a_label_that_is_not_there_is_answered_with_those_that_are(
    label: object, match: str, tmp_path: Path
) -> None:
    """The message lists what can be asked for."""
    plane = [(102.0, square(-0.5, 4.5))]
    path = write_rtstruct(tmp_path / "rs.dcm", {"L1": plane, "L2": plane})
    with pytest.raises(MaskError, match=match):
        read_mask(path, label, GRID, SCAN)  # type: ignore[arg-type]


def test_the_only_roi_with_contours_is_taken(tmp_path: Path) -> None:
    """ROIs without contours do not make the choice ambiguous."""
    path = write_rtstruct(tmp_path / "rs.dcm", {"empty": [], "L2": [(102.0, square(-0.5, 4.5))]})
    assert read_mask(path, None, GRID, SCAN).array.sum() == 25
    with pytest.raises(MaskError, match="no contours"):
        read_mask(path, "empty", GRID, SCAN)


def test_points_and_open_lines_enclose_nothing(tmp_path: Path) -> None:
    """An ROI of open contours is refused."""
    path = write_rtstruct(
        tmp_path / "rs.dcm", {"L1": [(102.0, square(-0.5, 4.5))]}, kind="OPEN_PLANAR"
    )
    with pytest.raises(MaskError, match="no closed contour"):
        read_mask(path, 1, GRID, SCAN)


def test_a_mask_of_another_patient_position_is_refused(tmp_path: Path) -> None:
    """Wholly outside the scan, or in another frame of reference without its images."""
    outside = write_rtstruct(tmp_path / "o.dcm", {"L1": [(502.0, square(-0.5, 4.5))]})
    with pytest.raises(MaskError, match="wholly outside"):
        read_mask(outside, 1, GRID, SCAN)
    plane = {"L1": [(102.0, square(-0.5, 4.5))]}
    other = write_rtstruct(tmp_path / "f.dcm", plane, frame="9.9", image="8.8")
    with pytest.raises(MaskError, match="frame of reference"):
        read_mask(other, 1, GRID, SCAN)
    kept = write_rtstruct(tmp_path / "k.dcm", plane, frame="9.9")
    assert "mask_frame_of_reference_differs" in codes(read_mask(kept, 1, GRID, SCAN))


def test_a_mask_that_reaches_beyond_the_scan_is_said(tmp_path: Path) -> None:
    """What is cut off is named in percent."""
    planes = [(106.0 + 2 * n, square(-0.5, 4.5)) for n in range(6)]
    path = write_rtstruct(tmp_path / "rs.dcm", {"L1": planes})
    mask = read_mask(path, 1, GRID, SCAN)
    assert mask.array.sum() == 75
    assert "mask_cut_off" in codes(mask)


def test_contours_across_the_slices_are_filled_in_their_own_planes(tmp_path: Path) -> None:
    """Sagittal contours onto an axial grid."""
    ds = pydicom.dcmread(write_rtstruct(tmp_path / "rs.dcm", {"L1": [(0.0, square(0, 1))]}))
    contours = []
    for x in range(5):
        outline = [(-0.5, 99.0), (9.5, 99.0), (9.5, 105.0), (-0.5, 105.0)]
        data = [float(v) for y, z in outline for v in (x, y, z)]
        contours.append(item(ContourGeometricType="CLOSED_PLANAR", ContourData=data))
    ds.ROIContourSequence[0].ContourSequence = contours
    ds.save_as(tmp_path / "sagittal.dcm")
    mask = read_mask(tmp_path / "sagittal.dcm", 1, GRID, SCAN)
    assert mask.array.sum() == 5 * 10 * 3
    assert "mask_other_grid" in codes(mask)


def test_wrong_references_are_a_finding(shared_data: Path) -> None:
    """The real structure set that names images which are not there."""
    folder = shared_data / "rtstruct_mock/mock_data"
    scan = read_ct(folder)
    mask = read_mask(folder / "invalid_reference_rt.dcm", "ROI-1", scan.volume.grid, scan.info)
    assert "mask_references_absent_images" in codes(mask)
    assert mask.array.any()


DCMQI = "dcmqi_segmentations/segmentations"


@pytest.mark.parametrize(
    ("seg", "image", "label_map", "value"),
    [
        ("24x38x3/seg/label.seg", "24x38x3/image", "24x38x3/nrrd/label.nrrd", 1),
        ("23x38x3/seg/label.seg", "23x38x3/image", "23x38x3/nrrd/label.nrrd", 1),
        ("liver.dcm", "ct-3slice", "liver_seg.nrrd", 1),
        ("partial_overlaps.dcm", "ct-3slice", "partial_overlaps-1.nrrd", 1),
        ("partial_overlaps.dcm", "ct-3slice", "partial_overlaps-2.nrrd", 2),
        ("partial_overlaps.dcm", "ct-3slice", "partial_overlaps-3.nrrd", 3),
        ("partial_overlaps.dcm", "ct-3slice", "partial_overlaps-1.nrrd", 4),
        ("partial_overlaps.dcm", "ct-3slice", "partial_overlaps-1.nrrd", 5),
    ],
)
def test_a_segment_equals_its_label_map(
    seg: str, image: str, label_map: str, value: int, shared_data: Path
) -> None:
    """DICOM SEG against the label maps that it was made from; segments may overlap."""
    root = shared_data / DCMQI
    scan = read_ct(root / image)
    several = seg.startswith("partial")
    mask = read_mask(root / seg, value if several else None, scan.volume.grid, scan.info)
    truth = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(root / label_map)))
    assert np.array_equal(mask.array, truth == value)
    assert mask.findings == ()


def test_a_segment_is_found_by_its_name(shared_data: Path) -> None:
    """Segment Label, in any case of letters."""
    root = shared_data / DCMQI
    scan = read_ct(root / "ct-3slice")
    by_name = read_mask(root / "partial_overlaps.dcm", "purple", scan.volume.grid, scan.info)
    by_number = read_mask(root / "partial_overlaps.dcm", 3, scan.volume.grid, scan.info)
    assert np.array_equal(by_name.array, by_number.array)


def test_label_map_segmentations_are_read(shared_data: Path) -> None:
    """The newer SEG of whole labels, sparse, with a background segment that is no choice."""
    root = shared_data / DCMQI
    truth = SimpleITK.ReadImage(str(root / "sparse_labelmap_noppv_seg.nrrd"))
    size = truth.GetSize()
    grid = Grid(
        shape_zyx=(size[2], size[1], size[0]),
        spacing_xyz_mm=tuple(truth.GetSpacing()),
        origin_mm=tuple(truth.GetOrigin()),
        direction=tuple(truth.GetDirection()),
    )
    mask = read_mask(root / "sparse-labelmap-noppv.dcm", None, grid)
    array = SimpleITK.GetArrayFromImage(truth)
    assert np.array_equal(mask.array, array == 1)


SEG_FILES = ("ct_binary", "ct_binary_overlap", "ct_binary_fractional", "ct_true_fractional")


@pytest.mark.parametrize("name", SEG_FILES)
def test_a_segment_equals_highdicom(name: str, shared_data: Path) -> None:
    """Binary, overlapping, fractional: pixel by pixel as highdicom reads them."""
    path = shared_data / f"highdicom_test_files/seg_image_{name}.dcm"
    seg = highdicom.seg.segread(path)
    volume = seg.get_volume(segment_numbers=[1], combine_segments=False, rescale_fractional=True)
    affine = volume.affine @ np.diag([1, 1, 1, 1])
    axes = affine[:3, [2, 1, 0]]
    spacing = np.linalg.norm(axes, axis=0)
    to_lps = axes / spacing
    grid = Grid(
        shape_zyx=volume.array.shape[:3],
        spacing_xyz_mm=tuple(spacing),
        origin_mm=tuple(affine[:3, 3]),
        direction=tuple(to_lps.ravel()),
    )
    mask = read_mask(path, 1, grid)
    assert mask.array.astype(float) == pytest.approx(volume.array[..., 0].astype(float), abs=1e-6)
    assert ("mask_fractional" in codes(mask)) == ("fractional" in name)


def test_a_segment_without_a_place_is_refused(shared_data: Path) -> None:
    """A SEG on a projection image lies nowhere in the patient."""
    with pytest.raises(MaskError, match="no position"):
        read_mask(shared_data / "highdicom_test_files/seg_image_cr_binary.dcm", 1, GRID)


def write_label_map(path: Path, array: np.ndarray, grid: Grid) -> Path:
    """Write an array as NIfTI."""
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing(grid.spacing_xyz_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    SimpleITK.WriteImage(image, str(path))
    return path


def test_a_label_map_is_read_by_value(tmp_path: Path) -> None:
    """The value asked for, in the scan's own axes; 3.0 and "3" are the same label."""
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[2, 10:15, 20:24], array[4, 1, 1] = 3, 7
    path = write_label_map(tmp_path / "m.nii.gz", array, GRID)
    for label in (3, "3", "3.0"):
        assert np.array_equal(read_mask(path, label, GRID, SCAN).array, array == 3)
    with pytest.raises(MaskError, match=r"no label '5'; there are: 3, 7"):
        read_mask(path, 5, GRID, SCAN)
    with pytest.raises(MaskError, match="2 labels"):
        read_mask(path, None, GRID, SCAN)


def test_a_turned_label_map_lies_where_it_did(tmp_path: Path) -> None:
    """Axes swapped and turned round: the same voxels, exactly."""
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[2, 10:15, 20:24] = 1
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing(GRID.spacing_xyz_mm)
    image.SetOrigin(GRID.origin_mm)
    for order in ("RAS", "LSP", "PIR"):
        SimpleITK.WriteImage(SimpleITK.DICOMOrient(image, order), str(tmp_path / "m.nii"))
        mask = read_mask(tmp_path / "m.nii", 1, GRID, SCAN)
        assert np.array_equal(mask.array, array == 1)
        assert mask.findings == ()


def test_a_label_map_on_another_grid_is_brought_over_and_said(tmp_path: Path) -> None:
    """Voxels of 2 x 2 x 4 mm onto 1 x 1 x 2 mm: the volume stays."""
    coarse = Grid(
        shape_zyx=(3, 20, 25), spacing_xyz_mm=(2.0, 2.0, 4.0), origin_mm=(-19.5, -14.5, 101.0)
    )
    array = np.zeros(coarse.shape_zyx, np.uint8)
    array[1, 5:9, 5:9] = 1
    mask = read_mask(write_label_map(tmp_path / "m.nii", array, coarse), 1, GRID, SCAN)
    assert mask.array.sum() == array.sum() * 8
    assert "mask_other_grid" in codes(mask)


def test_a_folder_with_one_mask_is_accepted(tmp_path: Path) -> None:
    """A folder may hold one RTSTRUCT or SEG, and other files; not two."""
    write_rtstruct(tmp_path / "rs.dcm", {"L1": [(102.0, square(-0.5, 4.5))]})
    (tmp_path / "notes.txt").write_text("drawn twice")
    assert read_mask(tmp_path, None, GRID, SCAN).array.sum() == 25
    write_rtstruct(tmp_path / "rs2.dcm", {"L1": [(102.0, square(-0.5, 4.5))]})
    with pytest.raises(MaskError, match="2 masks in one folder"):
        read_mask(tmp_path, None, GRID, SCAN)


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    """A text file, and a path that leads nowhere."""
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(MaskError, match="no DICOM SEG or RTSTRUCT"):
        read_mask(tmp_path / "notes.txt", 1, GRID, SCAN)
    with pytest.raises(MaskError, match="no such file"):
        read_mask(tmp_path / "gone", 1, GRID, SCAN)


def test_a_file_is_read_once_for_all_of_its_lesions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every label of an opened mask is there, in a block no larger than the lesion."""
    labels = np.zeros(GRID.shape_zyx, np.uint8)
    labels[1:3, 3:6, 5:9], labels[4:6, 10:12, 1:4] = 1, 7
    path = tmp_path / "labels.nii.gz"
    write_label_map(path, labels, GRID)
    reads: list[Path] = []
    read_image = labelmap.read_image
    monkeypatch.setattr(
        labelmap, "read_image", lambda path, unit: (reads.append(path), read_image(path, unit))[1]
    )
    mask = open_mask(path)
    for label, shape, first in ((1, (2, 3, 4), (1, 3, 5)), (7, (2, 2, 3), (4, 10, 1))):
        reading = mask.read(label, GRID)
        assert (reading.block.values.shape, reading.block.first_zyx) == (shape, first)
        assert np.array_equal(reading.array, labels == label)
    assert reads == [path]


def test_an_image_is_no_label_map(tmp_path: Path) -> None:
    """A CT in the place of a mask is refused, whatever its values."""
    path = tmp_path / "ct.nii.gz"
    write_label_map(path, np.full(GRID.shape_zyx, -1000, np.int16), GRID)
    with pytest.raises(MaskError, match="an image, not a label map"):
        open_mask(path)


def test_a_block_is_padded_within_the_whole() -> None:
    """The margin ends where the scan ends."""
    block = Block(values=np.ones((1, 2, 3), bool), first_zyx=(0, 5, 1))
    padded = block.padded(3, (4, 7, 20))
    assert padded.first_zyx == (0, 2, 0)
    assert padded.values.shape == (4, 5, 7)
    assert padded.values.sum() == 6
    assert padded.trimmed().first_zyx == block.first_zyx
