"""What inclusion says of a lesion's bone, for the comparison with every later visit."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscore.lesions.background import BoneMap
from lesionscore.lesions.expected import ExpectedBone
from lesionscore.lesions.grown_back import grown_back
from lesionscore.lesions.rim import EdgeView, ShellExcess, shell_excess
from lesionscore.lesions.seen_bone import Mixture, SeenBone, seen_bone
from lesionscore.lesions.segment import InclusionLesion
from lesionscore.protocol.rules import EdgeRule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoneAccount:
    """One account of a lesion's bone at inclusion.

    Parameters
    ----------
    healed : SeenBone
        What the scan shows of it, a cut cortex grown back.
    edge_before : ShellExcess or None
        How dense the lesion's edge was against that bone; None where the edge is taken as seen,
        or shows too little.
    """

    healed: SeenBone
    edge_before: ShellExcess | None


def bone_accounts(inclusion: InclusionLesion, rule: EdgeRule) -> tuple[BoneAccount, ...]:
    """Give the bone as it is, and without the lesion's sclerotic rim if it has one.

    Parameters
    ----------
    inclusion : InclusionLesion
        The lesion at inclusion.
    rule : EdgeRule
        Thickness of the shells.
    """
    if inclusion.rimless is None:
        return (_account(inclusion, inclusion.bone, rule),)
    return _account(inclusion, inclusion.bone, rule), _account(inclusion, inclusion.rimless, rule)


def _account(inclusion: InclusionLesion, bone: BoneMap, rule: EdgeRule) -> BoneAccount:
    """Account of one bone map."""
    if inclusion.cortex_broken:
        bone = grown_back(inclusion.patch, bone)
    elif bone is inclusion.bone:
        return BoneAccount(healed=inclusion.seen, edge_before=None)
    return BoneAccount(
        healed=_seen(inclusion, bone), edge_before=_edge_before(inclusion, bone, rule)
    )


def _seen(inclusion: InclusionLesion, bone: BoneMap) -> SeenBone:
    """What the inclusion scan shows of a bone."""
    mixture = Mixture.of(inclusion.fit, inclusion.patch)
    return seen_bone(inclusion.patch, bone, mixture, broken=inclusion.cortex_broken)


def _edge_before(inclusion: InclusionLesion, bone: BoneMap, rule: EdgeRule) -> ShellExcess | None:
    """How dense the edge was at inclusion against bone that is a model there."""
    view = EdgeView(
        patch=inclusion.patch,
        carried=inclusion.surface,
        current=inclusion.surface,
        lesion_hu=inclusion.fit.lesion_hu,
        bone=ExpectedBone(level_hu=bone.expected_hu, spread_hu=bone.spread_hu, is_bone=bone.inside),
        cortex_broken=inclusion.cortex_broken,
    )
    return shell_excess(view, rule)
