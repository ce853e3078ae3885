"""Faults of the data, one record each, most upstream first."""

from __future__ import annotations

from rerank_guard.core.fault import Fault, names
from rerank_guard.core.faults.groups import OTHER_SCORES, POOR_RANKING, POOR_SCORES, POOR_TRAINING, TOO_GOOD
from rerank_guard.core.stage import Stage

__all__ = [
    "DEGENERATE_TITLES",
    "DUPLICATE_CANDIDATES",
    "EASY_NEGATIVES",
    "HISTORY_LEAK",
    "HISTORY_ORDER_DIFFERS",
    "LABEL_OFFSET",
    "RESULT_MALFORMED",
    "SPLIT_OVERLAP",
    "SURVIVORSHIP",
    "TARGET_LISTED_TWICE",
    "TARGET_NOT_LISTED",
    "TARGET_NOT_NEWEST",
    "TARGET_POSITION_SKEW",
    "TASKS_REDRAWN",
    "TASKS_REWRITTEN",
    "TEMPORAL_LEAK",
    "TEXT_ARTIFACT_LEAK",
    "TRAIN_TEST_MISMATCH",
]

TASKS_REDRAWN = Fault(
    "tasks-redrawn",
    Stage.DATA,
    "Each call of tasks() gives other tasks, so that what is scored, reported and stored is not of one test set.",
    "Draw candidates once, from a generator that is seeded, keep the tasks, and return the same ones at every call.",
    explains=names(POOR_RANKING, OTHER_SCORES, "above-ceiling nondeterministic rows-misaligned"),
    confused_with=names("nondeterministic"),
)

TASKS_REWRITTEN = Fault(
    "tasks-rewritten",
    Stage.DATA,
    "The tasks that the reranker is given are changed while it scores, so that the truth may come from the scores.",
    "Leave the tasks as they are given: sort and cut copies of the lists, and return scores in the order of the task.",
    explains=names(
        POOR_RANKING, OTHER_SCORES, "above-ceiling label-offset letter-candidate-mismatch rows-misaligned"
    ),
    confused_with=names("rows-misaligned"),
)

TARGET_NOT_LISTED = Fault(
    "target-not-listed",
    Stage.DATA,
    "The target item is not among the candidates of some users.",
    "Add the target item after the candidates are cut to N, or keep such users as misses and report the first stage's recall.",
    explains=names(POOR_RANKING, "survivorship"),
    confused_with=names("metric-tampered survivorship"),
)

TARGET_LISTED_TWICE = Fault(
    "target-listed-twice",
    Stage.DATA,
    "The target item is in the candidate list more than once.",
    "Exclude the target item when negatives are sampled, and remove duplicates before the cut to N.",
    learned_around=True,
    explains=names(POOR_RANKING, "above-ceiling degenerate-titles letter-candidate-mismatch prompt-truncated"),
    confused_with=names("duplicate-candidates"),
)

DUPLICATE_CANDIDATES = Fault(
    "duplicate-candidates",
    Stage.DATA,
    "A candidate is listed more than once, so that fewer than N different items compete.",
    "Sample without replacement, and remove duplicates before the cut to N.",
    learned_around=True,
    explains=names(POOR_RANKING, "above-ceiling degenerate-titles letter-candidate-mismatch prompt-truncated"),
    confused_with=names("target-listed-twice"),
)

HISTORY_LEAK = Fault(
    "history-leak",
    Stage.DATA,
    "Items of the user's own history are among the candidates.",
    "Remove the history from the pool before candidates are drawn.",
    explains=names(POOR_RANKING, "above-ceiling"),
    confused_with=names("duplicate-candidates"),
)

TARGET_POSITION_SKEW = Fault(
    "target-position-skew",
    Stage.DATA,
    "The target item is at some positions far more often than at others, so that the position tells the answer.",
    "Shuffle each task's candidates, target item included, with one seeded generator for all tasks, in training and in test; compute target_index after the shuffle.",
    explains=names(POOR_RANKING, "above-ceiling position-prior"),
    confused_with=names("position-prior"),
)

