"""A synthetic world of films whose titles show their genre, with the exact posterior of which one a user takes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rerank_guard.core.types import FloatArray, Item, RankingTask

__all__ = ["World", "all_words", "make_world", "world_tasks"]

WORDS = (
    ("Amber", "Lantern", "Velvet", "Orchard", "Honey", "Meadow", "Saffron", "Garden"),
    ("Iron", "Battalion", "Cannon", "Trench", "Bugle", "Rampart", "Steel", "Bayonet"),
    ("Comet", "Nebula", "Orbit", "Quasar", "Saturn", "Rocket", "Cosmic", "Android"),
    ("Saddle", "Canyon", "Lasso", "Prairie", "Sheriff", "Mustang", "Outlaw", "Mesa"),
    ("Phantom", "Crypt", "Wraith", "Banshee", "Coffin", "Cursed", "Hollow", "Raven"),
    ("Ballet", "Sonata", "Melody", "Tango", "Chorus", "Waltz", "Opera", "Violin"),
    ("Harbour", "Captain", "Anchor", "Schooner", "Tempest", "Lagoon", "Mariner", "Coral"),
    ("Detective", "Alibi", "Verdict", "Suspect", "Ransom", "Cipher", "Motive", "Witness"),
    ("Giggle", "Prank", "Clown", "Banana", "Jester", "Tickle", "Circus", "Custard"),
    ("Dragon", "Wizard", "Goblin", "Sorcerer", "Unicorn", "Castle", "Elfin", "Rune"),
)
"""Eight words a genre; a title is two of one genre's."""

MATCH = 7.0
"""Log-odds of a film, in nats, for each unit of the history's share in its genre."""

MAIN = 0.6
"""Share of a history in the user's own genre."""

HISTORY = 6
"""Films in a history."""


@dataclass(frozen=True)
class World:
    """Films, and users who take those that are like the ones they took before.

    Attributes:
        items: all films.
        genre_of: item id to genre, an index into `WORDS`.
    """

    items: tuple[Item, ...]
    genre_of: dict[str, int]

    def tasks(self, n: int, n_candidates: int, seed: int, prefix: str) -> tuple[RankingTask, ...]:
        """Draw users: six films of their history, other films as candidates, one of them taken by `posterior`.

        Args:
            n: number of users.
            n_candidates: N, the same for every user.
            seed: of all that is drawn.
            prefix: begins each query id.

        Returns:
            `n` tasks with their target listed.
        """
        rng = np.random.default_rng(seed)
        genres = np.array([self.genre_of[item.item_id] for item in self.items])
        return tuple(self._task(f"{prefix}-{user}", n_candidates, genres, rng) for user in range(n))

    def posterior(self, task: RankingTask) -> FloatArray:
        """The (N,) probability that each candidate was taken."""
        share = np.zeros(len(WORDS) + 1)  # the last one is of items that this world does not know
        for item in task.history:
            share[self.genre_of.get(item.item_id, -1)] += 1.0 / len(task.history)
        share[-1] = 0.0
        match = MATCH * share[[self.genre_of.get(item.item_id, -1) for item in task.candidates]]
        odds = np.exp(match - match.max())
        return np.asarray(odds / odds.sum(), dtype=np.float64)

    def _task(self, query_id: str, n_candidates: int, genres: np.ndarray, rng: np.random.Generator) -> RankingTask:
        weight = np.full(len(WORDS), (1.0 - MAIN) / len(WORDS))
        weight[rng.integers(len(WORDS))] += MAIN
        chance = weight[genres] / weight[genres].sum()
        history = rng.choice(len(self.items), size=HISTORY, replace=False, p=chance)
        others = np.setdiff1d(np.arange(len(self.items)), history)
        candidates = tuple(self.items[i] for i in rng.permutation(others)[:n_candidates])
        task = RankingTask(query_id, tuple(self.items[i] for i in history), candidates, candidates[0].item_id, 0)
        position = int(rng.choice(n_candidates, p=self.posterior(task)))
        return replace(task, target_id=candidates[position].item_id, target_index=position)


def make_world(per_genre: int = 15, seed: int = 41) -> World:
    """A world of films with titles of two words of their genre, each title once.

    Args:
        per_genre: films a genre, at most 56.
        seed: of the titles.
    """
    rng = np.random.default_rng(seed)
    items: list[Item] = []
    genre_of: dict[str, int] = {}
    for genre, words in enumerate(WORDS):
        pairs = [f"{first} {second}" for first in words for second in words if first != second]
        for title in rng.choice(pairs, size=per_genre, replace=False):
            item = Item(f"film-{len(items)}", str(title))
            items.append(item)
            genre_of[item.item_id] = genre
    return World(tuple(items), genre_of)


@lru_cache(maxsize=8)
def world_tasks(n: int, n_candidates: int, seed: int, prefix: str) -> tuple[RankingTask, ...]:
    """`World.tasks` of the one default world, drawn once: many copies of one reranker share them."""
    return make_world().tasks(n, n_candidates, seed, prefix)


def all_words() -> Sequence[str]:
    """Every word of every title, in the order of `WORDS`."""
    return [word for words in WORDS for word in words]
