"""Rerankers for the tests of suite and plugin: the healthy one, the same with one fault each, and minimal ones.

Each is a factory, so that `--rerank-target fake_targets:healthy` works from a pytester folder that holds a copy.
All draws come from fixed seeds, so that every verdict is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from fake_healthy import described, healthy, noted, stoppable, trained, weak
from fake_minimal import (
    Minimal,
    NotATarget,
    instance,
    minimal,
    no_tasks,
    number,
    one_candidate,
    tasks_raise,
    undecided,
)

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.training_change import TrainingChange
from rerank_guard.core.types import RankingTask
from rerank_guard.faults import Wrapped, injector
from rerank_guard.faults.healthy import make_healthy

__all__ = [
    "Minimal",
    "NotATarget",
    "healthy",
    "instance",
    "minimal",
    "no_tasks",
    "number",
    "one_candidate",
    "stoppable",
    "tasks_raise",
    "undecided",
]


def with_tasks(tasks: Sequence[RankingTask]) -> Wrapped:
    """The healthy one, judged on other tasks."""
    return noted(healthy(), tasks=lambda: tasks)


# ---- with a fault of the catalogue


def broken(injector_id: str, name: str, severity: float | None = None) -> Wrapped:
    """The healthy one with a fault; a fault of the job trains a copy."""
    return noted(injector(injector_id).broken(trained(), severity=severity), name=name)


def target_dropped() -> Wrapped:
    return broken("D1", "target dropped")


def candidates_twice() -> Wrapped:
    """The lists of a few users hold a negative twice."""
    return broken("D3", "candidates twice", severity=0.01)


def trained_on_the_future() -> Wrapped:
    return broken("D7", "trained on the future")


def users_lost() -> Wrapped:
    return broken("D12a", "users lost")


def letters_split() -> Wrapped:
    return broken("T1", "letters split")


def prompt_tells_the_target() -> Wrapped:
    return broken("D8", "prompt tells the target")


def planned_too_short() -> Wrapped:
    return broken("O7b", "planned too short")


def sign_flipped() -> Wrapped:
    return broken("O6", "sign flipped")


def uniform_scores() -> Wrapped:
    return broken("S3a", "uniform scores")


def history_ignored() -> Wrapped:
    return broken("S8a", "history ignored")


def popularity_better() -> Wrapped:
    return broken("B1a", "popularity better")


def newest_better() -> Wrapped:
    """As `popularity_better`, but it is the year that finds every target item."""
    target = broken("B1a", "newest better")
    new = {item_id: 3000.0 for item_id in target.item_popularity() if item_id.startswith("popular ")}
    return noted(target, item_popularity=trained().item_popularity, item_times=lambda: {"release year": new})


def position_follower() -> Wrapped:
    """Four target items of five are first, and the scores are the input order."""
    skewed = injector("D5a").broken(trained(), severity=0.8)
    return noted(injector("T7b").broken(skewed), name="position follower")


def loss_at_chance() -> Wrapped:
    """The job is run on target items of other users; all but its record is as in the healthy one."""
    return noted(healthy(), name="loss at chance", train=injector("D10").broken(make_healthy()).train)


def letter_prior_learned() -> Wrapped:
    """Half of the target items trained on are first, and the job, which sees no history, learns no more than that."""
    skewed = injector("D5e").broken(make_healthy(), severity=0.5).training_tasks()
    change = TrainingChange(tasks=lambda _: skewed, prompt=lambda task: replace(task, history=()))
    return noted(healthy(), name="letter prior learned", train=trained().rebuilt(change).train)


def worse() -> Wrapped:
    """A good deal worse than `healthy` under the same conditions, and still better than every baseline."""
    return described(weak(), "healthy")


# ---- with malformed results


def nan_scores() -> Wrapped:
    """One number is missing."""

    def score(tasks):
        rows = trained().score(tasks)
        for task, row in zip(tasks, rows, strict=True):
            if task.query_id == "test-3":
                row[2] = np.nan
        return rows

    return noted(healthy(), name="nan scores", score=score)


def wrong_shape() -> Wrapped:
    return noted(healthy(), name="wrong shape", score=lambda tasks: [row[:-1] for row in trained().score(tasks)])


def score_gives_none() -> Wrapped:
    return noted(healthy(), name="score gives None", score=lambda tasks: None)


def score_gives_text() -> Wrapped:
    return noted(
        healthy(), name="score gives text", score=lambda tasks: [["a"] * task.n_candidates for task in tasks]
    )


def synthetic_scores_malformed() -> Wrapped:
    def score_synthetic(tasks):
        return [row[:-1] for row in trained().score_synthetic(tasks)]

    return noted(healthy(), name="synthetic scores malformed", score_synthetic=score_synthetic)


def padded_probabilities() -> Wrapped:
    """Rows padded with zeros to a fixed width, which raises every entropy deficit."""

    def predict_proba(tasks):
        return [np.r_[row, np.zeros(5)] for row in trained().predict_proba(tasks)]

    return noted(healthy(), name="padded probabilities", predict_proba=predict_proba)


def fewer_probabilities() -> Wrapped:
    """The last user's row is missing."""
    return noted(
        healthy(), name="fewer probabilities", predict_proba=lambda tasks: trained().predict_proba(tasks)[:-1]
    )


