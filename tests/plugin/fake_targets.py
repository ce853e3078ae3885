"""Small numpy targets for the suite's own tests: a sound one, and one saboteur a gate.

Each is a factory, so that `--rerank-target fake_targets:sound` works from a pytester folder that holds a copy.
All draws come from fixed seeds, so that every verdict here is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from rerank_guard.types import (
    FloatArray,
    Item,
    LetterTable,
    LetterToken,
    RankingTask,
    TargetDescription,
    TrainingTrace,
)

N_CANDIDATES = 20
N_TASKS = 400


def make_tasks(n_tasks: int = N_TASKS, n_candidates: int = N_CANDIDATES, seed: int = 7) -> list[RankingTask]:
    """Tasks whose targets stand at uniform slots."""
    rng = np.random.default_rng(seed)
    items = [Item(f"i{number}", f"Film {number}") for number in range(200)]
    tasks = []
    for user in range(n_tasks):
        chosen = rng.choice(len(items), size=n_candidates + 2, replace=False)
        candidates = tuple(items[index] for index in chosen[2:])
        slot = int(rng.integers(n_candidates))
        tasks.append(
            RankingTask(
                query_id=f"u{user}",
                history=tuple(items[index] for index in chosen[:2]),
                candidates=candidates,
                target_id=candidates[slot].item_id,
                target_index=slot,
            )
        )
    return tasks


def make_trace(examples: int = 1200, n_candidates: int = N_CANDIDATES, final: float = 0.2) -> TrainingTrace:
    """A trace whose letter NLL falls from log N to `final` times log N."""
    rng = np.random.default_rng(11)
    share = np.linspace(1.0, final, examples)
    steps = examples // 20
    return TrainingTrace(
        letter_nll=np.log(n_candidates) * share * rng.uniform(0.8, 1.2, examples),
        n_candidates=np.full(examples, n_candidates, dtype=np.int64),
        example_step=np.repeat(np.arange(steps, dtype=np.int64), 20),
        first_pass=np.ones(examples, dtype=np.bool_),
        learning_rate=np.full(steps, 1e-3),
        gradient_norm=rng.uniform(0.5, 2.0, steps),
        planned_steps=steps,
        trainable_parameters=1000,
        seconds=0.5,
    )


def make_letters() -> LetterTable:
    """Letters A to Z, each one token."""
    return LetterTable(
        tuple(LetterToken(chr(65 + slot), (100 + slot,), 100 + slot) for slot in range(26)), unk_token_id=0
    )


def make_scores(tasks: Sequence[RankingTask], lift: float = 2.0, seed: int = 3) -> list[FloatArray]:
    """Standard normal scores, the target's raised by `lift`: far above chance, below perfect."""
    rng = np.random.default_rng(seed)
    rows = []
    for task in tasks:
        row = rng.standard_normal(task.n_candidates)
        if task.target_id in task.candidate_ids:
            row[task.candidate_ids.index(task.target_id)] += lift
        rows.append(row)
    return rows


def softmax(rows: Sequence[FloatArray]) -> list[FloatArray]:
    return [np.exp(row - row.max()) / np.exp(row - row.max()).sum() for row in rows]


