"""Inputs as token ids: scoring and training prompts of a few tasks, of changed tasks, and the plain forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.checks.prompts._hostile import harmless_variant
from rerank_guard.checks.prompts._hostile import hostile_tasks as hostile_tasks_of
from rerank_guard.core.errors import RerankGuardError, UnusablePromptsError
from rerank_guard.core.examples import Examples
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
ShowTraining = Callable[[Sequence[RankingTask]], "list[TrainingPrompt | None]"]
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
def show_training_prompts(asking: Asking) -> ShowTraining:
    """From any tasks to the training prompts of those with a target; None for an example that the pipeline drops."""

    def shown(tasks: Sequence[RankingTask]) -> list[TrainingPrompt | None]:
        method = asking.capable(ShowsTrainingPrompts).training_prompts
        return _one_each(asking, method, _with_target(tasks), TrainingPrompt, "training_prompts()", may_drop=True)

    return shown


@gives()
def held_out_examples(show_training_prompts: ShowTraining, probed_tasks: list[RankingTask]) -> Examples:
    """The probed tasks that have a target, as training examples."""
    __tracebackhide__ = True
    return Examples.of(_with_target(probed_tasks), show_training_prompts(probed_tasks))


@gives()
def training_prompts(held_out_examples: Examples) -> list[TrainingPrompt]:
    """The training prompts of those probed tasks that have a target and are not dropped."""
    return held_out_examples.prompts


@gives()
def trained_rows_of_probed(held_out_examples: Examples, probed_tasks: list[RankingTask]) -> list[int]:
    """The places among the probed tasks of those that `training_prompts` are of."""
    kept = {id(task) for task in held_out_examples.tasks}
    return [place for place, task in enumerate(probed_tasks) if id(task) in kept]


@gives()
def trained_tasks(
    probed_tasks: list[RankingTask], given_training_tasks: Sequence[RankingTask] | None = None
) -> list[RankingTask]:
    """Up to `PROBED` training tasks; of a reranker that does not show its own, held-out ones."""
    if not given_training_tasks:
        return probed_tasks
    return [given_training_tasks[row] for row in spread(len(given_training_tasks), PROBED)]


@gives()
def trained_examples(show_training_prompts: ShowTraining, trained_tasks: list[RankingTask]) -> Examples:
    """Those of `trained_tasks` that have a target, with their training prompts."""
    __tracebackhide__ = True
    return Examples.of(_with_target(trained_tasks), show_training_prompts(trained_tasks))


@gives()
def supervised_tasks(trained_examples: Examples) -> list[RankingTask]:
    """The tasks of `trained_prompts`, in the same order."""
    return trained_examples.tasks


@gives()
def trained_prompts(trained_examples: Examples) -> list[TrainingPrompt]:
    """The training prompts of `supervised_tasks`."""
    return trained_examples.prompts


@gives()
def dropped_examples(trained_examples: Examples) -> list[str]:
    """The query_ids of those training tasks that the pipeline drops, for which it gave None."""
    return trained_examples.dropped


@gives()
def moved_trained_prompts(
    show_training_prompts: ShowTraining, supervised_tasks: list[RankingTask]
) -> list[TrainingPrompt]:
    """The training prompts of `supervised_tasks` with another candidate declared the target.

    Raises:
        UnusablePromptsError: an example is dropped once another candidate is the target.
    """
    __tracebackhide__ = True
    moved = Examples.of(supervised_tasks, show_training_prompts(_moved(supervised_tasks)))
    if moved.dropped:
        raise UnusablePromptsError(
            f"training_prompts() drops query {moved.dropped[0]!r} once another candidate is its target."
        )
    return moved.prompts


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
    *,
    may_drop: bool = False,
) -> list:  # type: ignore[type-arg]
    __tracebackhide__ = True
    prompts = _answers(method, tasks, name)
    if len(prompts) != len(tasks):
        hint = ", and None for an example that is dropped" if may_drop else ""
        raise UnusablePromptsError(
            f"{name} of {asking.reranker.name!r} gave {len(prompts)} prompts for {len(tasks)} tasks; give one a "
            f"task{hint}."
        )
    return [None if may_drop and prompt is None else asking.typed(prompt, kind, name) for prompt in prompts]


def _answers(
    method: Callable[[Sequence[RankingTask]], Sequence[object]], tasks: Sequence[RankingTask], name: str
) -> list[object]:
    """What a method gave.

    Raises:
        UnusablePromptsError: it raises for some of the tasks, and not for others.
        Exception: whatever it raises for each of them: it is broken then, and refuses nothing.
    """
    __tracebackhide__ = True
    try:
        return list(method(list(tasks)))
    except RerankGuardError:
        raise
    except Exception:
        refused = _refused(method, tasks)
        if not refused or len(refused) == len(tasks):
            raise
        query_id, error = next(iter(refused.items()))
        raise UnusablePromptsError(
            f"{name} raises for {len(refused)} of {len(tasks)} tasks: {type(error).__name__} for query {query_id!r}: {error}"
        ) from error


def _refused(
    method: Callable[[Sequence[RankingTask]], Sequence[object]], tasks: Sequence[RankingTask]
) -> dict[str, Exception]:
    """The query_ids of the tasks for which a method raises when it is asked for each alone."""
    refused = {}
    for task in tasks:
        try:
            list(method([task]))
        except Exception as error:  # whatever the prompt builder raises is its refusal
            refused[task.query_id] = error
    return refused


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
