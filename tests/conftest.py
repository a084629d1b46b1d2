"""What every test may use: the folder of real public data, where it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real public data; tests that need it skip where it is absent."""
    default = PROJECT.parent / "shared" / "data"
    folder = Path(os.environ.get("LESIONSCORE_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder} (set LESIONSCORE_TEST_DATA)")
    return folder
