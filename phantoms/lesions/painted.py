"""What the CT painter needs to know of a lesion at one visit; plain numbers."""

from __future__ import annotations

from dataclasses import dataclass

from phantoms.anatomy.shapes import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    """What a lesion looks like at one visit, in its bone's frame.

    ``lobes`` is the current surface (no rows: gone), ``scar_lobes`` the surface at inclusion
    where the old place stays denser (no rows: it does not). Densities in HU, widths in mm.
    """

    lobes: Floats
    scar_lobes: Floats
    inside_hu: float
    infill: float
    edge_mm: float
    rim_hu: float
    rim_mm: float
    scar_hu: float
    texture_hu: float = 8.0
