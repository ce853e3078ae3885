"""Faults of the data, the letters and the prompt: there before anything is trained."""

from __future__ import annotations

from rerank_guard.diagnosis.note import (
    ABOVE_CEILING,
    OTHER_SCORES,
    POOR_RANKING,
    POOR_TRAINING,
    TOO_GOOD,
    FaultNote,
    Stage,
    note,
)

__all__ = ["DATA_NOTES", "LETTER_NOTES", "PROMPT_NOTES"]

_UNREADABLE_LETTERS = POOR_TRAINING | {
    "letter-not-supervised",
    "loss-mask-wrong",
    "silent-fallback",
    "ties-decide",
    "wrong-letter-variant",
}

DATA_NOTES: tuple[FaultNote, ...] = (
    note(
        "gt-missing",
        Stage.DATA,
        "The target is not among the candidates of some users.",
        "Add the target after the candidates are cut to N, or keep such users as misses and report the retriever's recall.",
        explains=POOR_RANKING | {"survivorship"},
        confused="survivorship metric-tampered",
        seen_by="gt_in_candidates",
    ),
    note(
        "gt-duplicate",
        Stage.DATA,
        "The target stands in the candidate list more than once.",
        "Exclude the target when negatives are sampled, and remove duplicates before the cut to N.",
        explains=POOR_RANKING
        | {ABOVE_CEILING, "degenerate-titles", "letter-candidate-mismatch", "prompt-truncated"},
        confused="duplicate-candidates",
        seen_by="gt_in_candidates",
    ),
    note(
        "duplicate-candidates",
        Stage.DATA,
        "A candidate is listed more than once, so that fewer than N different items compete.",
        "Sample without replacement, and remove duplicates before the cut to N.",
        explains=POOR_RANKING
        | {ABOVE_CEILING, "degenerate-titles", "letter-candidate-mismatch", "prompt-truncated"},
        confused="gt-duplicate",
        seen_by="gt_in_candidates",
    ),
    note(
        "history-leak",
        Stage.DATA,
        "Items of the user's own history stand among the candidates.",
        "Remove the history from the pool before candidates are drawn.",
        explains=POOR_RANKING | TOO_GOOD,
        confused="duplicate-candidates",
        seen_by="no_history_leak",
    ),
    note(
        "gt-position-skew",
        Stage.DATA,
        "The target stands at some slots far more often than at others, so that the slot tells the answer.",
        "Shuffle each task's candidates with a seeded generator, in training and in test, after the target was added.",
        explains=POOR_RANKING | TOO_GOOD | {"position-prior"},
        confused="position-prior",
        seen_by="target_slots_even",
    ),
    note(
        "split-overlap",
        Stage.DATA,
        "Held-out examples are among those trained on.",
        "Split by user or by time, and remove from training whatever is in the test set.",
        explains=frozenset({ABOVE_CEILING, "over-confident"}),
        confused="temporal-leak",
        seen_by="split_disjoint",
    ),
    note(
        "temporal-leak",
        Stage.DATA,
        "Something was trained on that happened after the moment it is tested at.",
        "Cut training data, popularity counts and every fitted statistic at the test time.",
        explains=frozenset({ABOVE_CEILING, "over-confident"}),
        confused="split-overlap",
        seen_by="no_future_training_data",
    ),
    note(
        "degenerate-titles",
        Stage.DATA,
        "The candidates' texts are blank or alike, so the model cannot tell them apart.",
        "Print one prompt; join the titles to the item ids again, and add what tells items of one name apart.",
        explains=POOR_TRAINING
        | {"letter-candidate-mismatch", "prompt-truncated", "surface-giveaway", "ties-decide", "under-trained"},
        confused="surface-giveaway",
        seen_by="titles_tell_apart",
    ),
    note(
        "surface-giveaway",
        Stage.DATA,
        "A feature of the bare text (its length, case or format) picks the target without reading it.",
        "Take targets' and negatives' texts through the same function, from the same source.",
        explains=TOO_GOOD | {"baseline-not-beaten"},
        confused="degenerate-titles prompt-leak",
        seen_by="no_surface_giveaway",
    ),
    note(
        "label-offset",
        Stage.DATA,
        "The slot or letter taken for the target's is another one's, such as the next.",
        "Compute target_index last, as candidate_ids.index(target_id), and take label and score at that very slot.",
        explains=(POOR_TRAINING | {"letter-candidate-mismatch", "prompt-leak"}) | OTHER_SCORES,
        confused="letter-candidate-mismatch rows-misaligned",
        seen_by="only_letter_supervised scores_match_reference",
    ),
    note(
        "survivorship",
        Stage.DATA,
        "Users left the evaluation because of their target, so the figure speaks for the easy ones.",
        "Keep users without a listed target as misses, and account for everybody else by a reason.",
        confused="gt-missing metric-tampered",
        seen_by="users_accounted_for",
    ),
    note(
        "malformed-data",
        Stage.DATA,
        "What a check was given could not be judged: wrong shapes, values that are not numbers, or ids that come twice.",
        "Correct what the evidence names.",
        explains=POOR_RANKING,
    ),
)

