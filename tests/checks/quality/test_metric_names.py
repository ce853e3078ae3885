"""The names of ranking metrics as people write them."""

from __future__ import annotations

import pytest

from rerank_guard.checks.quality._metric_names import cutoff_of, metric_of_name, with_cutoff
from rerank_guard.metrics import NDCG, AveragePrecision, Hit, Precision, Recall, ReciprocalRank


@pytest.mark.parametrize(
    ("names", "metric"),
    [
        (("Recall@20", "recall_at_20", "eval_Recall@20", "test/recall_20", "R@20"), Recall(20)),
        (("Hit@5", "HR@5", "hit_rate@5", "hit_rate_at_5", "Hit-Rate @ 5", "hits@5"), Hit(5)),
        (("NDCG@10", "ndcg_at_10", "NDCG[binary]@10"), NDCG("binary", 10)),
        (("MRR", "rr", "mean_reciprocal_rank"), ReciprocalRank()),
        (("MRR@10", "mrr_10"), ReciprocalRank(10)),
        (("MAP@10", "MAP[min(m, K)]@10"), AveragePrecision("m", 10)),
        (("P@5", "precision@5"), Precision(5)),
        (("recall", "p_95", "r_2", "auc", "n_users@5", "Recall@0", "val_mrr", "recall@20 (conditional)", ""), None),
    ],
)
def test_names_are_read(names, metric):
    assert {name: metric_of_name(name) for name in names} == dict.fromkeys(names, metric)


@pytest.mark.parametrize(
    "metric", [Recall(3), Hit(3), Precision(3), NDCG("binary", 3), ReciprocalRank(3), AveragePrecision("m", 3)]
)
def test_a_metric_moves_to_another_cutoff(metric):
    moved = with_cutoff(metric, 7)
    assert type(moved) is type(metric)
    assert (cutoff_of(metric), cutoff_of(moved)) == (3, 7)
