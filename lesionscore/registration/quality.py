"""What an alignment is worth: verdict, reasons and stated error, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lesionscore.registration.transform import RigidTransform


class AlignmentVerdict(StrEnum):
    """Whether measurements at an aligned lesion can be trusted."""

    USABLE = "usable"
    """The stated error is within the protocol's limit."""
    DOUBTFUL = "doubtful"
    """Aligned, with a stated error or a doubt that a reader should look at."""
    FAILED = "failed"
    """Not aligned; the visit is not evaluable for this lesion."""


class AlignmentReason(StrEnum):
    """Why an alignment is doubtful or failed: stable codes for the column ``reason``."""

    NOT_COVERED = "not_covered"
    """The lesion's place lies outside the visit's scan, or too near its end."""
    METAL = "metal"
    """Metal beside the lesion on one of the scans."""
    BONE_NOT_RIGID = "bone_not_rigid"
    """The bone around the lesion does not fit as one rigid piece: fracture or collapse."""
    TOO_LITTLE_BONE = "too_little_bone"
    """There is not enough bone around the place to align by."""
    ALIGNMENT_UNCERTAIN = "alignment_uncertain"
    """The checks disagree: inverse, neighbours, or a neighbouring level fits as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionAlignment:
    """One lesion's bone, carried from the fixed scan (inclusion) to the moving scan (visit).

    Parameters
    ----------
    lesion_id : str
        Whose alignment this is.
    moving_from_fixed : RigidTransform or None
        Maps points of the fixed scan near the lesion to the moving scan, LPS, mm. A failed
        alignment may still carry the best guess, for display and for soft tissue.
    error_mm : float or None
        Root mean square error expected at the lesion's centre, mm. The true error is below
        twice this value in at least 95 % of lesions.
    verdict : AlignmentVerdict
        Whether measurements there can be trusted.
    reasons : tuple of str
        Codes of `AlignmentReason`; empty when usable.
    flags : tuple of str
        Codes of doubts that do not stop the work.
    """

    lesion_id: str
    moving_from_fixed: RigidTransform | None
    error_mm: float | None
    verdict: AlignmentVerdict
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
