"""One patient, stage after stage: read, align, segment, measure, score, write. Nothing else."""

from lesionscore.pipeline.patient import PatientCase, evaluate_patient

__all__ = ["PatientCase", "evaluate_patient"]
