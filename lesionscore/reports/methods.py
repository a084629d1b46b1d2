"""How the numbers came about, in the protocol's words and with its numbers.

A sentence whose number the run does not tell is left out; nothing is filled in from memory.
"""

from __future__ import annotations

from lesionscore.reports.formats import fixed
from lesionscore.reports.run_info import RunInfo
from lesionscore.reports.words import SIZE_METRIC_WORDS


def method_sentences(run: RunInfo) -> tuple[str, ...]:
    """Methods of a run, one paragraph each.

    Parameters
    ----------
    run : RunInfo
        Where the protocol's numbers come from.

    Returns
    -------
    tuple of str
        Plain text.
    """
    parts = (_healing, _alignment, _size, _edge, _complete, _uptake, _markers, _certainty)
    return tuple(paragraph for paragraph in (part(run) for part in parts) if paragraph)


def _healing(run: RunInfo) -> str:
    """Definition of healing and its three limbs."""
    by_percent, by_mm = run.number("size", "reduction_percent"), run.number("size", "reduction_mm")
    size = "smaller by the protocol's limits"
    if by_percent is not None and by_mm is not None:
        size = (
            f"smaller by at least {by_percent:g} % and by at least {by_mm:g} mm in the longest "
            "dimension (both inclusive)"
        )
    metric = SIZE_METRIC_WORDS.get(str(run.value("size", "metric")), "")
    meaning = f" Size is taken to be {metric}." if metric else ""
    return (
        f"A lesion is healed at a visit if, against the inclusion CT, it is {size}, or if its edge "
        f"has become more sclerotic, or if it has healed completely.{meaning} Each of the three "
        "limbs is met, not met or not evaluable; one that is met is enough, and only if all three "
        "are not met is the lesion called not healed."
    )


def _alignment(run: RunInfo) -> str:
    """How the same bone is found at each visit."""
    doubtful, failed = run.number("alignment", "doubtful_mm"), run.number("alignment", "failed_mm")
    text = (
        "The bone of each lesion is aligned rigidly from the inclusion CT to each visit's CT, "
        "without the lesion's own voxels; pictures show every visit in the inclusion scan's frame, "
        "but nothing is measured on them."
    )
    if failed is not None:
        text += f" Above a stated error of {failed:g} mm the visit is not evaluable for that lesion"
        text += f", above {doubtful:g} mm it is flagged." if doubtful is not None else "."
    return text


def _size(run: RunInfo) -> str:
    """How size is measured, and what is too small."""
    text = (
        "Diameters and volumes are measured on each scan's own voxels, from a sub-voxel surface "
        "half-way between the lesion and the bone around it."
    )
    smallest = run.number("measurable", "minimum_diameter_mm")
    slices = run.number("measurable", "minimum_slice_spacings")
    if smallest is not None and slices is not None:
        text += (
            f" A lesion counts as measurable from {smallest:g} mm and {slices:g} times the slice "
            "spacing."
        )
    return text


def _edge(run: RunInfo) -> str:
    """Say what counts as increased sclerosis of the edge."""
    outer, inner = run.number("edge", "outer_shell_mm"), run.number("edge", "inner_shell_mm")
    rise, z = run.number("edge", "increase_hu"), run.number("edge", "increase_z")
    if outer is None or inner is None or rise is None or z is None:
        return ""
    return (
        f"The edge is the shell from {inner:g} mm inside to {outer:g} mm outside the inclusion "
        "lesion's surface. It has become more sclerotic if its density beyond the patient's own "
        "normal bone, corrected for the scanner's drift, rose by at least "
        f"{rise:g} HU and by {z:g} times its own uncertainty."
    )


def _complete(run: RunInfo) -> str:
    """Say what counts as completely healed."""
    remaining = run.number("complete", "remaining_percent")
    if remaining is None:
        return ""
    return (
        "Complete healing is called only where the place of the lesion was covered and aligned and "
        f"less than {remaining:g} % of its inclusion volume remains."
    )


def _uptake(run: RunInfo) -> str:
    """Say what is read from the PET."""
    window, margin = run.limits("uptake", "uptake_min"), run.number("uptake", "region_margin_mm")
    ratio = run.limits("uptake", "repeatability_ratio")
    tracer = run.value("uptake", "tracer")
    text = f"SUV is by body weight, in the native voxels of the {tracer or ''} PET"
    text = text.replace("  ", " ")
    text += f", inside the lesion and {margin:g} mm around it." if margin is not None else "."
    if window:
        text += (
            f" The protocol asks for a start {window[0]:g} to {window[1]:g} minutes after infusion."
        )
    if ratio:
        text += (
            f" A change of SUVmax is beyond repeatability below {ratio[0]:g} or above "
            f"{ratio[1]:g} times the inclusion value."
        )
    return text


def _markers(run: RunInfo) -> str:
    """How markers and ratios are compared."""
    formation = ", ".join(str(name) for name in run.value("markers", "formation") or ())
    degradation = ", ".join(str(name) for name in run.value("markers", "degradation") or ())
    if not formation or not degradation:
        return ""
    return (
        f"Bone formation markers ({formation}) over degradation markers ({degradation}) give the "
        "ratios; markers and ratios are compared with the patient's own inclusion value as fold "
        "change and percent. The composite is the geometric mean of the formation markers' fold "
        "changes over that of the degradation markers."
    )


def _certainty(run: RunInfo) -> str:
    """Say what the probability and the borderline mark mean."""
    text = (
        "Verdicts follow the protocol on the measured values. Beside them stands the probability "
        "of healed, given the scan's own noise and the alignment's error; ± is one standard "
        "deviation, bars in the curves are 95 % intervals."
    )
    limits = run.limits("analysis", "borderline_probability")
    if limits:
        text += (
            f" Borderline: the probability lies between {fixed(limits[0], 2)} and "
            f"{fixed(limits[1], 2)}."
        )
    return text
