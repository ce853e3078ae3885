"""Did training see what came after the test?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from rerank_guard.errors import InvalidTaskError
from rerank_guard.split_times import SplitClaim, SplitTimes
from rerank_guard.types import BoolArray, IntArray
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_no_future_training_data"]

_AFTER_FIRST = "training_interactions_after_first_test_time"
_OWN = "later_training_interactions_of_test_users"

_TimeArray: TypeAlias = NDArray[np.int64] | NDArray[np.float64]
_IdArray: TypeAlias = NDArray[np.str_] | IntArray

_CAUSES = {
    "time": (
        "Interactions from after the start of the test are in training: popularity, embeddings and the model itself then "
        "know what came later. The cut was made by user or at random, or before the rows were sorted by time."
    ),
    "leave-last-out": (
        "The model was trained on what these users did after the moment it is tested at. The rows were not sorted by "
        "time within the user, the target was drawn at random, or later rows were kept."
    ),
}
_NEXT_STEPS = {
    "time": "Train strictly on what lies before the first test time; cut by time before anything is counted or fitted.",
    "leave-last-out": (
        "Sort each user's interactions by time before the last is held out, and drop the user's rows after it from "
        "whatever is fitted: model, popularity, retriever."
    ),
}


def check_no_future_training_data(times: SplitTimes) -> Verdict:
    """No training interaction is later than the split's own claim allows; equal times are not later. Exact.

    - "time": none is later than the first test time.
    - "leave-last-out": no user has one later than the earliest of the user's own test times. Other users' later
      interactions are part of that protocol, so they fail nothing, but they are measured: the share of test queries
      that have any of them in training, and their mean share of the training data. They make its figures better than
      what the same model reaches on a future it has not seen, and can change which of two models is ahead.

    Sources: Meng, McCreadie, Macdonald and Ounis 2020, "Exploring Data Splitting Strategies for the Evaluation of
    Recommendation Models"; Ji, Sun, Zhang and Li 2023, "A Critical Study on Data Leakage in Recommender System Offline
    Evaluation".

    Args:
        times: users and times of training and test.

    Returns:
        PASSED, or FAILED with temporal-leak and the interactions that are later by most.

    Raises:
        InvalidTaskError: an unknown claim, no training interaction or no test query, users and times of different
            length, a time that is not a finite number, ids that are neither text nor whole numbers or not alike in
            training and test, or, under "leave-last-out", a test user of whom nothing is in training.
    """
    if times.claim not in get_args(SplitClaim):
        raise InvalidTaskError(
            f"the split's claim is {times.claim!r}; give one of {', '.join(map(repr, get_args(SplitClaim)))}."
        )
    train_times, test_times = _times("train_times", times.train_times), _times("test_times", times.test_times)
    if train_times.dtype != test_times.dtype:
        train_times, test_times = train_times.astype(np.float64), test_times.astype(np.float64)
    train_ids, test_ids = _ids("train_users", times.train_users), _ids("test_users", times.test_users)
    _require_together("train", train_ids, train_times)
    _require_together("test", test_ids, test_times)
    train_user, test_user, user_ids = _codes(train_ids, test_ids)
    if times.claim == "leave-last-out":
        _require_known(train_user, test_user, user_ids)

    first_test = test_times.min()
    first_of_user = _first_of_each_user(test_user, test_times, len(user_ids))
    own = train_times > first_of_user[train_user]
    after_first = train_times > first_test
    # what decided stands first
    if times.claim == "time":
        late, limit = after_first, np.full_like(train_times, first_test)
        counted = {_AFTER_FIRST: int(after_first.sum()), _OWN: int(own.sum())}
    else:
        late, limit = own, first_of_user[train_user]
        counted = {_OWN: int(own.sum()), _AFTER_FIRST: int(after_first.sum())}
    of_others = _later_of_others(train_user, train_times, test_user, test_times)
    n_late = int(late.sum())
    return Verdict(
        check="no_future_training_data",
        status=Status.FAILED if n_late else Status.PASSED,
        claim=_claim(times.claim, len(train_times), len(test_times)),
        measured={
            **counted,
            "late_share_of_training": n_late / len(train_times),
            "share_of_queries_with_later_training_of_others": float((of_others > 0).mean()),
            "mean_share_of_training_later_of_others": float(of_others.mean()) / len(train_times),
        },
        threshold={next(iter(counted)): 0},
        n=len(test_times),
        evidence=_rows(late, limit, train_user, train_times, user_ids, times.claim),
        cause=_CAUSES[times.claim] if n_late else "",
        next_step=_NEXT_STEPS[times.claim] if n_late else "",
        fault="temporal-leak" if n_late else None,
    )


def _claim(claim: SplitClaim, n_train: int, n_test: int) -> str:
    if claim == "time":
        return f"none of {n_train} training interactions is later than the first of {n_test} test queries"
    return f"none of {n_train} training interactions is later than a test query of the same user ({n_test} queries)"


def _first_of_each_user(user: IntArray, times: _TimeArray, n_users: int) -> _TimeArray:
    """(n_users,) the user's earliest test time; for a user who is not tested, a time that none is later than."""
    never = np.inf if times.dtype.kind == "f" else np.iinfo(np.int64).max
    first: NDArray[Any] = np.full(n_users, never).astype(times.dtype)
    np.minimum.at(first, user, times)
    return first


