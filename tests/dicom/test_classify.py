"""Kernels, corrections and tracers by the names that vendors give them."""

from __future__ import annotations

import pytest

from lesionscore.dicom import tags
from lesionscore.dicom.choose import slice_class
from lesionscore.dicom.classify import is_attenuation_corrected, is_bone_kernel
from lesionscore.dicom.deidentification import explain
from lesionscore.dicom.header import Header
from lesionscore.dicom.parse import Item, Value
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.tracer import check_tracer, nuclide_of, tracer_of, unit_of_half_life


def item(**elements: str) -> Item:
    """Text elements by the names of their tags."""
    return Item({getattr(tags, name): Value("", text.encode()) for name, text in elements.items()})


@pytest.mark.parametrize(
    "kernel", ["BONE", "BONEPLUS", "EDGE", "B60f", "B70s", "Br59d", "Br64f", "YC", "YD", "FC30"]
)
def test_bone_kernels(kernel: str) -> None:
    """GE, Siemens, Philips, Canon."""
    assert is_bone_kernel(kernel)


@pytest.mark.parametrize(
    "kernel", ["STANDARD", "SOFT", "B30f", "B31f", "Br40d", "Bf37", "FC08", "B", "YA", "I30f", ""]
)
def test_soft_kernels(kernel: str) -> None:
    """Kernels that are not sharp enough for bone."""
    assert not is_bone_kernel(kernel)


def test_slices_are_classed_by_spacing() -> None:
    """A millimetre and a millimetre and a half are alike; three are not."""
    assert slice_class(1.0) == slice_class(1.5) == 0
    assert slice_class(2.0) < slice_class(3.0) < slice_class(5.0) < slice_class(8.0)


@pytest.mark.parametrize(
    ("elements", "corrected"),
    [
        ({"CORRECTED_IMAGE": "NORM\\ATTN\\DECY"}, True),
        ({"CORRECTED_IMAGE": "NORM\\DECY"}, False),
        ({"CORRECTED_IMAGE": ""}, None),
        ({"SERIES_DESCRIPTION": "PET WB NAC"}, False),
        ({"SERIES_DESCRIPTION": "PET_nac_3mm"}, False),
        ({"SERIES_DESCRIPTION": "WB uncorrected"}, False),
        ({"SERIES_DESCRIPTION": "Sternal notch"}, None),
        ({"ATTENUATION_CORRECTED": "NO"}, False),
        ({"ATTENUATION_CORRECTED": "YES"}, True),
        ({"CORRECTED_IMAGE": "ATTN", "SERIES_DESCRIPTION": "not NAC"}, True),
    ],
)
def test_attenuation_correction(elements: dict[str, str], corrected: bool | None) -> None:
    """By the enhanced flag, then Corrected Image, then the description."""
    assert is_attenuation_corrected(Header([item(**elements)])) is corrected


def injection(**codes: tuple[str, str]) -> Header:
    """An item of (0054,0016) with coded nuclide and tracer."""
    one = Item()
    for name, (value, meaning) in codes.items():
        coded = item(CODE_VALUE=value, CODE_MEANING=meaning)
        one[getattr(tags, name)] = Value("SQ", b"", (coded,))
    return Header([one])


@pytest.mark.parametrize(
    ("code", "meaning", "name"),
    [
        ("77004003", "", "18F"),
        ("C-111A1", "", "18F"),
        ("99", "^18^Fluorine", "18F"),
        ("99", "F-18", "18F"),
        ("C-131A3", "", "68Ga"),
        ("63360001", "", "89Zr"),
        ("99", "Ga 68", "68Ga"),
        ("99", "Fluorine", None),
        ("", "", None),
    ],
)
def test_nuclides_by_code_or_words(code: str, meaning: str, name: str | None) -> None:
    """SNOMED CT, SNOMED RT, or element and mass in words."""
    found = nuclide_of(injection(RADIONUCLIDE_CODE_SEQUENCE=(code, meaning)))
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("code", "meaning", "tracer"),
    [
        ("129501009", "", "18F-NaF"),
        ("C-B1032", "", "18F-NaF"),
        ("", "Sodium fluoride F^18^", "18F-NaF"),
        ("", "NaF", "18F-NaF"),
        ("", "FDG -- fluorodeoxyglucose", "18F-FDG"),
        ("C-B1031", "", "18F-FDG"),
        ("", "Fluorocholine", "other"),
        ("", "", ""),
    ],
)
def test_tracers_by_code_or_words(code: str, meaning: str, tracer: str) -> None:
    """NaF and FDG are told apart, others are others."""
    found = injection(RADIOPHARMACEUTICAL_CODE_SEQUENCE=(code, meaning))
    assert tracer_of(found) == tracer


def test_another_tracer_is_a_finding() -> None:
    """Named, unnamed, and not asked for."""
    fdg = injection(RADIOPHARMACEUTICAL_CODE_SEQUENCE=("C-B1031", ""))
    notes = Notes()
    assert check_tracer(fdg, "NaF", notes) == "18F-FDG"
    check_tracer(injection(), "18F-NaF", notes)
    check_tracer(fdg, "", notes)
    assert [finding.code for finding in notes.findings] == ["tracer_not_naf", "tracer_unknown"]


def test_a_half_life_in_another_unit_is_recognised() -> None:
    """Minutes and hours; another nuclide's is neither."""
    fluorine = nuclide_of(injection(RADIONUCLIDE_CODE_SEQUENCE=("77004003", "")))
    assert fluorine is not None
    assert unit_of_half_life(109.77, fluorine) == "minutes"
    assert unit_of_half_life(1.83, fluorine) == "hours"
    assert unit_of_half_life(4062.6, fluorine) is None


def test_the_missing_option_is_named_only_where_it_is_missing() -> None:
    """With the option applied, anonymisation is not to blame."""
    plain = Header([Item()])
    assert "113108" in explain(plain, tags.PATIENT_WEIGHT)
    coded = item(CODE_VALUE="113108")
    kept = Item({tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE: Value("SQ", b"", (coded,))})
    assert explain(Header([kept]), tags.PATIENT_WEIGHT) == ""
    removed = Header([item(PATIENT_IDENTITY_REMOVED="YES")])
    assert "was de-identified without" in explain(removed, tags.ACQUISITION_TIME)
    assert explain(plain, tags.RADIONUCLIDE_TOTAL_DOSE) == ""
