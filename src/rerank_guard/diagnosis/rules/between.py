"""Where the job learned for certain and the held-out ranking does not show it: what lies between the two."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.quality import HISTORY_IGNORED
from rerank_guard.core.faults.saved_model import ADAPTER_INACTIVE, STALE_CHECKPOINT
from rerank_guard.core.faults.scoring import POSITION_PRIOR, SCORES_NOT_FROM_MODEL
from rerank_guard.core.faults.training import NO_SIGNAL
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import MAX_EVIDENCE, Status, Verdict
from rerank_guard.diagnosis.evidence import Evidence, figure, ruling_out
from rerank_guard.diagnosis.rules.inferring import inferred
from rerank_guard.diagnosis.rules.open_questions import (
    AFTER_TRAINING,
    LOSES_WHAT_WAS_LEARNED,
    with_what_decides,
)
from rerank_guard.diagnosis.suspicion import Suspicion, deciding_figure

__all__ = ["FAR_BELOW_CHANCE", "Between", "between_training_and_scoring"]

FAR_BELOW_CHANCE = 0.1
"""Gain of the training NLL over chance, as a share of log N, that a healthy evaluation cannot lose altogether."""

_NO_ROW_DIFFERS = 1e-9
"""Share of the probabilities' deficit that depends on the input, below which it does not depend on it at all."""

_ONE_OR_THE_OTHER = (
    "Score some training tasks by the path that scores the held-out ones. If they rank badly too, print a checksum of the "
    "weights where training ends and where scoring begins; if they rank well, compare sampler, texts and histories of the two "
    "sets of tasks."
)

_MODEL = (STALE_CHECKPOINT, ADAPTER_INACTIVE)
"""Faults by which another model than the trained one is scored."""


@dataclass(frozen=True, slots=True)
class Between:
    """A suspicion of what lies between training and scoring, and what fits as well."""

    suspicion: Suspicion
    alternatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Gap:
    """The job learned, and the ranking does not show it."""

    learned: Verdict
    nll: float
    chance: float
    flat: Verdict
    lost: Verdict | None

    @property
    def words(self) -> str:
        return (
            f"Training ended at a letter NLL of {self.nll:.2f} nats, far below the {self.chance:.2f} of chance, on examples "
            f"it had not seen; yet the held-out ranking {self._how_poor}. "
        )

    @property
    def _how_poor(self) -> str:
        if self.lost is not None:
            here, there = figure(self.lost, "ranked_above"), figure(self.lost, "ranked_above_in_training")
            return f"puts the target item above {here:.0%} of the others, where the job's own had {there:.0%} (50% is chance)"
        return f"is at chance (Recall {figure(self.flat, 'recall'):.3f})"


def between_training_and_scoring(evidence: Evidence) -> Between | None:
    """What lies between a job that learned and a ranking at chance; None where that is not the pattern.

    The NLL of the first pass was recorded before the job had seen the example, so it is a held-out figure itself: a gain
    that large has to show in the ranking, unless the ranking is not this model's on this prompt.
    """
    gap = _gap(evidence)
    if gap is None:
        return None
    unnamed = bool(evidence.failed("scores_match_forward_pass", SCORES_NOT_FROM_MODEL))
    left = _not_excluded(evidence, unnamed)
    if left:
        cause = f"{gap.words}The fault lies between training and scoring. {left[0].what}"
        others = with_what_decides(evidence, [(fault, AFTER_TRAINING) for fault in left[1:]])
        return Between(_suspicion(gap, gap.flat, left[0], evidence, cause), others)
    if unnamed:
        cause = f"{gap.words}{SCORES_NOT_FROM_MODEL.what}"
        return Between(_suspicion(gap, gap.flat, SCORES_NOT_FROM_MODEL, evidence, cause), ())
    if gap.lost is not None:
        return _another_model_or_other_tasks(gap, gap.lost, evidence)
    cause = (
        f"{gap.words}Prompt, letters, adapter and scores agree with the trained model, so the held-out tasks are made "
        "otherwise than the training tasks: another sampler, other texts, other users' histories."
    )
    return Between(_suspicion(gap, gap.flat, NO_SIGNAL, evidence, cause), ())


def _another_model_or_other_tasks(gap: _Gap, lost: Verdict, evidence: Evidence) -> Between:
    """An adapter that is on may still be that of an early step or of another run: no check compares it with the job's."""
    cause = (
        f"{gap.words}Prompt, letters and scores agree with the model that is scored. So either that is not the one that was "
        "trained (an early step's, another run's, weights averaged or reset), or the held-out tasks are made otherwise."
    )
    found = replace(_suspicion(gap, lost, STALE_CHECKPOINT, evidence, cause), fix=_ONE_OR_THE_OTHER)
    decides = f"{NO_SIGNAL}: score some training tasks; if they rank well, the held-out tasks are made otherwise"
    return Between(found, (decides,))


def _gap(evidence: Evidence) -> _Gap | None:
    learned = evidence.learned()
    lost = evidence.failed("generalizes_to_held_out")
    flat = evidence.failed("recall_beats_baseline", NO_SIGNAL) or _undecided_at_chance(evidence) or lost
    if learned is None or not flat or _ignores_its_input(evidence):
        return None
    if evidence.failed("recall_beats_baseline", HISTORY_IGNORED):
        return None  # that check has seen what is lost
    nll, chance = figure(learned, "letter_nll"), figure(learned, "chance_letter_nll", of_threshold=True)
    if not (math.isfinite(nll) and chance - nll >= FAR_BELOW_CHANCE * chance):
        return None
    return _Gap(learned, nll, chance, flat[0], lost[0] if lost else None)


def _not_excluded(evidence: Evidence, unnamed: bool) -> list[Fault]:
    left = [
        fault
        for fault in LOSES_WHAT_WAS_LEARNED
        # a check that tried every known misreading, and found that none makes these scores, has excluded them too
        if not (
            evidence.excludes(fault, AFTER_TRAINING)
            or (unnamed and "scores_match_forward_pass" in ruling_out(fault, AFTER_TRAINING))
        )
    ]
    if evidence.failed("probabilities_not_uniform"):
        # scores that say nothing are not those of the trained model, whatever prompt it reads
        left.sort(key=lambda fault: fault not in _MODEL)
    elif evidence.passed("probabilities_not_uniform"):
        # they do say something, so the model is likely the trained one
        left.sort(key=lambda fault: fault in _MODEL)
    return left


def _ignores_its_input(evidence: Evidence) -> bool:
    """The probabilities are one and the same row for all users."""
    return any(
        figure(verdict, "pair_share", default=math.inf) <= _NO_ROW_DIFFERS
        for verdict in evidence.failed("probabilities_not_uniform", POSITION_PRIOR)
    )


def _undecided_at_chance(evidence: Evidence) -> list[Verdict]:
    """The rankings, where all are undecided and none is above chance by the declared effect: too few users to decide."""
    found = evidence.of("recall_beats_baseline")
    near = all(
        verdict.status is Status.INCONCLUSIVE
        and figure(verdict, "recall") - figure(verdict, "chance", of_threshold=True)
        <= figure(verdict, "effect_over_chance", of_threshold=True)
        for verdict in found
    )
    return found if near else []


def _suspicion(gap: _Gap, flat: Verdict, fault: Fault, evidence: Evidence, cause: str) -> Suspicion:
    found = inferred(flat, fault, Strength.SYMPTOM, evidence, cause)
    return replace(found, evidence=(deciding_figure(gap.learned), *found.evidence)[:MAX_EVIDENCE])
