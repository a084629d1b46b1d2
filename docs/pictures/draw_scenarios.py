"""Draw the pictures of docs/phantoms.md: every scenario as its scans show it.

Run with ``python docs/pictures/draw_scenarios.py [NAME ...]``; without a name all are drawn. On the
left the skeleton of the first patient as a radiograph would show it, on the right lesions in their
own axial slice at the four visits, with that visit's own grid, kernel and noise.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image as Picture

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, Stroke

from phantoms import Image, Patient
from phantoms.anatomy.bone import apply
from phantoms.lesions.courses import VISITS
from phantoms.scanner.plan import ScanPlan
from phantoms.scenario import load_scenario, scenario_names, scenario_patient

HERE = Path(__file__).resolve().parent
HALF_MM = 31.0
BONE_WINDOW = (-250.0, 950.0)
SUV_WINDOW = (0.0, 22.0)
COLOURS = 40  # of the file: keeps it small
LETTERS: dict[str, Any] = {"fontsize": 6, "linespacing": 1.3, "va": "top"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of pictures: a lesion on CT, or on PET."""

    lesion_id: str
    on_pet: bool = False
    half_mm: float = HALF_MM


SHOWN: dict[str, tuple[Row, ...]] = {
    "breach": tuple(Row(lesion_id=name) for name in ("L01", "L02", "L06", "L04")),
    "demo": tuple(Row(lesion_id=name) for name in ("L02", "L04", "L05", "L08")),
    "dialects": (
        Row(lesion_id="L01"),
        Row(lesion_id="L01", on_pet=True),
        Row(lesion_id="L02", on_pet=True),
    ),
    "gaps": tuple(Row(lesion_id=name) for name in ("L01", "L03")),
    "healing": tuple(Row(lesion_id=name) for name in ("L01", "L03", "L04", "L06")),
    "metal": (
        Row(lesion_id="L01", half_mm=70.0),
        Row(lesion_id="L02", half_mm=70.0),
        Row(lesion_id="L05"),
    ),
    "neighbours": tuple(Row(lesion_id=name) for name in ("L02", "L04", "L07", "L09")),
    "old_bone": tuple(Row(lesion_id=name) for name in ("L01", "L02", "L04", "L06")),
    "scanner_changes": tuple(Row(lesion_id=name) for name in ("L01", "L02", "L06")),
    "sclerosis": tuple(Row(lesion_id=name) for name in ("L01", "L02", "L03", "L05")),
    "split_merge_new": tuple(Row(lesion_id=name) for name in ("L01", "L02", "L03", "N01")),
    "thresholds": tuple(Row(lesion_id=name) for name in ("L01", "L03", "L04", "L05")),
    "uptake": (
        Row(lesion_id="L01"),
        Row(lesion_id="L01", on_pet=True),
        Row(lesion_id="L03", on_pet=True),
        Row(lesion_id="L05", on_pet=True),
    ),
    "whole_body": tuple(Row(lesion_id=name) for name in ("L01", "L03", "L04", "L05")),
}


def slices_around(scan: ScanPlan, z_mm: float, half_mm: float) -> ScanPlan:
    """Cut a scan to the slices near a height; the slices stay where they are."""
    step = scan.spacing_xyz_mm[2]
    middle = round((z_mm - scan.origin_mm[2]) / step)
    reach = int(np.ceil(half_mm / step))
    x, y, z = scan.origin_mm
    return replace(
        scan,
        shape_zyx=(2 * reach + 1, *scan.shape_zyx[1:]),
        origin_mm=(x, y, z + (middle - reach) * step),
    )


def seen(patient: Patient, row: Row, visit: str) -> tuple[Image, np.ndarray]:
    """Scan around a lesion at a visit, and where the lesion lies on it."""
    plan = patient.lesion(row.lesion_id)
    centre = apply(patient.poses[visit][plan.bone], plan.lobes[:, 9:12].mean(axis=0))
    if not row.on_pet:
        scan = slices_around(patient.scans[visit], centre[2], 0.0)
        return patient.render_ct(visit, scan=scan), centre
    centre = centre + np.array(patient.scans[visit].pet_shift_mm)
    scan = slices_around(patient.scans[visit], centre[2], 25.0)
    return patient.render_pet(visit, scan=scan), centre


