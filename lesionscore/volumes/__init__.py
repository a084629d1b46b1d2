"""Images with their geometry: grids, volumes, and the way to SimpleITK and back."""

from lesionscore.volumes.grid import Grid
from lesionscore.volumes.volume import Volume

__all__ = ["Grid", "Volume"]
