"""Users and times of a split as arrays, or an error that names what cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.split_times import SplitClaim, SplitTimes
from rerank_guard.core.types import IntArray

__all__ = ["SplitArrays", "TimeArray"]

TimeArray: TypeAlias = NDArray[np.int64] | NDArray[np.float64]
IdArray: TypeAlias = NDArray[np.str_] | IntArray


@dataclass(frozen=True, slots=True, eq=False)
class SplitArrays:
    """A split of T training interactions and Q test queries.

    Attributes:
        train_user: (T,) int64, place of the user in `user_ids`.
        train_times: (T,) int64 or float64; all times have one dtype.
        test_user: (Q,) int64, likewise.
        test_times: (Q,).
        user_ids: (U,) of all users, training and test.
    """

    train_user: IntArray
    train_times: TimeArray
    test_user: IntArray
    test_times: TimeArray
    user_ids: IdArray

    @classmethod
    def of(cls, times: SplitTimes) -> SplitArrays:
        """The arrays of a split.

        Whole times stay whole numbers: nanoseconds since 1970 need more digits than a float64 has.

        Raises:
            InvalidTaskError: see `no_future_training_data`.
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
        return cls(train_user, train_times, test_user, test_times, user_ids)


def _times(name: str, values: Sequence[float] | TimeArray) -> TimeArray:
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


def _ids(name: str, values: Sequence[str] | Sequence[int] | IntArray) -> IdArray:
    array = values if isinstance(values, np.ndarray) and values.dtype.kind in "iU" else _as_ids(name, list(values))
    if array.ndim != 1 or len(array) == 0:
        raise InvalidTaskError(
            f"{name} has the shape {array.shape}; give one user id an interaction, at least one."
        )
    return array


def _as_ids(name: str, values: list[object]) -> IdArray:
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


def _require_together(part: str, ids: IdArray, times: TimeArray) -> None:
    if len(ids) != len(times):
        raise InvalidTaskError(
            f"{part}_users has {len(ids)} entries and {part}_times {len(times)}; give each interaction one of each."
        )


def _codes(train_ids: IdArray, test_ids: IdArray) -> tuple[IntArray, IntArray, IdArray]:
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


def _require_known(train_user: IntArray, test_user: IntArray, user_ids: IdArray) -> None:
    known = np.zeros(len(user_ids), dtype=np.bool_)
    known[train_user] = True
    if not known[test_user].all():
        unknown = np.unique(test_user[~known[test_user]])
        raise InvalidTaskError(
            f"{len(unknown)} test user(s) have no interaction in training, such as {user_ids[unknown[0]].item()!r}; "
            "leave-last-out trains on the rest of each user. Give all that was trained on, with ids spelled alike "
            f"(training has such as {user_ids[train_user[0]].item()!r}), or leave these users out of the test."
        )
