"""The page on reads: its tables are a study, and its verdicts are what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from lesionscore.evaluation import evaluate_study
from lesionscore.study import read_study

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "reads.md").read_text(encoding="utf-8")


def test_the_study_of_the_page_gives_the_verdicts_of_the_page(tmp_path: Path) -> None:
    """Copied into a folder as it stands."""
    blocks = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    for name, text in zip(("visits", "lesions", "reads"), blocks, strict=True):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    evaluate_study(read_study(tmp_path), tmp_path / "out")
    rows = pd.read_csv(tmp_path / "out" / "lesions.csv").set_index(["lesion_id", "visit"])
    healed = rows["healed"].to_dict()
    assert healed["L1", "month_3"] == healed["L1", "month_12"] == "met"
    assert (healed["L2", "month_3"], healed["L2", "month_12"]) == ("not_met", "met")
    assert healed["N1", "month_12"] == "not_evaluable"
    patients = pd.read_csv(tmp_path / "out" / "patients.csv")
    assert patients["lesions_counted"].tolist() == [2]
