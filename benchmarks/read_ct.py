"""Time and memory of reading a CT series, against SimpleITK's series reader in the same run.

Run with ``python benchmarks/read_ct.py``; it writes a synthetic series of 512 x 512 x 650 and a
pile of 10,000 headers into a temporary folder, and prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SPACING_MM = 1.5
MEGABYTE = 2**20


def template(rows: int) -> Dataset:
    """Make the header that all slices share, about as long as a scanner's."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.SOPClassUID, ds.Modality = CTImageStorage, "CT"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.FrameOfReferenceUID, ds.PatientID = generate_uid(), "BENCH"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20210316"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = "101400"
    ds.Manufacturer, ds.ConvolutionKernel, ds.KVP = "SIEMENS", "B60f", "120"
    ds.SeriesNumber, ds.SliceThickness = 2, "1.5"
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = ["0.976562", "0.976562"]
    ds.Rows = ds.Columns = rows
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
    block = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", bytes(8_000))
    for number in range(60):
        ds.add_new(0x0040_A000 + 0x20 * number + 1, "LO", f"filling {number}")
    return ds


def write_series(folder: Path, slices: int, rows: int) -> None:
    """Write one series of noise."""
    folder.mkdir()
    ds = template(rows)
    noise = np.random.default_rng(0).integers(0, 4096, (rows, rows), dtype=np.uint16)
    for number in range(slices):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ds.InstanceNumber = number + 1
        ds.ImagePositionPatient = [-250, -250, SPACING_MM * number]
        ds.PixelData = np.roll(noise, number).tobytes()
        ds.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)


def read_with_lesionscore(folder: Path) -> int:
    """Read the series as lesionscore does: find, choose, check, convert."""
    from lesionscore.dicom import read_ct

    return int(read_ct(folder).volume.array.shape[0])


def read_with_simpleitk(folder: Path) -> int:
    """Read the series as SimpleITK does."""
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return int(reader.Execute().GetSize()[2])


def list_series(folder: Path) -> int:
    """Read all headers below a folder."""
    from lesionscore.dicom import find_series

    return sum(series.slices for series in find_series(folder).series)


WORK = {"lesionscore": read_with_lesionscore, "simpleitk": read_with_simpleitk, "list": list_series}


def measure(name: str, folder: Path) -> dict[str, float]:
    """Run one reader in a process of its own, twice; report the second, and the peak memory."""
    command = [sys.executable, __file__, "--run", name, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def run(name: str, folder: Path) -> None:
    """Read, and print what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best_wall = best_cpu = float("inf")
    slices = 0
    for _ in range(2):
        wall, cpu = time.perf_counter(), time.process_time()
        slices = WORK[name](folder)
        best_wall = min(best_wall, time.perf_counter() - wall)
        best_cpu = min(best_cpu, time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values = {
        "slices": slices,
        "wall_s": round(best_wall, 3),
        "cpu_s": round(best_cpu, 3),
        "peak_mb": round((peak - before) / 1024, 1),
    }
    sys.stdout.write(json.dumps(values))


def main() -> None:
    """Write the data, run all readers, print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", choices=sorted(WORK))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--slices", type=int, default=650)
    parser.add_argument("--headers", type=int, default=10_000)
    chosen = parser.parse_args()
    if chosen.run:
        run(chosen.run, chosen.folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        series, pile = Path(temporary) / "series", Path(temporary) / "pile"
        write_series(series, chosen.slices, 512)
        result: dict[str, object] = {"volume_mb": 512 * 512 * 2 * chosen.slices / MEGABYTE}
        result["lesionscore"] = measure("lesionscore", series)
        result["simpleitk"] = measure("simpleitk", series)
        write_series(pile, chosen.headers, 16)
        result["headers"] = measure("list", pile)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
