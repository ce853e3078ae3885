"""The names under which people report ranking metrics, read as metrics."""

from __future__ import annotations

import re
from collections.abc import Callable

from rerank_guard.metrics import NDCG, AveragePrecision, Hit, Metric, Precision, Recall, ReciprocalRank

__all__ = ["cutoff_of", "metric_of_name", "with_cutoff"]

_NAME = re.compile(
    r"""^\s* (?:(?:eval|test|metrics)[/_-])*            # "test/recall@20", "eval_recall@20"
    (?P<metric>[a-z][a-z _-]*?) \s* (?:\[[^\]]*\])?     # "NDCG[binary]@10", as this package writes it
    (?:\s* (?P<at>@|[ _-]at[ _-]?|_) \s* (?P<k>[1-9]\d*))? \s*$""",
    re.VERBOSE,
)

_AT_K: tuple[tuple[tuple[str, ...], Callable[[int], Metric]], ...] = (
    (("hit", "hits", "hit rate", "hitrate", "hit ratio", "hr", "success"), Hit),
    (("recall", "r"), Recall),
    (("precision", "prec", "p"), Precision),
)
"""Metrics that need a cutoff."""

_AT_ANY: tuple[tuple[tuple[str, ...], Callable[[int | None], Metric]], ...] = (
    (("ndcg",), lambda k: NDCG("binary", k)),
    (("mrr", "rr", "mean reciprocal rank", "reciprocal rank"), ReciprocalRank),
    (("map", "ap", "mean average precision", "average precision"), lambda k: AveragePrecision("m", k)),
)
"""Metrics that may count the whole list."""


def metric_of_name(name: str) -> Metric | None:
    """The metric called `name`, such as "Recall@20", "hit_rate@5", "HR@5", "ndcg_at_10", "MRR"; None for any other.

    Case is ignored. With one target a user the gains of NDCG are all the same, and so are the denominators of average
    precision, which is then the reciprocal rank.
    """
    found = _NAME.match(name.lower())
    if found is None:
        return None
    metric = re.sub(r"[ _-]+", " ", found["metric"]).strip()
    if len(metric) == 1 and found["at"] == "_":
        return None  # "p_95" is a percentile
    k = int(found["k"]) if found["k"] else None
    for names, kind in _AT_ANY:
        if metric in names:
            return kind(k)
    if k is not None:
        for names, kind_at in _AT_K:
            if metric in names:
                return kind_at(k)
    return None


def cutoff_of(metric: Metric) -> int | None:
    """K of a metric that `metric_of_name` gave, None where it counts the whole list."""
    if isinstance(metric, Hit | Recall | Precision | NDCG | ReciprocalRank | AveragePrecision):
        return metric.k
    return None


def with_cutoff(metric: Metric, k: int) -> Metric:
    """The same metric at another cutoff."""
    if isinstance(metric, Hit | Recall | Precision):
        return type(metric)(k)
    if isinstance(metric, NDCG):
        return NDCG(metric.gain, k)
    if isinstance(metric, AveragePrecision):
        return AveragePrecision(metric.denominator, k)
    return ReciprocalRank(k)
