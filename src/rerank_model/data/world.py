"""A known-truth world: users and a preference rule whose best possible ranking is computed exactly.

Histories, candidate lists and titles have unlike lengths, so that prompts have too: faults of padding, of the last
position and of truncation leave prompts of one length unchanged.

The rules know items by their cell (mood, place) alone; which of a cell's 16 items was drawn says nothing. That is what
makes the exact posterior a matter of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import comb

from rerank_guard.core.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_model.data.world_draw import EMPTY, Cells, Draw, Lengths, drawn_columns, within
from rerank_model.data.world_items import ITEMS_PER_CELL, N_VALUES, world_items
from rerank_model.errors import DataError

__all__ = ["OneTasteRule", "Rule", "SplitTasteRule", "world_tasks"]


class Rule(Protocol):
    """How histories, targets and negatives come about."""

    def draw(self, n_users: int, n_candidates: Lengths, rng: np.random.Generator) -> Draw:
        """Draw cells for `n_users` users."""
        ...


@dataclass(frozen=True, slots=True)
class OneTasteRule:
    """Each user cares for one attribute, mood or place by a coin.

    A history item agrees with the taste with probability `agreement`, the target always, a negative never. The
    embedded base is pretrained on this rule; it is not the rule of the gate.
    """

    history_lengths: Lengths = (4, 12)
    agreement: float = 0.8

    def draw(self, n_users: int, n_candidates: Lengths, rng: np.random.Generator) -> Draw:
        """Draw cells for `n_users` users."""
        in_history = drawn_columns(self.history_lengths, n_users, rng)
        in_list = drawn_columns(n_candidates, n_users, rng)
        taste = rng.integers(N_VALUES, size=(n_users, 1))
        cares_for_mood = rng.random((n_users, 1)) < 0.5
        position = rng.integers(in_list.sum(axis=1))
        is_target = np.arange(in_list.shape[1]) == position[:, None]

        def cells(agrees: BoolArray, present: BoolArray) -> Cells:
            other = (taste + rng.integers(1, N_VALUES, size=agrees.shape)) % N_VALUES
            cared = np.where(agrees, taste, other)
            ignored = rng.integers(N_VALUES, size=agrees.shape)
            return within(
                np.where(cares_for_mood, cared, ignored), np.where(cares_for_mood, ignored, cared), present
            )

        return Draw(
            history=cells(rng.random(in_history.shape) < self.agreement, in_history),
            candidates=cells(is_target, in_list),
            target_position=position,
        )


@dataclass(frozen=True, slots=True)
class SplitTasteRule:
    """The gate's rule: the history points at a mood and at a place, and only the place matters.

    Each user has one of the pairs (a, b) of `agreements`, all equally likely: a items of the history share the user's
    mood (any place) and b items share the user's place (any mood), in random order. The target shares the place with
    probability 1 - `noise` and has another place otherwise; a negative never shares it. Target and negatives alike
    share the mood with probability `decoy`, so a reranker that follows the mood is exactly at chance.

    Attributes:
        agreements: in each pair of the default the mood is ahead, so a reranker that follows whatever most of the
            history shares follows the mood.
        decoy: share of the candidates with the history's mood.
        noise: share of the targets that nothing in the history points at.
    """

    agreements: tuple[tuple[int, int], ...] = ((3, 2), (4, 2), (4, 3), (5, 3), (5, 4), (6, 4), (6, 5), (7, 5))
    decoy: float = 0.3
    noise: float = 0.1

    def __post_init__(self) -> None:
        for name, value in (("decoy", self.decoy), ("noise", self.noise)):
            if not 0 < value < 1:
                raise DataError(f"{name} is {value}; the posterior needs a share strictly between 0 and 1.")
        if not self.agreements or min(map(min, self.agreements)) < 1:
            raise DataError("a history needs at least one item for the mood and one for the place.")

    def draw(self, n_users: int, n_candidates: Lengths, rng: np.random.Generator) -> Draw:
        """Draw cells for `n_users` users."""
        pairs = np.array(self.agreements, dtype=np.int64)
        by_mood, by_place = pairs[rng.integers(len(pairs), size=n_users)].T
        in_history = np.arange(pairs.sum(axis=1).max()) < (by_mood + by_place)[:, None]
        in_list = drawn_columns(n_candidates, n_users, rng)
        mood_taste = rng.integers(N_VALUES, size=(n_users, 1))
        place_taste = rng.integers(N_VALUES, size=(n_users, 1))
        # The items for the place are those that come first in a random order of the history.
        order = np.where(in_history, rng.random(in_history.shape), 1.0).argsort(axis=1).argsort(axis=1)
        for_place = order < by_place[:, None]
        history = within(
            np.where(for_place, rng.integers(N_VALUES, size=for_place.shape), mood_taste),
            np.where(for_place, place_taste, rng.integers(N_VALUES, size=for_place.shape)),
            in_history,
        )

        position = rng.integers(in_list.sum(axis=1))
        other_mood = (mood_taste + rng.integers(1, N_VALUES, size=in_list.shape)) % N_VALUES
        mood = np.where(rng.random(in_list.shape) < self.decoy, mood_taste, other_mood)
        place = (place_taste + rng.integers(1, N_VALUES, size=in_list.shape)) % N_VALUES
        follows = rng.random(n_users) >= self.noise
        rows = np.arange(n_users)
        place[rows, position] = np.where(follows, place_taste[:, 0], place[rows, position])
        return Draw(history=history, candidates=within(mood, place, in_list), target_position=position)

    def posterior(self, history: Cells, candidates: Cells) -> FloatArray:
        """The exact posterior of the target's position, given everything that a reranker can see.

        Bayes over the 144 pairs (mood taste u, place taste v), each a priori equally likely; the lengths of the lists
        are independent of both. A history of h items is possible under (u, v) when every item has mood u or place v.
        With b items for the place it has probability 1 / C(h, b) for each choice of b items that is consistent with
        it, times a constant: an item without mood u must be one of them, an item without place v must not, and of the
        items with both any may be. Summed over the b of all `agreements` of this h, which are equally likely.

        Given (u, v), the candidates' moods carry the factor prod(decoy if mood == u else (1 - decoy) / 11) whichever
        position is the target's; their places allow position j with weight 1 - noise when j alone has place v (then
        the other N - 1 have one of 11 places each), and every position with weight noise / 11 when none has.

        Args:
            history: (U, H) cells.
            candidates: (U, N) cells.

        Returns:
            (U, N) float64, rows sum to 1; 0 behind the end of a list.
        """
        values = np.arange(N_VALUES)
        weight = np.einsum("uab,ua->ub", self._history_likelihood(history), self._mood_likelihood(candidates))
        in_place = candidates.place[:, :, None] == values  # (U, N, 12)
        count = in_place.sum(axis=1)[:, None, :]
        positions = np.where(
            count == 0, self.noise / (N_VALUES - 1), np.where((count == 1) & in_place, 1 - self.noise, 0.0)
        )
        joint = np.einsum("unb,ub->un", positions, weight) * (candidates.place != EMPTY)
        return np.asarray(joint / joint.sum(axis=1, keepdims=True), dtype=np.float64)

    def _history_likelihood(self, history: Cells) -> FloatArray:
        """(U, 12, 12), up to a constant a user: the history's probability under each pair (u, v)."""
        values = np.arange(N_VALUES)
        has_mood = history.mood[:, :, None] == values  # (U, H, 12)
        has_place = history.place[:, :, None] == values
        both = np.einsum("uha,uhb->uab", has_mood.astype(np.int64), has_place.astype(np.int64))
        mood_alone = has_mood.sum(axis=1)[:, :, None] - both
        place_alone = has_place.sum(axis=1)[:, None, :] - both
        length = history.lengths[:, None, None]
        possible = mood_alone + place_alone + both == length
        likelihood = np.zeros(both.shape)
        for by_mood, by_place in self.agreements:
            needed = by_place - place_alone
            allowed = possible & (length == by_mood + by_place) & (needed >= 0) & (needed <= both)
            ways = comb(both, np.maximum(needed, 0)) / comb(by_mood + by_place, by_place)
            likelihood += np.where(allowed, ways, 0.0)
        return likelihood

    def _mood_likelihood(self, candidates: Cells) -> FloatArray:
        """(U, 12), up to a constant a user: the probability of the candidates' moods under each mood taste."""
        matches = (candidates.mood[:, :, None] == np.arange(N_VALUES)).sum(axis=1)
        others = candidates.lengths[:, None] - matches
        log_moods = matches * np.log(self.decoy) + others * np.log((1 - self.decoy) / (N_VALUES - 1))
        return np.asarray(np.exp(log_moods - log_moods.max(axis=1, keepdims=True)), dtype=np.float64)


