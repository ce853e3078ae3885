"""A model that answers with other tokens than the letters whose logits are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.faults.scoring import LETTERS_UNLIKELY
from rerank_guard.core.target import ForwardsTokens
from rerank_guard.core.types import FloatArray
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.healthy.tokenizer import LETTER_IDS, LETTERS, encode
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_CHECK = "letter_mass"
_AFTER_SPACE = [encode(f" {letter}")[0] for letter in LETTERS]


def _failing(workbench: Workbench) -> Verdict:
    """The model answers with " A" where "A" is read: the logits of the two are exchanged."""
    healthy = workbench.healthy
    assert isinstance(healthy, ForwardsTokens)
    forward = healthy.next_token_logits

    def next_token_logits(prompts: Sequence[Sequence[int]]) -> list[FloatArray]:
        rows = [np.array(row, dtype=np.float64) for row in forward(prompts)]
        for row in rows:
            row[[*LETTER_IDS, *_AFTER_SPACE]] = row[[*_AFTER_SPACE, *LETTER_IDS]]
        return rows

    return workbench.judged(_CHECK, Wrapped(healthy, next_token_logits=next_token_logits))


_WHAT = 'the model answers with " A", a letter behind a space, and the logit of "A" is read'

ANSWERS_AFTER_A_SPACE = Example(WRONG_LETTER_VARIANT, _CHECK, _WHAT, _failing)
LETTERS_NOT_EXPECTED = Example(LETTERS_UNLIKELY, _CHECK, _WHAT, _failing)
