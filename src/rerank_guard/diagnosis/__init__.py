"""From a pattern of verdicts and a few probes to one named fault."""

from rerank_guard.diagnosis.catalogue import CHECKS, FAULTS, CheckNote
from rerank_guard.diagnosis.diagnose import diagnose
from rerank_guard.diagnosis.diagnosis import UNDECIDED, Certainty, Diagnosis, Probe, Suspect
from rerank_guard.diagnosis.note import FaultNote, Stage
from rerank_guard.diagnosis.render import diagnosis_lines
from rerank_guard.diagnosis.what_if import what_if_probes

__all__ = [
    "CHECKS",
    "FAULTS",
    "UNDECIDED",
    "Certainty",
    "CheckNote",
    "Diagnosis",
    "FaultNote",
    "Probe",
    "Stage",
    "Suspect",
    "diagnose",
    "diagnosis_lines",
    "what_if_probes",
]
