"""Gates that need no model: data, letters, prompts, supervision, the plan. They decide before the first training step."""

from __future__ import annotations

from operator import methodcaller

from rerank_guard.checks.data import check_gt_in_candidates
from rerank_guard.checks.giveaways import check_no_surface_giveaway
from rerank_guard.checks.labels import check_letter_tokens_found
from rerank_guard.checks.optimisation import check_training_planned
from rerank_guard.checks.overlap import check_no_history_leak, check_split_disjoint
from rerank_guard.checks.slots import check_target_slots_even
from rerank_guard.checks.temporal import check_no_future_training_data
from rerank_guard.checks.titles import check_titles_tell_apart
from rerank_guard.suite.asked_again import Ask
from rerank_guard.suite.gates import Gate, Need, Tier
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import DeclaresTraining, KnowsLetters, KnowsTimes, KnowsTrainingTasks
from rerank_guard.types import RankingTask

__all__ = ["DATA_GATES", "LETTER_GATES", "PLAN_GATES"]

_TASKS = methodcaller("tasks")
_TRAINING_TASKS = methodcaller("training_tasks")
_KNOWN_TRAINING = Ask("known_training_tasks")
_KNOWS_TRAINING = Need(KnowsTrainingTasks, "training_tasks()")


def _all_tasks(session: SuiteSession) -> list[RankingTask]:
    """The held-out tasks, and the training tasks where the target shows them."""
    return [*session.tasks(), *session.asked_again.known_training_tasks()]


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
        check=lambda session: check_no_history_leak(_all_tasks(session)),
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
        check=lambda session: check_titles_tell_apart(_all_tasks(session)),
    ),
    Gate(
        family="no_surface_giveaway",
        k=None,
        tier=Tier.STATIC,
        claim="neither length, case nor format of its text alone gives the target away",
        needs=(),
        inputs=(_TASKS, _KNOWN_TRAINING),
        check=lambda session: check_no_surface_giveaway(_all_tasks(session)),
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
