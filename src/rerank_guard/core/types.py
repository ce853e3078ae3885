"""What a reranker is judged on: tasks, letters, and the trace of a training job.

Frozen dataclasses over tuples and numpy arrays; no torch, no pytest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.errors import InvalidTaskError, InvalidTraceError

__all__ = [
    "BoolArray",
    "FloatArray",
    "IntArray",
    "Item",
    "LetterTable",
    "LetterToken",
    "RankingTask",
    "TargetDescription",
    "TrainingTrace",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be recommended: its id, and the text that the prompt shows for it."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class RankingTask:
    """One query: its text, a user's history, or both; the candidates; and which of them are relevant.

    Attributes:
        query_id: names the user (or query); evidence rows show it.
        history: the user's earlier items, oldest first; may be empty.
        candidates: N >= 1 items, in the order in which the prompt lists them (position 0 is letter A).
        target_id: the target item's id: the one relevant item, or one of them. Independent of `target_index`, so that
            the two can be compared.
        target_index: 0-based position at which the pipeline believes the target item is, None when it believes that
            it is not listed.
        first_stage_scores: the first stage's score of each candidate, higher is better; None without a first stage.
        query: the query's text; empty where there is only a history.
        relevance: item id to grade, finite and >= 0; above 0 is relevant. Holds `target_id`; may hold items that are
            not among the candidates, which count as misses. None: the target item alone, with grade 1.
        scored: for each candidate, whether the reranker scores it (such as the first top_n of the list); None: all.

    Raises:
        InvalidTaskError: no candidates; `first_stage_scores` or `scored` of another length than the candidates; a grade
            that is not a finite number >= 0; or a relevance in which `target_id` has no grade above 0.
    """

    query_id: str
    history: tuple[Item, ...]
    candidates: tuple[Item, ...]
    target_id: str
    target_index: int | None
    first_stage_scores: tuple[float, ...] | None = None
    query: str = ""
    relevance: Mapping[str, float] | None = field(default=None, hash=False)  # a mapping has no hash
    scored: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.candidates) == 0:
            raise InvalidTaskError(
                f"query {self.query_id!r} has 0 candidates; a ranking needs at least 1. Fix the candidate generation, "
                "or leave such queries out and report how many."
            )
        for name in ("first_stage_scores", "scored"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.candidates):
                raise InvalidTaskError(
                    f"query {self.query_id!r} has {len(self.candidates)} candidates but {len(values)} {name}; "
                    "give one value per candidate."
                )
        if self.relevance is not None:
            _require_grades(self.query_id, self.target_id, self.relevance)

    @property
    def n_candidates(self) -> int:
        """N, the number of candidates."""
        return len(self.candidates)

    @property
    def candidate_ids(self) -> tuple[str, ...]:
        """The candidates' item ids, in the order of the list."""
        return tuple(item.item_id for item in self.candidates)

    @property
    def grades(self) -> Mapping[str, float]:
        """Item id to grade: `relevance`, or the target item alone with grade 1."""
        return {self.target_id: 1.0} if self.relevance is None else self.relevance


def _require_grades(query_id: str, target_id: str, relevance: Mapping[str, float]) -> None:
    for item_id, grade in relevance.items():
        if not _is_grade(grade):
            raise InvalidTaskError(
                f"query {query_id!r} gives item {item_id!r} the grade {grade!r}; give a finite number >= 0, above 0 "
                "for a relevant item."
            )
    if not relevance.get(target_id, 0.0) > 0.0:
        shown = f"the grade {relevance[target_id]!r}" if target_id in relevance else "no grade"
        raise InvalidTaskError(
            f"query {query_id!r} has target_id {target_id!r} with {shown} in its relevance of {len(relevance)} "
            "item(s); name a relevant item as the target, or give it a grade above 0."
        )


def _is_grade(value: object) -> bool:
    try:
        return math.isfinite(value) and value >= 0  # type: ignore[arg-type, operator]
    except (TypeError, OverflowError):  # no number; an int beyond the range of floats
        return False


