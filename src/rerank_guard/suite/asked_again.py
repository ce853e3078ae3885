"""A few held-out tasks asked again in other ways: twice, alone, reloaded, without the adapter, permuted, as plain tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rerank_guard.errors import InvalidScoresError, RerankGuardError
from rerank_guard.hostile import harmless_twin, hostile_tasks
from rerank_guard.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.suite.once import Once, if_offered
from rerank_guard.suite.rows import as_float_rows
from rerank_guard.suite.stages import call_unseen
from rerank_guard.target import (
    ForwardsTokens,
    KnowsTrainingTasks,
    Reloads,
    ScoresMadeUpTasks,
    ShowsScoringPrompts,
    ShowsTrainingPrompts,
    SwitchesAdapter,
)
from rerank_guard.types import FloatArray, IntArray, RankingTask

if TYPE_CHECKING:
    from rerank_guard.suite.session import SuiteSession

__all__ = ["PERMUTED", "PROBED", "Ask", "AskedAgain"]

PROBED = 32
"""Held-out tasks that are scored again for each exact comparison; a fault of the pipeline shows on a handful."""

PERMUTED = 96
"""Held-out tasks scored with their candidates in another order; what is told of these is statistical."""

_SHORT = 2


class AskedAgain:
    """What the target answers when it is asked about some tasks again; each thing is computed once, when it is asked for.

    Args:
        session: the target under judgement. Scores are taken after training.
    """

    def __init__(self, session: SuiteSession) -> None:
        self._session = session
        self.chosen = Once(lambda: _spread(len(session.tasks()), PROBED))
        self.raw_again = Once(lambda: self._score(self.tasks(), "again"))
        self.raw_once_more = Once(lambda: self._score(self.tasks(), "once more"))
        self.raw_alone = Once(self._score_alone)
        self.raw_reloaded = Once(self._score_reloaded)
        self.raw_without_adapter = Once(self._score_without_adapter)
        self.raw_reference = Once(self._forward)
        self.permuted_tasks = Once(self._permute)
        self.raw_permuted = Once(self._score_permuted)
        self.scoring_prompts = Once(lambda: self._scoring_prompts(self.tasks()))
        self.prompts_again = Once(lambda: self._scoring_prompts(self.tasks()))
        self.moved_prompts = Once(lambda: self._scoring_prompts(_moved(self.tasks())))
        self.short_prompt = Once(lambda: self._scoring_prompts([_shortened(self.tasks()[0])])[0])
        self.training_prompts = Once(lambda: self._training_prompts(self.tasks()))
        self.trained_tasks = Once(self._trained_tasks)
        self.trained_prompts = Once(lambda: self._training_prompts(self.trained_tasks()))
        self.trained_as_scored = Once(
            lambda: self._scoring_prompts([task for task in self.trained_tasks() if task.target_index is not None])
        )
        self.moved_trained_prompts = Once(lambda: self._training_prompts(_moved(self.trained_tasks())))
        self.hostile = Once(lambda: hostile_tasks(self.tasks(), np.random.default_rng([session.seed, 4])))
        self.hostile_outcomes = Once(lambda: [self._outcome(task) for task in self.hostile()])
        self.harmless_prompts = Once(lambda: [self._outcome(harmless_twin(task)) for task in self.hostile()])

    def tasks(self) -> list[RankingTask]:
        """Up to `PROBED` held-out tasks, spread evenly over all."""
        held_out = self._session.tasks()
        return [held_out[index] for index in self.chosen()]

    def scores(self) -> list[FloatArray]:
        """Their rows among all scores.

        Raises:
            InvalidScoresError: the scores are not one row of numbers a task.
        """
        rows = self._session.scores()
        return [rows[index] for index in self.chosen() if index < len(rows)]

    def again(self) -> list[FloatArray]:
        """Scored in a call of these tasks alone."""
        return as_float_rows(self.raw_again(), "scores (again)", "score()")

    def once_more(self) -> list[FloatArray]:
        """Scored a second time by the same call, so that nothing but chance can make a difference to `again`."""
        return as_float_rows(self.raw_once_more(), "scores (once more)", "score()")

    def alone(self) -> list[FloatArray]:
        """Each scored in a call of its own.

        Raises:
            InvalidScoresError: a call did not give one row of numbers.
        """
        rows: list[FloatArray] = []
        for answer in self.raw_alone():
            given = as_float_rows(answer, "scores (one task a call)", "score()")
            if len(given) != 1:
                raise InvalidScoresError(
                    f"score() gave {len(given)} rows for one task; return one array (N,) a task."
                )
            rows += given
        return rows

    def reloaded(self) -> list[FloatArray]:
        """Scored by the saved and loaded reranker."""
        return as_float_rows(self.raw_reloaded(), "scores (reloaded)", "score_reloaded()")

    def without_adapter(self) -> list[FloatArray]:
        """Scored by the base model."""
        return as_float_rows(self.raw_without_adapter(), "scores (adapter off)", "score_without_adapter()")

    def known_without_adapter(self) -> list[FloatArray] | None:
        """As `without_adapter`; None where the target cannot switch it off."""
        if not isinstance(self._session.target, SwitchesAdapter):
            return None
        return if_offered(self.without_adapter, None)

    def reference_logits(self) -> list[FloatArray]:
        """(V,) float64 behind each scoring prompt, by the plain forward pass."""
        return as_float_rows(self.raw_reference(), "logits", "next_token_logits()")

    def forward(self, prompts: Sequence[Sequence[int]]) -> list[FloatArray]:
        """(V,) float64 behind each of any prompts' last tokens, after training."""
        target = self._session.capable(ForwardsTokens, "next_token_logits(prompts)", "be held against itself")
        self._session.trained()
        return as_float_rows(target.next_token_logits(prompts), "logits", "next_token_logits()")

    def permuted(self) -> tuple[list[RankingTask], list[IntArray], list[FloatArray], list[FloatArray]]:
        """Up to `PERMUTED` tasks, the orders they were listed in again, their scores before and after."""
        indices, orders, _ = self.permuted_tasks()
        held_out, rows = self._session.tasks(), self._session.scores()
        after = as_float_rows(self.raw_permuted(), "scores (candidates reordered)", "score_made_up()")
        return [held_out[i] for i in indices], orders, [rows[i] for i in indices if i < len(rows)], after

    def known_training_tasks(self) -> Sequence[RankingTask]:
        """All training tasks; empty where the target does not show them."""
        __tracebackhide__ = True
        session = self._session
        return if_offered(session.training_tasks, ()) if isinstance(session.target, KnowsTrainingTasks) else ()

    def known_trained_prompts(self) -> tuple[list[TrainingPrompt], list[TrainingPrompt]]:
        """Training prompts of `trained_tasks`, and of the same with another target; empty where they are not shown."""
        __tracebackhide__ = True
        if not isinstance(self._session.target, ShowsTrainingPrompts):
            return [], []
        return if_offered(self.trained_prompts, []), if_offered(self.moved_trained_prompts, [])

    def _trained_tasks(self) -> list[RankingTask]:
        """Up to `PROBED` training tasks; of a target that does not show its own, held-out ones."""
        training = self.known_training_tasks()
        return [training[index] for index in _spread(len(training), PROBED)] if training else self.tasks()

    def _score(self, tasks: Sequence[RankingTask], note: str) -> object:
        __tracebackhide__ = True
        return self._session.ask(self._session.target.score, tasks, f"scoring, {note}")

    def _score_alone(self) -> list[object]:
        __tracebackhide__ = True
        self._session.trained()
        return [call_unseen(self._session.target.score, [task]) for task in self.tasks()]

    def _score_reloaded(self) -> object:
        __tracebackhide__ = True
        target = self._session.capable(Reloads, "score_reloaded(tasks)", "have its saving judged")
        return self._session.ask(target.score_reloaded, self.tasks(), "scoring, reloaded")

    def _score_without_adapter(self) -> object:
        __tracebackhide__ = True
        target = self._session.capable(SwitchesAdapter, "score_without_adapter(tasks)", "have its adapter judged")
        return self._session.ask(target.score_without_adapter, self.tasks(), "scoring, adapter off")

    def _forward(self) -> object:
        __tracebackhide__ = True
        return self.forward([prompt.token_ids for prompt in self.scoring_prompts()])

    def _permute(self) -> tuple[list[int], list[IntArray], list[RankingTask]]:
        held_out = self._session.tasks()
        rng = np.random.default_rng([self._session.seed, 3])
        indices = _spread(len(held_out), PERMUTED)
        orders = [rng.permutation(held_out[i].n_candidates).astype(np.int64) for i in indices]
        return indices, orders, [_listed_in(held_out[i], order) for i, order in zip(indices, orders, strict=True)]

    def _score_permuted(self) -> object:
        __tracebackhide__ = True
        target = self._session.capable(ScoresMadeUpTasks, "score_made_up(tasks)", "be asked in another order")
        return self._session.ask(target.score_made_up, self.permuted_tasks()[2], "scoring, candidates reordered")

    def _scoring_prompts(self, tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
        __tracebackhide__ = True
        target = self._session.capable(ShowsScoringPrompts, "scoring_prompts(tasks)", "have its prompts judged")
        return self._one_each(target.scoring_prompts, tasks, ScoringPrompt, "scoring_prompts()")

    def _training_prompts(self, tasks: Sequence[RankingTask]) -> list[TrainingPrompt]:
        __tracebackhide__ = True
        target = self._session.capable(ShowsTrainingPrompts, "training_prompts(tasks)", "have its prompts judged")
        listed = [task for task in tasks if task.target_index is not None]
        return self._one_each(target.training_prompts, listed, TrainingPrompt, "training_prompts()")

    def shown_of(self, tasks: Sequence[RankingTask]) -> list[ScoringPrompt] | None:
        """The scoring prompts of made-up tasks; None where the builder refuses one."""
        outcomes = [self._outcome(task) for task in tasks]
        shown = [outcome for outcome in outcomes if isinstance(outcome, ScoringPrompt)]
        return shown if len(shown) == len(outcomes) else None

    def _outcome(self, task: RankingTask) -> ScoringPrompt | str:
        """The prompt of a hostile task, or the words with which it was refused."""
        try:
            return self._scoring_prompts([task])[0]
        except RerankGuardError:
            raise
        except Exception as error:  # whatever the prompt builder raises is its refusal
            return f"{type(error).__name__}: {error}"

    def _one_each(
        self,
        method: Callable[[Sequence[RankingTask]], Sequence[object]],
        tasks: Sequence[RankingTask],
        kind: type,
        name: str,
    ) -> list:  # type: ignore[type-arg]
        prompts = list(method(tasks))
        if len(prompts) != len(tasks):
            raise self._session.wrong(f"{name} gave {len(prompts)} prompts for {len(tasks)} tasks; give one a task")
        return [self._session.given(prompt, kind, name) for prompt in prompts]


class Ask:
    """Asks a session for one thing of its `AskedAgain`; not a lambda, whose frame would stand in the target's traceback."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, session: SuiteSession) -> object:
        """The thing, or what the target raises."""
        __tracebackhide__ = True
        asked: Callable[[], object] = getattr(session.asked_again, self._name)
        return asked()


def _spread(n: int, most: int) -> list[int]:
    """Up to `most` of n indices, evenly spread."""
    return sorted(set(np.linspace(0, n - 1, min(n, most)).round().astype(int).tolist()))


def _listed_in(task: RankingTask, order: IntArray) -> RankingTask:
    """The task with its candidates listed in another order, under another query_id, so that no recorded score answers."""
    index = task.target_index
    return replace(
        task,
        query_id=f"{task.query_id}, reordered",
        candidates=tuple(task.candidates[old] for old in order.tolist()),
        target_index=None if index is None else int(np.flatnonzero(order == index)[0]),
        retriever_scores=None
        if task.retriever_scores is None
        else tuple(task.retriever_scores[old] for old in order.tolist()),
    )


def _moved(tasks: Sequence[RankingTask]) -> list[RankingTask]:
    """The same prompts to a sound builder: another candidate is declared the target."""
    moved = []
    for task in tasks:
        now = task.candidate_ids.index(task.target_id) if task.target_id in task.candidate_ids else -1
        slot = (now + max(1, task.n_candidates // 2)) % task.n_candidates
        moved.append(replace(task, target_id=task.candidates[slot].item_id, target_index=slot))
    return moved


def _shortened(task: RankingTask) -> RankingTask:
    """Two candidates and one history item: a prompt in which nothing can be cut."""
    return replace(
        task,
        history=task.history[-1:],
        candidates=task.candidates[:_SHORT],
        target_id=task.candidates[0].item_id,
        target_index=0,
        retriever_scores=None if task.retriever_scores is None else task.retriever_scores[:_SHORT],
    )
