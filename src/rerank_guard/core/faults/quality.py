"""Faults of the ranking's quality and its metric, one record each, most upstream first."""

from __future__ import annotations

from rerank_guard.core.fault import Fault, names
from rerank_guard.core.faults.groups import POOR_RANKING
from rerank_guard.core.stage import Stage

__all__ = [
    "ABOVE_CEILING",
    "BASELINE_NOT_BEATEN",
    "HISTORY_IGNORED",
    "INCOMPARABLE_RUNS",
    "LOST_AFTER_TRAINING",
    "METRIC_TAMPERED",
    "METRIC_WRONG",
    "REGRESSION",
    "SLOWER",
    "SOME_USERS_RANKED_BADLY",
    "VACUOUS_METRIC",
]

VACUOUS_METRIC = Fault(
    "vacuous-metric",
    Stage.QUALITY,
    "The metric is 1 by construction, as K is not below the number of candidates.",
    "Report a K below the smallest number of candidates, or list more candidates.",
    explains=names("metric-wrong"),
)

METRIC_TAMPERED = Fault(
    "metric-tampered",
    Stage.QUALITY,
    "Users whose target is missing are dropped from the metric, or counted as found.",
    "Count a user whose target item is not listed as 0, keep all users in the mean, and rank by the scores before anything "
    "is cut off; report a figure over other users beside it, under a name that says so.",
    explains=names(POOR_RANKING, "metric-wrong survivorship target-not-listed"),
    confused_with=names("survivorship target-not-listed"),
)

METRIC_WRONG = Fault(
    "metric-wrong",
    Stage.QUALITY,
    "The reported metric is not that of the scores.",
    "Compute the rank as 1 + the number of candidates with a higher score (ties at random), the metric from it user by "
    "user, and the mean over all users, as rerank_guard.metrics does; then compare user by user.",
    confused_with=names("metric-tampered reversed ties-decide"),
)

LOST_AFTER_TRAINING = Fault(
    "lost-after-training",
    Stage.QUALITY,
    "What the job learned does not arrive in the held-out scores.",
    "Score some training tasks by the path that scores the held-out ones. If they rank badly too, the path is at fault "
    "(checkpoint, adapter, prompt, letters, logit position); if they rank well, the held-out tasks are (sampler, texts, "
    "histories).",
    symptom=True,
    vague=True,
    explains=names("baseline-not-beaten no-signal over-confident regression"),
    confused_with=names("adapter-inactive prompt-skew stale-checkpoint"),
)

HISTORY_IGNORED = Fault(
    "history-ignored",
    Stage.QUALITY,
    "The ranking does not depend on the user's history: it is a popularity or recency prior.",
    "Look for the history in a printed prompt: it may be cut off by the length limit, empty, or another user's. If it is "
    "there, train on negatives that are as popular and as recent as the targets, so that only the history decides.",
    symptom=True,
    explains=names(
        "baseline-not-beaten lost-after-training metric-wrong over-confident probabilities-differ regression scores-not-from-model"
    ),
    confused_with=names("baseline-not-beaten prompt-truncated"),
)

BASELINE_NOT_BEATEN = Fault(
    "baseline-not-beaten",
    Stage.QUALITY,
    "The ranking adds nothing over a baseline that costs nothing.",
    "Use the baseline's order, or give the model what it lacks: more training, the history in the prompt, negatives that "
    "the baseline cannot separate from the targets.",
    symptom=True,
    explains=names("over-confident regression"),
    confused_with=names("history-ignored under-trained"),
)

SOME_USERS_RANKED_BADLY = Fault(
    "some-users-ranked-badly",
    Stage.QUALITY,
    "A group of users (with the longest inputs or histories, or the most popular or the rarest target items) is ranked far "
    "worse than others.",
    "Print the prompts of some users of that group and look at their end: they may be cut off at a length limit, or padded. Look "
    "for items that the model, its tokenizer or its table of items does not know.",
    symptom=True,
    vague=True,
    confused_with=names("prompt-truncated batch-dependent"),
)

REGRESSION = Fault(
    "regression",
    Stage.QUALITY,
    "The ranking is worse than that of the reference run.",
    "Compare the training data and the recorded steps of the two runs, beginning with the labels. If the loss is wanted, "
    "store this run with --rerank-update-reference.",
    symptom=True,
    explains=names("over-confident"),
    confused_with=names("incomparable-runs under-trained"),
)

INCOMPARABLE_RUNS = Fault(
    "incomparable-runs",
    Stage.QUALITY,
    "The reference run was made under other conditions, so a difference would be due to these as much as to the reranker.",
    "Judge the reference reranker again under the present conditions, or return to those of the reference run; if the "
    "change is wanted, store this run with --rerank-update-reference.",
    unrelated_to_metrics=True,
)

SLOWER = Fault(
    "slower",
    Stage.QUALITY,
    "Scoring is slower than it was in the reference run.",
    "Profile score() on a few users and compare with the reference commit; look for a smaller batch, a lost cache, another "
    "precision, an adapter that is not merged, or a copy to the host. If the cost is wanted, store this run with "
    "--rerank-update-reference.",
    unrelated_to_metrics=True,
)

ABOVE_CEILING = Fault(
    "above-ceiling",
    Stage.QUALITY,
    "The hits are above what the known truth allows.",
    "Look for a leak: the target in the prompt, the test examples in training, the future in the counts.",
    symptom=True,
    unnamed=True,
)
