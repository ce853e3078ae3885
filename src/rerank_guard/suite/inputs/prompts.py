"""Inputs as token ids: scoring and training prompts of a few tasks, of changed tasks, and the plain forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.checks.prompts._hostile import harmless_variant
from rerank_guard.checks.prompts._hostile import hostile_tasks as hostile_tasks_of
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.given import Cost, gives
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.target import ForwardsTokens, ShowsScoringPrompts, ShowsTrainingPrompts
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.inputs.rescored import PROBED, spread
from rerank_guard.suite.rows import as_float_rows

__all__: list[str] = []

_SHORT = 2

ShowPrompts = Callable[[Sequence[RankingTask]], list[ScoringPrompt]]
TryPrompts = Callable[[Sequence[RankingTask]], "list[ScoringPrompt] | None"]
Forward = Callable[[Sequence[Sequence[int]]], list[FloatArray]]


@gives(needs=ShowsScoringPrompts)
def show_prompts(asking: Asking) -> ShowPrompts:
    """From any tasks to their scoring prompts; for what has to be asked only after a failure."""
    return lambda tasks: _scoring_prompts(asking, tasks)


@gives()
def try_prompts(asking: Asking, show_prompts: ShowPrompts) -> TryPrompts:  # noqa: ARG001
    """From any tasks to their scoring prompts; None where the builder refuses one."""

    def tried(tasks: Sequence[RankingTask]) -> list[ScoringPrompt] | None:
        outcomes = [_outcome(asking, task) for task in tasks]
        shown = [outcome for outcome in outcomes if isinstance(outcome, ScoringPrompt)]
        return shown if len(shown) == len(outcomes) else None

    return tried


@gives()
def scoring_prompts(show_prompts: ShowPrompts, probed_tasks: list[RankingTask]) -> list[ScoringPrompt]:
    """The scoring prompts of the probed tasks."""
    __tracebackhide__ = True
    return show_prompts(probed_tasks)


@gives()
def moved_target_prompts(show_prompts: ShowPrompts, probed_tasks: list[RankingTask]) -> list[ScoringPrompt]:
    """The scoring prompts of the probed tasks with another candidate declared the target."""
    __tracebackhide__ = True
    return show_prompts(_moved(probed_tasks))


@gives()
def short_prompt(show_prompts: ShowPrompts, probed_tasks: list[RankingTask]) -> ScoringPrompt:
    """The prompt of a task so short that nothing can be cut."""
    __tracebackhide__ = True
    return show_prompts([_shortened(probed_tasks[0])])[0]


@gives(needs=ShowsTrainingPrompts)
def show_training_prompts(asking: Asking) -> Callable[[Sequence[RankingTask]], list[TrainingPrompt]]:
    """From any tasks to the training prompts of those with a target."""

    def shown(tasks: Sequence[RankingTask]) -> list[TrainingPrompt]:
        method = asking.capable(ShowsTrainingPrompts).training_prompts
        return _one_each(asking, method, _with_target(tasks), TrainingPrompt, "training_prompts()")

    return shown


@gives()
def training_prompts(
    show_training_prompts: Callable[[Sequence[RankingTask]], list[TrainingPrompt]],
    probed_tasks: list[RankingTask],
) -> list[TrainingPrompt]:
    """The training prompts of those probed tasks that have a target."""
    __tracebackhide__ = True
    return show_training_prompts(probed_tasks)


@gives()
def trained_tasks(
    probed_tasks: list[RankingTask], given_training_tasks: Sequence[RankingTask] | None = None
) -> list[RankingTask]:
    """Up to `PROBED` training tasks; of a reranker that does not show its own, held-out ones."""
    if not given_training_tasks:
        return probed_tasks
    return [given_training_tasks[row] for row in spread(len(given_training_tasks), PROBED)]


@gives()
def supervised_tasks(trained_tasks: list[RankingTask]) -> list[RankingTask]:
    """Those of `trained_tasks` that have a target, in the order of `trained_prompts`."""
    return _with_target(trained_tasks)


@gives()
def trained_prompts(
    show_training_prompts: Callable[[Sequence[RankingTask]], list[TrainingPrompt]],
    trained_tasks: list[RankingTask],
) -> list[TrainingPrompt]:
    """The training prompts of `supervised_tasks`."""
    __tracebackhide__ = True
    return show_training_prompts(trained_tasks)


@gives()
def moved_trained_prompts(
    show_training_prompts: Callable[[Sequence[RankingTask]], list[TrainingPrompt]],
    supervised_tasks: list[RankingTask],
) -> list[TrainingPrompt]:
    """The training prompts of `supervised_tasks` with another candidate declared the target."""
    __tracebackhide__ = True
    return show_training_prompts(_moved(supervised_tasks))


@gives()
def trained_as_scored(show_prompts: ShowPrompts, supervised_tasks: list[RankingTask]) -> list[ScoringPrompt]:
    """The scoring prompts of `supervised_tasks`."""
    __tracebackhide__ = True
    return show_prompts(supervised_tasks)


@gives()
def hostile_tasks(asking: Asking, probed_tasks: list[RankingTask]) -> list[RankingTask]:
    """Tasks with titles that try to break out of their place in the prompt."""
    return hostile_tasks_of(probed_tasks, np.random.default_rng([asking.settings.seed, 4]))


@gives(needs=ShowsScoringPrompts)
def hostile_prompts(asking: Asking, hostile_tasks: list[RankingTask]) -> list[ScoringPrompt | str]:
    """The prompt of each hostile task, or the words with which it was refused."""
    return [_outcome(asking, task) for task in hostile_tasks]


@gives(needs=ShowsScoringPrompts)
def harmless_prompts(asking: Asking, hostile_tasks: list[RankingTask]) -> list[ScoringPrompt | str]:
    """The same of tasks with harmless titles of the same shape."""
    return [_outcome(asking, harmless_variant(task)) for task in hostile_tasks]


@gives(needs=ForwardsTokens, cost=Cost.SCORING)
def forward(asking: Asking) -> Forward:
    """From any prompts to the (V,) float64 logits behind the last token of each, after training."""

    def logits(prompts: Sequence[Sequence[int]]) -> list[FloatArray]:
        given = asking.capable(ForwardsTokens).next_token_logits(prompts)
        return as_float_rows(given, "logits", "next_token_logits()")

    return logits


@gives()
def forward_logits(forward: Forward, scoring_prompts: list[ScoringPrompt]) -> list[FloatArray]:
    """(V,) float64 behind each scoring prompt, by the plain forward pass."""
    __tracebackhide__ = True
    return forward([prompt.token_ids for prompt in scoring_prompts])


def _scoring_prompts(asking: Asking, tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
    __tracebackhide__ = True
    method = asking.capable(ShowsScoringPrompts).scoring_prompts
    return _one_each(asking, method, tasks, ScoringPrompt, "scoring_prompts()")


def _outcome(asking: Asking, task: RankingTask) -> ScoringPrompt | str:
    """The prompt of a task, or the words with which it was refused."""
    try:
        return _scoring_prompts(asking, [task])[0]
    except RerankGuardError:
        raise
    except Exception as error:  # whatever the prompt builder raises is its refusal
        return f"{type(error).__name__}: {error}"


def _one_each(
    asking: Asking,
    method: Callable[[Sequence[RankingTask]], Sequence[object]],
    tasks: Sequence[RankingTask],
    kind: type,
    name: str,
) -> list:  # type: ignore[type-arg]
    prompts = list(method(tasks))
    if len(prompts) != len(tasks):
        raise asking.wrong(f"{name} gave {len(prompts)} prompts for {len(tasks)} tasks; give one a task")
    return [asking.typed(prompt, kind, name) for prompt in prompts]


def _with_target(tasks: Sequence[RankingTask]) -> list[RankingTask]:
    return [task for task in tasks if task.target_index is not None]


def _moved(tasks: Sequence[RankingTask]) -> list[RankingTask]:
    """The same prompts to a healthy builder: another candidate is declared the target."""
    moved = []
    for task in tasks:
        now = task.candidate_ids.index(task.target_id) if task.target_id in task.candidate_ids else -1
        position = (now + max(1, task.n_candidates // 2)) % task.n_candidates
        other = task.candidates[position].item_id
        moved.append(replace(task, target_id=other, target_index=position, relevance=None))
    return moved


def _shortened(task: RankingTask) -> RankingTask:
    """Two candidates and one history item: a prompt in which nothing can be cut."""
    return replace(
        task,
        history=task.history[-1:],
        candidates=task.candidates[:_SHORT],
        target_id=task.candidates[0].item_id,
        target_index=0,
        relevance=None,
        first_stage_scores=None if task.first_stage_scores is None else task.first_stage_scores[:_SHORT],
        scored=None if task.scored is None else task.scored[:_SHORT],
    )
