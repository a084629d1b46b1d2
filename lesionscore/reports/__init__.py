"""Pages for people: a report per patient and a page for the study, from an output folder alone.

Nothing is computed here. Tables, ``run.json``, ``study.json`` and strips go in; self-contained
HTML comes out.
"""

from lesionscore.reports.render import render_patient_report, render_study_page

__all__ = ["render_patient_report", "render_study_page"]
