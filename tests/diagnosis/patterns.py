"""What the tests of the diagnosis share: patterns that come up often, and a diagnosis that has to be there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rerank_guard.core.diagnosis import Diagnosis, Probe
from rerank_guard.core.fault import Fault
from rerank_guard.core.finding import Finding, Suspected, suspect
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.core.wording import worded
from rerank_guard.diagnosis import diagnose
from rerank_guard.diagnosis.evidence import ruling_out
from rerank_guard.diagnosis.rules.open_questions import AFTER_TRAINING, LOSES_WHAT_WAS_LEARNED

__all__ = ["ALL_RULED_OUT", "CHANCE", "MINIMAL", "alternatives", "bare", "found", "probe"]

MINIMAL = ("gt_in_candidates", "scores_well_formed", "recall_beats_baseline")
"""The checks that a reranker with no more than tasks and scores allows."""

CHANCE = {"recall_beats_baseline": "no-signal"}

ALL_RULED_OUT = pytest.mark.skipif(
    not all(ruling_out(fault, AFTER_TRAINING) for fault in LOSES_WHAT_WAS_LEARNED),
    reason="no check of the suite rules out some of what can be between training and scoring",
)
"""For a run in which everything between training and scoring agrees."""


def found(verdicts: Sequence[Verdict], *probes: Probe) -> Diagnosis:
    """The diagnosis of verdicts that are not all ok."""
    diagnosis = diagnose(verdicts, probes)
    assert diagnosis is not None
    return diagnosis


def alternatives(diagnosis: Diagnosis) -> set[str]:
    """The faults that fit as well, without what would decide."""
    return {row.partition(":")[0] for row in diagnosis.alternatives}


def bare(check: str, *faults: Fault | Suspected, **fields: object) -> Verdict:
    """A failed verdict of a check that no run has recorded as failed."""
    suspects = tuple(each if isinstance(each, Suspected) else suspect(each) for each in faults)
    return worded(Finding(Status.FAILED, suspects=suspects, **fields), check=check, claim="a claim")  # type: ignore[arg-type]


def probe(fault: str) -> Probe:
    """A reading of the scores that brings the figures back."""
    return Probe(f"read as under {fault}", fault, "Recall@5 is 0.8 instead of 0.1.", 90.0, 0.8, 0.1)
