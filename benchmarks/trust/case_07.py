"""Early failures, and what they hide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.trust.command import doctor
from benchmarks.trust.record import Asked, Case, Expected, fault, silent
from benchmarks.trust.world import cross_encoder, letters, letters_with, score_all, tasks

from rerank_guard.core.prompts import ScoringPrompt, SupervisedToken, TrainingPrompt
from rerank_guard.core.types import FloatArray, Item, RankingTask
from rerank_guard.core.verdict import Status
from rerank_guard.faults.healthy.prompt import CUE
from rerank_guard.faults.healthy.tokenizer import END, LETTER_IDS, LETTERS, encode
from rerank_guard.suite import RunSettings

_LATE = {"adapter_active": (Status.FAILED,)}

_DUPLICATES = """
def broken():
    judged = tasks(300, 20)
    first = judged[0]
    doubled = [type(first)(t.query_id, t.history, (t.candidates[1], *t.candidates[1:]) if t.target_index > 1 else t.candidates, t.target_id, t.target_index) for t in judged]
    return cross_encoder(doubled, name="duplicates")
"""


def _without_adapter(seed: int, **more: object) -> Asked:
    """The adapter was never loaded: scored by the base."""
    target = letters(seed)
    return Asked(
        letters_with(
            seed,
            score=target.score_without_adapter,
            score_synthetic=target.score_without_adapter,
            **more,
        )
    )


def _hostile(task: RankingTask) -> str:
    """A prompt that takes titles as they are."""
    seen = "; ".join(item.text for item in task.history)
    listed = "\n".join(f"{chr(65 + index)}. {item.text}" for index, item in enumerate(task.candidates))
    return f"You rank films for one person.\nSeen: {seen}\nCandidates:\n{listed}\n{CUE}"


def _hostile_and_inactive(seed: int) -> Asked:
    def scoring(given: Sequence[RankingTask]) -> list[ScoringPrompt]:
        made = []
        for task in given:
            ids = encode(_hostile(task))
            made.append(ScoringPrompt(task.query_id, _hostile(task), ids, len(ids) - 1))
        return made

    def training(given: Sequence[RankingTask]) -> list[TrainingPrompt]:
        made = []
        for task in given:
            ids, place = encode(_hostile(task)), task.target_index or 0
            at = SupervisedToken(len(ids) - 1, LETTER_IDS[place])
            text = f"{_hostile(task)}{LETTERS[place]}<end>"
            made.append(TrainingPrompt(task.query_id, text, (*ids, LETTER_IDS[place], END), len(ids) - 1, (at,)))
        return made

    return _without_adapter(seed, scoring_prompts=scoring, training_prompts=training)


def _duplicates_and_inactive(seed: int) -> Asked:
    """Some examples come twice in training."""
    training = list(letters(seed).training_tasks())
    doubled = [*training, *(replace(task, query_id=f"{task.query_id}-again") for task in training[:40])]
    return _without_adapter(seed, training_tasks=lambda: doubled)


def _duplicate_candidates_in_training(seed: int) -> Asked:
    training = list(letters(seed).training_tasks())
    for index in range(60):
        task = training[index]
        places = [place for place in range(task.n_candidates) if place != task.target_index]
        listed = list(task.candidates)
        listed[places[0]] = listed[places[1]]
        training[index] = replace(task, candidates=tuple(listed))
    return _without_adapter(seed, training_tasks=lambda: training)


def _continued(seed: int) -> Asked:
    """A history leak, and scores reversed: with `continue` both are in the report."""
    judged = []
    for task in tasks(300, 20, seed):
        places = [place for place in range(20) if place != task.target_index]
        listed = list(task.candidates)
        listed[places[0]] = task.history[0]
        judged.append(replace(task, candidates=tuple(listed)))
    return Asked(cross_encoder(judged, lambda task: -score_all(task)), RunSettings(continue_after_failure=True))


def _year_in_title(seed: int) -> Asked:
    """Titles with brackets and quotes, which a clean prompt takes as they are meant."""
    judged = [
        replace(
            task,
            candidates=tuple(Item(item.item_id, f'{item.text} ("A" 1999)') for item in task.candidates),
            history=tuple(Item(item.item_id, f'{item.text} ("A" 1999)') for item in task.history),
        )
        for task in tasks(300, 20, seed)
    ]

    def bare(item: Item) -> Item:
        return Item(item.item_id, item.text.partition(" (")[0])

    def score(task: RankingTask) -> FloatArray:
        return score_all(
            replace(task, candidates=tuple(map(bare, task.candidates)), history=tuple(map(bare, task.history)))
        )

    return Asked(cross_encoder(judged, score))


CASES = (
    Case(7, "doctor --continue is an option", doctor("good", "--continue"), Expected(exits=(0,)), sibling=False),
    Case(
        7,
        "hostile titles, and an adapter that was never loaded",
        _hostile_and_inactive,
        Expected(statuses=_LATE),
        sibling=False,
        fast=True,
    ),
    Case(
        7,
        "training examples that come twice, and an adapter that was never loaded",
        _duplicates_and_inactive,
        Expected(statuses=_LATE),
    ),
    Case(
        7,
        "duplicate negatives in training, and an adapter that was never loaded",
        _duplicate_candidates_in_training,
        Expected(statuses=_LATE),
    ),
    Case(
        7,
        "doctor --continue with duplicate candidates",
        doctor("broken", "--continue", mine=_DUPLICATES),
        Expected(exits=(1,), says=("duplicate",)),
    ),
    Case(
        7,
        "continue: a history leak and a reversed ranking, both shown",
        _continued,
        fault(
            "history-leak",
            "reversed",
            statuses={"no_history_leak": (Status.FAILED,), "recall_beats_baseline": (Status.FAILED,)},
        ),
    ),
    Case(7, "healthy: titles with brackets and quotes", _year_in_title, silent()),
)