LETTER_NOTES: tuple[FaultNote, ...] = (
    note(
        "multi-token-letter",
        Stage.LETTERS,
        "A letter is several tokens, or unknown, so that one position's logits cannot score it.",
        "Take letters that are one token where the answer stands: A-Z and a-z on most vocabularies.",
        explains=_UNREADABLE_LETTERS | {"letter-collision"},
        confused="letter-collision wrong-letter-variant",
        seen_by="letter_tokens_found",
    ),
    note(
        "letters-exhausted",
        Stage.LETTERS,
        "There are more candidates than letters.",
        "Declare a longer alphabet of single-token labels, or list fewer candidates.",
        explains=_UNREADABLE_LETTERS | {"letter-candidate-mismatch", "prompt-truncated"},
        confused="silent-fallback",
        seen_by="letter_tokens_found",
    ),
    note(
        "letter-collision",
        Stage.LETTERS,
        "Two candidates share a letter or its token id.",
        "Give every candidate a letter with an id of its own.",
        explains=_UNREADABLE_LETTERS,
        confused="multi-token-letter",
        seen_by="letter_tokens_found",
    ),
    note(
        "wrong-letter-variant",
        Stage.LETTERS,
        "The logits are read, or trained, at another token than the letter's in its context, such as ' A' for 'A'.",
        "Take the ids from prompt and letter tokenized together, not from the letter alone.",
        explains=(_UNREADABLE_LETTERS - {"loss-mask-wrong"}) | OTHER_SCORES,
        confused="wrong-logit-position",
        seen_by="letter_tokens_found scores_match_reference",
    ),
)

PROMPT_NOTES: tuple[FaultNote, ...] = (
    note(
        "prompt-truncated",
        Stage.PROMPT,
        "The prompt is cut: candidates, or the words before the answer, do not reach the model.",
        "Raise the length limit, shorten the history first, and refuse a prompt that would be cut.",
        explains=POOR_TRAINING | {"letter-candidate-mismatch", "prompt-skew", "under-trained"},
        confused="prompt-skew wrong-logit-position",
        seen_by="prompt_complete",
    ),
    note(
        "prompt-skew",
        Stage.PROMPT,
        "The prompt that is scored is not the one that was trained on.",
        "Make both from one function: the ids before the answer have to be equal token by token.",
        explains=(POOR_RANKING | {"position-prior"}) | OTHER_SCORES,
        confused="prompt-truncated stale-checkpoint",
        seen_by="prompts_match",
    ),
    note(
        "prompt-leak",
        Stage.PROMPT,
        "The prompt tells the answer outside of the candidate list.",
        "Search the prompt for the target's title, slot and letter outside of the list, and remove what puts it there.",
        explains=TOO_GOOD | POOR_RANKING | {"prompt-skew", "scores-not-from-model", "surface-giveaway"},
        confused="split-overlap temporal-leak surface-giveaway",
        seen_by="prompt_blind_to_target",
    ),
    note(
        "titles-forge-prompt",
        Stage.PROMPT,
        "A title with line breaks or special tokens can write into the prompt's structure.",
        "Replace line breaks in titles, and encode them without parsing special tokens.",
        seen_by="prompt_not_forged",
        aside=True,
    ),
    note(
        "letter-candidate-mismatch",
        Stage.PROMPT,
        "The letters stand before other candidates than those whose scores are read from them.",
        "Build the list and read the scores from one and the same order of the candidates.",
        explains=(POOR_TRAINING | {"label-offset"}) | OTHER_SCORES,
        confused="label-offset rows-misaligned",
        seen_by="scores_match_reference",
    ),
)
