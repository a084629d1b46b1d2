"""Whether two scans can be compared: one row for each reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lesionscore.dicom import ScanInfo
from lesionscore.dicom.comparability import check_same_visit, compare_scans

PET = ScanInfo(
    modality="PT",
    series_uid="1.2",
    scanner="SIEMENS Biograph",
    reconstruction="PSF+TOF 4i5s",
    slice_spacing_mm=3.0,
    slice_thickness_mm=3.0,
    uptake_min=45.0,
    injected_dose_bq=200e6,
    weight_kg=72.0,
    tracer="18F-NaF",
    frame_of_reference_uid="1.9",
)
CT = ScanInfo(
    modality="CT",
    series_uid="1.3",
    scanner="SIEMENS Biograph",
    kernel="B60f",
    kvp=120.0,
    slice_spacing_mm=1.5,
    slice_thickness_mm=1.5,
    weight_kg=72.0,
    frame_of_reference_uid="1.9",
)


def test_the_same_protocol_is_comparable() -> None:
    """Another day, a kilogram less: nothing against it."""
    verdict = compare_scans(PET, replace(PET, weight_kg=71.0, uptake_min=47.0))
    assert verdict.comparable
    assert verdict.findings == ()


@pytest.mark.parametrize(
    ("scan", "change", "reason"),
    [
        (PET, {"scanner": "GE Discovery"}, "scanner_differs"),
        (PET, {"reconstruction": "OSEM 3i24s"}, "reconstruction_differs"),
        (PET, {"tracer": "18F-FDG"}, "tracer_differs"),
        (PET, {"injected_dose_bq": 241e6}, "dose_differs"),
        (PET, {"uptake_min": 55.5}, "uptake_differs"),
        (CT, {"kernel": "B30f"}, "kernel_differs"),
        (CT, {"kvp": 100.0}, "kvp_differs"),
        (CT, {"slice_spacing_mm": 3.0}, "slice_spacing_differs"),
        (CT, {"slice_thickness_mm": 3.0}, "slice_thickness_differs"),
    ],
)
def test_a_difference_has_a_reason(scan: ScanInfo, change: dict[str, object], reason: str) -> None:
    """Each attribute alone."""
    verdict = compare_scans(scan, replace(scan, weight_kg=71.0, **change))  # type: ignore[arg-type]
    assert verdict.reasons == (reason,)
    assert not verdict.comparable
    assert verdict.findings[0].code == reason


@pytest.mark.parametrize(
    ("change", "comparable"),
    [
        ({"injected_dose_bq": 240e6}, True),
        ({"uptake_min": 55.0}, True),
        ({"scanner": "siemens  BIOGRAPH"}, True),
        ({"reconstruction": ""}, True),
        ({"uptake_min": None}, True),
    ],
)
def test_limits_are_inclusive_and_silence_is_no_difference(
    change: dict[str, object], comparable: bool
) -> None:
    """20 % of dose and 10 minutes of uptake still compare; what is unsaid is a finding."""
    verdict = compare_scans(PET, replace(PET, weight_kg=71.0, **change))  # type: ignore[arg-type]
    assert verdict.comparable is comparable


@pytest.mark.parametrize(
    ("uptake_min", "inside"), [(39.99, False), (40.0, True), (50.0, True), (50.01, False)]
)
def test_the_window_of_the_protocol_is_inclusive(uptake_min: float, inside: bool) -> None:
    """40 to 50 minutes."""
    verdict = compare_scans(
        PET, replace(PET, uptake_min=uptake_min), uptake_window_min=(40.0, 50.0)
    )
    assert ("uptake_outside_window" in verdict.reasons) is not inside


def test_weights_that_do_not_fit_are_findings() -> None:
    """Copied from the earlier visit, changed by a quarter, different within one visit."""
    assert [f.code for f in compare_scans(PET, PET).findings] == ["weight_unchanged"]
    heavy = compare_scans(PET, replace(PET, weight_kg=95.0))
    assert [f.code for f in heavy.findings] == ["weight_changed_much"]
    assert check_same_visit(CT, PET) == ()
    other = replace(PET, weight_kg=80.0, frame_of_reference_uid="1.10")
    assert [f.code for f in check_same_visit(CT, other)] == [
        "weight_differs_within_visit",
        "frame_of_reference_differs_within_visit",
    ]