def draw_lesion(ax: Axes, patient: Patient, row: Row, visit: str) -> None:
    """Draw one lesion at one visit."""
    image, centre = seen(patient, row, visit)
    spacing, origin = np.array(image.spacing_xyz_mm), np.array(image.origin_mm)
    k = int(np.clip(round((centre[2] - origin[2]) / spacing[2]), 0, len(image.array) - 1))
    low, high = SUV_WINDOW if row.on_pet else BONE_WINDOW
    edges = [
        (origin[axis] - spacing[axis] / 2, origin[axis] + spacing[axis] * (count - 0.5))
        for axis, count in ((0, image.array.shape[2]), (1, image.array.shape[1]))
    ]
    ax.imshow(
        image.array[k],
        cmap="gray_r" if row.on_pet else "gray",
        vmin=low,
        vmax=high,
        extent=(*edges[0], edges[1][1], edges[1][0]),
        interpolation="bilinear",
    )
    ax.set_xlim(centre[0] - row.half_mm, centre[0] + row.half_mm)
    ax.set_ylim(centre[1] + row.half_mm, centre[1] - row.half_mm)


def draw_skeleton(ax: Axes, patient: Patient) -> None:
    """Draw the bones of the inclusion scan, summed from front to back."""
    scan = patient.scans[VISITS[0]]
    step = 2.0 if patient.preset == "small" else 3.0
    size = np.array(scan.shape_zyx[::-1]) * scan.spacing_xyz_mm
    n_x, n_y, n_z = (int(v) for v in np.ceil(size / step))
    coarse = replace(
        scan,
        shape_zyx=(n_z, n_y, n_x),
        spacing_xyz_mm=(step, step, step),
        thickness_mm=step,
        metal=False,
    )
    image = patient.render_ct(VISITS[0], noise=False, scan=coarse)
    summed = np.clip(np.asarray(image.array) - 120.0, 0.0, 1500.0).sum(axis=1)
    shown = np.sqrt(summed)
    ax.imshow(shown, cmap="gray", vmax=np.percentile(shown, 99.7), origin="lower")


def title_of(patient: Patient, row: Row) -> str:
    """Say which lesion a line shows."""
    plan = patient.lesion(row.lesion_id)
    where = f"{plan.bone} {plan.site}".replace("_", " ").replace("hip bone ", "")
    course = plan.uptake if row.on_pet else plan.course
    scan = "PET" if row.on_pet else f"{plan.diameter_mm:g} mm"
    return f"{row.lesion_id}: {where}\n{scan}, {course.value.replace('_', ' ')}"


def draw_scenario(name: str, rows: Sequence[Row]) -> Path:
    """Draw one scenario and return the file."""
    scenario = load_scenario(name)
    patient = scenario_patient(scenario, scenario.patients[0])
    count = len(rows)
    figure = plt.figure(figsize=(2.3 + 4 * 1.45, 1.45 * count + 0.35), facecolor="white")
    grid = figure.add_gridspec(
        count,
        5,
        width_ratios=(1.6, 1, 1, 1, 1),
        left=0.01,
        right=0.99,
        top=1 - 0.3 / (1.45 * count + 0.35),
        bottom=0.01,
        wspace=0.03,
        hspace=0.03,
    )
    tall = figure.add_subplot(grid[: min(count, 3), 0])
    draw_skeleton(tall, patient)
    tall.axis("off")
    for line, row in enumerate(rows):
        for column, visit in enumerate(VISITS, 1):
            ax = figure.add_subplot(grid[line, column])
            draw_lesion(ax, patient, row, visit)
            ax.set_xticks([])
            ax.set_yticks([])
            if line == 0:
                ax.set_title(visit.replace("_", " "), fontsize=8, pad=3)
            if column == 1:
                words = title_of(patient, row)
                ink, halo = ("black", "white") if row.on_pet else ("white", "black")
                outline = [Stroke(linewidth=1.4, foreground=halo), Normal()]
                ax.text(
                    0.03,
                    0.97,
                    words,
                    color=ink,
                    path_effects=outline,
                    transform=ax.transAxes,
                    **LETTERS,
                )
    path = HERE / f"{name}.png"
    figure.savefig(path, dpi=90)
    plt.close(figure)
    picture = Picture.open(path).convert("L").quantize(COLOURS)
    picture.save(path, optimize=True)
    return path


def main() -> None:
    """Draw the scenarios that are named, or all."""
    for name in sys.argv[1:] or scenario_names():
        path = draw_scenario(name, SHOWN[name])
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
