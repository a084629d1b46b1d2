"""A study folder without images: a reader's values of known verdicts, and markers."""

from __future__ import annotations

from pathlib import Path

TABLES = {
    "visits": """\
patient_id,visit,date,ct,pet
P01,inclusion,2020-01-06,,
P01,month_3,2020-04-06,,
P01,month_12,2021-01-05,,
P01,month_24,2022-01-05,,
P02,inclusion,2020-02-03,,
P02,month_3,2020-05-04,,
P02,month_12,2021-08-04,,
""",
    "lesions": """\
patient_id,lesion_id,site
P01,L1,T12
P01,L2,left ilium
P01,L3,sacrum
P01,N1,rib
P02,L1,rib
""",
    # L1: the diameter alone says healed; L2: 25 % but 1.8 mm; L3: area and volume alone, then gone
    "reads": """\
patient_id,lesion_id,visit,reader,longest_diameter_mm,axial_diameter_mm,axial_area_mm2,volume_ml,\
sclerosis,complete,suv_max,event
P01,L1,inclusion,A,8.0,7.0,38,0.20,,,12,
P01,L1,month_3,A,6.0,6.9,37,0.19,no,no,14,
P01,L2,inclusion,A,7.2,7.0,38,0.20,,,12,
P01,L2,month_3,A,5.4,5.0,20,0.10,no,no,12,
P01,L3,inclusion,A,12.0,11.0,95,0.90,,,20,
P01,L3,month_3,A,9.9,9.5,60,0.50,no,no,20,
P01,L3,month_24,A,,,,,no,yes,8,
P01,N1,month_12,A,9.0,,,,no,no,,new
P02,L1,inclusion,A,20,,,,,,15,
P02,L1,month_3,A,16,,,,yes,no,,
P02,L1,month_12,A,25.5,,,,no,no,,
""",
    "markers": """\
patient_id,visit,date,marker,value,unit,assay,egfr
P01,inclusion,2020-01-06,PINP,40,ug/L,iSYS,80
P01,month_3,2020-04-06,PINP,55,ng/mL,iSYS,70
P01,inclusion,2020-01-06,CTX,0.35,ng/mL,iSYS,80
P01,month_3,2020-04-06,CTX,<0.03,ng/mL,iSYS,70
""",
    "patients": """\
patient_id,inclusion_date,off_protocol_date,off_protocol_reason
P01,,,
P02,,2020-09-01,progression
""",
}


def write_reads_study(folder: Path, protocol: str = "") -> Path:
    """Write the study folder, with a ``protocol.toml`` if one is given, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in TABLES.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    if protocol:
        (folder / "protocol.toml").write_text(protocol, encoding="utf-8")
    return folder
