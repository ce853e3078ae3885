"""The catalogue of the known-truth world: 2,304 titles of two to five words.

Items have two attributes, a *mood* and a *place*, of 12 values each; four words say each value, and every pair of words
is one item: 48 x 48 = 2,304, so every cell (mood, place) holds 16 items that no rule distinguishes.

A title is the two words in one of 16 frames ("Frozen Harbor", "Frozen Harbor Returns", "Frozen Harbor of the World").
Every cell has each frame exactly once, so a title's frame, and with it its length, says nothing about the cell.
"""

from __future__ import annotations

from functools import lru_cache

from rerank_guard.core.types import Item

__all__ = ["FRAMES", "ITEMS_PER_CELL", "MOODS", "N_VALUES", "PLACES", "world_items"]

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

FRAMES: tuple[str, ...] = (
    *["{mood} {place}"] * 8,
    "{mood} {place} Returns",
    "{mood} {place} Forever",
    "{mood} {place} Revolution",
    "{mood} {place} Again",
    "{mood} {place} by Night",
    "{mood} {place} and Beyond",
    "{mood} {place} of the World",
    "{mood} {place} and Its Secret",
)
"""What titles are made of, one entry for each item of a cell.

The added words are in the shared tokenizer's vocabulary. They come last: the tiny base tells the history from the list, and
finds a candidate's letter, by what is just before a title's first word."""

N_VALUES = 12
_WORDS = 4
ITEMS_PER_CELL = _WORDS * _WORDS


def _title(mood: int, place: int, mood_word: int, place_word: int) -> str:
    """The frames are shifted from cell to cell, so that a pair of word numbers is not tied to a frame either."""
    shift = 5 * mood + 3 * place
    frame = FRAMES[(_WORDS * mood_word + place_word + shift) % ITEMS_PER_CELL]
    return frame.format(mood=MOODS[mood][mood_word], place=PLACES[place][place_word])


@lru_cache(maxsize=1)
def world_items() -> tuple[Item, ...]:
    """All 2,304 items, those of cell (mood m, place p) at positions 16 * (12 * m + p) to 16 * (12 * m + p) + 15."""
    return tuple(
        Item(item_id=f"{m}-{p}-{MOODS[m][i]}-{PLACES[p][j]}".lower(), text=_title(m, p, i, j))
        for m in range(N_VALUES)
        for p in range(N_VALUES)
        for i in range(_WORDS)
        for j in range(_WORDS)
    )
