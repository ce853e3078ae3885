"""The text of a film in a prompt: "The Matrix (1999), Action, Sci-Fi"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rerank_guard.core.types import Item
from rerank_model.data.catalogue import Catalogue

__all__ = ["Movie", "front_article", "movie_catalogue", "movie_text", "split_year"]

_YEAR_AT_END = re.compile(r"^(?P<title>.*?)\s*\((?P<year>\d{4})\)\s*(?:\(T?V\))?$")
# The articles that MovieLens puts behind a title, after a comma, in the languages it lists.
_ARTICLES = "The|A|An|La|Le|Les|L'|Il|Lo|El|Los|Las|Das|Der|Die|Den|Det|O"
_TRAILING_ARTICLE = re.compile(rf"^(?P<name>.+), (?P<article>{_ARTICLES})$")
_PARENTHESIS = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Movie:
    """One film, whatever file it came from.

    Attributes:
        item_id: its id.
        title: as the source writes it, without the year, the article still behind the comma.
        year: four digits, or None when the source has none.
        genres: in the source's order; empty when unknown.
    """

    item_id: str
    title: str
    year: str | None
    genres: tuple[str, ...]


def movie_text(movie: Movie, *, n_genres: int = 2) -> str:
    """Title with its article in front, year, and the first `n_genres` genres."""
    title = front_article(movie.title)
    dated = title if movie.year is None else f"{title} ({movie.year})"
    return ", ".join([dated, *movie.genres[:n_genres]])


def movie_catalogue(movies: Iterable[Movie], *, n_genres: int = 2) -> Catalogue:
    """The films as a catalogue, order kept."""
    return Catalogue(tuple(Item(movie.item_id, movie_text(movie, n_genres=n_genres)) for movie in movies))


def front_article(title: str) -> str:
    """Move a trailing article to the front, in the title and in each alternative title in parentheses.

    "Matrix, The" becomes "The Matrix", "Enfer, L'" becomes "L'Enfer", and "Big Blue, The (Grand bleu, Le)" becomes
    "The Big Blue (Le Grand bleu)".
    """
    main, bracket, rest = title.partition(" (")
    alternatives = _PARENTHESIS.sub(lambda match: f"({_front(match[1])})", bracket + rest)
    return _front(main) + alternatives


def split_year(title: str) -> tuple[str, str | None]:
    """A title as MovieLens writes it, apart: "Toy Story (1995)" is ("Toy Story", "1995"), spaces made single."""
    tidy = " ".join(title.split())
    match = _YEAR_AT_END.match(tidy)
    return (tidy, None) if match is None else (match["title"], match["year"])


def _front(name: str) -> str:
    match = _TRAILING_ARTICLE.match(name)
    if match is None:
        return name
    joint = "" if match["article"].endswith("'") else " "
    return f"{match['article']}{joint}{match['name']}"
