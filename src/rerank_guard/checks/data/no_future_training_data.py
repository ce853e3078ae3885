"""Did training see what came after the test?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks.data._split_arrays import SplitArrays, TimeArray
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import TEMPORAL_LEAK
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.setting import Count
from rerank_guard.core.split_times import SplitClaim, SplitTimes
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import BoolArray, IntArray
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["no_future_training_data"]

_AFTER_FIRST = "training_interactions_after_first_test_time"
_OWN = "later_training_interactions_of_test_users"

_CAUSES = {
    "time": (
        "Interactions from after the start of the test are in training: popularity, embeddings and the model itself then "
        "know what came later. The cut was made by user or at random, or before the rows were sorted by time."
    ),
    "leave-last-out": (
        "The model was trained on what these users did after the moment it is tested at. The rows were not sorted by "
        "time within the user, the target item was drawn at random, or later rows were kept."
    ),
}
_FIXES = {
    "time": "Train strictly on what lies before the first test time; cut by time before anything is counted or fitted.",
    "leave-last-out": (
        "Sort each user's interactions by time before the last is held out, and drop the user's rows after it from "
        "whatever is fitted: model, popularity, first stage."
    ),
}


@check(
    stage=Stage.DATA,
    claim="nothing was trained on that happened after the moment it is tested at",
    can_name=(TEMPORAL_LEAK,),
    rules_out=(TEMPORAL_LEAK,),
)
def no_future_training_data(split_times: SplitTimes, *, max_later: Count = 0) -> Finding:
    """No training interaction is later than the split's own claim allows; equal times are not later. Exact.

    What is fitted on the future (the model, popularity counts, the first stage) makes figures better than any that a
    deployed reranker reaches.

    - "time": none is later than the first test time.
    - "leave-last-out": no user has one later than the earliest of the user's own test times. Other users' later
      interactions are part of that protocol, so they fail nothing, but they are measured: the share of test queries
      that have any of them in training, and their mean share of the training data. They make its figures better than
      what the same model reaches on a future it has not seen, and can change which of two models is ahead.

    Sources: Meng, McCreadie, Macdonald and Ounis 2020, "Exploring Data Splitting Strategies for the Evaluation of
    Recommendation Models"; Ji, Sun, Zhang and Li 2023, "A Critical Study on Data Leakage in Recommender System Offline
    Evaluation".

    Known limit: what the pipeline fitted on data that it does not list here is not seen.

    Args:
        split_times: users and times of training and test.
        max_later: largest number of later training interactions, by the split's own claim, that is tolerated.

    Returns:
        PASSED, or FAILED with temporal-leak and the interactions that are later by most.

    Raises:
        InvalidTaskError: an unknown claim, no training interaction or no test query, users and times of different
            length, a time that is not a finite number, ids that are neither text nor whole numbers or not alike in
            training and test, or, under "leave-last-out", a test user of whom nothing is in training.
    """
    split, claim = SplitArrays.of(split_times), split_times.claim
    n_train, n_test = len(split.train_times), len(split.test_times)
    first_test = split.test_times.min()
    first_of_user = _first_of_each_user(split)
    own = split.train_times > first_of_user[split.train_user]
    after_first = split.train_times > first_test
    counted = {_AFTER_FIRST: int(after_first.sum()), _OWN: int(own.sum())}
    late, allowed = after_first, np.full_like(split.train_times, first_test)
    if claim == "leave-last-out":  # the figure that decides comes first
        counted = dict(reversed(counted.items()))
        late, allowed = own, first_of_user[split.train_user]
    of_others = _later_of_others(split)
    n_late = int(late.sum())
    failed = n_late > max_later
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=_claim(claim, n_train, n_test) + all_but(max_later),
        measured={
            **counted,
            "late_share_of_training": n_late / n_train,
            "share_of_queries_with_later_training_of_others": float((of_others > 0).mean()),
            "mean_share_of_training_later_of_others": float(of_others.mean()) / n_train,
        },
        limits=(Limit(next(iter(counted)), "<=", max_later),),
        n=n_test,
        evidence=_rows(late, allowed, split, claim) if failed else (),
        suspects=(suspect(TEMPORAL_LEAK, _CAUSES[claim], _FIXES[claim]),) if failed else (),
        affected=Affected(n_late, n_train, "training interactions"),
    )


def _claim(claim: SplitClaim, n_train: int, n_test: int) -> str:
    if claim == "time":
        return f"none of {n_train} training interactions is later than the first of {n_test} test queries"
    return f"none of {n_train} training interactions is later than a test query of the same user ({n_test} queries)"


def _first_of_each_user(split: SplitArrays) -> TimeArray:
    """(U,) the user's earliest test time; for a user who is not tested, a time that none is later than."""
    times = split.test_times
    never = np.inf if times.dtype.kind == "f" else np.iinfo(np.int64).max
    first: NDArray[Any] = np.full(len(split.user_ids), never).astype(times.dtype)
    np.minimum.at(first, split.test_user, times)
    return first


def _later_of_others(split: SplitArrays) -> IntArray:
    """(Q,) how many training interactions of other users are later than each test query."""
    moments = np.unique(split.train_times)
    later = len(split.train_times) - np.searchsorted(np.sort(split.train_times), split.test_times, side="right")
    # One number for user and time, so that one sorted array serves the searches within all users.
    keys = np.sort(split.train_user * len(moments) + np.searchsorted(moments, split.train_times))
    end_of_user = np.searchsorted(keys, (split.test_user + 1) * len(moments), side="left")
    not_later = np.searchsorted(moments, split.test_times, side="right")
    own_later = end_of_user - np.searchsorted(keys, split.test_user * len(moments) + not_later, side="left")
    return np.asarray(later - own_later, dtype=np.int64)


def _rows(late: BoolArray, allowed: TimeArray, split: SplitArrays, claim: SplitClaim) -> tuple[str, ...]:
    """Those that are later by most, of as many users as possible; allowed: (T,) the latest time of each."""
    users, times = split.train_user, split.train_times
    at = np.flatnonzero(late)
    at = at[np.argsort(allowed[at] - times[at], kind="stable")]
    heads = np.sort(np.unique(users[at], return_index=True)[1])
    worst = np.concatenate((at[heads], np.delete(at, heads)))[:MAX_EVIDENCE]
    what = "the first test time" if claim == "time" else "the user's test time"
    return tuple(
        f"training row {int(row)}: user {split.user_ids[users[row]].item()!r} at {_shown(times[row])}, "
        f"{_shown(times[row] - allowed[row])} after {what} {_shown(allowed[row])}"
        for row in worst
    )


def _shown(time: np.generic) -> str:
    return f"{time.item():.15g}" if isinstance(time, np.floating) else str(time)
