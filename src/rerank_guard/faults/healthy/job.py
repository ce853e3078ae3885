"""The healthy reranker's training job, which a `TrainingChange` can break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.core.target import Progress
from rerank_guard.core.training_change import LossChange, TrainingChange
from rerank_guard.core.training_plan import TrainingPlan
from rerank_guard.core.types import FloatArray, IntArray, RankingTask, TrainingTrace
from rerank_guard.faults.healthy.tokenizer import LETTERS
from rerank_guard.faults.healthy.weights import PARAMETERS, Weights, features, word_match
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.recording.recorder import TraceRecorder

__all__ = ["Job"]

BATCH = 16
STEPS = 200
WARMUP = 10
LEARNING_RATE = 3e-3

_LOGGED_EVERY = 20
_FINAL_SHARE = 0.2
"""Share of the peak learning rate at the end of the linear decay."""

_LETTER_SHARE = {LossChange.WHOLE_PROMPT: 0.05, LossChange.LETTER_AND_END: 0.5}
"""Share of the letter in the gradient of a loss that is taken over more tokens."""


@dataclass(frozen=True, slots=True)
class _Examples:
    """All examples of a job: (E, words) histories, (E, N, words) candidates, (E,) positions whose letter is trained on."""

    history: FloatArray
    candidates: FloatArray
    positions: IntArray

    def batch(self, rows: IntArray) -> _Examples:
        return _Examples(self.history[rows], self.candidates[rows], self.positions[rows])


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The job as it is run: `order` holds the example of each row of each step, `peak` the largest learning rate."""

    order: IntArray
    steps: int
    warmup_steps: int
    peak: float

    def rows(self, step: int) -> IntArray:
        return self.order[step * BATCH : (step + 1) * BATCH]

    def rate(self, step: int) -> float:
        """Linear warm-up, then linear decay to 20 % of the peak."""
        decay = 1.0 - (1.0 - _FINAL_SHARE) * step / self.steps
        return self.peak * min((step + 1) / max(1, self.warmup_steps), decay)


