"""The random generator: which lesions and confounders a patient drawn from a seed has."""

from __future__ import annotations

from collections.abc import Mapping

from phantoms.anatomy.bone import Bone
from phantoms.anatomy.build import Build
from phantoms.lesions.confounders import Confounder, ConfounderKind, confounder_near
from phantoms.lesions.courses import Course, Setting, Uptake
from phantoms.lesions.placing import Wish, place
from phantoms.lesions.plan import LesionPlan

ALWAYS = (
    Course.SHRINK_PAST,
    Course.SHRINK_SHORT,
    Course.STABLE,
    Course.HEAL_NORMAL,
    Course.RIM_SCLEROSIS,
    Course.RIM_AND_SHRINK,
)
SOMETIMES = (
    Course.SHRINK_EXACTLY,
    Course.GROWING,
    Course.SHRINK_ONE_SIDED,
    Course.SHRINK_ONE_SIDED_SHORT,
    Course.OLD_RIM,
    Course.INFILL,
    Course.HEAL_SCLEROSIS,
    Course.SHRINK_UNDER_2_MM,
    Course.STABLE,
)
HIP_SITES = ("ilium_posterior", "acetabular_roof", "ischium")
UPTAKES = (Uptake.STEADY, Uptake.FLARE, Uptake.FALLING, Uptake.COLD)
UPTAKE_SHARES = (0.35, 0.25, 0.25, 0.15)


def _places(build: Build, bones: Mapping[str, Bone]) -> list[tuple[str, str]]:
    """Draw bones and sites all over the skeleton, none twice."""
    rng = build.rng("places")
    vertebrae = [n for n in bones if n[0] in "LT" and n[1:].isdigit() and n != "T7"]
    whole = "skull" in bones
    count = int(rng.integers(5, 7)) + (2 if whole else 0)
    chosen = [str(n) for n in rng.permutation(vertebrae)[:count]]
    places = [(name, "body") for name in chosen]
    if rng.random() < 0.6:
        places[-1] = (chosen[-1], "endplate")
    for side in ("left", "right"):
        hip = [str(s) for s in rng.permutation(HIP_SITES)]
        places += [(f"hip_bone_{side}", s) for s in hip[: int(rng.integers(1, 3))]]
        if rng.random() < 0.75:
            places.append((f"femur_{side}", str(rng.choice(["head", "neck", "trochanter"]))))
    places.append(("sacrum", str(rng.choice(["S1", "ala_left", "ala_right"]))))
    if whole:
        places.append((f"humerus_{rng.choice(['left', 'right'])}", "head"))
    most = 14 if whole else 10
    return [places[i] for i in rng.permutation(len(places))[:most]]


def _wishes(build: Build, bones: Mapping[str, Bone]) -> list[Wish]:
    """Draw what a patient has, without the lesions that hang on another one."""
    rng = build.rng("wishes")
    extra = [Course(str(c)) for c in rng.permutation([c.value for c in SOMETIMES])]
    if rng.random() < 0.3:
        extra.insert(0, Course.SPLIT)
    wishes = []
    for course, (bone, site) in zip([*ALWAYS, *extra], _places(build, bones), strict=False):
        wishes.append(
            Wish(
                bone=bone,
                site=site,
                course=course,
                setting=Setting.ENDPLATE if site == "endplate" else Setting.CENTRAL,
                uptake=UPTAKES[int(rng.choice(4, p=UPTAKE_SHARES))],
                lobes=2 if rng.random() < 0.25 else 1,
            )
        )
    ribs = [n for n in bones if n.startswith("rib_") and int(n.split("_")[1]) in (8, 9, 10)]
    breaches = [(str(rng.choice(ribs)), "shaft"), (_side(rng, "hip_bone"), "iliac_wing")]
    if "skull" in bones:
        breaches += [
            ("skull", "parietal_left"),
            ("skull", "frontal"),
            (_side(rng, "scapula"), "neck"),
        ]
    for bone, site in breaches:
        course = Course.SHRINK_PAST if rng.random() < 0.4 else Course.STABLE
        wishes.append(Wish(bone=bone, site=site, course=course, setting=Setting.BREACH))
    return wishes


def _side(rng: object, name: str) -> str:
    """Left or right of a paired bone."""
    return f"{name}_{'left' if rng.random() < 0.5 else 'right'}"  # type: ignore[attr-defined]


def random_lesions(build: Build, bones: Mapping[str, Bone]) -> list[LesionPlan]:
    """Draw the lesions of a patient.

    Parameters
    ----------
    build : Build
        The patient.
    bones : mapping of str to Bone
        The skeleton.

    Returns
    -------
    list of LesionPlan
        In the order of their labels; none within 3 mm of another unless they touch on purpose.
    """
    plans: list[LesionPlan] = []
    for wish in _wishes(build, bones):
        plan = place(build, bones, wish, plans, f"L{len(plans) + 1:02d}")
        if plan is not None:
            plans.append(plan)
    rng = build.rng("companions")
    if rng.random() < 0.4:
        _add_beside(build, bones, plans, Course.STABLE)
    elif rng.random() < 0.3:
        _add_beside(build, bones, plans, Course.MERGE)
    if rng.random() < 0.35:
        bone = str(rng.choice(["L1", "L2", "L3", "L4", "T12"]))
        wish = Wish(bone=bone, site="body", course=Course.NEW)
        plan = place(build, bones, wish, plans, "N01")
        if plan is not None:
            plans.append(plan)
    return plans


def _add_beside(
    build: Build, bones: Mapping[str, Bone], plans: list[LesionPlan], course: Course
) -> None:
    """Add a lesion that touches (or will merge with) one that is there, where there is room."""
    for other in plans:
        if other.course not in (Course.STABLE, Course.RIM_SCLEROSIS, Course.SHRINK_SHORT):
            continue
        if other.setting is not Setting.CENTRAL or other.bone.startswith("rib"):
            continue
        wish = Wish(
            bone=other.bone,
            site=other.site,
            course=course,
            beside=other.lesion_id,
            diameter_mm=7.5 if course is Course.STABLE else 6.5,
        )
        plan = place(build, bones, wish, plans, f"L{len(plans) + 1:02d}")
        if plan is not None:
            plans.append(plan)
            return


def random_confounders(
    build: Build, bones: Mapping[str, Bone], plans: list[LesionPlan]
) -> list[Confounder]:
    """Draw what may be mistaken for a change of a lesion.

    Parameters
    ----------
    build : Build
        The patient.
    bones : mapping of str to Bone
        The skeleton.
    plans : list of LesionPlan
        Its lesions.

    Returns
    -------
    list of Confounder
        None or one of each kind, beside vertebral lesions.
    """
    rng = build.rng("confounders")
    near = [p for p in plans if p.bone[0] in "LT" and p.bone[1:].isdigit()]
    found = []
    for kind in ConfounderKind:
        if near and rng.random() < 0.4:
            plan = near[int(rng.integers(len(near)))]
            found.append(confounder_near(build, bones[plan.bone], plan, kind))
    return found
