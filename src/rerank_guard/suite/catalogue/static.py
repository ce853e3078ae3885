"""Gates that need no model: data, letters, prompts, supervision, the plan. They decide before the first training step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import methodcaller

from rerank_guard.checks.data import check_gt_in_candidates
from rerank_guard.checks.giveaways import check_no_surface_giveaway
from rerank_guard.checks.labels import check_letter_tokens_found
from rerank_guard.checks.optimisation import check_training_planned
from rerank_guard.checks.overlap import check_no_history_leak, check_split_disjoint
from rerank_guard.checks.slots import check_target_slots_even
from rerank_guard.checks.temporal import check_no_future_training_data
from rerank_guard.checks.titles import check_titles_agree, check_titles_tell_apart
from rerank_guard.suite.asked_again import Ask
from rerank_guard.suite.gates import Gate, Need, Tier
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import DeclaresTraining, KnowsLetters, KnowsTimes, KnowsTrainingTasks
from rerank_guard.types import RankingTask
from rerank_guard.verdict import Status, Verdict

__all__ = ["DATA_GATES", "LETTER_GATES", "PLAN_GATES"]

_TASKS = methodcaller("tasks")
_TRAINING_TASKS = methodcaller("training_tasks")
_KNOWN_TRAINING = Ask("known_training_tasks")
_KNOWS_TRAINING = Need(KnowsTrainingTasks, "training_tasks()")


def _of_each(session: SuiteSession, check: Callable[[Sequence[RankingTask]], Verdict]) -> Verdict:
    """The worse verdict on the held-out and on the training tasks, the latter where the target shows them.

    Not on both pooled: there are many more training tasks, and what is wrong with the held-out ones alone would drown.
    """
    held, training = check(session.tasks()), session.asked_again.known_training_tasks()
    if not training:
        return held
    trained = check(training)
    p_values = [verdict.p_failed for verdict in (held, trained) if verdict.p_failed is not None]
    p_failed = min(1.0, len(p_values) * min(p_values)) if p_values else None
    for name, verdict in (("held-out", held), ("training", trained)):
        if verdict.status is Status.FAILED:
            return replace(
                verdict,
                evidence=tuple(f"{name} {row}" for row in verdict.evidence),
                cause=f"Of the {name} tasks: {verdict.cause}",
                p_failed=p_failed,
            )
    if held.status is not Status.PASSED:
        return replace(trained if trained.status is Status.PASSED else held, p_failed=p_failed)
    return replace(
        held,
        claim=f"{held.claim}; and the same of the {trained.n} training tasks",
        n=held.n + trained.n,
        p_failed=p_failed,
    )


def _titles(session: SuiteSession) -> Verdict:
    apart, training = _of_each(session, check_titles_tell_apart), session.asked_again.known_training_tasks()
    if apart.status is Status.FAILED or not training:
        return apart
    agree = check_titles_agree(session.tasks(), training)
    return agree if agree.status is Status.FAILED else apart


def _giveaway(session: SuiteSession) -> Verdict:
    if not session.asked_again.known_training_tasks():
        return check_no_surface_giveaway(session.tasks())
    return _of_each(session, partial(check_no_surface_giveaway, alpha=0.5e-6))  # two sets share the budget of one


def _most_candidates(session: SuiteSession) -> int:
    return max(task.n_candidates for task in session.tasks())


DATA_GATES = (
    Gate(
        family="gt_in_candidates",
        k=None,
        tier=Tier.STATIC,
        claim="every task's target is among its candidates, at the slot the pipeline believes, and none is listed twice",
        needs=(),
        inputs=(_TASKS,),
        check=lambda session: check_gt_in_candidates(session.tasks()),
    ),
    Gate(
        family="training_gt_in_candidates",
        k=None,
        tier=Tier.STATIC,
        claim="the same of the training tasks",
        needs=(_KNOWS_TRAINING,),
        inputs=(_TRAINING_TASKS,),
        check=lambda session: check_gt_in_candidates(session.training_tasks()),
    ),
    Gate(
        family="no_history_leak",
        k=None,
        tier=Tier.STATIC,
        claim="no candidate is in the history of its own user",
        needs=(),
        inputs=(_TASKS, _KNOWN_TRAINING),
        check=lambda session: _of_each(session, check_no_history_leak),
    ),
    Gate(
        family="split_disjoint",
        k=None,
        tier=Tier.STATIC,
        claim="no held-out example is among those trained on",
        needs=(_KNOWS_TRAINING,),
        inputs=(_TRAINING_TASKS, _TASKS),
        check=lambda session: check_split_disjoint(session.training_tasks(), session.tasks()),
    ),
    Gate(
        family="no_future_training_data",
        k=None,
        tier=Tier.STATIC,
        claim="nothing was trained on that happened after the moment it is tested at",
        needs=(Need(KnowsTimes, "split_times()"),),
        inputs=(methodcaller("split_times"),),
        check=lambda session: check_no_future_training_data(session.split_times()),
    ),
    Gate(
        family="target_slots_even",
        k=None,
        tier=Tier.STATIC,
        claim="the targets stand at all slots alike",
        needs=(),
        inputs=(_TASKS,),
        check=lambda session: check_target_slots_even(session.tasks()),
    ),
    Gate(
        family="training_target_slots_even",
        k=None,
        tier=Tier.STATIC,
        claim="the training targets stand at all slots alike",
        needs=(_KNOWS_TRAINING,),
        inputs=(_TRAINING_TASKS,),
        check=lambda session: check_target_slots_even(session.training_tasks()),
    ),
    Gate(
        family="titles_tell_apart",
        k=None,
        tier=Tier.STATIC,
        claim="the candidates' texts are not blank, and tell the target from the others",
        needs=(),
        inputs=(_TASKS, _KNOWN_TRAINING),
        check=_titles,
    ),
    Gate(
        family="no_surface_giveaway",
        k=None,
        tier=Tier.STATIC,
        claim="neither length, case nor format of its text alone gives the target away",
        needs=(),
        inputs=(_TASKS, _KNOWN_TRAINING),
        check=_giveaway,
    ),
)

LETTER_GATES = (
    Gate(
        family="letter_tokens_found",
        k=None,
        tier=Tier.STATIC,
        claim="every letter in use is one token of its own, and that token is the one scored",
        needs=(Need(KnowsLetters, "letter_table()"),),
        inputs=(_TASKS, methodcaller("letter_table")),
        check=lambda session: check_letter_tokens_found(session.letter_table(), _most_candidates(session)),
    ),
)

PLAN_GATES = (
    Gate(
        family="training_planned",
        k=None,
        tier=Tier.STATIC,
        claim="the job as planned has examples, a learning rate, and enough optimiser steps after the warm-up",
        needs=(Need(DeclaresTraining, "training_plan()"),),
        inputs=(_TASKS, methodcaller("plan")),
        check=lambda session: check_training_planned(session.plan(), _most_candidates(session)),
    ),
)
