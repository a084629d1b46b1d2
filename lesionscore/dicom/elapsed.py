"""Whether what a header says of the decay from injection to scan can be true."""

from __future__ import annotations

from lesionscore.dicom.header import Header
from lesionscore.dicom.injection import LONG_LIVED_S
from lesionscore.dicom.policy import Notes
from lesionscore.dicom.timing import decay
from lesionscore.dicom.tracer import HALF_LIFE_TOLERANCE, nuclide_of
from lesionscore.errors import SuvError

LATEST_SCAN_S = 6 * 3600.0
"""Later no scan is made of what is left of a short-lived nuclide: a time that says so is wrong."""
CHANGED_FRACTION = 0.01


def check_half_life(item: Header, half_life: float, elapsed_s: float, notes: Notes) -> None:
    """Hold the header's half-life against that of the nuclide which the header names.

    Raises
    ------
    SuvError
        If the two give SUVs that differ by more than 1 %.

    Notes
    -----
    Which of the two is wrong cannot be told from the header. If it is the half-life, the scanner
    corrected its frames with the wrong one too, and often for the wrong share of positrons: the
    nuclide's own half-life would not mend that.
    """
    nuclide = nuclide_of(item)
    if nuclide is None or abs(half_life / nuclide.half_life_s - 1) <= HALF_LIFE_TOLERANCE:
        return
    change = decay(elapsed_s, half_life) / decay(elapsed_s, nuclide.half_life_s) - 1
    said = (
        f"{half_life:g} s, and that of {nuclide.name}, which the header names, is "
        f"{nuclide.half_life_s:g} s: SUV would change by {100 * change:+.1f} %"
    )
    if abs(change) > CHANGED_FRACTION:
        raise SuvError(
            f"Radionuclide Half Life (0018,1075) is {said}. One of the two is wrong; correct the "
            "header after the site's worksheet."
        )
    notes.add("half_life_not_nuclide", f"the half-life is {said}; the header's was used")


def check_elapsed(elapsed_s: float, half_life: float, end_s: float | None, notes: Notes) -> None:
    """Refuse an injection after the scan, or so long before it that nothing would be left.

    Parameters
    ----------
    elapsed_s : float
        Seconds from the injection to the decay reference time.
    half_life : float
        Seconds.
    end_s : float or None
        Seconds from the injection to the end of the slice's frame, where that is known: a frame
        may begin before the injection (dynamic acquisitions), but not end before it.
    notes : Notes
        Takes ``injection_after_scan``.

    Raises
    ------
    SuvError
        If the two times cannot both be right.
    """
    if half_life < LONG_LIVED_S and elapsed_s > LATEST_SCAN_S:
        raise SuvError(
            f"the injection lies {elapsed_s / 3600:.1f} h before the scan "
            f"({elapsed_s / half_life:.1f} half-lives): one of the two times is wrong"
        )
    if elapsed_s >= 0:
        return
    if end_s is None or end_s <= 0:
        raise SuvError(
            f"the injection lies {-elapsed_s / 60:.1f} min after the time to which the scan is "
            "decay corrected, and the frame ends before it: Radiopharmaceutical Start Time "
            "(0018,1072) or the scan's time is wrong"
        )
    notes.add(
        "injection_after_scan",
        f"the injection is {-elapsed_s / 60:.1f} min later than the decay reference time, within "
        "the scan",
        once="injection",
    )
