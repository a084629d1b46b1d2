"""Strips: the same bone at every visit, upright, and the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skimage.measure import marching_cubes

from lesionscore.errors import MeasurementError, OutputError
from lesionscore.lesions.plane_contours import plane_contours
from lesionscore.lesions.strip import (
    OUTSIDE_HU,
    LesionStrip,
    Plane,
    StripPlane,
    make_strip,
    read_strip,
    strip_half_width_mm,
    write_strip,
)
from lesionscore.quantities import Quantity
from lesionscore.registration.transform import RigidTransform
from lesionscore.volumes import Grid, Volume

CENTRE = (10.0, -20.0, 300.0)
SPACING = (0.9, 0.9, 1.5)


def make_volume(
    formula, quantity: Quantity = Quantity.HU, half_mm: float = 60.0, spacing=SPACING
) -> Volume:
    """A block around `CENTRE` whose voxels follow a formula of LPS positions."""
    shape = tuple(int(2 * half_mm / s) + 1 for s in spacing[::-1])
    origin = tuple(c - half_mm for c in CENTRE)
    grid = Grid(shape_zyx=shape, spacing_xyz_mm=spacing, origin_mm=origin)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return Volume(
        array=np.asarray(formula(grid.positions_mm(index)), dtype=np.float32),
        grid=grid,
        quantity=quantity,
    )


def ramp(positions_mm):
    """A linear field: trilinear sampling returns it exactly."""
    x, y, z = np.moveaxis(np.asarray(positions_mm) - CENTRE, -1, 0)
    return 5.0 * x + 3.0 * y - 2.0 * z


def sphere_mesh(radius_mm: float, centre_mm=CENTRE):
    """Vertices and faces of a sphere, fine enough for a hundredth of a mm."""
    steps = np.arange(-radius_mm - 2, radius_mm + 2.1, 0.5)
    x, y, z = np.meshgrid(steps, steps, steps, indexing="ij")
    vertices, faces, _, _ = marching_cubes(np.sqrt(x * x + y * y + z * z), radius_mm)
    return vertices * 0.5 + steps[0] + np.asarray(centre_mm), faces


def strip_of(**changes) -> LesionStrip:
    """A strip of the ramp at inclusion, with changes."""
    values = {
        "ct": make_volume(ramp),
        "pet": None,
        "visit_from_inclusion": RigidTransform.identity(),
        "pet_from_ct": None,
        "centre_mm": CENTRE,
        "surface_vertices": None,
        "surface_faces": None,
        "ends_mm": None,
        "half_width_mm": 36.0,
    }
    return make_strip(**(values | changes))


def test_pictures_are_turned_as_radiologists_look_at_them():
    """Patient's left and back on the right, back and feet below."""
    axial, coronal, sagittal = strip_of().planes
    assert [p.plane for p in (axial, coronal, sagittal)] == list(Plane)
    step = strip_of().pixel_mm
    for picture, right, down in ((axial, 5.0, 3.0), (coronal, 5.0, 2.0), (sagittal, 3.0, 2.0)):
        hu = picture.ct_hu.astype(float)
        assert np.mean(np.diff(hu, axis=1)) == pytest.approx(right * step, abs=0.02)
        assert np.mean(np.diff(hu, axis=0)) == pytest.approx(down * step, abs=0.02)


def test_a_picture_is_centred_on_the_lesion():
    """The four pixels around the middle average to the centre's value, which is 0 here."""
    for picture in strip_of().planes:
        middle = len(picture.ct_hu) // 2
        assert abs(picture.ct_hu[middle - 1 : middle + 1, middle - 1 : middle + 1].mean()) <= 0.5


def test_a_moved_patient_gives_the_same_picture():
    """The visit's scan of the moved bone, sampled through the transform, shows the same bone."""
    visit_from_inclusion = RigidTransform.from_rotation_shift(
        Rotation.from_euler("xyz", [6, -8, 10], degrees=True).as_matrix(), (4, -6, 9), CENTRE
    )
    moved = make_volume(lambda p: ramp(visit_from_inclusion.inverse().apply(p)), half_mm=80.0)
    still = strip_of()
    followed = strip_of(ct=moved, visit_from_inclusion=visit_from_inclusion)
    for a, b in zip(still.planes, followed.planes, strict=True):
        assert np.abs(a.ct_hu.astype(int) - b.ct_hu).max() <= 1


