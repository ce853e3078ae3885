"""The fake reranker's weights and its training job, with everything that can be broken about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from guard.fake_tokenizer import LETTERS, clean, encode, token_text
from guard.fake_world import all_words
from rerank_guard.monitor import TrainingMonitor
from rerank_guard.recorder import TraceRecorder
from rerank_guard.training_change import LossChange, TrainingChange
from rerank_guard.training_plan import TrainingPlan
from rerank_guard.types import FloatArray, RankingTask, TrainingTrace

BATCH = 16
STEPS = 200
WARMUP = 10
LEARNING_RATE = 3e-3
SCALE = 30.0
"""Of the adapter beside the base, as LoRA has its alpha over rank."""

_WORD = {word: index for index, word in enumerate(all_words())}


@dataclass(frozen=True)
class Weights:
    """Base and adapter: (words, words) forms and (letters,) biases, which add up."""

    base_words: FloatArray
    base_letters: FloatArray
    adapter_words: FloatArray
    adapter_letters: FloatArray

    @property
    def matrix(self) -> FloatArray:
        return self.base_words + SCALE * self.adapter_words

    @property
    def prior(self) -> FloatArray:
        return self.base_letters + SCALE * self.adapter_letters

    def named(self) -> Iterator[tuple[str, FloatArray]]:
        yield "base.words", self.base_words
        yield "base.letters", self.base_letters
        yield "adapter.words", self.adapter_words
        yield "adapter.letters", self.adapter_letters

    def with_adapter(self, values: Mapping[str, FloatArray]) -> Weights:
        return replace(self, adapter_words=values["adapter.words"], adapter_letters=values["adapter.letters"])

    def without_adapter(self) -> Weights:
        return replace(
            self,
            adapter_words=np.zeros_like(self.adapter_words),
            adapter_letters=np.zeros_like(self.adapter_letters),
        )

    def merged(self) -> Weights:
        """The adapter written into the base, and still on."""
        return replace(self, base_words=self.matrix, base_letters=self.prior)


def fresh_weights(seed: int) -> Weights:
    """A base that knows no films and has a slight preference among letters; an adapter that does nothing yet."""
    rng = np.random.default_rng(4000 + seed)
    words = len(_WORD)
    return Weights(
        rng.normal(scale=0.3, size=(words, words)),
        rng.normal(scale=0.15, size=len(LETTERS)),
        np.zeros((words, words)),
        np.zeros(len(LETTERS)),
    )


def words_vector(words: Sequence[str]) -> FloatArray:
    """(words,) the share of each known word among these."""
    known = [_WORD[word] for word in words if word in _WORD]
    return np.bincount(known, minlength=len(_WORD)) / max(1, len(known))


@lru_cache(maxsize=10_000)
def _title(text: str) -> tuple[str, ...]:
    # behind a space, as titles stand in the prompt
    return tuple(token_text(token).strip() for token in encode(" " + clean(text)))


def features(tasks: Sequence[RankingTask]) -> tuple[FloatArray, FloatArray]:
    """(U, words) of the histories and (U, N, words) of the candidates, for tasks of one N."""
    history = [words_vector([word for item in task.history for word in _title(item.text)]) for task in tasks]
    candidates = [[words_vector(_title(item.text)) for item in task.candidates] for task in tasks]
    return np.array(history), np.array(candidates)


def letter_logits(weights: Weights, history: FloatArray, candidates: FloatArray) -> FloatArray:
    """(U, N) without the letters' biases."""
    return np.asarray(np.einsum("unw,uw->un", candidates, history @ weights.matrix, optimize=True))


