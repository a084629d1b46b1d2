"""What the scanner adds: tissue values, blur, noise, drift, metal, and PET."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from phantoms.scanner.blur import FWHM_PER_SIGMA, KERNELS, Kernel, blur, noise_slice
from phantoms.scanner.pet import pet_grid
from tests.phantoms.shared import scenario_first, small_patient


def test_the_point_spread_is_a_gaussian_of_the_kernels_width() -> None:
    """Second moment of a blurred voxel: the kernel's, less the voxel's own box."""
    image = np.zeros((9, 41, 41), dtype=np.float32)
    image[4, 20, 20] = 1.0
    out = blur(image, (0.5, 0.5, 2.0), 0.5, Kernel.STANDARD)[4]
    at = (np.arange(41) - 20) * 0.5
    variance = float((out.sum(axis=0) * at**2).sum() / out.sum())
    wanted = KERNELS[Kernel.STANDARD].sigma_mm ** 2 - 0.5**2 / 12
    assert variance == pytest.approx(wanted, rel=0.04)
    assert out.sum() == pytest.approx(1.0, abs=1e-5)


def test_thick_slices_spread_along_z() -> None:
    """Full width at half maximum is the slice thickness, the voxel's box included."""
    image = np.zeros((41, 9, 9), dtype=np.float32)
    image[20, 4, 4] = 1.0
    out = blur(image, (1.0, 1.0, 1.0), 4.0, Kernel.SOFT).sum(axis=(1, 2))
    at = np.arange(41) - 20
    variance = float((out * at**2).sum() / out.sum())
    assert variance + 1 / 12 == pytest.approx((4.0 / FWHM_PER_SIGMA) ** 2, rel=0.04)


def test_the_bone_kernel_enhances_edges_and_keeps_levels() -> None:
    """A step overshoots; far from it nothing changes."""
    image = np.zeros((3, 40, 40), dtype=np.float32)
    image[:, :, 20:] = 1000.0
    out = blur(image, (0.5, 0.5, 2.0), 0.5, Kernel.BONE)[1, 20]
    assert out.max() > 1010
    assert out[:8] == pytest.approx(0.0, abs=0.01)
    assert out[-8:] == pytest.approx(1000.0, abs=0.1)


@pytest.mark.parametrize("kernel", [Kernel.BONE, Kernel.STANDARD, Kernel.SOFT])
def test_noise_has_unit_size_and_the_kernels_spectrum(kernel: Kernel) -> None:
    """Standard deviation 1; most power near the kernel's peak frequency."""
    noise = noise_slice(np.random.default_rng(1), (256, 320), 1.0, kernel, 0.0)
    assert noise.shape == (256, 320)
    assert noise.std() == pytest.approx(1.0, rel=0.03)
    power = np.abs(np.fft.fft2(noise)) ** 2
    f = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(320)[None, :])
    near_zero = power[f < 0.03].mean()
    peak = KERNELS[kernel].noise_peak_per_mm
    at_peak = power[np.abs(f - peak) < 0.03].mean()
    assert at_peak > 5 * near_zero


def _crop(patient_name: str, lesion_id: str = "L01", visit: str = "inclusion", **changes: object):  # type: ignore[no-untyped-def]
    """Render a piece of a scenario's patient around a lesion."""
    patient = scenario_first(patient_name)
    scan = patient.around(lesion_id, visit, 40.0, 1.2, Kernel.BONE)
    return patient, replace(scan, **changes)  # type: ignore[arg-type]


def test_drift_moves_tissue_and_leaves_air() -> None:
    """25 HU in bone and muscle, nothing at -1000."""
    patient, scan = _crop("thresholds")
    plain = patient.render_ct("inclusion", noise=False, scan=scan).array
    drifted = patient.render_ct("inclusion", noise=False, scan=replace(scan, drift_hu=25.0)).array
    tissue = plain > -150
    assert (drifted - plain)[tissue] == pytest.approx(25.0, abs=0.01)
    assert (drifted - plain)[plain < -950] == pytest.approx(0.0, abs=0.01)


def test_a_lower_tube_voltage_makes_bone_brighter_and_not_water() -> None:
    """At 100 kV."""
    patient, scan = _crop("thresholds")
    plain = patient.render_ct("inclusion", noise=False, scan=scan).array
    low = patient.render_ct("inclusion", noise=False, scan=replace(scan, kvp=100.0)).array
    assert (low - plain)[plain > 500].mean() > 60
    assert np.abs((low - plain)[(plain > -200) & (plain < 50)]).max() < 0.01


