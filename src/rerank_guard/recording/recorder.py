"""Record a training loop, any loop, into a `TrainingTrace`."""

from __future__ import annotations

import math
import time
import zipfile
import zlib
from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rerank_guard.core.errors import InvalidTraceError
from rerank_guard.core.types import IntArray, TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.stats.letters import mean_rank, tempered_nll

__all__ = ["TraceRecorder"]

_OPTIONAL = ("target_index", "tempered_nll", "target_rank")
_ARRAYS = ("letter_nll", "n_candidates", "example_step", "first_pass", "learning_rate", "gradient_norm")


class TraceRecorder:
    """Collects per-example letter NLL and per-step learning rate and gradient norm.

    Call `examples` in every forward pass, before the optimiser step that trains on them, and `step` after it::

        recorder = TraceRecorder(planned_steps=100, trainable_parameters=16_000)
        for batch in batches:
            nll = ...                       # (B,) cross-entropy over the N letters in use
            recorder.examples(nll, n_candidates, example_ids)
            ...                             # backward, optimiser step
            recorder.step(learning_rate, gradient_norm)
            if recorder.decided:            # only with a monitor: its checks have passed, more training decides nothing
                break
        trace = recorder.finish()

    Where the letter logits are known, `letters` takes them instead of the NLL, and more can be checked.

    Args:
        planned_steps: optimiser steps that the configuration asks for.
        trainable_parameters: number of parameters with requires_grad.
        monitor: gets each optimiser step, all its forward passes at once, as the checks read the trace; reports when the
            job's verdicts are decided. None for a job that runs to its budget.
    """

    def __init__(
        self, planned_steps: int, trainable_parameters: int, *, monitor: TrainingMonitor | None = None
    ) -> None:
        self.monitor = monitor
        self.planned_steps = planned_steps
        self.trainable_parameters = trainable_parameters
        self._columns: dict[str, list[Any]] = {name: [] for name in (*_ARRAYS, *_OPTIONAL)}
        self._seen: set[Hashable] = set()
        self._reported = 0  # examples that were passed to the monitor
        self._earlier_seconds = 0.0
        self._started = time.monotonic()

    def examples(self, letter_nll: ArrayLike, n_candidates: ArrayLike, example_ids: Sequence[Hashable]) -> None:
        """Record a forward pass over B examples.

        Args:
            letter_nll: (B,) nats.
            n_candidates: (B,) N of each example, or one number for all.
            example_ids: B ids; the first time an id comes counts as the first pass over it.

        Raises:
            InvalidTraceError: the three differ in length.
        """
        self._examples(letter_nll, n_candidates, example_ids, {})

    def letters(
        self,
        letter_logits: ArrayLike,
        target_index: ArrayLike,
        n_candidates: ArrayLike,
        example_ids: Sequence[Hashable],
    ) -> None:
        """Record a forward pass over B examples from its letter logits.

        With these the monitor can also compare the model with a fixed letter prior, and an over-confident model at
        a higher temperature.

        Args:
            letter_logits: (B, Nmax); columns from an example's N on are ignored.
            target_index: (B,) positions of the targets.
            n_candidates: (B,) N of each example, or one number for all.
            example_ids: B ids; the first time an id comes counts as the first pass over it.

        Raises:
            InvalidTraceError: the shapes do not belong together, or a position is outside its candidates.
        """
        logits = np.asarray(letter_logits, dtype=np.float64)
        positions = np.asarray(target_index, dtype=np.int64)
        if logits.ndim != 2 or positions.shape != logits.shape[:1]:
            raise InvalidTraceError(
                f"letter_logits has shape {logits.shape} and target_index {positions.shape}; give (B, Nmax) and (B,)."
            )
        if len(example_ids) != len(positions):
            raise InvalidTraceError(
                f"letter_logits has {len(positions)} rows but there are {len(example_ids)} example_ids; give one a row."
            )
        counts = _counts(n_candidates, len(positions))
        outside = (positions < 0) | (positions >= counts) | (counts > logits.shape[1])
        if bool(outside.any()):
            row = int(np.flatnonzero(outside)[0])
            raise InvalidTraceError(
                f"example {example_ids[row]!r} has target_index {positions[row]} of {counts[row]} candidates and "
                f"{logits.shape[1]} logits; give 0 <= target_index < N <= Nmax."
            )
        tempered = tempered_nll(logits, positions, counts)
        more = {
            "target_index": positions,
            "tempered_nll": tempered,
            "target_rank": mean_rank(logits, positions, counts),
        }
        self._examples(tempered[:, 0], counts, example_ids, more)

    def _examples(
        self,
        letter_nll: ArrayLike,
        n_candidates: ArrayLike,
        example_ids: Sequence[Hashable],
        more: Mapping[str, NDArray[Any]],
    ) -> None:
        nll = np.asarray(letter_nll, dtype=np.float64)
        if nll.ndim != 1 or len(nll) != len(example_ids):
            raise InvalidTraceError(
                f"letter_nll has shape {nll.shape} but there are {len(example_ids)} example_ids; record one value "
                "each, not a batch mean."
            )
        counts = _counts(n_candidates, len(nll))
        missing = [name for name in _OPTIONAL if bool(self._columns[name]) != (name in more)]
        if self._columns["letter_nll"] and missing:
            raise InvalidTraceError(
                "some forward passes were recorded by letters() and some by examples(); keep to one of them."
            )
        self._columns["letter_nll"] += nll.tolist()
        self._columns["n_candidates"] += counts.tolist()
        self._columns["example_step"] += [len(self._columns["learning_rate"])] * len(nll)
        first_pass = []
        for example in example_ids:
            first_pass.append(example not in self._seen)
            self._seen.add(example)
        self._columns["first_pass"] += first_pass
        for name, values in more.items():
            self._columns[name] += values.tolist()

    def step(self, learning_rate: float, gradient_norm: float = math.nan) -> None:
        """Record one optimiser step."""
        self._columns["learning_rate"].append(learning_rate)
        self._columns["gradient_norm"].append(gradient_norm)
        self._report_to_monitor(len(self._columns["letter_nll"]))

    def _report_to_monitor(self, until: int) -> None:
        """Pass the examples that the monitor has not seen, up to number `until`, to it as one batch."""
        rows = slice(self._reported, until)
        self._reported = until
        nll = np.array(self._columns["letter_nll"][rows], dtype=np.float64)
        if self.monitor is None or len(nll) == 0:
            return
        positions, tempered, ranks = (self._columns[name][rows] for name in _OPTIONAL)
        self.monitor.batch(
            nll,
            np.array(self._columns["n_candidates"][rows], dtype=np.int64),
            np.array(self._columns["first_pass"][rows], dtype=np.bool_),
            np.array(positions, dtype=np.int64) if positions else None,
            np.array(tempered, dtype=np.float64) if tempered else None,
            np.array(ranks, dtype=np.float64) if ranks else None,
        )

    @property
    def decided(self) -> bool:
        """Whether the monitor's checks have all passed, so that the job may end; False without a monitor."""
        return self.monitor is not None and self.monitor.decided

    @property
    def recent_nll(self) -> float:
        """Mean letter NLL of the last 512 examples; NaN before the first."""
        recent = self._columns["letter_nll"][-512:]
        return float(np.mean(recent)) if recent else math.nan

    def finish(self) -> TrainingTrace:
        """What has been recorded so far; recording may go on."""
        column = self._columns
        return TrainingTrace(
            letter_nll=np.array(column["letter_nll"], dtype=np.float64),
            n_candidates=np.array(column["n_candidates"], dtype=np.int64),
            example_step=np.array(column["example_step"], dtype=np.int64),
            first_pass=np.array(column["first_pass"], dtype=np.bool_),
            learning_rate=np.array(column["learning_rate"], dtype=np.float64),
            gradient_norm=np.array(column["gradient_norm"], dtype=np.float64),
            planned_steps=self.planned_steps,
            trainable_parameters=self.trainable_parameters,
            seconds=self._seconds(),
            target_index=np.array(column["target_index"], dtype=np.int64) if column["target_index"] else None,
            tempered_nll=np.array(column["tempered_nll"], dtype=np.float64) if column["tempered_nll"] else None,
            target_rank=np.array(column["target_rank"], dtype=np.float64) if column["target_rank"] else None,
            stopped_early=self.decided and len(column["learning_rate"]) < self.planned_steps,
        )

    def save(self, path: Path) -> None:
        """Write the state to an `.npz` file, so that a job killed and resumed keeps one trace.

        Example ids are kept as text; a resumed job must name its examples by the same strings or integers.

        Raises:
            InvalidTraceError: an example id is neither; after `load` it could not be distinguished from a new one.
        """
        seen = np.array([_id_as_text(example) for example in self._seen], dtype=np.str_)
        arrays: dict[str, Any] = {name: np.array(values) for name, values in self._columns.items()}
        unfinished = path.with_name(f"{path.name}.part")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, seen=seen, seconds=self._seconds(), **arrays)
        unfinished.replace(path)  # a kill in between leaves no half trace under the final name

    def load(self, path: Path) -> None:
        """Continue from a state written by `save`.

        Raises:
            InvalidTraceError: the file is missing, unreadable, or lacks a column.
        """
        try:
            with np.load(path, allow_pickle=False) as state:
                self._columns = {name: state[name].tolist() for name in (*_ARRAYS, *_OPTIONAL)}
                self._earlier_seconds = float(state["seconds"])
                pairs = [str(entry).split(":", 1) for entry in state["seen"]]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InvalidTraceError(
                f"{path}: cannot continue this training trace ({error}); resume from a checkpoint that was written whole."
            ) from error
        self._seen = {int(text) if kind == "int" else text for kind, text in pairs}
        self._catch_up()

    def _catch_up(self) -> None:
        """Pass what was recorded before the job was killed to the monitor."""
        self._reported = 0
        for step in range(len(self._columns["learning_rate"])):
            self._report_to_monitor(bisect_left(self._columns["example_step"], step + 1))

    def _seconds(self) -> float:
        return self._earlier_seconds + time.monotonic() - self._started


def _id_as_text(example: object) -> str:
    if isinstance(example, str):
        return f"text:{example}"
    if isinstance(example, Integral):  # numpy's integers too, which are equal to Python's after `load`
        return f"int:{int(example)}"
    raise InvalidTraceError(
        f"example id {example!r} of type {type(example).__name__} cannot be saved; name examples by strings or integers."
    )


def _counts(n_candidates: ArrayLike, examples: int) -> IntArray:
    """N of each example."""
    counts = np.asarray(n_candidates, dtype=np.int64)
    if counts.shape not in ((), (examples,)):
        raise InvalidTraceError(
            f"n_candidates has shape {counts.shape} for {examples} examples; give one N each, or one number for all."
        )
    return np.broadcast_to(counts, (examples,))
