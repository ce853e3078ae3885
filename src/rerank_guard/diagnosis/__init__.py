"""From the verdicts of a run and a few probes to one named fault."""

from rerank_guard.diagnosis.diagnose import diagnose
from rerank_guard.diagnosis.what_if import what_if_probes

__all__ = ["diagnose", "what_if_probes"]