def test_noise_is_that_of_a_low_dose_scan_and_deeper_inside_the_body_it_is_larger() -> None:
    """20 to 70 HU in the middle of the body, less in the air around it."""
    patient = small_patient()
    scan = patient.scans["inclusion"]
    middle = scan.shape_zyx[0] // 2
    z = scan.origin_mm[2] + middle * scan.spacing_xyz_mm[2]
    thin = replace(scan, shape_zyx=(3, *scan.shape_zyx[1:]), origin_mm=(*scan.origin_mm[:2], z))
    clean = patient.render_ct("inclusion", noise=False, scan=thin).array[1]
    noisy = patient.render_ct("inclusion", scan=thin).array[1]
    difference = noisy - clean
    rows, columns = clean.shape
    centre = difference[rows // 2 - 30 : rows // 2 + 30, columns // 2 - 40 : columns // 2 + 40]
    corner = difference[:30, :30][clean[:30, :30] > -1000.5]
    assert 20 < centre.std() < 70
    assert corner.std() < 0.8 * centre.std()


def test_tissues_have_the_densities_of_tissues() -> None:
    """Fat, muscle, cortex, trabecular bone and lesion of a noise-free scan."""
    patient, scan = _crop("thresholds", "L07", visit="month_3", kernel=Kernel.IDEAL)
    values = patient.render_ct("month_3", noise=False, scan=scan).array
    assert ((values > -125) & (values < -85)).mean() > 0.03
    assert ((values > 40) & (values < 75)).mean() > 0.1
    assert 700 < np.percentile(values[values > 600], 90) < 1500
    plan = patient.lesion("L07")
    centre = np.array(values.shape) // 2
    inside = values[tuple(slice(c - 2, c + 3) for c in centre)]
    assert inside.mean() == pytest.approx(plan.inside_hu, abs=12)


def test_metal_throws_streaks_beside_the_prosthesis_and_not_in_the_spine() -> None:
    """Bright and dark rays at the hip."""
    patient = scenario_first("metal")
    hip = patient.around("L01", "month_3", 45.0, 1.2, Kernel.BONE)
    with_metal = patient.render_ct("month_3", noise=False, scan=replace(hip, metal=True)).array
    without = patient.render_ct("month_3", noise=False, scan=hip).array
    change = (with_metal - without)[np.abs(without) < 600]
    assert with_metal.max() > 2500
    assert np.percentile(np.abs(change), 90) > 25
    spine = patient.around("L06", "month_3", 25.0, 1.2, Kernel.BONE)
    far = patient.render_ct("month_3", noise=False, scan=replace(spine, metal=True)).array
    near = patient.render_ct("month_3", noise=False, scan=spine).array
    assert np.abs(far - near).max() < 0.01


def test_the_same_scan_has_the_same_bytes_and_slabs_do_not_matter() -> None:
    """Twice the same; a part of the slices equals those slices of the whole."""
    patient, scan = _crop("thresholds")
    first = patient.render_ct("inclusion", scan=scan).array
    again = patient.render_ct("inclusion", scan=scan).array
    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.int16


def test_uptake_is_highest_in_the_lesion_and_the_truth_is_a_voxel_of_the_image() -> None:
    """SUVmax of a hot lesion lies near its uptake, above normal bone; a flare goes up and down."""
    patient = scenario_first("uptake")
    visits = ("inclusion", "month_3", "month_12")
    scans = {v: patient.around("L02", v, 75.0, 2.0, Kernel.BONE) for v in visits}
    clean = {v: patient.render_pet(v, noise=False, scan=scans[v]) for v in visits}
    found = {v: patient.suv_max(v, image)["L01"] for v, image in clean.items()}
    assert found["month_3"] > 1.3 * found["inclusion"] > 1.3 * found["month_12"]  # type: ignore[operator]
    assert found["inclusion"] in clean["inclusion"].array
    bone = patient.suv_max("inclusion", clean["inclusion"])["L03"]
    assert bone is not None
    assert bone < 12 < found["inclusion"]  # type: ignore[operator]


def test_pet_noise_grows_with_uptake_and_is_the_same_twice() -> None:
    """A noisy map around the clean one."""
    patient = small_patient()
    scan = patient.around("L01", "inclusion", 70.0, 2.0, Kernel.BONE)
    clean = patient.render_pet("inclusion", noise=False, scan=scan)
    noisy = patient.noisy_pet("inclusion", clean)
    assert noisy.array.tobytes() == patient.noisy_pet("inclusion", clean).array.tobytes()
    difference = noisy.array - clean.array
    hot, cold = clean.array > 4.0, (clean.array > 0.4) & (clean.array < 0.9)
    assert difference[hot].std() > 1.6 * difference[cold].std()
    assert abs(difference[hot].mean()) < 0.05


def test_a_shifted_pet_is_the_same_map_elsewhere() -> None:
    """A shift of one PET voxel moves the noise-free map by one voxel."""
    patient = small_patient()
    crop = patient.around("L01", "inclusion", 70.0, 2.0, Kernel.BONE)
    scan = replace(crop, pet_shift_mm=(0.0, 0.0, 0.0))
    step = scan.pet_spacing_xyz_mm
    moved = replace(scan, pet_shift_mm=(step[0], 0.0, -step[2]))
    here = patient.render_pet("inclusion", noise=False, scan=scan).array
    there = patient.render_pet("inclusion", noise=False, scan=moved).array
    difference = np.abs(there[8:-9, 8:-8, 9:-8] - here[9:-8, 8:-8, 8:-9])
    assert np.percentile(difference, 99.5) < 0.02
    assert pet_grid(scan)[0] == here.shape