def world_tasks(
    rule: Rule, n_users: int, n_candidates: Lengths, rng: np.random.Generator, prefix: str = "u"
) -> tuple[list[RankingTask], Draw]:
    """Draw users under a rule and give each cell one of its items, no item twice in a task.

    Args:
        rule: the preference rule.
        n_users: U.
        n_candidates: N of every list, or its least and its greatest value.
        rng: the only source of randomness.
        prefix: what query ids begin with.

    Returns:
        U tasks, and the draw they were made from (what an exact posterior needs).

    Raises:
        RuntimeError: one task asked for more than 16 items of a cell; fewer candidates make that impossible.
    """
    draw = rule.draw(n_users, n_candidates, rng)
    items = world_items()
    width = draw.history.mood.shape[1]
    index = _distinct_items(np.concatenate([draw.history.cell, draw.candidates.cell], axis=1), rng)
    tasks = []
    for user, row in enumerate(index.tolist()):
        history, candidates = (tuple(items[i] for i in part if i != EMPTY) for part in (row[:width], row[width:]))
        position = int(draw.target_position[user])
        tasks.append(
            RankingTask(
                query_id=f"{prefix}{user}",
                history=history,
                candidates=candidates,
                target_id=candidates[position].item_id,
                target_index=position,
            )
        )
    return tasks, draw


