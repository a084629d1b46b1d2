"""What the stable codes of the tables mean, one sentence each.

Findings of scans bring their own sentence too; what each of them means stands in `dicom_codes`.
A code that is not here is shown as it is: a page never hides what it cannot explain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from lesionscore.reports.dicom_codes import DICOM

_SCANS = {
    "ct_not_done": "There is no CT at this visit.",
    "ct_path_not_found": "The CT's path in the study table leads nowhere.",
    "ct_refused": "The CT cannot be measured; the scan's own line says why.",
    "no_ct": "There is no CT of this visit that could be used.",
    "no_ct_to_align": "There is no CT at this visit, so the place on the PET is not known.",
    "no_inclusion_ct": "There is no inclusion CT, so there is nothing to compare with.",
    "patient_failed": "The evaluation of this patient stopped with an error.",
    "pet_not_done": "There is no PET at this visit.",
    "pet_path_not_found": "The PET's path in the study table leads nowhere.",
    "pet_refused": "The PET cannot be measured; the scan's own line says why.",
    "read_by_reader": "A reader's values stand in place of this scan.",
}

_ALIGNMENT = {
    "alignment_failed": "This bone could not be aligned with the inclusion scan.",
    "alignment_uncertain": "The checks of the alignment disagree, or its stated error is above the "
    "protocol's limit.",
    "bone_not_rigid": "The bone does not fit as one rigid piece: fracture or collapse.",
    "metal": "Metal lies beside the lesion.",
    "metal_near": "Metal lies near enough for its streaks to reach the lesion.",
    "not_covered": "The scan does not reach the lesion, or ends too near to it.",
    "too_little_bone": "There is too little bone around the lesion to align it.",
}

_LESION = {
    "complete_uncertain": "Whether the lesion is gone is not certain enough to call it.",
    "ct_missing": "There is no CT at this visit.",
    "ct_not_evaluable": "The lesion could not be read on this CT.",
    "edge_not_measured": "The lesion's edge could not be measured.",
    "edge_uncertainty_unknown": "How certain the edge's density is, is not known.",
    "growing": "The lesion has grown beyond the protocol's limit.",
    "inclusion_not_evaluable": "The lesion could not be read on the inclusion CT, so there is "
    "nothing to compare with.",
    "inclusion_size_not_measured": "The size at inclusion is not known.",
    "inclusion_too_small": "The lesion was too small to measure at inclusion.",
    "lesion_failed": "The evaluation of this lesion stopped with an error.",
    "lesion_merged": "The lesion has merged with another.",
    "overlaps_other_lesion": "At inclusion its outline overlaps another lesion's.",
    "lesion_reappeared": "The lesion was gone and is there again.",
    "little_contrast": "The place is hardly less dense than its bone: check the outline.",
    "cortex_broken": "The lesion had broken the cortex; part of its outline is the given one.",
    "lesion_split": "The lesion has split.",
    "size_ambiguous": "The scan allows outlines of different size; the size is their mean.",
    "mask_refused": "The mask cannot be used with the inclusion CT; the finding says why.",
    "measurable_limit_unknown": "Whether the lesion is large enough to measure is not known.",
    "new_lesion": "A new lesion, first seen after inclusion.",
    "new_lesion_near": "Something that looks like a new lesion lies beside this one.",
    "too_little_edge": "Most of its place lies outside the bone, where no edge shows.",
    "no_outline": "Most of its edge has no bone beside it: it needs an outline, not a point.",
    "point_outside_outline": "What was found does not hold the point given: outline it.",
    "not_in_bone": "The lesion does not lie in bone.",
    "not_lytic": "The place given is as dense as the bone around it: no lytic lesion shows there.",
    "not_measurable_at_inclusion": "At inclusion the lesion is smaller than the protocol's "
    "measurable size.",
    "not_read": "The reader has no reading of this visit.",
    "not_there_yet": "The lesion is new: it was first seen at a later visit.",
    "not_stated": "No reason is stated.",
    "point_outside_scan": "The point lies outside the inclusion CT.",
    "presence_unknown": "Whether anything is left of the lesion is not known.",
    "reader_differs_from_inclusion": "Another reader than at inclusion.",
    "reader_not_evaluable": "The reader called the lesion not evaluable.",
    "reader_read": "The values are a reader's.",
    "sclerosis_not_read": "The reader gave no call of the edge.",
    "segmentation_failed": "No outline of the lesion could be found.",
    "size_by_upper_bound": "What is left is too small to measure; even the largest size that "
    "it can have meets the size limb.",
    "size_not_measured": "The size could not be measured.",
    "too_small_to_measure": "Something is left of the lesion, smaller than can be measured on "
    "this scan.",
}

_UPTAKE = {
    "inclusion_pet_not_evaluable": "The uptake at inclusion is not evaluable, so there is nothing "
    "to compare with.",
    "inclusion_suv_zero": "There was no uptake at inclusion to compare with.",
    "inclusion_uptake_outside_window": "The inclusion PET began outside the protocol's minutes "
    "after infusion.",
    "inclusion_uptake_time_unknown": "The inclusion PET does not say how long after infusion it "
    "began.",
    "maximum_in_other_lesion": "The highest voxel belongs to another lesion as well.",
    "pet_ct_disagree": "PET and CT of this visit do not fit near the lesion.",
    "pet_ct_moved": "The patient moved between CT and PET; the PET was shifted to fit near the "
    "lesion.",
    "pet_ct_unrelated": "PET and CT do not share a frame of reference and could not be aligned.",
    "pet_ct_unverified": "Whether PET and CT fit near the lesion could not be verified.",
    "pet_frame_of_reference_differs": "PET and CT name different frames of reference.",
    "pet_invalid_values": "The PET holds values that are no numbers near the lesion.",
    "pet_missing": "There is no PET at this visit.",
    "pet_no_signal": "The PET is empty near the lesion.",
    "pet_not_covered": "The PET does not reach the lesion.",
    "pet_not_evaluable": "The PET of this visit is not evaluable.",
    "pet_region_empty": "The lesion's region holds no PET voxel.",
    "spill_in": "The highest voxel lies on the region's border and the uptake keeps rising "
    "outside: it may be a neighbour's.",
    "suv_peak_truncated": "The sphere of SUVpeak reaches beyond the scan.",
    "uptake_outside_window": "The PET began outside the protocol's minutes after infusion.",
    "uptake_time_unknown": "The PET does not say how long after infusion it began.",
    "uptake_unknown": "The PET does not say how long after infusion it began.",
}

_VISITS = {
    "after_last_visit": "The visit lies after the last visit that counts.",
    "after_off_protocol": "The visit lies after the patient left the protocol.",
    "out_of_window": "The visit lies outside the protocol's window for it.",
    "visit_out_of_window": "The visit lies outside the protocol's window for it.",
}

_MARKERS = {
    "above_limit": "The value is above the assay's range.",
    "assay_changed": "The assay differs from that of the baseline sample.",
    "assay_not_stated": "The assay is not stated.",
    "baseline_below_limit_substituted": "The baseline is below the assay's limit; a stand-in was "
    "used by the protocol's rule.",
    "baseline_is_screening": "The baseline is the screening sample.",
    "baseline_missing": "There is no baseline to compare with.",
    "baseline_not_positive": "The baseline is not above zero.",
    "below_limit": "The value is below the assay's limit.",
    "below_limit_substituted": "The value is below the assay's limit; a stand-in was used by the "
    "protocol's rule.",
    "composite_incomplete": "A marker that the composite needs is not there.",
    "degradation_not_positive": "The degradation marker is not above zero.",
    "duplicate_samples": "There are several samples of this visit.",
    "duplicates_averaged": "Several samples of this visit were averaged.",
    "duplicates_of_two_assays": "The samples of this visit come from different assays.",
    "fasting_differs": "The patient fasted at one of the two samples only.",
    "later_duplicate_dropped": "A later sample of the same visit was left out.",
    "no_result": "There is a sample without a result.",
    "no_sample": "There is no sample of this visit.",
    "not_fasting": "The patient had not fasted.",
    "sample_dates_differ": "The two markers come from samples of different days.",
    "sample_out_of_window": "The sample lies outside the protocol's window for this visit.",
    "specimen_changed": "The specimen differs from that of the baseline sample.",
    "specimen_not_stated": "The specimen is not stated.",
    "unit_not_comparable": "The unit cannot be compared with that of the baseline.",
}

_COMPARABILITY = {
    "dose_differs": "Another injected dose than at inclusion.",
    "kernel_differs": "Another kernel than at inclusion.",
    "kvp_differs": "Another tube voltage than at inclusion.",
    "reconstruction_differs": "Another reconstruction than at inclusion.",
    "scanner_differs": "Another scanner than at inclusion.",
    "slice_spacing_differs": "Another distance between slices than at inclusion.",
    "slice_thickness_differs": "Another slice thickness than at inclusion.",
    "tracer_differs": "Another tracer than at inclusion.",
    "uptake_differs": "Another time between infusion and scan than at inclusion.",
}

EXPLANATIONS: Mapping[str, str] = MappingProxyType(
    DICOM | _SCANS | _ALIGNMENT | _LESION | _UPTAKE | _VISITS | _MARKERS | _COMPARABILITY
)
"""What each stable code means."""

COUNTED = re.compile(r"(?P<code>\S+) \((?P<count>\d+)\)")


def meaning(code: str) -> str:
    """Explain a code, also one that names whose it is or how many there are.

    Parameters
    ----------
    code : str
        As in a table: ``metal``, ``degradation_below_limit`` (of one side of a ratio),
        ``metal (2)``.

    Returns
    -------
    str
        One sentence; empty where nobody has said what the code means.

    Examples
    --------
    >>> meaning("degradation_below_limit")
    "degradation: the value is below the assay's limit."
    >>> meaning("never_heard_of")
    ''
    """
    counted = COUNTED.fullmatch(code)
    if counted:
        return meaning(counted["code"])
    if code in EXPLANATIONS:
        return EXPLANATIONS[code]
    whose, separator, rest = code.partition("_")
    sentence = meaning(rest) if separator else ""
    return f"{whose}: {sentence[0].lower()}{sentence[1:]}" if sentence else ""
