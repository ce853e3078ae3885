"""The logits at the letters' own tokens, from those of the whole vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.types import FloatArray, LetterTable

__all__ = ["as_vocabulary_rows", "letter_ids", "letter_rows"]


def letter_ids(letters: LetterTable, n: int) -> list[int] | None:
    """The ids in context of the first n letters; None where a letter has none."""
    tokens = letters.letters[:n]
    if len(tokens) < n or any(not token.token_ids for token in tokens):
        return None
    return [token.token_ids[0] for token in tokens]


def letter_rows(logits: Sequence[FloatArray], ids: Sequence[int], lengths: Sequence[int]) -> tuple[FloatArray, ...]:
    """Each task's (N_u,) logits, at the first N_u of the ids."""
    columns = np.asarray(ids, dtype=np.int64)
    return tuple(np.asarray(row[columns[:n]], dtype=np.float64) for row, n in zip(logits, lengths, strict=True))


def as_vocabulary_rows(logits: Sequence[FloatArray], n_tasks: int, highest_id: int) -> list[FloatArray]:
    """Logits of a forward pass as (V,) float64 rows, possibly not finite.

    Args:
        logits: one array (V,) a task.
        n_tasks: how many rows there have to be.
        highest_id: the largest token id that is going to be read.

    Raises:
        InvalidScoresError: another number of rows, or a row without an entry for that id.
    """
    if len(logits) != n_tasks:
        raise InvalidScoresError(f"{len(logits)} rows of logits for {n_tasks} tasks; give one array (V,) a task.")
    rows = [np.asarray(row, dtype=np.float64).reshape(-1) for row in logits]
    for index, row in enumerate(rows):
        if len(row) <= highest_id:
            raise InvalidScoresError(
                f"the logits of row {index} have {len(row)} entries, but a letter has the id {highest_id}; give the "
                "whole vocabulary's logits."
            )
    return rows
