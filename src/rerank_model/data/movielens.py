"""MovieLens-100K's own files, `u.data` and `u.item`, and its films as RecBole writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rerank_model.data.columns import as_texts, interactions_from_table, require_unique
from rerank_model.data.delimited import Source, read_delimited, require_columns
from rerank_model.data.interactions import Interactions
from rerank_model.data.movie_text import Movie, split_year
from rerank_model.data.recbole import ItemTable
from rerank_model.errors import DataError

__all__ = ["GENRES", "movies_from_recbole", "read_u_data", "read_u_item"]

GENRES = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
"""The 19 genre flags of `u.item`, in the order of its columns (the data set's README)."""

_ITEM_COLUMNS = ("item_id", "title", "release_date", "video_release_date", "url", *GENRES)
_DATA_COLUMNS = ("user_id", "item_id", "rating", "timestamp")


def read_u_data(path: str | Path) -> Interactions:
    """Read `u.data`: tab-separated user, item, rating and seconds since 1970, no header.

    Raises:
        DataError: the file is malformed; names the line and the value.
    """
    table, source = read_delimited(Path(path), delimiter="\t", columns=_DATA_COLUMNS)
    return interactions_from_table(
        table, source, user="user_id", item="item_id", timestamp="timestamp", rating="rating"
    )


def read_u_item(path: str | Path) -> list[Movie]:
    """Read `u.item`: pipe-separated, Latin-1, 5 columns and 19 genre flags, no header.

    Raises:
        DataError: the file is malformed (names the line and the value), or repeats an id.
    """
    table, source = read_delimited(Path(path), delimiter="|", encoding="latin-1", columns=_ITEM_COLUMNS)
    ids = as_texts(table["item_id"], source, "item_id")
    require_unique(ids, source, "item_id")
    flags = [_flags(table, source, genre) for genre in GENRES]
    movies = []
    for row, (item_id, title) in enumerate(zip(ids, as_texts(table["title"], source, "title"), strict=True)):
        name, year = split_year(title)
        genres = tuple(genre for genre, flag in zip(GENRES, flags, strict=True) if flag[row] and genre != "unknown")
        movies.append(Movie(item_id, name, year, genres))
    return movies


def movies_from_recbole(table: ItemTable) -> list[Movie]:
    """The films of RecBole's `ml-100k.item`, the same ones as `read_u_item` gives.

    RecBole splits the year off the title and misspells the unknown film and year as "unkonwn"; one title keeps its
    year because "(V)" follows it.

    Raises:
        DataError: the table lacks `movie_title`, `release_year` or `class`.
    """
    wanted = ("movie_title", "release_year", "class")
    require_columns(
        tuple(table.columns), wanted, "the item table", "those three names: this is not RecBole's ml-100k.item"
    )
    movies = []
    for item_id, title, year, genres in zip(table.item_ids, *(table.columns[name] for name in wanted), strict=True):
        name, year_in_title = split_year("unknown" if title == "unkonwn" else title)
        movies.append(
            Movie(
                item_id=item_id,
                title=name,
                year=year if len(year) == 4 and year.isdigit() else year_in_title,
                genres=tuple(genre for genre in genres.split() if genre != "unknown"),
            )
        )
    return movies


def _flags(table: Any, source: Source, genre: str) -> list[bool]:
    values = as_texts(table[genre], source, genre)
    for row, value in enumerate(values):
        if value not in ("0", "1"):
            raise DataError(
                f"{source.at(row)}: genre flag {genre!r} is {value!r} where 0 or 1 is expected; is this `u.item` of ml-100k?"
            )
    return [value == "1" for value in values]
