"""What is printed of an evaluation: the table of measures, and every bad reading."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from benchmarks.real_bones.definition import VISITS

BAD_MM = 1.5  # a diameter farther off than this is listed


def table(measures: Mapping[str, float]) -> str:
    """Write the measures as a Markdown table."""
    lines = ["| measure | value |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {value:.2f} |" for name, value in measures.items()])


def bad_readings(joined: pd.DataFrame) -> list[str]:
    """One line for each reading that is far off or whose verdict is wrong."""
    lines = []
    for row in joined.to_dict("records"):
        found, true = row["longest_diameter_mm"], row["true_longest_diameter_mm"]
        both = {row["healed"], row["true_healed"]} == {"met", "not_met"}
        wrong = row["visit"] != VISITS[0] and both
        if not ((true > 0 and abs(found - true) > BAD_MM) or wrong):
            continue
        reader = "mask" if row["has_mask"] else "click"
        verdict = f" WRONG {row['healed']} (truth {row['true_healed']})" if wrong else ""
        where = f"outside {row['true_outside_fraction']:.2f}"
        words = [str(row[key]) for key in ("reason", "flags") if isinstance(row[key], str)]
        lines.append(
            f"{row['patient_id']} {row['lesion_id']} {row['true_bone']} {row['true_course']} "
            f"{row['true_setting']} ({where}) {row['true_shape']} {reader} {row['visit']}: "
            f"{found:.1f} mm, truth {true:.1f} mm{verdict}; tre {row['tre_mm']:.2f} mm; "
            f"{' '.join(words) or 'no flags'}"
        )
    failed = joined[joined["reason"].fillna("").str.contains("patient_failed")]
    return lines + [f"{name}: the evaluation failed" for name in failed["patient_id"].unique()]
