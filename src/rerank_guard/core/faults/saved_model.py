"""Faults of the saved model, one record each, most upstream first."""

from __future__ import annotations

from rerank_guard.core.fault import Fault, names
from rerank_guard.core.faults.groups import POOR_SCORES
from rerank_guard.core.stage import Stage

__all__ = ["ADAPTER_INACTIVE", "STALE_CHECKPOINT"]

ADAPTER_INACTIVE = Fault(
    "adapter-inactive",
    Stage.SAVED_MODEL,
    "The trained adapter does not take part in scoring as it was trained: lost, switched off, or applied twice.",
    "Compare scores with and without the adapter, and after saving and loading; check names and shapes of its weights.",
    explains=names(POOR_SCORES, "metric-wrong"),
    confused_with=names("stale-checkpoint"),
)

STALE_CHECKPOINT = Fault(
    "stale-checkpoint",
    Stage.SAVED_MODEL,
    "The checkpoint that was scored is not the trained one.",
    "Print the path and a checksum of the weights where training ends and where scoring begins.",
    explains=names(POOR_SCORES, "adapter-inactive metric-wrong"),
    confused_with=names("adapter-inactive prompt-skew"),
)
