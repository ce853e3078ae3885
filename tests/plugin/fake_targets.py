"""Small numpy targets for the suite's own tests: a sound one, and one saboteur a gate.

Each is a factory, so that `--rerank-target fake_targets:sound` works from a pytester folder that holds a copy.
All draws come from fixed seeds, so that every verdict here is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from fake_data import (
    N_CANDIDATES,
    history_of,
    make_letters,
    make_scores,
    make_tasks,
    make_trace,
    run_loop,
    softmax,
)

from rerank_guard.monitor import TrainingMonitor
from rerank_guard.population import Population
from rerank_guard.split_times import SplitTimes
from rerank_guard.stored import RunConditions
from rerank_guard.types import (
    FloatArray,
    Item,
    LetterTable,
    LetterToken,
    RankingTask,
    TargetDescription,
    TrainingTrace,
)


@dataclass
class Minimal:
    """Only what `RerankTarget` requires."""

    ranking_tasks: list[RankingTask] = field(default_factory=make_tasks)
    name: str = "minimal"
    lift: float = 2.0

    def tasks(self) -> list[RankingTask]:
        return self.ranking_tasks

    def rows(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return make_scores(tasks, self.lift)

    def score(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return self.rows(tasks)


@dataclass
class Sound(Minimal):
    """Every capability but those of `fake_whole.Whole`, all sound. Writes each call into `log`, to show what is asked for."""

    name: str = "sound"
    trace: TrainingTrace | None = field(default_factory=make_trace)
    letters: LetterTable = field(default_factory=make_letters)
    cutoffs: tuple[int, ...] = (5,)
    log: list[str] = field(default_factory=list)
    seed: int = 0
    learning_rate: float = 1e-3

    def train(self, progress, monitor: TrainingMonitor | None = None) -> TrainingTrace | None:
        self.log.append("train")
        return None if self.trace is None else run_loop(self.trace, progress, monitor)

    def score(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        self.log.append("score")
        return self.rows(tasks)

    def predict_proba(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        self.log.append("predict_proba")
        return softmax(self.rows(tasks))

    def score_made_up(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        # With another's history this ranker knows nothing of the user; with the own one it is as good as ever.
        self.log.append("score_made_up")
        liked = {(history_of(task), task.target_id) for task in self.ranking_tasks}
        return [
            row if (history_of(task), task.target_id) in liked else make_scores([task], lift=0.0)[0]
            for task, row in zip(tasks, self.rows(tasks), strict=True)
        ]

    def letter_table(self) -> LetterTable:
        return self.letters

    def item_popularity(self) -> dict[str, int]:
        return {f"i{number}": number for number in range(200)}

    def item_times(self) -> dict[str, dict[str, float]]:
        return {"release year": {f"i{number}": 1800.0 + number for number in range(200)}}

    def split_times(self) -> SplitTimes:
        users = [task.query_id for task in self.ranking_tasks]
        return SplitTimes(users, [1.0] * len(users), users, [2.0] * len(users), claim="leave-last-out")

    def population(self) -> Population:
        return Population(
            len(self.ranking_tasks) + 7, {"shorter history than 2": 7}, frozenset({"shorter history than 2"})
        )

    def conditions(self) -> RunConditions:
        return RunConditions(
            tokenizer="beads",
            prompt="Seen: {history}. Next, of {candidates}:",
            config={"learning_rate": self.learning_rate},
            sampler="uniform",
            split="last interaction of each user",
        )

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
    def train(self, progress, monitor=None):
        with Path("trained.log").open("a") as log:
            log.write("trained\n")
        return super().train(progress, monitor)


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
    """The logits are noise to the end: the letter's loss stays at log N."""
    plan = make_trace(examples=8000)
    logits = np.random.default_rng(13).normal(scale=0.3, size=(8000, N_CANDIDATES))
    nll = np.log(np.exp(logits).sum(axis=1)) - logits[:, 0]
    return Sound(trace=replace(plan, letter_nll=nll), name="loss at chance")


def letter_prior_learned() -> Sound:
    """Half of the training targets stand in the first slot, and the job learns no more than that."""
    plan = make_trace(examples=4000)
    slots = np.where(np.arange(4000) % 2 == 0, 0, plan.target_index)
    logits = np.random.default_rng(17).normal(scale=0.3, size=(4000, N_CANDIDATES))
    logits[:, 0] += np.log(N_CANDIDATES + 1.0)  # the odds of the first slot against another one
    nll = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(4000), slots]
    return Sound(trace=replace(plan, letter_nll=nll, target_index=slots), name="letter prior learned")


class _Late(Sound):
    def split_times(self):
        times = super().split_times()
        return replace(times, train_times=[3.0, *times.train_times[1:]])


def trained_on_the_future() -> Sound:
    """One user's later interaction was trained on."""
    return _Late(name="trained on the future")


class _Lost(Sound):
    def population(self):
        return Population(len(self.ranking_tasks) + 40)


