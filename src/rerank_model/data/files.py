"""Pick the reader by a file's name: RecBole's atomic files, MovieLens' own, CSV, TSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rerank_model.data.catalogue import Catalogue
from rerank_model.data.interactions import Interactions
from rerank_model.data.movie_text import movie_catalogue
from rerank_model.data.movielens import movies_from_recbole, read_u_data, read_u_item
from rerank_model.data.recbole import read_recbole_inter, read_recbole_item
from rerank_model.data.tabular import catalogue_from_columns, read_catalogue_table, read_interactions_table
from rerank_model.errors import DataError

__all__ = ["read_catalogue", "read_interactions"]

_MOVIE_COLUMNS = {"movie_title", "release_year", "class"}


def read_interactions(path: Path) -> Interactions:
    """Interactions without repeats, from `.inter`, `u.data`, `.csv`, `.tsv` or `.parquet`.

    Tables need columns `user`, `item` and `timestamp`; call `read_interactions_table` for others.

    Raises:
        DataError: see the readers.
    """
    if path.suffix == ".inter":
        return read_recbole_inter(path).without_repeats()
    if path.name.endswith(".data"):
        return read_u_data(path).without_repeats()
    return read_interactions_table(path).without_repeats()


def read_catalogue(path: Path, text: Sequence[str] | None) -> Catalogue:
    """Items, from `.item`, `u.item`, `.csv`, `.tsv` or `.parquet`.

    Args:
        path: the file.
        text: columns that make an item's text; None where the file is one of MovieLens', whose titles, years and
            genres are put together the usual way, or has a column `text`.

    Raises:
        DataError: see the readers; or no text column is named where one is needed.
    """
    if path.name == "u.item":
        if text is not None:
            raise DataError(
                f"u.item has no named columns, so {list(text)} cannot be chosen; leave the item text out."
            )
        return movie_catalogue(read_u_item(path))
    if path.suffix == ".item":
        table = read_recbole_item(path)
        if text is None and set(table.columns) >= _MOVIE_COLUMNS:
            return movie_catalogue(movies_from_recbole(table))
        missing = [name for name in text or () if name not in table.columns]
        if text is None or missing:
            raise DataError(
                f"{path.name}: name the columns that make an item's text ({missing or 'none'} cannot be used); there "
                f"are {sorted(table.columns)}."
            )
        return catalogue_from_columns(table.item_ids, [table.columns[name] for name in text])
    return read_catalogue_table(path, text=list(text or ("text",)))
