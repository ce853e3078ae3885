"""A reranker in numpy that behaves like a real one: prompts, tokens, letters, a training job, an adapter."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rerank_guard.core.population import Population
from rerank_guard.core.prompts import ScoringPrompt, SupervisedToken, TrainingPrompt
from rerank_guard.core.split_times import SplitTimes
from rerank_guard.core.target import Progress
from rerank_guard.core.training_change import LossChange, SavedAdapter, TrainingChange
from rerank_guard.core.training_plan import ParameterChange, TrainingPlan
from rerank_guard.core.types import FloatArray, LetterTable, RankingTask, TargetDescription, TrainingTrace
from rerank_guard.faults.healthy.job import Job
from rerank_guard.faults.healthy.prompt import letter_table, write_prompt
from rerank_guard.faults.healthy.scoring import letter_logits, next_token_logits
from rerank_guard.faults.healthy.tokenizer import END, LETTER_IDS, LETTERS, VOCABULARY, encode
from rerank_guard.faults.healthy.weights import fresh_weights
from rerank_guard.faults.healthy.world import make_world, world_tasks
from rerank_guard.metrics import NDCG, Metric, Recall, ReciprocalRank, target_standing
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.stored import RunConditions

__all__ = ["N_CANDIDATES", "HealthyReranker", "make_healthy"]

N_CANDIDATES = 20

_NOTHING = TrainingChange()
_SEEN_TOO_FEW = "fewer than six films seen"
_WITHOUT_A_TASK = 31


class HealthyReranker:
    """A healthy reranker with every capability, which trains in about a third of a second.

    It scores by a bilinear form of the words of history and candidate, learned by Adam from the letter's cross-entropy.
    Copies with the same arguments give the same numbers.

    Args:
        seed: of the data, the weights and the order of training.
        n_train: training examples.
        n_test: held-out users.
        change: what is different about the training job; by default nothing.
    """

    def __init__(
        self, seed: int = 0, *, n_train: int = 3200, n_test: int = 400, change: TrainingChange = _NOTHING
    ) -> None:
        self.name = "healthy reranker"
        self.cutoffs: tuple[int, ...] = (5,)
        self._made_of = (seed, n_train, n_test)
        self._change = change
        self._world = make_world()
        self._test: Sequence[RankingTask] = world_tasks(n_test, N_CANDIDATES, 1000 + seed, "test")
        train = world_tasks(n_train, N_CANDIDATES, 2000 + seed, "train")
        self._train: Sequence[RankingTask] = train if change.tasks is None else change.tasks(train)
        self._fresh = fresh_weights(seed)
        self._weights = self._fresh
        self._trained = self._fresh  # as the job left them, before anything was saved
        self._noise = np.random.default_rng(3000 + seed).normal(size=(VOCABULARY, VOCABULARY))
        self._job = Job(change, seed=seed)

    # ---- what it is judged on

    def tasks(self) -> Sequence[RankingTask]:
        """The held-out tasks, of 20 candidates each."""
        return self._test

    def training_tasks(self) -> Sequence[RankingTask]:
        """The examples of the training job."""
        return self._train

    def population(self) -> Population:
        """The held-out users and those with too short a history."""
        reasons = {_SEEN_TOO_FEW: _WITHOUT_A_TASK}
        return Population(len(self._test) + _WITHOUT_A_TASK, reasons, frozenset(reasons))

    def item_popularity(self) -> Mapping[str, int]:
        """How often each item is the target of a training task."""
        return Counter(task.target_id for task in self._train)

    def item_times(self) -> Mapping[str, Mapping[str, float]]:
        """Release years, which have nothing to do with what is taken."""
        years = np.random.default_rng(5).integers(1930, 2020, size=len(self._world.items))
        return {
            "release year": {item.item_id: float(year) for item, year in zip(self._world.items, years, strict=True)}
        }

    def split_times(self) -> SplitTimes:
        """All training interactions before all held-out ones."""
        trained = [task.query_id for task in self._train]
        tested = [task.query_id for task in self._test]
        return SplitTimes(
            trained,
            np.arange(len(trained), dtype=float),
            tested,
            1e6 + np.arange(len(tested), dtype=float),
            claim="time",
        )

    def oracle_proba(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """The world's own posterior, (N,) a task."""
        return [self._world.posterior(task) for task in tasks]

    def conditions(self) -> RunConditions:
        """Tokenizer, prompt, settings, sampler and split."""
        plan = self._job.plan(self._train)
        return RunConditions(
            tokenizer="words, letters and bytes",
            prompt=write_prompt(self._test[0]),
            config={"learning_rate": plan.learning_rate, "steps": plan.steps},
            sampler="uniform negatives",
            split="other people",
        )

    def describe(self) -> TargetDescription:
        """Data, device and kind of adapter."""
        return TargetDescription(
            "synthetic films, uniform negatives", "cpu", {"numpy": np.__version__}, {"adapter": "bilinear"}
        )

    # ---- the prompts

    def letter_table(self) -> LetterTable:
        """The letters A to Z as they are tokenised after the prompt."""
        return letter_table()

    def scoring_prompts(self, tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
        """The prompts that are scored."""
        return [_scoring_prompt(task) for task in tasks]

    def training_prompts(self, tasks: Sequence[RankingTask]) -> list[TrainingPrompt]:
        """The prompts that are trained on, with the tokens where the loss is taken."""
        return [self._training_prompt(task) for task in tasks]

    def _training_prompt(self, task: RankingTask) -> TrainingPrompt:
        shown = task if self._change.prompt is None else self._change.prompt(task)
        text = write_prompt(shown)
        before = encode(text)
        position = self._job.trained_position(task.target_index or 0, task.n_candidates)
        token_ids = (*before, LETTER_IDS[position], END)
        answer = len(before) - 1
        return TrainingPrompt(
            task.query_id, f"{text}{LETTERS[position]}<end>", token_ids, answer, self._supervised(token_ids, answer)
        )

    def _supervised(self, token_ids: Sequence[int], answer: int) -> tuple[SupervisedToken, ...]:
        """The places where the loss is taken: at the letter alone, or as the change has it."""

        def at(place: int) -> SupervisedToken:
            return SupervisedToken(place, token_ids[place + 1])

        letter, end = at(answer), at(answer + 1)
        match self._change.loss:
            case LossChange.WHOLE_PROMPT:
                return (*(at(place) for place in range(answer)), letter, end)
            case LossChange.LETTER_AND_END:
                return (letter, end)
            case LossChange.NOT_THE_LETTER:
                return (end,)
            case _:
                return (letter,)

    # ---- the job

    def training_plan(self) -> TrainingPlan:
        """What the job is configured to do."""
        return self._job.plan(self._train)

    def train(self, progress: Progress, monitor: TrainingMonitor | None = None) -> TrainingTrace:
        """Run the job from the untrained weights, and load what it saved."""
        self._trained, trace = self._job.run(self._fresh, self._train, progress, monitor)
        self._weights = self._trained
        if self._change.saved is SavedAdapter.DOUBLED:
            self._weights = self._trained.merged()
        elif self._change.saved is not None:
            self._weights = self._trained.without_adapter()
        return trace

    def train_one_batch(self, progress: Progress) -> TrainingTrace:
        """The job's own code, 40 steps on 8 examples, each shown 80 times."""
        job = Job(replace(self._change, steps=40, warmup_steps=4), seed=self._made_of[0])
        return job.run(self._fresh, list(self._train[:8]) * 80, progress, None)[1]

    def parameter_changes(self) -> list[ParameterChange]:
        """What the job did to each of the four tensors."""
        trains = not self._change.frozen
        return [
            ParameterChange(
                name,
                before.size,
                should_train=trains and name.startswith("adapter"),
                change=float(np.linalg.norm(after - before)),
                norm=float(np.linalg.norm(before)),
            )
            for (name, before), (_, after) in zip(self._fresh.named(), self._trained.named(), strict=True)
        ]

    def rebuilt(self, change: TrainingChange) -> HealthyReranker:
        """A fresh, untrained copy whose job is changed so."""
        seed, n_train, n_test = self._made_of
        return HealthyReranker(seed, n_train=n_train, n_test=n_test, change=change)

    # ---- the scores

    def score(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """The letters' logits, (N,) a task."""
        return letter_logits(self._weights, tasks)

    def score_synthetic(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """As `score`, for any tasks."""
        return letter_logits(self._weights, tasks)

    def predict_proba(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """The softmax of `score`."""
        rows = []
        for row in letter_logits(self._weights, tasks):
            odds = np.exp(row - row.max())
            rows.append(odds / odds.sum())
        return rows

    def score_without_adapter(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """As `score`, by the base alone."""
        return letter_logits(self._weights.without_adapter(), tasks)

    def score_reloaded(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """As `score`, by an adapter that was written to a file and read again."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "adapter.npz"
            np.savez(path, words=self._weights.adapter_words, letters=self._weights.adapter_letters)
            with np.load(path) as saved:
                loaded = self._fresh.with_adapter(saved["words"], saved["letters"])
        return letter_logits(loaded, tasks)

    def next_token_logits(self, prompts: Sequence[Sequence[int]]) -> list[FloatArray]:
        """The (V,) logits after the last token of each prompt, from its ids alone.

        After anything but the cue they are noise that says nothing of the letters.
        """
        return [next_token_logits(self._weights, self._noise, ids) for ids in prompts]

    def reported_metrics(self) -> dict[str, float]:
        """Recall@5, NDCG@10 and MRR over the held-out tasks."""
        wanted: dict[str, Metric] = {"Recall@5": Recall(5), "NDCG@10": NDCG("binary", 10), "MRR": ReciprocalRank()}
        standing = target_standing(self.score(self._test), [task.target_index for task in self._test])
        return {name: float(standing.values(metric).mean()) for name, metric in wanted.items()}


def make_healthy(seed: int = 0) -> HealthyReranker:
    """A healthy reranker of the default size, as a factory for `--rerank-target`."""
    return HealthyReranker(seed)


def _scoring_prompt(task: RankingTask) -> ScoringPrompt:
    text = write_prompt(task)
    ids = encode(text)
    return ScoringPrompt(task.query_id, text, ids, len(ids) - 1)
