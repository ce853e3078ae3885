"""Case 23: a list in the first stage's order is no position skew; the first stage is then the baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_tasks
from rerank_guard.core.verdict import Status
from rerank_guard.suite import check_reranker


class TwoStage:
    """Candidates in the order of a first stage with some skill, and a reranker of its own skill."""

    name = "two-stage"

    def __init__(self, *, n=20, users=300, skill=2.0, seed=0, own=0.0, told=True, as_listed=False):
        rng = np.random.default_rng(seed)
        self._tasks, self._scores = [], {}
        for user in range(users):
            first = rng.normal(size=n)
            first[0] += skill
            order = np.argsort(-first)
            position = int(np.flatnonzero(order == 0)[0])
            (task,) = make_tasks([position], [n])
            task = replace(
                task,
                query_id=f"u{user}",
                candidates=tuple(
                    replace(item, item_id=f"u{user}-{item.item_id}", text=f"film {rng.integers(10**8, 10**9)}")
                    for item in task.candidates
                ),
                first_stage_scores=tuple(first[order].tolist()) if told else None,
            )
            self._tasks.append(replace(task, target_id=task.candidate_ids[position]))
            row = first[order].copy()
            if not as_listed:
                row = 0.6 * row + 0.8 * rng.normal(size=n)
                row[position] += own
            self._scores[f"u{user}"] = row

    def tasks(self):
        return self._tasks

    def score(self, tasks):
        return [self._scores[task.query_id] for task in tasks]


def by_check(reranker):
    report = check_reranker(reranker)
    return report, {verdict.check: verdict for verdict in report.verdicts}


@pytest.mark.parametrize(("n", "users", "seed"), [(20, 300, 0), (20, 300, 1), (10, 600, 2), (40, 250, 3)])
def test_a_reranker_that_beats_its_first_stage_raises_nothing(n, users, seed):
    report, _ = by_check(TwoStage(n=n, users=users, skill=1.0, seed=seed, own=4.0))
    assert [verdict.check for verdict in report.verdicts if verdict.status is Status.FAILED] == []
    assert report.ok


@pytest.mark.parametrize(("n", "seed"), [(20, 0), (10, 1), (40, 2)])
def test_the_first_stage_itself_does_not_beat_the_first_stage(n, seed):
    report, verdicts = by_check(TwoStage(n=n, users=600, seed=seed, as_listed=True))
    assert verdicts["target_positions_uniform"].status is Status.NOT_APPLICABLE
    failed = {name: verdict.fault for name, verdict in verdicts.items() if verdict.status is Status.FAILED}
    assert set(failed.values()) <= {"baseline-not-beaten"}
    recalls = [verdict for name, verdict in verdicts.items() if name.startswith("recall_beats_baseline")]
    assert all(verdict.status in (Status.FAILED, Status.INCONCLUSIVE) for verdict in recalls)
    assert not any(
        "listed order" in verdict.claim + verdict.cause + "".join(verdict.evidence) for verdict in recalls
    )
    assert not report.ok


@pytest.mark.parametrize("n", [10, 20])
def test_a_skew_that_no_first_stage_explains_stays_one(n):
    _, verdicts = by_check(TwoStage(n=n, users=300, told=False, own=4.0))
    assert verdicts["target_positions_uniform"].fault == "target-position-skew"