SPLIT_OVERLAP = Fault(
    "split-overlap",
    Stage.DATA,
    "Held-out examples are among those trained on.",
    "Hold the test interactions out first, by user or by time, and build the training examples from what is left.",
    explains=names("above-ceiling over-confident"),
    confused_with=names("temporal-leak"),
)

TEMPORAL_LEAK = Fault(
    "temporal-leak",
    Stage.DATA,
    "Something was trained on that happened after the moment it is tested at.",
    "Cut training data, popularity counts and every fitted statistic at the test time.",
    explains=names("above-ceiling over-confident"),
    confused_with=names("split-overlap"),
)

HISTORY_ORDER_DIFFERS = Fault(
    "history-order-differs",
    Stage.DATA,
    "Training histories list the items of a user in another order than test histories do, so that nothing is learned of what was taken last.",
    "Sort each user's interactions by time before histories are cut, with one function for training and test; shuffle examples and candidates, not histories.",
    explains=names(POOR_RANKING),
    confused_with=names("prompt-skew target-not-newest"),
)

TARGET_NOT_NEWEST = Fault(
    "target-not-newest",
    Stage.DATA,
    "The target items of training were taken before the items of their histories, so that the job learns to name what came first.",
    "Sort each user's interactions by time, oldest first; the target item is the last one, and the history what lies before it.",
    explains=names(POOR_RANKING),
    confused_with=names("history-order-differs temporal-leak"),
)

EASY_NEGATIVES = Fault(
    "easy-negatives",
    Stage.DATA,
    "Negatives can be recognised without the user: all lists have the same few negatives, or no negative is a target item "
    "of another list.",
    "Draw negatives separately for each user, from items that are also target items (by popularity, or from the first "
    "stage).",
    explains=names(TOO_GOOD, "above-ceiling baseline-not-beaten history-ignored no-signal"),
    confused_with=names("text-artifact-leak"),
)

DEGENERATE_TITLES = Fault(
    "degenerate-titles",
    Stage.DATA,
    "The candidates' texts are blank or alike, so the model cannot tell them apart.",
    "Print one prompt; join the titles to the item ids again, and add what tells items of one name apart.",
    explains=names(POOR_TRAINING, "letter-candidate-mismatch prompt-truncated text-artifact-leak ties-decide"),
    confused_with=names("text-artifact-leak"),
)

TEXT_ARTIFACT_LEAK = Fault(
    "text-artifact-leak",
    Stage.DATA,
    "A feature of the bare text (its length, case or format) picks the target item without reading it.",
    "Render every item's text once, in one table, and take target items and negatives from it. If the feature is part of what an item is, draw negatives that have it too.",
    explains=names(TOO_GOOD, "baseline-not-beaten"),
    confused_with=names("degenerate-titles prompt-leak"),
)

LABEL_OFFSET = Fault(
    "label-offset",
    Stage.DATA,
    "The position or letter taken for the target item's is another one's, such as the next.",
    "Compute target_index last, as candidate_ids.index(target_id), and take label and score at that very position.",
    explains=names(POOR_TRAINING, OTHER_SCORES, "letter-candidate-mismatch prompt-leak"),
    confused_with=names("letter-candidate-mismatch rows-misaligned"),
)

SURVIVORSHIP = Fault(
    "survivorship",
    Stage.DATA,
    "Users are left out of the evaluation because of their target item, so the figure speaks for the easy ones.",
    "Keep users without a listed target item as misses, and account for everybody else by a reason.",
    confused_with=names("metric-tampered target-not-listed"),
)

RESULT_MALFORMED = Fault(
    "result-malformed",
    Stage.DATA,
    "What a check was given could not be judged: wrong shapes, values that are not numbers, or ids that come twice.",
    "Correct what the evidence names.",
    explains=names(POOR_RANKING),
)

TRAIN_TEST_MISMATCH = Fault(
    "train-test-mismatch",
    Stage.DATA,
    "Most held-out lists are shorter or longer than every training list.",
    "Train on lists as long as those that are served: draw N for training from the lengths of the held-out lists.",
    scores_stay_meaningful=True,
    explains=POOR_SCORES,
    confused_with=names("stale-checkpoint"),
)
