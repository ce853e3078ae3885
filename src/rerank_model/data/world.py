"""A known-truth world: users, items and a preference rule whose best possible ranking is computed exactly.

Items have two attributes, a *mood* and a *place*, of 12 values each; four words say each value, and a title is
one word of each ("Frozen Harbor"). Every combination of words is an item: 48 x 48 = 2,304, so every cell (mood,
place) holds 16 items that no rule tells apart, and knowing which of the 16 was drawn says nothing. That is what
makes the exact posterior a matter of cells alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.special import comb

from rerank_guard.core.types import FloatArray, IntArray, Item, RankingTask
from rerank_model.errors import DataError

__all__ = [
    "MOODS",
    "N_VALUES",
    "PLACES",
    "Draw",
    "OneTasteRule",
    "Rule",
    "SplitTasteRule",
    "world_items",
    "world_tasks",
]

MOODS: tuple[tuple[str, ...], ...] = (
    ("Icy", "Frozen", "Wintry", "Glacial"),
    ("Burning", "Scorching", "Fiery", "Molten"),
    ("Gloomy", "Shadowy", "Murky", "Sombre"),
    ("Radiant", "Gleaming", "Luminous", "Sparkling"),
    ("Ancient", "Antique", "Archaic", "Primeval"),
    ("Swift", "Rapid", "Hasty", "Brisk"),
    ("Silent", "Hushed", "Tranquil", "Muted"),
    ("Roaring", "Thunderous", "Blaring", "Deafening"),
    ("Golden", "Lavish", "Opulent", "Gilded"),
    ("Eerie", "Uncanny", "Bizarre", "Weird"),
    ("Tiny", "Minute", "Petite", "Slender"),
    ("Feral", "Savage", "Untamed", "Rugged"),
)
"""The first attribute: 12 values, four words each."""

PLACES: tuple[tuple[str, ...], ...] = (
    ("Harbor", "Lagoon", "Reef", "Tide"),
    ("Summit", "Ridge", "Cliff", "Peak"),
    ("Grove", "Thicket", "Woodland", "Glade"),
    ("Dune", "Oasis", "Mirage", "Canyon"),
    ("Avenue", "Plaza", "Skyline", "Alley"),
    ("Barn", "Orchard", "Meadow", "Pasture"),
    ("Fortress", "Throne", "Dungeon", "Tower"),
    ("Comet", "Nebula", "Orbit", "Galaxy"),
    ("Ballad", "Anthem", "Sonata", "Chorus"),
    ("Feast", "Banquet", "Supper", "Picnic"),
    ("Siege", "Battle", "Crusade", "Duel"),
    ("Voyage", "Journey", "Passage", "Expedition"),
)
"""The second attribute: 12 values, four words each."""

N_VALUES = 12
_WORDS = 4
_PER_CELL = _WORDS * _WORDS


@dataclass(frozen=True, slots=True)
class Draw:
    """U drawn users at the level of cells.

    Attributes:
        mood, place: (U, H + N) int64, the cell of each history item (the first H columns) and each candidate.
        target_slot: (U,) int64, 0-based slot of the target among the N candidates.
    """

    mood: IntArray
    place: IntArray
    target_slot: IntArray


class Rule(Protocol):
    """How histories, targets and negatives come about."""

    @property
    def history_length(self) -> int:
        """H."""
        ...

    def draw(self, n_users: int, n_candidates: int, rng: np.random.Generator) -> Draw:
        """Draw cells for `n_users` users."""
        ...


@dataclass(frozen=True, slots=True)
class OneTasteRule:
    """Each user cares for one attribute, mood or place by a coin.

    A history item agrees with the taste with probability `agreement`, the target always, a negative never. The
    embedded base is pretrained on this rule; it is not the rule of the gate.
    """

    history_length: int = 8
    agreement: float = 0.8

    def draw(self, n_users: int, n_candidates: int, rng: np.random.Generator) -> Draw:
        """Draw cells for `n_users` users."""
        h, n = self.history_length, n_candidates
        taste = rng.integers(N_VALUES, size=(n_users, 1))
        slot = rng.integers(n, size=n_users)
        agrees = np.concatenate([rng.random((n_users, h)) < self.agreement, np.zeros((n_users, n), bool)], axis=1)
        agrees[np.arange(n_users), h + slot] = True
        other = (taste + rng.integers(1, N_VALUES, size=(n_users, h + n))) % N_VALUES
        cared = np.where(agrees, taste, other)
        ignored = rng.integers(N_VALUES, size=(n_users, h + n))
        cares_for_mood = rng.random((n_users, 1)) < 0.5
        return Draw(
            mood=np.where(cares_for_mood, cared, ignored),
            place=np.where(cares_for_mood, ignored, cared),
            target_slot=slot,
        )


@dataclass(frozen=True, slots=True)
class SplitTasteRule:
    """The gate's rule: the history points at a mood and at a place, and only the place matters.

    Of a user's history, `mood_agreements` items share the user's mood (any place) and `place_agreements` items
    share the user's place (any mood), in random order. The target shares the place with probability 1 - `noise`
    and has another place otherwise; a negative never shares it. Target and negatives alike share the mood with
    probability `decoy`, so a reranker that follows the mood is exactly at chance.
    """

    mood_agreements: int = 4
    place_agreements: int = 3
    decoy: float = 0.3
    noise: float = 0.1

    def __post_init__(self) -> None:
        for name, value in (("decoy", self.decoy), ("noise", self.noise)):
            if not 0 < value < 1:
                raise DataError(f"{name} is {value}; the posterior needs a share strictly between 0 and 1.")
        if min(self.mood_agreements, self.place_agreements) < 1:
            raise DataError("a history needs at least one item for the mood and one for the place.")

    @property
    def history_length(self) -> int:
        """H."""
        return self.mood_agreements + self.place_agreements

    def draw(self, n_users: int, n_candidates: int, rng: np.random.Generator) -> Draw:
        """Draw cells for `n_users` users."""
        h, n = self.history_length, n_candidates
        mood_taste = rng.integers(N_VALUES, size=(n_users, 1))
        place_taste = rng.integers(N_VALUES, size=(n_users, 1))
        by_place = rng.permuted(np.tile(np.arange(h) < self.place_agreements, (n_users, 1)), axis=1)
        history_mood = np.where(by_place, rng.integers(N_VALUES, size=(n_users, h)), mood_taste)
        history_place = np.where(by_place, place_taste, rng.integers(N_VALUES, size=(n_users, h)))

        slot = rng.integers(n, size=n_users)
        other_mood = (mood_taste + rng.integers(1, N_VALUES, size=(n_users, n))) % N_VALUES
        mood = np.where(rng.random((n_users, n)) < self.decoy, mood_taste, other_mood)
        place = (place_taste + rng.integers(1, N_VALUES, size=(n_users, n))) % N_VALUES
        follows = rng.random(n_users) >= self.noise
        rows = np.arange(n_users)
        place[rows, slot] = np.where(follows, place_taste[:, 0], place[rows, slot])
        return Draw(
            mood=np.concatenate([history_mood, mood], axis=1),
            place=np.concatenate([history_place, place], axis=1),
            target_slot=slot,
        )

    def posterior(self, mood: IntArray, place: IntArray) -> FloatArray:
        """The exact posterior of the target's slot, given everything that a reranker can see.

        Bayes over the 144 pairs (mood taste u, place taste v), each a priori equally likely. A history is
        possible under (u, v) when every item has mood u or place v; of the items with both, any
        `place_agreements` - (items with the place alone) may have been the place's, so its likelihood is
        proportional to that binomial coefficient. Given (u, v), the candidates' moods carry the factor
        prod(decoy if mood == u else (1 - decoy) / 11) whichever slot is the target's; their places allow slot j
        with weight 1 - noise when j alone has place v (then the other N - 1 have one of 11 places each), and
        every slot with weight noise / 11 when none has.

        Args:
            mood: (U, H + N) int64 cells.
            place: (U, H + N) int64 cells.

        Returns:
            (U, N) float64, rows sum to 1.
        """
        h = self.history_length
        values = np.arange(N_VALUES)
        has_mood = mood[:, :h, None] == values  # (U, H, 12)
        has_place = place[:, :h, None] == values
        both = np.einsum("uha,uhb->uab", has_mood.astype(np.int64), has_place.astype(np.int64))
        mood_alone = has_mood.sum(axis=1)[:, :, None] - both
        place_alone = has_place.sum(axis=1)[:, None, :] - both
        possible = mood_alone + place_alone + both == h
        needed = self.place_agreements - place_alone
        history = np.where(possible & (needed >= 0) & (needed <= both), comb(both, np.maximum(needed, 0)), 0.0)

        n = mood.shape[1] - h
        mood_matches = (mood[:, h:, None] == values).sum(axis=1)  # (U, 12)
        log_moods = mood_matches * np.log(self.decoy) + (n - mood_matches) * np.log(
            (1 - self.decoy) / (N_VALUES - 1)
        )
        moods = np.exp(log_moods - log_moods.max(axis=1, keepdims=True))
        weight = np.einsum(
            "uab,ua->ub", history, moods
        )  # (U, 12), unnormalised posterior of v by history and moods

        in_place = place[:, h:, None] == values  # (U, N, 12)
        count = in_place.sum(axis=1)[:, None, :]
        slots = np.where(
            count == 0, self.noise / (N_VALUES - 1), np.where((count == 1) & in_place, 1 - self.noise, 0.0)
        )
        joint = np.einsum("unb,ub->un", slots, weight)
        return np.asarray(joint / joint.sum(axis=1, keepdims=True), dtype=np.float64)


@lru_cache(maxsize=1)
def world_items() -> tuple[Item, ...]:
    """All 2,304 items, those of cell (mood m, place p) at positions 16 * (12 * m + p) to 16 * (12 * m + p) + 15."""
    return tuple(
        Item(item_id=f"{m}-{p}-{mood}-{place}".lower(), text=f"{mood} {place}")
        for m, moods in enumerate(MOODS)
        for p, places in enumerate(PLACES)
        for mood in moods
        for place in places
    )


def world_tasks(
    rule: Rule, n_users: int, n_candidates: int, rng: np.random.Generator, prefix: str = "u"
) -> tuple[list[RankingTask], Draw]:
    """Draw users under a rule and give each cell one of its items, no item twice in a task.

    Args:
        rule: the preference rule.
        n_users: U.
        n_candidates: N.
        rng: the only source of randomness.
        prefix: what query ids begin with.

    Returns:
        U tasks, and the draw they were made from (what an exact posterior needs).

    Raises:
        RuntimeError: one task asked for more than 16 items of a cell; fewer candidates make that impossible.
    """
    draw = rule.draw(n_users, n_candidates, rng)
    items = world_items()
    index = _distinct_items(draw.mood * N_VALUES + draw.place, rng)
    h = rule.history_length
    tasks = []
    for user, row in enumerate(index.tolist()):
        slot = int(draw.target_slot[user])
        candidates = tuple(items[i] for i in row[h:])
        tasks.append(
            RankingTask(
                query_id=f"{prefix}{user}",
                history=tuple(items[i] for i in row[:h]),
                candidates=candidates,
                target_id=candidates[slot].item_id,
                target_index=slot,
            )
        )
    return tasks, draw


def _distinct_items(cell: IntArray, rng: np.random.Generator) -> IntArray:
    """Give each (task, cell) its items in a random order: the k-th time a cell occurs, the k-th of that order."""
    n_tasks, width = cell.shape
    order = np.argsort(cell, axis=1, kind="stable")
    ordered = np.take_along_axis(cell, order, axis=1)
    starts = np.concatenate([np.ones((n_tasks, 1), bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    position = np.arange(width)
    occurrence = np.empty_like(cell)
    run_start = np.maximum.accumulate(np.where(starts, position, 0), axis=1)
    np.put_along_axis(occurrence, order, position - run_start, axis=1)
    if occurrence.max() >= _PER_CELL:
        raise RuntimeError(
            f"a task asks for {int(occurrence.max()) + 1} items of one cell, which holds {_PER_CELL}; "
            "use fewer candidates or a smaller decoy share."
        )
    # A pool of random permutations, one drawn for each (task, cell): as good as a fresh shuffle, and vectorised.
    pool = rng.permuted(np.tile(np.arange(_PER_CELL), (4096, 1)), axis=1)
    chosen = rng.integers(len(pool), size=(n_tasks, N_VALUES * N_VALUES))
    within = pool[np.take_along_axis(chosen, cell, axis=1), occurrence]
    return np.asarray(cell * _PER_CELL + within, dtype=np.int64)
