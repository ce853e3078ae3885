"""Ranking tasks out of a split: one a held-out user, and one a position of a training history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rerank_guard.core.types import IntArray, Item, RankingTask
from rerank_model.data.catalogue import Catalogue
from rerank_model.data.interactions import Interactions
from rerank_model.data.samplers import Candidates, CandidateSampler, NegativeSampler
from rerank_model.data.seen import SeenItems
from rerank_model.data.splits import HeldOut
from rerank_model.errors import DataError

__all__ = ["count_training_tasks", "held_out_tasks", "iter_training_tasks", "training_tasks"]

_CHUNK = 8_192


def held_out_tasks(
    held_out: HeldOut,
    catalogue: Catalogue,
    sampler: CandidateSampler,
    *,
    n_candidates: int,
    history_length: int,
    rng: np.random.Generator,
) -> list[RankingTask]:
    """One task a held-out user, in the order of `held_out.targets`; `query_id` is the user id.

    Candidates exclude everything the user took before the target. The history shown is the last `history_length`
    items, oldest first.

    Raises:
        DataError: items missing from the catalogue, or too few items left for a user's candidates.
    """
    _require_sizes(n_candidates, history_length)
    history = held_out.history
    catalogue.require_items(history)
    catalogue.require_items(held_out.targets)
    users, targets = held_out.targets.user, held_out.targets.item
    drawn = sampler.candidates(users, targets, n_candidates=n_candidates, seen=SeenItems(history), rng=rng)
    ends = history.user_offsets()[users + 1]
    return list(_tasks(history, _items(catalogue, history), users, targets, ends, history_length, drawn))


def count_training_tasks(train: Interactions, *, min_history: int = 1) -> int:
    """How many training examples there are: interactions with at least `min_history` earlier ones of their user."""
    return len(_positions(train.chronological(), min_history))


def training_tasks(
    train: Interactions,
    catalogue: Catalogue,
    sampler: NegativeSampler,
    *,
    n_candidates: int,
    history_length: int,
    rng: np.random.Generator,
    min_history: int = 1,
    n_examples: int | None = None,
) -> list[RankingTask]:
    """All that `iter_training_tasks` yields, as a list."""
    return list(
        iter_training_tasks(
            train,
            catalogue,
            sampler,
            n_candidates=n_candidates,
            history_length=history_length,
            rng=rng,
            min_history=min_history,
            n_examples=n_examples,
        )
    )


def iter_training_tasks(
    train: Interactions,
    catalogue: Catalogue,
    sampler: NegativeSampler,
    *,
    n_candidates: int,
    history_length: int,
    rng: np.random.Generator,
    min_history: int = 1,
    n_examples: int | None = None,
) -> Iterator[RankingTask]:
    """Training examples in random order: the last `history_length` items before a position, and the item there.

    Each example draws its own negatives; call again with the same Generator for another pass with fresh ones.
    Negatives exclude *all* that the user took in `train`, also later than the target: those are items the user is
    known to want, and calling them wrong answers would train against the taste to be learned. Nothing outside
    `train` is consulted, so a held-out target can be drawn as a negative like any other item.

    Args:
        train: training interactions, without repeats.
        catalogue: the items' texts.
        sampler: draws the negatives.
        n_candidates: N, at least 2.
        history_length: how many items the prompt shows at most.
        rng: chooses positions of the histories, negatives and positions of the targets.
        min_history: how many earlier interactions an example needs.
        n_examples: how many examples, drawn without replacement; None for all positions.

    Yields:
        Tasks; `query_id` is the user id, and the same user comes many times.

    Raises:
        DataError: before the first task: repeats, items missing from the catalogue, or fewer than `n_examples`
            positions; on the way: too few items left for a user's negatives.
    """
    _require_sizes(n_candidates, history_length)
    train.require_no_repeats()
    catalogue.require_items(train)
    rows = train.chronological()
    positions = _positions(rows, min_history)
    if len(positions) == 0:
        raise DataError(
            f"no user has more than min_history={min_history} interactions in train; lower min_history."
        )
    if n_examples is not None and not 1 <= n_examples <= len(positions):
        raise DataError(
            f"n_examples is {n_examples:,}; there are {len(positions):,} positions with {min_history} earlier "
            f"interaction(s). Give 1 to {len(positions):,}, or None for all."
        )
    chosen = rng.permutation(positions)[:n_examples]
    return _stream(rows, _items(catalogue, rows), chosen, sampler, n_candidates, history_length, rng)


def _stream(
    rows: Interactions,
    items: Sequence[Item],
    chosen: IntArray,
    sampler: NegativeSampler,
    n_candidates: int,
    history_length: int,
    rng: np.random.Generator,
) -> Iterator[RankingTask]:
    seen = SeenItems(rows)
    for start in range(0, len(chosen), _CHUNK):
        ends = chosen[start : start + _CHUNK]
        users, targets = rows.user[ends], rows.item[ends]
        drawn = sampler.candidates(users, targets, n_candidates=n_candidates, seen=seen, rng=rng)
        yield from _tasks(rows, items, users, targets, ends, history_length, drawn)


def _tasks(
    rows: Interactions,
    items: Sequence[Item],
    users: IntArray,
    targets: IntArray,
    ends: IntArray,
    history_length: int,
    drawn: Candidates,
) -> Iterator[RankingTask]:
    """One task a query; its history is the last of the user's rows before row `ends[query]`."""
    begins = np.maximum(rows.user_offsets()[users], ends - history_length).tolist()
    row_items = rows.item
    scores = None if drawn.scores is None else drawn.scores.tolist()
    target_positions = drawn.target_position.tolist()
    lookup = items.__getitem__
    for query, (user, target, begin, end, candidates) in enumerate(
        zip(users.tolist(), targets.tolist(), begins, ends.tolist(), drawn.items.tolist(), strict=True)
    ):
        yield RankingTask(
            query_id=rows.user_ids[user],
            history=tuple(map(lookup, row_items[begin:end].tolist())),
            candidates=tuple(map(lookup, candidates)),
            target_id=rows.item_ids[target],
            target_index=target_positions[query] if target_positions[query] >= 0 else None,
            first_stage_scores=None if scores is None else tuple(scores[query]),
        )


def _positions(rows: Interactions, min_history: int) -> IntArray:
    """The rows with at least `min_history` rows of the same user before them."""
    if min_history < 0:
        raise DataError(f"min_history is {min_history}; give 0 or more.")
    nth = np.arange(len(rows)) - rows.user_offsets()[rows.user]
    return np.flatnonzero(nth >= min_history)


def _items(catalogue: Catalogue, interactions: Interactions) -> list[Item]:
    """The catalogue's item of each item code; also an item without interactions has to be in the catalogue.

    Raises:
        DataError: an item of the vocabulary is not in the catalogue.
    """
    by_id = {item.item_id: item for item in catalogue.items}
    missing = [item_id for item_id in interactions.item_ids if item_id not in by_id]
    if missing:
        raise DataError(
            f"{len(missing):,} item(s) of the vocabulary are not in the catalogue, such as {missing[0]!r}, and a sampler "
            "could draw them. Use Interactions.aligned_to(catalogue) before splitting."
        )
    return [by_id[item_id] for item_id in interactions.item_ids]


def _require_sizes(n_candidates: int, history_length: int) -> None:
    if n_candidates < 2:
        raise DataError(f"n_candidates is {n_candidates}; a ranking needs at least 2.")
    if history_length < 0:
        raise DataError(f"history_length is {history_length}; give 0 or more.")
