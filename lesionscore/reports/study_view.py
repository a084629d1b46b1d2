"""The study page as a value: all patients' rows arranged, statistics as ``study.json`` has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lesionscore.errors import OutputError
from lesionscore.reports.marker_view import MarkerOrder
from lesionscore.reports.methods import method_sentences
from lesionscore.reports.run_info import RunInfo, TableFinding, read_run
from lesionscore.reports.study_figures import (
    Bar,
    Trace,
    marker_figure,
    proportion_figure,
    spider_figure,
    waterfall_figure,
)
from lesionscore.reports.study_missing import MissingLine, missing_lines
from lesionscore.reports.study_numbers import JsonTable, proportions, study_tables
from lesionscore.reports.tables import Row, read_json, read_table
from lesionscore.reports.verdicts import LIMBS
from lesionscore.reports.visits_view import (
    DAYS_PER_MONTH,
    INCLUSION,
    VisitHeading,
    visit_headings,
)
from lesionscore.reports.words import status_words

GONE_PERCENT = -100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientLine:
    """One patient in the list: id, link to the report, status, and counts by visit in words."""

    patient_id: str
    link: str
    status: str
    reason: str
    healed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """Everything that the study page shows; a figure is empty where nothing can be drawn."""

    run: RunInfo
    title: str
    visits: tuple[VisitHeading, ...]
    patients: tuple[PatientLine, ...]
    lesion_count: int
    waterfall: str
    waterfall_words: str
    not_drawn: tuple[str, ...]
    spider: str
    proportion: str
    markers: str
    marker_names: tuple[str, ...]
    tables: tuple[JsonTable, ...]
    missing: tuple[MissingLine, ...]
    findings: tuple[TableFinding, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """One lesion's changes in time, and the limb that first healed it."""

    name: str
    trace: Trace
    healed_by: str


def study_view(out: Path) -> StudyView:
    """Gather what the study page shows.

    Parameters
    ----------
    out : Path
        The output folder.

    Returns
    -------
    StudyView
        The page as a value.

    Raises
    ------
    OutputError
        If the folder has no table, or one cannot be read.
    """
    run, study = read_run(out), read_json(out / "study.json")
    lesions, markers, scans = (read_table(out, name) for name in ("lesions", "markers", "visits"))
    patients = read_table(out, "patients")
    if not (lesions or markers or scans or patients or run.patients):
        raise OutputError(
            f"{out}: no table of an evaluation; name a folder that `lesionscore evaluate -o` wrote"
        )
    visits = visit_headings(run, scans, (*lesions, *markers))
    courses = tuple(_courses(_counting(lesions, patients)))
    bars = tuple(
        Bar(name=c.name, change_percent=min(y for _, y in c.trace[1:]), healed_by=c.healed_by)
        for c in courses
    )
    limit = run.number("size", "reduction_percent")
    months = planned_months(run)
    folds = _folds(markers, run)
    shares = proportions(study)
    return StudyView(
        run=run,
        title=str(run.value("study", "name") or run.protocol_name or "Study"),
        visits=visits,
        patients=_patient_lines(run, (*lesions, *markers, *scans, *patients), lesions, visits),
        lesion_count=len({_name(row) for row in lesions}),
        waterfall=waterfall_figure(bars, limit) if bars else "",
        waterfall_words=_bars_words(bars),
        not_drawn=_not_drawn(lesions, courses),
        spider=spider_figure([(c.trace, c.healed_by) for c in courses], limit, months)
        if courses
        else "",
        proportion=proportion_figure(shares) if shares else "",
        markers=marker_figure(folds, months) if folds else "",
        marker_names=tuple(folds),
        tables=study_tables(study),
        missing=tuple(missing_lines(run, scans, lesions, markers, visits)),
        findings=run.findings,
        methods=method_sentences(run),
    )


def _counting(lesions: Sequence[Row], patients: Sequence[Row]) -> Iterator[Row]:
    """Rows of ``lesions`` without the visits that do not count by the table ``patients``."""
    by_id = {row.text("patient_id"): row for row in patients}
    for row in lesions:
        patient = by_id.get(row.text("patient_id"))
        if patient is None or patient.yes(f"{row.text('visit')}_counts") is not False:
            yield row