def _distinct_items(cell: IntArray, rng: np.random.Generator) -> IntArray:
    """Give each (task, cell) its items in a random order: the k-th time a cell occurs, the k-th of that order.

    -1 stays -1.
    """
    n_tasks, width = cell.shape
    order = np.argsort(cell, axis=1, kind="stable")
    ordered = np.take_along_axis(cell, order, axis=1)
    starts = np.concatenate([np.ones((n_tasks, 1), bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    place = np.arange(width)
    occurrence = np.empty_like(cell)
    run_start = np.maximum.accumulate(np.where(starts, place, 0), axis=1)
    np.put_along_axis(occurrence, order, place - run_start, axis=1)
    occurrence[cell == EMPTY] = 0
    if occurrence.max() >= ITEMS_PER_CELL:
        raise RuntimeError(
            f"a task asks for {int(occurrence.max()) + 1} items of one cell, which holds {ITEMS_PER_CELL}; "
            "use fewer candidates or a smaller decoy share."
        )
    # A pool of random permutations, one drawn for each (task, cell): as good as a fresh shuffle, and vectorised.
    pool = rng.permuted(np.tile(np.arange(ITEMS_PER_CELL), (4096, 1)), axis=1)
    chosen = rng.integers(len(pool), size=(n_tasks, N_VALUES * N_VALUES))
    within = pool[np.take_along_axis(chosen, np.maximum(cell, 0), axis=1), occurrence]
    return np.asarray(np.where(cell == EMPTY, EMPTY, cell * ITEMS_PER_CELL + within), dtype=np.int64)