def test_the_pet_is_sampled_through_its_own_transform():
    """A PET shifted against the CT is read where the CT's point lies in the PET."""
    shift = np.array([3.0, -2.0, 5.0])
    pet = make_volume(
        lambda p: 400.0 + ramp(p - shift), Quantity.SUVBW, half_mm=90.0, spacing=(4.0, 4.0, 3.0)
    )
    strip = strip_of(pet=pet, pet_from_ct=RigidTransform.from_rotation_shift(np.eye(3), shift))
    for picture in strip.planes:
        n = len(picture.ct_hu)
        assert picture.suv is not None
        assert picture.suv.shape == (n // 2, n // 2)
        coarse = picture.ct_hu.reshape(n // 2, 2, n // 2, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(picture.suv - 400.0, coarse, atol=0.6)


def test_pixels_outside_the_scan_are_marked_and_counted():
    """A scan that ends at the lesion's centre leaves half of two planes empty."""
    whole = make_volume(ramp)
    lower = Volume(
        array=whole.array[: whole.grid.shape_zyx[0] // 2 + 1],
        grid=whole.grid.cropped(
            (0, 0, 0), (whole.grid.shape_zyx[0] // 2 + 1, *whole.array.shape[1:])
        ),
        quantity=Quantity.HU,
    )
    _, coronal, sagittal = strip_of(ct=lower).planes
    for picture in (coronal, sagittal):
        n = len(picture.ct_hu)
        assert (picture.ct_hu[: n // 2 - 1] == OUTSIDE_HU).all()
        assert (picture.ct_hu[n // 2 + 1 :] != OUTSIDE_HU).all()
    assert strip_of(ct=lower).outside_fraction == pytest.approx(1 / 3, abs=0.02)


def test_a_scan_that_does_not_reach_the_lesion_is_all_outside():
    """Not covered is a picture of nothing, not an error."""
    far = RigidTransform.from_rotation_shift(np.eye(3), (0, 0, 900))
    strip = strip_of(visit_from_inclusion=far, pet=make_volume(ramp, Quantity.SUVBW))
    assert strip.outside_fraction == 1.0
    assert all(p.suv is not None and np.isnan(p.suv).all() for p in strip.planes)


def test_values_beyond_sixteen_bits_stay_values():
    """Metal beyond the range of int16 and a broken voxel never turn into something else."""
    loud = make_volume(lambda p: np.where(p[..., 0] > CENTRE[0], 60000.0, -60000.0))
    hu = strip_of(ct=loud).planes[0].ct_hu
    assert hu.max() == 32767
    assert hu.min() == -32767
    broken = make_volume(lambda p: np.full(p.shape[:-1], np.nan))
    assert strip_of(ct=broken).outside_fraction == 1.0


def test_contours_of_a_sphere_are_circles_in_every_plane():
    """Radius and place of the cut of a sphere 3 mm off the plane follow Pythagoras."""
    centre = np.add(CENTRE, (3.0, 0.0, 0.0))
    vertices, faces = sphere_mesh(8.0, centre)
    strip = strip_of(surface_vertices=vertices, surface_faces=faces)
    expected = {
        Plane.AXIAL: ((3.0, 0.0), 8.0),
        Plane.CORONAL: ((3.0, 0.0), 8.0),
        Plane.SAGITTAL: ((0.0, 0.0), np.sqrt(64.0 - 9.0)),
    }
    for picture in strip.planes:
        middle, radius = expected[picture.plane]
        (line,) = picture.contours_mm
        np.testing.assert_array_equal(line[0], line[-1])
        np.testing.assert_allclose(np.hypot(*(line - middle).T), radius, atol=0.02)


def test_contour_and_diameter_line_are_carried_back_to_the_inclusion_frame():
    """A surface measured on the visit's CT is drawn on the inclusion's bone."""
    visit_from_inclusion = RigidTransform.from_rotation_shift(
        Rotation.from_euler("z", 25, degrees=True).as_matrix(), (12, 7, -30), CENTRE
    )
    vertices, faces = sphere_mesh(6.0)
    ends = np.add(CENTRE, [(-6.0, 0.0, 1.0), (6.0, 0.0, -1.0)])
    on_visit = visit_from_inclusion.apply(ends)
    strip = strip_of(
        visit_from_inclusion=visit_from_inclusion,
        surface_vertices=visit_from_inclusion.apply(vertices),
        surface_faces=faces,
        ends_mm=(tuple(on_visit[0]), tuple(on_visit[1])),
    )
    axial = strip.planes[0]
    np.testing.assert_allclose(np.hypot(*axial.contours_mm[0].T), 6.0, atol=0.02)
    assert axial.ends_mm is not None
    np.testing.assert_allclose(axial.ends_mm, [(-6.0, 0.0), (6.0, 0.0)], atol=1e-9)
    assert axial.ends_depth_mm == pytest.approx((1.0, -1.0))


def test_an_absent_lesion_has_a_picture_without_contour():
    """Healed bone is shown; there is nothing to draw on it."""
    for picture in strip_of().planes:
        assert picture.contours_mm == ()
        assert picture.ends_mm is None
        assert picture.ends_depth_mm is None


def test_two_pieces_give_two_lines_the_longest_first():
    """A lesion that has split is drawn as two outlines."""
    big, big_faces = sphere_mesh(6.0, (-9.0, 0.0, 0.0))
    small, small_faces = sphere_mesh(3.0, (9.0, 0.0, 0.0))
    lines = plane_contours(
        np.concatenate([small, big]),
        np.concatenate([small_faces, big_faces + len(small)]),
        Plane.AXIAL.right,
        Plane.AXIAL.down,
    )
    assert [round(float(line[:, 0].mean())) for line in lines] == [-9, 9]


def test_an_open_mesh_gives_an_open_line():
    """One triangle across the plane is cut in one segment."""
    triangle = np.array([(0.0, 0.0, -1.0), (2.0, 0.0, 1.0), (-2.0, 0.0, 1.0)])
    (line,) = plane_contours(triangle, np.array([[0, 1, 2]]), Plane.AXIAL.right, Plane.AXIAL.down)
    np.testing.assert_allclose(np.sort(line[:, 0]), [-1.0, 1.0])
    assert len(line) == 2


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.floats(-5.0, 5.0)] * 3), st.tuples(*[st.floats(-3.0, 3.0)] * 3))
def test_every_contour_of_a_closed_surface_is_closed(shift, turn):
    """However a closed mesh lies, also with vertices on the plane, its cuts close."""
    box = np.array([(x, y, z) for x in (-6.0, 6.0) for y in (-6.0, 6.0) for z in (-6.0, 6.0)])
    faces = ["013", "032", "475", "467", "051", "045", "237", "276", "026", "064", "157", "173"]
    faces = np.array([[int(corner) for corner in face] for face in faces])
    vertices = box @ Rotation.from_rotvec(turn).as_matrix().T + np.asarray(shift)
    for plane in Plane:
        lines = plane_contours(vertices, faces, plane.right, plane.down)
        assert len(lines) <= 1
        for line in lines:
            np.testing.assert_array_equal(line[0], line[-1])


def test_a_strip_comes_back_from_its_file(tmp_path: Path):
    """Everything in a strip survives writing and reading."""
    vertices, faces = sphere_mesh(8.0)
    strip = strip_of(
        pet=make_volume(ramp, Quantity.SUVBW, half_mm=30.0),
        surface_vertices=vertices,
        surface_faces=faces,
        ends_mm=(CENTRE, tuple(np.add(CENTRE, 4.0))),
    )
    write_strip(tmp_path / "L1_inclusion.npz", strip)
    again = read_strip(tmp_path / "L1_inclusion.npz")
    assert again.centre_mm == strip.centre_mm
    assert again.half_width_mm == strip.half_width_mm
    for a, b in zip(strip.planes, again.planes, strict=True):
        assert a.plane is b.plane
        np.testing.assert_array_equal(a.ct_hu, b.ct_hu)
        np.testing.assert_array_equal(a.suv, b.suv)
        np.testing.assert_array_equal(a.ends_mm, b.ends_mm)
        assert a.ends_depth_mm == b.ends_depth_mm
        assert len(a.contours_mm) == len(b.contours_mm)
        for line, same in zip(a.contours_mm, b.contours_mm, strict=True):
            np.testing.assert_array_equal(line, same)


def test_the_same_strip_gives_the_same_bytes(tmp_path: Path):
    """No clock, no random order in the file."""
    for name in ("a.npz", "b.npz"):
        write_strip(tmp_path / name, strip_of())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("damage", ["absent", "empty", "text", "cut", "flipped", "other"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str):
    """Whatever is wrong with the file, the error is ours and names it."""
    path = tmp_path / "L1_month_3.npz"
    write_strip(path, strip_of())
    whole = path.read_bytes()
    contents = {
        "empty": b"",
        "text": b"not a strip",
        "cut": whole[: len(whole) // 2],
        "flipped": whole[:3000] + bytes(500) + whole[3500:],
    }
    if damage == "absent":
        path.unlink()
    elif damage == "other":
        np.savez(path, format=np.array(99))
    else:
        path.write_bytes(contents[damage])
    with pytest.raises(OutputError, match=r"L1_month_3\.npz"):
        read_strip(path)


def test_a_volume_of_another_quantity_is_refused():
    """Counts shown as HU would look like a picture."""
    with pytest.raises(MeasurementError, match="needs a CT in HU"):
        strip_of(ct=make_volume(ramp, Quantity.BQ_PER_ML))
    with pytest.raises(MeasurementError, match="needs a PET in"):
        strip_of(pet=make_volume(ramp, Quantity.BQ_PER_ML))
    with pytest.raises(MeasurementError, match="above 0 mm"):
        strip_of(half_width_mm=0.0)


def test_pictures_of_the_wrong_shape_are_refused():
    """An object that was made is valid."""
    square = np.zeros((10, 10), np.int16)
    with pytest.raises(ValueError, match="even size"):
        StripPlane(plane=Plane.AXIAL, ct_hu=np.zeros((10, 9), np.int16))
    with pytest.raises(ValueError, match="half as fine"):
        StripPlane(plane=Plane.AXIAL, ct_hu=square, suv=np.zeros((10, 10), np.float32))


@pytest.mark.parametrize(
    ("diameter", "half_width"), [(None, 36.0), (12.0, 36.0), (40.0, 50.0), (200.0, 75.0)]
)
def test_the_picture_is_as_wide_as_the_lesion_needs(diameter, half_width):
    """Two and a half diameters, between 72 and 150 mm."""
    assert strip_half_width_mm(diameter) == half_width
