"""Every PET dialect that the phantoms write, read back as SUV by body weight."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from lesionscore.dicom import SuvPolicy, read_pet
from lesionscore.errors import LesionscoreError
from phantoms.dicom import (
    PET_DIALECTS,
    PHILIPS_GEMINI,
    PetDialect,
    PetFault,
    PetHeader,
    PetUnits,
    PhilipsFactors,
    TransferSyntax,
    write_pet_series,
)
from tests.dicom.phantom_scans import largest_error, pet_image, responds_rightly

# What a phantom asks for that IBSI-SUV decides otherwise, with the reason
BY_IBSI = {
    ("bqml_start_philips", "missing_frame_duration"): "refused",
    ("bqml_start_uih", "missing_frame_duration"): "refused",
    ("cnts_activity_only", "missing_frame_duration"): "refused",
    ("cnts_both", "missing_decay_correction"): "said",  # the SUV factor needs none
}
DIALECTS_PAGE = Path(__file__).resolve().parents[2] / "docs/dialects.md"


def documented() -> dict[str, tuple[str, set[str]]]:
    """Rule and findings of each dialect, as the page has them."""
    found = {}
    for line in DIALECTS_PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0].startswith("`"):
            codes = set(re.findall(r"`([a-z_]+)`", cells[3]))
            found[cells[0].strip("`")] = (cells[2].strip("`"), codes)
    return found


DOCUMENTED = documented()
NO_DECAY_NEEDED = ("gml_bare", "gml_janma_male", "cm2ml")


@pytest.mark.parametrize("name", PET_DIALECTS)
def test_a_dialect_gives_the_true_suv_or_is_refused(name: str, tmp_path: Path) -> None:
    """Truth table of the dialects: the same map of SUV however it was written."""
    written = write_pet_series(tmp_path / "pet", pet_image(), PET_DIALECTS[name].header())
    rule, codes = DOCUMENTED[name]
    try:
        scan = read_pet(tmp_path / "pet")
    except LesionscoreError:
        assert responds_rightly(written.outcome, refused=True, right=False, said=True)
        assert rule == "refused"
        return
    assert (scan.suv.rule, {finding.code for finding in scan.findings}) == (rule, codes)
    right = largest_error(scan.volume, written.image) <= 1.01 * written.voxel_step
    said = bool(scan.findings)
    assert responds_rightly(written.outcome, refused=False, right=right, said=said)
    if right and written.suv_per_unit:
        assert sorted(scan.suv.factors) == pytest.approx(sorted(written.suv_per_unit), rel=2e-4)


def test_the_page_lists_every_dialect() -> None:
    """No row too many, none too few."""
    assert list(DOCUMENTED) == list(PET_DIALECTS)


BASES = ("bqml_start_siemens", "gml_bare", "cnts_both")
MORE_BASES = (
    "bqml_start_ge",
    "bqml_start_philips",
    "bqml_admin",
    "bqml_none",
    "cnts_activity_only",
    "gml_janma_male",
    "cm2ml",
    "rewritten_philips",
    "rewritten_ge_no_private",
    "start_time_only",
)
PHILIPS_ONLY = (PetFault.PHILIPS_FACTORS_DISAGREE, PetFault.PHILIPS_SUV_FACTOR_ZERO)


def _harmless(base: str, fault: PetFault) -> bool:
    """Faults that do not reach a dialect: the phantom names them for the others."""
    header = PET_DIALECTS[base].header()
    if fault is PetFault.PRIVATE_DATE_SHIFTED:
        return not header.private_times or "siemens" not in base
    if fault is PetFault.DECAY_CONTRADICTION:
        return base == "bqml_none"
    if fault is PetFault.WRONG_DECAY_FACTOR:
        return base == "bqml_none"
    if fault in (PetFault.START_DATE_SHIFTED, PetFault.START_YEARS_OFF):
        return base == "start_time_only"
    if fault is PetFault.MISSING_DECAY_CORRECTION:
        return base in NO_DECAY_NEEDED
    return base == "gml_bare" and (
        "weight" in fault.value or fault is PetFault.BASIC_DEIDENTIFICATION
    )


@pytest.mark.parametrize("fault", PetFault)
@pytest.mark.parametrize(
    "base", [*BASES, *(pytest.param(base, marks=pytest.mark.slow) for base in MORE_BASES)]
)
def test_a_fault_is_refused_or_said(base: str, fault: PetFault, tmp_path: Path) -> None:
    """Truth table of the faults, in each dialect: a wrong number is never silent."""
    if fault in PHILIPS_ONLY and base != "cnts_both":
        pytest.skip("a fault of Philips' SUV factor")
    header = PET_DIALECTS[base].header()
    written = write_pet_series(tmp_path / "pet", pet_image(), header, [fault])
    expected = BY_IBSI.get((base, fault.value))
    try:
        scan = read_pet(tmp_path / "pet")
    except LesionscoreError:
        refused = responds_rightly(written.outcome, refused=True, right=False, said=True)
        assert refused or expected == "refused"
        return
    right = largest_error(scan.volume, written.image) <= 1.01 * written.voxel_step
    said = bool(scan.findings)
    if _harmless(base, fault):
        assert right
    elif expected == "said":
        assert said
    else:
        assert responds_rightly(written.outcome, refused=False, right=right, said=said)


def test_a_compressed_pet_is_the_same(tmp_path: Path) -> None:
    """Lossless transfer syntaxes change nothing."""
    image = pet_image(8, (70, 66))
    for syntax in (TransferSyntax.RLE, TransferSyntax.DEFLATED, TransferSyntax.JPEG_LS):
        written = write_pet_series(
            tmp_path / syntax, image, replace(PetHeader(), transfer_syntax=syntax)
        )
        scan = read_pet(tmp_path / syntax)
        assert largest_error(scan.volume, image) <= 1.01 * written.voxel_step


QIBA_RIGHT = (
    "bqml_start_siemens",
    "bqml_start_ge",
    "bqml_start_philips",
    "bqml_start_uih",
    "gml_bare",
    "gml_bw",
    "cnts_both",
    "cnts_suv_only",
    "cnts_activity_only",
    "rewritten_ge",
    "rewritten_siemens",
    "rewritten_siemens_no_private",
    "midnight_before_scan_time_only",
)
QIBA_REFUSED = ("bqml_admin", "bqml_none", "gml_lbm_male", "cm2ml", "propcnts", "cnts_neither")


@pytest.mark.parametrize("name", QIBA_RIGHT)
def test_qiba_reads_what_it_is_made_for(name: str, tmp_path: Path) -> None:
    """START in Bq/ml, SUV by body weight, Philips counts."""
    written = write_pet_series(tmp_path / "pet", pet_image(), PET_DIALECTS[name].header())
    scan = read_pet(tmp_path / "pet", policy=SuvPolicy.QIBA)
    assert scan.suv.policy is SuvPolicy.QIBA
    assert largest_error(scan.volume, written.image) <= 1.01 * written.voxel_step


@pytest.mark.parametrize("name", QIBA_REFUSED)
def test_qiba_refuses_the_rest(name: str, tmp_path: Path) -> None:
    """Decay corrections other than START and other SUV types are not QIBA's."""
    write_pet_series(tmp_path / "pet", pet_image(8), PET_DIALECTS[name].header())
    with pytest.raises(LesionscoreError):
        read_pet(tmp_path / "pet", policy=SuvPolicy.QIBA)


