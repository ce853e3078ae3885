"""Faults of the answer tokens, one record each, most upstream first."""

from __future__ import annotations

from rerank_guard.core.fault import Fault, names
from rerank_guard.core.faults.groups import OTHER_SCORES, POOR_TRAINING
from rerank_guard.core.stage import Stage

__all__ = ["LETTERS_EXHAUSTED", "LETTER_COLLISION", "MULTI_TOKEN_LETTER", "WRONG_LETTER_VARIANT"]

MULTI_TOKEN_LETTER = Fault(
    "multi-token-letter",
    Stage.ANSWER_TOKENS,
    "A letter is several tokens, or unknown, so that one position's logits cannot score it.",
    "Take letters that are one token at the answer position: A-Z and a-z on most vocabularies ('10' is not one).",
    explains=names(
        POOR_TRAINING,
        "letter-candidate-mismatch letter-collision letter-not-supervised loss-mask-wrong silent-fallback ties-decide "
        "wrong-letter-variant",
    ),
    confused_with=names("letter-collision wrong-letter-variant"),
)

LETTERS_EXHAUSTED = Fault(
    "letters-exhausted",
    Stage.ANSWER_TOKENS,
    "There are more candidates than letters, so that those beyond the alphabet have none.",
    "Declare a longer alphabet of single-token labels, or list fewer candidates.",
    explains=names(
        POOR_TRAINING,
        "letter-candidate-mismatch letter-not-supervised loss-mask-wrong prompt-truncated silent-fallback ties-decide wrong-letter-variant",
    ),
    confused_with=names("silent-fallback"),
)

LETTER_COLLISION = Fault(
    "letter-collision",
    Stage.ANSWER_TOKENS,
    "Two candidates share a letter or its token id.",
    "Give every candidate a letter with an id of its own: check for a case-folding tokenizer, a repeated letter, or an encoding that keeps only a leading space.",
    explains=names(
        POOR_TRAINING, "letter-not-supervised loss-mask-wrong silent-fallback ties-decide wrong-letter-variant"
    ),
    confused_with=names("multi-token-letter"),
)

WRONG_LETTER_VARIANT = Fault(
    "wrong-letter-variant",
    Stage.ANSWER_TOKENS,
    "The logits are read, or trained, at another token than the letter's in its context, such as ' A' for 'A'.",
    "Take the ids from prompt and letter tokenized together, not from the letter alone.",
    explains=names(
        POOR_TRAINING, OTHER_SCORES, "letter-not-supervised silent-fallback ties-decide wrong-letter-variant"
    ),
    confused_with=names("wrong-logit-position"),
)