def _courses(lesions: Iterable[Row]) -> Iterator[_Course]:
    """Every lesion with at least one change."""
    of_lesion: dict[str, list[Row]] = {}
    for row in lesions:
        of_lesion.setdefault(_name(row), []).append(row)
    for name, rows in of_lesion.items():
        later = sorted(_changes(rows))
        if later:
            yield _Course(name=name, trace=[(0.0, 0.0), *later], healed_by=_limb(rows))


def _name(row: Row) -> str:
    """Patient and lesion."""
    return f"{row.text('patient_id')} {row.text('lesion_id')}"


def _not_drawn(lesions: Sequence[Row], courses: Sequence[_Course]) -> tuple[str, ...]:
    """Lesions without one measured change, in the table's order."""
    drawn = {course.name for course in courses}
    return tuple(name for name in dict.fromkeys(map(_name, lesions)) if name not in drawn)


def _changes(rows: Sequence[Row]) -> Iterator[tuple[float, float]]:
    """Months and change of the longest diameter at the visits after inclusion."""
    for row in rows:
        days, change = (
            row.number("days_from_inclusion"),
            row.number("longest_diameter_change_percent"),
        )
        if row.text("presence") == "absent":
            change = GONE_PERCENT
        if row.text("visit") != INCLUSION and days is not None and change is not None:
            yield days / DAYS_PER_MONTH, change


def _limb(rows: Sequence[Row]) -> str:
    """Limb that healed the lesion at any visit: complete before size before sclerosis."""
    for limb in ("complete", *(limb for limb in LIMBS if limb != "complete")):
        if any(row.text(f"{limb}_limb") == "met" for row in rows if row.text("healed") == "met"):
            return limb
    return ""


def _bars_words(bars: Sequence[Bar]) -> str:
    """Waterfall for those who cannot see it."""
    ordered = sorted(bars, key=lambda bar: -bar.change_percent)
    return ", ".join(f"{bar.name} {bar.change_percent:.0f} %" for bar in ordered)


def _folds(markers: Sequence[Row], run: RunInfo) -> dict[str, list[Trace]]:
    """Fold changes of every patient by marker, in the protocol's order."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in markers:
        days, fold = row.number("days_from_inclusion"), row.number("fold_change")
        if fold is not None and fold > 0 and days is not None and row.text("visit") != INCLUSION:
            key = row.text("marker"), row.text("patient_id")
            found.setdefault(key, []).append((days / DAYS_PER_MONTH, fold))
    names = sorted(dict.fromkeys(marker for marker, _ in found), key=MarkerOrder(run))
    return {
        name: [[(0.0, 1.0), *sorted(t)] for (marker, _), t in found.items() if marker == name]
        for name in names
    }


def planned_months(run: RunInfo) -> tuple[float, ...]:
    """Protocol's visits in months since inclusion; none where the run does not tell them."""
    days = [entry.get("day") for entry in run.entries("visits")]
    return tuple(day / DAYS_PER_MONTH for day in days if isinstance(day, int | float))


def _patient_lines(
    run: RunInfo, rows: Sequence[Row], lesions: Sequence[Row], visits: Sequence[VisitHeading]
) -> tuple[PatientLine, ...]:
    """Every patient that any table or the run names."""
    ids = sorted({row.text("patient_id") for row in rows} | set(run.patients))
    lines = []
    for patient_id in ids:
        status, reason = run.patients.get(patient_id, ("", ""))
        mine = [row for row in lesions if row.text("patient_id") == patient_id]
        lines.append(
            PatientLine(
                patient_id=patient_id,
                link=f"patients/{quote(patient_id, safe='')}/report.html",
                status=status_words(status) if status else "",
                reason=reason,
                healed=tuple(
                    _healed_words([r for r in mine if r.text("visit") == visit.visit])
                    for visit in visits
                    if not visit.is_inclusion
                ),
            )
        )
    return tuple(lines)


def _healed_words(rows: Sequence[Row]) -> str:
    """Healed of evaluable lesions at one visit."""
    states = [row.text("healed") for row in rows]
    evaluable = sum(state in ("met", "not_met") for state in states)
    return f"{states.count('met')} of {evaluable}" if evaluable else "–"
