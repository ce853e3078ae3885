"""A fake target with every capability there is, and a few that do not offer one of them, or break one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from fake_data import make_scores, make_tasks
from fake_targets import Sound

from rerank_guard.errors import NotOfferedError
from rerank_guard.prompts import ScoringPrompt, SupervisedToken, TrainingPrompt
from rerank_guard.training_plan import ParameterChange, TrainingPlan
from rerank_guard.types import FloatArray, Item, LetterTable, LetterToken, RankingTask, TrainingTrace

_SAFE = re.compile(r"[A-Za-z0-9 ,.'()-]+")
_VOCABULARY = 128


def _prompt(task: RankingTask) -> str:
    for item in (*task.history, *task.candidates):
        if not _SAFE.fullmatch(item.text):
            raise ValueError(f"the title {item.text[:40]!r} of {item.item_id!r} holds more than plain text")
    seen = "".join(f"- {item.text}\n" for item in task.history)
    offered = "".join(f"{chr(65 + slot)}. {item.text}\n" for slot, item in enumerate(task.candidates))
    return f"Seen:\n{seen}Which of these is next?\n{offered}Answer:\n"


def _ids(text: str) -> tuple[int, ...]:
    """A token a character."""
    return tuple(map(ord, text))


def rehearsal(start: float, end: float, *, rank: float = 1.0, learning_rate: float = 1e-3) -> TrainingTrace:
    """Four examples of 20 candidates, shown 40 times."""
    nll = np.linspace(start, end, 40).repeat(4)
    n = len(nll)
    return TrainingTrace(
        letter_nll=nll,
        n_candidates=np.full(n, 20),
        example_step=np.arange(40).repeat(4),
        first_pass=np.arange(n) < 4,
        learning_rate=np.full(40, learning_rate),
        gradient_norm=np.ones(40),
        planned_steps=40,
        trainable_parameters=1000,
        seconds=1.0,
        target_index=np.tile([1, 5, 9, 16], 40),
        target_rank=np.full(n, rank),
    )


@dataclass
class Whole(Sound):
    """All capabilities, all sound."""

    name: str = "whole"

    def letter_table(self) -> LetterTable:
        return LetterTable(tuple(LetterToken(chr(code), (code,), code) for code in range(65, 91)), unk_token_id=0)

    def training_tasks(self) -> list[RankingTask]:
        return [replace(task, query_id=f"trained {task.query_id}") for task in make_tasks(300, seed=8)]

    def training_plan(self) -> TrainingPlan:
        return TrainingPlan(1200, 20, 1.0, None, 0, 1e-3, 1000)

    def rehearse(self, progress) -> TrainingTrace:
        self.log.append("rehearse")
        return rehearsal(start=3.0, end=0.1)

    def parameter_changes(self) -> list[ParameterChange]:
        return [ParameterChange("base", 9000, False, 0.0, 30.0), ParameterChange("lora_B", 1000, True, 0.7, 0.0)]

    def scoring_prompts(self, tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
        texts = [_prompt(task) for task in tasks]
        return [
            ScoringPrompt(task.query_id, text, _ids(text), len(text) - 1)
            for task, text in zip(tasks, texts, strict=True)
        ]

    def training_prompts(self, tasks: Sequence[RankingTask]) -> list[TrainingPrompt]:
        prompts = []
        for task in tasks:
            text = _prompt(task)
            letter = chr(65 + task.candidate_ids.index(task.target_id))
            supervised = (SupervisedToken(len(text) - 1, ord(letter)),)
            prompts.append(
                TrainingPrompt(task.query_id, text + letter, _ids(text + letter), len(text) - 1, supervised)
            )
        return prompts

    def next_token_logits(self, prompts: Sequence[Sequence[int]]) -> list[FloatArray]:
        return [self._logits("".join(map(chr, prompt))) for prompt in prompts]

    def _logits(self, text: str) -> FloatArray:
        """By what the prompt says, and nothing else."""
        of_title = {f"Film {number:03d}": Item(f"i{number}", f"Film {number:03d}") for number in range(200)}
        history = tuple(of_title[title] for title in re.findall(r"^- (.+)$", text, re.MULTILINE))
        candidates = tuple(of_title[title] for title in re.findall(r"^[A-Z]\. (.+)$", text, re.MULTILINE))
        liked = {task.target_id for task in self.ranking_tasks if task.history == history}
        target = next((item.item_id for item in candidates if item.item_id in liked), "no target")
        logits = np.full(_VOCABULARY, -20.0)
        (row,) = self.rows([RankingTask("read", history, candidates, target, None)])
        logits[65 : 65 + len(row)] = row
        return logits

    def score_reloaded(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return self.rows(tasks)

    def score_without_adapter(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return make_scores(tasks, lift=0.0)

    def reported_metrics(self) -> dict[str, float]:
        hits = [
            (row > row[task.candidate_ids.index(task.target_id)]).sum() < 5
            for task, row in zip(self.ranking_tasks, self.rows(self.ranking_tasks), strict=True)
        ]
        return {"Recall@5": float(np.mean(hits))}


def whole() -> Whole:
    return Whole()


class _WithoutAdapter(Whole):
    def score_without_adapter(self, tasks):
        raise NotOfferedError("this configuration trains all weights, so there is no adapter to switch off")

    def training_prompts(self, tasks):
        raise NotOfferedError("the collator of this configuration cannot be asked")


def not_all_offered() -> Whole:
    """Has every method, and says of two that they do not go with this configuration."""
    return _WithoutAdapter(name="not all offered")


class _ShortPlan(Whole):
    def training_plan(self):
        return TrainingPlan(1635, 32, 1.0, None, 20, 1e-3, 1000)


def planned_too_short() -> Whole:
    """51 whole steps and a rest, 20 of them warm-up."""
    return _ShortPlan(name="planned too short")


def prompt_tells_the_target() -> Whole:
    """The target's title comes once more behind the list."""
    return _Telling(name="prompt tells the target")