class Job:
    """Adam on the cross-entropy of the target's letter, changed as `change` says.

    Args:
        change: what is different about the job.
        seed: of the order of the examples.
    """

    def __init__(self, change: TrainingChange, *, seed: int) -> None:
        self._change = change
        self._seed = seed

    def trained_position(self, position: int, n: int) -> int:
        """The position whose letter is trained on, of a target at `position` among `n` candidates."""
        return (position + 1) % n if self._change.loss is LossChange.NEXT_LETTER else position

    def plan(self, tasks: Sequence[RankingTask]) -> TrainingPlan:
        """What the job is configured to do on these tasks."""
        change = self._change
        steps = min(STEPS, max(1, len(tasks) // BATCH)) if change.steps is None else change.steps
        return TrainingPlan(
            n_examples=len(tasks),
            examples_per_step=BATCH,
            epochs=None,
            max_steps=steps,
            warmup_steps=WARMUP if change.warmup_steps is None else change.warmup_steps,
            learning_rate=LEARNING_RATE * change.learning_rate_factor,
            trainable_parameters=0 if change.frozen else PARAMETERS,
        )

    def run(
        self,
        start: Weights,
        tasks: Sequence[RankingTask],
        progress: Progress,
        monitor: TrainingMonitor | None,
    ) -> tuple[Weights, TrainingTrace]:
        """Train on tasks of one N.

        Args:
            start: weights before the job; they stay as they are.
            tasks: the training examples.
            progress: called every 20 steps.
            monitor: ends the job as soon as its checks have passed; None for a job that runs to its budget.

        Returns:
            The weights after the job, and what was recorded of it.
        """
        plan = self.plan(tasks)
        recorder = TraceRecorder(plan.steps, plan.trainable_parameters or 0, monitor=monitor)
        if self._change.skipped:
            return start, recorder.finish()
        examples = self._examples(tasks)
        rng = np.random.default_rng(6000 + self._seed)
        schedule = self._schedule(plan, len(tasks), rng)
        weights, adam = start, _Adam()
        for step in range(schedule.steps):
            rows, rate = schedule.rows(step), schedule.rate(step)
            batch = examples.batch(rows)
            logits = word_match(weights, batch.history, batch.candidates)
            logits = logits + weights.prior[: logits.shape[1]]
            by_logit, nll = _cross_entropy(logits, batch.positions)
            self._record(recorder, logits, batch.positions, nll, rows)
            gradient = self._changed_gradient(_by_weight(by_logit, batch), rng)
            norm = float(np.linalg.norm(gradient))
            if self._is_nan(step):
                norm = float("nan")
            elif not (self._change.frozen or self._change.detached):
                weights = _moved(weights, rate * adam.direction(gradient))
            recorder.step(rate, norm)
            if (step + 1) % _LOGGED_EVERY == 0 or step + 1 == schedule.steps:
                progress(step + 1, plan.steps, f"letter NLL {nll.mean():.2f}")
            if recorder.decided:
                break
        return weights, recorder.finish()

    def _examples(self, tasks: Sequence[RankingTask]) -> _Examples:
        show = self._change.prompt
        history, candidates = features(tasks if show is None else [show(task) for task in tasks])
        positions = [self.trained_position(task.target_index or 0, task.n_candidates) for task in tasks]
        return _Examples(history, candidates, np.array(positions, dtype=np.int64))

    def _schedule(self, plan: TrainingPlan, n_examples: int, rng: np.random.Generator) -> _Schedule:
        passes = -(-plan.steps * BATCH // n_examples)
        order = np.concatenate([rng.permutation(n_examples) for _ in range(passes)])
        if self._change.ignores_settings:
            return _Schedule(order, plan.steps // 2, plan.warmup_steps, 0.3 * plan.learning_rate)
        return _Schedule(order, plan.steps, plan.warmup_steps, plan.learning_rate)

    def _is_nan(self, step: int) -> bool:
        every = self._change.nan_every
        return bool(every) and (step + 1) % (every or 1) == 0

    def _changed_gradient(self, gradient: FloatArray, rng: np.random.Generator) -> FloatArray:
        """The gradient of the loss that the change asks for; other tokens than the letter add noise of its size."""
        loss = self._change.loss
        if loss is LossChange.FLIPPED:
            return -gradient
        if loss is not LossChange.NOT_THE_LETTER and loss not in _LETTER_SHARE:
            return gradient
        others = rng.normal(scale=float(np.abs(gradient).mean()), size=gradient.shape)
        if loss is LossChange.NOT_THE_LETTER:
            return others
        share = _LETTER_SHARE[loss]
        return share * gradient + (1.0 - share) * others

    def _record(
        self, recorder: TraceRecorder, logits: FloatArray, positions: IntArray, nll: FloatArray, rows: IntArray
    ) -> None:
        """Each letter's own loss; of a loss over more tokens, its mean over the batch, as a Trainer logs it."""
        if self._change.loss in _LETTER_SHARE:
            recorder.examples([float(nll.mean()) / 2.0] * len(rows), logits.shape[1], rows.tolist())
        else:
            recorder.letters(logits, positions, logits.shape[1], rows.tolist())


class _Adam:
    """Kingma and Ba 2015, algorithm 1, for one vector."""

    def __init__(self) -> None:
        self._step = 0
        self._mean: FloatArray | float = 0.0
        self._square: FloatArray | float = 0.0

    def direction(self, gradient: FloatArray) -> FloatArray:
        """The step for a gradient, before it is multiplied by the learning rate."""
        self._step += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.99 * self._square + 0.01 * gradient**2
        mean = self._mean / (1.0 - 0.9**self._step)
        square = self._square / (1.0 - 0.99**self._step)
        return np.asarray(mean / (np.sqrt(square) + 1e-8))


def _cross_entropy(logits: FloatArray, positions: IntArray) -> tuple[FloatArray, FloatArray]:
    """(B, N) derivative of each letter's cross-entropy by the logits, and the (B,) cross-entropy in nats."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    each = np.arange(len(positions))
    gradient = np.exp(shifted - log_sum)
    gradient[each, positions] -= 1.0
    return gradient, (log_sum[:, 0] - shifted[each, positions])


def _by_weight(by_logit: FloatArray, batch: _Examples) -> FloatArray:
    """(words * words + letters,) the mean gradient of a batch by the adapter's weights, from that by its logits."""
    of_words = np.einsum("uw,uv->wv", batch.history, np.einsum("un,unv->uv", by_logit, batch.candidates))
    of_letters = np.zeros(len(LETTERS))
    of_letters[: by_logit.shape[1]] = by_logit.sum(axis=0)
    return np.asarray(np.concatenate([of_words.ravel(), of_letters]) / BATCH)


def _moved(weights: Weights, step: FloatArray) -> Weights:
    """The weights after one step of the optimiser, a vector as `_by_weight` gives it."""
    words = weights.adapter_words.size
    return replace(
        weights,
        adapter_words=weights.adapter_words - step[:words].reshape(weights.adapter_words.shape),
        adapter_letters=weights.adapter_letters - step[words:],
    )
