"""Whether a visit's scan can be compared with the inclusion's: a verdict with its reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lesionscore.dicom.header import ScanInfo
from lesionscore.errors import Finding, Severity

KVP_LIMIT = 1.0
SPACING_FRACTION = 0.1
DOSE_FRACTION = 0.2  # PERCIST 1.0: injected activity within 20 %
UPTAKE_LIMIT_MIN = 10.0  # width of the protocol's window; PERCIST allows 15
WEIGHT_FRACTION = 0.2
SAME_DAY_WEIGHT_KG = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparability:
    """The verdict on a pair of scans.

    Parameters
    ----------
    comparable : bool
        True if there is no reason against it.
    reasons : tuple of str
        Stable codes: ``scanner_differs``, ``reconstruction_differs``, ``kernel_differs``,
        ``kvp_differs``, ``slice_spacing_differs``, ``slice_thickness_differs``,
        ``uptake_differs``, ``uptake_outside_window``, ``dose_differs``, ``tracer_differs``.
    findings : tuple of Finding
        The same in words, and what could not be compared or looks copied.
    """

    comparable: bool
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def compare_scans(
    inclusion: ScanInfo,
    visit: ScanInfo,
    *,
    uptake_window_min: tuple[float, float] | None = None,
) -> Comparability:
    """Compare how two scans of one modality were made.

    Parameters
    ----------
    inclusion, visit : ScanInfo
        The inclusion's scan and the visit's.
    uptake_window_min : tuple of float, optional
        First and last minute after the injection that the protocol accepts, both inclusive.

    Returns
    -------
    Comparability
        What differs. What a header does not say is a finding, not a difference.

    References
    ----------
    .. [1] PERCIST 1.0: same scanner and reconstruction, activity within 20 %, uptake times close.
    """
    reasons: list[tuple[str, str]] = []
    unknown: list[str] = []
    for name, mine, theirs in (
        ("scanner", inclusion.scanner, visit.scanner),
        ("reconstruction", inclusion.reconstruction, visit.reconstruction),
        ("kernel", inclusion.kernel, visit.kernel),
        ("tracer", inclusion.tracer, visit.tracer),
    ):
        if not mine and not theirs:
            continue
        if not mine or not theirs:
            unknown.append(name)
        elif _word(mine) != _word(theirs):
            reasons.append((f"{name}_differs", f"{name} {mine} at inclusion, {theirs} now"))
    for name, first, second, limit, relative in (
        ("kvp", inclusion.kvp, visit.kvp, KVP_LIMIT, False),
        (
            "slice_spacing",
            inclusion.slice_spacing_mm,
            visit.slice_spacing_mm,
            SPACING_FRACTION,
            True,
        ),
        (
            "slice_thickness",
            inclusion.slice_thickness_mm,
            visit.slice_thickness_mm,
            SPACING_FRACTION,
            True,
        ),
        ("uptake", inclusion.uptake_min, visit.uptake_min, UPTAKE_LIMIT_MIN, False),
        ("dose", inclusion.injected_dose_bq, visit.injected_dose_bq, DOSE_FRACTION, True),
    ):
        if first is None and second is None:
            continue
        if first is None or second is None:
            unknown.append(name)
        elif _differs(first, second, limit, relative=relative):
            reasons.append((f"{name}_differs", f"{name} {first:g} at inclusion, {second:g} now"))
    reasons.extend(_window(visit, uptake_window_min))
    findings = [Finding(code=code, message=message) for code, message in reasons]
    if unknown:
        findings.append(
            Finding(
                code="not_all_compared",
                message=f"one of the two headers does not say: {', '.join(unknown)}",
                severity=Severity.INFO,
            )
        )
    findings.extend(_weights(inclusion, visit))
    codes = tuple(code for code, _ in reasons)
    return Comparability(comparable=not codes, reasons=codes, findings=tuple(findings))


def _word(text: str) -> str:
    """Text without case and spacing."""
    return re.sub(r"[\s_\-]+", "", text).casefold()


def _differs(first: float, second: float, limit: float, *, relative: bool) -> bool:
    """Whether two numbers are farther apart than the limit, which is inclusive."""
    apart = abs(second - first) / abs(first) if relative and first else abs(second - first)
    return apart > limit + 1e-9


def _window(visit: ScanInfo, window: tuple[float, float] | None) -> list[tuple[str, str]]:
    """Whether the scan began within the protocol's minutes."""
    if window is None or visit.uptake_min is None:
        return []
    if window[0] - 1e-9 <= visit.uptake_min <= window[1] + 1e-9:
        return []
    return [
        (
            "uptake_outside_window",
            f"{visit.uptake_min:.1f} min after the injection; {window[0]:g} to {window[1]:g} min "
            "are accepted",
        )
    ]


def _weights(inclusion: ScanInfo, visit: ScanInfo) -> list[Finding]:
    """Doubts about weights: one that changed too much, or did not change at all."""
    first, second = inclusion.weight_kg, visit.weight_kg
    if first is None or second is None or visit.modality != "PT":
        return []
    if abs(second / first - 1) > WEIGHT_FRACTION:
        message = f"the weight went from {first:g} to {second:g} kg; SUV depends on it"
        return [Finding(code="weight_changed_much", message=message)]
    if first == second:
        message = (
            f"the weight is {second:g} kg at both visits; if it was copied from the earlier one, "
            "SUV is off by as much as the weight"
        )
        return [Finding(code="weight_unchanged", message=message, severity=Severity.INFO)]
    return []


def check_same_visit(ct: ScanInfo, pet: ScanInfo) -> tuple[Finding, ...]:
    """Doubts about a CT and a PET that are said to be of one visit.

    Parameters
    ----------
    ct, pet : ScanInfo
        The two scans.

    Returns
    -------
    tuple of Finding
        ``weight_differs_within_visit``, ``frame_of_reference_differs_within_visit``.
    """
    found: list[Finding] = []
    if ct.weight_kg and pet.weight_kg and abs(ct.weight_kg - pet.weight_kg) > SAME_DAY_WEIGHT_KG:
        message = (
            f"the CT's header gives {ct.weight_kg:g} kg, the PET's {pet.weight_kg:g} kg; one may "
            "be of another visit"
        )
        found.append(Finding(code="weight_differs_within_visit", message=message))
    frames = ct.frame_of_reference_uid, pet.frame_of_reference_uid
    if all(frames) and frames[0] != frames[1]:
        message = "CT and PET have different frames of reference: they were not acquired together"
        found.append(Finding(code="frame_of_reference_differs_within_visit", message=message))
    return tuple(found)
