"""Record a training loop, any loop, into a `TrainingTrace`."""

from __future__ import annotations

import math
import time
import zipfile
import zlib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rerank_guard.errors import InvalidTraceError
from rerank_guard.types import TrainingTrace

__all__ = ["TraceRecorder"]

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
        trace = recorder.finish()

    Args:
        planned_steps: optimiser steps that the configuration asks for.
        trainable_parameters: number of parameters with requires_grad.
    """

    def __init__(self, planned_steps: int, trainable_parameters: int) -> None:
        self.planned_steps = planned_steps
        self.trainable_parameters = trainable_parameters
        self._columns: dict[str, list[float]] = {name: [] for name in _ARRAYS}
        self._seen: set[Hashable] = set()
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
        nll = np.asarray(letter_nll, dtype=np.float64)
        if nll.ndim != 1 or len(nll) != len(example_ids):
            raise InvalidTraceError(
                f"letter_nll has shape {nll.shape} but there are {len(example_ids)} example_ids; record one value "
                "each, not a batch mean."
            )
        counts = np.broadcast_to(np.asarray(n_candidates, dtype=np.int64), nll.shape)
        self._columns["letter_nll"] += nll.tolist()
        self._columns["n_candidates"] += counts.tolist()
        self._columns["example_step"] += [len(self._columns["learning_rate"])] * len(nll)
        for example in example_ids:
            self._columns["first_pass"].append(example not in self._seen)
            self._seen.add(example)

    def step(self, learning_rate: float, gradient_norm: float = math.nan) -> None:
        """Record one optimiser step."""
        self._columns["learning_rate"].append(learning_rate)
        self._columns["gradient_norm"].append(gradient_norm)

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
        )

    def save(self, path: Path) -> None:
        """Write the state to an `.npz` file, so that a job killed and resumed keeps one trace.

        Example ids are kept as text; a resumed job must name its examples by the same strings or integers.
        """
        seen = np.array([f"{type(example).__name__}:{example}" for example in self._seen], dtype=np.str_)
        arrays: dict[str, Any] = {name: np.array(self._columns[name]) for name in _ARRAYS}
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
                self._columns = {name: state[name].tolist() for name in _ARRAYS}
                self._earlier_seconds = float(state["seconds"])
                pairs = [str(entry).split(":", 1) for entry in state["seen"]]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InvalidTraceError(
                f"{path}: cannot continue this training trace ({error}); resume from a checkpoint that was written whole."
            ) from error
        self._seen = {int(text) if kind == "int" else text for kind, text in pairs}

    def _seconds(self) -> float:
        return self._earlier_seconds + time.monotonic() - self._started