@dataclass
class Minimal:
    """Only what `RerankTarget` requires."""

    ranking_tasks: list[RankingTask] = field(default_factory=make_tasks)
    name: str = "minimal"

    def tasks(self) -> list[RankingTask]:
        return self.ranking_tasks

    def score(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return make_scores(tasks)


@dataclass
class Sound(Minimal):
    """Every capability, all sound. Writes each call into `log`, to show what is asked for and how often."""

    name: str = "sound"
    trace: TrainingTrace = field(default_factory=make_trace)
    letters: LetterTable = field(default_factory=make_letters)
    cutoffs: tuple[int, ...] = (5,)
    log: list[str] = field(default_factory=list)
    seed: int = 0

    def train(self, progress) -> TrainingTrace:
        self.log.append("train")
        for step in range(0, 61):
            progress(step, 60, "loss 1.00 (chance 3.00)")
        return self.trace

    def score(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        self.log.append("score")
        return make_scores(tasks)

    def predict_proba(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        self.log.append("predict_proba")
        return softmax(make_scores(tasks))

    def letter_table(self) -> LetterTable:
        return self.letters

    def item_popularity(self) -> dict[str, int]:
        return {f"i{number}": number for number in range(200)}

    def oracle_proba(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        # A standard normal that is raised by 2 where the target is has the likelihood ratio exp(2 x - 2).
        return softmax([2.0 * row for row in make_scores(tasks)])

    def describe(self) -> TargetDescription:
        return TargetDescription(
            "made-up films, uniform negatives", "abacus", {"fake": "1.0"}, {"lr": float("nan")}
        )


def sound(seed: int = 0) -> Sound:
    return Sound(name=f"sound {seed}" if seed else "sound", seed=seed)


class _Logged(Sound):
    def train(self, progress):
        with Path("trained.log").open("a") as log:
            log.write("trained\n")
        return super().train(progress)


def logged() -> Sound:
    """Sound, and adds a line to `trained.log` in the current directory for each training job."""
    return _Logged()


def minimal() -> Minimal:
    return Minimal()


def target_dropped() -> Sound:
    """Every fifth user's target is replaced among the candidates."""
    tasks = make_tasks()
    for user in range(0, len(tasks), 5):
        task = tasks[user]
        slot = task.candidate_ids.index(task.target_id)
        candidates = list(task.candidates)
        candidates[slot] = Item("stranger", "Stranger")
        tasks[user] = replace(task, candidates=tuple(candidates), target_index=None)
    return Sound(ranking_tasks=tasks, name="target dropped")


def letters_split() -> Sound:
    """The letter C is two tokens."""
    letters = list(make_letters().letters)
    letters[2] = LetterToken("C", (7, 8), 7)
    return Sound(letters=LetterTable(tuple(letters), unk_token_id=0), name="letters split")


def loss_at_chance() -> Sound:
    """A learning rate of nought: the letter's loss stays at log N."""
    return Sound(trace=make_trace(examples=8000, final=1.0), name="loss at chance")


class _Padded(Sound):
    def predict_proba(self, tasks):
        return [np.r_[row, np.zeros(5)] for row in super().predict_proba(tasks)]


def padded_probabilities() -> Sound:
    """Rows padded with zeros to a fixed width, which raises every entropy deficit."""
    return _Padded(name="padded probabilities")


class _Fewer(Sound):
    def predict_proba(self, tasks):
        return super().predict_proba(tasks)[:-1]


def fewer_probabilities() -> Sound:
    """The last user's row is missing."""
    return _Fewer(name="fewer probabilities")


def retriever_partly() -> Sound:
    """The first stage's scores are there for half of the users."""
    tasks = [
        replace(task, retriever_scores=tuple(map(float, range(N_CANDIDATES)))) if user % 2 else task
        for user, task in enumerate(make_tasks())
    ]
    return Sound(ranking_tasks=tasks, name="retriever partly")


class _Numbered(Sound):
    def item_popularity(self):
        return dict.fromkeys(range(200), 1)


def popularity_by_number() -> Sound:
    """Counts keyed by int where the ids are str."""
    return _Numbered(name="popularity by number")


class _Slots(Sound):
    def score(self, tasks):
        return [-np.arange(task.n_candidates, dtype=np.float64) for task in tasks]

    def oracle_proba(self, tasks):
        return [np.r_[np.full(5, 0.2), np.zeros(task.n_candidates - 5)] for task in tasks]


def slot_follower() -> Sound:
    """Four targets of five stand in the first slot, and the ranker hands the slots back."""
    tasks = make_tasks()
    for user, task in enumerate(tasks):
        if user % 5 and task.target_index is not None:
            turned = (*task.candidates[task.target_index :], *task.candidates[: task.target_index])
            tasks[user] = replace(task, candidates=turned, target_index=0)
    return _Slots(ranking_tasks=tasks, name="slot follower")


def candidates_twice() -> Sound:
    """One user's list holds a negative twice."""
    tasks = make_tasks()
    first, second = [slot for slot in range(N_CANDIDATES) if slot != tasks[0].target_index][:2]
    candidates = list(tasks[0].candidates)
    candidates[second] = candidates[first]
    tasks[0] = replace(tasks[0], candidates=tuple(candidates))
    return Sound(ranking_tasks=tasks, name="candidates twice")


class _Uniform(Sound):
    def predict_proba(self, tasks):
        return [np.full(task.n_candidates, 1.0 / task.n_candidates) for task in tasks]


def uniform_probabilities() -> Sound:
    return _Uniform(name="uniform probabilities")


class _Constant(Sound):
    def score(self, tasks):
        return [np.zeros(task.n_candidates) for task in tasks]


def uniform_scores() -> Sound:
    return _Constant(name="uniform scores")


class _Popular(Sound):
    def item_popularity(self):
        return {f"hit{number}": 1000 - number for number in range(10)}

    def score(self, tasks):
        return make_scores(tasks, lift=1.0)


def popularity_better() -> Sound:
    """Targets are popular, negatives never are: counts alone find every target, the model does not."""
    tasks = make_tasks()
    for user, task in enumerate(tasks):
        hit = Item(f"hit{user % 10}", f"Hit {user % 10}")
        candidates = tuple(hit if slot == task.target_index else item for slot, item in enumerate(task.candidates))
        tasks[user] = replace(task, candidates=candidates, target_id=hit.item_id)
    return _Popular(ranking_tasks=tasks, name="popularity better")


class _Leak(Sound):
    def oracle_proba(self, tasks):
        return [np.full(task.n_candidates, 1.0 / task.n_candidates) for task in tasks]


def leak() -> Sound:
    """Scores far above what the known truth allows."""
    return _Leak(name="leak")


class _NanScores(Sound):
    def score(self, tasks):
        scores = make_scores(tasks)
        scores[3][2] = np.nan
        return scores


def nan_scores() -> Sound:
    return _NanScores(name="nan scores")


@dataclass
class _Answers(Sound):
    answer: object = None

    def score(self, tasks):
        return self.answer


def wrong_shape() -> Sound:
    return _Answers(answer=[row[:-1] for row in make_scores(make_tasks())], name="wrong shape")


def score_gives_none() -> Sound:
    return _Answers(answer=None, name="score gives None")


def score_gives_text() -> Sound:
    return _Answers(answer=[["a"] * N_CANDIDATES] * N_TASKS, name="score gives text")


class _Raises(Sound):
    def train(self, progress):
        super().train(progress)
        raise RuntimeError("CUDA out of memory, said the fake")


def training_raises() -> Sound:
    return _Raises(name="training raises")


def vacuous_cutoff() -> Sound:
    return Sound(cutoffs=(5, N_CANDIDATES), name="vacuous cutoff")


def tasks_raise() -> Minimal:
    raise ZeroDivisionError("the fake's data are broken")


def one_candidate() -> Minimal:
    item = Item("i", "Film")
    return Minimal(ranking_tasks=[RankingTask("u", (), (item,), "i", 0)])


def no_tasks() -> Minimal:
    return Minimal(ranking_tasks=[])


class NotATarget:
    name = "half a target"

    def tasks(self):
        return make_tasks(3)


instance = Minimal(name="an instance")
number = 3


def undecided() -> Minimal:
    """Four users are too few for any verdict on quality."""
    return Minimal(ranking_tasks=make_tasks(4), name="undecided")
