"""A reranker in numpy that behaves like a real one: prompts, tokens, letters, a training job, an adapter.

It scores by a bilinear form of the words of history and candidate, learned by Adam from the letter's cross-entropy, and
trains in about a second. It has every capability, and all of them are sound. `rebuilt` breaks its job.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from guard.fake_job import Job, Weights, features, fresh_weights, letter_logits, words_vector
from guard.fake_tokenizer import CUE, END, LETTER_IDS, LETTERS, VOCABULARY, encode, letter_table, read, render
from guard.fake_world import make_world, world_tasks
from rerank_guard.metrics import NDCG, Recall, ReciprocalRank, target_standing
from rerank_guard.monitor import TrainingMonitor
from rerank_guard.population import Population
from rerank_guard.prompts import ScoringPrompt, SupervisedToken, TrainingPrompt
from rerank_guard.split_times import SplitTimes
from rerank_guard.stored import RunConditions
from rerank_guard.training_change import LossChange, SavedAdapter, TrainingChange
from rerank_guard.training_plan import ParameterChange, TrainingPlan
from rerank_guard.types import FloatArray, LetterTable, RankingTask, TargetDescription, TrainingTrace

N_CANDIDATES = 20
NOTHING = TrainingChange()
_SEEN_TOO_FEW = "fewer than six films seen"


class FakeReranker:
    """A sound target with every capability.

    Args:
        seed: of the data, the weights and the order of training.
        n_train: training examples.
        n_test: held-out users.
        change: what is broken about the job.
    """

    def __init__(
        self, seed: int = 0, *, n_train: int = 3200, n_test: int = 400, change: TrainingChange = NOTHING
    ) -> None:
        self.name = "fake reranker"
        self.cutoffs = (5,)
        self._made_of = (seed, n_train, n_test)
        self._change = change
        self._world = make_world()
        self._test = world_tasks(n_test, N_CANDIDATES, 1000 + seed, "test")
        train = world_tasks(n_train, N_CANDIDATES, 2000 + seed, "train")
        self._train: Sequence[RankingTask] = train if change.tasks is None else change.tasks(train)
        self._fresh = fresh_weights(seed)
        self._weights = self._fresh
        self._trained = self._fresh  # as the job left them, before anything was saved
        self._noise = np.random.default_rng(3000 + seed).normal(size=(VOCABULARY, VOCABULARY))
        self._job = Job(change, seed=seed)

    # ---- what it is judged on

    def tasks(self) -> Sequence[RankingTask]:
        return self._test

    def training_tasks(self) -> Sequence[RankingTask]:
        return self._train

    def population(self) -> Population:
        return Population(len(self._test) + 31, {_SEEN_TOO_FEW: 31}, frozenset({_SEEN_TOO_FEW}))

    def item_popularity(self) -> Mapping[str, int]:
        return Counter(task.target_id for task in self._train)

    def item_times(self) -> Mapping[str, Mapping[str, float]]:
        years = np.random.default_rng(5).integers(1930, 2020, size=len(self._world.items))
        return {
            "release year": {item.item_id: float(year) for item, year in zip(self._world.items, years, strict=True)}
        }

    def split_times(self) -> SplitTimes:
        trained = [task.query_id for task in self._train]
        tested = [task.query_id for task in self._test]
        return SplitTimes(
            trained, np.arange(len(trained), dtype=float), tested, 1e6 + np.arange(len(tested)), claim="time"
        )

    def oracle_proba(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return [self._world.posterior(task) for task in tasks]

    def conditions(self) -> RunConditions:
        plan = self._job.plan(self._train)
        return RunConditions(
            tokenizer="words, letters and bytes",
            prompt=render(self._test[0]),
            config={"learning_rate": plan.learning_rate, "steps": plan.steps},
            sampler="uniform negatives",
            split="other people",
        )

    def describe(self) -> TargetDescription:
        return TargetDescription(
            "made-up films, uniform negatives", "cpu", {"fake": "1.0"}, {"adapter": "bilinear"}
        )

    # ---- the prompts

    def letter_table(self) -> LetterTable:
        return letter_table()

    def scoring_prompts(self, tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
        prompts = []
        for task in tasks:
            text = render(task)
            ids = encode(text)
            prompts.append(ScoringPrompt(task.query_id, text, ids, len(ids) - 1))
        return prompts

    def training_prompts(self, tasks: Sequence[RankingTask]) -> list[TrainingPrompt]:
        return [self._training_prompt(task) for task in tasks]

    def _training_prompt(self, task: RankingTask) -> TrainingPrompt:
        shown = task if self._change.prompt is None else self._change.prompt(task)
        text = render(shown)
        before = encode(text)
        slot = self._job.answer(task.target_index or 0, task.n_candidates)
        ids = (*before, LETTER_IDS[slot], END)
        answer = len(before) - 1
        letter = SupervisedToken(answer, LETTER_IDS[slot])
        end = SupervisedToken(answer + 1, END)
        prompt = tuple(SupervisedToken(place, ids[place + 1]) for place in range(answer))
        supervised = {
            LossChange.WHOLE_PROMPT: (*prompt, letter, end),
            LossChange.LETTER_AND_END: (letter, end),
            LossChange.NOT_THE_LETTER: (end,),
        }.get(self._change.loss or LossChange.FLIPPED, (letter,))
        return TrainingPrompt(task.query_id, f"{text}{LETTERS[slot]}<end>", ids, answer, supervised)

    # ---- the job

    def training_plan(self) -> TrainingPlan:
        return self._job.plan(self._train)

    def train(self, progress, monitor: TrainingMonitor | None = None) -> TrainingTrace:
        self._trained, trace = self._job.run(self._fresh, self._train, progress, monitor)
        self._weights = self._trained
        if self._change.saved is SavedAdapter.DOUBLED:
            self._weights = self._trained.merged()
        elif self._change.saved is not None:
            self._weights = self._trained.without_adapter()
        return trace

    def rehearse(self, progress) -> TrainingTrace:
        job = Job(replace(self._change, steps=40, warmup_steps=4), seed=self._made_of[0])
        return job.run(self._fresh, list(self._train[:8]) * 80, progress, None)[1]

    def parameter_changes(self) -> list[ParameterChange]:
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

    def rebuilt(self, change: TrainingChange) -> FakeReranker:
        seed, n_train, n_test = self._made_of
        return FakeReranker(seed, n_train=n_train, n_test=n_test, change=change)

    # ---- the scores

    def score(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return _scored(self._weights, tasks)

    def score_made_up(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return _scored(self._weights, tasks)

    def predict_proba(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        rows = []
        for row in _scored(self._weights, tasks):
            odds = np.exp(row - row.max())
            rows.append(odds / odds.sum())
        return rows

    def score_without_adapter(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return _scored(self._weights.without_adapter(), tasks)

    def score_reloaded(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "adapter.npz"
            np.savez(path, **{name: values for name, values in self._weights.named() if name.startswith("adapter")})
            with np.load(path) as saved:
                loaded = self._fresh.with_adapter({name: saved[name] for name in saved.files})
        return _scored(loaded, tasks)

    def next_token_logits(self, prompts: Sequence[Sequence[int]]) -> list[FloatArray]:
        """Reads the ids alone. Behind anything but the cue it has nothing to say about letters."""
        rows = []
        for ids in prompts:
            logits = self._noise[ids[-1]].copy()
            found = read(ids)
            if found is not None:
                history, slots = found
                letters = np.array(LETTER_IDS)
                logits[letters] = self._weights.prior + 2.0
                for slot, words in slots.items():
                    logits[LETTER_IDS[slot]] += 4.0 + float(
                        words_vector(history) @ self._weights.matrix @ words_vector(words)
                    )
            rows.append(logits)
        return rows

    def reported_metrics(self) -> dict[str, float]:
        scores = self.score(self._test)
        slots = [task.target_index for task in self._test]
        wanted = {"Recall@5": Recall(5), "NDCG@10": NDCG("binary", 10), "MRR": ReciprocalRank()}
        return {
            name: float(target_standing(scores, slots).values(metric).mean()) for name, metric in wanted.items()
        }


def _scored(weights: Weights, tasks: Sequence[RankingTask]) -> list[FloatArray]:
    """The fast way: straight from the texts, all tasks of one N at once."""
    rows: list[FloatArray] = [np.zeros(0)] * len(tasks)
    by_length: dict[int, list[int]] = {}
    for index, task in enumerate(tasks):
        by_length.setdefault(task.n_candidates, []).append(index)
    for n, indices in by_length.items():
        history, candidates = features([tasks[index] for index in indices])
        logits = letter_logits(weights, history, candidates) + weights.prior[:n] + 6.0
        for index, row in zip(indices, logits, strict=True):
            rows[index] = row
    return rows


def make(seed: int = 0) -> FakeReranker:
    """The sound one, as a factory for `--rerank-target`."""
    return FakeReranker(seed)


assert encode(CUE + "A")[-1] == LETTER_IDS[0], "the letter behind the cue is the one that is scored"
