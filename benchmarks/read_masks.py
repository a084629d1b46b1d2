"""Time of reading the 14 lesions of a label map as large as a whole-body CT.

Run with ``python benchmarks/read_masks.py``; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK

from lesionscore.dicom import open_mask, read_mask
from lesionscore.volumes import Grid

SHAPE_ZYX = (650, 512, 512)
SPACING_XYZ_MM = (0.9765625, 0.9765625, 1.5)
LESIONS = 14


def write_label_map(path: Path) -> None:
    """Write balls of 4 to 17 voxels' radius along the body."""
    labels = np.zeros(SHAPE_ZYX, np.uint8)
    for number in range(1, LESIONS + 1):
        radius, z = number + 3, 40 * number
        ball = np.mgrid[-radius : radius + 1, -radius : radius + 1, -radius : radius + 1]
        inside = (ball**2).sum(axis=0) <= radius**2
        block = labels[z - radius : z + radius + 1, 200 : 201 + 2 * radius, 200 : 201 + 2 * radius]
        block[inside] = number
    image = SimpleITK.GetImageFromArray(labels)
    image.SetSpacing(SPACING_XYZ_MM)
    SimpleITK.WriteImage(image, str(path), useCompression=True)


def main() -> None:
    """Write the label map, read all of its lesions in both ways, print the seconds."""
    grid = Grid(shape_zyx=SHAPE_ZYX, spacing_xyz_mm=SPACING_XYZ_MM, origin_mm=(0.0, 0.0, 0.0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.nii.gz"
        write_label_map(path)
        begin = time.perf_counter()
        mask = open_mask(path)
        opened = time.perf_counter()
        voxels = [int(mask.read(n, grid).block.values.sum()) for n in range(1, LESIONS + 1)]
        done = time.perf_counter()
        read_mask(path, 1, grid)
        alone = time.perf_counter() - done
    result = {
        "open_s": round(opened - begin, 3),
        "lesions_s": round(done - opened, 3),
        "one_lesion_alone_s": round(alone, 3),
        "voxels": voxels,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
