"""Scanners that the synthetic headers can claim to come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Vendor(StrEnum):
    """Who made the scanner: decides private elements and what its times mean."""

    SIEMENS = "SIEMENS"
    GE = "GE MEDICAL SYSTEMS"
    PHILIPS = "Philips Medical Systems"
    UIH = "UIH"
    """A vendor without private elements that matter for SUV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """A PET/CT scanner as its headers describe it."""

    vendor: Vendor
    model: str
    software: str
    bone_kernel: str
    soft_kernel: str
    pet_reconstruction: str
    pet_attenuation: str
    pet_scatter: str
    pet_filter: str
    station: str = "PETCT01"
    serial_number: str = "10042"


SIEMENS_BIOGRAPH = Scanner(
    vendor=Vendor.SIEMENS,
    model="Biograph64_mCT",
    software="VG60A",
    bone_kernel="B60f",
    soft_kernel="B30f",
    pet_reconstruction="PSF+TOF 4i21s",
    pet_attenuation="CT-derived mu-map",
    pet_scatter="Model-based",
    pet_filter="XYZ Gauss4.00",
)
GE_DISCOVERY = Scanner(
    vendor=Vendor.GE,
    model="Discovery 690",
    software="pet_coreload.44",
    bone_kernel="BONE",
    soft_kernel="STANDARD",
    pet_reconstruction="VPFXS",
    pet_attenuation="measured,CTAC, 0.096000 cm-1",
    pet_scatter="Model Based",
    pet_filter="4.0 mm",
)
PHILIPS_GEMINI = Scanner(
    vendor=Vendor.PHILIPS,
    model="GEMINI TF TOF 64",
    software="PETLINK 3.5",
    bone_kernel="D",
    soft_kernel="B",
    pet_reconstruction="BLOB-OS-TF",
    pet_attenuation="CTAC-SG",
    pet_scatter="SS-SIMUL",
    pet_filter="NONE",
)
UIH_UMI = Scanner(
    vendor=Vendor.UIH,
    model="uMI 780",
    software="R002",
    bone_kernel="B_SHARP_C",
    soft_kernel="B_SOFT_B",
    pet_reconstruction="OSEM_TOF_PSF",
    pet_attenuation="CTAC",
    pet_scatter="Monte Carlo",
    pet_filter="Gauss 3.0",
)
SCANNERS = {
    scanner.vendor: scanner for scanner in (SIEMENS_BIOGRAPH, GE_DISCOVERY, PHILIPS_GEMINI, UIH_UMI)
}
