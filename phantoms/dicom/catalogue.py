"""All faults by name, for scenario files and for tables of what is covered."""

from __future__ import annotations

from collections.abc import Mapping

from phantoms.dicom.arrangement import Arrangement
from phantoms.dicom.ct_faults import CtFault
from phantoms.dicom.file_faults import FileFault
from phantoms.dicom.pet_faults import PetFault
from phantoms.dicom.series_faults import SeriesFault

AnyFault = Arrangement | SeriesFault | FileFault | CtFault | PetFault
FAULTS: Mapping[str, AnyFault] = {
    member.value: member
    for kind in (Arrangement, SeriesFault, FileFault, CtFault, PetFault)
    for member in kind
}
"""Every fault by its value."""


def fault_named(name: str) -> AnyFault:
    """Find a fault by its name.

    Parameters
    ----------
    name : str
        Value of a member, for instance ``missing_slice``.

    Returns
    -------
    Arrangement, SeriesFault, FileFault, CtFault or PetFault
        The member.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists all.

    Examples
    --------
    >>> fault_named("gantry_tilt").outcome.value
    'refused'
    """
    try:
        return FAULTS[name]
    except KeyError as exc:
        raise ValueError(f"no fault is named {name!r}; there are {', '.join(FAULTS)}") from exc
