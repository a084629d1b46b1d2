"""Real public data, unpacked once a run."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest


def _unpacked(archive: Path, factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp(archive.stem.split(".")[0])
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def suv_dro(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digital reference objects of SUV, each with ``PT``, ``RS`` and ``mask``."""
    return _unpacked(shared_data / "suv_dro/suv_dro.tar.xz", tmp_path_factory) / "DRO"


@pytest.fixture(scope="session")
def petct_sts(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real PET/CTs with RTSTRUCT: ``STS_002`` and ``STS_008``."""
    return _unpacked(shared_data / "petct_sts/petct_sts_002_008.tar.xz", tmp_path_factory)


@pytest.fixture(scope="session")
def crlm_ct(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole real CT series with padding."""
    archive = shared_data / "crlm_ct_1004/CRLM-CT-1004.tar.xz"
    return _unpacked(archive, tmp_path_factory) / "CRLM-CT-1004/image"
