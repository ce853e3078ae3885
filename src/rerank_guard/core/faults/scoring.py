"""Faults of the scoring, one record each, most upstream first."""

from __future__ import annotations

from rerank_guard.core.fault import Fault, names
from rerank_guard.core.faults.groups import OTHER_SCORES, POOR_RANKING, POOR_SCORES
from rerank_guard.core.stage import Stage

__all__ = [
    "BATCH_DEPENDENT",
    "LETTERS_UNLIKELY",
    "NONDETERMINISTIC",
    "OVER_CONFIDENT",
    "POSITION_PRIOR",
    "PROBABILITIES_DIFFER",
    "PROBABILITIES_NOT_NORMALISED",
    "REVERSED",
    "ROWS_MISALIGNED",
    "SCORES_CACHED",
    "SCORES_NOT_FROM_MODEL",
    "SCORES_SATURATED",
    "SCORE_SCALE_WRONG",
    "SILENT_FALLBACK",
    "TIES_DECIDE",
    "WRONG_LOGIT_POSITION",
]

WRONG_LOGIT_POSITION = Fault(
    "wrong-logit-position",
    Stage.SCORING,
    "The logits are read at another position than the one behind which the letter comes.",
    "Read them behind the last token that is not padding: logits[:, -1] with left padding, attention_mask.sum(1) - 1 with "
    "right padding.",
    explains=names(POOR_SCORES, OTHER_SCORES, "prompt-skew silent-fallback"),
    confused_with=names("batch-dependent wrong-letter-variant"),
)

SILENT_FALLBACK = Fault(
    "silent-fallback",
    Stage.SCORING,
    "Scores are filled in where the model gave none: one value for all, or the order of the list.",
    "Ask for the logits of all letters, not the top few; raise where a letter has none, and never append "
    "candidates in the order of the list.",
    explains=names(POOR_SCORES, OTHER_SCORES, "silent-nan ties-decide"),
    confused_with=names("position-prior ties-decide"),
)

NONDETERMINISTIC = Fault(
    "nondeterministic",
    Stage.SCORING,
    "The same task gets another score when it is scored again.",
    "Call model.eval() before scoring, read logits instead of generating, and seed or remove every shuffle on the "
    "way.",
    explains=names(POOR_RANKING, OTHER_SCORES, "batch-dependent scores-not-from-model"),
    confused_with=names("batch-dependent"),
)

BATCH_DEPENDENT = Fault(
    "batch-dependent",
    Stage.SCORING,
    "A task has other scores among others than alone.",
    "Pad on the left with position ids made from the attention mask, or read the logits at each prompt's own last "
    "token; with packed prompts switch the cache off (use_cache=False).",
    explains=names(POOR_SCORES, OTHER_SCORES),
    confused_with=names("nondeterministic wrong-logit-position"),
)

SCORES_CACHED = Fault(
    "scores-cached",
    Stage.SCORING,
    "Scores are kept by user and given again for another list of the same user, which is then never read.",
    "Key every cache of scores by the whole prompt (history, candidates, order), or remove it while the checks run.",
    explains=names(POOR_SCORES, OTHER_SCORES, "batch-dependent letter-candidate-mismatch rows-misaligned"),
    confused_with=names("rows-misaligned"),
)

ROWS_MISALIGNED = Fault(
    "rows-misaligned",
    Stage.SCORING,
    "A user is ranked by another user's scores.",
    "Keep scores and tasks together by query_id wherever tasks are sorted, batched or filtered, and undo every "
    "sort before scores are returned.",
    explains=names(POOR_SCORES, OTHER_SCORES, "batch-dependent"),
    confused_with=names("label-offset letter-candidate-mismatch"),
)

REVERSED = Fault(
    "reversed",
    Stage.SCORING,
    "The ranking is reversed: the worst candidates come first.",
    "Sort by descending score, and drop the minus sign, or the loss that is taken for a score.",
    explains=names(POOR_SCORES, OTHER_SCORES),
    confused_with=names("anti-learning"),
)

