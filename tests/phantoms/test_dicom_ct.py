"""A CT written is the CT read back by plain pydicom, in every storage and transfer syntax."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms.dicom import (
    GE_DISCOVERY,
    Arrangement,
    CtFault,
    CtHeader,
    CtStorage,
    Layout,
    Outcome,
    PatientHeader,
    PetFault,
    PetHeader,
    TransferSyntax,
    VisitHeader,
    circle_outside,
    write_ct_series,
    write_pet_series,
)
from phantoms.dicom.people import Sex
from tests.phantoms import plain_dicom as plain
from tests.phantoms.small_images import make_ct


def test_a_plain_ct_comes_back_voxel_by_voxel(tmp_path: Path) -> None:
    """Every HU is at its position."""
    image = make_ct()
    written = write_ct_series(tmp_path, image)
    assert plain.largest_difference(plain.read_all(written.files), image, {}) == 0.0
    assert written.outcome is Outcome.MEASURED


@pytest.mark.parametrize("storage", list(CtStorage))
def test_every_storage_gives_the_same_hu(storage: CtStorage, tmp_path: Path) -> None:
    """Signed or not, 12 or 16 bits, whatever the intercept."""
    image = make_ct()
    written = write_ct_series(tmp_path, image, CtHeader(storage=storage))
    assert plain.largest_difference(plain.read_all(written.files), image, {}) == 0.0


def test_twelve_bits_clip_metal(tmp_path: Path) -> None:
    """Above 3071 HU a 12-bit scanner is blind; the extended scale is not."""
    image = make_ct(highest=9000)
    narrow = write_ct_series(tmp_path / "12", image, CtHeader())
    wide = write_ct_series(tmp_path / "16", image, CtHeader(storage=CtStorage.UNSIGNED_16))
    assert max(plain.rescaled(ds).max() for ds in plain.read_all(narrow.files)) == 3071.0
    assert plain.largest_difference(plain.read_all(wide.files), image, {}) == 0.0


@pytest.mark.parametrize("storage", [CtStorage.UNSIGNED_12, CtStorage.SIGNED_16_SHIFTED])
@pytest.mark.parametrize("syntax", [syntax for syntax in TransferSyntax if not syntax.is_lossy])
def test_lossless_syntaxes_are_lossless(
    syntax: TransferSyntax, storage: CtStorage, tmp_path: Path
) -> None:
    """All give the integers of the uncompressed file, and say which syntax they are."""
    image = make_ct()
    header = CtHeader(transfer_syntax=syntax, storage=storage)
    datasets = plain.read_all(write_ct_series(tmp_path, image, header).files)
    assert {ds.file_meta.TransferSyntaxUID for ds in datasets} == {syntax.uid}
    assert plain.largest_difference(datasets, image, {}) == 0.0


@pytest.mark.parametrize("syntax", [syntax for syntax in TransferSyntax if syntax.is_lossy])
def test_lossy_syntaxes_change_voxels_and_say_so(syntax: TransferSyntax, tmp_path: Path) -> None:
    """Lossy Image Compression is 01, the voxels are wrong, a right reader refuses."""
    image = make_ct()
    written = write_ct_series(tmp_path, image, CtHeader(transfer_syntax=syntax))
    datasets = plain.read_all(written.files)
    assert {ds.LossyImageCompression for ds in datasets} == {"01"}
    assert plain.largest_difference(datasets, image, {}) > 0.0
    assert written.outcome is Outcome.REFUSED


def test_slices_may_have_rescalings_of_their_own(tmp_path: Path) -> None:
    """Slope and intercept differ from slice to slice, the HU do not."""
    image = make_ct()
    written = write_ct_series(
        tmp_path, image, CtHeader(slice_rescale=True, storage=CtStorage.SIGNED_16)
    )
    datasets = plain.read_all(written.files)
    assert len({(ds.RescaleSlope, ds.RescaleIntercept) for ds in datasets}) > 4
    assert plain.largest_difference(datasets, image, {}) <= 0.75


def test_instance_one_is_at_the_head(tmp_path: Path) -> None:
    """Scanners number from the head down; the order must be worked out from positions."""
    datasets = plain.read_all(write_ct_series(tmp_path, make_ct()).files)
    first = min(datasets, key=lambda ds: int(ds.InstanceNumber))
    assert float(first.ImagePositionPatient[2]) == pytest.approx(-733.5 + 6 * 1.5)


@pytest.mark.parametrize("arrangement", list(Arrangement))
def test_arrangements_leave_every_voxel_in_its_place(
    arrangement: Arrangement, tmp_path: Path
) -> None:
    """Feet first, prone, oblique, coronal: each voxel is where the truth has it."""
    image = make_ct()
    written = write_ct_series(tmp_path, image, None, [arrangement])
    truth = written.image if arrangement is Arrangement.OBLIQUE else image
    assert plain.largest_difference(plain.read_all(written.files), truth, {}) == 0.0
    usual = pydicom.dcmread(write_ct_series(tmp_path / "usual", image).files[0])
    assert plain.read_all(written.files)[0].ImageOrientationPatient != usual.ImageOrientationPatient


def test_an_oblique_volume_keeps_its_centre(tmp_path: Path) -> None:
    """Turning is about the middle of the volume."""
    image = make_ct()
    turned = write_ct_series(tmp_path, image, None, [Arrangement.OBLIQUE]).image
    middle = np.append((np.array(image.array.shape[::-1]) - 1) / 2.0, 1.0)
    np.testing.assert_allclose(turned.mm_from_index @ middle, image.mm_from_index @ middle)


def test_padding_lies_outside_the_circle(tmp_path: Path) -> None:
    """Outside the circle all pixels hold the padding value, inside none does."""
    image = make_ct(lowest=-1000)
    header = CtHeader(scanner=GE_DISCOVERY, storage=CtStorage.SIGNED_16_SHIFTED)
    written = write_ct_series(tmp_path, image, header, [CtFault.PIXEL_PADDING])
    outside = circle_outside(34, 36)
    assert written.padded is not None
    np.testing.assert_array_equal(written.padded, outside)
    for ds in plain.read_all(written.files):
        np.testing.assert_array_equal(ds.pixel_array == ds.PixelPaddingValue, outside)
        inside = (plain.rescaled(ds) - plain.expected_plane(ds, image))[~outside]
        assert np.abs(inside).max() == 0.0


def test_a_kernel_may_have_two_values(tmp_path: Path) -> None:
    """The first is the kernel."""
    written = write_ct_series(tmp_path, make_ct(), None, [CtFault.TWO_KERNELS])
    assert list(pydicom.dcmread(written.files[0]).ConvolutionKernel) == ["B60f", "3"]


@pytest.mark.parametrize("fault", [CtFault.MISSING_RESCALE, CtFault.ZERO_SLOPE])
def test_rescaling_can_be_useless(fault: CtFault, tmp_path: Path) -> None:
    """No slope, or a slope of 0, in every slice."""
    written = write_ct_series(tmp_path, make_ct(), None, [fault])
    assert {ds.get("RescaleSlope", 0) for ds in plain.read_all(written.files)} == {0}
    assert written.outcome is Outcome.REFUSED


def test_an_overlay_sits_above_the_stored_bits(tmp_path: Path) -> None:
    """Raw words carry bit 12, and masked by Bits Stored they are the HU again."""
    image = make_ct()
    written = write_ct_series(tmp_path, image, None, [CtFault.OVERLAY_IN_HIGH_BITS])
    for ds in plain.read_all(written.files):
        words = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        assert (words[:8, :9] & 0x1000).all()
        hu = (words & 0x0FFF) + float(ds.RescaleIntercept)
        np.testing.assert_array_equal(hu, plain.expected_plane(ds, image))


def test_an_overlay_needs_spare_bits(tmp_path: Path) -> None:
    """With 16 bits stored there is no room for a drawing."""
    header = CtHeader(storage=CtStorage.SIGNED_16)
    with pytest.raises(ValueError, match="pixels of 12 bits"):
        write_ct_series(tmp_path, make_ct(), header, [CtFault.OVERLAY_IN_HIGH_BITS])


@pytest.mark.parametrize("layout", [Layout.ENHANCED, Layout.LEGACY_CONVERTED])
def test_multiframe_ct_equals_its_single_frames(layout: Layout, tmp_path: Path) -> None:
    """One file holds every HU at its position."""
    image = make_ct()
    (path,) = write_ct_series(tmp_path, image, CtHeader(layout=layout)).files
    ds = pydicom.dcmread(path)
    assert int(ds.NumberOfFrames) == image.array.shape[0]
    shared = ds.SharedFunctionalGroupsSequence[0]
    assert [float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing] == [0.91, 0.977]
    stored = ds.pixel_array
    for frame, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
        source = groups if "PixelValueTransformationSequence" in groups else shared
        rescale = source.PixelValueTransformationSequence[0]
        hu = stored[frame] * float(rescale.RescaleSlope) + float(rescale.RescaleIntercept)
        z = float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
        np.testing.assert_array_equal(hu, image.array[round((z + 733.5) / 1.5)])


def test_multiframe_files_refuse_faults_of_single_frames(tmp_path: Path) -> None:
    """Better an error than a fault that silently is not there."""
    header = CtHeader(layout=Layout.ENHANCED)
    with pytest.raises(ValueError, match="only single-frame series"):
        write_ct_series(tmp_path, make_ct(), header, [CtFault.ZERO_SLOPE])


def test_ct_and_pet_share_study_and_frame_of_reference(tmp_path: Path) -> None:
    """Two series of one visit, three UIDs in common: study, frame of reference, and no other."""
    visit = VisitHeader(seed="7/P03/month_3", patient=PatientHeader(patient_id="P03"))
    ct = pydicom.dcmread(
        write_ct_series(tmp_path / "ct", make_ct(), CtHeader(visit=visit)).files[0]
    )
    pet_image = replace(make_ct(0, 9), array=np.ones((3, 4, 4), np.float32))
    pet_files = write_pet_series(tmp_path / "pet", pet_image, PetHeader(visit=visit)).files
    pet = pydicom.dcmread(pet_files[0])
    assert ct.StudyInstanceUID == pet.StudyInstanceUID
    assert ct.FrameOfReferenceUID == pet.FrameOfReferenceUID
    assert ct.SeriesInstanceUID != pet.SeriesInstanceUID
    assert ct.PatientID == pet.PatientID == "P03"


def test_uids_are_valid_and_different(tmp_path: Path) -> None:
    """Every instance has its own UID, all are under 2.25 and at most 64 characters."""
    datasets = plain.read_all(write_ct_series(tmp_path, make_ct()).files)
    uids = {ds.SOPInstanceUID for ds in datasets}
    assert len(uids) == len(datasets)
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in uids)


def test_other_visits_have_other_uids() -> None:
    """UIDs follow from the visit's seed."""
    first, second = (VisitHeader(seed=f"1/P01/{visit}") for visit in ("inclusion", "month_3"))
    assert first.study_uid != second.study_uid
    assert first.frame_of_reference_uid != second.frame_of_reference_uid
    assert CtHeader(visit=first).series_uid != CtHeader(visit=second).series_uid


def test_headers_carry_identifiers_that_must_not_leak(tmp_path: Path) -> None:
    """Name, birth date, address and numbers are in the file and in the list of secrets."""
    patient = PatientHeader(patient_id="P09", sex=Sex.MALE)
    header = CtHeader(visit=VisitHeader(patient=patient))
    ds = pydicom.dcmread(write_ct_series(tmp_path, make_ct(), header).files[0])
    found = {str(ds.PatientName), ds.PatientBirthDate, ds.PatientAddress, ds.OtherPatientIDs}
    assert found <= set(patient.secrets)
    assert ds.PatientID not in patient.secrets


def test_patients_differ_and_age() -> None:
    """Birth dates come from the patient's id, ages from the day of the scan."""
    one, other = PatientHeader(patient_id="P01"), PatientHeader(patient_id="P02")
    assert one.born != other.born
    assert one.age_on(one.born.replace(year=one.born.year + 70)) == "070Y"


def test_faults_of_a_pet_are_refused(tmp_path: Path) -> None:
    """A PET's fault in a CT is an error that names it."""
    with pytest.raises(ValueError, match="not faults of a CT series"):
        write_ct_series(tmp_path, make_ct(), None, [PetFault.MISSING_DOSE])  # type: ignore[list-item]