def _later_of_others(
    train_user: IntArray, train_times: _TimeArray, test_user: IntArray, test_times: _TimeArray
) -> IntArray:
    """(Q,) how many training interactions of other users are later than each test query."""
    moments = np.unique(train_times)
    later = len(train_times) - np.searchsorted(np.sort(train_times), test_times, side="right")
    # One number for user and time, so that one sorted array serves the searches within all users.
    keys = np.sort(train_user * len(moments) + np.searchsorted(moments, train_times))
    end_of_user = np.searchsorted(keys, (test_user + 1) * len(moments), side="left")
    not_later = np.searchsorted(moments, test_times, side="right")
    own_later = end_of_user - np.searchsorted(keys, test_user * len(moments) + not_later, side="left")
    return np.asarray(later - own_later, dtype=np.int64)


def _rows(
    late: BoolArray,
    limit: _TimeArray,
    train_user: IntArray,
    train_times: _TimeArray,
    user_ids: _IdArray,
    claim: SplitClaim,
) -> tuple[str, ...]:
    """Those that are later by most, of as many users as possible."""
    at = np.flatnonzero(late)
    at = at[np.argsort(limit[at] - train_times[at], kind="stable")]
    heads = np.sort(np.unique(train_user[at], return_index=True)[1])
    worst = np.concatenate((at[heads], np.delete(at, heads)))[:MAX_EVIDENCE]
    what = "the first test time" if claim == "time" else "the user's test time"
    return tuple(
        f"training row {int(row)}: user {user_ids[train_user[row]].item()!r} at {_shown(train_times[row])}, "
        f"{_shown(train_times[row] - limit[row])} after {what} {_shown(limit[row])}"
        for row in worst
    )


def _shown(time: np.generic) -> str:
    return f"{time.item():.15g}" if isinstance(time, np.floating) else str(time)


def _times(name: str, values: Sequence[float] | _TimeArray) -> _TimeArray:
    array = np.asarray(values)
    if array.ndim != 1 or len(array) == 0:
        raise InvalidTaskError(f"{name} has the shape {array.shape}; give one time an interaction, at least one.")
    if array.dtype.kind not in "iuf":
        raise InvalidTaskError(
            f"{name} has the dtype {array.dtype} (first: {array[0]!r}); give numbers, such as seconds since 1970."
        )
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(np.argmax(bad))
        raise InvalidTaskError(
            f"{name} is {array[row]} at row {row} ({int(bad.sum())} such rows); an interaction without a time cannot be "
            "shown to lie before the test. Give it one, or leave it out of training as well."
        )
    whole = array.dtype.kind == "i" or (array.dtype.kind == "u" and array.dtype.itemsize < 8)
    return array.astype(np.int64) if whole else array.astype(np.float64)


def _ids(name: str, values: Sequence[str] | Sequence[int] | IntArray) -> _IdArray:
    array = values if isinstance(values, np.ndarray) and values.dtype.kind in "iU" else _as_ids(name, list(values))
    if array.ndim != 1 or len(array) == 0:
        raise InvalidTaskError(
            f"{name} has the shape {array.shape}; give one user id an interaction, at least one."
        )
    return array


def _as_ids(name: str, values: list[object]) -> _IdArray:
    """Of plain values; numpy alone would make text of numbers among text."""
    as_text = [isinstance(value, str) for value in values]
    if all(as_text):
        return np.array(values, dtype=np.str_)
    as_number = [_is_whole(value) for value in values]
    if all(as_number):
        return np.array(values, dtype=np.int64)
    odd = values[(as_number if as_number[0] else as_text).index(False)]
    raise InvalidTaskError(
        f"{name} holds {odd!r:.100} (type {type(odd).__name__}); give user ids that are all text, or all whole numbers."
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and -(2**63) <= int(value) < 2**63


def _require_together(part: str, ids: _IdArray, times: _TimeArray) -> None:
    if len(ids) != len(times):
        raise InvalidTaskError(
            f"{part}_users has {len(ids)} entries and {part}_times {len(times)}; give each interaction one of each."
        )


def _codes(train_ids: _IdArray, test_ids: _IdArray) -> tuple[IntArray, IntArray, _IdArray]:
    """Users as positions in one list of all of them."""
    if train_ids.dtype.kind != test_ids.dtype.kind:
        raise InvalidTaskError(
            f"train_users are such as {train_ids[0].item()!r}, test_users such as {test_ids[0].item()!r}: text in one, "
            "numbers in the other; spell the ids alike."
        )
    both: NDArray[Any] = np.concatenate((train_ids, test_ids))
    user_ids, positions = np.unique(both, return_inverse=True)
    codes = positions.astype(np.int64)
    return codes[: len(train_ids)], codes[len(train_ids) :], user_ids


def _require_known(train_user: IntArray, test_user: IntArray, user_ids: _IdArray) -> None:
    known = np.zeros(len(user_ids), dtype=np.bool_)
    known[train_user] = True
    if not known[test_user].all():
        unknown = np.unique(test_user[~known[test_user]])
        raise InvalidTaskError(
            f"{len(unknown)} test user(s) have no interaction in training, such as {user_ids[unknown[0]].item()!r}; "
            "leave-last-out trains on the rest of each user. Give all that was trained on, with ids spelled alike "
            f"(training has such as {user_ids[train_user[0]].item()!r}), or leave these users out of the test."
        )
