"""Nothing that identifies a person gets out of a header."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from typer.testing import CliRunner

from lesionscore.cli.app import app
from lesionscore.dicom import read_ct, read_pet
from lesionscore.errors import LesionscoreError
from phantoms.dicom import CtHeader, PetFault, PetHeader, SeriesFault, write_visit
from tests.dicom.phantom_scans import ct_image, pet_image

SECRETS = {
    "PatientName": "Zwetschgenmus^Eulalia",
    "PatientBirthDate": "19510729",
    "OtherPatientIDs": "HOSP-774411",
    "PatientAddress": "Quittenweg 7",
    "PatientTelephoneNumbers": "0049-555-1234",
    "PatientMotherBirthName": "Mirabellenbaum",
    "MilitaryRank": "Oberstwachtmeister",
    "EthnicGroup": "Ethnoqux",
    "Occupation": "Glockengiesser",
    "PatientComments": "Sister of Kunigunde",
    "AdditionalPatientHistory": "Lives in Xanten",
    "AccessionNumber": "ACCQ99887",
    "StudyID": "STUDYQ42",
    "InstitutionName": "Spital Sankt Quirin",
    "InstitutionAddress": "Quirinplatz 3",
    "InstitutionalDepartmentName": "Abteilung Qwertz",
    "ReferringPhysicianName": "Vogelbeer^Anton",
    "PerformingPhysicianName": "Sauerampfer^Rosa",
    "NameOfPhysiciansReadingStudy": "Kornblume^Karl",
    "OperatorsName": "Hagebutte^Ida",
    "StationName": "QSTATION7",
    "DeviceSerialNumber": "SERIALQ31337",
    "RequestingPhysician": "Brombeer^Jost",
    "ImageComments": "Called by Zwetschgenmus",
    "RequestedProcedureDescription": "For Frau Zwetschgenmus",
}
DATES = ("1951-07-29", "29.07.1951")
PATIENT_ID = "PIDQ-290751"


def mark(ds: Dataset, *, nested: bool = False) -> None:
    """Write every secret into a data set, and once more into its sequences and private elements."""
    for keyword, value in SECRETS.items():
        setattr(ds, keyword, value)
    if nested:
        return
    ds.PatientID = PATIENT_ID
    item = Dataset()
    mark(item, nested=True)
    ds.RequestAttributesSequence = Sequence([item])
    ds.ReferencedPatientSequence = Sequence([item])
    block = ds.private_block(0x0009, "GEMS_IDEN_01", create=True)
    block.add_new(0x0D, "LO", SECRETS["PatientName"])
    block.add_new(0x22, "PN", SECRETS["PatientName"])


def words_of(*texts: str) -> str:
    """Join texts for a search that minds no capitals."""
    return "\n".join(texts).casefold()


def leaked(text: str, *, with_id: bool) -> set[str]:
    """Secrets, or parts of names, that stand in a text."""
    secrets = set(DATES) | {PATIENT_ID} if with_id else set(DATES)
    for value in SECRETS.values():
        secrets |= {value, *value.split("^")}
    return {secret for secret in secrets if secret.casefold() in text}


@pytest.fixture(scope="module", params=["clean", "faulty"])
def pile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A visit with all of its companions, every file full of secrets; with and without faults."""
    folder = tmp_path_factory.mktemp(request.param)
    faulty = request.param == "faulty"
    write_visit(
        folder,
        ct_image(6),
        pet_image(8),
        CtHeader(),
        PetHeader(),
        ct_faults=[SeriesFault.IDENTICAL_DUPLICATE, SeriesFault.EMPTY_UIDS] if faulty else [],
        pet_faults=[PetFault.FDG_TRACER, PetFault.WRONG_DECAY_FACTOR] if faulty else [],
    )
    for path in folder.rglob("*.dcm"):
        ds = pydicom.dcmread(path)
        mark(ds)
        ds.save_as(path)
    return folder


def test_inspect_names_nobody(pile: Path) -> None:
    """Every series, as JSON and as a table."""
    for options in (["--json"], []):
        result = CliRunner().invoke(app, ["inspect", str(pile), *options])
        assert result.exit_code == 0, result.output
        assert leaked(words_of(result.stdout, result.stderr), with_id=True) == set()


def test_suv_names_nobody(pile: Path) -> None:
    """The rule, the findings and all that is kept of the scan."""
    for options in (["--json"], []):
        result = CliRunner().invoke(app, ["suv", str(pile / "pet"), *options])
        assert result.exit_code == 0, result.output
        assert leaked(words_of(result.stdout, result.stderr), with_id=True) == set()


def test_index_knows_the_patient_id_alone(pile: Path, tmp_path: Path) -> None:
    """The table and the notes; Patient ID is the one identifier that a study needs."""
    result = CliRunner().invoke(app, ["index", str(pile), "-o", str(tmp_path / "study")])
    assert result.exit_code == 0, result.output
    table = (tmp_path / "study/visits.csv").read_text(encoding="utf-8")
    assert PATIENT_ID in table
    assert leaked(words_of(result.stdout, result.stderr, table), with_id=False) == set()


def test_what_a_reading_keeps_names_nobody(pile: Path) -> None:
    """Records, findings and summaries of what was passed over."""
    ct, pet = read_ct(pile), read_pet(pile)
    text = words_of(*(repr((s.info, s.findings, s.passed_over)) for s in (ct, pet)), repr(pet.suv))
    assert leaked(text, with_id=True) == set()


@pytest.mark.parametrize(
    "fault", [PetFault.MISSING_WEIGHT, PetFault.MISSING_UNITS, PetFault.BASIC_DEIDENTIFICATION]
)
def test_a_refusal_names_nobody(fault: PetFault, tmp_path: Path) -> None:
    """Nor does the message that says why."""
    write_visit(tmp_path, ct_image(4), pet_image(4), companions=[], pet_faults=[fault])
    for path in tmp_path.rglob("*.dcm"):
        ds = pydicom.dcmread(path)
        mark(ds)
        ds.save_as(path)
    with pytest.raises(LesionscoreError) as caught:
        read_pet(tmp_path)
    assert leaked(words_of(str(caught.value)), with_id=True) == set()
    listing = CliRunner().invoke(app, ["inspect", str(tmp_path), "--json"])
    assert json.loads(listing.stdout)["series"]
    assert leaked(words_of(listing.stdout, listing.stderr), with_id=True) == set()
