"""A diagnosis as lines for a terminal, and the recall in words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.faults.data import TARGET_NOT_LISTED
from rerank_guard.core.verdict import Status, Verdict

__all__ = ["diagnosis_lines", "recall_in_words"]

_LABEL = 11
_NARROWEST = 40


def diagnosis_lines(diagnosis: Diagnosis, *, width: int = 100) -> Iterator[str]:
    """The head with fault and certainty, the cause, and the rest under labels; no line is longer than `width`.

    Args:
        diagnosis: what to show.
        width: columns that may be used; below 40 counts as 40.
    """
    width = max(width, _NARROWEST)
    yield f"DIAGNOSIS  {diagnosis.fault} ({diagnosis.certainty.value})"
    yield from textwrap.wrap(diagnosis.cause, width, initial_indent="  ", subsequent_indent="  ")
    for row in diagnosis.evidence:
        yield from _labelled("evidence", row, width)
    yield from _labelled("fix", diagnosis.fix, width)
    yield from _labelled("explains", ", ".join(diagnosis.explains), width)
    for row in diagnosis.alternatives:
        yield from _labelled("or", row, width)
    if diagnosis.runner_up is not None:
        suspect = diagnosis.runner_up
        source = f" ({suspect.check})" if suspect.check else ""
        yield from _labelled("runner-up", f"{suspect.fault}{source}: {suspect.why}", width)


def recall_in_words(verdicts: Sequence[Verdict]) -> str:
    """One sentence on Recall@K at the largest cutoff, where it did not pass; empty where it did or was not judged."""
    judged = [
        verdict
        for verdict in verdicts
        if verdict.check.startswith("recall_beats_baseline[")
        and not verdict.ok
        and verdict.status is not Status.PASSED
        and verdict.measured
    ]
    if not judged:
        return ""
    verdict = max(judged, key=lambda entry: _cutoff(entry.check))
    recall, chance = verdict.measured.get("recall"), verdict.threshold.get("chance")
    if not isinstance(recall, float) or not isinstance(chance, float):
        return ""
    return f"Recall@{_cutoff(verdict.check)} is {recall:.3f}{_beside_chance(verdict, recall, chance)}."


def _beside_chance(verdict: Verdict, recall: float, chance: float) -> str:
    """How the recall compares with that of a random order."""
    named = re.search(r" of ([\d to]+?) candidates", verdict.claim)
    of = f"{named.group(1)} candidates" if named else "these candidates"
    if verdict.fault == TARGET_NOT_LISTED.name:
        listed = verdict.measured.get("recall_where_target_is_listed")
        where = f"; where the target item is listed it is {listed:.3f}" if isinstance(listed, float) else ""
        return f" with chance at {chance:.3f} for {of}{where}"
    if not _is_chance(verdict, recall, chance):
        return f", {'below' if recall < chance else 'above'} the chance of {chance:.3f} for {of}"
    if verdict.status is Status.FAILED:
        return f", which is chance for {of} ({chance:.3f})"
    return f", which cannot be told from chance for {of} ({chance:.3f}) on {verdict.n} users"


def _is_chance(verdict: Verdict, recall: float, chance: float) -> bool:
    interval = verdict.interval
    return interval.low <= chance <= interval.high if interval is not None else abs(recall - chance) < 1e-3


def _cutoff(check: str) -> int:
    found = re.search(r"\[K=(\d+)", check)
    return int(found.group(1)) if found else 0


def _labelled(label: str, text: str, width: int) -> Iterator[str]:
    if text:
        head = f"  {label:<{_LABEL}}"
        yield from textwrap.wrap(
            text, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
        )