def test_the_policies_differ_on_philips_counts(tmp_path: Path) -> None:
    """IBSI takes the activity factor, QIBA the SUV factor; a difference between them is said."""
    header = PET_DIALECTS["cnts_both"].header()
    assert header.scanner is PHILIPS_GEMINI
    assert (header.units, header.philips_factors) == (PetUnits.CNTS, PhilipsFactors.BOTH)
    written = write_pet_series(
        tmp_path / "pet", pet_image(8), header, [PetFault.PHILIPS_FACTORS_DISAGREE]
    )
    by_ibsi = read_pet(tmp_path / "pet")
    by_qiba = read_pet(tmp_path / "pet", policy=SuvPolicy.QIBA)
    assert by_ibsi.suv.rule.startswith("CNTS/activity factor/START")
    assert by_qiba.suv.rule == "CNTS/SUV factor"
    assert largest_error(by_ibsi.volume, written.image) <= 1.01 * written.voxel_step
    assert "philips_factors_disagree" in {finding.code for finding in by_ibsi.findings}
    assert by_qiba.suv.factor != pytest.approx(by_ibsi.suv.factor, rel=0.05)


def test_uptake_is_told_per_scan(tmp_path: Path) -> None:
    """Minutes from the injection to the first bed, also over midnight."""
    for name, minutes in (("late_uptake", 62.0), ("midnight_before_scan_time_only", 45.0)):
        dialect: PetDialect = PET_DIALECTS[name]
        write_pet_series(tmp_path / name, pet_image(6), dialect.header())
        assert read_pet(tmp_path / name).suv.uptake_min == pytest.approx(minutes, abs=0.02)


def test_what_anonymisation_took_is_named_with_its_option(tmp_path: Path) -> None:
    """The refusal names the element and the option that would have kept it."""
    write_pet_series(tmp_path / "pet", pet_image(6), faults=[PetFault.BASIC_DEIDENTIFICATION])
    with pytest.raises(LesionscoreError, match=r"113108|113106|113107"):
        read_pet(tmp_path / "pet")


def test_nothing_of_the_patient_is_kept(tmp_path: Path) -> None:
    """Name, birth date and numbers of the patient are in neither the record nor the findings."""
    header = PET_DIALECTS["start_time_only"].header()
    write_pet_series(tmp_path / "pet", pet_image(6), header, [PetFault.FDG_TRACER])
    scan = read_pet(tmp_path / "pet")
    words = f"{scan.info} {scan.findings} {scan.suv} {scan.passed_over}"
    patient = header.visit.patient
    for secret in (patient.name, str(patient.name).split("^")[0], patient.patient_id):
        assert secret not in words


@pytest.mark.parametrize(
    ("slope", "is_right"), [(None, True), (1.0, True), (0.5, False)], ids=["own", "one", "other"]
)
def test_a_map_of_another_slope_does_not_name_the_unit(
    slope: float | None, is_right: bool, tmp_path: Path
) -> None:
    """Enhanced PET: the unit of a map is that of its own slope."""
    header = PET_DIALECTS["enhanced_gml"].header()
    written = write_pet_series(tmp_path / "pet", pet_image(6), header)
    (path,) = written.files
    ds = pydicom.dcmread(path)
    for groups in ds.PerFrameFunctionalGroupsSequence:
        groups.PixelValueTransformationSequence[0].RescaleType = "US"
        if slope is not None:
            groups.RealWorldValueMappingSequence[0].RealWorldValueSlope = slope
    ds.save_as(path)
    if not is_right:
        with pytest.raises(LesionscoreError, match=r"real world value map .* with slope 0\.5"):
            read_pet(tmp_path / "pet")
        return
    scan = read_pet(tmp_path / "pet")
    assert largest_error(scan.volume, written.image) <= 1.01 * written.voxel_step
