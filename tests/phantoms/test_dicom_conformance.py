"""dciodvfy (Debian's dicom3tools) finds no error in what a normal scanner would have written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from phantoms.dicom import (
    GE_DISCOVERY,
    PHILIPS_GEMINI,
    SIEMENS_BIOGRAPH,
    UIH_UMI,
    Arrangement,
    Companion,
    CtHeader,
    DecayCorrection,
    Layout,
    PetHeader,
    PetUnits,
    Scanner,
    SuvType,
    TransferSyntax,
    write_companion,
    write_ct_series,
    write_pet_series,
)
from tests.phantoms.small_images import make_ct, make_map

SCANNERS = [SIEMENS_BIOGRAPH, GE_DISCOVERY, PHILIPS_GEMINI, UIH_UMI]
JUDGED_COMPANIONS = sorted(set(Companion) - {Companion.PROJECTION})  # SECONDARY is no PET value


def errors_in(path: Path) -> list[str]:
    """Lines in which dciodvfy reports an error; skips where it is not installed."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed (apt-get install dicom3tools)")
    result = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
    lines = (result.stderr + result.stdout).splitlines()
    assert lines
    return [line for line in lines if line.startswith("Error")]


@pytest.mark.parametrize("scanner", SCANNERS, ids=lambda scanner: scanner.vendor.name)
def test_ct_of_every_vendor_conforms(scanner: Scanner, tmp_path: Path) -> None:
    """No error in a CT slice."""
    written = write_ct_series(tmp_path, make_ct(), CtHeader(scanner=scanner))
    assert errors_in(written.files[3]) == []


@pytest.mark.parametrize("scanner", SCANNERS, ids=lambda scanner: scanner.vendor.name)
def test_pet_of_every_vendor_conforms(scanner: Scanner, tmp_path: Path) -> None:
    """No error in a PET image."""
    written = write_pet_series(tmp_path, make_map(), PetHeader(scanner=scanner))
    assert errors_in(written.files[3]) == []


@pytest.mark.parametrize(
    "header",
    [
        PetHeader(units=PetUnits.GML, suv_type=SuvType.BW),
        PetHeader(units=PetUnits.CM2ML),
        PetHeader(units=PetUnits.CNTS, scanner=PHILIPS_GEMINI),
        PetHeader(decay_correction=DecayCorrection.NONE),
        PetHeader(decay_correction=DecayCorrection.ADMIN),
        PetHeader(bed_step_mm=None),
    ],
    ids=["gml", "cm2ml", "cnts", "none", "admin", "single-bed"],
)
def test_pet_units_and_corrections_conform(header: PetHeader, tmp_path: Path) -> None:
    """No error in the other units and corrections."""
    assert errors_in(write_pet_series(tmp_path, make_map(), header).files[0]) == []


@pytest.mark.parametrize("layout", [Layout.ENHANCED, Layout.LEGACY_CONVERTED])
def test_multiframe_conforms(layout: Layout, tmp_path: Path) -> None:
    """No error in enhanced and legacy converted CT and PET."""
    (ct,) = write_ct_series(tmp_path, make_ct(), CtHeader(layout=layout)).files
    (pet,) = write_pet_series(tmp_path, make_map(), PetHeader(layout=layout)).files
    assert errors_in(ct) == []
    assert errors_in(pet) == []


@pytest.mark.parametrize("syntax", [TransferSyntax.RLE, TransferSyntax.JPEG_LS])
def test_compressed_ct_conforms(syntax: TransferSyntax, tmp_path: Path) -> None:
    """No error in compressed slices."""
    written = write_ct_series(tmp_path, make_ct(), CtHeader(transfer_syntax=syntax))
    assert errors_in(written.files[0]) == []


@pytest.mark.parametrize("arrangement", list(Arrangement))
def test_arrangements_conform(arrangement: Arrangement, tmp_path: Path) -> None:
    """No error however the patient lay."""
    assert errors_in(write_ct_series(tmp_path, make_ct(), None, [arrangement]).files[0]) == []


@pytest.mark.parametrize("companion", JUDGED_COMPANIONS)
def test_companions_conform(companion: Companion, tmp_path: Path) -> None:
    """No error in the series that come along."""
    ct, pet = make_ct(), make_map()
    written = write_companion(companion, tmp_path, ct, pet, CtHeader(), PetHeader())
    assert written is not None
    assert errors_in(written.files[0]) == []
