"""Error and time of the alignment, against general registration tools in the same run.

Run with ``python benchmarks/alignment.py`` after ``pip install -e ".[bench]"``; it renders pairs
of synthetic CTs whose bones' moves are known, aligns each pair with every tool, and prints one
row per tool. The error is the distance between where a lesion's centre is carried and where its
bone truly took it. Reading is not timed for anyone; compiled code is warmed up before.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from lesionscore.protocol import load_protocol
from lesionscore.quantities import Quantity
from lesionscore.registration.align import LesionRegion, align_lesions, prepare_scan
from lesionscore.volumes import Grid, Volume
from phantoms import make_patient

Floats = npt.NDArray[np.float64]
FIXED, MOVING = "inclusion", "month_12"
MARGIN_MM = 2.0
BACKGROUND_HU = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two CTs of one patient and the lesions' places on both."""

    name: str
    fixed: Volume
    moving: Volume
    regions: list[LesionRegion]
    places_mm: Floats
    truth_mm: Floats


def make_pair(seed: int, preset: str) -> Pair:
    """Render a patient's first and third visit."""
    patient = make_patient(seed, preset)
    scans = [_volume(patient.render_ct(visit)) for visit in (FIXED, MOVING)]
    labels = _volume(patient.render_mask(FIXED))
    regions, places, goals = [], [], []
    for truth in patient.lesion_truth():
        if truth.visit != FIXED or truth.longest_diameter_mm <= 0:
            continue
        place = np.array([truth.x_mm, truth.y_mm, truth.z_mm])
        matrix = patient.visit_from_inclusion(truth.lesion_id, MOVING)
        goal = (matrix @ np.append(place, 1.0))[:3]
        if not bool(scans[1].grid.contains(goal)):
            continue
        radius = truth.longest_diameter_mm / 2 + MARGIN_MM
        centre = (float(place[0]), float(place[1]), float(place[2]))
        regions.append(
            LesionRegion(
                lesion_id=truth.lesion_id,
                centre_mm=centre,
                radius_mm=radius,
                exclusion=_around(labels, centre, radius, truth.label),
            )
        )
        places.append(place)
        goals.append(goal)
    return Pair(f"{preset} {seed}", *scans, regions, np.array(places), np.array(goals))


def _volume(image: Any) -> Volume:
    """A phantom's image as the package under test takes it."""
    array = np.round(image.array).astype(np.int16)
    grid = Grid(
        shape_zyx=array.shape,
        spacing_xyz_mm=image.spacing_xyz_mm,
        origin_mm=image.origin_mm,
        direction=image.direction,
    )
    return Volume(array=array, grid=grid, quantity=Quantity.HU)


def _around(
    labels: Volume, centre: tuple[float, float, float], radius: float, label: int
) -> Volume:
    """One lesion's voxels, cut out."""
    block = labels.crop(centre, radius + MARGIN_MM)
    inside = (block.array == label).astype(np.uint8)
    return Volume(array=inside, grid=block.grid, quantity=Quantity.LABEL)


def ours(pair: Pair) -> Floats:
    """Each lesion's own bone."""
    found = align_lesions(
        prepare_scan(pair.fixed),
        prepare_scan(pair.moving),
        pair.regions,
        load_protocol().alignment,
    )
    carried = []
    for region, place in zip(pair.regions, pair.places_mm, strict=True):
        transform = found[region.lesion_id].moving_from_fixed
        carried.append(np.full(3, np.nan) if transform is None else transform.apply(place))
    return np.array(carried)


def whole_body_rigid(pair: Pair) -> Floats:
    """SimpleITK: one rigid transform by mutual information, coarse to fine."""
    fixed, moving = _images(pair)
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.05, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescentLineSearch(1.0, 100)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([8, 4, 2])
    method.SetSmoothingSigmasPerLevel([4, 2, 1])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    transform = method.Execute(fixed, moving)
    return np.array([transform.TransformPoint(place.tolist()) for place in pair.places_mm])


def elastix(pair: Pair) -> Floats:
    """Elastix' own rigid parameter map."""
    import itk

    fixed, moving = (_itk_image(itk, scan) for scan in (pair.fixed, pair.moving))
    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(parameters.GetDefaultParameterMap("rigid", 4))
    _, result = itk.elastix_registration_method(
        fixed, moving, parameter_object=parameters, log_to_console=False
    )
    values = result.GetParameterMap(0)
    transform = sitk.Euler3DTransform()
    transform.SetCenter([float(v) for v in values["CenterOfRotationPoint"]])
    transform.SetParameters([float(v) for v in values["TransformParameters"]])
    return np.array([transform.TransformPoint(place.tolist()) for place in pair.places_mm])