def users_lost() -> Sound:
    """Forty users have no task, and nobody says why."""
    return _Lost(name="users lost")


class _Blind(Sound):
    def rows(self, tasks):
        return super().rows([replace(task, history=()) for task in tasks])

    def score_made_up(self, tasks):
        return self.rows(tasks)


def history_ignored() -> Sound:
    """Ranks by the candidates alone: whose history stands in the prompt changes nothing.

    600 users: of 400, too few for the level that is left when all statistical gates of the suite share the budget.
    """
    return _Blind(ranking_tasks=make_tasks(600), name="history ignored")


class _Even(Sound):
    def score_made_up(self, tasks):
        return [row[:-1] for row in super().score_made_up(tasks)]


def made_up_scores_malformed() -> Sound:
    return _Even(name="made-up scores malformed")


def queries_alike() -> Sound:
    """All tasks bear one query_id, so nobody can be given another user's history."""
    return Sound(ranking_tasks=[replace(task, query_id="u") for task in make_tasks()], name="queries alike")


def newest_better() -> Sound:
    """Targets are the newest items by far: the year alone finds every target, the model does not."""
    tasks = make_tasks()
    for user, task in enumerate(tasks):
        new = Item(f"new{user % 10}", f"Film 90{user % 10}")
        candidates = tuple(new if slot == task.target_index else item for slot, item in enumerate(task.candidates))
        tasks[user] = replace(task, candidates=candidates, target_id=new.item_id)
    return _New(ranking_tasks=tasks, name="newest better", lift=1.0)


class _New(Sound):
    def item_times(self):
        return {"release year": {f"new{number}": 3000.0 + number for number in range(10)}}


class _Unstoppable(Sound):
    def train(self, progress):
        return super().train(progress)


def takes_no_monitor() -> Sound:
    return _Unstoppable(name="takes no monitor")


def worse() -> Sound:
    """A good deal worse than `sound` under the same conditions, and still better than chance."""
    return Sound(name="sound", lift=1.2)


def other_learning_rate() -> Sound:
    return Sound(learning_rate=5e-3)


class _Undeclarable(Sound):
    def conditions(self):
        raise OSError("the fake's tokenizer.json is gone")


def conditions_raise() -> Sound:
    return _Undeclarable(name="conditions raise")


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


def popularity_better() -> Sound:
    """Targets are popular, negatives never are: counts alone find every target, the model does not."""
    tasks = make_tasks()
    for user, task in enumerate(tasks):
        hit = Item(f"hit{user % 10}", f"Film 90{user % 10}")
        candidates = tuple(hit if slot == task.target_index else item for slot, item in enumerate(task.candidates))
        tasks[user] = replace(task, candidates=candidates, target_id=hit.item_id)
    return _Popular(ranking_tasks=tasks, name="popularity better", lift=1.0)


class _Leak(Sound):
    def oracle_proba(self, tasks):
        return [np.full(task.n_candidates, 1.0 / task.n_candidates) for task in tasks]


def leak() -> Sound:
    """Scores far above what the known truth allows."""
    return _Leak(name="leak")


class _NanScores(Sound):
    def score(self, tasks):
        scores = super().score(tasks)
        for task, row in zip(tasks, scores, strict=True):
            if task.query_id == "u3":
                row[2] = np.nan
        return scores


def nan_scores() -> Sound:
    return _NanScores(name="nan scores")


class _Short(Sound):
    def score(self, tasks):
        return [row[:-1] for row in super().score(tasks)]


def wrong_shape() -> Sound:
    return _Short(name="wrong shape")


class _None(Sound):
    def score(self, tasks):
        return None


def score_gives_none() -> Sound:
    return _None(name="score gives None")


class _Text(Sound):
    def score(self, tasks):
        return [["a"] * task.n_candidates for task in tasks]


def score_gives_text() -> Sound:
    return _Text(name="score gives text")


class _Raises(Sound):
    def train(self, progress, monitor=None):
        super().train(progress, monitor)
        raise RuntimeError("CUDA out of memory, said the fake")


def training_raises() -> Sound:
    return _Raises(name="training raises")


def vacuous_cutoff() -> Sound:
    return Sound(cutoffs=(5, N_CANDIDATES), name="vacuous cutoff")


def tasks_raise() -> Minimal:
    raise ZeroDivisionError("the fake's data are broken")


def no_candidates() -> Minimal:
    return Minimal(ranking_tasks=[RankingTask("u", (), (), "i", 0)])


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


def target_dropped_logged() -> Sound:
    """`target_dropped`, that adds a line to `trained.log` for each training job."""
    return _Logged(ranking_tasks=target_dropped().ranking_tasks, name="target dropped")


class _Laborious(Sound):
    def rows(self, tasks):
        for _ in range(4):
            super().rows(tasks)
        return super().rows(tasks)


def laborious() -> Sound:
    """Scores as `sound` does, with five times the work."""
    return _Laborious()
