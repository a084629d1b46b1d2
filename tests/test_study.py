"""The study folder: what is read, and that every fault of every table is told in one pass."""

from __future__ import annotations

import csv
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from lesionscore.errors import StudyError
from lesionscore.protocol import load_protocol
from lesionscore.study import (
    Call,
    Censoring,
    FaultKind,
    Study,
    StudyFault,
    StudyTablesError,
    read_markers,
    read_study,
)

VISITS = """\
patient_id,visit,date,ct,pet
P01,inclusion,2020-01-06,dicom/P01/inclusion/ct,dicom/P01/inclusion/pet
P01,month_3,2020-04-06,dicom/P01/month_3/ct,
P01,month_12,2021-01-05,dicom/P01/month_12/ct,
P02,inclusion,2020-02-03,dicom/P02/inclusion/ct,
P02,month_3,2020-05-04,,
"""
LESIONS = """\
patient_id,lesion_id,site,x_mm,y_mm,z_mm,mask,label
P01,L1,T12,10.5,-20,300,,
P01,L2,left ilium,,,,masks/P01.nii.gz,2
P02,L1,rib,1,2,3,masks/P02.nii.gz,7
"""
MARKERS = """\
patient_id,visit,date,marker,value,unit,assay,fasting
P01,inclusion,2020-01-06,PINP,41.5,ug/L,iSYS,yes
P01,month_3,2020-04-06,PINP,55,ng/mL,iSYS,yes
P01,inclusion,2020-01-06,CTX,0.35,ng/mL,iSYS,yes
P01,month_3,2020-04-06,CTX,<0.03,ng/mL,iSYS,no
"""
PATIENTS = """\
patient_id,inclusion_date,off_protocol_date,off_protocol_reason
P01,2020-01-04,,
P02,2020-02-03,2020-09-01,progression
"""
FOLDERS = (
    "dicom/P01/inclusion/ct",
    "dicom/P01/inclusion/pet",
    "dicom/P01/month_3/ct",
    "dicom/P01/month_12/ct",
    "dicom/P02/inclusion/ct",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study folder without a fault; its scans are empty folders."""
    for name in FOLDERS:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "P01.nii.gz").touch()
    (tmp_path / "masks" / "P02.nii.gz").touch()
    for name, text in (
        ("visits", VISITS),
        ("lesions", LESIONS),
        ("markers", MARKERS),
        ("patients", PATIENTS),
    ):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def replace(folder: Path, table: str, old: str, new: str) -> None:
    """Change one place of a table; it must be there."""
    path = folder / f"{table}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def faults_of(folder: Path) -> tuple[StudyFault, ...]:
    """Every fault of a folder that has some."""
    with pytest.raises(StudyTablesError) as caught:
        read_study(folder)
    return caught.value.faults


def places(faults: tuple[StudyFault, ...]) -> set[tuple[str, int | None, str]]:
    """File, row and column of faults."""
    return {(fault.file, fault.row, fault.column) for fault in faults}


def rows_as_read(study: Study) -> tuple[object, ...]:
    """Everything of a study but the line numbers."""
    return tuple(
        tuple(
            tuple(getattr(row, name) for name in row.__dataclass_fields__ if name != "row")
            for row in rows
        )
        for rows in (study.visits, study.lesions, study.markers, study.patients, study.reads)
    )


def test_a_whole_folder_is_read(folder: Path) -> None:
    """Rows become records, in canonical order."""
    study = read_study(folder)
    assert study.patient_ids == ("P01", "P02")
    assert [row.visit for row in study.visits_of("P01")] == ["inclusion", "month_3", "month_12"]
    first = study.visit_of("P01", "inclusion")
    assert first is not None
    assert first.date == date(2020, 1, 6)
    assert first.ct == folder / "dicom/P01/inclusion/ct"
    month_3 = study.visit_of("P02", "month_3")
    assert month_3 is not None
    assert month_3.ct is None
    assert month_3.pet is None
    one, two = study.lesions_of("P01")
    assert (one.position_mm, one.mask, one.label) == ((10.5, -20.0, 300.0), None, 1)
    assert (two.position_mm, two.mask_label, two.label) == (None, 2, 2)
    assert study.inclusion_date("P01") == date(2020, 1, 4)
    assert study.days_from_inclusion("P01", date(2020, 4, 6)) == 93
    assert study.off_protocol_day("P02") == 211
    assert study.off_protocol_day("P01") is None
    assert not study.findings


def test_markers_keep_what_was_written(folder: Path) -> None:
    """The number exactly, the sign apart, the unit in its plain spelling, the confounders."""
    rows = {(row.visit, row.marker): row for row in read_study(folder).markers}
    low = rows["month_3", "CTX"]
    assert (low.amount, low.censoring) == (Decimal("0.03"), Censoring.BELOW)
    assert low.unit == "ng/mL"
    assert low.confounder("fasting") == "no"
    assert low.confounder("egfr") == ""
    assert rows["inclusion", "PINP"].amount == Decimal("41.5")


def test_the_tables_are_hashed(folder: Path) -> None:
    """One SHA-256 for each file read."""
    before = dict(read_study(folder).hashes)
    assert set(before) == {"visits.csv", "lesions.csv", "markers.csv", "patients.csv"}
    (folder / "protocol.toml").write_text("[size]\nreduction_mm = 3\n")
    replace(folder, "markers", "41.5", "41.6")
    after = dict(read_study(folder).hashes)
    assert set(after) == {*before, "protocol.toml"}
    assert {name for name in before if before[name] != after[name]} == {"markers.csv"}


def test_optional_tables_may_be_missing(folder: Path) -> None:
    """Without patients.csv the inclusion visit is day 0; no markers is a finding."""
    (folder / "patients.csv").unlink()
    (folder / "markers.csv").unlink()
    study = read_study(folder)
    assert study.inclusion_date("P01") == date(2020, 1, 6)
    assert [finding.code for finding in study.findings] == ["no_markers"]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(folder: Path, seed: int) -> None:
    """Shuffled tables give the same study."""
    before = rows_as_read(read_study(folder))
    for name in ("visits", "lesions", "markers", "patients"):
        path = folder / f"{name}.csv"
        header, *rows = path.read_text().splitlines()
        random.Random(seed).shuffle(rows)
        path.write_text("\n".join([header, *rows]) + "\n")
    assert rows_as_read(read_study(folder)) == before


def test_the_order_of_columns_and_further_columns_change_nothing(folder: Path) -> None:
    """Columns go by name; others are ignored."""
    before = rows_as_read(read_study(folder))
    path = folder / "visits.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["remark", "pet", "ct", "date", "visit", "patient_id"])
        writer.writeheader()
        writer.writerows({**row, "remark": "Æblegrød, kold"} for row in rows)
    assert rows_as_read(read_study(folder)) == before


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old-mac"])
def test_line_endings_and_a_byte_order_mark_change_nothing(folder: Path, ending: str) -> None:
    """As Excel saves "CSV UTF-8"; empty rows at the end too."""
    before = rows_as_read(read_study(folder))
    for name in ("visits", "lesions", "markers", "patients"):
        path = folder / f"{name}.csv"
        text = path.read_text() + ",,,,,\n\n"
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", ending).encode())
    assert rows_as_read(read_study(folder)) == before


SEEDED: list[tuple[str, str, str, str, tuple[str, int | None, str], str]] = [
    # id, table, old, new, place of the fault, words of the fault
    ("wrong-unit", "markers", "55,ng/mL", "55,U/L", ("markers.csv", 3, "unit"), "for PINP ug/L"),
    ("unknown-unit", "markers", "41.5,ug/L", "41.5,ugg/L", ("markers.csv", 2, "unit"), "ug/L"),
    ("missing-unit", "markers", "41.5,ug/L", "41.5,", ("markers.csv", 2, "unit"), "empty cell"),
    (
        "unknown-marker",
        "markers",
        "01-06,CTX",
        "01-06,CTXI",
        ("markers.csv", 4, "marker"),
        "did you mean CTX",
    ),
    (
        "marker-twice",
        "markers",
        "2020-04-06,CTX",
        "2020-04-06,PINP",
        ("markers.csv", 5, "marker"),
        "first in row 3",
    ),
    (
        "decimal-comma",
        "markers",
        "41.5",
        '"41,5"',
        ("markers.csv", 2, "value"),
        "decimal point: 41.5",
    ),
    ("broken-value", "markers", "41.5", '"12,x"', ("markers.csv", 2, "value"), "12,x"),
    ("negative-value", "markers", "41.5", "-41.5", ("markers.csv", 2, "value"), "0 or more"),
    ("spreadsheet-error", "markers", "41.5", "#VALUE!", ("markers.csv", 2, "value"), "#VALUE!"),
    (
        "unquoted-decimal-comma",
        "markers",
        "41.5",
        "41,5",
        ("markers.csv", 2, ""),
        "9 cells in a table of 8",
    ),
    (
        "unknown-visit",
        "visits",
        "P01,month_3",
        "P01,month_33",
        ("visits.csv", 3, "visit"),
        "did you mean month_3",
    ),
    (
        "visit-twice",
        "visits",
        "P01,month_12",
        "P01,month_3",
        ("visits.csv", 4, "visit"),
        "first in row 3",
    ),
    (
        "date-before-inclusion",
        "visits",
        "2020-04-06",
        "2019-04-06",
        ("visits.csv", 3, "date"),
        "not after inclusion",
    ),
    (
        "two-visits-on-one-day",
        "visits",
        "2020-04-06",
        "2020-01-06",
        ("visits.csv", 3, "date"),
        "not after inclusion",
    ),
    (
        "marker-before-inclusion",
        "markers",
        "month_3,2020-04-06,PINP",
        "month_3,2019-04-06,PINP",
        ("markers.csv", 3, "date"),
        "before inclusion",
    ),
    (
        "excel-date",
        "visits",
        "2020-04-06",
        "43927",
        ("visits.csv", 3, "date"),
        "Excel serial date (of 2020-04-06",
    ),
    (
        "day-month-year",
        "visits",
        "2020-04-06",
        "06/04/2020",
        ("visits.csv", 3, "date"),
        "YYYY-MM-DD",
    ),
    (
        "no-such-day",
        "visits",
        "2020-04-06",
        "2020-02-30",
        ("visits.csv", 3, "date"),
        "does not exist",
    ),
    (
        "path-leads-nowhere",
        "visits",
        "P01/month_3/ct",
        "P01/month3/ct",
        ("visits.csv", 3, "ct"),
        "did you mean 'month_3'",
    ),
    (
        "lesion-without-inclusion-ct",
        "visits",
        "dicom/P02/inclusion/ct",
        "",
        ("lesions.csv", 4, "patient_id"),
        "no inclusion CT",
    ),
    (
        "lesion-of-unknown-patient",
        "lesions",
        "P02,L1",
        "P03,L1",
        ("lesions.csv", 4, "patient_id"),
        "did you mean",
    ),
    (
        "lesion-twice",
        "lesions",
        "P01,L2",
        "P01,L1",
        ("lesions.csv", 3, "lesion_id"),
        "first in row 2",
    ),
    (
        "neither-point-nor-mask",
        "lesions",
        "masks/P01.nii.gz",
        "",
        ("lesions.csv", 3, "mask"),
        "neither a point nor a mask",
    ),
    (
        "half-a-point",
        "lesions",
        "10.5,-20,300",
        "10.5,,300",
        ("lesions.csv", 2, "y_mm"),
        "all three",
    ),
    ("not-a-number", "lesions", "10.5", "nan", ("lesions.csv", 2, "x_mm"), "coordinate in mm"),
    ("far-away", "lesions", "10.5", "105000", ("lesions.csv", 2, "x_mm"), "between -5000 and 5000"),
    ("label-zero", "lesions", "gz,2", "gz,0", ("lesions.csv", 3, "label"), "whole number from 1"),
    ("label-in-words", "lesions", "gz,2", "gz,two", ("lesions.csv", 3, "label"), "whole number"),
    (
        "id-that-climbs",
        "lesions",
        "P01,L1",
        "P01,../L1",
        ("lesions.csv", 2, "lesion_id"),
        "it names files",
    ),
    ("id-of-dots", "lesions", "P01,L1", "P01,..", ("lesions.csv", 2, "lesion_id"), "names files"),
    (
        "id-in-other-capitals",
        "lesions",
        "P01,L2",
        "P01,l1",
        ("lesions.csv", 3, "lesion_id"),
        "one spelling",
    ),
    (
        "off-protocol-before-inclusion",
        "patients",
        "2020-09-01",
        "2019-09-01",
        ("patients.csv", 3, "off_protocol_date"),
        "not before inclusion",
    ),
    (
        "patient-twice",
        "patients",
        "P02,2020-02-03",
        "P01,2020-02-03",
        ("patients.csv", 3, "patient_id"),
        "first in row 2",
    ),
    (
        "patient-in-other-capitals",
        "patients",
        "P02,2020-02-03",
        "p02,2020-02-03",
        ("patients.csv", 3, "patient_id"),
        "one spelling",
    ),
    (
        "id-that-is-a-device",
        "patients",
        "P02,2020-02-03",
        "con.1,2020-02-03",
        ("patients.csv", 3, "patient_id"),
        "device on Windows",
    ),
    ("limit-without-a-number", "markers", "41.5", "<", ("markers.csv", 2, "value"), "found '<'"),
    (
        "line-of-the-separator",
        "visits",
        "patient_id,visit",
        "sep=,\npatient_id,visit",
        ("visits.csv", 1, ""),
        "separator",
    ),
    (
        "missing-column",
        "visits",
        "visit,date",
        "visit,dato",
        ("visits.csv", 1, "date"),
        "no such column, but 'dato'",
    ),
    (
        "column-twice",
        "visits",
        "date,ct,pet",
        "date,ct,ct",
        ("visits.csv", 1, "ct"),
        "the column twice",
    ),
    (
        "row-too-short",
        "visits",
        "month_3/ct,\n",
        "month_3/ct\n",
        ("visits.csv", 3, "pet"),
        "4 cells",
    ),
    (
        "empty-cell",
        "visits",
        "P01,month_3,2020-04-06",
        "P01,month_3,",
        ("visits.csv", 3, "date"),
        "an empty cell",
    ),
]


@pytest.mark.parametrize(
    ("table", "old", "new", "place", "words"),
    [case[1:] for case in SEEDED],
    ids=[case[0] for case in SEEDED],
)
def test_a_fault_is_told_with_its_place(
    folder: Path,
    table: str,
    old: str,
    new: str,
    place: tuple[str, int | None, str],
    words: str,
) -> None:
    """File, row and column, what was found, what is accepted."""
    replace(folder, table, old, new)
    faults = {(fault.file, fault.row, fault.column): fault for fault in faults_of(folder)}
    assert place in faults
    assert words in faults[place].message


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [("2020-01-06", "06.01.2020", "date"), ("P01,inclusion", "P01,Inclusion", "visit")],
)
def test_a_single_fault_brings_no_others_with_it(
    folder: Path, old: str, new: str, column: str
) -> None:
    """A wrong date or visit does not make its patient unknown to the other tables."""
    replace(folder, "visits", old, new)
    assert places(faults_of(folder)) == {("visits.csv", 2, column)}


def test_33_faults_are_found_in_one_pass(tmp_path: Path) -> None:
    """Six files with faults of every kind: each is named by file, row and column."""
    (tmp_path / "ct").mkdir()
    (tmp_path / "mask.nii.gz").touch()
    tables = {
        "visits.csv": (
            "patient_id,visit,date,ct,pet\n"
            "P01,inclusion,2020-01-06,ct,\n"  # 2: right
            "P01,inclusion,2020-01-07,ct,\n"  # 3: twice
            "P01,month_3,43927,ct,\n"  # 4: Excel date
            "P01,month_12,06/01/2021,ct,\n"  # 5: day or month first
            "P01,month24,2022-01-06,ct,\n"  # 6: unknown visit
            "P02,inclusion,2020-01-06,nowhere,pet.nii.gz\n"  # 7: two paths, no unit
            "P03,inclusion,2020-06-01,,\n"  # 8: right, no CT
            "P03,month_3,2020-05-01,ct,\n"  # 9: before inclusion
            "P 04,inclusion,2020-01-06,ct,\n"  # 10: a name with a space
            "P05,inclusion,,ct,\n"  # 11: no date
        ),
        "lesions.csv": (
            "patient_id,lesion_id,site,x_mm,y_mm,z_mm,mask,label\n"
            "P01,L1,T12,1,2,3,,\n"  # 2: right
            "P01,L1,T12,4,5,6,,\n"  # 3: twice
            'P01,L2,T12,"1,5",2,3,,\n'  # 4: decimal comma
            "P01,L3,T12,1,2,,,\n"  # 5: half a point
            "P01,L4,T12,,,,,\n"  # 6: nowhere
            "P01,L5,T12,,,,mask.nii.gz,-1\n"  # 7: label
            "P01,L6,T12,,,,lost.nii.gz,1\n"  # 8: path
            "P03,L1,rib,1,2,3,,\n"  # 9: no inclusion CT
            "P99,L1,rib,1,2,3,,\n"  # 10: unknown patient
            "P01,..,rib,1,2,3,,\n"  # 11: climbs
        ),
        "markers.csv": (
            "patient_id,visit,date,marker,value,unit\n"
            "P01,inclusion,2020-01-06,PINP,40,ug/L\n"  # 2: right
            "P01,inclusion,2020-01-06,PINP,41,ug/L\n"  # 3: twice
            "P01,inclusion,2020-01-06,P1NP,41,ug/L\n"  # 4: unknown marker
            "P01,month_3,2020-04-06,CTX,350,U/L\n"  # 5: wrong unit
            "P01,month_3,2020-04-06,OC,12,furlong\n"  # 6: unknown unit
            "P01,month_3,2020-04-06,bALP,twelve,ug/L\n"  # 7: no number
            "P01,month_4,2020-04-06,bALP,12,ug/L\n"  # 8: unknown visit
            "P77,month_3,2020-04-06,bALP,12,ug/L\n"  # 9: unknown patient
            "P01,month_12,2019-04-06,bALP,12,ug/L\n"  # 10: before inclusion
        ),
        "patients.csv": (
            "patient_id,inclusion_date,off_protocol_date,off_protocol_reason\n"
            "P01,2020-01-06,2019-01-06,error\n"  # 2: left before inclusion
            "P01,2020-01-06,,\n"  # 3: twice
        ),
        "reads.csv": (
            "patient_id,lesion_id,visit,longest_diameter_mm,sclerosis,complete\n"
            "P01,L9,inclusion,12,,\n"  # 2: unknown lesion
            "P01,L1,month_3,12,maybe,\n"  # 3: not a call
            "P01,L1,month_12,12,,yes\n"  # 4: gone, and 12 mm
        ),
    }
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "protocol.toml").write_text("[size]\nmetrik = 'volume'\n")
    expected = {
        *(("visits.csv", row, "visit") for row in (3, 6)),
        *(("visits.csv", row, "date") for row in (4, 5, 9, 11)),
        ("visits.csv", 7, "ct"),
        ("visits.csv", 7, "pet"),
        ("visits.csv", 7, "pet_unit"),
        ("visits.csv", 10, "patient_id"),
        ("lesions.csv", 3, "lesion_id"),
        ("lesions.csv", 4, "x_mm"),
        ("lesions.csv", 5, "z_mm"),
        ("lesions.csv", 6, "mask"),
        ("lesions.csv", 7, "label"),
        ("lesions.csv", 8, "mask"),
        ("lesions.csv", 9, "patient_id"),
        ("lesions.csv", 10, "patient_id"),
        ("lesions.csv", 11, "lesion_id"),
        ("markers.csv", 3, "marker"),
        ("markers.csv", 4, "marker"),
        ("markers.csv", 5, "unit"),
        ("markers.csv", 6, "unit"),
        ("markers.csv", 7, "value"),
        ("markers.csv", 8, "visit"),
        ("markers.csv", 9, "patient_id"),
        ("markers.csv", 10, "date"),
        ("patients.csv", 2, "off_protocol_date"),
        ("patients.csv", 3, "patient_id"),
        ("reads.csv", 2, "lesion_id"),
        ("reads.csv", 3, "sclerosis"),
        ("reads.csv", 4, "complete"),
        ("protocol.toml", 2, "size.metrik"),
    }
    assert len(expected) == 33
    assert places(faults_of(tmp_path)) == expected


@pytest.mark.parametrize(
    ("content", "row", "words"),
    [
        (VISITS.encode().replace(b"P02,month_3", b"P\xe602,month_3"), 6, "which is not UTF-8"),
        (VISITS.encode("utf-16"), 1, "UTF-16"),
        (b"PK\x03\x04rest", 1, "Excel workbook"),
        (VISITS.replace(",", ";").encode(), 1, "separated by semicolons"),
        (VISITS.replace(",", "\t").encode(), 1, "separated by tabs"),
        (VISITS.encode().replace(b"P02,month_3", b"P02\0,month_3"), 6, "zero byte"),
        (VISITS.encode() + b'P03,"inclusion,2020', 7, "not CSV"),
        (b"", None, "an empty file"),
        (VISITS.splitlines()[0].encode(), 1, "without rows"),
    ],
    ids=[
        "cp1252",
        "utf-16",
        "workbook",
        "semicolons",
        "tabs",
        "zero-byte",
        "open-quote",
        "empty",
        "no-rows",
    ],
)
def test_a_file_that_is_no_such_table_is_told(
    folder: Path, content: bytes, row: int | None, words: str
) -> None:
    """Encodings, separators and things that are no table, with the row where there is one."""
    (folder / "visits.csv").write_bytes(content)
    mine = [fault for fault in faults_of(folder) if fault.file == "visits.csv"]
    assert any(fault.row == row and words in fault.message for fault in mine)


@pytest.mark.parametrize("name", ["visits.csv", "lesions.csv"])
def test_a_missing_table_is_told(folder: Path, name: str) -> None:
    """Without visits or lesions there is no study."""
    (folder / name).unlink()
    assert (name, None, "") in places(faults_of(folder))


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(StudyError, match="not a folder"):
        read_study(tmp_path / "nothing")


def test_scans_that_are_not_there_can_be_kept(folder: Path) -> None:
    """A batch goes on: the row says that its path leads nowhere."""
    replace(folder, "visits", "P01/month_3/ct", "P01/month3/ct")
    replace(folder, "visits", "dicom/P02/inclusion/ct", "")
    study = read_study(folder, keep_scan_faults=True)
    month_3 = study.visit_of("P01", "month_3")
    assert month_3 is not None
    assert not month_3.ct_exists
    assert month_3.pet_exists
    assert all(fault.kind is FaultKind.SCAN for fault in study.scan_faults)
    assert places(study.scan_faults) == {("visits.csv", 3, "ct"), ("lesions.csv", 4, "patient_id")}
    assert len(study.lesions_of("P02")) == 1


def test_a_table_fault_stops_also_where_scans_are_kept(folder: Path) -> None:
    """Only scans may be missing."""
    replace(folder, "visits", "P01/month_3/ct", "P01/month3/ct")
    replace(folder, "markers", "41.5", "many")
    with pytest.raises(StudyTablesError) as caught:
        read_study(folder, keep_scan_faults=True)
    assert places(caught.value.faults) == {("markers.csv", 2, "value")}


def test_a_nifti_pet_needs_its_unit(folder: Path) -> None:
    """The unit of a NIfTI is not in the file."""
    (folder / "pet.nii.gz").touch()
    replace(folder, "visits", "dicom/P01/inclusion/pet", "pet.nii.gz")
    assert places(faults_of(folder)) == {("visits.csv", 2, "pet_unit")}
    path = folder / "visits.csv"
    header, first, *rest = path.read_text().splitlines()
    rest = [f"{row}," for row in rest]
    path.write_text("\n".join([f"{header},pet_unit", f"{first},suvbw", *rest]))
    row = read_study(folder).visit_of("P01", "inclusion")
    assert row is not None
    assert row.pet_unit == "suvbw"
    path.write_text(path.read_text().replace("suvbw", "SUV"))
    assert "suvbw" in faults_of(folder)[0].message


def test_labels_are_unique_within_a_patient(folder: Path) -> None:
    """A mask file of its own for each lesion, all with label 1, is common."""
    for name in "abc":
        (folder / "masks" / f"{name}.nii.gz").touch()
    (folder / "lesions.csv").write_text(
        "patient_id,lesion_id,site,mask,label\n"
        "P01,L1,,masks/a.nii.gz,1\nP01,L2,,masks/b.nii.gz,1\nP01,L3,,masks/c.nii.gz,1\n"
        "P02,L1,,masks/a.nii.gz,300\n"
    )
    study = read_study(folder)
    assert [(row.mask_label, row.label) for row in study.lesions_of("P01")] == [
        (1, 1),
        (1, 2),
        (1, 3),
    ]
    assert [(row.mask_label, row.label) for row in study.lesions_of("P02")] == [(300, 1)]
    assert [finding.code for finding in study.findings] == ["label_changed"] * 3


def test_two_lesions_cannot_be_one_region(folder: Path) -> None:
    """The same mask and label twice."""
    (folder / "lesions.csv").write_text(
        "patient_id,lesion_id,site,mask,label\n"
        "P01,L1,,masks/P01.nii.gz,1\nP01,L2,,masks/P01.nii.gz,1\n"
    )
    assert places(faults_of(folder)) == {("lesions.csv", 3, "label")}


def test_points_alone_need_no_mask_columns(folder: Path) -> None:
    """A group of columns may be left out; a part of it may not."""
    (folder / "lesions.csv").write_text("patient_id,lesion_id,site,x_mm,y_mm,z_mm\nP01,L1,,1,2,3\n")
    assert read_study(folder).lesions[0].position_mm == (1.0, 2.0, 3.0)
    (folder / "lesions.csv").write_text("patient_id,lesion_id,site,x_mm,y_mm\nP01,L1,,1,2\n")
    assert ("lesions.csv", 1, "z_mm") in places(faults_of(folder))
    (folder / "lesions.csv").write_text("patient_id,lesion_id,site\nP01,L1,\n")
    assert ("lesions.csv", 1, "mask") in places(faults_of(folder))


def test_a_visit_in_the_window_of_another_is_told_so(folder: Path) -> None:
    """A misnamed visit looks like one that was very late."""
    replace(folder, "visits", "P01,month_12,2021-01-05,dicom/P01/month_12/ct,\n", "")
    replace(folder, "visits", "2020-04-06", "2021-01-05")
    (finding,) = read_study(folder).findings
    assert finding.message.endswith("window of days 61 to 121, in that of month_12")


def test_doubts_about_visits_are_findings(folder: Path) -> None:
    """A late visit, one scan for two visits, and a patient without lesions do not stop."""
    replace(folder, "visits", "2020-04-06", "2020-07-06")
    replace(folder, "visits", "dicom/P01/month_12/ct", "dicom/P01/inclusion/ct")
    replace(folder, "lesions", "P02,L1,rib,1,2,3,masks/P02.nii.gz,7\n", "")
    replace(folder, "patients", "2020-09-01,progression", ",progression")
    codes = [finding.code for finding in read_study(folder).findings]
    assert codes == [
        "visit_out_of_window",
        "scan_used_twice",
        "off_protocol_date_missing",
        "patient_without_lesions",
    ]


def test_a_path_that_cannot_be_one_is_a_fault(folder: Path) -> None:
    """Far too long a name is told like one that leads nowhere."""
    replace(folder, "visits", "dicom/P01/month_3/ct", "x" * 5000)
    assert places(faults_of(folder)) == {("visits.csv", 3, "ct")}


def test_backslashes_are_explained(folder: Path) -> None:
    """A path as Windows shows it."""
    replace(folder, "visits", "dicom/P01/month_3/ct", "dicom\\P01\\month_3\\ct")
    assert "write / instead of" in faults_of(folder)[0].message


def test_hostile_text_in_a_message_is_quoted_and_short(folder: Path) -> None:
    """Control characters do not reach a terminal."""
    replace(folder, "lesions", "P01,L1", f"P01,\x1b[31m{'a' * 500}")
    replace(folder, "visits", "patient_id,visit", "patient_id,visit,\x1b[2J,\x1b[2J")
    faults = faults_of(folder)
    assert all(fault.message.isprintable() and len(fault.message) < 900 for fault in faults)
    assert {fault.file for fault in faults} == {"lesions.csv", "visits.csv"}


def test_duplicate_markers_are_kept_where_the_protocol_says_how(folder: Path) -> None:
    """Refused by default, kept under a policy."""
    replace(folder, "markers", "2020-04-06,CTX", "2020-04-06,PINP")
    (folder / "protocol.toml").write_text('[markers]\nduplicates = "mean"\n')
    assert len(read_study(folder).markers) == 4


def test_a_protocol_with_a_fault_does_not_hide_the_tables(folder: Path) -> None:
    """Both are told at once, the override with its line."""
    (folder / "protocol.toml").write_text("[size]\nmetric = 'diameter'\n")
    replace(folder, "markers", "41.5", "many")
    faults = faults_of(folder)
    assert places(faults) == {("protocol.toml", 2, "size.metric"), ("markers.csv", 2, "value")}
    assert "axial_diameter" in faults[1].message


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("[size]\nreduction_mm = '2'\n", 2, 'found "2"; accepted: a number'),
        ("[size]\nmetric = 1\nmetric = 2\n", 3, "found not TOML"),
        ("[visits.month_3]\nlast_day = 400\n", None, "found 305; accepted: after"),
    ],
)
def test_a_fault_of_the_protocol_reads_like_any_other(
    folder: Path, text: str, row: int | None, message: str
) -> None:
    """Row, what was found, what is accepted, each said once."""
    (folder / "protocol.toml").write_text(text)
    (fault,) = faults_of(folder)
    assert fault.row == row
    assert message in fault.message


def test_a_patient_without_a_visit_is_a_finding(folder: Path) -> None:
    """Enrolled and not yet scanned, or a misspelt name: either is told."""
    replace(folder, "patients", "P02,2020-02-03", "P03,2020-02-03")
    findings = read_study(folder).findings
    assert [finding.code for finding in findings] == ["patient_without_visits"]


def test_a_header_without_markers_is_told_like_no_table(folder: Path) -> None:
    """An empty marker table is no silent absence."""
    (folder / "markers.csv").write_text(MARKERS.splitlines()[0])
    assert [finding.code for finding in read_study(folder).findings] == ["no_markers"]


def test_reads_take_the_place_of_images(folder: Path) -> None:
    """Lesions that a reader read need neither point, mask nor CT."""
    replace(folder, "visits", "dicom/P02/inclusion/ct", "")
    replace(
        folder,
        "visits",
        "P02,month_3,2020-05-04,,",
        "P02,month_3,2020-05-04,,\nP02,month_12,2021-02-03,,",
    )
    replace(folder, "lesions", "1,2,3,masks/P02.nii.gz,7", ",,,,")
    (folder / "reads.csv").write_text(
        "patient_id,lesion_id,visit,reader,longest_diameter_mm,sclerosis,complete,suv_max,event\n"
        "P02,L1,month_3,A,<5,no,no,12.5,\n"
        "P02,L1,inclusion,A,12.4,,,20,\n"
        "P02,L1,month_12,A,,not_evaluable,yes,,reappeared\n"
    )
    study = read_study(folder)
    first, second, third = study.reads_of("P02")
    assert (first.longest_diameter_mm, first.below_mm, first.suv_max) == (12.4, None, 20.0)
    assert (second.longest_diameter_mm, second.below_mm) == (None, 5.0)
    assert second.sclerosis is Call.NO
    assert (third.complete, third.sclerosis, third.event) == (
        Call.YES,
        Call.NOT_EVALUABLE,
        "reappeared",
    )


def test_a_read_needs_the_date_of_its_visit(folder: Path) -> None:
    """The window and the day of leaving are judged by it."""
    (folder / "reads.csv").write_text(
        "patient_id,lesion_id,visit,longest_diameter_mm\nP01,L1,month_24,12\n"
    )
    assert places(faults_of(folder)) == {("reads.csv", 2, "visit")}


def test_scans_that_reads_replace_are_told(folder: Path) -> None:
    """Nothing is passed over in silence."""
    (folder / "reads.csv").write_text(
        "patient_id,lesion_id,visit,longest_diameter_mm\nP01,L1,inclusion,12\n"
    )
    (finding,) = read_study(folder).findings
    assert finding.code == "reads_replace_images"
    assert "P01" in finding.message


def test_a_new_lesion_has_no_read_at_inclusion(folder: Path) -> None:
    """Called new although it was read at inclusion: one of the two is wrong."""
    (folder / "reads.csv").write_text(
        "patient_id,lesion_id,visit,longest_diameter_mm,event\n"
        "P01,L1,inclusion,12,\nP01,L1,month_3,12,new\n"
    )
    assert places(faults_of(folder)) == {("reads.csv", 3, "event")}


def test_lesions_that_were_read_need_no_columns_of_a_place(folder: Path) -> None:
    """Names and sites are a table; one lesion that nobody read asks for the columns again."""
    (folder / "lesions.csv").write_text("patient_id,lesion_id,site\nP01,L1,T12\nP01,L2,rib\n")
    reads = "patient_id,lesion_id,visit,longest_diameter_mm\nP01,L1,inclusion,12\n"
    (folder / "reads.csv").write_text(f"{reads}P01,L2,inclusion,9\n")
    assert [row.position_mm for row in read_study(folder).lesions] == [None, None]
    (folder / "reads.csv").write_text(reads)
    assert ("lesions.csv", 1, "x_mm") in places(faults_of(folder))


def test_two_readers_need_a_primary_one(folder: Path) -> None:
    """Without one a second read is a fault; with one it is passed over."""
    (folder / "reads.csv").write_text(
        "patient_id,lesion_id,visit,reader,longest_diameter_mm\n"
        "P01,L1,inclusion,B,13\nP01,L1,inclusion,A,12\n"
    )
    assert places(faults_of(folder)) == {("reads.csv", 3, "reader")}
    (folder / "protocol.toml").write_text('[reads]\nprimary_reader = "A"\n')
    (read,) = read_study(folder).reads
    assert read.longest_diameter_mm == 12.0


def test_markers_are_read_alone(folder: Path) -> None:
    """The table under any name, checked against the protocol."""
    path = folder / "lab.csv"
    path.write_text(MARKERS)
    assert len(read_markers(path, load_protocol())) == 4
    path.write_text(MARKERS.replace("PINP", "PIPN"))
    with pytest.raises(StudyTablesError, match=r"lab\.csv, row 2, column marker.*mean PINP"):
        read_markers(path, load_protocol())
    with pytest.raises(StudyTablesError, match="no such file"):
        read_markers(folder / "none.csv", load_protocol())