TIES_DECIDE = Fault(
    "ties-decide",
    Stage.SCORING,
    "The sort decides the order, not the scores: they are constant, or rounded too coarsely (bfloat16 logits, few "
    "decimals).",
    "Read the letter logits in float32, and do not round before sorting.",
    symptom=True,
    explains=names(POOR_SCORES, "metric-wrong probabilities-differ"),
    confused_with=names("silent-fallback"),
)

POSITION_PRIOR = Fault(
    "position-prior",
    Stage.SCORING,
    "The ranking follows the positions or letters, whichever items are there.",
    "Check that all candidates reach the model (truncation, wrong logit position), and that the target item's "
    "position is uniform in training; then train longer, or average the scores over several orders of the list.",
    symptom=True,
    explains=names(POOR_RANKING, "position-prior scores-not-from-model"),
    confused_with=names("silent-fallback stale-checkpoint target-position-skew"),
)

SCORES_NOT_FROM_MODEL = Fault(
    "scores-not-from-model",
    Stage.SCORING,
    "The scores are not those of a plain forward pass of the same prompt.",
    "Score one task by hand, and compare each step of the fast path with it: the prompt's token ids, padding, "
    "position ids, cache, adapter, and what is done to the logits afterwards.",
    symptom=True,
    vague=True,
    explains=names(
        "baseline-not-beaten letters-unlikely lost-after-training metric-wrong no-signal over-confident position-prior probabilities-differ regression reversed scores-not-from-model stale-checkpoint under-trained"
    ),
    confused_with=names("adapter-inactive batch-dependent stale-checkpoint wrong-logit-position"),
)

PROBABILITIES_DIFFER = Fault(
    "probabilities-differ",
    Stage.SCORING,
    "Probabilities and scores rank the candidates differently.",
    "Compute both from the same letter logits, in one pass.",
    unrelated_to_metrics=True,
    explains=names("no-signal over-confident position-prior"),
    confused_with=names("nondeterministic rows-misaligned"),
)

PROBABILITIES_NOT_NORMALISED = Fault(
    "probabilities-not-normalised",
    Stage.SCORING,
    "The probabilities of a task's candidates do not sum to 1, so they are no distribution over the candidates.",
    "Apply one softmax over the logits of the N candidates alone: not over the whole vocabulary, and not a sigmoid each.",
    unrelated_to_metrics=True,
    explains=names("no-signal over-confident position-prior probabilities-differ"),
    confused_with=names("score-scale-wrong"),
)

SCORE_SCALE_WRONG = Fault(
    "score-scale-wrong",
    Stage.SCORING,
    "The scores are on another scale than the one that they are read on: a sigmoid or softmax is applied twice, to a single "
    "logit, or with a wrong temperature.",
    "Make the probabilities from the logits, once: a softmax over the candidates' logits, or one sigmoid a logit.",
    explains=names("no-signal over-confident position-prior ties-decide under-trained"),
    confused_with=names("probabilities-differ scores-saturated"),
)

SCORES_SATURATED = Fault(
    "scores-saturated",
    Stage.SCORING,
    "Scores are rounded to the end of their scale: candidates that the model tells apart have the same 1.0 or 0.0.",
    "Rank by the logits, or compute the probability in float32 or float64; float16 knows nothing between 0.9995 and 1.",
    explains=names(POOR_SCORES, "metric-wrong probabilities-differ silent-fallback ties-decide"),
    confused_with=names("silent-fallback ties-decide"),
)

OVER_CONFIDENT = Fault(
    "over-confident",
    Stage.SCORING,
    "The candidate put first is right far less often than its probability says: trained for too many passes over "
    "too few examples, on labels or negatives that the test does not have, or with a wrong temperature.",
    "Fit a temperature on held-out tasks (the ranking stays as it is), train for fewer passes, or smooth the "
    "labels; if the ranking itself is poor, look at that first.",
    symptom=True,
    confused_with=names("no-signal"),
)

LETTERS_UNLIKELY = Fault(
    "letters-unlikely",
    Stage.SCORING,
    "The model gives the letters little probability as the next token.",
    "Compare the prompt that is scored with the one trained on, and the letter ids with those at the answer position.",
    symptom=True,
    unnamed=True,
)
