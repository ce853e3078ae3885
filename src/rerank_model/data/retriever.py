"""A first stage's lists as candidates, as the reranker gets them in production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rerank_guard.core.types import FloatArray, IntArray
from rerank_model.data.interactions import Interactions
from rerank_model.data.samplers import Candidates
from rerank_model.data.seen import SeenItems
from rerank_model.errors import DataError

__all__ = ["RetrieverSampler"]


class RetrieverSampler:
    """The first N items of each user's list, without those of the history, in shuffled positions.

    A target that the first stage did not retrieve stays missing (`target_position` -1): adding it would measure
    another system than the one that runs. The first stage's order is kept in the scores, not in the positions, so that a
    reranker cannot win by repeating it.

    There is one list a user, made for the held-out target, so this sampler is not one for training examples.
    """

    def __init__(self, lists: Mapping[str, Sequence[tuple[str, float]]], interactions: Interactions) -> None:
        """Take each user's list of (item_id, score), higher is better, in any order.

        Args:
            lists: user_id to list.
            interactions: any part of the data set, for its vocabularies.

        Raises:
            DataError: an item outside the vocabulary, an item listed twice, or a score that is not finite.
        """
        code = {item_id: position for position, item_id in enumerate(interactions.item_ids)}
        self._lists: dict[str, tuple[IntArray, FloatArray]] = {}
        for user_id, entries in lists.items():
            items = [_code(code, user_id, item_id) for item_id, _ in entries]
            if len(set(items)) != len(items):
                twice = next(
                    item_id
                    for item_id, item in zip((e[0] for e in entries), items, strict=True)
                    if items.count(item) > 1
                )
                raise DataError(
                    f"the list of user {user_id!r} holds item {twice!r} twice; deduplicate the first stage."
                )
            scores = np.array([score for _, score in entries], dtype=np.float64)
            if not np.isfinite(scores).all():
                worst = int(np.argmin(np.isfinite(scores)))
                raise DataError(
                    f"the list of user {user_id!r} gives item {entries[worst][0]!r} the score {scores[worst]}; "
                    "scores must be finite."
                )
            best_first = np.argsort(-scores, kind="stable")
            self._lists[user_id] = (np.array(items, dtype=np.int64)[best_first], scores[best_first])

    def candidates(
        self, users: IntArray, targets: IntArray, *, n_candidates: int, seen: SeenItems, rng: np.random.Generator
    ) -> Candidates:
        """The N best of each user's list that the user has not taken, shuffled.

        Raises:
            DataError: a user without a list, or with fewer than `n_candidates` items left in it.
        """
        items = np.empty((len(users), n_candidates), dtype=np.int64)
        scores = np.empty((len(users), n_candidates), dtype=np.float64)
        for query, user in enumerate(users):
            user_id = seen.user_ids[user]
            if user_id not in self._lists:
                raise DataError(
                    f"user {user_id!r} has no list from the first stage; retrieve for every held-out user, or leave the "
                    "user out and report it."
                )
            listed, listed_scores = self._lists[user_id]
            new = ~seen.contains(user, listed)
            if int(new.sum()) < n_candidates:
                raise DataError(
                    f"the list of user {user_id!r} has {int(new.sum())} of {len(listed)} items left outside the history "
                    f"where n_candidates={n_candidates} are needed; retrieve more, or lower n_candidates."
                )
            items[query] = listed[new][:n_candidates]
            scores[query] = listed_scores[new][:n_candidates]
        order = rng.permuted(np.tile(np.arange(n_candidates), (len(users), 1)), axis=1)
        items = np.take_along_axis(items, order, axis=1)
        scores = np.take_along_axis(scores, order, axis=1)
        is_target = items == targets[:, None]
        position = np.where(is_target.any(axis=1), is_target.argmax(axis=1), -1).astype(np.int64)
        return Candidates(items=items, target_position=position, scores=scores)


def _code(code: Mapping[str, int], user_id: str, item_id: str) -> int:
    try:
        return code[item_id]
    except KeyError:
        raise DataError(
            f"the list of user {user_id!r} holds item {item_id!r}, which is not in the data set; retrieve from the same "
            "items, or align the interactions to the whole catalogue first (Interactions.aligned_to)."
        ) from None
