"""What is trained on and what is held out: leave-last-out, and a cut in time.

In both, each held-out user has one validation target and one test target at most, and a history that ends before
it. Training rows never hold a target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.types import BoolArray, IntArray
from rerank_model.data.interactions import Interactions
from rerank_model.errors import DataError

__all__ = ["HeldOut", "Split", "leave_last_out", "time_split"]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Users with one target each.

    Attributes:
        history: what is known before the targets, of all users, sorted by user and time.
        targets: one row a held-out user, sorted by user.
        users_left_out: reason to user ids: the users without a target here.
        n_tied_targets: targets that share their timestamp with another interaction of the same user, so that the
            order of the source, not time, made them the target.
    """

    history: Interactions
    targets: Interactions
    users_left_out: Mapping[str, tuple[str, ...]]
    n_tied_targets: int

    @property
    def n_users_left_out(self) -> int:
        """How many users have no target here, whatever the reason."""
        return sum(len(users) for users in self.users_left_out.values())


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Training rows and two sets of held-out users, over one vocabulary.

    Attributes:
        train: sorted by user and time.
        validation: None when no validation set was asked for.
        test: the users that are judged.
    """

    train: Interactions
    validation: HeldOut | None
    test: HeldOut

    @property
    def users_left_out(self) -> Mapping[str, tuple[str, ...]]:
        """Reason to user ids: the users that the test set cannot judge."""
        return self.test.users_left_out


def leave_last_out(interactions: Interactions, *, min_interactions: int = 3) -> Split:
    """Each user's last interaction is the test target, the last but one the validation target, the rest train.

    Equal timestamps keep the order of the source. Users with fewer than `min_interactions` are reported in
    `users_left_out`; their interactions stay in train.

    This split looks into the future of other users: what they took after a user's target may be trained on. Where
    that matters, use `time_split`.

    Args:
        interactions: without repeats (see `Interactions.without_repeats`).
        min_interactions: at least 3: one target each, and one interaction to train on.

    Raises:
        DataError: repeats, `min_interactions` below 3, or no user with that many.
    """
    if min_interactions < 3:
        raise DataError(
            f"min_interactions is {min_interactions}; a user needs 3: one for test, one for validation, one for train."
        )
    interactions.require_no_repeats()
    rows = interactions.chronological()
    offsets = rows.user_offsets()
    counts = np.diff(offsets)
    present = counts > 0
    held = counts >= min_interactions
    if not held.any():
        raise DataError(
            f"no user has {min_interactions} interactions; the longest of {int(present.sum()):,} histories has "
            f"{int(counts.max(initial=0))}. Lower min_interactions (3 at least), or bring more data."
        )
    test_rows = offsets[1:][held] - 1
    validation_rows = test_rows - 1
    in_train = np.ones(len(rows), dtype=np.bool_)
    in_train[test_rows] = False
    before_test = in_train.copy()
    in_train[validation_rows] = False
    left_out = _named(interactions, {f"fewer than {min_interactions} interactions": present & ~held})
    tied = _tied(rows)
    train = rows.take(in_train)
    return Split(
        train=train,
        validation=HeldOut(train, rows.take(validation_rows), left_out, int(tied[validation_rows].sum())),
        test=HeldOut(rows.take(before_test), rows.take(test_rows), left_out, int(tied[test_rows].sum())),
    )


def time_split(
    interactions: Interactions,
    *,
    test_from: float,
    validation_from: float | None = None,
    min_history: int = 1,
) -> Split:
    """Train strictly before the cut; each user's first interaction at or after it is the test target.

    With `validation_from`, train ends strictly before that, and each user's first interaction in
    `[validation_from, test_from)` is the validation target. A test user's history is everything before
    `test_from`. What a user took after the target is used nowhere.

    Users without a target, or with fewer than `min_history` interactions before the cut, are reported in
    `users_left_out`.

    Args:
        interactions: without repeats (see `Interactions.without_repeats`).
        test_from: the first moment of the test time, in the unit of the timestamps.
        validation_from: the first moment of the validation time; None for no validation set.
        min_history: how many interactions a held-out user needs before the cut, at least 0.

    Raises:
        DataError: repeats, cuts in the wrong order, or a cut with no interaction before it or no user after it.
    """
    interactions.require_no_repeats()
    if validation_from is not None and not validation_from < test_from:
        raise DataError(
            f"validation_from={validation_from} is not before test_from={test_from}; put validation between train and test."
        )
    if min_history < 0:
        raise DataError(f"min_history is {min_history}; give 0 or more.")
    if len(interactions) == 0:
        raise DataError("there are no interactions to split; check the file.")
    rows = interactions.chronological()
    time = rows.timestamp
    first_cut = test_from if validation_from is None else validation_from
    train = rows.take(time < first_cut)
    if len(train) == 0:
        raise DataError(
            f"no interaction lies before {first_cut}; the timestamps run from {time.min()} to {time.max()}. Move the cut."
        )
    tied = _tied(rows)
    validation = None
    if validation_from is not None:
        inside = (time >= validation_from) & (time < test_from)
        validation = _held_out_from(rows, time < validation_from, inside, tied, min_history)
    return Split(train, validation, _held_out_from(rows, time < test_from, time >= test_from, tied, min_history))


def _held_out_from(
    rows: Interactions, before: BoolArray, after: BoolArray, tied: BoolArray, min_history: int
) -> HeldOut:
    n_users = len(rows.user_ids)
    n_before = np.bincount(rows.user[before], minlength=n_users)
    n_after = np.bincount(rows.user[after], minlength=n_users)
    held = (n_after > 0) & (n_before >= min_history)
    if not held.any():
        raise DataError(
            f"no user has {min_history} interaction(s) before the cut and one after it; the timestamps run from "
            f"{rows.timestamp.min()} to {rows.timestamp.max()}. Move the cut, or lower min_history."
        )
    after_rows: IntArray = np.flatnonzero(after)
    users, first = np.unique(rows.user[after_rows], return_index=True)
    target_rows = after_rows[first[held[users]]]
    left_out = _named(
        rows,
        {
            f"fewer than {min_history} interaction(s) before the cut": (n_after > 0) & (n_before < min_history),
            "no interaction after the cut": (n_after == 0) & (n_before > 0),
        },
    )
    return HeldOut(rows.take(before), rows.take(target_rows), left_out, int(tied[target_rows].sum()))


def _tied(rows: Interactions) -> BoolArray:
    """Where a sorted row has the user and timestamp of one of its neighbours."""
    same = (rows.user[1:] == rows.user[:-1]) & (rows.timestamp[1:] == rows.timestamp[:-1])
    tied = np.zeros(len(rows), dtype=np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    return tied


def _named(interactions: Interactions, reasons: Mapping[str, BoolArray]) -> dict[str, tuple[str, ...]]:
    return {
        reason: tuple(interactions.user_ids[user] for user in np.flatnonzero(mask))
        for reason, mask in reasons.items()
        if mask.any()
    }