class _Telling(Whole):
    def scoring_prompts(self, tasks):
        prompts = []
        for task, prompt in zip(tasks, super().scoring_prompts(tasks), strict=True):
            title = next((item.text for item in task.candidates if item.item_id == task.target_id), "")
            text = prompt.text.replace("Answer:", f"Hint: {title}\nAnswer:")
            prompts.append(ScoringPrompt(task.query_id, text, _ids(text), len(text) - 1))
        return prompts


class _Forgetful(Whole):
    def score_reloaded(self, tasks):
        return self.score_without_adapter(tasks)


def adapter_lost() -> Whole:
    """Saved without its weights: loaded again, it is the base model."""
    return _Forgetful(name="adapter lost")


class _Flattered(Whole):
    def reported_metrics(self):
        return {"Recall@5": 0.99}


def flattered() -> Whole:
    """Reports another Recall@5 than its scores have."""
    return _Flattered(name="flattered")


class _Rotated(Whole):
    def score(self, tasks):
        return [np.roll(row, 1) for row in super().score(tasks)]


def letters_shifted() -> Whole:
    """Each candidate gets the logit of the letter before its own."""
    return _Rotated(name="letters shifted")


class _Flipped(Whole):
    def rehearse(self, progress):
        return rehearsal(start=3.0, end=9.0, rank=20.0)


def sign_flipped() -> Whole:
    """Its job gets worse at the examples that it trains on."""
    return _Flipped(name="sign flipped")


class _Shuffling(Whole):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._rng = np.random.default_rng(0)

    def scoring_prompts(self, tasks):
        mixed = [
            replace(task, history=tuple(task.history[i] for i in self._rng.permutation(len(task.history))))
            for task in tasks
        ]
        return super().scoring_prompts(mixed)


def history_shuffled() -> Whole:
    """Its prompt builder draws the order of the history at every call."""
    return _Shuffling(name="history shuffled")