def popularity_by_number() -> Wrapped:
    """Counts keyed by int where the ids are str."""
    return noted(healthy(), name="popularity by number", item_popularity=lambda: dict.fromkeys(range(150), 1))


def first_stage_for_half() -> Wrapped:
    """The first stage's scores are there for half of the users."""
    tasks = [
        replace(task, first_stage_scores=tuple(map(float, range(task.n_candidates)))) if user % 2 else task
        for user, task in enumerate(trained().tasks())
    ]
    return noted(with_tasks(tasks), name="first stage for half")


def queries_alike() -> Wrapped:
    """All tasks have one query_id, so no user can be given another user's history."""
    return noted(with_tasks([replace(task, query_id="u") for task in trained().tasks()]), name="queries alike")


def vacuous_cutoff() -> Wrapped:
    return noted(healthy(), name="vacuous cutoff", cutoffs=(5, 20))


# ---- with results that contradict each other


def uniform_probabilities() -> Wrapped:
    def predict_proba(tasks):
        return [np.full(task.n_candidates, 1.0 / task.n_candidates) for task in tasks]

    return noted(healthy(), name="uniform probabilities", predict_proba=predict_proba)


def leak() -> Wrapped:
    """Scores far above what the posterior allows."""

    def oracle_proba(tasks):
        return [np.full(task.n_candidates, 1.0 / task.n_candidates) for task in tasks]

    return noted(healthy(), name="leak", oracle_proba=oracle_proba)


def letters_shifted() -> Wrapped:
    """Each candidate gets the logit of the letter before its own."""
    return noted(
        healthy(), name="letters shifted", score=lambda tasks: [np.roll(row, 1) for row in trained().score(tasks)]
    )


def adapter_lost() -> Wrapped:
    """Saved without its weights: loaded again, it is the base model."""
    return noted(healthy(), name="adapter lost", score_reloaded=trained().score_without_adapter)


def flattered() -> Wrapped:
    """Reports another Recall@5 than its scores have."""
    return noted(healthy(), name="flattered", reported_metrics=lambda: {"Recall@5": 0.99})


def history_shuffled() -> Wrapped:
    """Its prompt builder draws the order of the history at every call."""
    rng = np.random.default_rng(0)

    def scoring_prompts(tasks):
        mixed = [
            replace(task, history=tuple(task.history[i] for i in rng.permutation(len(task.history))))
            for task in tasks
        ]
        return trained().scoring_prompts(mixed)

    return noted(healthy(), name="history shuffled", scoring_prompts=scoring_prompts)


# ---- with a job or conditions of another kind


def training_raises() -> Wrapped:
    def train(progress, monitor=None):
        trained().train(progress, monitor)
        raise RuntimeError("CUDA out of memory, reported by the fake")

    return noted(healthy(), name="training raises", train=train)


def takes_no_monitor() -> Wrapped:
    return noted(healthy(), name="takes no monitor", train=lambda progress: trained().train(progress))


def other_learning_rate() -> Wrapped:
    declared = trained().conditions()
    other = replace(declared, config={**declared.config, "learning_rate": 5e-3})
    return noted(healthy(), conditions=lambda: other)


def conditions_raise() -> Wrapped:
    def conditions():
        raise OSError("the fake's tokenizer.json is gone")

    return noted(healthy(), name="conditions raise", conditions=conditions)


def not_all_offered() -> Wrapped:
    """Has every method, and says of two that they do not go with this configuration."""

    def score_without_adapter(tasks):
        raise NotOfferedError("this configuration trains all weights, so there is no adapter to switch off")

    def training_prompts(tasks):
        raise NotOfferedError("the collator of this configuration cannot be asked")

    return noted(
        healthy(),
        name="not all offered",
        score_without_adapter=score_without_adapter,
        training_prompts=training_prompts,
    )


def laborious() -> Wrapped:
    """Scores as `healthy` does, with five times the work."""

    def score(tasks):
        for _ in range(4):
            trained().score(tasks)
        return trained().score(tasks)

    return noted(healthy(), score=score)


def logged() -> Wrapped:
    """Adds a line to `trained.log` in the current directory for each training job."""
    return _logged(healthy())


def stoppable_logged() -> Wrapped:
    return _logged(stoppable())


def target_dropped_logged() -> Wrapped:
    return _logged(target_dropped())


def _logged(target: Wrapped) -> Wrapped:
    train = target.train

    def train_logged(progress, monitor=None):
        with Path("trained.log").open("a") as log:
            log.write("trained\n")
        return train(progress, monitor)

    return Wrapped(target, train=train_logged)