class Job:
    """Adam on the letter's cross-entropy, one pass, or whatever `change` makes of it."""

    def __init__(self, change: TrainingChange, *, seed: int) -> None:
        self._change = change
        self._seed = seed

    def answer(self, slot: int, n: int) -> int:
        """The slot whose letter is trained on."""
        return (slot + 1) % n if self._change.loss is LossChange.NEXT_LETTER else slot

    def plan(self, tasks: Sequence[RankingTask]) -> TrainingPlan:
        change = self._change
        steps = min(STEPS, max(1, len(tasks) // BATCH)) if change.steps is None else change.steps
        return TrainingPlan(
            n_examples=len(tasks),
            examples_per_step=BATCH,
            epochs=None,
            max_steps=steps,
            warmup_steps=WARMUP if change.warmup_steps is None else change.warmup_steps,
            learning_rate=LEARNING_RATE * change.learning_rate_factor,
            trainable_parameters=0 if change.frozen else len(_WORD) ** 2 + len(LETTERS),
        )

    def run(
        self, start: Weights, tasks: Sequence[RankingTask], progress, monitor: TrainingMonitor | None
    ) -> tuple[Weights, TrainingTrace]:
        plan, change = self.plan(tasks), self._change
        recorder = TraceRecorder(plan.steps, plan.trainable_parameters or 0, monitor=monitor)
        if change.skipped:
            return start, recorder.finish()
        shown = tasks if change.prompt is None else [change.prompt(task) for task in tasks]
        history, candidates = features(shown)
        slots = np.array([self.answer(task.target_index or 0, task.n_candidates) for task in tasks])
        rng = np.random.default_rng(6000 + self._seed)
        order = np.concatenate([rng.permutation(len(tasks)) for _ in range(-(-plan.steps * BATCH // len(tasks)))])
        steps = plan.steps // 2 if change.ignores_settings else plan.steps
        peak = plan.learning_rate * (0.3 if change.ignores_settings else 1.0)
        weights, adam = start, _Adam()
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            logits = letter_logits(weights, history[rows], candidates[rows])
            n = logits.shape[1]
            logits = logits + weights.prior[:n]
            gradient, nll = _gradient(logits, slots[rows])
            self._record(recorder, logits, slots[rows], nll, rows)
            rate = peak * min((step + 1) / max(1, plan.warmup_steps), 1.0 - 0.8 * step / steps)
            of_words = np.einsum("uw,uv->wv", history[rows], np.einsum("un,unv->uv", gradient, candidates[rows]))
            of_letters = np.zeros(len(LETTERS))
            of_letters[:n] = gradient.sum(axis=0)
            both = self._spoil(np.concatenate([of_words.ravel(), of_letters]) / BATCH, rng)
            norm = float(np.linalg.norm(both))
            if change.nan_every and (step + 1) % change.nan_every == 0:
                norm = float("nan")
            elif not change.frozen:
                moved = rate * adam.direction(both)
                weights = replace(
                    weights,
                    adapter_words=weights.adapter_words - moved[: of_words.size].reshape(of_words.shape),
                    adapter_letters=weights.adapter_letters - moved[of_words.size :],
                )
            recorder.step(rate, norm)
            if step % 20 == 19 or step + 1 == steps:
                progress(step + 1, plan.steps, f"letter NLL {nll.mean():.2f}")
            if recorder.decided:
                break
        return weights, recorder.finish()

    def _spoil(self, gradient: FloatArray, rng: np.random.Generator) -> FloatArray:
        """What the optimiser gets where the loss looks at something else as well, or at nothing but that."""
        loss = self._change.loss
        if loss is LossChange.FLIPPED:
            return -gradient
        others = rng.normal(scale=float(np.abs(gradient).mean()), size=gradient.shape)
        if loss is LossChange.NOT_THE_LETTER:
            return others
        share = {LossChange.WHOLE_PROMPT: 0.05, LossChange.LETTER_AND_END: 0.5}.get(loss, 1.0) if loss else 1.0
        return gradient if share == 1.0 else share * gradient + (1.0 - share) * others

    def _record(
        self, recorder: TraceRecorder, logits: FloatArray, slots: np.ndarray, nll: FloatArray, rows: np.ndarray
    ) -> None:
        """Each letter's own loss; of a loss over more tokens, its mean over the batch, as a Trainer logs it."""
        if self._change.loss in (LossChange.WHOLE_PROMPT, LossChange.LETTER_AND_END):
            recorder.examples([float(nll.mean()) / 2.0] * len(rows), logits.shape[1], rows.tolist())
        else:
            recorder.letters(logits, slots, logits.shape[1], rows.tolist())


class _Adam:
    """Kingma and Ba 2015, algorithm 1, for one vector."""

    def __init__(self) -> None:
        self._step = 0
        self._mean: FloatArray | float = 0.0
        self._square: FloatArray | float = 0.0

    def direction(self, gradient: FloatArray) -> FloatArray:
        self._step += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.99 * self._square + 0.01 * gradient**2
        mean = self._mean / (1.0 - 0.9**self._step)
        square = self._square / (1.0 - 0.99**self._step)
        return np.asarray(mean / (np.sqrt(square) + 1e-8))


def _gradient(logits: FloatArray, slots: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """(B, N) derivative of each letter's cross-entropy by the logits, and the (B,) cross-entropy."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    each = np.arange(len(slots))
    gradient = np.exp(shifted - log_sum)
    gradient[each, slots] -= 1.0
    return gradient, (log_sum[:, 0] - shifted[each, slots])
