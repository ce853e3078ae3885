"""A made-up world of films whose titles tell their genre, with the exact posterior of what each person takes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rerank_guard.types import FloatArray, Item, RankingTask

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
"""How much more likely a film is taken, in nats, for each unit of the history's share in its genre."""

MAIN = 0.6
"""Share of a history in the person's own genre."""


@dataclass(frozen=True)
class World:
    """Films, and people who take the ones like those that they took before."""

    items: tuple[Item, ...]
    genre_of: dict[str, int]

    def tasks(self, n: int, n_candidates: int, seed: int, prefix: str) -> tuple[RankingTask, ...]:
        """`n` people: six films seen, `n_candidates` others, one of them taken by the world's own posterior."""
        rng = np.random.default_rng(seed)
        genres = np.array([self.genre_of[item.item_id] for item in self.items])
        tasks = []
        for user in range(n):
            weight = np.full(len(WORDS), (1.0 - MAIN) / len(WORDS))
            weight[rng.integers(len(WORDS))] += MAIN
            chance = weight[genres] / weight[genres].sum()
            history = rng.choice(len(self.items), size=6, replace=False, p=chance)
            others = np.setdiff1d(np.arange(len(self.items)), history)
            candidates = tuple(self.items[i] for i in rng.permutation(others)[:n_candidates])
            task = RankingTask(
                f"{prefix}-{user}", tuple(self.items[i] for i in history), candidates, candidates[0].item_id, 0
            )
            slot = int(rng.choice(n_candidates, p=self.posterior(task)))
            tasks.append(replace(task, target_id=candidates[slot].item_id, target_index=slot))
        return tuple(tasks)

    def posterior(self, task: RankingTask) -> FloatArray:
        """(N,) the probability that each candidate was taken."""
        share = np.zeros(len(WORDS) + 1)  # the last one is of items that this world does not know
        for item in task.history:
            share[self.genre_of.get(item.item_id, -1)] += 1.0 / len(task.history)
        share[-1] = 0.0
        match = MATCH * share[[self.genre_of.get(item.item_id, -1) for item in task.candidates]]
        odds = np.exp(match - match.max())
        return np.asarray(odds / odds.sum(), dtype=np.float64)


def make_world(per_genre: int = 15, seed: int = 41) -> World:
    """Films with titles of two words of their genre, no title twice."""
    rng = np.random.default_rng(seed)
    items, genre_of = [], {}
    for genre, words in enumerate(WORDS):
        pairs = [f"{first} {second}" for first in words for second in words if first != second]
        for title in rng.choice(pairs, size=per_genre, replace=False):
            item = Item(f"film-{len(items)}", str(title))
            items.append(item)
            genre_of[item.item_id] = genre
    return World(tuple(items), genre_of)


@lru_cache(maxsize=8)
def world_tasks(n: int, n_candidates: int, seed: int, prefix: str) -> tuple[RankingTask, ...]:
    """Tasks of the one world, drawn once; many copies of one reranker share them."""
    return make_world().tasks(n, n_candidates, seed, prefix)


def all_words() -> Sequence[str]:
    """Every word of every title."""
    return [word for words in WORDS for word in words]
