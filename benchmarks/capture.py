"""How far apart two scans may lie: random poses, ranges and fields of view, none lost.

Run with ``python benchmarks/capture.py --poses 200``. One patient's pair of synthetic CTs is
rendered once; then the second scan is turned and shifted as a whole (exactly: its grid moves, no
voxel is resampled) by up to 10 degrees and 40 mm, and a random half of the times cut to a part of
its range. Printed: how many lesions that the cut scan covers were lost or carried to a wrong place.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from alignment import Pair, make_pair
from scipy.spatial.transform import Rotation

from lesionscore.protocol import load_protocol
from lesionscore.registration.align import align_lesions, prepare_scan
from lesionscore.registration.quality import AlignmentVerdict
from lesionscore.volumes import Volume

Floats = npt.NDArray[np.float64]
MOST_TURN_DEG, MOST_SHIFT_MM = 10.0, 40.0
COVERED_MM = 30.0
LOST_MM = 2.0


def posed(scan: Volume, rng: np.random.Generator) -> tuple[Volume, Floats]:
    """The scan moved as a whole, perhaps shortened; and the motion (4, 4)."""
    grid, array = scan.grid, scan.array
    if rng.random() < 0.5:
        count = array.shape[0]
        kept = int(rng.uniform(0.5, 0.9) * count)
        first = int(rng.integers(0, count - kept + 1))
        array = array[first : first + kept]
        grid = grid.cropped((first, 0, 0), array.shape)
    axis = rng.standard_normal(3)
    turn = np.deg2rad(rng.uniform(0, MOST_TURN_DEG)) * axis / np.linalg.norm(axis)
    way = rng.standard_normal(3)
    shift = rng.uniform(0, MOST_SHIFT_MM) * way / np.linalg.norm(way)
    middle = grid.positions_mm(np.asarray(grid.shape_zyx) / 2)
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(turn).as_matrix()
    motion[:3, 3] = middle + shift - motion[:3, :3] @ middle
    origin = (motion @ np.append(grid.origin_mm, 1.0))[:3]
    direction = motion[:3, :3] @ grid.direction_matrix
    moved = replace(
        grid,
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=tuple(float(v) for v in direction.ravel()),
    )
    return Volume(array=array, grid=moved, quantity=scan.quantity), motion


def covered(scan: Volume, goal: Floats) -> bool:
    """Whether a place lies well inside a scan's range."""
    place = scan.grid.index_zyx(goal)[0] * scan.grid.spacing_xyz_mm[2]
    length = (scan.array.shape[0] - 1) * scan.grid.spacing_xyz_mm[2]
    return bool(COVERED_MM < place < length - COVERED_MM)


def main() -> None:
    """Try the poses and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", type=int, default=200)
    parser.add_argument("--seed", type=int, default=903)
    options = parser.parse_args()
    pair: Pair = make_pair(options.seed, "small")
    fixed = prepare_scan(pair.fixed)
    rule = load_protocol().alignment
    rng = np.random.default_rng(options.seed)
    errors: list[float] = []
    given_up = wrong = lost_poses = 0
    for _ in range(options.poses):
        scan, motion = posed(pair.moving, rng)
        found = align_lesions(fixed, prepare_scan(scan), pair.regions, rule)
        goals = pair.truth_mm @ motion[:3, :3].T + motion[:3, 3]
        here = []
        for region, place, goal in zip(pair.regions, pair.places_mm, goals, strict=True):
            if not covered(scan, goal):
                continue
            alignment = found[region.lesion_id]
            if alignment.verdict is AlignmentVerdict.FAILED:
                given_up += 1
                continue
            assert alignment.moving_from_fixed is not None
            here.append(float(np.linalg.norm(alignment.moving_from_fixed.apply(place) - goal)))
        errors += here
        wrong += sum(error > LOST_MM for error in here)
        lost_poses += bool(here) and float(np.median(here)) > LOST_MM
    print(
        json.dumps(
            {
                "poses": options.poses,
                "poses_lost": lost_poses,
                "lesions_covered": len(errors) + given_up,
                "given_up": given_up,
                "carried_beyond_2_mm": wrong,
                "median_mm": float(np.median(errors)),
                "p95_mm": float(np.quantile(errors, 0.95)),
                "maximum_mm": float(np.max(errors)),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