@dataclass(frozen=True, slots=True)
class LetterToken:
    """How one letter is tokenised at the answer position.

    Attributes:
        letter: the label shown before a candidate, such as "A".
        token_ids: the ids that the tokenizer gives the letter when prompt and letter are tokenised together
            (the only safe definition: `A` after a newline and ` A` after a colon are different ids).
        scored_token_id: the id whose logit the reranker reads for this letter; None when it reads none.
    """

    letter: str
    token_ids: tuple[int, ...]
    scored_token_id: int | None


@dataclass(frozen=True, slots=True)
class LetterTable:
    """All letters a reranker can hand out, in the order of the positions, and the tokenizer's unknown id if it has one."""

    letters: tuple[LetterToken, ...]
    unk_token_id: int | None = None


@dataclass(frozen=True, slots=True)
class TrainingTrace:
    """What a training job recorded about itself.

    Per example, in the order of training (E examples):
        letter_nll: (E,) float64, nats: cross-entropy of the target letter under the softmax restricted to the
            N letters in use, recorded in the forward pass *before* the step that trains on the example.
        n_candidates: (E,) int64, N of each example.
        example_step: (E,) int64, 0-based optimiser step the example contributed to.
        first_pass: (E,) bool, True where the job had not trained on this example before.
        target_index: (E,) int64, position of the target letter; None where it was not recorded. Unlocks the comparison with a
            letter prior.
        tempered_nll: (E, T) float64, nats: the NLL at each of `stats.letters.TEMPERATURES`; None where no logits were
            recorded. Gives an over-confident model its due.
    Per optimiser step (S steps):
        learning_rate: (S,) float64.
        gradient_norm: (S,) float64, global L2 norm before clipping; NaN where it was not recorded.
    Scalars:
        planned_steps: optimiser steps the configuration asked for.
        trainable_parameters: number of parameters with requires_grad.
        target_rank: (E,) float64, rank of the target's letter among the N, 1 the best, tied letters at their mean rank; None
            where no logits were recorded. Tells an early stop whether the ranking is good enough to be judged.
        seconds: wall-clock time of the job.
        stopped_early: the job was ended because its verdicts were in, not because something went wrong.

    Raises:
        InvalidTraceError: arrays that belong together differ in length.
    """

    letter_nll: FloatArray
    n_candidates: IntArray
    example_step: IntArray
    first_pass: BoolArray
    learning_rate: FloatArray
    gradient_norm: FloatArray
    planned_steps: int
    trainable_parameters: int
    seconds: float
    target_index: IntArray | None = None
    tempered_nll: FloatArray | None = None
    target_rank: FloatArray | None = None
    stopped_early: bool = False

    def __post_init__(self) -> None:
        optional = tuple(
            name for name in ("target_index", "tempered_nll", "target_rank") if getattr(self, name) is not None
        )
        _same_length(self, ("letter_nll", "n_candidates", "example_step", "first_pass", *optional))
        _same_length(self, ("learning_rate", "gradient_norm"))

    @property
    def optimizer_steps(self) -> int:
        """Optimiser steps actually taken."""
        return len(self.learning_rate)


@dataclass(frozen=True, slots=True)
class TargetDescription:
    """The head of a report.

    Attributes:
        dataset: which data the tasks come from, with the sampler of the negatives.
        device: where the model ran, such as "cpu" or "NVIDIA H100".
        versions: package name to version, of whatever the result depends on.
        details: anything else worth keeping, such as hyperparameters.
    """

    dataset: str
    device: str
    versions: dict[str, str]
    details: dict[str, str | int | float | bool]


def _same_length(trace: TrainingTrace, names: Sequence[str]) -> None:
    lengths = {name: len(getattr(trace, name)) for name in names}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InvalidTraceError(f"the trace's arrays do not belong together: {shown}; record one value each.")
