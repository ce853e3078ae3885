"""A task as token ids: what the model reads when it is scored, and what its loss looks at when it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.core.errors import InvalidTaskError

__all__ = ["IGNORED", "ScoringPrompt", "SupervisedToken", "TrainingPrompt"]

IGNORED = -100
"""The value of `labels` where no loss is taken, by torch's and transformers' convention."""


@dataclass(frozen=True, slots=True)
class ScoringPrompt:
    """One task as the model reads it to rank.

    Attributes:
        query_id: of the task.
        text: what `token_ids` say: decoded with the special tokens left in.
        token_ids: as they go into the model, without padding; the answer is not among them.
        read_position: index into `token_ids` of the token behind which the letter logits are read; the last one in a healthy
            reranker.

    Raises:
        InvalidTaskError: `read_position` is outside of `token_ids`.
    """

    query_id: str
    text: str
    token_ids: tuple[int, ...]
    read_position: int

    def __post_init__(self) -> None:
        _require_inside("read_position", self.read_position, self.token_ids, self.query_id)

    @property
    def before_answer(self) -> tuple[int, ...]:
        """The ids up to and with the one behind which the letter is read."""
        return self.token_ids[: self.read_position + 1]


@dataclass(frozen=True, slots=True)
class SupervisedToken:
    """One place where a loss is taken.

    Attributes:
        position: index into the prompt's `token_ids` of the token *behind which* the model predicts.
        token_id: the id that it is trained to predict there.
        weight: share of the example's loss, above 0.
    """

    position: int
    token_id: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class TrainingPrompt:
    """One task as the model is trained on it.

    Attributes:
        query_id: of the task.
        text: what `token_ids` say: decoded with the special tokens left in.
        token_ids: as they go into the model, without padding; may hold the answer and what follows it.
        answer_position: index into `token_ids` of the token behind which the letter comes.
        supervised: every place where the loss looks; exactly one, at `answer_position`, in a healthy reranker.

    Raises:
        InvalidTaskError: a position is outside of `token_ids`.
    """

    query_id: str
    text: str
    token_ids: tuple[int, ...]
    answer_position: int
    supervised: tuple[SupervisedToken, ...]

    def __post_init__(self) -> None:
        _require_inside("answer_position", self.answer_position, self.token_ids, self.query_id)
        for token in self.supervised:
            _require_inside("a supervised position", token.position, self.token_ids, self.query_id)

    @property
    def before_answer(self) -> tuple[int, ...]:
        """The ids up to and with the one behind which the letter comes."""
        return self.token_ids[: self.answer_position + 1]

    @classmethod
    def from_labels(
        cls,
        query_id: str,
        text: str,
        input_ids: Sequence[int],
        labels: Sequence[int],
        *,
        answer_position: int | None = None,
    ) -> TrainingPrompt:
        """From a causal language model's `input_ids` and `labels`, both (L,), as a collator makes them.

        transformers shifts labels: `labels[t]` is predicted behind token t - 1.

        Args:
            query_id: of the task.
            text: what `input_ids` say.
            input_ids: without padding.
            labels: -100 where no loss is taken.
            answer_position: where the letter is predicted; None for the first place where a loss is taken, and for the last
                token where none is, which `only_letter_supervised` names.

        Raises:
            InvalidTaskError: the two differ in length, or there are none.
        """
        if len(input_ids) != len(labels):
            raise InvalidTaskError(
                f"query {query_id!r} has {len(input_ids)} input_ids but {len(labels)} labels; give one label a token."
            )
        supervised = tuple(
            SupervisedToken(position - 1, int(label))
            for position, label in enumerate(labels)
            if label != IGNORED and position > 0
        )
        if answer_position is None:
            answer_position = supervised[0].position if supervised else len(input_ids) - 1
        return cls(query_id, text, tuple(int(token) for token in input_ids), answer_position, supervised)


def _require_inside(what: str, position: int, token_ids: Sequence[int], query_id: str) -> None:
    if not 0 <= position < len(token_ids):
        raise InvalidTaskError(
            f"query {query_id!r}: {what} is {position}, outside of its {len(token_ids)} token_ids; count from 0."
        )