def greedy(pair: Pair) -> Floats:
    """greedy: rigid, then deformable."""
    from picsl_greedy import Greedy3D

    fixed, moving = _images(pair)
    tool = Greedy3D()
    tool.execute(
        "-i fixed moving -a -dof 6 -ia-image-centers -n 100x50x10 -m NMI -threads 2 -o rigid",
        fixed=fixed,
        moving=moving,
        rigid=None,
    )
    tool.execute(
        "-i fixed moving -it rigid -n 100x50x10 -m NCC 2x2x2 -s 2.0vox 0.5vox -threads 2 -o warp",
        warp=None,
    )
    axes = _axis_images(pair.moving)
    carried = []
    for name, image in axes.items():
        tool.execute(
            f"-rf fixed -rm {name} out_{name} -r warp rigid", **{name: image, f"out_{name}": None}
        )
        carried.append(_values_at(tool[f"out_{name}"], pair.places_mm))
    return np.array(carried).T


def ants_syn(pair: Pair) -> Floats:
    """ANTs: rigid, affine, then symmetric normalisation."""
    import ants

    fixed, moving = (ants.from_sitk(image) for image in _images(pair))
    found = ants.registration(fixed, moving, type_of_transform="SyN", random_seed=1)
    carried = []
    for image in _axis_images(pair.moving).values():
        out = ants.apply_transforms(fixed, ants.from_sitk(image), found["fwdtransforms"])
        carried.append(_values_at(ants.to_sitk(out), pair.places_mm))
    return np.array(carried).T


def _images(pair: Pair) -> tuple[sitk.Image, sitk.Image]:
    """The pair as SimpleITK images of float32."""
    fixed, moving = (
        sitk.Cast(scan.to_itk(), sitk.sitkFloat32) for scan in (pair.fixed, pair.moving)
    )
    return fixed, moving


def _itk_image(itk: Any, volume: Volume) -> Any:
    """A volume as an ITK image of float32."""
    image = itk.image_view_from_array(volume.array.astype(np.float32))
    image.SetSpacing(volume.grid.spacing_xyz_mm)
    image.SetOrigin(volume.grid.origin_mm)
    image.SetDirection(itk.matrix_from_array(volume.grid.direction_matrix))
    return image


def _axis_images(volume: Volume) -> dict[str, sitk.Image]:
    """Three images that hold the x, y and z of their own voxels.

    What a warp does to them is read off without knowing the tool's conventions.
    """
    index = np.moveaxis(np.indices(volume.grid.shape_zyx, dtype=np.float32), 0, -1)
    positions = volume.grid.positions_mm(index)
    images = {}
    for axis, name in enumerate("xyz"):
        image = sitk.GetImageFromArray(positions[..., axis].astype(np.float32))
        image.CopyInformation(volume.to_itk())
        images[name] = image
    return images


def _values_at(image: sitk.Image, places_mm: Floats) -> list[float]:
    """Linear values of an image at positions."""
    return [float(image.EvaluateAtPhysicalPoint(p.tolist(), sitk.sitkLinear)) for p in places_mm]


TOOLS: dict[str, Callable[[Pair], Floats]] = {
    "lesionscore": ours,
    "simpleitk": whole_body_rigid,
    "elastix": elastix,
    "greedy": greedy,
    "ants": ants_syn,
}


def main() -> None:
    """Run every tool on every pair and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[901, 902])
    parser.add_argument("--preset", choices=["small", "full"], default="small")
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = [make_pair(seed, options.preset) for seed in options.seeds]
    if "lesionscore" in options.tools:
        ours(pairs[0])
    rows = []
    for tool in options.tools:
        errors, seconds = [], []
        for pair in pairs:
            gc.collect()
            begin = time.perf_counter()
            try:
                carried = TOOLS[tool](pair)
            except ImportError as problem:
                print(f"{tool}: not installed ({problem})", file=sys.stderr)
                break
            seconds.append(time.perf_counter() - begin)
            errors.append(np.linalg.norm(carried - pair.truth_mm, axis=1))
            print(f"{tool} {pair.name}: {seconds[-1]:.1f} s", file=sys.stderr)
        if errors:
            rows.append(_row(tool, np.concatenate(errors), seconds))
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print(table(rows))


def _row(tool: str, errors_mm: Floats, seconds: list[float]) -> dict[str, Any]:
    """One tool's numbers."""
    return {
        "tool": tool,
        "lesions": int(errors_mm.size),
        "median_mm": float(np.nanmedian(errors_mm)),
        "p95_mm": float(np.nanquantile(errors_mm, 0.95)),
        "maximum_mm": float(np.nanmax(errors_mm)),
        "seconds_per_pair": float(np.mean(seconds)),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table, with times relative to the first."""
    lines = [
        "| tool | lesions | TRE median, mm | 95th percentile | maximum | s per pair | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = row["seconds_per_pair"] / rows[0]["seconds_per_pair"]
        lines.append(
            f"| {row['tool']} | {row['lesions']} | {row['median_mm']:.2f} | {row['p95_mm']:.2f} | "
            f"{row['maximum_mm']:.2f} | {row['seconds_per_pair']:.1f} | {ratio:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
